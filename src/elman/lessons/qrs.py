"""Q, R and S in generated ECGs: their samples, windows cut around them, labels, and the share of beats found.

A beat is three points, the samples of its Q, R and S; the points of many beats are an array of three columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman.formats.wfdb.record import Record
from elman.tasks.ecg.detected import DetectedBeat
from elman.tasks.ecg.generator import NORMAL, Noise, Shape, generate_ecg
from elman.tasks.ecg.matching import match_events
from elman.tasks.ecg.strip import Strip

RATE = 250
"""Samples a second: 4 ms each."""

NEAR = 3
"""Samples by which a point may be off: 12 ms."""

NORMAL_MS = 60, 100
"""The limits of a normal QRS complex from its onset to its end, in ms."""

Points = Integer[np.ndarray, "beat 3"]


class MarkedEcg(NamedTuple):
    """A generated ECG, and the samples of Q, R and S of its beats."""

    strip: Strip
    points: Points

    @property
    def signal(self) -> Float[np.ndarray, " time"]:
        """The voltage in mV."""
        return self.strip.signal


def marked_ecg(seed: int, *, heart_rate: float, stretch: float = 1.0, seconds: float = 10.0) -> MarkedEcg:
    """A generated ECG whose QRS complexes take `stretch` times as long as normal ones.

    >>> ecg = marked_ecg(0, heart_rate=60)
    >>> ecg.points[0].tolist()  # Q, R and S
    [245, 252, 259]
    """
    q, r, s = (bump._replace(place=bump.place * stretch, width=bump.width * stretch) for bump in NORMAL[1:4] if bump)
    noise, shape = Noise(white=0.02, wander=0.1), Shape(NORMAL.p, q, r, s, NORMAL.t)
    generated = generate_ecg(seconds, rate=RATE, heart_rate=heart_rate, shape=shape, noise=noise, seed=seed)
    times = [(beat.q, beat.r, beat.s) for beat in generated.times]
    return MarkedEcg(generated.strip, np.round(np.array(times, float).reshape(-1, 3) * RATE).astype(int))


def cut_windows(
    ecgs: Sequence[MarkedEcg], begins: Iterable[tuple[int, int]], width: int
) -> tuple[Float[np.ndarray, "window width"], Integer[np.ndarray, "window 3"]]:
    """Windows of `width` samples, cut at each (number of the ECG, first sample) of `begins`; and the places of Q, R and
    S in each: those of its first whole beat, or `width` where there is none."""
    windows, places = [], []
    for number, begin in begins:
        points = ecgs[number].points
        whole = points[(points[:, 0] >= begin) & (points[:, 2] < begin + width)]
        windows.append(ecgs[number].signal[begin : begin + width])
        places.append(whole[0] - begin if len(whole) else np.full(3, width))
    return np.stack(windows), np.array(places, np.int32)


def points_in_windows(
    signal: Float[np.ndarray, " time"], begins: Sequence[int], width: int, predict: Callable[[np.ndarray], np.ndarray]
) -> Points:
    """The points found in the windows that begin at these samples. `predict(windows)` returns the places of Q, R and S
    in each; a window counts where none of the three is `width`."""
    places = predict(np.stack([signal[begin : begin + width] for begin in begins]))
    return (places + np.array(begins)[:, None])[(places < width).all(axis=1)]


def labels_of(length: int, points: Points) -> Integer[np.ndarray, " time"]:
    """The label of each sample: 1, 2 or 3 at Q, R or S and the samples beside it, 0 elsewhere.

    >>> labels_of(14, np.array([[2, 6, 10]])).tolist()
    [0, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 0, 0]
    """
    labels = np.zeros(length, np.int32)
    for beat in points:
        for label, at in enumerate(beat, start=1):
            labels[max(at - 1, 0) : at + 2] = label
    return labels


def points_of(labels: Integer[np.ndarray, " time"]) -> Points:
    """The points of each beat: the middles of consecutive runs of the labels 1, 2 and 3 within a quarter of a second.

    >>> points_of(np.array([0, 1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 0, 0])).tolist()
    [[2, 6, 10]]
    """
    changes = np.flatnonzero(np.diff(labels, prepend=0, append=0))
    runs = [(labels[first], (first + after - 1) // 2) for first, after in pairwise(changes) if labels[first]]
    threes = zip(runs[:-2], runs[1:-1], runs[2:], strict=True)
    beats = [(q, r, s) for (a, q), (b, r), (c, s) in threes if (a, b, c) == (1, 2, 3) and s - q < RATE / 4]
    return np.array(beats, int).reshape(-1, 3)


def share_found(truth: Points, points: Points) -> float:
    """The share of true beats of which all three points are found, each within `NEAR` samples.

    >>> share_found(np.array([[2, 6, 10], [52, 56, 60]]), np.array([[3, 6, 9]]))
    0.5
    """
    if not len(points):
        return 0.0
    return float((np.abs(truth[:, None] - points[None]).max(axis=2) <= NEAR).any(axis=1).mean())


def mean_share_found(ecgs: Iterable[MarkedEcg], read: Callable[[np.ndarray], Points]) -> float:
    """The mean of `share_found` over ECGs; `read(signal)` returns the points of its beats."""
    return float(np.mean([share_found(ecg.points, read(ecg.signal)) for ecg in ecgs]))


def qs_times(ecgs: Iterable[MarkedEcg], read: Callable[[np.ndarray], Points]) -> Float[np.ndarray, "beat 2"]:
    """The time from Q to S in ms of each beat whose R is found: the true one, and that of `read(signal)`."""
    times = []
    for ecg in ecgs:
        points = read(ecg.signal)
        for true, found in match_events(ecg.points[:, 1], points[:, 1], window=NEAR):
            times.append((ecg.points[true, 2] - ecg.points[true, 0], points[found, 2] - points[found, 0]))
    return 1000 * np.array(times, float).reshape(-1, 2) / RATE


def qrs_durations(strip: Strip, beats: Sequence[DetectedBeat]) -> Float[np.ndarray, "complex 2"]:
    """The true and the detected duration in ms of each complex of a strip for which both are known."""
    true = [wave for wave in strip.waves if wave.kind == "QRS" and wave.has_onset and wave.has_end]
    peaks = np.array([wave.peak for wave in true]), np.array([beat.qrs.peak for beat in beats])
    pairs = match_events(*peaks, window=0.15 * strip.rate) if len(true) and len(beats) else []
    both = [(true[a].end - true[a].onset, beats[b].qrs.end - beats[b].qrs.onset) for a, b in pairs]
    return 1000 * np.array(both, float).reshape(-1, 2) / strip.rate


def compare_durations(both: Float[np.ndarray, "complex 2"]) -> str:
    """One line that compares detected durations with the true ones, and says how many are judged normal or not rightly.

    >>> compare_durations(np.array([[90.0, 94.0], [110.0, 98.0]]))
    '2 complexes, median 100 ms, detected 96; off by -4.0 ± 8.0 ms; 50% outside 60 to 100 ms, detected 0%, 50% right'
    """
    if not len(both):
        return "no complexes to compare"
    outside = (both < NORMAL_MS[0]) | (both > NORMAL_MS[1])
    off = both[:, 1] - both[:, 0]
    return (
        f"{len(both)} complexes, median {np.median(both[:, 0]):.0f} ms, detected {np.median(both[:, 1]):.0f}; "
        f"off by {off.mean():+.1f} ± {off.std():.1f} ms; {outside[:, 0].mean():.0%} outside {NORMAL_MS[0]} to "
        f"{NORMAL_MS[1]} ms, detected {outside[:, 1].mean():.0%}, {(outside[:, 0] == outside[:, 1]).mean():.0%} right"
    )


def record_of(strip: Strip) -> Record:
    """A generated strip as a record of one lead, as a file would have it."""
    return Record(strip.record, strip.signal[:, None], strip.rate, (strip.lead,))
