"""Reads words in columns, as in CoNLL-2003 (Tjong Kim Sang and De Meulder, 2003): a word and its tags on a line,
separated by spaces or tabs; an empty line ends a sentence, and `-DOCSTART-` begins a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from elman._errors import ConfigError, DataError

NAMES = {2: ("word", "tag"), 3: ("word", "pos", "chunk"), 4: ("word", "pos", "chunk", "ner")}
"""Names of columns by their number: 2, as most files have; 3, as in CoNLL-2000; 4, as in CoNLL-2003."""

DOCUMENT = "-DOCSTART-"


class SentenceColumns(NamedTuple):
    """One sentence in columns: its words and their tags.

    >>> [rows] = read_columns(["EU NNP B-NP B-ORG", "rejects VBZ B-VP O", ""])
    >>> rows.words, rows.values(), rows.values("pos")
    (('EU', 'rejects'), ('B-ORG', 'O'), ('NNP', 'VBZ'))
    """

    fields: tuple[tuple[str, ...], ...]
    file: str = ""
    line: int = 1
    """Number of the first line in its file."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words, which are the first column."""
        return tuple(fields[0] for fields in self.fields)

    def values(self, column: str = "") -> tuple[str, ...]:
        """The column with this name or number, counted from 1; by default the last.

        Raises:
            ConfigError: no such column.
        """
        number = find_number(column, len(self.fields[0]))
        return tuple(fields[number] for fields in self.fields)


def find_number(column: str, count: int) -> int:
    """The index of a column, counted from 0, among `count` columns.

    >>> find_number("", 4), find_number("pos", 4), find_number("2", 4)
    (3, 1, 1)

    Raises:
        ConfigError: no such column; names those that exist.
    """
    names = NAMES.get(count, ())
    if not column:
        return count - 1
    if column in names:
        return names.index(column)
    if column.isdecimal() and 1 <= int(column) <= count:
        return int(column) - 1
    named = f" ({', '.join(names)})" if names else ""
    raise ConfigError(f"column {column!r}: the file has the columns 1 to {count}{named}; the last is the default")


def read_columns(lines: Iterable[str], *, file: str = "the text") -> Iterator[SentenceColumns]:
    """Reads the sentences of a file, one by one; `lines` are without their ends. In a line with a tab, only tabs
    separate columns.

    Raises:
        DataError: a line with more or fewer columns than the first, or only one; with file and line.
    """
    rows: list[tuple[str, ...]] = []
    expected, first = 0, 0
    number = 0
    for number, line in enumerate(lines, start=1):
        fields = tuple(field.strip() for field in line.split("\t")) if "\t" in line else tuple(line.split())
        if not any(fields) or fields[0] == DOCUMENT:
            if rows:
                yield SentenceColumns(tuple(rows), file, number - len(rows))
                rows = []
            continue
        if not expected:
            expected, first = len(fields), number
        if len(fields) < 2:
            raise DataError(f"{file}, line {number}: expected a word and its tags in columns; got {line!r}")
        if len(fields) != expected:
            raise DataError(
                f"{file}, line {number}: expected {expected} columns as in line {first}; got {len(fields)} ({line!r})"
            )
        if "" in fields:
            raise DataError(f"{file}, line {number}: column {fields.index('') + 1} is empty ({line!r})")
        rows.append(fields)
    if rows:
        yield SentenceColumns(tuple(rows), file, number + 1 - len(rows))


def write_rows(rows: Iterable[Sequence[str]]) -> str:
    """Writes the rows of one sentence as lines, with the empty line that ends it.

    >>> print(write_rows([["EU", "B-ORG"], ["rejects", "O"]]), end="")
    EU B-ORG
    rejects O
    <BLANKLINE>
    """
    return "".join(f"{' '.join(fields)}\n" for fields in rows) + "\n"
