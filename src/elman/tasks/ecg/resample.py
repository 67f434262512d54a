"""Resamples signals: each new sample is a weighted sum of the old ones around it, with the weights of a sinc under a
Kaiser window (Smith and Gossett, 1984). A signal in pieces gives exactly the same samples as a whole.
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
"""Zeros of the sinc on each side; they determine the delay, 24 ms for a new rate of 250."""

ROLL_OFF = 0.9
"""The frequency at which the filter's gain is one half, as a part of the lower Nyquist frequency."""

BETA = 6.0
"""The parameter of the Kaiser window; with it the stop band is damped by about 60 dB."""

_FINEST = 1000
_AT_ONCE = 1 << 16

Values = Float[np.ndarray, " _"]


def resample(values: Float[np.ndarray, " time"], *, rate: float, to: float) -> Float[np.ndarray, " _"]:
    """The signal with `to` samples a second instead of `rate`; see `Resampler.ratio` for the places of samples. The
    signal is extended at both ends by its first and last values. A new sample is NaN where the nearest old one is.

    Raises:
        ConfigError: a rate that is not positive.

    >>> sine = np.sin(2 * np.pi * 5 * np.arange(720) / 360)
    >>> new = resample(sine, rate=360, to=250)
    >>> len(new), bool(np.abs(new - np.sin(2 * np.pi * 5 * np.arange(500) / 250))[20:-20].max() < 1e-3)
    (500, True)
    """
    resampler = Resampler(rate, to)
    if rate == to:
        return values
    state, first = resampler.step(resampler.start(), values)
    return np.concatenate([first, resampler.finish(state)]).astype(values.dtype)


class ResamplerState(NamedTuple):
    """The state of a resampler between the pieces of a stream."""

    kept: Values
    """The last samples, with gaps filled."""
    gaps: np.ndarray
    """The mask of those of them that were NaN."""
    seen: int
    """Number of input samples so far."""
    outputs: int
    """Number of output samples so far."""


@dataclass(frozen=True)
class Resampler:
    """Changes the sampling rate of a signal that comes in pieces.

    >>> resampler = Resampler(360, 250)
    >>> signal = np.cos(np.arange(100) / 9)
    >>> state, first = resampler.step(resampler.start(), signal[:37])
    >>> state, second = resampler.step(state, signal[37:])
    >>> pieces = np.concatenate([first, second, resampler.finish(state)])
    >>> bool((pieces == resample(signal, rate=360, to=250)).all())
    True
    """

    rate: float
    to: float

    def __post_init__(self) -> None:
        for rate in (self.rate, self.to):
            if not 0 < rate < math.inf:
                raise ConfigError(f"rate: expected samples a second, such as 250; got {rate!r}")
        if not self.ratio:
            raise ConfigError(f"rate: expected at most {_FINEST * self.to:,.0f} samples a second; got {self.rate!r}")

    @property
    def delay(self) -> float:
        """The look-ahead in seconds: the length of signal after a new sample that its value needs."""
        return self._reach / self.rate

    def start(self) -> ResamplerState:
        """The state before the first sample."""
        return ResamplerState(np.zeros(0), np.zeros(0, bool), 0, 0)

    def step(self, state: ResamplerState, values: Values) -> tuple[ResamplerState, Values]:
        """The next state, and the new samples whose look-ahead has arrived."""
        if not len(values):
            return state, np.zeros(0)
        gaps = np.isnan(values)
        if state.seen:
            filled = _held(values, gaps, state.kept[-1])
            kept, gaps = np.concatenate([state.kept, filled]), np.concatenate([state.gaps, gaps])
        else:
            first = float(values[~gaps][:1].sum())  # 0 where all are missing
            kept = np.concatenate([np.full(self._reach, first), _held(values, gaps, first)])
            gaps = np.concatenate([np.zeros(self._reach, bool), gaps])
        seen = state.seen + len(values)
        new = self._computed(ResamplerState(kept, gaps, seen, state.outputs))
        passed = state.outputs + len(new)
        spare = passed * self._down // self._up - self._reach - (seen - len(kept))
        spare = max(0, min(spare, len(kept) - 1))  # the last sample fills the gaps that follow
        return ResamplerState(kept[spare:], gaps[spare:], seen, passed), new

    def finish(self, state: ResamplerState) -> Values:
        """The last new samples; the signal is extended by its last value."""
        if not state.seen:
            return np.zeros(0)
        total = -(-state.seen * self._up // self._down)
        _, new = self.step(state, np.full(self._reach + 1, state.kept[-1]))
        return new[: total - state.outputs]

    def _computed(self, state: ResamplerState) -> Values:
        """All new samples from `state.outputs` on whose neighbours have all arrived."""
        ready = state.seen - self._reach  # old samples whose look-ahead has arrived
        numbers = np.arange(state.outputs, max(state.outputs, -(-ready * self._up // self._down)))
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
    def ratio(self) -> Fraction:
        """New samples for each old one: `to / rate`, or the nearest fraction with a denominator up to 1,000. Sample n
        of the new signal lies at the old sample n / ratio."""
        return Fraction(self.to / self.rate).limit_denominator(_FINEST)

    @property
    def _up(self) -> int:
        return self.ratio.numerator

    @property
    def _down(self) -> int:
        return self.ratio.denominator

    @property
    def _reach(self) -> int:
        """The number of old samples on each side that a new one depends on."""
        return 0 if self.ratio == 1 else math.ceil(ZEROS / min(1.0, float(self.ratio)))

    @cached_property
    def _weights(self) -> Float[np.ndarray, "phase tap"]:
        """The weights of the old samples around a new one, for each of its possible phases between two of them."""
        if self.ratio == 1:
            return np.ones((1, 1))
        cutoff = ROLL_OFF * min(1.0, float(self.ratio))
        away = np.arange(-self._reach, self._reach + 1) - np.arange(self._up)[:, None] / self._up
        inside = 1 - (away / self._reach) ** 2
        window = np.where(inside > 0, np.i0(BETA * np.sqrt(np.maximum(inside, 0))), 0)
        weights = np.sinc(cutoff * away) * window
        return weights / weights.sum(axis=1, keepdims=True)


def _held(values: Values, gaps: np.ndarray, before: float) -> Values:
    """The values with each gap filled by the last value before it."""
    if not gaps.any():
        return values.astype(np.float64)
    places = np.maximum.accumulate(np.where(gaps, 0, np.arange(1, len(values) + 1)))
    return np.concatenate([[before], values])[places].astype(np.float64)
