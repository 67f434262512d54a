"""Files of vectors as people write them: aligned columns, byte order marks, empty lines, words in two normal forms."""

import gzip
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.vectors.files import open_vectors
from elman.formats.vectors.vectors import WordVectors, match
from tests.formats.vectors.vector_bytes import binary, fasttext, text

WRITTEN = {
    "aligned to the left": "cat    1.5   2\nowl   -3     4.25\nd. o.  5     6\n",
    "aligned to the right": "  cat   1.5     2\n  owl    -3  4.25\nd. o.     5     6\n",
    "tabs": "cat\t1.5\t2\nowl\t-3\t4.25\nd. o.\t5\t6\n",
    "a space and tabs": "cat \t1.5\t 2 \nowl \t-3\t 4.25\t\nd. o. \t5\t 6\n",
    "line ends of Windows": "cat 1.5 2\r\nowl -3 4.25\r\nd. o. 5 6\r\n",
    "a byte order mark": "\ufeffcat 1.5 2\nowl -3 4.25\nd. o. 5 6\n",
    "empty lines at the end": "cat 1.5 2\nowl -3 4.25\nd. o. 5 6\n\n \r\n\n",
    "a first line": "3 2\ncat 1.5 2\nowl -3 4.25\nd. o. 5 6\n\n",
    "a first line with a mark, aligned": "\ufeff3   2\ncat    1.5   2\nowl   -3     4.25\nd. o.  5     6",
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("way", WRITTEN)
def test_columns_are_read_however_they_are_written(tmp_path, way, pack):
    (tmp_path / "a.vec").write_bytes(pack(WRITTEN[way].encode()))
    vectors = open_vectors(tmp_path / "a.vec")
    assert (list(vectors.words()), vectors.width, len(vectors)) == (["cat", "owl", "d. o."], 2, 3)
    [(_, matrix)] = vectors.blocks()
    assert matrix.tolist() == [[1.5, 2], [-3, 4.25], [5, 6]]
    assert [vectors.vector(word).tolist() for word in vectors.words()] == matrix.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cat   1 2\nowl  3\n", "line 2: expected a word and 2 numbers; got 1"),
        ("cat   1 2\nowl  3  4   5\n", "line 2: expected a word and 2 numbers; got 3"),
        ("cat\t1\t2\nowl\t3\n", "line 2: expected a word and 2 numbers; got 1"),
        ("2 3\ncat 1 2\nowl 3 4\n", "line 2: expected a word and 3 numbers; got 2"),
        ("cat 1 2\n 3\n", "line 2: expected a word and 2 numbers; got 0"),
        ("cat 1 2\n\n\nowl 3 4\n", "line 2: empty; expected a word and 2 numbers"),
    ],
)
def test_rows_of_another_width_are_refused_with_their_line(tmp_path, content, message):
    (tmp_path / "a.vec").write_text(content)
    for use in (lambda: open_vectors(tmp_path / "a.vec").vector("owl"), lambda: len(open_vectors(tmp_path / "a.vec"))):
        with pytest.raises(DataError, match=re.escape(f"a.vec, {message}")):
            use()


NFC, NFD = ("caf\xe9", "thé", "route"), ("cafe\u0301", "the\u0301", "route")
MATRIX = np.array([[0.5, 0.1, -0.2], [0.4, 0.2, -0.1], [-0.3, 0.9, 0.4]], np.float32)
FILES = {"text": text, "binary": binary, "fastText": fasttext}


@pytest.mark.parametrize("written", [NFC, NFD], ids=["NFC", "NFD"])
@pytest.mark.parametrize("kind", FILES)
def test_a_word_is_found_in_whichever_normal_form_file_and_query_are(tmp_path, kind, written):
    (tmp_path / "a.vec").write_bytes(FILES[kind](list(written), MATRIX))
    vectors = open_vectors(tmp_path / "a.vec")
    for asked in (NFC, NFD):
        assert [word for word, _ in vectors.neighbours(asked[0], 2)] == [NFC[1], "route"]
        np.testing.assert_array_equal(match(vectors, asked).matrix, MATRIX)
        assert sorted(vectors.select({*NFC, *NFD})) == sorted({*NFC, *NFD})
    assert [word for words, _ in vectors.blocks() for word in words] == list(vectors.words()) == list(NFC)
    spelt = open_vectors(tmp_path / "a.vec", normal_form="none")
    assert list(spelt.words()) == list(written)
    assert list(spelt.select([*NFC[:2], *NFD[:2]])) == list(written[:2])
    with pytest.raises(DataError, match=f"it has '{written[0]}' in another normal form, which --normal-form NFC"):
        spelt.vector(({NFC[0], NFD[0]} - {written[0]}).pop())


@pytest.mark.parametrize("kind", [*FILES, "memory"])
def test_the_first_of_equal_words_is_the_neighbour(tmp_path, kind):
    words = ["tea", "cafe\u0301", "caf\xe9", "road", "tea"]
    matrix = np.array([[1, 0], [0, 1], [1, 0.1], [0.7, 0.7], [0, -1]], np.float32)
    if kind == "memory":
        vectors = WordVectors("memory", words, matrix, "NFC")
    else:
        (tmp_path / "a.vec").write_bytes(FILES[kind](words, matrix))
        vectors = open_vectors(tmp_path / "a.vec")
    assert [word for word, _ in vectors.neighbours("tea", 9)] == ["road", "café"]
    assert vectors.repeats.tolist() == [2, 4]


def test_an_n_gram_is_that_of_the_training_whatever_the_query(tmp_path):
    """fastText hashes bytes: a word in NFD has other parts than the same in NFC."""
    matrix = np.random.default_rng(0).normal(size=(101, 3))
    (tmp_path / "a.bin").write_bytes(fasttext(["cafe\u0301"], matrix, buckets=100, shortest=3, longest=6))
    spelt, normal = (open_vectors(tmp_path / "a.bin", normal_form=form) for form in ("none", "NFC"))
    np.testing.assert_array_equal(normal.vector("caf\xe9"), spelt.vector("cafe\u0301"))


@given(
    st.lists(st.lists(st.sampled_from(["a", "é", "1", "-2.5", " ", "\t", "e\u0301", "nan", "."]), max_size=6)),
    st.sampled_from(["", "2 2\n", "\ufeff"]),
)
def test_any_rows_are_vectors_or_an_error_of_the_data(tmp_path_factory, rows, head):
    place = tmp_path_factory.getbasetemp() / "any.vec"
    place.write_text(head + "".join(" ".join(row) + "\n" for row in rows), encoding="utf-8")
    try:
        vectors = open_vectors(place)
        result = [pair for words, matrix in vectors.blocks() for pair in zip(words, matrix, strict=True)]
    except DataError:
        return
    assert all(vector.shape == (vectors.width,) for _, vector in result)
    assert all(unicodedata.is_normalized("NFC", word) for word, _ in result)
    assert len(vectors) == len(result)
    for word, vector in reversed(dict(reversed(result)).items()):
        np.testing.assert_array_equal(vectors.vector(word), vector)
