"""Signals at another rate: each new sample is a weighted sum of the old ones around it, by a sinc under a Kaiser window
(Smith and Gossett, 1984). A signal in pieces gives exactly what the whole does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError

ZEROS = 6
"""Zeros of the sinc on each side; they set the delay, 24 ms for a new rate of 250."""

ROLL_OFF = 0.9
"""Where the filter is half way down, as a part of the lower Nyquist frequency."""

BETA = 6.0
"""Of the Kaiser window: what is above both Nyquist frequencies is damped by about 60 dB."""

_FINEST = 1000
_AT_ONCE = 1 << 16

Values = Float[np.ndarray, " _"]


def resampled(values: Float[np.ndarray, " time"], *, rate: float, to: float) -> Float[np.ndarray, " _"]:
    """The signal with `to` samples a second instead of `rate`. Sample n of the new signal lies at the time n / to, and
    the signal goes on at both ends as its first and last values do. Where the nearest sample is NaN, so is the new
    one.

    Raises:
        ConfigError: a rate that is not positive.

    >>> sine = np.sin(2 * np.pi * 5 * np.arange(720) / 360)
    >>> new = resampled(sine, rate=360, to=250)
    >>> len(new), bool(np.abs(new - np.sin(2 * np.pi * 5 * np.arange(500) / 250))[20:-20].max() < 1e-3)
    (500, True)
    """
    resampler = Resampler(rate, to)
    if rate == to:
        return values
    state, first = resampler.step(resampler.start(), values)
    return np.concatenate([first, resampler.finish(state)]).astype(values.dtype)


class State(NamedTuple):
    """What is kept of a stream."""

    kept: Values
    """The last samples, without gaps."""
    gaps: np.ndarray
    """Which of them were NaN."""
    seen: int
    """Samples that came in."""
    given: int
    """Samples that went out."""


@dataclass(frozen=True)
class Resampler:
    """Changes the rate of a signal that comes in pieces.

    >>> resampler = Resampler(360, 250)
    >>> signal = np.cos(np.arange(100) / 9)
    >>> state, first = resampler.step(resampler.start(), signal[:37])
    >>> state, second = resampler.step(state, signal[37:])
    >>> pieces = np.concatenate([first, second, resampler.finish(state)])
    >>> bool((pieces == resampled(signal, rate=360, to=250)).all())
    True
    """

    rate: float
    to: float

    def __post_init__(self) -> None:
        for rate in (self.rate, self.to):
            if not 0 < rate < math.inf:
                raise ConfigError(f"rate: expected samples a second, such as 250; got {rate!r}")

    @property
    def delay(self) -> float:
        """Seconds of signal after a sample that it needs."""
        return self._reach / self.rate

    def start(self) -> State:
        """The state before the first sample."""
        return State(np.zeros(0), np.zeros(0, bool), 0, 0)

    def step(self, state: State, values: Values) -> tuple[State, Values]:
        """The new samples for which enough is there."""
        if not len(values):
            return state, np.zeros(0)
        gaps = np.isnan(values)
        if state.seen:
            filled = _held(values, gaps, state.kept[-1])
            kept, gaps = np.concatenate([state.kept, filled]), np.concatenate([state.gaps, gaps])
        else:
            first = float(values[~gaps][:1].sum())  # 0 where all is missing
            kept = np.concatenate([np.full(self._reach, first), _held(values, gaps, first)])
            gaps = np.concatenate([np.zeros(self._reach, bool), gaps])
        seen = state.seen + len(values)
        new = self._computed(State(kept, gaps, seen, state.given))
        given = state.given + len(new)
        spare = given * self._down // self._up - self._reach - (seen - len(kept))
        spare = max(0, min(spare, len(kept) - 1))  # the last is held through gaps
        return State(kept[spare:], gaps[spare:], seen, given), new

    def finish(self, state: State) -> Values:
        """The last new samples, for which the end of the signal goes on as it is."""
        if not state.seen:
            return np.zeros(0)
        total = -(-state.seen * self._up // self._down)
        _, new = self.step(state, np.full(self._reach + 1, state.kept[-1]))
        return new[: total - state.given]

    def _computed(self, state: State) -> Values:
        """All new samples from `given` on of which everything around them is kept."""
        ready = state.seen - self._reach  # old samples of which enough came after
        numbers = np.arange(state.given, max(state.given, -(-ready * self._up // self._down)))
        if not len(numbers):
            return np.zeros(0)
        start = state.seen - len(state.kept)
        new = np.empty(len(numbers))
        windows = np.lib.stride_tricks.sliding_window_view(state.kept, 2 * self._reach + 1)
        for first in range(0, len(numbers), _AT_ONCE):
            places, phases = np.divmod(numbers[first : first + _AT_ONCE] * self._down, self._up)
            around = windows[places - self._reach - start]
            new[first : first + _AT_ONCE] = np.einsum("nk,nk->n", around, self._weights[phases])
        nearest = (2 * numbers * self._down + self._up) // (2 * self._up)
        new[state.gaps[np.minimum(nearest, state.seen - 1) - start]] = np.nan
        return new

    @cached_property
    def _ratio(self) -> Fraction:
        return Fraction(self.to / self.rate).limit_denominator(_FINEST)

    @property
    def _up(self) -> int:
        return self._ratio.numerator

    @property
    def _down(self) -> int:
        return self._ratio.denominator

    @property
    def _reach(self) -> int:
        """Old samples on each side that a new one is made of."""
        return 0 if self._ratio == 1 else math.ceil(ZEROS / min(1.0, float(self._ratio)))

    @cached_property
    def _weights(self) -> Float[np.ndarray, "phase tap"]:
        """Of the old samples around a new one, for each place that it may have between two of them."""
        if self._ratio == 1:
            return np.ones((1, 1))
        cutoff = ROLL_OFF * min(1.0, float(self._ratio))
        away = np.arange(-self._reach, self._reach + 1) - np.arange(self._up)[:, None] / self._up
        inside = 1 - (away / self._reach) ** 2
        window = np.where(inside > 0, np.i0(BETA * np.sqrt(np.maximum(inside, 0))), 0)
        weights = np.sinc(cutoff * away) * window
        return weights / weights.sum(axis=1, keepdims=True)


def _held(values: Values, gaps: np.ndarray, before: float) -> Values:
    """The values with the last before it in place of each gap."""
    if not gaps.any():
        return values.astype(np.float64)
    places = np.maximum.accumulate(np.where(gaps, 0, np.arange(1, len(values) + 1)))
    return np.concatenate([[before], values])[places].astype(np.float64)
