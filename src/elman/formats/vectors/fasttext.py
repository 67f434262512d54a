"""Reads fastText's binary format: vectors of words and of sub-words (Bojanowski et al., 2017).

A word's vector is the mean of its own row and of the rows of its n-grams, taken from the word between < and >. n-grams
share `bucket` rows by their hash, so that a word outside the vocabulary has a vector as well.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Integer

from elman._errors import DataError
from elman._types import NormalForm
from elman.formats.compression import PIECE, check_expansion, is_compressed, open_file
from elman.formats.vectors.files import LONGEST_LINE, Index, decode_word, normal_bytes, refuse_non_finite
from elman.formats.vectors.vectors import BLOCK, Vectors

MAGIC = struct.pack("<i", 793712314)
NEWEST = 12
"""The newest version of the format that is read."""

_HEADER = struct.Struct("<i 12i d 3i 2q")  # version, settings, threshold, entries, words, labels, tokens, pruned
_SHAPE = struct.Struct("<2q")
_SUPERVISED, _END_OF_SENTENCE = 3, b"</s>"
_ROWS = 4096
"""Rows of the matrix in memory at a time."""


class _MatrixLayout(NamedTuple):
    """The sizes and places that the head of a file gives."""

    words: int
    width: int
    buckets: int
    shortest: int
    longest: int
    """The most characters of an n-gram; `shortest` is the fewest."""
    dictionary: int
    """The byte at which the dictionary begins."""
    matrix: int
    """The byte at which the numbers of the matrix begin."""


class FastTextVectors(Vectors):
    """The vectors of a fastText `.bin`. The dictionary is read whole, and the rows of the matrix on demand."""

    def __init__(self, path: Path, normal_form: NormalForm = "none"):
        """Reads the head and the dictionary.

        Raises:
            DataError: a quantised, newer or damaged file, or one without words.
        """
        self._path, self._compressed = path, is_compressed(path)
        with open_file(path, by_content=True) as file:
            self._layout, names = _read(path, file)
        super().__init__(str(path), self._layout.width, normal_form)
        normal = [normal_bytes(name, normal_form) for name in names]
        self._index = Index(normal)
        self._spelt = {row: name for row, (name, own) in enumerate(zip(names, normal, strict=True)) if name != own}

    def __len__(self) -> int:
        return self._layout.words

    @property
    def repeats(self) -> Integer[np.ndarray, " row"]:
        return self._index.repeats

    def words(self) -> Iterator[str]:
        with open_file(self._path, by_content=True) as file:
            file.seek(self._layout.dictionary)
            for word in _entries(self._path, file, self._layout.words):
                yield self._normal(decode_word(word))

    def blocks(self) -> Iterator[tuple[list[str], Float32[np.ndarray, "vocab feature"]]]:
        with open_file(self._path, by_content=True) as file:
            file.seek(self._layout.dictionary)
            words = _entries(self._path, file, self._layout.words)
            row = 0
            while block := list(islice(words, BLOCK)):
                means = self._means(block, range(row, row + len(block)))
                yield [self._normal(decode_word(word)) for word in block], means
                row += len(block)

    def select(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        normal = {word: self._normal(word).encode(errors="replace") for word in words}
        places = {word: self._index.find(name) for word, name in normal.items()}
        known = {word: row for word, row in places.items() if row is not None}
        spelt = [self._spelt.get(row, normal[word]) for word, row in known.items()]  # as in training, for its n-grams
        return dict(zip(known, self._means(spelt, list(known.values())), strict=True))

    def compose(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        words = list(words)
        means = self._means([self._normal(word).encode(errors="replace") for word in words], [])
        return {word: mean for word, mean in zip(words, means, strict=True) if mean.any()}

    def _means(self, words: Sequence[bytes], rows: Sequence[int]) -> Float32[np.ndarray, "vocab feature"]:
        """The mean of each word's n-gram rows and, where `rows` names it, of the word's own row."""
        layout = self._layout
        owners, grams = ngrams(words, layout.shortest, layout.longest, layout.buckets)
        owners = np.concatenate([np.arange(len(rows)), owners])
        wanted = np.concatenate([np.asarray(rows, np.int64), layout.words + grams])
        order = np.argsort(wanted, kind="stable")
        sums = np.zeros((len(words), self.width))
        with open_file(self._path, by_content=True) as file, np.errstate(invalid="ignore"):
            for start in range(0, len(order), _ROWS):
                some = order[start : start + _ROWS]
                np.add.at(sums, owners[some], self._rows(file, wanted[some]))
        counts = np.bincount(owners, minlength=len(words))
        means = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        for word, mean in zip(words, means, strict=True):
            refuse_non_finite(self.name, decode_word(word), mean)
        return means

    def _rows(self, file: BufferedReader, rows: Int[np.ndarray, " vocab"]) -> np.ndarray:
        """Reads rows of the matrix, in ascending order: by memory map, or in one pass through a compressed file."""
        width, begin = self.width, self._layout.matrix
        if not self._compressed:
            shape = (int(rows[-1]) + 1, width)
            return np.memmap(self._path, "<f4", "r", begin, shape)[rows]  # a copy, so that nothing stays mapped
        unique, places = np.unique(rows, return_inverse=True)
        matrix = np.empty((len(unique), width), np.float32)
        for at, row in enumerate(unique):
            file.seek(begin + 4 * width * int(row))
            content = file.read(4 * width)
            if len(content) < 4 * width:
                raise _cut(self._path, begin + 4 * width * (self._layout.words + self._layout.buckets))
            matrix[at] = np.frombuffer(content, "<f4")
        return matrix[places]


def ngrams(
    words: Sequence[bytes], shortest: int, longest: int, buckets: int
) -> tuple[Int[np.ndarray, " gram"], Int[np.ndarray, " gram"]]:
    """The n-grams of `words` in UTF-8: for each, the index of its word and its hash modulo `buckets`. Their lengths
    count characters; their hashes are of bytes. A single < or > is no n-gram, and the end of a sentence has none.

    >>> owners, hashes = ngrams(["où".encode()], 3, 6, 1000)
    >>> len(hashes)  # <où  où>  <où>
    3
    """
    marked = [b"" if word == _END_OF_SENTENCE else b"<" + word + b">" for word in words]
    lengths = range(max(1, shortest), min(longest, max(map(len, marked), default=0)) + 1)
    if not buckets or not lengths:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    content = np.frombuffer(b"".join(marked), np.uint8)
    owner = np.repeat(np.arange(len(marked)), [len(word) for word in marked])
    starts = np.flatnonzero((content & 0xC0) != 0x80)  # UTF-8's later bytes begin with the bits 10
    edges = np.append(starts, len(content))
    owners, hashes = [], []
    for length in lengths:
        begin = np.arange(len(starts) - length + 1)
        begin = begin[owner[starts[begin]] == owner[starts[begin + length - 1]]] if len(begin) else begin
        first, end = edges[begin], edges[begin + length]
        if length == 1:
            inside = ~np.isin(content[first], (ord("<"), ord(">"))) | ~_is_edge(owner, first)
            first, end = first[inside], end[inside]
        owners.append(owner[first])
        hashes.append(_fnv1a(content, first, end) % np.uint32(buckets))
    return np.concatenate(owners), np.concatenate(hashes).astype(np.int64)


def _is_edge(owner: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The mask of bytes that are the first or the last of their word."""
    around = np.concatenate([[-1], owner, [-1]])
    return (around[places] != around[places + 1]) | (around[places + 2] != around[places + 1])


def _fnv1a(content: np.ndarray, first: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The 32-bit FNV-1a hashes of many slices content[first:end]. fastText treats bytes as signed numbers."""
    signed = content.astype(np.int8).astype(np.int32).astype(np.uint32)
    hashes = np.full(len(first), 2166136261, np.uint32)
    for offset in range(int((end - first).max(initial=0))):
        inside = np.flatnonzero(first + offset < end)
        hashes[inside] = (hashes[inside] ^ signed[first[inside] + offset]) * np.uint32(16777619)
    return hashes


def _read(path: Path, file: BufferedReader) -> tuple[_MatrixLayout, list[bytes]]:
    file.seek(len(MAGIC))
    version, *settings, _, entries, words, _, _, pruned = _HEADER.unpack(_exactly(path, file, _HEADER.size))
    width, kind, buckets, shortest, longest = settings[0], settings[7], settings[8], settings[9], settings[10]
    if version > NEWEST:
        raise DataError(f"{path}: written in version {version} of fastText's format; expected {NEWEST} at most")
    if words < 1 or width < 1:
        raise DataError(f"{path}: no words: its head gives {words} words of {width} numbers")
    if entries < words or buckets < 0:
        raise DataError(f"{path}: damaged: its head gives {words:,} words of {entries:,}, and {buckets:,} buckets")
    if pruned >= 0:
        raise _quantised(path)
    if version == 11 and kind == _SUPERVISED:
        longest = 0  # the classifiers of that version had no n-grams of characters
    dictionary = file.tell()
    names = list(_entries(path, file, entries))
    if _exactly(path, file, 1) != b"\0":
        raise _quantised(path)
    rows, columns = _SHAPE.unpack(_exactly(path, file, _SHAPE.size))
    if (rows, columns) != (words + buckets, width):
        expected = f"{words + buckets:,} x {width}"
        raise DataError(f"{path}: damaged: expected a matrix of {expected}; got {rows:,} x {columns}")
    layout = _MatrixLayout(words, width, buckets, shortest, longest, dictionary, file.tell())
    size, end = path.stat().st_size, layout.matrix + 4 * rows * columns
    if is_compressed(path):
        check_expansion(end, size, str(path))
    elif size < end:
        raise _cut(path, end)
    return layout, names[:words]


def _entries(path: Path, file: BufferedReader, count: int) -> Iterator[bytes]:
    """Reads the words of the dictionary from the position of `file` on: each ends with a zero, its count and its kind.
    Afterwards `file` is positioned after the last."""
    buffer, at, begin = b"", 0, file.tell()
    for _ in range(count):
        while (end := buffer.find(b"\0", at)) < 0 or end + 10 > len(buffer):
            piece = file.read(PIECE)
            if not piece or (end < 0 and len(buffer) - at > LONGEST_LINE):
                raise DataError(f"{path}: cut short within its dictionary; fetch the file again")
            begin, buffer, at = begin + at, buffer[at:] + piece, 0
        yield buffer[at:end]
        at = end + 10
    file.seek(begin + at)


def _exactly(path: Path, file: BufferedReader, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise _cut(path, file.tell() - len(content) + size)
    return content


def _cut(path: Path, expected: int) -> DataError:
    with open_file(path, by_content=True) as file:
        size = file.seek(0, 2)
    return DataError(f"{path}: cut short: expected at least {expected:,} bytes; got {size:,}; fetch the file again")


def _quantised(path: Path) -> DataError:
    return DataError(f"{path}: a quantised model (.ftz), which is not read; use the .bin it was made from")
