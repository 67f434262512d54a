"""Reads numeric series from tables in long form, of files or in memory: a row for each step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from elman._errors import DataError, nearest
from elman._normal_form import normalise
from elman._types import NormalForm
from elman.formats import table
from elman.formats.clocks import parse_order
from elman.formats.files import File
from elman.formats.frames import Frame
from elman.formats.numbers import number_of
from elman.tasks.series_classification.series import Missing, Series, SeriesFile, Trial, numbers_of

Order = dict[int, tuple[float, ...]]
"""Keys that order the rows of a table, by their lines."""


class ColumnRoles(NamedTuple):
    """The roles of the columns of a table in long form."""

    series: str = "series"
    """The column with the name of each row's series."""
    time: str = "time"
    """The column that orders the steps; without such a column the rows are in order."""
    values: tuple[str, ...] = ()
    """The columns of the channels; all other columns where empty."""
    label: str = "label"
    """The column of the class."""

    @property
    def compared(self) -> ColumnRoles:
        """The roles with the names of columns as they are compared."""
        name = table.column_name
        return ColumnRoles(name(self.series), name(self.time), tuple(map(name, self.values)), name(self.label))


class LongTable(NamedTuple):
    """A table in long form, of a file or in memory."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterable[table.Row]]
    """Reads the rows, of these columns."""
    place: Callable[[int], str]
    """The place of the row with a number, for messages."""


def of_file(file: File, encoding: str) -> LongTable:
    """The table of a file."""
    return LongTable(
        file.name,
        table.columns_of(file, encoding=encoding),
        lambda columns: table.read_table(file, columns=columns, encoding=encoding),
        lambda line: f"{file.name}, line {line}",
    )


def of_frame(frame: Frame, texts: Collection[str]) -> LongTable:
    """The table of a frame, whose rows are numbered from 1; the columns `texts` hold no numbers."""

    spelt, of_texts = table.named({name: name for name in frame.columns}, frame.name), {*map(table.column_name, texts)}

    def fields(name: str) -> list[str]:
        if name in of_texts:
            return frame.texts(spelt[name])
        return ["" if value is None else str(value) for value in frame.columns[spelt[name]]]

    def rows(columns: Sequence[str]) -> Iterator[table.Row]:
        listed = zip(*map(fields, columns), strict=True)
        return (table.Row(n, dict(zip(columns, row, strict=True)), row) for n, row in enumerate(listed, start=1))

    return LongTable(frame.name, tuple(spelt), rows, lambda number: frame.place(number - 1))


def read_long(
    file: LongTable, columns: ColumnRoles, labelled: bool, missing: Missing, form: NormalForm, trial: Trial
) -> SeriesFile:
    """Reads the series of a table, in order; see `elman.tasks.series_classification.reading.read_series`.

    Raises:
        DataError: as there.
    """
    there, columns = file.columns, columns.compared
    for name in (columns.series, *((columns.label,) if labelled else ()), *columns.values):
        if name not in there:
            raise DataError(f"{file.name}: no column {name!r}{nearest(name, there)}; there are {', '.join(there)}")
    time = [columns.time] if columns.time in there else []
    label = [columns.label] if labelled or columns.label in there else []
    others = {columns.series, columns.time, columns.label}
    channels = columns.values or tuple(name for name in there if name not in others)
    if not channels:
        raise DataError(f"{file.name}: no column with values; there are {', '.join(there)}")
    rows = list(file.read([columns.series, *time, *label, *channels]))
    keys = _order(file, columns, rows) if time else {}
    steps: dict[str, list[table.Row]] = {}
    written: dict[str, str] = {}  # the names of the series as the file has them
    for row in rows:
        if not steps and not columns.values:
            _check_channels(file, row, channels)
        named = {name: normalise(row.values[name].strip(), form) for name in (columns.series, *label)}
        written.setdefault(named[columns.series], row.values[columns.series])
        steps.setdefault(named[columns.series], []).append(row._replace(values=row.values | named))

    def one(name: str, own: list[table.Row]) -> Series:
        kind = _label(file, columns, name, own) if label else ""
        ordered = _by_time(file, columns, name, own, keys) if time else own
        values = [[row.values[channel] for row in ordered] for channel in channels]
        places = [file.place(row.line) for row in ordered]
        return Series(numbers_of(values, places, channels, missing), kind, file.place(own[0].line))

    series = tuple(
        trial(partial(one, name, own), written[name], file.place(own[0].line)) for name, own in steps.items()
    )
    return SeriesFile(tuple(channels), series, tuple(written.values()), trial.errors)


def _check_channels(file: LongTable, row: table.Row, channels: Sequence[str]) -> None:
    """Refuses a column without numbers that would become a channel."""
    for name in channels:
        try:
            number_of(row.values[name], f"{file.place(row.line)}, {name}")
        except DataError as error:
            raise DataError(f"{error}; say which columns are channels with --value-columns") from None


def _label(file: LongTable, columns: ColumnRoles, name: str, rows: list[table.Row]) -> str:
    first = rows[0].values[columns.label].strip()
    for row in rows:
        if (label := row.values[columns.label].strip()) != first:
            raise DataError(
                f"{file.place(row.line)}: {columns.label} {label!r}; expected {first!r}, as in "
                f"{file.place(rows[0].line)} of the same {columns.series} {name!r}"
            )
    return first


def _order(file: LongTable, columns: ColumnRoles, rows: list[table.Row]) -> Order:
    """The keys that order rows by time, by their lines; none where some time cannot be read."""
    try:
        return _keys(file, columns, rows)
    except DataError:
        return {}  # the series that it belongs to is refused


def _keys(file: LongTable, columns: ColumnRoles, rows: list[table.Row]) -> Order:
    places = [f"{file.place(row.line)}, {columns.time}" for row in rows]
    names = [row.values[columns.series] for row in rows]
    keys = parse_order([row.values[columns.time] for row in rows], places, names)
    return {row.line: key for row, key in zip(rows, keys, strict=True)}


def _by_time(file: LongTable, columns: ColumnRoles, name: str, rows: list[table.Row], keys: Order) -> list[table.Row]:
    """The rows of a series in the order of their times."""
    column, keys = columns.time, keys or _keys(file, columns, rows)
    ordered = sorted(rows, key=lambda row: keys[row.line])
    for before, after in pairwise(ordered):
        if keys[before.line] == keys[after.line]:
            raise DataError(
                f"{file.place(after.line)}: {column} {after.values[column]!r} of {name!r} is already in "
                f"{file.place(before.line)}; expected each once"
            )
    return ordered
