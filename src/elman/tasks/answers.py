"""The inputs of `elman predict` and their answers: in order, one for each, alone or beside the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from elman._errors import DataError, RecordError
from elman.formats.lines import Lines, in_groups
from elman.formats.names import JSON_LINES
from elman.formats.results import ResultTable
from elman.formats.rows import Cell, field_text, write_object, write_row
from elman.formats.table import Row, Table
from elman.tasks.output import Warning
from elman.tasks.settings import OnError

NAME = "elman"
"""The name of the column of answers."""


def answer_table(answers: Sequence[Answer], *, index: Any = None, beside: Mapping[str, Any] = {}) -> ResultTable:
    """The answers to the rows of a table in memory, with the columns that `elman predict` writes beside its own.

    Args:
        answers: one for each row.
        index: the index of the rows.
        beside: columns before those of the answers.

    >>> answer_table([Answer(("a",), {"elman": "a"}), Answer(("",), {"elman": None})])["elman"].tolist()
    ['a', None]
    """
    names = dict.fromkeys(name for answer in answers for name in answer.columns)
    columns = {name: [answer.columns.get(name) for answer in answers] for name in names}
    return ResultTable.of(
        {**beside, **{name: _numbers_or_texts(cells) for name, cells in columns.items()}}, index=index
    )


def _numbers_or_texts(cells: Sequence[Cell]) -> Any:
    """The cells as an array of numbers, NaN where there is none, or as texts."""
    if any(isinstance(cell, str) for cell in cells) or all(cell is None for cell in cells):
        return cells
    return np.array([np.nan if cell is None else cell for cell in cells], np.float32)


class TableForm(NamedTuple):
    """The form of a table, beside which answers are written."""

    name: str
    """The table's name in messages."""
    form: str
    """The ending of its name."""
    head: tuple[str, ...]
    """The names of its columns; empty for JSON lines."""


class Input(NamedTuple):
    """An input that is to be answered."""

    asked: Any
    """The text or another value; false where there is nothing to answer: the answer is blank."""
    fields: tuple[str, ...] = ()
    """The input as it is written: the fields of a row, a line alone, or the name of a file."""
    table: TableForm | None = None
    """The table of a row."""
    place: str = ""
    """The file and line, for messages."""
    error: DataError | None = None
    """The error of an input that cannot be read."""


class Answer(NamedTuple):
    """An answer to one input, in two forms."""

    fields: tuple[str, ...]
    """The fields of a line, to be separated by tabs; all are empty in a blank answer."""
    columns: Mapping[str, Cell]
    """The columns that a table has more, by name."""


Group = list[Input]


def lines_asked(lines: Lines, text: Callable[[str, str], str] = lambda line, place: line) -> Iterator[Group]:
    """Yields the lines of a text as inputs, in groups as they arrive.

    Args:
        lines: the lines.
        text: a function of a line and its place, for messages, that gives the text in the line; it may raise a
            `RecordError`.
    """
    parsed = _Parsed(lines, text)
    for group in in_groups(lines, lambda: parsed):
        yield [one if isinstance(one, Input) else Input("", error=one) for one in group]


def rows_asked(lines: Lines, form: str, column: str) -> Iterator[Group]:
    """Yields the texts in one column of a table as inputs, in groups as they arrive.

    Raises:
        DataError: no such column.
    """
    rows = Table(lines, form, [column], texts=[column])
    table = TableForm(lines.name, form, rows.written)

    def asked(row: Row | RecordError) -> Input:
        if isinstance(row, RecordError):
            return Input("", row.fields, table, error=row)
        return Input(row.values[column].strip(), row.fields, table, f"{lines.name}, line {row.line}")

    for group in in_groups(lines, lambda: rows):
        yield [asked(row) for row in group]


def in_order(
    groups: Iterable[Group | Warning],
    answer: Callable[[Group], Iterable[Iterable[str] | DataError]],
    *,
    blank: Callable[[Input], Iterable[str]],
    on_error: OnError,
) -> Iterator[str | Warning]:
    """Yields the lines of the answers to inputs, in order.

    Args:
        groups: the inputs, and warnings that go through.
        answer: a function that gives the lines of the answer to each input, or an error.
        blank: a function that gives the lines of a blank answer to an input.
        on_error: what follows an error.

    Raises:
        DataError: an input that cannot be read, after the answers to those before it, unless `on_error` says otherwise.
    """
    for group in groups:
        if isinstance(group, Warning):
            yield group
            continue
        answers = iter(answer([one for one in group if one.asked]))
        for one in group:
            lines = one.error or (next(answers) if one.asked else blank(one))
            if isinstance(lines, DataError):
                error = lines if lines is one.error else RecordError(f"{one.place}: {lines}")
                yield pass_over(error, on_error)
                lines = blank(one) if on_error == "blank" else ()
            yield from lines


def pass_over(error: DataError, on_error: OnError) -> Warning:
    """The warning of an input that cannot be read.

    Raises:
        DataError: `error`, unless `on_error` says otherwise.
    """
    if on_error == "fail":
        raise error
    return Warning(f"{error}; {'its answer is blank' if on_error == 'blank' else 'left out'}")


def answers_in_order(
    groups: Iterable[Group | Warning],
    answer: Callable[[Sequence[Any]], Iterable[Sequence[Answer] | DataError]],
    *,
    blank: Answer,
    with_input: bool,
    on_error: OnError,
) -> Iterator[str | Warning]:
    r"""Yields the lines of the answers to inputs, in order, with the inputs if `with_input`.

    Args:
        groups: the inputs, and warnings that go through.
        answer: a function that gives the answers to each text or other value, one or more, or an error.
        blank: the answer to an input in which there is nothing to answer.
        with_input: writes the inputs too.
        on_error: what follows an error.

    Raises:
        DataError: as `in_order`, or a table that has other columns than the one before.

    >>> def shout(texts):
    ...     return ([Answer((text.upper(),), {"elman": text.upper()})] for text in texts)
    >>> asked, blank = [Input("a", ("a\tb",)), Input("")], Answer(("",), {"elman": None})
    >>> list(answers_in_order([asked], shout, blank=blank, with_input=False, on_error="fail"))
    ['A', '']
    >>> list(answers_in_order([asked], shout, blank=blank, with_input=True, on_error="fail"))
    ['A\ta\tb', '\t']
    """
    write = _Beside().lines if with_input else partial(_alone, blank)

    def lines(group: Group) -> Iterator[Iterable[str] | DataError]:
        for one, written in zip(group, answer([one.asked for one in group]), strict=True):
            yield (
                written if isinstance(written, DataError) else chain.from_iterable(write(one, each) for each in written)
            )

    return in_order(groups, lines, blank=lambda one: write(one, blank), on_error=on_error)


class _Parsed:
    """The inputs in lines; it goes on after a line that cannot be read."""

    def __init__(self, lines: Lines, text: Callable[[str, str], str]):
        self._lines, self._text = lines, text

    def __iter__(self) -> Iterator[Input]:
        return self

    def __next__(self) -> Input:
        line = next(self._lines)
        if not line.strip():
            return Input("", (line,))
        place = f"{self._lines.name}, line {self._lines.number}"
        return Input(self._text(line, place).strip(), (line,), place=place)


def _alone(blank: Answer, one: Input, answer: Answer) -> Iterator[str]:
    yield "" if answer is blank else "\t".join(answer.fields)


class _Beside:
    """Writes answers beside their inputs."""

    def __init__(self) -> None:
        self._head: tuple[str, ...] = ()

    def lines(self, one: Input, answer: Answer) -> Iterator[str]:
        if one.table is None:
            yield "\t".join((*answer.fields, *(one.fields or ("",))))
        elif one.table.form in JSON_LINES:
            yield write_object("".join(one.fields), answer.columns)
        else:
            yield from self._rows(one, one.table, answer)

    def _rows(self, one: Input, table: TableForm, answer: Answer) -> Iterator[str]:
        names = [field_text(name, table.form) for name in answer.columns]
        values = [field_text(value, table.form) for value in answer.columns.values()]
        head = (*table.head, *names)
        if head != self._head:
            self._check(table, names, head)
            self._head = head
            yield write_row(head, table.form)
        yield write_row([*(one.fields or ("",) * len(table.head)), *values], table.form)

    def _check(self, table: TableForm, names: Sequence[str], head: tuple[str, ...]) -> None:
        twice = next((name for name in names if name in table.head), None)
        if twice is not None:
            raise DataError(f"{table.name}: there is a column {twice!r} already; give it another name")
        if self._head:
            raise DataError(
                f"{table.name}: the columns are {', '.join(table.head)}, and others in the table before; answers go "
                "beside tables of the same columns, so predict them one by one"
            )
