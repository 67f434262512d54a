"""Reads tables with named columns: CSV, TSV and JSON lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from elman._errors import DataError, RecordError, excerpt, nearest, quantity
from elman._normal_form import normalise
from elman.formats.files import File, lines, text_of
from elman.formats.lines import Lines
from elman.formats.names import JSON_LINES, TABLES
from elman.formats.objects import scalar_of, values_of

CSV, TSV = ".csv", ".tsv"

Value = TypeVar("Value")

_AROUND = " \t\r\n\v\f\xa0\u200b\ufeff"  # white space, and byte order marks, which lie within a file that was joined

LONGEST_FIELD = 2**31 - 1
"""The most characters of a field in CSV; Python's own limit, 131,072, is less than some documents have."""


class Row(NamedTuple):
    """One row of a table: its line in the file, counted from 1 (the last, where it has several), and chosen columns."""

    line: int
    values: dict[str, str]
    fields: tuple[str, ...] = ()
    """All fields as they are written; of JSON lines, the whole line alone."""


class Table:
    r"""The rows of a table, one by one, as its lines arrive. CSV has a head, commas, and quotes around fields with a
    comma or a line end. TSV has a head and tabs; its quotes are text. JSON lines have an object in each line; numbers,
    true and false become their JSON text, and null an empty text. A line that is empty is no row in CSV, else a row of
    empty texts.

    A row that cannot be read raises a `RecordError`; the next call goes on with the row after it.

    >>> table = Table(Lines("a.tsv", iter(["id\ttext\n1\tone\n2\n3\tthree"])), ".tsv", ["text"])
    >>> table.head, next(table).values
    (('id', 'text'), {'text': 'one'})
    >>> next(table)
    Traceback (most recent call last):
    elman._errors.RecordError: a.tsv, line 3: 1 column; expected 2, as in the head (id, text)
    >>> next(table).fields
    ('3', 'three')
    """

    def __init__(
        self,
        lines: Lines,
        form: str,
        columns: Sequence[str] | None = None,
        *,
        lists: Collection[str] = (),
        texts: Collection[str] = (),
    ):
        """Reads the head.

        Args:
            lines: the lines of the table.
            form: the ending of the file's name.
            columns: names of the columns to read; all by default.
            lists: names of columns whose values may be lists in JSON lines.
            texts: names of columns whose values must be texts there, or null.

        Raises:
            DataError: a file that is no table, a missing column (names those present), or one that is there twice.
        """
        if form not in TABLES:
            raise DataError(f"{lines.name}: expected a table, a file ending in {', '.join(TABLES)} (or .gz, .xz)")
        self.name, self.form = lines.name, form
        self._lines, self._columns, self._lists, self._texts = lines, columns, lists, texts
        self._records = iter(_Quoted(lines)) if form == CSV else lines
        self.written = () if form in JSON_LINES else self._read_head()
        """The names of all columns as the head has them; empty for JSON lines, where each row has its own."""
        self.head = tuple(map(column_name, self.written))
        """These names as `column_name` compares them."""
        self._check_names(columns or ())

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        record = next(self._records)
        place = f"{self.name}, line {self._lines.number}"
        if self.form in JSON_LINES:
            return self._object(place, str(record))
        return self._row(place, self._split(record))

    def _read_head(self) -> tuple[str, ...]:
        record = next(self._records, None)
        if record is None:
            raise DataError(f"{self.name}: empty; expected a head with the names of the columns, and rows")
        head = self._split(record)
        if self.form == CSV and len(head) == 1 and re.search("[;\t]", head[0]):
            raise DataError(
                f"{self.name}: expected commas between columns; got the head {head[0]!r}. Save it with commas"
            )
        return tuple(head)

    def _check_names(self, columns: Sequence[str]) -> None:
        counts = Counter(self.head)
        for name in columns if self.written else ():
            _check_column(self.name, name, counts)
            if (count := counts[column_name(name)]) > 1:
                raise DataError(f"{self.name}: {quantity(count, 'column')} are named {name!r}; give each its own name")

    def _split(self, record: str | list[str]) -> list[str]:
        return record.split("\t") if isinstance(record, str) else record

    def _row(self, place: str, fields: Sequence[str]) -> Row:
        if fields == [""]:
            fields = [""] * len(self.head)
        if len(fields) != len(self.head):
            error = RecordError(
                f"{place}: {quantity(len(fields), 'column')}; expected {len(self.head)}, as in the head "
                f"({', '.join(self.head)}){self._mend(fields)}"
            )
            missing = len(self.head) - len(fields)
            error.fields = (*fields[: len(self.head)], *[""] * missing)
            raise error
        values = dict(zip(self.head, fields, strict=True))
        chosen = values if self._columns is None else {name: values[column_name(name)] for name in self._columns}
        return Row(self._lines.number, chosen, tuple(fields))

    def _mend(self, fields: Sequence[str]) -> str:
        """A hint where a field of TSV begins with a quote that a later line seems to close."""
        opened = any(field[:1] == '"' and (len(field) == 1 or field[-1] != '"') for field in fields)
        return "; quotes are text in TSV: save fields of several lines as CSV" if self.form == TSV and opened else ""

    def _object(self, place: str, written: str) -> Row:
        if not written.strip():
            return Row(self._lines.number, dict.fromkeys(self._columns or (), ""), (written,))
        values = named(values_of(written, place), place)
        columns = values if self._columns is None else self._columns
        for name in columns:
            _check_column(place, name, values)
        rules = {name: {"lists": name in self._lists, "text_only": name in self._texts} for name in columns}
        texts = {name: scalar_of(values[column_name(name)], f"{place}: {name}", **rule) for name, rule in rules.items()}
        return Row(self._lines.number, texts, (written,))


def read_table(
    file: File,
    *,
    columns: Sequence[str],
    encoding: str = "utf-8",
    lists: Collection[str] = (),
    texts: Collection[str] = (),
) -> Iterator[Row]:
    r"""Reads the rows of a file, whose suffix gives its format; see `Table`. Empty lines at the end are no rows.

    Args:
        file: a file of `read_files`.
        columns: names of the columns to read.
        encoding: encoding of the text.
        lists: names of the columns that may hold lists in JSON lines, which become their JSON text.
        texts: names of the columns that must hold texts there, or null.

    Raises:
        DataError: a missing column (names those present), a row of another width, a line that is not a JSON object, or
            a nested value; with the file and line.

    >>> file = File("a.csv", ("a.csv",), b'id,text\n1,"one, two"\n')
    >>> [row.values for row in read_table(file, columns=["text"])]
    [{'text': 'one, two'}]
    """
    return Table(_lines_of(file, encoding), file.suffix, columns, lists=lists, texts=texts)


def columns_of(file: File, *, encoding: str = "utf-8") -> tuple[str, ...]:
    r"""Reads the names of a table's columns; for JSON lines, those of the first line.

    >>> columns_of(File("a.tsv", ("a.tsv",), b"id\ttext\n1\tone\n"))
    ('id', 'text')

    Raises:
        DataError: a file that is empty or not a table.
    """
    if file.suffix not in JSON_LINES:
        return Table(_lines_of(file, encoding), file.suffix).head
    first = next(iter(lines(text_of(file, encoding))), "{}")
    place = f"{file.name}, line 1"
    if not (names := tuple(named(values_of(first, place), place))):
        raise DataError(f'{file.name}: empty; expected JSON objects such as {{"text": ...}}')
    return names


class _Quoted:
    """The rows of CSV as lists of fields."""

    def __init__(self, lines: Lines):
        csv.field_size_limit(LONGEST_FIELD)
        self._lines = lines
        # csv ends a row at "\r" too. `Lines` leaves one within a line alone and has refused "\0", which stands for it.
        self._reader = csv.reader((map(_without_return, lines)), strict=True)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        row: list[str] = []
        while not row:  # csv gives an empty line as a row without fields
            first = self._lines.number + 1
            try:
                row = next(self._reader)
            except csv.Error as error:
                last = self._lines.number
                from_ = f", in the row that begins at line {first}" if first < last else ""
                raise RecordError(f"{self._lines.name}, line {last}: not CSV ({error}{from_})") from None
        return [field.replace("\0", "\r") for field in row]


def _without_return(line: str) -> str:
    return line.replace("\r", "\0") + "\n"


def _lines_of(file: File, encoding: str) -> Lines:
    return Lines(file.name, iter([text_of(file, encoding).rstrip("\n")]))


def column_name(written: str) -> str:
    r"""The name of a column, by which it is compared with others: in normal form, without white space and byte order
    marks around it.

    >>> column_name(" \ufeffcafe\u0301 ") == "caf\xe9"
    True
    """
    return normalise(written.strip(_AROUND), "NFC")


def named(values: Mapping[str, Value], place: str) -> dict[str, Value]:
    """Values by the names of columns as they are compared.

    >>> named({" text": 1}, "line 1")
    {'text': 1}

    Raises:
        RecordError: two names that are the same; names `place`.
    """
    by_name = {column_name(name): value for name, value in values.items()}
    if len(by_name) < len(values):
        counts = Counter(map(column_name, values))
        twice = next(name for name in by_name if counts[name] > 1)
        raise RecordError(f"{place}: {excerpt(twice)} is there twice; expected each name once")
    return by_name


def _check_column(place: str, name: str, there: Collection[str]) -> None:
    if column_name(name) not in there:
        raise RecordError(f"{place}: no column {name!r}{nearest(name, there)}; there are {', '.join(there)}")
