"""Reads files of word vectors on demand, plain, .gz or .xz; their format is recognised by their content.

| format | content |
|---|---|
| word2vec text, fastText .vec | a line `words width`, then lines `word number number ...` (Mikolov et al., 2013) |
| GloVe | the same without the first line (Pennington et al., 2014) |
| the two above, as people write them | columns aligned by spaces or tabs, a byte order mark, empty lines at the end |
| word2vec binary | a line `words width`, then each word, a space and its numbers as float32 |
| fastText .bin | a dictionary and a matrix, with vectors of sub-words: see `fasttext` |
"""

from __future__ import annotations

import abc
import codecs
import math
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Integer

from elman._errors import DataError, quantity
from elman._normal_form import normalise
from elman._types import NormalForm
from elman.formats.compression import PIECE, check_expansion, is_compressed, open_file
from elman.formats.numbers import whole_of
from elman.formats.vectors.vectors import BLOCK, Vectors

LONGEST_LINE = 1 << 20
"""The most bytes of a first line or a word; a file with a longer one holds no vectors."""

_FORMATS = "fastText .bin or .vec, word2vec text or binary, or GloVe text, plain, .gz or .xz"


class VectorRecord(NamedTuple):
    """A word of a file with its numbers, as bytes."""

    word: bytes
    place: int
    """The byte at which the numbers begin."""
    numbers: bytes
    line: int
    """The line, counted from 1; 0 where it is not known."""


class Index:
    """The place of each word in a file. The hash of a word stands for it, so that a word takes 16 bytes.

    >>> index = Index([b"cat", b"dog", b"cat"], [7, 42, 99])
    >>> index.find(b"dog"), index.find(b"cat"), index.find(b"cow")
    (42, 7, None)
    """

    def __init__(self, words: Iterable[bytes], places: Iterable[int] | None = None):
        """Indexes words at their places, the first of equal words; without places, a word's place is its number."""
        hashes = np.fromiter(map(hash, words), np.int64)
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self.repeats: Integer[np.ndarray, " row"] = np.sort(order[1:][np.diff(self._hashes) == 0])
        """The numbers of the words that are equal to an earlier one."""
        self._places = order if places is None else np.fromiter(places, np.int64)[order]

    def __len__(self) -> int:
        return len(self._hashes)

    def find(self, word: bytes) -> int | None:
        """The place of `word`; None where it is not in the index."""
        wanted = hash(word)
        at = int(np.searchsorted(self._hashes, wanted))
        return int(self._places[at]) if at < len(self) and self._hashes[at] == wanted else None


class _RecordFile(Vectors):
    """A file in which every word is followed by its numbers."""

    def __init__(self, path: Path, width: int, start: int, count: int | None, normal_form: NormalForm = "none"):
        super().__init__(str(path), width, normal_form)
        self.path, self.start, self.count = path, start, count

    def __len__(self) -> int:
        return len(self._index)

    @property
    def repeats(self) -> Integer[np.ndarray, " row"]:
        return self._index.repeats

    def words(self) -> Iterator[str]:
        with open_file(self.path, by_content=True) as file:
            for record in self._records(file):
                yield decode_word(normal_bytes(record.word, self.normal_form))

    def blocks(self) -> Iterator[tuple[list[str], Float32[np.ndarray, "vocab feature"]]]:
        words: list[str] = []
        rows: list[np.ndarray] = []
        with open_file(self.path, by_content=True) as file:
            for record in self._records(file):
                words.append(decode_word(normal_bytes(record.word, self.normal_form)))
                rows.append(self._checked(record))
                if len(words) == BLOCK:
                    yield words, np.stack(rows)
                    words, rows = [], []
        if words:
            yield words, np.stack(rows)

    def select(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        wanted: dict[bytes, list[str]] = {}
        for word in words:
            wanted.setdefault(self._normal(word).encode(errors="replace"), []).append(word)
        selected = self._through(wanted) if is_compressed(self.path) else self._looked_up(wanted)
        vectors = ((wanted[record.word], self._checked(record)) for record in selected)
        return {word: vector for words, vector in vectors for word in words}

    def compose(self, words: Iterable[str]) -> dict[str, Float32[np.ndarray, " feature"]]:
        return {}

    @abc.abstractmethod
    def _records(self, file: BufferedReader) -> Iterator[VectorRecord]:
        """Reads all records of an open file, and checks their number and widths."""

    @abc.abstractmethod
    def _numbers(self, file: BufferedReader) -> bytes:
        """Reads the numbers at the position of `file`."""

    @abc.abstractmethod
    def _parse(self, numbers: bytes) -> np.ndarray:
        """Parses the numbers of a record; raises ValueError for other bytes."""

    @cached_property
    def _index(self) -> Index:
        """The index of the file's words, made in one pass over the file."""
        places = array("q")

        def words(file: BufferedReader) -> Iterator[bytes]:
            for record in self._records(file):
                places.append(record.place)
                yield normal_bytes(record.word, self.normal_form)

        with open_file(self.path, by_content=True) as file:
            return Index(words(file), places)

    def _looked_up(self, wanted: Iterable[bytes]) -> Iterator[VectorRecord]:
        places = {word: self._index.find(word) for word in wanted}
        with open_file(self.path, by_content=True) as file:
            for word, place in places.items():
                if place is not None:
                    file.seek(place)
                    yield VectorRecord(word, place, self._numbers(file), 0)

    def _through(self, wanted: Iterable[bytes]) -> Iterator[VectorRecord]:
        """The wanted records, found in one pass, since a compressed file cannot be read from a place of its own."""
        left = set(wanted)
        with open_file(self.path, by_content=True) as file:
            for record in self._records(file):
                if (word := normal_bytes(record.word, self.normal_form)) in left:
                    left.remove(word)
                    yield record._replace(word=word)

    def _checked(self, record: VectorRecord) -> np.ndarray:
        where = f"{self.name}, line {record.line}" if record.line else self.name
        try:
            vector = self._parse(record.numbers)
        except ValueError as error:
            raise DataError(
                f"{where}: the vector of {decode_word(record.word)!r} is not all numbers ({error})"
            ) from None
        if len(vector) != self.width:
            raise DataError(
                f"{where}: the vector of {decode_word(record.word)!r} has {quantity(len(vector), 'number')}; "
                f"expected {self.width}"
            )
        refuse_non_finite(where, decode_word(record.word), vector)
        return vector


class TextVectors(_RecordFile):
    """The vectors of a text file with a line for each word. A word may contain spaces, as some of GloVe's do; spaces or
    tabs, one or more, are between the numbers."""

    def _records(self, file: BufferedReader) -> Iterator[VectorRecord]:
        file.seek(self.start)
        place, count, empty, first = self.start, 0, 0, 1 if self.count is None else 2
        for line, text in enumerate(file, first):
            row = text.rstrip()
            if not row:
                empty = empty or line
            elif empty:
                raise DataError(
                    f"{self.name}, line {empty}: empty; expected a word and {quantity(self.width, 'number')}"
                )
            else:
                word, numbers = self._cut(row, line)
                yield VectorRecord(word, place + len(row) - len(numbers), numbers, line)
                count += 1
            place += len(text)
        if self.count not in (None, count):
            raise DataError(
                f"{self.name}: its first line promises {quantity(self.count, 'word')}; got {count:,}, so it was cut "
                "short or "
                "changed; correct that line, or fetch the file again"
            )

    def _cut(self, row: bytes, line: int) -> tuple[bytes, bytes]:
        """The word and the numbers of a row."""
        if row.count(b" ") == self.width and b"  " not in row and b"\t" not in row:
            word, _, numbers = row.partition(b" ")
            return word, numbers
        fields = row.split()
        is_blank = len(fields) == self.width and row[:1].isspace() and all(map(_is_number, fields))
        word = b"" if is_blank else row.rsplit(None, self.width)[0].strip()
        *_, last = word.split() or [b""]
        if (len(fields) <= self.width and not is_blank) or (last != word and _is_number(last)):
            raise DataError(
                f"{self.name}, line {line}: expected a word and {quantity(self.width, 'number')}; got {len(fields) - 1}"
            )
        return word, row[row.find(word) + len(word) :]

    def _numbers(self, file: BufferedReader) -> bytes:
        return file.readline()

    def _parse(self, numbers: bytes) -> np.ndarray:
        with np.errstate(over="ignore"):  # what is infinite in float32 is refused
            return np.array(numbers.split(), np.float32)


class BinaryVectors(_RecordFile):
    """The vectors of a file in word2vec's binary format."""

    def _records(self, file: BufferedReader) -> Iterator[VectorRecord]:
        file.seek(self.start)
        buffer, base, at, size = b"", self.start, 0, 4 * self.width
        for number in range(1, (self.count or 0) + 1):
            while (space := buffer.find(b" ", at)) < 0 or space + 1 + size > len(buffer):
                piece = file.read(PIECE)
                if not piece or (space < 0 and len(buffer) - at > LONGEST_LINE):
                    raise DataError(
                        f"{self.name}: expected {self.count:,} words with {quantity(size, 'byte')} of "
                        "numbers each; it ends within "
                        f"word {number:,}, after {quantity(base + len(buffer), 'byte')}; fetch the file again"
                    )
                buffer, base, at = buffer[at:] + piece, base + at, 0
            begin = space + 1
            word = buffer[at:space].lstrip(b"\n")  # the original program ends each vector with a line end
            yield VectorRecord(word, base + begin, buffer[begin : begin + size], 0)
            at = begin + size

    def _numbers(self, file: BufferedReader) -> bytes:
        return file.read(4 * self.width)

    def _parse(self, numbers: bytes) -> np.ndarray:
        return np.frombuffer(numbers, "<f4").astype(np.float32)


def open_vectors(place: str | Path, *, normal_form: NormalForm = "NFC") -> Vectors:
    """Opens a file of vectors, whose format is recognised by its content. Vectors are read on demand. Words are
    compared and returned in a normal form of Unicode, in whichever the file has them; "none" leaves their spelling.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "toy.txt"
    ...     _ = file.write_text("cat 1 0.1\\ndog 1 0.2\\ncar 0 1\\n")
    ...     open_vectors(file).neighbours("cat", 1)[0].word
    'dog'

    Raises:
        DataError: a missing file, one of another format, one without words, or one cut short.
    """
    from elman.formats.vectors import fasttext

    path = Path(place)
    if not path.is_file():
        raise DataError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; expected {_FORMATS}")
    with open_file(path, by_content=True) as file:
        first = file.readline(LONGEST_LINE)
        if first.startswith(fasttext.MAGIC):
            return fasttext.FastTextVectors(path, normal_form)
        mark = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
        header = _header(first[mark:], f"{path}, line 1")
        after = file.read(LONGEST_LINE)
    if not first:
        raise DataError(f"{path}: empty; expected {_FORMATS}")
    if header is None:
        fields = first[mark:].split()
        if len(fields) < 2 or not all(map(_is_number, fields[1:])):
            raise _foreign(path, first)
        return TextVectors(path, len(fields) - 1, mark, None, normal_form)
    count, width = header
    if count < 1 or width < 1:
        raise DataError(
            f"{path}: no words: its first line promises {quantity(count, 'word')} of {quantity(width, 'number')}"
        )
    _check_width(path, width)
    line = after.partition(b"\n")[0].split()
    is_text = not after or (len(line) > 1 and all(map(_is_number, line[-min(width, len(line) - 1) :])))
    kind = TextVectors if is_text else BinaryVectors
    return kind(path, width, len(first), count, normal_form)


def decode_word(word: bytes) -> str:
    """The word as text; bytes that are not UTF-8 become U+FFFD."""
    return word.decode(errors="replace")


def normal_bytes(word: bytes, form: NormalForm) -> bytes:
    """The word in a normal form, in UTF-8."""
    return word if form == "none" or word.isascii() else normalise(decode_word(word), form).encode()


def refuse_non_finite(where: str, word: str, vector: np.ndarray) -> None:
    """Raises `DataError` for a vector with an infinite number or NaN."""
    if not np.isfinite(vector).all():
        raise DataError(f"{where}: the vector of {word!r} has an infinite number or NaN; mend the file")


def _header(line: bytes, place: str) -> tuple[int, int] | None:
    fields = line.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    count, width = (whole_of(field.decode(), place) for field in fields)
    return count, width


def _check_width(path: Path, width: int) -> None:
    """Refuses vectors that no file of this size can hold, before anything of their width is made."""
    size, least = path.stat().st_size, 2 * width  # a digit and a space for each number
    if is_compressed(path):
        check_expansion(least, size, str(path))
    elif least > size:
        raise DataError(
            f"{path}: its first line promises vectors of {quantity(width, 'number')}; the file has "
            f"{quantity(size, 'byte')}"
        )


def _is_number(field: bytes) -> bool:
    try:
        return not math.isnan(float(field)) or field.lower() in (b"nan", b"-nan")
    except ValueError:
        return False


def _foreign(path: Path, start: bytes) -> DataError:
    if start.startswith(b"PK\3\4"):
        return DataError(f"{path}: a zip archive; unpack it and name one of its files")
    return DataError(
        f"{path}: expected word vectors ({_FORMATS}); it begins with {start[:20]!r}. Convert a fastText .bin from "
        "before 2017 anew, or use its .vec"
    )
