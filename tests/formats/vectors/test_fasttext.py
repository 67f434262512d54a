import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.vectors import fasttext as fasttext_module
from elman.formats.vectors.fasttext import ngrams
from elman.formats.vectors.files import open_vectors
from elman.formats.vectors.vectors import match
from tests.formats.vectors.vector_bytes import fasttext, mean_of_parts

WORDS = ["the", "café", "</s>", "日本語", "a"]
PARTS = {"buckets": 23, "shortest": 3, "longest": 6}
MATRIX = np.random.default_rng(0).normal(size=(28, 4)).astype(np.float32)


def opened(tmp_path, content):
    (tmp_path / "model.bin").write_bytes(content)
    return open_vectors(tmp_path / "model.bin")


@pytest.mark.parametrize("pack", [bytes, lzma.compress], ids=["plain", "xz"])
@pytest.mark.parametrize("rows", [3, 4096])
def test_vectors_are_means_of_a_word_and_its_parts(tmp_path, monkeypatch, pack, rows):
    monkeypatch.setattr(fasttext_module, "_ROWS", rows)
    vectors = opened(tmp_path, pack(fasttext(WORDS, MATRIX, **PARTS)))
    assert (len(vectors), vectors.width) == (5, 4)
    expected = {word: mean_of_parts(word, MATRIX, words=WORDS, **PARTS) for word in [*WORDS, "cafés", "本"]}
    expected["</s>"] = MATRIX[2]
    (words, matrix), *more = vectors.blocks()
    assert words == list(vectors.words()) == WORDS
    assert more == []
    for word, row in zip(words, matrix, strict=True):
        np.testing.assert_allclose(row, expected[word], atol=1e-6)
        np.testing.assert_allclose(vectors.vector(word), expected[word], atol=1e-6)
    assert list(vectors.select(["cafés", "a"])) == ["a"]
    np.testing.assert_allclose(vectors.vector("cafés"), expected["cafés"], atol=1e-6)
    np.testing.assert_allclose(vectors.vector("本"), expected["本"], atol=1e-6)


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=4),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_ngrams_agree_with_an_independent_reading(words, shortest, longest):
    hashes = np.random.default_rng(1).normal(size=(97, 2))
    owners, grams = ngrams([word.encode() for word in words], shortest, longest, 97)
    for number, word in enumerate(words):
        if word != "</s>":
            expected = mean_of_parts(word, hashes, words=[], buckets=97, shortest=shortest, longest=longest)
            chosen = hashes[grams[owners == number]]
            assert len(chosen) == 0 if expected is None else np.allclose(chosen.mean(0), expected, rtol=0, atol=1e-12)


def test_a_word_that_is_unknown_is_matched_by_its_parts(tmp_path):
    vectors = opened(tmp_path, fasttext(WORDS, MATRIX, **PARTS))
    matched = match(vectors, ["The", "cafés", "a", ""])
    assert matched.ways.tolist() == [1, 2, 0, -1]
    np.testing.assert_array_equal(matched.matrix[0], vectors.vector("the"))
    np.testing.assert_array_equal(matched.matrix[1], vectors.vector("cafés"))


def test_without_parts_an_unknown_word_is_an_error(tmp_path):
    vectors = opened(tmp_path, fasttext(WORDS, MATRIX[:5]))
    np.testing.assert_array_equal(vectors.vector("日本語"), MATRIX[3])
    with pytest.raises(DataError, match="no vector for 'teh'; did you mean 'the'?"):
        vectors.vector("teh")


def test_labels_of_a_classifier_are_no_words(tmp_path):
    vectors = opened(tmp_path, fasttext(["yes", "no"], MATRIX[:2], labels=["__label__1"], kind=3))
    assert len(vectors) == 2
    assert [words for words, _ in vectors.blocks()] == [["yes", "no"]]
    old = opened(tmp_path, fasttext(["yes", "no"], MATRIX[:25], kind=3, version=11, **PARTS))
    np.testing.assert_array_equal(old.vector("yes"), MATRIX[0])


WHOLE = fasttext(WORDS, MATRIX, **PARTS)
OUTPUT = 1 + 16 + 8 * 4  # what follows the matrix


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WHOLE[:50], "cut short: expected at least 92 bytes; got 50"),
        (WHOLE[:100], "cut short within its dictionary"),
        (WHOLE[: -OUTPUT - 1], f"expected at least {len(WHOLE) - OUTPUT} bytes; got {len(WHOLE) - OUTPUT - 1}"),
        (fasttext(WORDS, MATRIX, version=13, **PARTS), "version 13 of fastText's format; expected 12 at most"),
        (fasttext(WORDS, MATRIX, pruned=4, **PARTS), "a quantised model"),
        (fasttext(WORDS, MATRIX, quantised=1, **PARTS), "a quantised model"),
        (fasttext([], MATRIX[:0]), "no words: its head gives 0 words"),
        (fasttext(WORDS, MATRIX[:7], **PARTS), "damaged: expected a matrix of 28 x 4; got 7 x 4"),
        (fasttext(WORDS, MATRIX * np.inf, **PARTS), "the vector of 'the' has an infinite number or NaN"),
    ],
)
def test_a_damaged_or_foreign_file_is_an_error(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        list(opened(tmp_path, content).blocks())
    assert "model.bin" in str(caught.value)


def test_a_compressed_file_may_be_cut_short_too(tmp_path):
    vectors = opened(tmp_path, lzma.compress(WHOLE[: -OUTPUT - 200]))
    with pytest.raises(DataError, match=f"expected at least {len(WHOLE) - OUTPUT} bytes"):
        list(vectors.blocks())


def test_a_model_that_fasttext_made(data_folder):
    """The numbers are what fastText 0.9.2 gives for this file."""
    vectors = open_vectors(data_folder / "vectors" / "gensim-lee_fasttext_new.bin")
    assert (len(vectors), vectors.width) == (1763, 10)
    for word, expected in EXPECTED.items():
        np.testing.assert_allclose(vectors.vector(word)[:4], expected, atol=1e-6)
    plain = open_vectors(data_folder / "vectors" / "gensim-pang_lee_polarity_fasttext.bin")
    assert (len(plain), plain.width) == (1694, 100)


EXPECTED = {
    "the": [-0.3302216, -0.3181205, 0.1005118, -1.0400604],
    "goverment": [-0.3064736, -0.3458927, 0.2750512, -0.8468314],
    "naïve": [-0.3312412, -0.0048138, 0.0739591, -0.8905364],
    "日本語の": [-0.4131804, -0.0952738, 0.112028, -0.8176753],
}
