import gzip
import lzma
import subprocess
import sys

import numpy as np
import pytest

from elman import DataError
from elman.formats.vectors import files as vector_files
from elman.formats.vectors.files import BinaryVectors, TextVectors, open_vectors
from elman.formats.vectors.vectors import match
from tests.formats.vectors.vector_bytes import VECTORS, WORDS, binary, fasttext, text

FORMATS = {
    "word2vec text": (text(), TextVectors),
    "fastText .vec": (text(end=" \n"), TextVectors),
    "with line ends of Windows": (text(end="\r\n"), TextVectors),
    "GloVe": (text(header=False), TextVectors),
    "without a last line end": (text(header=False)[:-1], TextVectors),
    "word2vec binary": (binary(), BinaryVectors),
    "gensim's word2vec binary": (binary(end=b""), BinaryVectors),
}


def contents(vectors):
    blocks = list(vectors.blocks())
    return [word for words, _ in blocks for word in words], np.concatenate([matrix for _, matrix in blocks])


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress], ids=["plain", "gz", "xz"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_reads_alike(tmp_path, monkeypatch, name, pack):
    content, kind = FORMATS[name]
    (tmp_path / "vectors").write_bytes(pack(content))
    monkeypatch.setattr(vector_files, "PIECE", 16)
    vectors = open_vectors(tmp_path / "vectors")
    assert type(vectors) is kind
    assert (len(vectors), vectors.width) == (4, 3)
    words, matrix = contents(vectors)
    assert words == list(vectors.words()) == WORDS
    np.testing.assert_array_equal(matrix, VECTORS)
    chosen = vectors.select(["a", "café", "cafe", "The", ""])
    assert sorted(chosen) == ["a", "café"]
    np.testing.assert_array_equal(chosen["café"], VECTORS[1])
    np.testing.assert_array_equal(vectors.vector("日本語"), VECTORS[2])
    assert vectors.compose(["cafe"]) == {}


def test_a_word_may_hold_spaces_and_the_first_of_equal_words_counts(tmp_path):
    (tmp_path / "spaces.txt").write_text("the 1 2\n. . . 3 4\nat name@domain.com 5 6\nthe 7 8\n")
    vectors = open_vectors(tmp_path / "spaces.txt")
    assert contents(vectors)[0] == ["the", ". . .", "at name@domain.com", "the"]
    assert vectors.vector(". . .").tolist() == [3, 4]
    assert vectors.vector("the").tolist() == [1, 2]


def test_more_words_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "BLOCK", 3)
    (tmp_path / "a.txt").write_bytes(text())
    assert [len(words) for words, _ in open_vectors(tmp_path / "a.txt").blocks()] == [3, 1]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    (tmp_path / "a.vec").write_text("1 2\nthe 1 2\n", encoding="utf-8-sig")
    assert open_vectors(tmp_path / "a.vec").select(["the"])["the"].tolist() == [1, 2]


def test_matching_reads_a_compressed_file_once(tmp_path, monkeypatch):
    (tmp_path / "a.gz").write_bytes(gzip.compress(text()))
    vectors, passes = open_vectors(tmp_path / "a.gz"), []
    through = TextVectors._records
    monkeypatch.setattr(TextVectors, "_records", lambda self, file: passes.append(1) or through(self, file))
    matched = match(vectors, ["The", "café", "x"])
    assert (matched.ways.tolist(), len(passes)) == ([1, 0, -1], 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty; expected fastText .bin"),
        (b"0 3\n", "no words: its first line promises 0 words"),
        (b"PK\3\4rest", "a zip archive; unpack it"),
        (b"Lorem ipsum dolor\n", "expected word vectors .*it begins with b'Lorem ipsum dolor"),
        (bytes(1000), "expected word vectors"),
        (b"the 1 2\ncat 3\n", "line 2: expected a word and 2 numbers; got 1"),
        (b"the 1 2\ncat 3 4 5\n", "line 2: expected a word and 2 numbers; got 3"),
        (b"2 2\nthe 1 2\ncat 3 4 5\n", "line 3: expected a word and 2 numbers; got 3"),
        (b"the 1 2\n\ncat 3 4\n", "line 2: empty; expected a word and 2 numbers"),
        (b"the 1 2\ncat 3 x\n", "line 2: the vector of 'cat' is not all numbers .*'x'"),
        (b"the 1 2\ncat 3 nan\n", "line 2: the vector of 'cat' has an infinite number or NaN"),
        (b"the 1 2\ncat inf 3\n", "line 2: the vector of 'cat' has an infinite number or NaN"),
        (b"5 2\nthe 1 2\ncat 3 4\n", "its first line promises 5 words; got 2, so it was cut short"),
        (b"1 2\nthe 1 2\ncat 3 4\n", "its first line promises 1 word; got 2"),
        (b"3 2\n", "its first line promises 3 words; got 0"),
        (binary()[:-9], "expected 4 words with 12 bytes of numbers each; it ends within word 4, after 69 bytes"),
        (binary(vectors=VECTORS * np.nan), "the vector of 'the' has an infinite number"),
        (gzip.compress(text(), mtime=0)[:40], "damaged or cut short"),
        (lzma.compress(text())[:40], "damaged or cut short"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, content, message):
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        list(open_vectors(tmp_path / "bad.txt").blocks())
    assert "bad.txt" in str(caught.value)


def test_a_wanted_word_with_a_broken_vector_is_named(tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"the 1 2\ncat 3 nan\n")
    vectors = open_vectors(tmp_path / "bad.txt")
    assert vectors.vector("the").tolist() == [1, 2]
    with pytest.raises(DataError, match=r"bad\.txt: the vector of 'cat' has an infinite number or NaN"):
        vectors.vector("cat")


def test_no_file_and_a_folder_are_errors(tmp_path):
    with pytest.raises(DataError, match="missing.vec: no such file"):
        open_vectors(tmp_path / "missing.vec")
    with pytest.raises(DataError, match="a folder; expected fastText"):
        open_vectors(tmp_path)


GROWTH = """
import resource, sys
from elman.formats.vectors.files import open_vectors
import elman.formats.vectors.fasttext
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
vectors = open_vectors(sys.argv[1])
assert vectors.vector("last").tolist()[:2] == [1.5, 0.0]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def growth(path):
    return float(subprocess.run([sys.executable, "-c", GROWTH, path], capture_output=True, check=True).stdout)


def test_one_word_of_a_large_file_takes_little_memory(tmp_path):
    """200 MB, most of them a hole in the file; reading it whole would show in the resident memory, in MB."""
    matrix = np.zeros((2, 1000), np.float32)
    matrix[1, 0] = 1.5
    small = fasttext(["first", "last"], matrix)
    rows = 50_000
    words = ["first", "last", *[f"word{row}" for row in range(rows - 2)]]
    head = fasttext(words, np.zeros((0, 1000)))
    shape = head.rindex(bytes(8) + (1000).to_bytes(8, "little"), 0, len(head) - 8000 - 17)
    with open(tmp_path / "large.bin", "wb") as file:
        file.write(head[:shape] + rows.to_bytes(8, "little") + (1000).to_bytes(8, "little") + matrix.tobytes())
        file.truncate(shape + 16 + rows * 4000)
    assert len(small) < 20_000 < 200e6 < (tmp_path / "large.bin").stat().st_size
    assert growth(tmp_path / "large.bin") < 40


def test_one_word_of_a_large_text_takes_little_memory(tmp_path):
    numbers = " 0" * 10_000
    with open(tmp_path / "large.vec", "w") as file:
        file.write("5000 10000\n")
        file.writelines(f"word{row}{numbers}\n" for row in range(4999))
        file.write(f"last 1.5{numbers[2:]}\n")
    assert (tmp_path / "large.vec").stat().st_size > 100e6
    assert growth(tmp_path / "large.vec") < 40


def test_real_files(data_folder):
    glove = open_vectors(data_folder / "vectors" / "glove.6B.50d.top20k.txt.xz")
    assert (len(glove), glove.width) == (20_000, 50)
    assert glove.vector("the")[:3].tolist() == pytest.approx([0.418, 0.24968, -0.41242])
    word, similarity = glove.analogy("man", "king", "woman")[0]
    assert (word, round(similarity, 6)) == ("queen", 0.852360)  # as gensim 4.4.0 has it
    binary = open_vectors(data_folder / "vectors" / "gensim-euclidean_vectors.bin")
    assert (len(binary), binary.width) == (2747, 10)
    assert binary.vector("the")[:3].tolist() == pytest.approx([0.42145327, 0.93435585, -0.05091386])
    assert [word for word, _ in binary.neighbours("government", 3)] == ["argentina", "colin", "cooperation"]
