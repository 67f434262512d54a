"""Lays the rows of a time series on even steps, where gaps stay gaps, or aggregates them over longer steps."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman._errors import ConfigError, DataError, excerpt, quantity
from elman.formats.frequency import Frequency, Stamps
from elman.formats.stamp_forms import show
from elman.formats.stamps import check_ascending, check_even

Gathering = Literal["mean", "last", "sum"]
"""Ways of aggregating the rows of one step."""

WIDEST = 10
"""The most steps for each row; with more, a stamp must be wrong."""


class SeriesRows(NamedTuple):
    """Rows of one series as a file has them; missing values are NaN."""

    name: str
    stamps: Stamps
    values: Float[np.ndarray, "row column"]
    places: tuple[str, ...]
    """The file and line of each row, for messages."""


class Grid(NamedTuple):
    """The rows of a series laid on even steps."""

    stamps: Stamps
    values: Float[np.ndarray, "time column"]
    rows: Integer[np.ndarray, " time"]
    """The index of each step's row; -1 for a step without a row."""


def on_grid(rows: SeriesRows, frequency: Frequency) -> Grid:
    """Lays rows on even steps; steps without a row are NaN.

    >>> rows = SeriesRows("a", np.array([1, 2, 4]), np.array([[5.0], [6.0], [7.0]]), ("line 2", "line 3", "line 4"))
    >>> on_grid(rows, Frequency("step")).values.ravel().tolist()
    [5.0, 6.0, nan, 7.0]

    Raises:
        DataError: stamps that are repeated, out of order, between the steps, or so far apart that one must be wrong;
            with the place.
    """
    check_ascending(rows.stamps, rows.places, name=rows.name)
    check_even(rows.stamps, rows.places, frequency, name=rows.name)
    at = frequency.places(rows.stamps)
    steps = int(at[-1]) + 1
    if steps > WIDEST * (len(at) + 10):
        wide = int(np.diff(at).argmax())
        raise DataError(
            f"{rows.places[wide + 1]}: {show(rows.stamps[wide + 1])} of {rows.name!r} comes after "
            f"{show(rows.stamps[wide])}, {quantity(at[wide + 1] - at[wide], 'step')} of {frequency}; expected most "
            "of the "
            f"{quantity(steps, 'step')} to have a row, and there are {quantity(len(at), 'row')}: mend the stamps, "
            "or aggregate "
            "the rows over longer steps with --resample"
        )
    indices, values = np.full(steps, -1), np.full((steps, rows.values.shape[1]), np.nan)
    indices[at], values[at] = np.arange(len(at)), rows.values
    return Grid(frequency.from_first(rows.stamps[0], steps), values, indices)


def aggregate(rows: SeriesRows, frequency: Frequency, by: Gathering, *, summed: int | None = None) -> SeriesRows:
    """Aggregates rows in any order into one row for each step that has any: the mean, the last or the sum of the known
    values.

    Args:
        rows: the rows of one series.
        frequency: the steps; see `Frequency.floor` for where they begin.
        by: the way of aggregation.
        summed: number of first columns that "sum" adds up; it averages the others. By default all are summed.

    >>> rows = SeriesRows("a", np.array([1, 2, 5]), np.array([[5.0], [6.0], [7.0]]), ("line 2", "line 3", "line 4"))
    >>> aggregate(rows, Frequency("step", 4), "mean").values.ravel().tolist()
    [5.5, 7.0]

    Raises:
        ConfigError: steps of time for stamps that are whole numbers.
    """
    if (frequency.unit == "step") == np.issubdtype(rows.stamps.dtype, np.datetime64):
        raise ConfigError(
            f"resample: the stamps of {excerpt(rows.name)} are whole numbers; expected times for {frequency}"
        )
    order = np.argsort(rows.stamps, kind="stable")
    values = rows.values[order]
    stamps, first, step = np.unique(frequency.floor(rows.stamps[order]), return_index=True, return_inverse=True)
    known = ~np.isnan(values)
    if by == "last":
        result = np.full((len(stamps), values.shape[1]), np.nan)
        for column, there in enumerate(known.T):
            result[step[there], column] = values[there, column]  # of several in one step, the last is kept
    else:
        total, count = np.zeros((2, len(stamps), values.shape[1]))
        np.add.at(total, step, np.where(known, values, 0.0))
        np.add.at(count, step, known)
        averaged = np.arange(values.shape[1]) >= (values.shape[1] if summed is None else summed)
        divisor = np.where(averaged | (by == "mean"), np.maximum(count, 1), 1)
        result = np.where(count > 0, total / divisor, np.nan)
    return SeriesRows(rows.name, stamps, result, tuple(rows.places[order[place]] for place in first))
