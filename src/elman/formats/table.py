"""Reads tables with named columns: CSV, TSV and JSON lines."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from elman._errors import DataError, nearest
from elman.formats.files import File, lines, text_of
from elman.formats.names import JSON_LINES, TABLES
from elman.formats.objects import scalar_of, values_of


class Row(NamedTuple):
    """One row of a table: its line in the file, counted from 1 (the last, where it has several), and chosen columns."""

    line: int
    values: dict[str, str]


def read_table(
    file: File, *, columns: Sequence[str], encoding: str = "utf-8", lists: Collection[str] = ()
) -> Iterator[Row]:
    r"""Reads the rows of a file, whose suffix gives its format. CSV has a head, commas, and quotes around fields with a
    comma or a line end. TSV has a head and tabs; its quotes are text. JSON lines have an object in each line; numbers,
    true and false become their JSON text, and null an empty text.

    Args:
        file: a file of `read_files`.
        columns: names of the columns to read.
        encoding: encoding of the text.
        lists: names of the columns that may hold lists in JSON lines, which become their JSON text.

    Raises:
        DataError: a missing column (names those present), a row of another width, a line that is not a JSON object, or
            a nested value; with the file and line.

    >>> file = File("a.csv", ("a.csv",), b'id,text\n1,"one, two"\n')
    >>> list(read_table(file, columns=["text"]))
    [Row(line=2, values={'text': 'one, two'})]
    """
    text = text_of(file, encoding)
    if file.suffix in JSON_LINES:
        return _objects(file, text, columns, lists)
    return _with_head(file, _rows(file, text), columns)


def columns_of(file: File, *, encoding: str = "utf-8") -> tuple[str, ...]:
    r"""Reads the names of a table's columns; for JSON lines, those of the first line.

    >>> columns_of(File("a.tsv", ("a.tsv",), b"id\ttext\n1\tone\n"))
    ('id', 'text')

    Raises:
        DataError: a file that is empty or not a table.
    """
    text = text_of(file, encoding)
    if file.suffix not in JSON_LINES:
        return tuple(_head(file, _rows(file, text)))
    first = next(iter(lines(text)), "{}")
    if not (names := tuple(values_of(first, f"{file.name}, line 1"))):
        raise DataError(f'{file.name}: empty; expected JSON objects such as {{"text": ...}}')
    return names


def _rows(file: File, text: str) -> Iterator[tuple[int, list[str]]]:
    if file.suffix == ".csv":
        return _quoted(file, text)
    if file.suffix == ".tsv":
        return ((line, row.split("\t")) for line, row in enumerate(lines(text), start=1))
    raise DataError(f"{file.name}: expected a table, a file ending in {', '.join(TABLES)} (or .gz, .xz)")


def _quoted(file: File, text: str) -> Iterator[tuple[int, list[str]]]:
    # csv ends a row at "\r" too. `text_of` leaves one within a line alone and has refused "\0", which stands for it.
    reader = csv.reader(io.StringIO(text.replace("\r", "\0"), newline="\n"), strict=True)
    csv.field_size_limit(max(len(text), 1 << 17))  # a document in a field may be longer than the default limit
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            from_ = f", in the row that begins at line {first}" if first < reader.line_num else ""
            raise DataError(f"{file.name}, line {reader.line_num}: not CSV ({error}{from_})") from None
        if row is None:
            return
        if row:  # csv gives an empty line as a row without fields
            yield reader.line_num, [field.replace("\0", "\r") for field in row]


def _with_head(file: File, rows: Iterator[tuple[int, list[str]]], columns: Sequence[str]) -> Iterator[Row]:
    head = _head(file, rows)
    counts, places = Counter(head), {name: place for place, name in enumerate(head)}
    for name in columns:
        _check_column(file.name, name, counts)
        if counts[name] > 1:
            raise DataError(f"{file.name}: {counts[name]} columns are named {name!r}; give each its own name")
    for line, row in rows:
        if len(row) != len(head):
            raise DataError(
                f"{file.name}, line {line}: {len(row)} columns; "
                f"expected {len(head)}, as in the head ({', '.join(head)})"
            )
        yield Row(line, {name: row[places[name]] for name in columns})


def _head(file: File, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    _, head = next(rows, (1, None))
    if head is None:
        raise DataError(f"{file.name}: empty; expected a head with the names of the columns, and rows")
    if file.suffix == ".csv" and len(head) == 1 and re.search("[;\t]", head[0]):
        raise DataError(f"{file.name}: expected commas between columns; got the head {head[0]!r}. Save it with commas")
    return head


def _objects(file: File, text: str, columns: Sequence[str], lists: Collection[str]) -> Iterator[Row]:
    for line, written in enumerate(lines(text), start=1):
        place = f"{file.name}, line {line}"
        values = values_of(written, place)
        for name in columns:
            _check_column(place, name, values)
        yield Row(line, {name: scalar_of(values[name], f"{place}: {name}", lists=name in lists) for name in columns})


def _check_column(place: str, name: str, there: Collection[str]) -> None:
    if name not in there:
        raise DataError(f"{place}: no column {name!r}{nearest(name, there)}; there are {', '.join(there)}")
