"""The task on small texts: settings, reading, learning, measures and answers."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.settings import TextPrediction
from elman.tasks.data import Data
from elman.training.reporters import Quiet

GOOD, BAD = ["good", "fine", "great"], ["bad", "poor", "awful"]
FILLER = ["the", "a", "film", "plot", "so", "very", "was", "it", "in", "of"]
SMALL = dict(embedding_size=8, hidden_size=8, input_dropout=0.2, dropout=0.1)


def texts(count=240, seed=0):
    """Words of no meaning with one that tells the class; `not` before it turns it round."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        words = list(random.choice(FILLER, random.integers(4, 7)))
        is_good, turned = random.integers(2), random.integers(2)
        answers = random.choice(GOOD if is_good else BAD)
        words.insert(random.integers(len(words)), f"not {answers}" if turned else answers)
        yield " ".join(words), "pos" if is_good != turned else "neg"


def easy(count=80):
    """Four words, one of which tells the class."""
    random = np.random.default_rng(0)
    for number in range(count):
        words = list(random.choice(FILLER, 3))
        words.insert(random.integers(3), [*GOOD, *BAD][number % 6])
        yield " ".join(words), "pos" if number % 6 < 3 else "neg"


def trained(steps=250, pairs=None, **settings):
    task = elman.Classification(**SMALL | settings)
    data = task.read_texts(pairs or texts())
    options: dict[str, Any] = dict(steps=steps, evaluations=2, learning_rate=0.02, report=Quiet())
    return elman.fit(task, data, **options), data


@pytest.fixture(scope="module")
def fitted():
    return trained()[0]


FORMS = [
    dict(vocabulary="characters", hidden_size=16, input_dropout=0.0),
    dict(vocabulary="bytes", pieces="words", piece_size=16, input_dropout=0.0),
    dict(pieces="sentences", pooling="last", cell="GRU", num_layers=2),
    dict(vocabulary="subwords", vocabulary_size=300, pooling="attention"),
    dict(convolution=3, pooling="mean", weight_dropout=0.1, balance=0.5, label_smoothing=0.1),
]


def test_it_learns_what_a_bag_of_words_cannot(fitted):
    test = fitted.evaluate(reread(fitted, texts(100, seed=3)))
    assert test.accuracy > 0.95
    assert test.macro_f1 > 0.95


def reread(fitted, pairs):
    """Pairs in the terms of a fitted model."""
    from elman.tasks.classification.reading import LabelledText
    from elman.tasks.data import Part

    return Part.of("again", [LabelledText(*pair) for pair in pairs], fitted.codec, type(fitted.codec).example)


@pytest.mark.sample(1)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_learns_and_is_the_same_when_loaded(form, tmp_path):
    fitted, data = trained(steps=90, pairs=easy(), **form)
    assert fitted.evaluate(data.train).accuracy > 0.9
    fitted.save(tmp_path / "m.elman")
    loaded = elman.load(tmp_path / "m.elman")
    assert loaded.task == fitted.task
    assert loaded.codec == fitted.codec
    asked = ["a good film", "not good", "Zebra!"]
    assert loaded.predict_all(asked) == fitted.predict_all(asked)
    assert loaded.validation == fitted.validation
    assert elman.verify(tmp_path / "m.elman").agrees


def test_the_loss_is_the_mean_over_texts_of_minus_the_log_of_the_probability():
    task = elman.Classification(**SMALL, batch_size=16)
    data = task.read_texts(texts(50), validation=texts(20, seed=1), test=texts(20, seed=2))
    model = task.build(data.codec, key=jr.key(0))
    batches, total, count = task.batches(data.train, seed=0), 0.0, 0.0
    for step in range(len(batches)):
        (nats, texts_of_batch), carry = task.loss(model, (), batches.at(step))
        total, count = total + float(nats), count + float(texts_of_batch)
        assert carry == ()
    logits = all_logits(model, data.train.examples, data.codec).astype(float)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log([row[example.label] for row, example in zip(probabilities, data.train.examples, strict=True)])
    assert count == len(data.train) == 50
    np.testing.assert_allclose(total, expected.sum(), rtol=1e-5)


def test_smoothing_spreads_a_share_over_all_classes():
    task = elman.Classification(
        embedding_size=4, hidden_size=4, input_dropout=0, dropout=0, word_dropout=0, label_smoothing=0.2
    )
    data = task.read_texts(texts(40))
    model, batch = task.build(data.codec, key=jr.key(0)), task.batches(data.train, seed=0).at(0)
    logs = jax.nn.log_softmax(model(*map(jnp.asarray, batch[:2])))
    wanted = 0.8 * jax.nn.one_hot(batch.labels, 2) + 0.1
    expected = -(wanted * logs).sum(axis=1) * batch.weights
    np.testing.assert_allclose(task.loss(model, (), batch, key=jr.key(1))[0][0], expected.sum(), rtol=1e-5)
    plain = -(jax.nn.one_hot(batch.labels, 2) * logs).sum(axis=1) * batch.weights
    np.testing.assert_allclose(task.loss(model, (), batch)[0][0], plain.sum(), rtol=1e-5)


def test_parts_are_dealt_by_class_and_do_not_share_texts():
    data = elman.Classification(validation=0.2, test=0.1).read_texts(
        (f"text {n}", "ab"[n % 5 == 0]) for n in range(100)
    )
    assert isinstance(data, Data)
    for part, sizes in ((data.train, (56, 14)), (data.validation, (16, 4)), (data.test, (8, 2))):
        assert np.bincount([example.label for example in part.examples]).tolist() == list(sizes)
    other = elman.Classification(validation=0.2, test=0.1, split_seed=1).read_texts(
        (f"text {n}", "ab"[n % 5 == 0]) for n in range(100)
    )
    assert other.fingerprint != data.fingerprint


def test_words_of_other_parts_are_not_in_the_vocabulary():
    task = elman.Classification()
    data = task.read_texts([("a b", "x"), ("a c", "y")] * 2, validation=[("d a", "x")], test=[("e", "y")])
    assert set(data.codec.vocabulary.tokens[2:]) == {"a", "b", "c"}
    assert data.validation.examples[0].pieces[0].tolist() == [1, 2]


def test_coarse_labels(tmp_path):
    (tmp_path / "trec").write_text("ABBR:exp What is A ?\nABBR:abb What is B ?\nNUM:count How many ?\nNUM:x Which ?\n")
    task = elman.Classification(coarse=True)
    assert task.read(tmp_path / "trec").codec.labels == ("ABBR", "NUM")
    with pytest.raises(elman.DataError, match=r"trec, line 1: the only text to train on of class 'ABBR:exp'"):
        elman.Classification().read(tmp_path / "trec")
    with pytest.raises(elman.DataError, match="train, text 2: coarse: nothing comes before the first colon"):
        task.read_texts([("a", "x:y"), ("b", ":y")] * 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(vocabulary="letters"), "vocabulary: "),
        (dict(vocabulary="characters", min_count=2), "min_count: belongs to words"),
        (dict(vocabulary_size=500), "vocabulary_size: belongs to subwords; words are all kept"),
        (dict(pieces="words"), "pieces: words are not made of words"),
        (dict(encoding="latin-one"), "encoding: Python knows no 'latin-one'"),
        (dict(validation=0.6, test=0.5), "leave nothing to train on"),
        (dict(pool="max"), "no option 'pool'; did you mean 'pooling'"),
        (dict(cell="LSTMM"), None),
    ],
)
def test_impossible_settings(settings, message):
    if message is None:
        task = elman.Classification(**settings)
        with pytest.raises(elman.ConfigError, match="no cell 'LSTMM'; did you mean 'LSTM'"):
            task.build(task.read_texts(texts(20)).codec, key=jr.key(0))
        return
    with pytest.raises(elman.ConfigError, match=message):
        elman.Classification(**settings)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", "x"), ("b", "x")], "at least two classes; all 2 are 'x'"),
        ([("a", "x"), ("b", "x"), ("c", "y")], "train, text 3: the only text to train on of class 'y'"),
        ([("a", "x"), (" ", "y")], "train, text 2: the text is empty"),
        ([("a", "x"), ("b", "")], "train, text 2: the label is empty"),
        ([("a", 1), ("b", 0)], "train, text 1: the label is 1; expected a string, such as '1'"),
        ([("a", "x"), (None, "x")], "train, text 2: the text is None; expected a string"),
        ([], "at least two classes; there is no text"),
    ],
)
def test_texts_that_cannot_be_learned_from(pairs, message):
    with pytest.raises(elman.DataError, match=message):
        elman.Classification().read_texts(pairs)


def test_data_of_another_task_is_refused(fitted):
    data = elman.Classification(vocabulary="bytes").read_texts(texts(40))
    with pytest.raises(elman.DataError, match="read it as other tokens or pieces"):
        elman.fit(elman.Classification(), data, steps=1)
    with pytest.raises(elman.DataError, match="expected what task.read returns"):
        elman.Classification().configure("data")
    with pytest.raises(elman.DataError, match="another vocabulary"):
        fitted.evaluate(data.test)
    with pytest.raises(elman.DataError, match="again: nothing to measure on"):
        fitted.task.evaluate(fitted.model, reread(fitted, []), fitted.codec)


def test_nothing_to_validate_with_is_told_before_training():
    task = elman.Classification(validation=0)
    with pytest.raises(elman.DataError, match="the texts: 72 texts to train on and none to validate with"):
        elman.fit(task, task.read_texts(easy()), steps=1)


def test_no_place_is_an_error():
    with pytest.raises(elman.DataError, match="expected labelled texts"):
        elman.Classification().read()


def test_measures_come_back_from_plain_values():
    logits, truth = np.array([[2.0, 0, 0], [0, 1, 0], [0, 3, 0], [0, 0, 1]]), np.array([0, 1, 2, 2])
    metrics = ClassificationMetrics.of(logits, truth, labels=("a", "b", "c"), unit="text")
    assert ClassificationMetrics.from_builtins(metrics.to_builtins()) == metrics
    assert metrics.accuracy == 0.75
    np.testing.assert_allclose(metrics.macro_f1, (1 + 2 / 3 + 2 / 3) / 3)
    assert metrics.confusion.counts == ((1, 0, 0), (0, 1, 0), (0, 1, 1))
    probabilities = np.exp(logits / metrics.temperature)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(metrics.nats, -np.log(probabilities[range(4), truth]).mean())
    assert metrics.objective == metrics.nats
    assert "over 4 texts" in metrics.report()
    assert f"calibration error {metrics.calibrated:.1%} (without the temperature" in metrics.report()


def test_a_test_part_is_measured_at_the_temperature_of_the_validation_part(fitted):
    part = reread(fitted, texts(60, seed=5))
    metrics = fitted.evaluate(part)
    assert metrics.temperature == fitted.temperature == fitted.validation.temperature
    own = fitted.task.evaluate(fitted.model, part, fitted.codec)
    assert own.temperature != metrics.temperature
    assert own.accuracy == metrics.accuracy


def test_the_real_questions(data_folder):
    task = elman.Classification(coarse=True, encoding="latin-1", embedding_size=8, hidden_size=8)
    data = task.read(data_folder / "classification" / "trec")
    assert (len(data.train), len(data.validation), len(data.test)) == (4906, 546, 500)
    assert data.codec.labels == ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
    assert data.unit == "text"


LISTS = [("the fox", ["animal"]), ("oak and fox", ["plant", "animal"]), ("an oak", ["plant"]), ("so what", [])] * 10


def test_several_labels_are_learned_with_a_threshold_for_each(tmp_path):
    fitted, data = trained(steps=200, pairs=LISTS, input_dropout=0.0)
    assert data.notes[0].startswith("texts have up to 2 labels")
    metrics = fitted.evaluate(data.train)
    assert metrics.micro_f1 == metrics.subset_accuracy == 1
    assert metrics.thresholds == fitted.validation.thresholds == fitted.thresholds
    assert {*fitted.predict("oak and fox").labels} == {"animal", "plant"}
    nothing = fitted.predict("so what")
    assert (nothing.labels, nothing.label) == ((), None)
    assert nothing.probability == max(nothing.probabilities.values())
    assert {*fitted.predict("so what", threshold=0.0).labels} == {"animal", "plant"}
    (tmp_path / "asked.txt").write_text("the fox\n\nso what\noak and fox\n")

    def lines(**options):
        return list(fitted.output(str(tmp_path / "asked.txt"), options=TextPrediction(**options)))

    fox, blank, nothing, both = [line.split("\t") for line in lines()]
    separator = fitted.codec.form.separator
    assert (fox[0], {*both[0].split(separator)}) == ("animal", {"animal", "plant"})
    assert (nothing, blank) == (["", ""], [""])
    assert float(fox[1]) == pytest.approx(fitted.predict("the fox").probability, rel=1e-6)
    assert [float(share) for share in both[1].split(separator)] == sorted(map(float, both[1].split(separator)))[::-1]
    assert lines(top_k=1)[0].startswith("animal\tanimal=")
    assert lines(probabilities=True)[2].count("=") == 2
    fitted.save(tmp_path / "m.elman")
    loaded = elman.load(tmp_path / "m.elman")
    assert loaded.validation == fitted.validation
    assert loaded.predict_all(["fox", "oak"]) == fitted.predict_all(["fox", "oak"])


def test_files_of_several_labels_say_the_same(tmp_path):
    written = {
        "a.txt": [" ".join([*(f"__label__{label}" for label in labels), text]) for text, labels in LISTS],
        "a.csv": ["text,label", *(f"{text},{'|'.join(labels)}" for text, labels in LISTS)],
        "b.csv": ["text,label", *(f'{text},"{labels}"' for text, labels in LISTS)],
        "a.jsonl": [json.dumps({"text": text, "label": labels}) for text, labels in LISTS],
    }
    pieces = []
    for name, lines in written.items():
        (tmp_path / name).write_text("\n".join(lines))
        data = elman.Classification().read(tmp_path / name)
        assert data.codec.several
        assert [label.removeprefix("__label__") for label in data.codec.labels] == ["animal", "plant"]
        pieces.append([example.label for part in (data.train, data.validation, data.test) for example in part.examples])
    assert pieces[0] == pieces[1] == pieces[2] == pieces[3]


def test_one_label_is_refused_for_texts_of_several():
    with pytest.raises(
        elman.DataError, match=r"train, text 2: expected one label; got 2 .* Train with --labels several"
    ):
        elman.Classification(labels="one").read_texts(LISTS[:3])
    with pytest.raises(elman.ConfigError, match="label_separator: '|' cannot separate labels"):
        elman.Classification(labels="one", label_separator="|")
    with pytest.raises(elman.DataError, match="expected texts with different labels; all 2 have the same"):
        elman.Classification(labels="several").read_texts([("a", ["x"]), ("b", ["x"])])
    data = elman.Classification().read_texts(LISTS)
    with pytest.raises(elman.DataError, match="another task read it, not with labels='one'"):
        elman.Classification(labels="one").configure(data)


def test_labels_that_did_not_occur_in_training_are_missed(tmp_path):
    task = elman.Classification(**SMALL)
    data = task.read_texts(LISTS, validation=[("a fox", ["animal", "stone"])], test=[("a", ["sand"])])
    assert data.codec.labels == ("animal", "plant")
    assert data.validation.examples[0].label == (-1, 0)
    model = task.build(data.codec, key=jr.key(0))
    assert task.evaluate(model, data.validation, data.codec).unknown == 1
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": ["sand"]}\n')
    with pytest.raises(
        elman.DataError, match=r"a\.jsonl: no text has a label that occurred in training, such as animal"
    ):
        task.read_part(data.codec, tmp_path / "a.jsonl")


def test_rare_labels_are_dealt_to_all_parts():
    pairs = [(f"text {n}", ["often", *(["rare"] if n % 10 == 0 else [])]) for n in range(100)] + [("none", [])]
    data = elman.Classification(validation=0.2, test=0.1).read_texts(pairs)
    rare = [sum(1 in example.label for example in part.examples) for part in (data.train, data.validation, data.test)]
    assert rare == [7, 2, 1]
