"""Forecasts as a table: a row for each step of each series, with the columns that users of forecasts expect."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError, DataError, nearest
from elman.formats.numbers import number_text
from elman.formats.rows import write_row
from elman.formats.stamp_forms import StampForm

NAME = "elman"
"""The name of the forecast's column."""

SHOWN = 5
"""The number of rows that are shown at either end."""

FIGURES, MOST_FIGURES = 7, 17
"""The figures of numbers that are shown, and those that float64 has."""


@dataclass(frozen=True, repr=False)
class ForecastTable:
    """Columns of equal length, by name: `unique_id`, `ds`, the forecast, and a lower and an upper bound for each level.

    >>> columns = np.array(["a", "a"]), np.array([7, 8]), np.array([0.5, 1])
    >>> table = ForecastTable(("unique_id", "ds", "elman"), columns)
    >>> table
    unique_id  ds  elman
    a           7    0.5
    a           8      1
    >>> table["elman"].tolist(), list(table)[0], table.to_csv().splitlines()[1]
    ([0.5, 1.0], ('a', 7, 0.5), 'a,7,0.5')

    `pandas.DataFrame(table.to_dict())` is the same table in pandas.
    """

    columns: tuple[str, ...]
    arrays: tuple[np.ndarray, ...]
    form: StampForm = field(default_factory=StampForm)
    """The form in which stamps are written."""

    def __getitem__(self, name: str) -> np.ndarray:
        """The column of a name.

        Raises:
            DataError: a column that the table does not have.
        """
        if name not in self.columns:
            raise DataError(f"no column {name!r}{nearest(name, self.columns)}; there are {', '.join(self.columns)}")
        return self.arrays[self.columns.index(name)]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.arrays[0])

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yields the rows as tuples."""
        return zip(*(column.tolist() for column in self.arrays), strict=True)

    def to_dict(self) -> dict[str, np.ndarray]:
        """A dictionary of the columns by name."""
        return dict(zip(self.columns, self.arrays, strict=True))

    def with_truth(self, cutoff: Any, truth: Float[np.ndarray, "time target"]) -> ForecastTable:
        """Returns this table with the last stamp before the forecast as `cutoff`, and the true values as `y`."""
        first, stamps, *others = self.arrays
        columns = (*self.columns[:2], "cutoff", "y", *self.columns[2:])
        return replace(
            self, columns=columns, arrays=(first, stamps, np.full_like(stamps, cutoff), truth.T.ravel(), *others)
        )

    def to_csv(self, path: str | Path | None = None) -> str:
        """Returns the table as CSV, and writes it to `path` if there is one."""
        text = "".join(f"{line}\n" for line in self.lines())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def lines(self) -> Iterator[str]:
        """The rows of the CSV, without their ends. Each number reads back as it is."""
        yield write_row(self.columns)
        columns = ([_text(value, self.form) for value in column] for column in self.arrays)
        yield from map(write_row, zip(*columns, strict=True))

    def __repr__(self) -> str:
        rows = [*zip(*(_shown(column, self.form) for column in self.arrays), strict=True)]
        if len(rows) > 2 * SHOWN:
            rows = [*rows[:SHOWN], ("...",) * len(self.columns), *rows[-SHOWN:]]
        table = [self.columns, *rows]
        widths = [max(len(row[place]) for row in table) for place in range(len(self.columns))]
        return "\n".join(
            "  ".join(
                text.ljust(width) if place == 0 else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        )


def concatenate(tables: Sequence[ForecastTable]) -> ForecastTable:
    """Concatenates tables of the same columns, one below the other."""
    arrays = (np.concatenate(columns) for columns in zip(*(table.arrays for table in tables), strict=True))
    return replace(tables[0], arrays=tuple(arrays))


def level_names(name: str, levels: Sequence[float]) -> tuple[str, ...]:
    """The names of the columns of intervals.

    >>> level_names("elman", [80, 97.5])
    ('elman-lo-80', 'elman-hi-80', 'elman-lo-97.5', 'elman-hi-97.5')
    """
    return tuple(f"{name}-{side}-{number_text(float(level))}" for level in levels for side in ("lo", "hi"))


def levels_of(level: str | float | Sequence[float]) -> tuple[float, ...]:
    """Parses levels in percent, from numbers or from a text with commas between them.

    >>> levels_of("80, 95"), levels_of([80]), levels_of("")
    ((80.0, 95.0), (80.0,), ())

    Raises:
        ConfigError: a level that is no number above 0 and below 100.
    """
    parts: Sequence[Any] = [level] if isinstance(level, int | float) else level
    if isinstance(level, str):
        parts = [part for part in level.split(",") if part.strip()]
    try:
        levels = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        levels = (0.0,)
    if not all(0 < one < 100 for one in levels):
        raise ConfigError(f"level: expected numbers above 0 and below 100, in percent, such as 80,95; got {level!r}")
    return levels


def _text(value: Any, form: StampForm) -> str:
    if isinstance(value, np.datetime64 | np.integer):
        return form.write(value)
    return number_text(value) if isinstance(value, float | np.floating) else str(value)


def _shown(column: np.ndarray, form: StampForm) -> list[str]:
    """A column for people: numbers have seven figures of how far they vary, on any level."""
    if column.dtype.kind != "f":
        return [_text(value, form) for value in column]
    known = column[~np.isnan(column)]
    spread = np.ptp(known) if len(known) else 0
    figures = FIGURES + max(0.0, math.log10(np.abs(known).max()) - math.log10(spread)) if spread else FIGURES
    return [f"{value:.{int(min(figures, MOST_FIGURES))}g}" for value in column]
