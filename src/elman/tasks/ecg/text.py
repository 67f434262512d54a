"""Reads ECGs as text: tables with a column for each lead, whole or line by line as they arrive.

The first line may name the columns. A column named time (or t, seconds, ms) gives the sampling rate; the unit of a lead
stands in brackets after its name, as in `II (uV)`, and is mV without brackets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import DataError, RecordError, quantity
from elman.formats.files import File, lines, text_of
from elman.formats.frames import AnyFrame, read_frame
from elman.formats.lines import Lines, in_groups
from elman.formats.sources import open_sources
from elman.formats.wfdb.record import Record
from elman.tasks.ecg.strip import MILLIVOLTS

TIME = {"time": 1.0, "t": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "time_s": 1.0, "ms": 1e-3, "time_ms": 1e-3}
"""Names of columns of time, with the length of their unit in seconds."""

_UNIT = re.compile(r"[(\[]([^()\[\]]*)[)\]]$")
_GAPS = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})
_LARGEST = 1e30  # in any unit within float32, which the signals have
_SEPARATORS = (",", ";", "\t")


class SampleGroup(NamedTuple):
    """A group of samples that arrived together."""

    leads: tuple[str, ...]
    values: Float[np.ndarray, "time lead"]
    """The samples in mV; NaN where a value is missing."""


def read_ecg_table(file: File, *, rate: float | None = None) -> Record:
    r"""Reads the ECG in a table whose columns are separated by commas, semicolons, tabs or blanks.

    Args:
        file: a file of `read_files`.
        rate: samples a second; None takes the rate of the column of time.

    Raises:
        DataError: a row of another width, a field that is not a number, uneven times, or no rate; with the line.

    >>> record = read_ecg_table(File("a.csv", ("a.csv",), b"time,II\n0.000,0.5\n0.004,0.75\n0.008,\n"))
    >>> record.rate, record.leads, record.signals.tolist()
    (250.0, ('II',), [[0.5], [0.75], [nan]])
    """
    rows = [(number, line) for number, line in enumerate(lines(text_of(file)), start=1) if line.strip()]
    if not rows:
        raise DataError(f"{file.name}: empty; expected a column of numbers for each lead")
    columns, has_head = _columns(rows[0][1], f"{file.name}, line {rows[0][0]}")
    rows = rows[has_head:]
    places = [f"{file.name}, line {number}" for number, _ in rows]
    values = columns.numbers([line for _, line in rows], places)
    return _record(columns, values, places, rate, file.name, file.stem)


def ecg_in(table: AnyFrame, *, rate: float | None = None) -> Record:
    """The ECG in a table in memory: a column for each lead, and its times as a column or as the index.

    Args:
        table: the table, with units in the names of columns as in files.
        rate: samples a second; None takes the rate of the times.

    Raises:
        DataError: as `read_ecg_table`; rows are counted from 1.

    >>> ecg_in({"II (uV)": [500, None]}, rate=250).signals.tolist()
    [[0.5], [nan]]
    """
    frame = read_frame(table, alone="1")
    level = frame.times or next((name for name in frame.levels if name.lower() in TIME), "")
    names = [*frame.own, *([level] if level else [])]
    columns = _named_columns(["time (s)" if name == level else name for name in names], None, frame.name)
    rows = [frame.place(row) for row in range(len(frame))]
    values = np.empty((len(rows), len(names)))
    for place, name in enumerate(names):
        own = _seconds(frame.columns[name]) if name == level else frame.columns[name]
        fields = ("" if value is None else str(value) for value in own)
        values[:, place] = [_number(field, f"{row}, column {name}") for field, row in zip(fields, rows, strict=True)]
    return _record(columns, values, rows, rate, frame.name, "the table")


def arriving_samples(*places: str) -> Iterator[SampleGroup | RecordError]:
    r"""Reads the samples of text files, or of standard input ("-"), in groups as they arrive: a pipe that is fed line
    by line gives a group for each line. All files have the columns of the first line. A line that cannot be read is its
    error.

    Raises:
        DataError: a missing file, or a first line with an unknown unit.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("II V1\n0.5 0.1\n0.25 nan\n")
    ...     file.flush()
    ...     [(group.leads, group.values.tolist()) for group in arriving_samples(file.name)]
    [(('II', 'V1'), [[0.5, 0.1], [0.25, nan]])]
    """
    columns: _Columns | None = None
    for source in open_sources(*places):
        lines = source.lines()
        rows = _Rows(lines, columns)
        for group in in_groups(lines, partial(iter, rows)):
            for _, run in groupby(group, key=lambda row: isinstance(row, RecordError)):
                alike = [*run]
                yield from (one for one in alike if isinstance(one, RecordError))
                if numbers := [one for one in alike if not isinstance(one, RecordError)]:
                    yield rows.samples(numbers)
        columns = rows.columns


def _seconds(times: Sequence[Any]) -> list[Any]:
    """Times of an index in seconds since the first, or as they are where they are numbers."""
    first = times[0] if times else None
    return [(time - first).total_seconds() if hasattr(time - first, "total_seconds") else time for time in times]


def _record(
    columns: _Columns,
    values: Float[np.ndarray, "time column"],
    places: Sequence[str],
    rate: float | None,
    name: str,
    stem: str,
) -> Record:
    """The record of a table's numbers, whose rate is that of the column of time, if there is one."""
    if columns.time is not None:
        timed = _rate(values[:, columns.time] * columns.scales[columns.time], places, name)
        if rate is not None and abs(timed - rate) > 0.01 * rate:
            raise DataError(f"{name}: the column of time gives {timed:g} samples a second, and the rate is {rate:g}")
        rate = timed if rate is None else rate
    if rate is None:
        raise DataError(f"{name}: no rate; give the samples a second with --rate, or a column named time")
    if not 0 < rate < math.inf:
        raise DataError(f"{name}: a rate of {rate:g}; expected samples a second, such as 250")
    signals = columns.millivolts(values).astype(np.float32)
    return Record(stem, signals, rate, columns.leads, ("mV",) * len(columns.leads), (), name)


class _Rows:
    """The rows of numbers in lines, one by one; it goes on after a line that cannot be read."""

    def __init__(self, lines: Lines, columns: _Columns | None):
        self.columns = columns
        self._lines = lines

    def __iter__(self) -> Iterator[list[float]]:
        return self

    def __next__(self) -> list[float]:
        while True:
            line = next(self._lines)
            place = f"{self._lines.name}, line {self._lines.number}"
            if not line.strip():
                continue
            if self.columns is None:
                self.columns, is_head = _columns(line, place)
                if is_head:
                    continue
            return self.columns.row(line, place)

    def samples(self, rows: Iterable[list[float]]) -> SampleGroup:
        assert self.columns is not None
        return SampleGroup(self.columns.leads, self.columns.millivolts(np.array([*rows], np.float64)))


class _Columns(NamedTuple):
    """The columns of a table, as its first line gives them."""

    separator: str | None
    names: tuple[str, ...]
    scales: tuple[float, ...]
    """The size of each column's unit in mV, or for time in seconds."""
    time: int | None

    @property
    def leads(self) -> tuple[str, ...]:
        return tuple(name for index, name in enumerate(self.names) if index != self.time)

    def numbers(self, rows: Sequence[str], places: Sequence[str]) -> Float[np.ndarray, "time column"]:
        """The fields of rows as numbers, in their own units."""
        numbers = [self.row(row, place) for row, place in zip(rows, places, strict=True)]
        return np.array(numbers, np.float64).reshape(len(rows), len(self.names))

    def millivolts(self, values: Float[np.ndarray, "time column"]) -> Float[np.ndarray, "time lead"]:
        """The values of the leads in mV, without the column of time."""
        own = [index for index in range(len(self.names)) if index != self.time]
        return values[:, own] * np.array([self.scales[index] for index in own])

    def row(self, row: str, place: str) -> list[float]:
        """The fields of a row as numbers."""
        fields = row.split(self.separator)
        if len(fields) != len(self.names):
            raise RecordError(
                f"{place}: {quantity(len(fields), 'column')}; expected {len(self.names)}, as in the first line"
            )
        return [_number(field, f"{place}, column {name}") for field, name in zip(fields, self.names, strict=True)]


def _columns(line: str, place: str) -> tuple[_Columns, bool]:
    """The columns, and True where the line is a head that names them."""
    separator = next((mark for mark in _SEPARATORS if mark in line), None)
    fields = [field.strip().strip("\"'") for field in line.split(separator)]
    if all(_is_number(field) for field in fields):
        names = tuple(str(index) for index in range(1, len(fields) + 1))
        return _Columns(separator, names, (1.0,) * len(fields), None), False
    return _named_columns(fields, separator, place), True


def _named_columns(fields: Sequence[str], separator: str | None, place: str) -> _Columns:
    """The columns that a head names."""
    names, scales, time = [], [], None
    for index, field in enumerate(fields):
        match = _UNIT.search(field)
        name, unit = (field[: match.start()].rstrip(), match[1].strip().lower()) if match else (field, "")
        if name.lower() in TIME and time is None:
            time, factor = index, TIME.get(unit or name.lower())
        else:
            factor = MILLIVOLTS.get(unit or "mv")
        if factor is None:
            raise DataError(f"{place}: unit {unit!r} of {name}; expected mV, uV or V, and s or ms for time")
        names.append(name)
        scales.append(factor)
    if len(names) == (time is not None):
        raise DataError(f"{place}: no lead; expected a column for each lead beside the time")
    return _Columns(separator, tuple(names), tuple(scales), time)


def _rate(times: Float[np.ndarray, " time"], places: Sequence[str], name: str) -> float:
    """The sampling rate of times that are even up to rounding."""
    steps = np.diff(times)
    if not len(steps):
        raise DataError(
            f"{name}: {quantity(len(times), 'sample')}; expected at least two, since the rate follows from their times"
        )
    usual = float(np.median(steps))
    odd = np.flatnonzero(~((steps > 0) & (steps < 1.6 * usual)))
    if len(odd):
        place, step = places[odd[0] + 1], steps[odd[0]]
        raise DataError(
            f"{place}: {step:g} s after the sample before; expected about {usual:g} s, as elsewhere: sort "
            "the rows, and add missing ones with empty values"
        )
    rate = len(steps) / float(times[-1] - times[0])
    # Times are rounded, so that a whole rate may come out a little off.
    return float(round(rate)) if round(rate) and abs(rate / round(rate) - 1) * len(times) < 1 else rate


def _is_number(field: str) -> bool:
    try:
        return not math.isinf(_number(field, ""))
    except DataError:
        return False


def _number(field: str, place: str) -> float:
    field = field.strip().strip("\"'")
    if field.lower() in _GAPS:
        return math.nan
    try:
        value = float(field)
    except ValueError:
        value = math.inf
    if abs(value) > _LARGEST:
        raise RecordError(f"{place}: expected a number; got {field[:40]!r}")
    return value
