"""Calendar features: a sine and a cosine of the time of day, of the week and of the year."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from elman.formats.frequency import Frequency, Stamps

_DAY, _WEEK, _YEAR = 86_400, 604_800, 366 * 86_400
_MONDAY = np.datetime64("1970-01-05T00:00:00", "s")


def calendar_names(frequency: Frequency) -> tuple[str, ...]:
    """The names of the columns of `calendar_features`: the cycles that are longer than the step. Steps that are whole
    numbers have none.

    >>> calendar_names(Frequency.parse("1h"))
    ('day sin', 'day cos', 'week sin', 'week cos', 'year sin', 'year cos')
    >>> calendar_names(Frequency.parse("1mo")), calendar_names(Frequency.parse("1y"))
    (('year sin', 'year cos'), ())
    """
    return tuple(f"{cycle} {wave}" for cycle in _cycles(frequency) for wave in ("sin", "cos"))


def calendar_features(stamps: Stamps, frequency: Frequency) -> Float[np.ndarray, "time feature"]:
    """A sine and a cosine of the time of day, of the week (from Monday on) and of the year, where these are longer than
    the step.

    >>> noon = np.array(["2016-07-04T12:00:00"], "datetime64[s]")  # a Monday
    >>> print(calendar_features(noon, Frequency.parse("12h")).round(2))
    [[ 0.   -1.    0.43  0.9  -0.04 -1.  ]]
    """
    shares = [_share(stamps, cycle) for cycle in _cycles(frequency)]
    waves = [wave(2 * np.pi * share) for share in shares for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1).astype(np.float32) if waves else np.zeros((len(stamps), 0), np.float32)


def _cycles(frequency: Frequency) -> tuple[str, ...]:
    if frequency.unit == "step":
        return ()
    if frequency.unit == "month":
        return ("year",) if frequency.count < 12 else ()
    return tuple(
        name for name, seconds in (("day", _DAY), ("week", _WEEK), ("year", _YEAR)) if frequency.count < seconds
    )


def _share(stamps: Stamps, cycle: str) -> np.ndarray:
    """The part of the day, week or year that has passed, from 0 to 1; every year counts as 366 days."""
    if cycle == "year":
        return (stamps - stamps.astype("datetime64[Y]").astype("datetime64[s]")).astype(np.int64) / _YEAR
    length = _DAY if cycle == "day" else _WEEK
    return (stamps - _MONDAY).astype(np.int64) % length / length
