"""Encodes an ECG as the features that a network reads: the signal without baseline wander, and the same divided by its
running size. Both use running means over past samples, so that a signal in pieces gives the same features as a whole.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
from jaxtyping import Float
from msgspec import UNSET

from elman._show import Shown
from elman.tasks.ecg import strip as ecg

WAVES = ("", "P", "QRS", "T")
"""Labels of a sample: the wave it belongs to; the first is none."""

KINDS = tuple(ecg.KINDS)
"""Kinds of beats, in the order of their labels, which begin at 1."""

WANDER_SECONDS, SIZE_SECONDS = 0.4, 3.0
"""Time constants of the mean that is subtracted (a high-pass filter of 0.4 Hz) and of the size to divide by."""

LEAST_SIZE = 0.02
"""The least divisor in mV, so that noise in a flat signal is not amplified."""

BLOCK = 64
"""Samples averaged by one matrix product, few enough that it is not spread over threads."""


class RunningMean(NamedTuple):
    """The state of a running mean: the weighted sum so far, and the sum of the weights."""

    total: Float[np.ndarray, " batch"]
    weight: float

    def update(self, values: Float[np.ndarray, "batch time"], *, decay: float) -> tuple[RunningMean, np.ndarray]:
        """The new state, and the mean after each of the next values; each value weighs `decay` times as much as the
        one after it."""
        means, total, weight = np.empty(values.shape), self.total, self.weight
        for start in range(0, values.shape[1], BLOCK):
            piece = values[:, start : start + BLOCK]
            powers, faded = _powers(piece.shape[1], decay)
            totals = piece @ powers + total[:, None] * faded
            weights = powers.sum(axis=0) + weight * faded
            means[:, start : start + BLOCK] = totals / weights
            total, weight = totals[:, -1], float(weights[-1])
        return RunningMean(total, weight), means


class EcgState(NamedTuple):
    """The codec's state between pieces of a signal."""

    last: Float[np.ndarray, " batch"]
    """The last values that were not NaN, in mV."""
    mean: RunningMean
    power: RunningMean


class EcgCodec(Shown, msgspec.Struct, frozen=True, tag="ecg"):
    """Encodes signals as features, and names the kinds of beats in the training part.

    >>> codec = EcgCodec()
    >>> signal = np.sin(np.arange(500) / 8)[None]
    >>> _, whole = codec.features(codec.start(1), signal)
    >>> state, first = codec.features(codec.start(1), signal[:, :200])
    >>> _, rest = codec.features(state, signal[:, 200:])
    >>> whole.shape, bool(np.allclose(whole, np.concatenate([first, rest], axis=1), atol=1e-6))
    ((1, 500, 2), True)
    """

    rate: Annotated[float, msgspec.Meta(ge=10, le=10_000)] = 250.0
    """The network's sampling rate, in samples a second."""
    kinds: tuple[str, ...] = ()
    """Kinds of beats in the training part; empty where its beats have no kinds."""
    waves: Literal[False] | msgspec.UnsetType = UNSET
    """False where the training part has no annotated wave, so that none is looked for."""
    FEATURES: ClassVar[int] = 2
    """Features of a sample."""

    def __post_init__(self) -> None:
        if unknown := {*self.kinds} - {*KINDS}:
            raise ValueError(f"kinds: expected some of {', '.join(KINDS)}; got {min(unknown)!r:.80}")

    @property
    def unit(self) -> str:
        """lead"""
        return "lead"

    def start(self, batch: int) -> EcgState:
        """The state before the first sample of `batch` signals."""
        return EcgState(np.zeros(batch), RunningMean(np.zeros(batch), 0.0), RunningMean(np.zeros(batch), 0.0))

    def features(
        self, state: EcgState, signals: Float[np.ndarray, "batch time"]
    ) -> tuple[EcgState, Float[np.ndarray, "batch time feature"]]:
        """The new state, and the features of the next samples, which are in mV at the codec's rate. A sample that is
        not finite is replaced by the last finite one."""
        filled, last = _held(signals, state.last)
        mean, level = state.mean.update(filled, decay=np.exp(-1 / (WANDER_SECONDS * self.rate)))
        steady = filled - level
        power, size = state.power.update(steady**2, decay=np.exp(-1 / (SIZE_SECONDS * self.rate)))
        own = np.clip(steady / np.maximum(np.sqrt(size), LEAST_SIZE), -8, 8)
        features = np.stack([np.arcsinh(steady / 0.1), own], axis=-1).astype(np.float32)
        return EcgState(last, mean, power), features


@lru_cache(maxsize=64)
def _powers(length: int, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """The weight of each sample (row) in the running sum after each sample (column), and of the sum before."""
    ages = np.arange(length)
    return np.triu(decay ** np.abs(ages - ages[:, None])), decay ** (ages + 1.0)


def _held(signals: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The signals in float64, with non-finite samples replaced by the last finite one, and their last values."""
    if not signals.shape[1]:
        return signals.astype(float), last
    known = np.isfinite(signals)
    if not known.all():
        both = np.concatenate([last[:, None], signals], axis=1)
        places = np.where(np.isfinite(both), np.arange(both.shape[1]), 0)
        signals = np.take_along_axis(both, np.maximum.accumulate(places, axis=1), axis=1)[:, 1:]
    return signals.astype(float), signals[:, -1].astype(float)
