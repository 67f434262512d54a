"""Classifiers and taggers that start from vectors of words."""

import io
import json
from typing import Any

import jax
import numpy as np
import pytest

import elman
from elman.formats.vectors.files import open_vectors
from elman.training.events import Prepared
from elman.training.reporters import Json, Lines, Quiet

VECTORS = {"good": (1.0, 0.5, 0.0), "bad": (-1.0, 0.5, 0.0), "film": (0.0, 0.0, 1.0), "superb": (1.0, 0.375, 0.125)}
TEXTS = [("a good film", "pos"), ("a bad film", "neg"), ("good", "pos"), ("bad", "neg")] * 10
SENTENCES = [(("Good", "films", "run"), ("ADJ", "NOUN", "VERB"))] * 6
SMALL = dict(hidden_size=4, num_layers=1)


@pytest.fixture
def place(tmp_path):
    lines = [f"{word} {' '.join(map(str, vector))}\n" for word, vector in VECTORS.items()]
    (tmp_path / "v.txt").write_text("".join(lines))
    return str(tmp_path / "v.txt")


class Keep:
    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)

    def close(self): ...


def classification(place, **settings):
    task = elman.Classification(vectors=place, **SMALL, **settings)
    return task, task.read_texts(TEXTS)


def tagging(place, **settings):
    task = elman.Tagging(vectors=place, letter_hidden_size=4, validation=2, test=1, **SMALL, **settings)
    return task, task.read_sentences(SENTENCES)


def begun(task, data):
    task = task.configure(data)
    model = task.build(data.codec, key=jax.random.key(0))
    return model, *task.initialise(model, data.codec)


def rows(table, words, tokens):
    return np.asarray(table)[[tokens.index(word) for word in words]]


@pytest.mark.parametrize("make", [classification, tagging])
def test_known_words_have_their_vectors_and_others_what_chance_gave(place, make):
    task, data = make(place)
    random, model, _ = begun(task, data)
    tokens = list(getattr(data.codec, "words", None) or data.codec.vocabulary.tokens)
    here = [word for word in tokens if word in VECTORS]
    np.testing.assert_array_equal(rows(model.embedding.table, here, tokens), [VECTORS[word] for word in here])
    other = [word for word in tokens if word not in VECTORS]
    np.testing.assert_array_equal(*(rows(m.embedding.table, other, tokens) for m in (model, random)))
    assert set(VECTORS) <= set(tokens)
    assert model.embedding.table.shape[1] == 3


@pytest.mark.slow
def test_what_was_found_is_counted_among_the_words_of_the_texts(place):
    task, data = classification(place)
    assert begun(task, data)[2] == f"{place}: vectors for 75.0% of 4 words (3 as spelt), and 1 more of its words"
    task, data = tagging(place, lower=False)
    assert begun(task, data)[2] == f"{place}: vectors for 33.3% of 3 words (1 in lower case), and 4 more of its words"
    task, data = classification(place, vectors_words=0)
    assert begun(task, data)[2] == f"{place}: vectors for 75.0% of 4 words (3 as spelt)"
    assert "superb" not in data.codec.vocabulary.tokens


def test_a_kept_word_counts_though_no_text_had_it(place, tmp_path):
    task, data = classification(place, input_dropout=0.0, dropout=0.0, vectors_train="frozen")
    fitted = elman.fit(task, data, steps=150, learning_rate=0.02, report=Quiet(), out=tmp_path / "m")
    (tmp_path / "v.txt").unlink()
    again = elman.load(tmp_path / "m")
    for model in (fitted, again):
        assert model.predict("superb film").label == "pos"
    tokens = list(again.codec.vocabulary.tokens)
    np.testing.assert_array_equal(rows(again.model.embedding.table, VECTORS, tokens), list(VECTORS.values()))


@pytest.mark.sample(1)
@pytest.mark.parametrize("make", [classification, tagging])
def test_vectors_are_frozen_trained_or_trained_later(place, make):
    def moved(epochs, **settings):
        task, data = make(place, **settings)
        fitted = elman.fit(task, data, epochs=epochs, weight_decay=0.1, warmup_steps=0, evaluations=1, report=Quiet())
        tokens = list(getattr(fitted.codec, "words", None) or fitted.codec.vocabulary.tokens)
        return not np.array_equal(rows(fitted.model.embedding.table, VECTORS, tokens), list(VECTORS.values()))

    assert moved(1)
    assert not moved(2, vectors_train="frozen")
    assert not moved(2, vectors_train=2)
    assert moved(3, vectors_train=2)


def test_vectors_may_have_a_rate_of_their_own(place):
    plain: dict[str, Any] = dict(optimiser="sgd", momentum=0, learning_rate=0.5, decay="none", warmup_steps=0, clip=0)

    def steps(**settings):
        task, data = classification(place, word_dropout=0.0, **settings)
        fitted = elman.fit(task, data, steps=1, evaluations=1, report=Quiet(), **plain)
        return np.asarray(fitted.model.embedding.table) - np.asarray(begun(task, data)[1].embedding.table)

    one = steps(vectors_rate=1.0)
    assert np.abs(one).max() > 1e-4
    np.testing.assert_allclose(steps(vectors_rate=4.0), 4 * one, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(steps(), 5 * one, rtol=1e-3, atol=1e-6)


def test_reporters_tell_what_was_found(place):
    shown, lines = io.StringIO(), io.StringIO()
    for report in (Lines(shown), Json(lines)):
        report(Prepared("vectors for 75.0% of 4 words"))
    assert shown.getvalue() == "vectors for 75.0% of 4 words\n"
    assert json.loads(lines.getvalue()) == {"event": "prepared", "message": "vectors for 75.0% of 4 words"}
    task, data = classification(place)
    keep = Keep()
    elman.fit(task, data, steps=1, evaluations=1, report=keep)
    assert isinstance(keep.events[0], Prepared)


def test_settings_that_do_not_fit_are_errors(place):
    with pytest.raises(elman.ConfigError, match="vectors_train: frozen needs word vectors; name their file"):
        elman.Classification(vectors_train="frozen")
    with pytest.raises(elman.ConfigError, match="vectors_rate: 3 needs word vectors; name their file"):
        elman.Tagging(vectors_rate=3.0)
    with pytest.raises(elman.ConfigError, match="vectors_train"):
        elman.Tagging(vectors=place, vectors_train=0)
    with pytest.raises(
        elman.ConfigError, match="vectors: belong to words; choose vocabulary='words', not 'characters'"
    ):
        elman.Classification(vectors=place, vocabulary="characters")
    with pytest.raises(elman.DataError, match="missing.txt: no such file"):
        elman.Classification(vectors="missing.txt").read_texts(TEXTS)


def test_a_real_file(data_folder):
    place = str(data_folder / "vectors" / "glove.6B.50d.top20k.txt.xz")
    task = elman.Classification(vectors=place, vectors_words=1000, hidden_size=8)
    data = task.read(data_folder / "classification" / "sst")
    _, model, note = begun(task, data)
    assert "vectors for 52.0% of 14,751 words (7,665 as spelt), and " in note
    row = data.codec.vocabulary.tokens.index("stirring")
    np.testing.assert_array_equal(model.embedding.table[row], open_vectors(place).vector("stirring"))
