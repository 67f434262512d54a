"""Classifiers and taggers that start from language models."""

import shutil
from typing import Any

import jax
import numpy as np
import pytest

import elman
from elman.cli.main import run
from elman.training.reporters import Quiet

TEXT = "a good film . a bad film . good acting , bad plot . the cat sat on the mat .\n" * 30
TEXTS = [("a good film .", "pos"), ("a bad film .", "neg"), ("good acting", "pos"), ("bad plot", "neg")] * 8
SENTENCES = [(("the", "Cat", "sat"), ("DET", "NOUN", "VERB")), (("a", "film", "."), ("DET", "NOUN", "PUNCT"))] * 5
LANGUAGE = dict(hidden_size=6, embedding_size=5, num_layers=2, batch_size=4, unroll_length=16)
SMALL = dict(hidden_size=4, num_layers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Language models of words, from the front and from the end, and one of characters."""
    folder = tmp_path_factory.mktemp("language")
    for name, settings in {
        "ahead": dict(vocabulary="words"),
        "back": dict(vocabulary="words", reverse=True),
        "letters": {},
    }.items():
        task = elman.LanguageModelling(**LANGUAGE, **settings)
        elman.fit(task, task.read_text(TEXT), steps=20, evaluations=1, report=Quiet()).save(folder / name)
    return folder


def places(folder, *names):
    return tuple(str(folder / name) for name in names)


def classification(start, **settings):
    task = elman.Classification(start_from=start, **SMALL, **settings)
    return task, task.read_texts(TEXTS)


def tagging(start, **settings):
    task = elman.Tagging(start_from=start, letter_hidden_size=4, validation=2, test=1, **SMALL, **settings)
    return task, task.read_sentences(SENTENCES)


def begun(task, data):
    task = task.configure(data)
    return task.initialise(task.build(data.codec, key=jax.random.key(0)), data.codec)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


@pytest.mark.sample(1)
@pytest.mark.parametrize("make", [classification, tagging])
def test_the_model_begins_with_the_layers_of_the_language_models(folder, make):
    model, note = begun(*make(places(folder, "back", "ahead")))
    assert "17 words and the layers that read them" in note
    for reader, name in zip(model.embedding.readers, ("ahead", "back"), strict=True):
        language = elman.load(folder / name)
        assert reader.reverse == language.task.reverse
        assert same(reader.embedding, language.model.embedding)
        assert same(reader.layers.cells, language.model.layers.cells)


def test_texts_are_read_in_the_tokens_of_the_language_model(folder):
    for name in ("ahead", "letters"):
        language = elman.load(folder / name)
        _, data = classification(places(folder, name))
        assert data.codec.vocabulary == language.codec
        (ids,) = data.codec.encode("a bad film .")
        np.testing.assert_array_equal(ids, language.codec.encode("a bad film ."))


def test_words_of_a_sentence_are_those_of_the_language_model(folder):
    language = elman.load(folder / "ahead").codec
    _, data = tagging(places(folder, "ahead"))
    ids = data.codec.word_ids(["the", "cat", ".", "unheard"])
    assert [language.tokens[i] for i in ids] == [" the", " cat", " .", "<unk>"]
    assert data.codec.word_ids(["a"]).tolist() in ([language.tokens.index(" a")], [language.tokens.index("a")])


@pytest.mark.slow
@pytest.mark.parametrize("make", [classification, tagging])
def test_layers_thaw_from_the_top_and_lower_ones_move_less(folder, make):
    def moved(epochs, **settings):
        task, data = make(places(folder, "ahead", "back"), **settings)
        start = begun(task, data)[0].embedding
        plain: dict[str, Any] = dict(
            optimiser="sgd", momentum=0, learning_rate=0.5, decay="none", warmup_steps=0, clip=0
        )
        end = elman.fit(task, data, epochs=epochs, evaluations=1, report=Quiet(), **plain).model.embedding
        pairs = list(zip(start.readers, end.readers, strict=True))
        tops = [same(a.layers.cells[1], b.layers.cells[1]) for a, b in pairs]
        below = [same(a.layers.cells[0], b.layers.cells[0]) for a, b in pairs]
        tables = [same(a.embedding, b.embedding) for a, b in pairs]
        return [not all(group) for group in (tops, below, tables)], [not any(group) for group in (tops, below, tables)]

    assert moved(1)[0] == [False, False, False]
    assert moved(3) == ([True, True, False], [True, True, False])
    assert moved(1, thaw_epochs=0)[1] == [True, True, True]


def test_rates_fall_from_layer_to_layer(folder):
    task, data = classification(places(folder, "ahead"), thaw_epochs=2, layer_rate=0.5)
    model, _ = begun(task, data)
    assert task.rates(model, 1) == dict.fromkeys(task.rates(model, 0), 0.0)
    assert task.rates(model, 6) == {
        "embedding.readers.0.layers.cells.1": 0.5,
        "embedding.readers.0.layers.cells.0": 0.25,
        "embedding.readers.0.embedding": 0.125,
    }


@pytest.mark.slow
def test_the_artefact_needs_no_language_model_any_more(folder, tmp_path):
    for name in ("ahead", "back"):
        shutil.copytree(folder / name, tmp_path / name)
    task, data = classification(places(tmp_path, "ahead", "back"), thaw_epochs=0)
    fitted = elman.fit(task, data, steps=60, learning_rate=0.02, report=Quiet(), out=tmp_path / "m")
    shutil.rmtree(tmp_path / "ahead")
    shutil.rmtree(tmp_path / "back")
    again = elman.load(tmp_path / "m")
    assert again.predict("a good plot").probabilities == fitted.predict("a good plot").probabilities
    assert again.predict_all(["good", "bad film ."])[1].label == "neg"
    assert elman.verify(tmp_path / "m") is not None


@pytest.mark.slow
def test_the_command_line_says_from(folder, tmp_path, capsys):
    (tmp_path / "train.tsv").write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for text, label in TEXTS))
    out = str(tmp_path / "m")
    start = ["--from", str(folder / "ahead"), f"--from={folder / 'back'}"]
    options = ["--hidden-size", "4", "--steps", "3", "--evaluations", "1", "--lines"]
    assert run(["train", str(tmp_path / "train.tsv"), *start, "--out", out, *options]) == 0
    assert f"{folder / 'ahead'}, {folder / 'back'}: 17 words" in capsys.readouterr().err
    assert len(elman.load(out).model.embedding.readers) == 2


def test_what_cannot_start_a_model_is_an_error(folder, tmp_path):
    with pytest.raises(elman.ArtefactError, match="missing: no such artefact"):
        classification(places(folder, "missing"))
    with pytest.raises(elman.ConfigError, match="ahead and .*letters have different vocabularies"):
        classification(places(folder, "ahead", "letters"))
    with pytest.raises(elman.ConfigError, match="a tagger starts from models of words; got one of characters"):
        tagging(places(folder, "letters"))
    with pytest.raises(elman.ConfigError, match="vectors and start_from: .* choose one"):
        elman.Tagging(start_from=("a",), vectors="b")
    with pytest.raises(elman.ConfigError, match="start_from: a language model reads whole texts"):
        elman.Classification(start_from="a", pieces="sentences")
    with pytest.raises(elman.ConfigError, match="vocabulary: the language model reads words, not bytes; leave"):
        classification(places(folder, "ahead"), vocabulary="bytes")
    task, data = classification(())
    elman.fit(task, data, steps=1, evaluations=1, report=Quiet()).save(tmp_path / "m")
    with pytest.raises(elman.ConfigError, match="m is a model for Classification; expected a language model"):
        classification(str(tmp_path / "m"))
