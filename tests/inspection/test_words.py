import numpy as np
import pytest

import elman
from elman.cli.main import run
from elman.training.reporters import Quiet

TEXTS = [("a good film", "pos"), ("a bad film", "neg")] * 10


@pytest.fixture(scope="module")
def language():
    task = elman.LanguageModelling(vocabulary="words", hidden_size=4, embedding_size=3, batch_size=4, unroll_length=8)
    return elman.fit(task, task.read_text("the cat sat on the mat. the end\n" * 40), steps=2, report=Quiet())


def test_the_rows_of_a_model_s_embedding_have_their_words(language):
    vectors = elman.word_vectors(language)
    row = language.codec.tokens.index(" cat")
    np.testing.assert_array_equal(vectors.vector("cat"), language.model.embedding.table[row])
    first = min(language.codec.tokens.index(token) for token in (" the", "the"))
    np.testing.assert_array_equal(vectors.vector("the"), language.model.embedding.table[first])
    assert vectors.vector("\n").shape == (3,)


@pytest.mark.slow
def test_classifiers_and_taggers_have_words_too(tmp_path, language):
    task = elman.Classification(hidden_size=4, embedding_size=5)
    fitted = elman.fit(task, task.read_texts(TEXTS), steps=1, evaluations=1, report=Quiet())
    row = fitted.codec.vocabulary.tokens.index("good")
    np.testing.assert_array_equal(elman.word_vectors(fitted).vector("good"), fitted.model.embedding.table[row])
    language.save(tmp_path / "language")
    task = elman.Tagging(start_from=str(tmp_path / "language"), hidden_size=4, letter_hidden_size=4, num_layers=1)
    data = task.read_sentences([(("the", "cat"), ("DET", "NOUN"))] * 20)
    fitted = elman.fit(task, data, steps=1, evaluations=1, report=Quiet())
    np.testing.assert_array_equal(elman.word_vectors(fitted).vector("cat"), elman.word_vectors(language).vector("cat"))


def test_the_command_shows_neighbours_and_analogies(tmp_path, capsys, language):
    (tmp_path / "v.txt").write_text("man 1 0\nking 1 2\nwoman 0 1\nqueen 0 3\n")
    assert run(["neighbours", str(tmp_path / "v.txt"), "king", "--count", "2"]) == 0
    assert capsys.readouterr().out == "0.8944\twoman\n0.8944\tqueen\n"
    assert run(["neighbours", str(tmp_path / "v.txt"), "man", "king", "woman"]) == 0
    assert capsys.readouterr().out.endswith("\tqueen\n")
    language.save(tmp_path / "m")
    assert run(["neighbours", str(tmp_path / "m"), "cat"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(elman.word_vectors(language)) - 1


def test_what_the_command_cannot_do_is_an_error(tmp_path, capsys):
    (tmp_path / "v.txt").write_text("man 1 0\nking 1 2\n")
    for words, message in (
        (["kng"], "no vector for 'kng'; did you mean 'king'?"),
        (["man", "king"], "expected one word, or three for an analogy; got 2"),
        (["man", "--count", "0"], "count: expected at least 1"),
    ):
        assert run(["neighbours", str(tmp_path / "v.txt"), *words]) == 2
        assert message in capsys.readouterr().err
