import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import elman
from elman.tasks.seq2seq.metrics import Seq2SeqMetrics
from elman.tasks.seq2seq.reading import Pair
from elman.training.reporters import Quiet

SMALL = dict(hidden_size=8, embedding_size=4, validation=0.2, test=0.2)
PAIRS = [(f"{a}{b}", f"{b}{a}") for a in "abcde" for b in "abcd"]


def built(**options):
    task = elman.Seq2Seq(**(SMALL | options))
    data = task.read_pairs(PAIRS)
    task = task.configure(data)
    return task, data, task.build(data.codec, key=jax.random.key(0))


def test_parts_and_places(tmp_path):
    place = tmp_path / "pairs.tsv"
    place.write_text("".join(f"{a}\t{b}\n" for a, b in PAIRS))
    data = elman.Seq2Seq(validation=2, test=3).read(place)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [15, 2, 3]
    assert sorted(pair.source for part in (data.train, data.validation, data.test) for pair in part.examples) == sorted(
        a for a, _ in PAIRS
    )
    assert (data.places, data.unit) == ((str(place),), "pair")
    assert data.fingerprint == elman.Seq2Seq(validation=2, test=3).read(place).fingerprint
    assert data.fingerprint != elman.Seq2Seq(validation=2, test=4).read(place).fingerprint
    assert elman.Seq2Seq(validation=0.1, examples=100).read("dates").train.examples[0].targets[0].count("-") == 2


def test_units_are_told_from_the_file(tmp_path):
    place = tmp_path / "words.dict"
    place.write_text("".join(f"w{a} {' '.join(b.upper() + '1')}\n" for a, b in PAIRS))
    task = elman.Seq2Seq(validation=2, test=2)
    data = task.read(place)
    assert (task.configure(data).target_vocabulary, data.codec.target.kind) == ("words", "words")
    assert (
        elman.Seq2Seq(validation=2, test=2, target_vocabulary="characters").read(place).codec.target.kind
        == "characters"
    )


SENTENCES = [
    (f"der {a} Hund sieht {n} Katzen .", f"the {b} dog sees {n} cats .")
    for n in range(20) for a, b in (("alte", "old"), ("junge", "young"), ("kleine", "small"))
]  # fmt: skip


def test_sentences_are_read_and_written_by_pieces_of_words():
    task = elman.Seq2Seq(validation=2, test=2)
    data = task.read_pairs(SENTENCES)
    assert (data.codec.source.kind, data.codec.target.kind) == ("subwords", "subwords")
    assert "by pieces of words" in data.notes[0]
    assert task.configure(data).source_vocabulary == "subwords"
    own = elman.Seq2Seq(validation=2, test=2, source_vocabulary="words", target_vocabulary="characters")
    said = own.read_pairs(SENTENCES)
    assert (said.codec.source.kind, said.codec.target.kind, said.notes) == ("words", "characters", ())
    assert task.read_pairs(PAIRS).codec.source.kind == "characters"
    with pytest.raises(elman.ConfigError, match="vocabulary_size: belongs to subwords; characters are all kept"):
        elman.Seq2Seq(validation=2, vocabulary_size=500).read_pairs(PAIRS)


def test_a_file_of_its_own_chooses_the_best_weights(tmp_path, monkeypatch):
    for name, column in (("a.de", 0), ("a.en", 1)):
        (tmp_path / name).write_text("".join(pair[column] + "\n" for pair in SENTENCES[3:]))
        (tmp_path / f"v{name[1:]}").write_text("".join(pair[column] + "\n" for pair in SENTENCES[:3]))
    monkeypatch.chdir(tmp_path)
    task = elman.Seq2Seq(valid=("v.de", "v.en"), test=5)
    data = task.read("a.de", "a.en")
    assert [(pair.source, *pair.targets) for pair in data.validation.examples] == SENTENCES[:3]
    assert (len(data.train), len(data.test)) == (len(SENTENCES) - 8, 5)
    assert task.valid == (str(tmp_path / "v.de"), str(tmp_path / "v.en"))  # so that a run goes on from any folder
    (tmp_path / "v.en").write_text("another\n" * 3)
    assert data.fingerprint != task.read("a.de", "a.en").fingerprint
    with pytest.raises(elman.ConfigError, match="valid: expected one file of pairs, or two aligned files; got 3"):
        elman.Seq2Seq(valid=("v.de", "v.en", "a.de"))


def test_chrf_or_the_loss_chooses_the_weights_of_sentences():
    references = [["the old dog sees a cat"], ["it rains"]]

    def measure(answers, nats=1.0, **options):
        return Seq2SeqMetrics.of(answers, references, nats=nats, unit="word", sentences=True, **options)

    near, lucky = measure(["the old dog saw a cat", "it rained"]), measure(["a b c d e f", "it rains"], token="subword")
    assert near.exact_accuracy < lucky.exact_accuracy
    short, long = ["a", "it"], ["the old cat saw the dog and it then sat", "it will rain a lot"]
    assert measure(short).token_error_rate < measure(long).token_error_rate
    assert measure(long, 0.9).objective < measure(short).objective
    pytest.importorskip("sacrebleu")
    assert measure(long, corpus=True).objective < measure(short, corpus=True).objective
    assert measure(near_answers := ["the old dog saw a cat", "it rained"], corpus=True).objective == pytest.approx(
        1 - measure(near_answers, corpus=True).chrf / 100
    )
    assert str(lucky) == "word error rate 75.00%, 1.0000 nats per subword"


def test_the_longest_answer_is_twice_the_longest_learnt_from():
    task = elman.Seq2Seq(validation=1, test=0)
    data = task.read_pairs([*PAIRS, ("x", "abcdefg")])
    longest = max(len(target) for pair in data.train.examples for target in pair.targets)
    assert task.configure(data).longest == 2 * longest
    assert elman.Seq2Seq(validation=1, test=0, max_length=5).configure(data).longest == 5


def test_the_loss_is_that_of_every_token_and_the_end():
    task, data, model = built()
    batch = task.batches(data.train, seed=0).at(0)
    (nats, count), _ = jax.jit(lambda batch: task.loss(model, (), batch))(batch)
    alone = jax.jit(lambda *arrays: jax.nn.log_softmax(model(*arrays).logits)[0])
    total = tokens = 0.0
    for row in range(len(data.train)):
        source = jnp.asarray(batch.sources[row : row + 1, : batch.lengths[row]])
        length = int(batch.weights[row].sum())
        target = batch.targets[row, :length]
        inputs = jnp.asarray([[0, *target[:-1]]])
        logp = alone(source, jnp.asarray(batch.lengths[row : row + 1]), inputs)
        total -= float(logp[np.arange(length), target].sum())
        tokens += length
    assert (float(nats), float(count)) == (pytest.approx(total, rel=1e-4), tokens == 36 and 36.0)


def test_scheduled_sampling_changes_training_alone():
    task, data, model = built(scheduled_sampling=0.9, sampling_epochs=1, dropout=0)
    plain, _, _ = built(dropout=0)
    batch = task.batches(data.train, seed=0).at(3)

    def loss(task, batch):
        return jax.jit(lambda batch: task.loss(model, (), batch, key=jax.random.key(0))[0][0])(batch)

    sampled, forced = (loss(each, batch) for each in (task, plain))
    assert abs(float(sampled) - float(loss(plain, batch._replace(forced=None)))) > 1e-3
    np.testing.assert_allclose(forced, sampled, rtol=1e-5)
    assert task.evaluate(model, data.validation, data.codec) == plain.evaluate(model, data.validation, data.codec)


def test_measures_of_greedy_answers():
    task, data, model = built()
    metrics = task.evaluate(model, data.validation, data.codec)
    from elman.tasks.decoding import Decoding
    from elman.tasks.seq2seq.answers import answers

    result = answers(
        model, data.codec, [p.source for p in data.validation.examples], decoding=Decoding(), longest=task.longest
    )
    right = [several[0].text in pair.targets for several, pair in zip(result, data.validation.examples, strict=True)]
    assert metrics.exact_accuracy == pytest.approx(sum(right) / len(right))
    assert metrics.answers == 4
    (nats, count), _ = task.loss(model, (), task.batches(data.validation, seed=0).at(0))
    assert metrics.nats_per_token == pytest.approx(float(nats) / float(count), rel=1e-5)


def test_several_right_answers():
    metrics = Seq2SeqMetrics.of(["K AE", "T"], [["T", "K AE"], ["T AE K"]], nats=0.5, unit="word")
    assert (metrics.exact_accuracy, metrics.token_error_rate) == (0.5, 2 / 5)
    assert str(metrics).startswith("0.5000 nats per word, 50.00% exact")
    assert Seq2SeqMetrics.from_builtins(metrics.to_builtins()) == metrics


def test_fewer_wrong_answers_are_better_and_then_the_loss_decides():
    def objective(exact, nats):
        return Seq2SeqMetrics(nats, exact, 0.5, 0.5, 10, "word").objective

    assert objective(0.9, 3.0) < objective(0.8, 0.1)
    assert objective(0.9, 0.1) < objective(0.9, 0.2)


def test_corpus_scores_on_request():
    pytest.importorskip("sacrebleu")
    answers, references = ["the cat sat on the mat"], [["the cat sat on a mat", "the cat sat on the mat"]]
    metrics = Seq2SeqMetrics.of(answers, references, nats=1.0, unit="word", corpus=True)
    assert metrics.bleu == pytest.approx(100)
    assert metrics.chrf == pytest.approx(100)
    assert "BLEU 100.0 (nrefs:2" in metrics.report()
    assert Seq2SeqMetrics.from_builtins(metrics.to_builtins()) == metrics


@pytest.mark.sample(1)
@pytest.mark.parametrize(("connection", "floor"), [("repeat", 0.5), ("state", 0.9), ("dot", 0.9), ("moving", 0.95)])
def test_a_model_learns_to_turn_texts_round(connection, floor):
    task = elman.Seq2Seq(
        hidden_size=48, embedding_size=16, validation=40, test=0, connection=connection, batch_size=32, dropout=0,
        bidirectional=connection in ("dot", "moving"),
    )  # fmt: skip
    texts = ["".join(np.random.default_rng(i).choice(list("abc"), 1 + i % 4)) for i in range(300)]
    data = task.read_pairs([(text, text[::-1]) for text in texts])
    fitted = elman.fit(task, data, steps=200, learning_rate=0.01, report=Quiet())
    assert fitted.validation.exact_accuracy >= floor
    assert fitted.evaluate(data.validation).exact_accuracy == fitted.validation.exact_accuracy


def test_activations_point_at_where_numbers_go_wrong():
    task, data, model = built(cell="GRU")
    import equinox as eqx

    bad = eqx.tree_at(lambda model: model.combine.kernel, model, replace_fn=lambda kernel: kernel * math.inf)
    from elman.training.step import diagnose

    batch = task.batches(data.train, seed=0).at(0)
    error = diagnose(task, bad, (), batch, True, jax.random.key(0), 7)
    assert "combine.kernel is infinite" in str(error)
    assert [name for name, _ in task.activations(model, (), batch)][-2:] == ["attention", "head"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(hidden_size=7), "expected an even number with bidirectional; got 7"),
        (dict(validation=0), "the best weights are chosen by it"),
        (
            dict(vocabulary_size=500, source_vocabulary="words", target_vocabulary="characters"),
            "vocabulary_size: belongs to subwords; words and characters are all kept",
        ),
        (
            dict(min_count=2, source_vocabulary="characters", target_vocabulary="characters"),
            "min_count: belongs to words; characters are all kept",
        ),
        (dict(validation=0.6, test=0.5), "leave nothing to train on"),
        (dict(connection="repeat", scheduled_sampling=0.5), "the decoder reads no tokens"),
        (dict(conection="dot"), "did you mean 'connection'"),
        (dict(connection="dott"), "connection: "),
    ],
)
def test_impossible_settings(options, message):
    with pytest.raises(elman.ConfigError, match=message):
        elman.Seq2Seq(**options)


def test_data_that_is_not_enough_or_not_this_tasks():
    few = elman.Seq2Seq(validation=0.05)
    with pytest.raises(elman.DataError, match="the pairs: 3 pairs to train on and none to validate with"):
        few.configure(few.read_pairs([("a", "b"), ("c", "d"), ("e", "f")]))
    with pytest.raises(elman.DataError, match=r"pair 2: the target of 'c' is empty"):
        elman.Seq2Seq().read_pairs([("a", "b"), ("c", "")])
    with pytest.raises(elman.DataError, match="there are 55 sums of up to 1 digits; got a request for 60"):
        elman.Seq2Seq(digits=1, examples=60).read("sums")
    with pytest.raises(elman.DataError, match="another task read it as other tokens"):
        elman.Seq2Seq(**SMALL, source_vocabulary="words").configure(elman.Seq2Seq(**SMALL).read_pairs(PAIRS))
    with pytest.raises(elman.DataError, match=r"expected what task.read returns; got data of Characters"):
        elman.Seq2Seq().configure(elman.LanguageModelling(unroll_length=8).read_text("abc " * 100))
    with pytest.raises(elman.DataError, match=r"expected what task.read returns; got NoneType"):
        elman.Seq2Seq().configure(None)
    with pytest.raises(elman.DataError, match="expected at least two, of a source and a target; got none"):
        elman.Seq2Seq().read_pairs([])
    with pytest.raises(elman.DataError, match="pair 1: the target is 3; expected a string, such as '3'"):
        elman.Seq2Seq().read_pairs([("1+2", 3)])
    task, data, model = built(test=0)
    with pytest.raises(elman.DataError, match="test: nothing to measure on"):
        task.evaluate(model, data.test, data.codec)


def test_a_grouped_source_is_in_one_part_only():
    data = elman.Seq2Seq(validation=3, test=3).read_pairs([(a, b) for a, _ in PAIRS for b in ("x", "y")])
    assert data.train.examples[0] == Pair(data.train.examples[0].source, ("x", "y"))
    sources = [pair.source for part in (data.train, data.validation, data.test) for pair in part.examples]
    assert len(set(sources)) == len(sources) == 20
