"""Generates time series with a known law, for a first try without files: sines, and seasons with trend and noise.

The same seed gives the same series.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from elman.formats.frequency import Frequency
from elman.tasks.forecasting.histories import Histories, History

PERIODS = (10.0, 100.0)
"""The shortest and the longest period of a sine, in steps."""

FIRST = np.datetime64("2020-01-01T00:00:00", "s")
WEEK = 7


def sines(count: int = 100, steps: int = 900, *, noise: float = 0.0, seed: int = 0) -> Histories:
    """Generates sines of amplitude 1, each with a random period and phase, so that only its past determines how one
    continues. Periods are 10 to 100 steps, with a uniformly distributed logarithm.

    Args:
        count: number of series.
        steps: length of each series.
        noise: standard deviation of the noise added to each value.
        seed: seed of the random numbers.

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
    """Generates daily series, each with a level, a trend and a weekly pattern of its own, and with independent normal
    noise, which no forecast can predict.

    Args:
        count: number of series.
        steps: days of each series.
        noise: standard deviation of the noise, relative to that of the weekly pattern.
        seed: seed of the random numbers.

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
