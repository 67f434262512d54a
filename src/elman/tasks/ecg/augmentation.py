"""Augments ECGs without changing their waves: other gains, reversed electrodes, baseline wander, mains hum, muscle
noise, and another tempo.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Window(NamedTuple):
    """The places at which the samples of a piece are read: `start + tempo * n`."""

    start: float
    tempo: float

    def places(self, length: int) -> Float[np.ndarray, " time"]:
        """The places of `length` samples in the signal; some may lie beyond its ends.

        >>> Window(10.0, 1.5).places(3).tolist()
        [10.0, 11.5, 13.0]
        """
        return self.start + self.tempo * np.arange(length)


def read_at(signal: Float[np.ndarray, " time"], places: Float[np.ndarray, " _"]) -> Float[np.ndarray, " _"]:
    """The values of a signal at places between its samples, by linear interpolation.

    >>> read_at(np.array([0.0, 2.0, 4.0]), np.array([0.5, 2.0])).tolist()
    [1.0, 4.0]
    """
    below = np.clip(places.astype(int), 0, len(signal) - 2)
    share = places - below
    return signal[below] * (1 - share) + signal[below + 1] * share


def disturb(
    signal: Float[np.ndarray, " time"], random: np.random.Generator, *, rate: float, strength: float = 1.0
) -> Float[np.ndarray, " time"]:
    """A signal in mV with a random gain and random disturbances.

    Args:
        signal: the ECG.
        random: generator of the gain and of the disturbances.
        rate: samples a second.
        strength: 0 leaves the signal as it is; 1 is wander of up to 0.3 mV, hum of up to 0.05 mV, noise of up to
            0.05 mV, a gain of half to twice, and one signal in eight upside down.
    """
    if not strength:
        return signal
    seconds = np.arange(len(signal)) / rate
    gain = np.exp(strength * random.uniform(-0.7, 0.7)) * (-1 if random.random() < strength / 8 else 1)
    wander = _waves(seconds, random, frequencies=random.uniform(0.05, 0.7, 3), most=0.3 * strength / 3)
    hum = _waves(seconds, random, frequencies=random.choice([50.0, 60.0], 1), most=0.05 * strength)
    noise = random.normal(0, 1, len(signal)) * 0.05 * strength * random.random() ** 3
    return signal * gain + wander + hum * (random.random() < 0.3) + noise


def _waves(
    seconds: np.ndarray, random: np.random.Generator, *, frequencies: Int[np.ndarray, " _"] | np.ndarray, most: float
) -> np.ndarray:
    heights, phases = random.uniform(0, most, len(frequencies)), random.uniform(0, 2 * np.pi, len(frequencies))
    return (heights[:, None] * np.sin(2 * np.pi * frequencies[:, None] * seconds + phases[:, None])).sum(axis=0)
