"""The intervals that a trained forecaster can give, and what is said of those that rest on few errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from elman._errors import ConfigError, quantity
from elman.tasks.forecasting.metrics import SHARES, TINY, ErrorQuantiles, ForecastMetrics, shares_of

Intervals = Literal["conformal", "model"]

POINTS = ("squared", "absolute")
"""The outputs that are a number alone, without quantiles."""

LARGEST_LEVEL = 100 - 200 * SHARES[0]
"""The largest level that errors reach to, however many there are, in percent."""


class TrainedSize(NamedTuple):
    """The number of steps of a forecast, and that of series and targets."""

    horizon: int
    series: int


def note_on(
    levels: Sequence[float],
    intervals: Intervals,
    validation: ForecastMetrics | None,
    size: TrainedSize,
    *,
    output: str,
) -> str:
    """A sentence on the levels, in percent, that the errors of the validation part do not reach to; empty where there
    are none.

    >>> note_on([80], "model", None, TrainedSize(12, 1), output="quantile")
    ''
    >>> note_on([80], "conformal", None, TrainedSize(12, 1), output="quantile")
    'the model was never validated; its intervals are its own quantiles'

    Raises:
        ConfigError: intervals that the model does not have.
    """
    if intervals not in ("conformal", "model"):
        raise ConfigError(f"intervals: expected conformal or model; got {intervals!r}")
    if not levels or (intervals == "model" and output not in POINTS):
        return ""
    if intervals == "model":
        raise ConfigError(f"intervals 'model': output {output!r} has none; choose conformal")
    if validation is None and output in POINTS:
        raise ConfigError(f"level: the model was never validated, and output {output!r} has no intervals of its own")
    if validation is None:
        return "the model was never validated; its intervals are its own quantiles"
    least = float(ErrorQuantiles(validation.errors).reach[0].max())
    beyond = [level for level in levels if shares_of(level)[0] < least - TINY]
    if not beyond:
        return ""
    known = f"{quantity(validation.count, 'error')} in {quantity(-(-validation.count // size.horizon), 'window')}"
    enough = f"enough for {100 - 200 * least:g}%" if least < 0.5 else "too few for any interval"
    about = f"level {', '.join(f'{level:g}' for level in beyond)}: the validation part has {known}, {enough}"
    mend = _mend(max(beyond), size)
    if least == 0.5 and output in POINTS:
        raise ConfigError(f"{about}; {mend}")
    others = "a normal distribution" if output in POINTS else "the model's own quantiles"
    return f"{about}; beyond, bounds follow {others}; {mend}"


def _mend(level: float, size: TrainedSize) -> str:
    """The size of the validation part whose errors would reach to a level, or to the largest that they can."""
    errors = math.ceil(200 / (100 - min(level, LARGEST_LEVEL)) - TINY) - 1
    steps = size.horizon - 1 + math.ceil(errors / size.horizon / size.series)
    most = f", up to {LARGEST_LEVEL:g}%" if level > LARGEST_LEVEL else ""
    return f"train with a validation of {steps:,} steps or more to measure them{most}"
