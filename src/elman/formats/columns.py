"""Reads words in columns, as in CoNLL-2003 (Tjong Kim Sang and De Meulder, 2003): a word and its tags on a line,
separated by spaces or tabs; an empty line ends a sentence, and `-DOCSTART-` begins a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from elman._errors import ConfigError, RecordError, quantity

NAMES = {2: ("word", "tag"), 3: ("word", "pos", "chunk"), 4: ("word", "pos", "chunk", "ner")}
"""Names of columns by their number: 2, as most files have; 3, as in CoNLL-2000; 4, as in CoNLL-2003."""

DOCUMENT = "-DOCSTART-"

_COMMENT = re.compile(r"# (?:id \S|\w+ = [^\t]*$)")
"""A line before a sentence that is no word of it: `# text = ...`, or `# id ...` as in MultiCoNER."""


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


def read_columns(
    lines: Iterable[str], *, file: str = "the text", first: int = 1, least: int = 2, spaced: bool = True
) -> Iterator[SentenceColumns]:
    r"""Reads the sentences of a file, one by one; `lines` are without their ends. In a line with a tab, only tabs
    separate columns, so that words may hold spaces. Lines before a sentence such as `# text = ...`, without a tab, or
    `# id ...` are comments.

    Args:
        lines: the lines.
        file: the file's name in messages.
        first: the number of the first line.
        least: the fewest columns.
        spaced: spaces separate columns in a line without a tab; else it is a word alone.

    Raises:
        RecordError: a line with more or fewer columns than the first, or too few, or with the words of a sentence and
            their tags behind bars or slashes; with file and line.

    >>> [rows.words for rows in read_columns(["10 000", "cats", ""], least=1, spaced=False)]
    [('10 000', 'cats')]
    """
    rows: list[tuple[str, ...]] = []
    expected, start = 0, 0
    number = first - 1
    for number, line in enumerate(lines, start=first):
        fields = _fields(line, spaced)
        if not any(fields) or fields[0] == DOCUMENT:
            if rows:
                yield SentenceColumns(tuple(rows), file, number - len(rows))
                rows = []
            continue
        if not rows and _COMMENT.match(line):
            continue
        place = f"{file}, line {number}"
        if not expected:
            expected, start = len(fields), number
        if len(fields) < least:
            raise RecordError(f"{place}: expected a word and its tags in columns; got {line!r}")
        if "\t" not in line and _are_tied(fields):
            raise RecordError(
                f"{place}: expected a word and its tags in columns; got a sentence whose words have their tags behind "
                f"them ({line!r}). Write each word, with its tags, on a line of its own"
            )
        if len(fields) != expected:
            mend = "" if "\t" in line else "; where words hold spaces, separate the columns by tabs"
            raise RecordError(
                f"{place}: expected {quantity(expected, 'column')} as in line {start}; got {len(fields)} "
                f"({line!r}){mend}"
            )
        if "" in fields:
            raise RecordError(f"{place}: column {fields.index('') + 1} is empty ({line!r})")
        rows.append(fields)
    if rows:
        yield SentenceColumns(tuple(rows), file, number + 1 - len(rows))


def write_rows(rows: Iterable[Sequence[str]]) -> str:
    r"""Writes the rows of one sentence as lines with tabs, and the empty line that ends it.

    >>> write_rows([["New York", "B-LOC"], ["sleeps", "O"]])
    'New York\tB-LOC\nsleeps\tO\n\n'
    """
    return "".join("\t".join(fields) + "\n" for fields in rows) + "\n"


def is_field(text: str) -> bool:
    r"""True for a text that is read back from a row as it is written.

    >>> is_field("New York"), is_field("a\tb"), is_field(" "), is_field("")
    (True, False, False, False)
    """
    return bool(text) and text == text.strip(" ") and not re.search(r"[\t\n\r]", text)


def write_comment(name: str, value: str) -> str:
    r"""Writes a comment, as a line that is no row.

    >>> write_comment("text", "New York\tsleeps")
    '# text = New York sleeps\n'
    """
    return f"# {name} = {value}".replace("\t", " ") + "\n"


def _are_tied(fields: Sequence[str]) -> bool:
    """True for words with their tags behind them, as in spaCy's .iob (`I|PRON|O like|VERB|O it|PRON|O`) or in `I/PRON
    like/VERB it/PRON`."""
    return len(fields) > 2 and any(all(bar in field for field in fields) for bar in "|/")


def _fields(line: str, spaced: bool) -> tuple[str, ...]:
    """The columns of a line. Only the space and the tab separate: other blanks, such as U+00A0, belong to words."""
    if "\t" in line:
        return tuple(field.strip(" ") for field in line.split("\t"))
    return tuple(field for field in line.split(" ") if field) if spaced else (line.strip(" "),)
