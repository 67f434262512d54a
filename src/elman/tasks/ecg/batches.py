"""Batches of pieces of ECGs, with the label of every sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman.tasks.ecg.augmentation import Window, disturb, read_at
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.strip import Strip

SOME_KIND = 1 + len(KINDS)
"""The label of a beat of unknown kind; 0 is no beat, and the labels of the kinds lie between."""

BEAT_MS, UNSURE_MS = 50, 90
"""Samples within the first distance of a beat are labelled as that beat; those up to the second have a weight of 0,
since annotators differ by as much."""

TEMPO = (0.8, 1.25)
"""The least and the greatest change of tempo."""


class EcgBatch(NamedTuple):
    """The arrays of one step; the weight of a sample is 0 where its label is unknown."""

    features: Float[np.ndarray, "batch time feature"]
    lengths: Integer[np.ndarray, " batch"]
    waves: Integer[np.ndarray, "batch time"]
    wave_weights: Float[np.ndarray, "batch time"]
    beats: Integer[np.ndarray, "batch time"]
    beat_weights: Float[np.ndarray, "batch time"]


class Labels(NamedTuple):
    """The labels of the samples of a strip, and their weights."""

    waves: Integer[np.ndarray, " time"]
    wave_weights: Float[np.ndarray, " time"]
    beats: Integer[np.ndarray, " time"]
    beat_weights: Float[np.ndarray, " time"]


class EcgBatches:
    """Batches of random pieces of strips. A strip gives as many pieces in an epoch as its labelled samples fill, at
    most `at_most`; every epoch draws others."""

    def __init__(
        self,
        strips: Sequence[Strip],
        codec: EcgCodec,
        *,
        batch_size: int,
        length: int,
        at_most: int,
        augmentation: float,
        seed: int,
    ):
        self._codec, self._rows, self._length, self._seed = codec, batch_size, length, seed
        self._augmentation = augmentation
        self._signals = [fill_gaps(strip.signal) for strip in strips]
        self._labels = [labels_of(strip) for strip in strips]
        self._known = [np.flatnonzero((one.wave_weights > 0) | (one.beat_weights > 0)) for one in self._labels]
        counts = [min(at_most, -(-len(known) // length)) for known in self._known]
        self._pieces = np.repeat(np.arange(len(strips)), counts)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return max(1, -(-len(self._pieces) // self._rows))

    def at(self, step: int) -> EcgBatch:
        """The batch of a step, counted over all epochs; any order gives the same batches."""
        epoch, index = divmod(step, len(self))
        order = np.random.default_rng((self._seed, epoch)).permutation(self._pieces)
        random = np.random.default_rng((self._seed, epoch, index))
        chosen = order[index * self._rows : (index + 1) * self._rows]
        signals = np.zeros((self._rows, self._length))
        lengths = np.zeros(self._rows, np.int32)
        labels = [np.zeros((self._rows, self._length), kind) for kind in (np.int32, np.float32, np.int32, np.float32)]
        for row, strip in enumerate(chosen.tolist()):
            signal, places = self._piece(strip, random)
            lengths[row] = len(signal)
            signals[row, : len(signal)] = signal
            for array, values in zip(labels, self._labels[strip], strict=True):
                array[row, : len(signal)] = values[places]
        _, features = self._codec.features(self._codec.start(self._rows), signals)
        return EcgBatch(features, lengths, *labels)

    def _piece(self, strip: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A random piece with at least one labelled sample, and the nearest sample of the strip for each of its own."""
        signal, known = self._signals[strip], self._known[strip]
        tempo = np.exp(self._augmentation * random.uniform(*np.log(TEMPO)))
        span = tempo * (self._length - 1)
        start = known[random.integers(len(known))] - random.uniform(0, span)
        start = float(np.clip(start, 0, max(0.0, len(signal) - 1 - span)))
        places = Window(start, tempo).places(self._length)
        places = places[places <= len(signal) - 1]
        values = read_at(signal, places)
        values = disturb(values, random, rate=self._codec.rate, strength=self._augmentation)
        return values, np.rint(places).astype(int)


def labels_of(strip: Strip) -> Labels:
    """The labels of the samples of a strip, and their weights.

    >>> from elman.tasks.ecg.strip import Beat, Strip, Wave
    >>> waves, beats, known = (Wave("P", 2, 3, 4),), (Beat(20, "V", "V"),), np.ones(40, bool)
    >>> labels = labels_of(Strip(np.zeros(40, np.float32), 100.0, "", "", "", waves, beats, known, known))
    >>> labels.waves[:6].tolist(), labels.beats[14:22].tolist(), labels.beat_weights[10:16].tolist()
    ([0, 0, 1, 1, 1, 0], [0, 3, 3, 3, 3, 3, 3, 3], [1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    """
    time = len(strip.signal)
    waves, beats = np.zeros(time, np.int8), np.zeros(time, np.int8)
    wave_weights, beat_weights = strip.known.astype(np.float32), strip.beats_known.astype(np.float32)
    for wave in strip.waves:
        waves[max(0, wave.onset) : wave.end + 1] = WAVES.index(wave.kind)
    near, unsure = (round(ms * strip.rate / 1000) for ms in (BEAT_MS, UNSURE_MS))
    for beat in strip.beats:
        beat_weights[max(0, beat.sample - unsure) : beat.sample + unsure + 1] = 0
    for beat in strip.beats:
        own = slice(max(0, beat.sample - near), beat.sample + near + 1)
        beats[own] = 1 + KINDS.index(beat.kind) if beat.kind else SOME_KIND
        beat_weights[own] = strip.beats_known[own]
    return Labels(waves, wave_weights, beats, beat_weights)


def fill_gaps(signal: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """The signal with linear interpolation over NaN.

    >>> fill_gaps(np.array([np.nan, 1.0, np.nan, 3.0])).tolist()
    [1.0, 1.0, 2.0, 3.0]
    """
    known = np.isfinite(signal)
    if known.all():
        return signal
    if not known.any():
        return np.zeros_like(signal)
    places = np.arange(len(signal))
    return np.interp(places, places[known], signal[known])
