"""Reads time series to forecast from tables: long ones, with a row for each step of each series, and wide ones, with a
column for each series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError, DataError, quantity
from elman._show import brief, brief_table
from elman._types import StampKind
from elman.formats.files import data_files
from elman.formats.frequency import Frequency, Stamps
from elman.formats.numbers import number_text
from elman.formats.stamp_forms import StampForm, show
from elman.formats.stamps import check_ascending
from elman.formats.steps import infer_steps
from elman.formats.zones import change_meets, clock_times, is_of_the_clock
from elman.tasks.forecasting.grid import Gathering, SeriesRows, aggregate, on_grid
from elman.tasks.forecasting.reading import Names, SeriesColumns, TableRows, rows_of


class History(NamedTuple):
    """One series at even steps; missing values are NaN."""

    name: str
    stamps: Stamps
    """The times of the values."""
    values: Float[np.ndarray, "time target"]
    past: Float[np.ndarray, "time past"]
    """Covariates that are known up to the present only."""
    future: Float[np.ndarray, "ahead future"]
    """Covariates that are known ahead, from the first step on; as many steps as `values`, or more."""
    static: Float[np.ndarray, " static"]
    place: str = "the series"
    """The file and line where the series begins, for messages."""
    frequency: Frequency | None = None
    """The step of the series; None where it is that of the data set."""

    __repr__, _repr_html_ = brief, brief_table


class Histories(NamedTuple):
    """The series of a data set, with the names of their columns and their shortest step."""

    targets: tuple[str, ...]
    past: tuple[str, ...]
    future: tuple[str, ...]
    static: tuple[str, ...]
    frequency: Frequency
    histories: tuple[History, ...]
    form: StampForm = StampForm()
    """The form in which stamps are written."""
    notes: tuple[str, ...] = ()
    """Sentences for people on what was inferred of the stamps."""

    __repr__, _repr_html_ = brief, brief_table

    def __str__(self) -> str:
        rows = [len(one.values) for one in self.histories]
        least = f"{min(rows):,} to " if min(rows) < max(rows) else ""
        missing = sum(int(np.isnan(one.values).sum()) for one in self.histories)
        steps = " or ".join(dict.fromkeys(str(one.frequency or self.frequency) for one in self.histories))
        return (
            f"{len(self.histories):,} series of {least}{quantity(max(rows), 'step')} of {steps}, "
            f"{quantity(missing, 'value')} missing"
        )


def read_histories(
    *places: str | Path,
    columns: SeriesColumns = SeriesColumns(),
    resample: str = "",
    by: Gathering = "mean",
    zone: str = "",
    step: str = "",
    frequency: Frequency | None = None,
    steps: Mapping[str, Frequency] = {},
    known: StampKind | None = None,
    by_clock: bool | None = None,
    encoding: str = "utf-8",
) -> Histories:
    """Reads the series of tables (CSV, TSV, JSON lines), also compressed. The rows of one series may lie in several
    files of a long table, in order; each file without a column of names holds series of its own.

    Args:
        places: files, folders, or "-" for standard input, which is CSV.
        columns: roles of the columns.
        resample: a step, such as 1h, to which rows are aggregated; they may then come in any order and at any time.
        by: aggregation of the rows of one step; "sum" applies to targets, covariates are averaged.
        zone: time zone of times that name none, such as Europe/Berlin; with it, all times become UTC, or where steps
            are days or longer, or lie in a calendar such as trading hours, those of the zone's clocks.
        step: the step of all series, such as 1d; without it, the step of each is inferred from its stamps, and steps
            that never have a row, such as weekends, are left out.
        frequency: the step that a trained model knows; rows may then be the next ones of a series.
        steps: the steps of series that a trained model knows, by name.
        known: the kind of the stamps that a trained model knows.
        by_clock: whether a trained model knows times in a zone by its clocks, or in UTC.
        encoding: encoding of the text.

    Raises:
        DataError: a missing column; a field that is not a number; stamps that are repeated, out of order or at uneven
            steps; a missing value of a covariate known ahead; and the like, with file and line.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("ds,y\\n2020-01,5\\n2020-02,\\n2020-04,6\\n")
    ...     file.flush()
    ...     found = read_histories(file.name)
    >>> print(found)
    1 series of 4 steps of 1mo, 2 values missing
    >>> found.histories[0].values.ravel().tolist()
    [5.0, nan, nan, 6.0]
    """
    written = rows_of(data_files(*places), columns, zone=zone, known=known, encoding=encoding)
    options = {"resample": resample, "step": step, "frequency": frequency, "steps": steps, "by_clock": by_clock}
    return histories_of(written, by=by, **options)


def histories_of(
    written: TableRows,
    *,
    resample: str = "",
    by: Gathering = "mean",
    step: str = "",
    frequency: Frequency | None = None,
    steps: Mapping[str, Frequency] = {},
    by_clock: bool | None = None,
) -> Histories:
    """The series of rows as a file has them, at even steps; see `read_histories`.

    >>> from elman.tasks.forecasting.reading import rows_in
    >>> rows = rows_in({"ds": [1, 2, 4], "y": [5, 6, 7]}, SeriesColumns())
    >>> histories_of(rows).histories[0].values.ravel().tolist()
    [5.0, 6.0, nan, 7.0]

    Raises:
        DataError: see `read_histories`.
        ConfigError: an invalid step, or one of time for stamps that are whole numbers.
    """
    if by_clock or (by_clock is None and _are_by_clock(written, resample or step)):
        written = _by_clock(written)
    names, rows = written.names, written.rows
    statics = [_static(one, names.static) for one in rows]
    moving = [one._replace(values=one.values[:, : one.values.shape[1] - len(names.static)]) for one in rows]
    # Where the step is known already, the rows may be the next ones of a series and may have no target yet.
    whole = frequency is None and not steps
    if resample:
        frequency = Frequency.parse(resample)
        moving = [aggregate(one, frequency, by, summed=len(names.targets)) for one in moving]
    else:
        for one in moving:
            check_ascending(one.stamps, one.places, name=one.name)
    if step and whole and not resample:
        frequency = Frequency.parse(step)
    if frequency or steps:
        _check_units(moving, frequency or next(iter(steps.values())), step)
    own_steps = _steps(moving, frequency, steps)
    histories = tuple(
        _history(one, own, names, static, whole=whole)
        for one, own, static in zip(moving, own_steps, statics, strict=True)
    )
    notes = _notes(moving, own_steps, histories) if whole else ()
    return Histories(*names, min(own_steps, key=_length), histories, written.form, (*written.notes, *notes))


def _are_by_clock(written: TableRows, step: str) -> bool:
    """True if steps follow the clocks of a zone over their changes: days and longer ones, and those of calendars with
    holes where clocks change."""
    zone = written.form.zone
    if not zone or any(one.stamps.dtype.kind != "M" for one in written.rows):
        return False
    if step:
        return is_of_the_clock(Frequency.parse(step))
    series = [clock_times(one.stamps, zone) for one in written.rows]
    if any((stamps[1:] <= stamps[:-1]).any() for stamps in series):
        return False
    try:
        steps = infer_steps(series)
    except DataError:  # a row a series
        return False
    return all(
        is_of_the_clock(step) or (bool(step.open) and not change_meets(step, one.stamps, zone))
        for step, one in zip(steps, written.rows, strict=True)
    )


def _by_clock(written: TableRows) -> TableRows:
    zone = written.form.zone
    rows = tuple(one._replace(stamps=clock_times(one.stamps, zone)) for one in written.rows) if zone else written.rows
    return written._replace(rows=rows, form=msgspec.structs.replace(written.form, by_clock=bool(zone)))


def _steps(
    series: Sequence[SeriesRows], frequency: Frequency | None, steps: Mapping[str, Frequency]
) -> list[Frequency]:
    """The step of each series: the known one of its name or of all, else the one that its stamps show."""
    known = {one.name: steps.get(one.name) or frequency for one in series}
    others = [one for one in series if known[one.name] is None]
    if others:
        try:
            known |= zip((one.name for one in others), infer_steps([one.stamps for one in others]), strict=True)
        except DataError as error:
            raise DataError(f"{others[0].places[0]}: {error}") from None
    return [step for one in series if (step := known[one.name])]


def _length(step: Frequency) -> tuple[float, bool]:
    return step.seconds, bool(step.open)


def _check_units(series: Sequence[SeriesRows], frequency: Frequency, step: str) -> None:
    for one in series:
        are_times = one.stamps.dtype.kind == "M"
        if are_times == (frequency.unit == "step"):
            there, expected = ("times", "whole numbers") if are_times else ("whole numbers", "times")
            if step:
                raise ConfigError(f"step {step}: the stamps of {one.name!r} are whole numbers; expected times")
            raise DataError(f"{one.places[0]}: the stamps of {one.name!r} are {there}; the model knows {expected}")


def _notes(
    series: Sequence[SeriesRows], own_steps: Sequence[Frequency], histories: Sequence[History]
) -> tuple[str, ...]:
    """Sentences on steps of their own, calendars with holes, and steps without a row."""
    notes = []
    by_step: dict[Frequency, str] = {}
    for step, one in zip(own_steps, series, strict=True):
        by_step.setdefault(step, one.name)
    if len(by_step) > 1:
        listed = ", ".join(
            f"{step} ({name[:40]}{', ...' if own_steps.count(step) > 1 else ''})" for step, name in by_step.items()
        )
        notes.append(f"series have steps of their own: {listed}")
    for step in by_step:
        if step.open:
            plain = msgspec.structs.replace(step, open=())
            notes.append(
                f"steps of {step}: no row lies outside of this calendar, and no forecast will; --step {plain} takes "
                "steps without a row as missing instead"
            )
    rows = sum(len(one.stamps) for one in series)
    missing = sum(len(one.stamps) for one in histories) - rows
    if missing > 0:
        notes.append(f"{quantity(missing, 'step')} of {rows + missing:,} without a row, which count as missing")
    return tuple(notes)


def _static(rows: SeriesRows, names: Sequence[str]) -> np.ndarray:
    values = rows.values[:, rows.values.shape[1] - len(names) :]
    wrong = np.argwhere(values != values[0])  # also where a value is NaN
    if len(wrong):
        row, column = wrong[0]
        other, first = (number_text(values[place, column]) or "nan" for place in (row, 0))
        raise DataError(
            f"{rows.places[row]}: {names[column]} of {rows.name!r} is {other}, and {first} in {rows.places[0]}; "
            "expected one number in all rows of a series, since it is a static column"
        )
    return values[0]


def _history(rows: SeriesRows, frequency: Frequency, names: Names, static: np.ndarray, *, whole: bool) -> History:
    grid = on_grid(rows, frequency)
    targets, past, future = np.split(grid.values, np.cumsum([len(names.targets), len(names.past)]), axis=1)
    known = np.flatnonzero(~np.isnan(targets).all(axis=1))
    if not len(known) and (whole or names.future):
        raise DataError(
            f"{rows.places[0]}: no value of {', '.join(names.targets)} in {rows.name!r}; leave the series out"
        )
    # Rows after the last value hold covariates known ahead; without such covariates they are gaps like others.
    steps = int(known[-1]) + 1 if names.future else len(targets)
    missing = np.argwhere(np.isnan(future))
    if len(missing):
        step, column = missing[0]
        row = grid.rows[step]
        where = rows.places[row] if row >= 0 else f"{rows.places[grid.rows[:step].max()]}, next row"
        what = "is empty" if row >= 0 else "is missing, since there is no row of that time"
        raise DataError(
            f"{where}: {names.future[column]} of {rows.name!r} at {show(grid.stamps[step])} {what}; expected a "
            "covariate known ahead to have a value at every step: add it, or name it as a covariate of the past"
        )
    return History(
        rows.name, grid.stamps[:steps], targets[:steps], past[:steps], future, static, rows.places[0], frequency
    )
