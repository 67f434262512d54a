"""Time series with a known law, for a first try without files: sines, and seasons with trend and noise.

The same seed gives the same series.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from elman.data.histories import Histories, History
from elman.data.stamps import Frequency

PERIODS = (10.0, 100.0)
"""Steps of a sine, from and to."""

FIRST = np.datetime64("2020-01-01T00:00:00", "s")
WEEK = 7


def sines(count: int = 100, steps: int = 900, *, noise: float = 0.0, seed: int = 0) -> Histories:
    """`count` sines of size 1, each with a period and a phase of its own, so that only what came before tells how one
    goes on. Periods are 10 to 100 steps, of any ratio as likely.

    Args:
        count: series.
        steps: of each.
        noise: standard deviation of what is added to each value.
        seed: start of the randomness.

    >>> found = sines(2, 50)
    >>> print(found)
    2 series of 50 steps of 1, 0 values missing
    >>> x = found.histories[0].values[:, 0]  # a sine is a weighted sum of its last two values
    >>> np.allclose(x[2:], (x[2] + x[0]) / x[1] * x[1:-1] - x[:-2])
    True
    """
    random = np.random.default_rng(seed)
    periods = np.exp(random.uniform(*np.log(PERIODS), (count, 1)))
    phases = random.uniform(0, 2 * np.pi, (count, 1))
    values = np.sin(2 * np.pi * np.arange(steps) / periods + phases)
    return _histories("sine", values + noise * random.normal(size=values.shape), Frequency("step"))


def seasonal(count: int = 20, steps: int = 730, *, noise: float = 0.3, seed: int = 0) -> Histories:
    """`count` series of days: a level, a trend, a pattern of the week of its own, and independent normal noise, of
    which no forecast can know anything.

    Args:
        count: series.
        steps: days of each.
        noise: its standard deviation, in those of the pattern of the week.
        seed: start of the randomness.

    >>> found = seasonal(1, 28, noise=0.0)
    >>> x = found.histories[0].values[:, 0]
    >>> str(found.frequency), len(set((x[7:] - x[:-7]).round(6)))  # from week to week the trend alone
    ('1d', 1)
    """
    random = np.random.default_rng(seed)
    sizes = np.exp(random.normal(2, 1, (count, 1)))
    weeks = random.normal(size=(count, WEEK))
    weeks = (weeks - weeks.mean(axis=1, keepdims=True)) / weeks.std(axis=1, keepdims=True)
    level, trend = random.uniform(3, 10, (count, 1)), random.normal(0, 2, (count, 1)) / steps
    pattern = weeks[:, np.arange(steps) % WEEK]
    values = level + trend * np.arange(steps) + pattern + noise * random.normal(size=(count, steps))
    return _histories("series", sizes * values, Frequency.parse("1d"))


def _histories(name: str, values: Iterable[np.ndarray], frequency: Frequency) -> Histories:
    histories = []
    for number, series in enumerate(values, start=1):
        stamps = frequency.from_first(0 if frequency.unit == "step" else FIRST, len(series))
        none = np.zeros((len(series), 0))
        histories.append(History(f"{name} {number}", stamps, series[:, None], none, none, none[0], f"{name} {number}"))
    return Histories(("y",), (), (), (), frequency, tuple(histories))
