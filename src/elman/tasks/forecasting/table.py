"""Forecasts as a table: a row for each step of each series, with the columns that users of forecasts expect:
`unique_id`, `ds`, the forecast, and a lower and an upper bound for each level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError
from elman.formats.numbers import number_text
from elman.formats.results import ResultTable

NAME = "elman"
"""The name of the forecast's column."""


def with_truth(table: ResultTable, cutoff: Any, truth: Float[np.ndarray, "time target"]) -> ResultTable:
    """A table of forecasts with the last stamp before them as `cutoff`, and the true values as `y`."""
    first, stamps, *others = table.arrays
    columns = (*table.columns[:2], "cutoff", "y", *table.columns[2:])
    arrays = first, stamps, np.full_like(stamps, cutoff), truth.T.ravel(), *others
    return replace(table, columns=columns, arrays=arrays)


def level_names(name: str, levels: Sequence[float]) -> tuple[str, ...]:
    """The names of the columns of intervals.

    >>> level_names("elman", [80, 97.5])
    ('elman-lo-80', 'elman-hi-80', 'elman-lo-97.5', 'elman-hi-97.5')
    """
    return tuple(f"{name}-{side}-{number_text(float(level))}" for level in levels for side in ("lo", "hi"))


def levels_of(level: str | float | Sequence[float]) -> tuple[float, ...]:
    """Parses levels in percent, from numbers or from a text with commas between them.

    >>> levels_of("80, 95, 80"), levels_of([80]), levels_of("")
    ((80.0, 95.0), (80.0,), ())

    Raises:
        ConfigError: a level that is no number from 1 on and below 100; one below 1 is a share.
    """
    parts: Sequence[Any] = [level] if isinstance(level, int | float) else level
    if isinstance(level, str):
        parts = [part for part in level.split(",") if part.strip()]
    try:
        levels = tuple(dict.fromkeys(float(part) for part in parts))
    except (TypeError, ValueError):
        levels = (0.0,)
    if not all(1 <= one < 100 for one in levels):
        raise ConfigError(f"level: expected numbers in percent, from 1 on and below 100, such as 80,95; got {level!r}")
    return levels
