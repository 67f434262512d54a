import numpy as np
import pytest

from elman import DataError
from elman.formats.vectors import vectors as vectors_module
from elman.formats.vectors.vectors import WordVectors, match

WORDS = ["Paris", "paris", "rome", "france", "italy"]
MATRIX = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
CITIES = WordVectors("cities", WORDS, MATRIX)


def cosine(a, b):
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


@pytest.fixture(params=[2, 4096])
def block(request, monkeypatch):
    monkeypatch.setattr(vectors_module, "BLOCK", request.param)


def test_neighbours_are_by_cosine_and_leave_out_the_word_itself(block):
    result = CITIES.neighbours("rome", 10)
    expected = sorted(((cosine(MATRIX[2], MATRIX[row]), WORDS[row]) for row in (0, 1, 3, 4)), reverse=True)
    assert [word for word, _ in result] == [word for _, word in expected]
    np.testing.assert_allclose([similarity for _, similarity in result], [value for value, _ in expected], atol=1e-6)
    assert CITIES.neighbours("rome", 1) == result[:1]


def test_an_analogy_adds_unit_vectors_and_leaves_out_the_question(block):
    units = {word: row / np.linalg.norm(row) for word, row in zip(WORDS, MATRIX, strict=True)}
    target = units["rome"] - units["italy"] + units["france"]
    expected = max(["Paris", "paris"], key=lambda word: cosine(target, units[word]))
    assert CITIES.analogy("italy", "rome", "france")[0].word == expected
    assert [word for word, _ in CITIES.analogy("italy", "rome", "france", count=9)] != []
    assert not {"italy", "rome", "france"} & {word for word, _ in CITIES.analogy("italy", "rome", "france", count=9)}


def test_a_word_of_zeros_is_near_nothing():
    vectors = WordVectors("zeros", ["none", "one", "two"], np.array([[0, 0], [1, 0], [-1, 0.1]]))
    assert [word for word, _ in vectors.neighbours("one", 2)] == ["none", "two"]
    assert [similarity for _, similarity in vectors.neighbours("none", 2)] == [0, 0]


def test_an_unknown_word_names_the_nearest_spelling():
    with pytest.raises(DataError, match="cities: no vector for 'itlay'; did you mean 'italy'?"):
        CITIES.neighbours("itlay")
    with pytest.raises(DataError, match="no vector for 'zzz'$"):
        CITIES.vector("zzz")


def test_a_vocabulary_is_matched_as_spelt_then_in_lower_case():
    matched = match(CITIES, ["Paris", "ROME", "berlin", "france", "Rome"])
    np.testing.assert_array_equal(matched.matrix, [MATRIX[0], MATRIX[2], np.zeros(4), MATRIX[3], MATRIX[2]])
    assert matched.found.tolist() == [True, True, False, True, True]
    assert (matched.ways.tolist(), matched.share) == ([0, 1, -1, 0, 1], 0.8)
    assert str(matched) == "vectors for 80.0% of 5 words (2 as spelt, 2 in lower case)"
    assert str(matched.first(3)) == "vectors for 66.7% of 3 words (1 as spelt, 1 in lower case)"
    assert match(CITIES, []).share == 0


def test_the_first_of_equal_words_counts():
    assert WordVectors("twice", ["a", "a"], np.eye(2)).vector("a").tolist() == [1, 0]


def test_words_and_vectors_must_be_of_one_number():
    with pytest.raises(DataError, match="got 2 words and 3 vectors"):
        WordVectors("uneven", ["a", "b"], np.eye(3))
