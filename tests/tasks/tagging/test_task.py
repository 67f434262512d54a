from typing import Any

import jax
import numpy as np
import pytest

import elman
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.metrics import TaggingMetrics
from elman.tasks.tagging.reading import TaggedWords
from elman.tasks.tagging.spans import IOB2, Scheme
from elman.training.reporters import Quiet

SMALL = dict(hidden_size=16, letter_hidden_size=8, embedding_size=16, num_layers=1, batch_words=256)
PEOPLE, PLACES = ("Ann", "Bob", "Cid", "Dee Fox"), ("Rome", "New York", "Oslo")


def named(count, seed=0, scheme="IOB2"):
    """Sentences with names of people and places, which a word before tells apart."""
    random, pieces = np.random.default_rng(seed), []
    for _ in range(count):
        words, tags = [], []
        for _ in range(2):
            kind, names, before = (("PER", PEOPLE, "with"), ("LOC", PLACES, "in"))[random.integers(2)]
            name = names[random.integers(len(names))].split()
            words += [before, *name]
            tags += ["O", f"B-{kind}", *(len(name) - 1) * [f"I-{kind}"]]
        pieces.append((words, Scheme(scheme).tags(IOB2.spans(tags), len(tags))))
    return pieces


def fit(task, data, **settings):
    usual: dict[str, Any] = dict(epochs=4, evaluations=2, learning_rate=0.02)
    return elman.fit(task, data, report=Quiet(), **usual | settings)


@pytest.mark.slow
def test_the_toy_grammar_is_learned():
    """Most of its words have two tags: the most frequent tag of each word alone is right for 9 in 10 words."""
    task = elman.Tagging(**SMALL | dict(batch_words=1024))
    data = task.read("grammar")
    fitted = fit(task, data, epochs=3)
    assert fitted.task.decoder == "softmax"
    assert (len(data.train), len(data.validation), len(data.test)) == (4000, 500, 500)
    assert fitted.evaluate(data.test).accuracy > 0.99
    assert fitted.validation.accuracy > 0.99


@pytest.mark.parametrize("scheme", ["IOB2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("IO", "BILOU"))])
def test_spans_are_learned_with_a_random_field_that_keeps_them_well_formed(scheme):
    task = elman.Tagging(**SMALL)
    data = task.read_sentences(named(300, scheme=scheme))
    fitted = fit(task, data, epochs=10)
    metrics = fitted.evaluate(data.test)
    assert (fitted.task.decoder, fitted.codec.scheme) == ("crf", scheme)
    assert metrics.spans.f1 > 0.99
    assert metrics.objective == 1 - metrics.spans.f1
    assert "FB1: 100.00" in metrics.report()
    assert TaggingMetrics.from_builtins(metrics.to_builtins()) == metrics
    assert metrics.to_builtins()["f1"] == metrics.spans.f1


@pytest.mark.parametrize("marks", ["BILU", "BMES", "bare"])
def test_files_of_other_schemes_have_their_spans(marks, tmp_path):
    first, inner, last, alone = "BIES" if marks == "bare" else marks
    per, loc, org = ("", "", "") if marks == "bare" else ("-PER", "-LOC", "-ORG")
    one = [f"Ann {alone}{per}", "lives O", "in O", f"New {first}{loc}", f"York {last}{loc}", ""]
    two = ["The O", f"Bank {first}{org}", f"of {inner}{org}", f"Oslo {last}{org}", "paid O", f"Bob {alone}{per}", ""]
    (tmp_path / "names.conll").write_text("\n".join(12 * [*one, *two]))
    data = elman.Tagging(validation=2, test=2).read(tmp_path / "names.conll")
    spans = data.codec.spans
    assert spans.name == {"BILU": "BILOU", "BMES": "BMES", "bare": "BIOES"}[marks]
    assert data.notes == (f"the tags mark spans in {spans.name}; choose another scheme with --scheme",)
    parts = (data.train, data.validation, data.test)
    assert sum(len(spans.spans(sentence.tags)) for part in parts for sentence in part.examples) == 48
    assert elman.Tagging(validation=2, test=2, scheme="plain").read(tmp_path / "names.conll").codec.spans is None


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    task = elman.Tagging(**SMALL)
    data = task.read_sentences(named(100))
    first, again, other = (fit(task, data, steps=5, epochs=None, seed=seed) for seed in (0, 0, 1))
    assert all(map(np.array_equal, jax.tree.leaves(first.model), jax.tree.leaves(again.model)))
    assert not all(map(np.array_equal, jax.tree.leaves(first.model), jax.tree.leaves(other.model)))


@pytest.mark.slow
def test_any_cell_reads_words_and_letters():
    task = elman.Tagging(**SMALL | dict(num_layers=2), cell=elman.GRU)
    model = task.build(task.read_sentences(named(10)).codec, key=jax.random.key(0))
    cells = [model.speller.reader, *model.layers.cells]
    assert [type(layer.forward) for layer in cells] == [type(layer.backward) for layer in cells] == 3 * [elman.GRU]
    assert elman.Tagging(cell=elman.GRU).cell == "GRU"


@pytest.mark.slow
def test_tags_that_were_not_there_in_training_are_errors_that_are_told():
    task = elman.Tagging(**SMALL, decoder="softmax")
    data = task.read_sentences([(("a", "b"), ("X", "Y"))] * 20)
    fitted = fit(task, data, epochs=100)
    part = type(data.test)("test", (TaggedWords(("a", "b", "a"), ("X", "NEW", "X")),), data.codec)
    metrics = fitted.evaluate(part)
    assert metrics.accuracy == pytest.approx(2 / 3)
    assert metrics.unseen == (("NEW", 1),)
    assert metrics.nats_per_word < 0.1
    assert "not there in training, so always wrong: NEW 1" in metrics.report()
    assert metrics.mistakes == (("NEW", "Y", 1),)


def test_measures_count_what_was_found():
    codec = TagCodec(words=(), letters=(), tags=("X", "Y"))
    sentences = [TaggedWords(("a", "b"), ("X", "Y")), TaggedWords(("c",), ("X",))]
    metrics = TaggingMetrics.of([("X", "X"), ("Y",)], sentences, codec, nats_per_word=1.0)
    assert (metrics.accuracy, metrics.words) == (1 / 3, 3)
    assert set(metrics.mistakes) == {("Y", "X", 1), ("X", "Y", 1)}
    assert metrics.objective == pytest.approx(2 / 3)


def test_sentences_longer_than_any_seen_are_measured():
    task = elman.Tagging(**SMALL)
    data = task.read_sentences(named(300))
    fitted = fit(task, data, epochs=10)
    words, tags = (sum((sentence[side] for sentence in named(1000, seed=5)), []) for side in (0, 1))
    assert len(words) > 4096
    long = type(data.test)("test", (TaggedWords(tuple(words), tuple(tags)),), data.codec)
    assert fitted.evaluate(long).spans.f1 > 0.99


def test_parts_come_from_files_and_else_by_shares(tmp_path):
    for name, count in (("a-train.txt", 10), ("a-dev.txt", 3)):
        (tmp_path / name).write_text("a X\nb Y\n\n" * count)
    data = elman.Tagging(test=2).read(tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [8, 3, 2]
    data = elman.Tagging(test=2, validation=0.5).read(tmp_path / "a-train.txt")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [3, 5, 2]
    assert data.places == (str(tmp_path / "a-train.txt"),)
    assert data.fingerprint != elman.Tagging(test=2, lower=False).read(tmp_path).fingerprint


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_learned_is_named(tmp_path):
    task = elman.Tagging()
    with pytest.raises(elman.DataError, match="nothing to read; expected files of tagged sentences"):
        task.read()
    with pytest.raises(elman.DataError, match="no such file or folder"):
        task.read(tmp_path / "none.conllu")
    with pytest.raises(elman.DataError, match="sentence 2: expected a tag for each of 2 words; got 1"):
        task.read_sentences([(("a",), ("X",)), (("a", "b"), ("X",))])
    for tag in ("X\tY", "X\nY", " X", ""):
        with pytest.raises(elman.DataError, match="sentence 1: the tag .* cannot be written in columns"):
            task.read_sentences([(("a",), (tag,))])
    with pytest.raises(elman.DataError, match="sentence 1, word 1 .'a'.: I-X cannot be the first tag"):
        task.read_sentences([(("a", "b"), ("I-X", "B-Y"))])
    with pytest.raises(elman.DataError, match="nothing to learn, all 1 word have 'X'"):
        task.read_sentences([(("a",), ("X",))])
    with pytest.raises(elman.DataError, match="leave none to train on"):
        elman.Tagging(validation=3, test=1).read_sentences([(("a", "b"), ("X", "Y"))] * 4)
    with pytest.raises(elman.DataError, match="expected what task.read returns"):
        elman.fit(task, "data")  # ty: ignore[invalid-argument-type]
    with pytest.raises(elman.ConfigError, match="validation 0.6 and test 0.5 leave nothing"):
        elman.Tagging(validation=0.6, test=0.5)
    with pytest.raises(elman.ConfigError, match="decoder"):
        elman.Tagging(decoder="viterbi")
    empty = task.read_sentences([(("a", "b"), ("X", "Y"))] * 20).test
    with pytest.raises(elman.DataError, match="test: nothing to measure on"):
        task.evaluate(None, type(empty)("test", (), empty.codec), empty.codec)
