"""Reads tables of time series: assigns roles to their columns and groups their rows by series."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from elman._errors import ConfigError, DataError, nearest
from elman._normal_form import normalise
from elman._types import NormalForm, StampKind
from elman.formats import table
from elman.formats.clocks import are_times_of_day
from elman.formats.files import File, text_of
from elman.formats.frames import AnyFrame, Frame, read_frame
from elman.formats.frequency import Stamps
from elman.formats.names import JSON_LINES, TABLES, table_ending, with_tabs
from elman.formats.numbers import number_of
from elman.formats.stamp_forms import StampForm, zone_called
from elman.formats.stamp_kinds import NUMBER
from elman.formats.stamp_texts import StampColumn
from elman.formats.stamps import TIMES, parse_stamps
from elman.formats.table import CSV, column_name, named
from elman.tasks.forecasting.grid import SeriesRows
from elman.tasks.forecasting.stamp_columns import is_unnamed, read_stamps, stamp_columns

SERIES = "unique_id"
TARGET = "y"
HEADLESS = "its first column is taken as stamps, the others as values"
"""The reading of a table without names."""

_MONTHS = frozenset(name.lower() for name in (*calendar.month_name[1:], *calendar.month_abbr[1:]))


class SeriesColumns(NamedTuple):
    """The roles of the columns of a table of time series."""

    series: str = ""
    """The column with the name of each row's series; by default `unique_id`, where there is such a column."""
    time: str = ""
    """The column of stamps; by default one named `ds`, `date` or the like, or `year`, `month`, ... together."""
    targets: tuple[str, ...] = ()
    """Columns to forecast; by default `y`, or without it each column of a wide table as a series of its own."""
    past: tuple[str, ...] = ()
    """Covariates that are known up to the present."""
    future: tuple[str, ...] = ()
    """Covariates that are known ahead."""
    static: tuple[str, ...] = ()
    """Covariates that are the same at all steps of a series."""
    stamps: StampKind | None = None
    """The kind of the stamps; by default it is inferred from the column."""
    normal_form: NormalForm = "NFC"
    """The normal form of Unicode in which names of series are compared and returned."""

    @property
    def compared(self) -> SeriesColumns:
        """The roles with the names of columns as they are compared."""
        groups = (tuple(map(column_name, group)) for group in (self.targets, self.past, self.future, self.static))
        targets, past, future, static = groups
        series, time = column_name(self.series), column_name(self.time)
        return SeriesColumns(series, time, targets, past, future, static, self.stamps, self.normal_form)


class Names(NamedTuple):
    """The names of the numbers in a row, in this order."""

    targets: tuple[str, ...]
    past: tuple[str, ...]
    future: tuple[str, ...]
    static: tuple[str, ...]


class TableRows(NamedTuple):
    """The rows of a table by series, before they are laid on even steps."""

    names: Names
    rows: tuple[SeriesRows, ...]
    form: StampForm = StampForm()
    """The form of the stamps."""
    notes: tuple[str, ...] = ()
    """Sentences for people on what was inferred."""


def rows_of(
    files: Sequence[File],
    columns: SeriesColumns,
    *,
    zone: str = "",
    known: StampKind | None = None,
    encoding: str = "utf-8",
) -> TableRows:
    r"""Reads the rows of tables, by series. `known` is the kind of earlier stamps of the same series.

    >>> file = File("a.csv", ("a.csv",), b"date,HUFL,OT\n2016-07-01,5,30\n2016-07-02,6,27\n")
    >>> [(one.name, one.values.ravel().tolist()) for one in rows_of([file], SeriesColumns()).rows]
    [('HUFL', [5.0, 6.0]), ('OT', [30.0, 27.0])]
    >>> [(one.name, one.values.ravel().tolist()) for one in rows_of([file], SeriesColumns(targets=("OT",))).rows]
    [('OT', [30.0, 27.0])]

    Raises:
        DataError: a missing column, a field that is not a number, a row without name or time, or no row.
        ConfigError: a column with two roles.
    """
    rows_by_name: dict[str, list[SeriesRows]] = {}
    names, notes = [], []
    forms: list[StampForm] = []
    for file in files:
        file, added = _with_head(_as_table(file, encoding), encoding)
        notes += [f"{file.name}: line 1 has values and no names; {HEADLESS}"] if added else []
        layout = _layout(file.name, table.columns_of(file, encoding=encoding), columns)
        rows = list(table.read_table(file, columns=layout.columns, encoding=encoding))
        fields = {name: [row.values[name] for row in rows] for name in layout.columns}
        places = [f"{file.name}, line {row.line - added}" for row in rows]
        written = _Table(file.name, fields, places)
        earlier = forms[0].kind if forms and known is None else known
        column = _stamps(written, layout, columns.stamps, earlier, zone)
        names.append(layout.names)
        forms.append(column.form)
        notes += [f"{file.name}: {column.note}"] if column.note else []
        for one in _series(written, layout, column.stamps, own="" if len(files) == 1 else file.stem):
            rows_by_name.setdefault(one.name, []).append(one)
    return TableRows(names[0], tuple(_joined(parts) for parts in rows_by_name.values()), forms[0], tuple(notes))


def is_history(columns: Sequence[str], row: Mapping[str, str]) -> bool:
    """True for a table with a column of stamps or of names of series, whose other columns have numbers in its first
    row, and none of which is called text or label; where the stamps have separators, words may be beside a number. The
    column of stamps has a name, or their separators. Also for one without names, whose first line is a stamp with
    separators and numbers.

    >>> is_history(("date", "OT"), {"date": "2016-07-01", "OT": "30"}), is_history(("2016-07-01", "30"), {})
    (True, True)
    """
    if _is_headless(columns):
        return True
    names = [name for name in columns if name.lower() not in TIMES and name != SERIES and not is_unnamed(name)]
    if not row or not names or len(names) == len(columns) or {"text", "label"} & {*columns}:
        return False
    others = [name for name in columns if name not in names]
    dated = any(_is_date(row[name]) for name in others)
    counted = any(re.search(r"\d", row[name]) for name in others if not is_unnamed(name))
    if not (dated or counted or SERIES in others):
        return False
    numbers = [_is_number(row[name]) for name in names]
    return all(numbers) or (dated and any(numbers) and all(len(row[name].split()) < 2 for name in names))


def rows_in(
    table: AnyFrame,
    columns: SeriesColumns,
    *,
    zone: str = "",
    known: StampKind | None = None,
    alone: str = TARGET,
) -> TableRows:
    """Reads the rows of a table in memory, by series; see `elman.formats.frames`. Where no column is named as that of
    the stamps, the index has them; other levels of it are names of series. Times with a time zone are read
    as those of files with `zone`. `alone` is the name of a series that came alone and has none.

    >>> found = rows_in({"ds": ["2016-07-01", "2016-07-02"], "y": [5, None]}, SeriesColumns())
    >>> found.rows[0].values.ravel().tolist()
    [5.0, nan]

    Raises:
        DataError: see `rows_of`; or columns of different length. Rows are counted from 1.
        ConfigError: a column with two roles.
    """
    frame = read_frame(table, alone=alone)
    if not frame.own:
        raise DataError(f"{frame.name}: no column in it")
    there, columns = _with_index(frame, columns)
    spelt = named({name: name for name in there}, frame.name)
    layout = _layout(frame.name, tuple(spelt), columns)
    values = {name: frame.columns[spelt[name]] for name in layout.columns}
    zoned = {column_name(name): zone for name, zone in frame.zones}
    zone = zone or next((_zone_name(zoned[name]) for name in layout.time if name in zoned), "")
    written = _Table(
        frame.name,
        {name: [*map(_field, column)] for name, column in values.items()},
        [frame.place(row) for row in range(len(frame))],
    )
    column = _stamps(written, layout, columns.stamps, known, zone)
    texts = all(isinstance(next(iter(values[name]), ""), str) for name in layout.time)
    # Times in memory have no form, unless they have a zone.
    form = column.form if texts or zone or column.form.kind != "times" else StampForm()
    notes = (column.note,) if column.note else ()
    return TableRows(layout.names, tuple(_series(written, layout, column.stamps, own="")), form, notes)


def _with_index(frame: Frame, columns: SeriesColumns) -> tuple[tuple[str, ...], SeriesColumns]:
    """The names of the columns that have or may have a role, and the roles with those of the levels of the index."""
    roles = columns.series, columns.time, *columns.targets, *columns.past, *columns.future, *columns.static
    free = [name for name in frame.levels if name not in roles and name != SERIES]
    series = columns.series or (SERIES if SERIES in frame.columns else "")
    time = columns.time or frame.times
    if not time and len(free) == 1 and not series and not stamp_columns(frame.own):
        (time,) = free
    names = [name for name in free if name != time] if frame.times else []
    if names and not series:
        series = names[0] if len(names) == 1 else SERIES
        frame.columns.setdefault(series, _joined_names(frame, names))
    if series and series not in frame.own:
        values = [name for name in frame.own if name not in roles]
        if not columns.targets and TARGET not in values and len(values) == 1:  # the only column can only be the target
            columns = columns._replace(targets=(values[0],))
    used = {*roles, series, time, *(stamp_columns(frame.levels) if not time else ())}
    there = (*frame.own, *(name for name in dict.fromkeys((*frame.levels, series)) if name in used and name))
    return tuple(dict.fromkeys(there)), columns._replace(series=series, time=time)


def _joined_names(frame: Frame, levels: Sequence[str]) -> list[str]:
    """The names of series that have several levels, such as north/7."""
    rows = zip(*(frame.columns[level] for level in levels), strict=True)
    return ["/".join(map(_field, row)) for row in rows]


def _field(value: Any) -> str:
    """A value in memory as the field of a file."""
    return "" if value is None else str(int(value) if isinstance(value, bool | np.bool_) else value)


def _zone_name(zone: str) -> str:
    """The name of a time zone in which stamps are written; UTC for one that is an offset alone."""
    try:
        zone_called(zone)
    except ConfigError:
        return "UTC"
    return zone


def _as_table(file: File, encoding: str) -> File:
    """The file, with the ending of a table where its name has none, and with the columns of one."""
    if file.suffix in TABLES and file.suffix != CSV:
        return file
    written = text_of(file, encoding)
    text = with_tabs(written)
    if file.suffix == CSV and text == written:
        return file
    name = f"{file.stem if file.suffix == CSV else file.path[-1]}{table_ending(text.partition(chr(10))[0])}"
    return file._replace(path=(*file.path[:-1], name), content=text.encode(encoding))


def _with_head(file: File, encoding: str) -> tuple[File, int]:
    """The file, and the number of lines that were put before it: a head, where it has none."""
    if file.suffix in JSON_LINES:
        return file, 0
    head = table.columns_of(file, encoding=encoding)
    if not _is_headless(head):
        return file, 0
    stamps = ("date", "time") if are_times_of_day(head[1:2]) else ("ds",)
    values = range(len(stamps) + 1, len(head) + 1)
    names = (*stamps, *((TARGET,) if len(values) == 1 else (f"column {place}" for place in values)))
    between = "\t" if file.suffix == ".tsv" else ","
    return file._replace(content=f"{between.join(names)}\n{text_of(file, encoding)}".encode(encoding)), 1


def _is_headless(columns: Sequence[str]) -> bool:
    """True for a first line that has a stamp with separators, in one column or two, and numbers in place of names."""
    first, *others = columns or ("",)
    others = others[1:] if are_times_of_day(others[:1]) else others
    return bool(others) and _is_date(first) and all(map(_is_number, others))


def _is_date(text: str) -> bool:
    if NUMBER.fullmatch(text.strip()):
        return False
    try:
        parse_stamps([text], [""], zone="UTC", known="day-first")
    except DataError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        return number_of(text, "") is not None
    except DataError:
        return False


class _Table(NamedTuple):
    """The columns of one table that have a role, as texts."""

    name: str
    columns: dict[str, list[str]]
    places: list[str]
    """The file and line of each row, for messages."""


class _Layout(NamedTuple):
    """The roles of the columns of one table."""

    series: str
    time: tuple[str, ...]
    names: Names
    normal_form: NormalForm
    channels: tuple[str, ...]
    """Columns of a wide table that are series of their own; empty where the targets are columns of one series."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns that hold numbers."""
        targets, *others = self.names
        return (*(self.channels or targets), *(name for group in others for name in group))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that have a role."""
        return (*((self.series,) if self.series else ()), *self.time, *self.numbers)


def _layout(table_name: str, there: Sequence[str], columns: SeriesColumns) -> _Layout:
    columns = columns.compared
    covariates = (*columns.past, *columns.future, *columns.static)
    for name in (columns.series, columns.time, *columns.targets, *covariates):
        if name and name not in there:
            raise DataError(f"{table_name}: no column {name!r}{nearest(name, there)}; there are {', '.join(there)}")
    series = columns.series or (SERIES if SERIES in there else "")
    time = (columns.time,) if columns.time else stamp_columns(there)
    named = (series, *time, *columns.targets, *covariates)
    twice = next((name for name in named if name and named.count(name) > 1), None)
    if twice:
        raise ConfigError(f"column {twice!r} is named for two roles; expected one for each column")
    targets, channels = columns.targets, ()
    if not targets and TARGET in there:
        targets = (TARGET,)
    elif not targets:
        targets, channels = (TARGET,), tuple(name for name in there if name not in named and not is_unnamed(name))
        _check_wide(table_name, series, channels, there)
    names = Names(targets, columns.past, columns.future, columns.static)
    return _Layout(series, time, names, columns.normal_form, channels)


def _check_wide(table_name: str, series: str, channels: Sequence[str], there: Sequence[str]) -> None:
    if series or not channels:
        raise DataError(
            f"{table_name}: no column {TARGET!r}; there are {', '.join(there)}: name the column to forecast, such as "
            f"with --target {(channels or there)[-1]}"
        )
    if len(channels) == 12 and all(name.lower() in _MONTHS for name in channels):
        raise DataError(
            f"{table_name}: a column for each month, {', '.join(channels)}, and a row for each year; expected a row "
            "for each month: write it as ds,y with lines such as 1950-01,23.11"
        )


def _series(written: _Table, layout: _Layout, stamps: Stamps, *, own: str) -> Iterator[SeriesRows]:
    """The rows of each series of a table; `own` distinguishes unnamed series from those of other files."""
    places = written.places
    values = np.stack([_numbers(written, name, layout) for name in layout.numbers], axis=1)
    if layout.channels:
        for number, channel in enumerate(layout.channels):
            mine = values[:, [number, *range(len(layout.channels), values.shape[1])]]
            yield _rows(f"{own}/{channel}" if own else channel, stamps, mine, places, range(len(places)))
    elif layout.series:
        by_name: dict[str, list[int]] = {}
        for number, (name, place) in enumerate(zip(written.columns[layout.series], places, strict=True)):
            if not (name := normalise(name.strip(), layout.normal_form)):
                raise DataError(f"{place}: {layout.series} is empty; expected the name of the row's series")
            by_name.setdefault(name, []).append(number)
        for name, numbers in by_name.items():
            yield _rows(name, stamps, values, places, numbers)
    else:
        yield _rows(own or "/".join(layout.names.targets), stamps, values, places, range(len(places)))


def _rows(name: str, stamps: Stamps, values: np.ndarray, places: Sequence[str], numbers: Sequence[int]) -> SeriesRows:
    mine = tuple(places[number] for number in numbers)
    chosen = np.asarray(numbers)
    return SeriesRows(name, stamps[chosen], values[chosen], mine)


def _stamps(
    written: _Table, layout: _Layout, kind: StampKind | None, known: StampKind | None, zone: str
) -> StampColumn:
    """The stamps of the rows of a table; where it has none, rows are counted by series."""
    places = written.places
    if not places:
        raise DataError(f"{written.name}: no row in it")
    series = written.columns[layout.series] if layout.series else [""] * len(places)
    fields = [written.columns[name] for name in layout.time]
    return read_stamps(fields, layout.time, places, series, kind=kind, known=known, zone=zone)


def _numbers(written: _Table, name: str, layout: _Layout) -> np.ndarray:
    try:
        fields = zip(written.columns[name], written.places, strict=True)
        return np.array([number_of(text, f"{place}, {name}") for text, place in fields])
    except DataError as error:
        mend = "mend the row, or leave the field empty where the value is not known"
        if layout.channels:
            mend += "; where the column is not a series, name the columns to forecast, such as with --target"
        raise DataError(f"{error}; {mend}") from None


def _joined(parts: Sequence[SeriesRows]) -> SeriesRows:
    """Joins the rows of one series from several files, those with the earliest rows first."""
    kinds = {part.stamps.dtype.kind for part in parts}
    if len(kinds) > 1:
        raise DataError(
            f"{parts[1].places[0]}: stamps of {parts[0].name!r} are times in some files and whole numbers in others; "
            "expected one of both"
        )
    parts = sorted(parts, key=lambda part: part.stamps[0])
    return SeriesRows(
        parts[0].name,
        np.concatenate([part.stamps for part in parts]),
        np.concatenate([part.values for part in parts]),
        tuple(place for part in parts for place in part.places),
    )
