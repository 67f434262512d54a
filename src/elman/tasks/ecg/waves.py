"""Detection of waves, with an onset, a peak and an end, and of heartbeats from the probabilities of every sample.

A wave is a run of samples whose most likely label is that wave. Runs that are too short are left out, and parts that
lie close together are joined. A heartbeat is a run of samples at which a beat is more likely than none, at least a
refractory period after the last one. All depends on nearby samples only, so that a long signal can be read in pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from elman.tasks.ecg.detected import UNLEARNED

LEAST_MS = {"P": 30, "QRS": 28, "T": 50}
"""Least duration of a wave of each kind."""

GAP_MS = 32
"""Gap below which parts of a wave are joined."""

SURE = 0.5
"""Least value of a wave's greatest probability."""

REFRACTORY_MS = 200
"""Least time between two beats (ANSI/AAMI EC57 leaves out closer ones)."""

BEAT_GAP_MS = 60
"""Gap below which runs of a beat are joined."""

QRS_REACH_MS = 120
"""Largest distance between a beat and the edge of its QRS complex."""

EDGE_MS = 60
"""Distance from an end of the signal within which a beat without a QRS complex does not count."""

P_REACH_MS, T_REACH_MS = 500, 700
"""Largest distance of a P wave's onset before the QRS complex, and of a T wave's peak after R."""

SMALL, LEAST_R = 0.08, 0.01
"""Least deflection of a Q or S, and of an R, as shares of the greatest of the QRS complex. Experts mark an R however
small it is: in LUDB the peak of a QRS complex is its highest point above the line between its ends for 95 of 100, and
its farthest point from the line for 60."""


class WaveSegment(NamedTuple):
    """A detected wave: its samples, the end included, and the mean probability of the samples."""

    kind: str
    onset: int
    peak: int
    end: int
    confidence: float


class Detection(NamedTuple):
    """A detected beat: its sample, its kind, and the greatest probability of a beat among its samples."""

    sample: int
    kind: str
    confidence: float


class Heartbeat(NamedTuple):
    """A beat with its waves; the peak of `qrs` is R, or the lowest point of a complex without R."""

    kind: str
    confidence: float
    qrs: WaveSegment
    q: int | None
    s: int | None
    p: WaveSegment | None
    """The P wave, or None."""
    t: WaveSegment | None


def find_waves(
    signal: Float[np.ndarray, " time"],
    probabilities: Float[np.ndarray, "time label"],
    *,
    names: Sequence[str],
    rate: float,
) -> list[WaveSegment]:
    """Finds the waves of a lead, in order.

    Args:
        signal: the lead, in which peaks are searched.
        probabilities: probabilities of the labels at every sample.
        names: names of the labels; the first, "", is no wave.
        rate: sampling rate, in samples a second.

    >>> probabilities = np.full((40, 2), [0.9, 0.1])
    >>> probabilities[10:20] = [0.2, 0.8]
    >>> find_waves(np.sin(np.arange(40) / 5), probabilities, names=("", "T"), rate=100.0)
    [WaveSegment(kind='T', onset=10, peak=13, end=19, confidence=0.8)]
    """
    runs = [run for run in _runs(probabilities.argmax(axis=1)) if names[run[0]]]
    runs = [run for run in runs if _long_enough(run, names, rate, share=0.4)]
    waves = []
    for label, onset, end in _join(runs, gap=GAP_MS * rate / 1000):
        likely = probabilities[onset : end + 1, label]
        if _long_enough((label, onset, end), names, rate) and likely.max() >= SURE:
            wave = WaveSegment(names[label], onset, onset, end, float(likely.mean()))
            waves.append(wave._replace(peak=_peak(signal, wave, rate)))
    return waves


def find_beats(probabilities: Float[np.ndarray, "time label"], *, names: Sequence[str], rate: float) -> list[Detection]:
    """Finds the beats of a lead, in order, each at the centre of mass of its probability.

    Args:
        probabilities: probabilities of the labels at every sample; the first label is no beat.
        names: names of the kinds, which are the labels from 1 on; a beat most like one called "" has the kind -,
            since training never had it.
        rate: sampling rate, in samples a second.

    >>> probabilities = np.full((100, 3), [0.98, 0.01, 0.01])
    >>> probabilities[40:51] = [0.2, 0.1, 0.7]
    >>> find_beats(probabilities, names=("N", "V"), rate=100.0)
    [Detection(sample=45, kind='V', confidence=0.8)]
    """
    beat = 1 - probabilities[:, 0]
    runs = _join([run for run in _runs(beat > 0.5) if run[0]], gap=BEAT_GAP_MS * rate / 1000)
    beats = list[Detection]()
    masses = list[float]()
    for _, onset, end in runs:
        likely = beat[onset : end + 1]
        mass = float(likely.sum())
        sample = onset + round(float((likely * np.arange(len(likely))).sum() / mass))
        kinds = probabilities[onset : end + 1, 1:].sum(axis=0)
        kind = names[int(kinds.argmax())] or UNLEARNED
        one = Detection(sample, kind, float(likely.max()))
        if beats and sample - beats[-1].sample < REFRACTORY_MS * rate / 1000:
            if mass > masses[-1]:
                beats[-1], masses[-1] = one, mass
            continue
        beats.append(one)
        masses.append(mass)
    return beats


def heartbeats(
    signal: Float[np.ndarray, " time"], waves: Sequence[WaveSegment], beats: Sequence[Detection], *, rate: float
) -> list[Heartbeat]:
    """Assigns waves to beats, in order; waves without a beat are left out. A beat without a detected QRS complex gets
    one of 100 ms around it, or is left out near an end of the signal.

    >>> signal = np.zeros(100)
    >>> signal[48:53] = [0, -1, 5, -2, 0]
    >>> waves = [WaveSegment("P", 30, 33, 36, 0.9), WaveSegment("QRS", 48, 50, 52, 0.9)]
    >>> [beat] = heartbeats(signal, waves, [Detection(50, "N", 0.99)], rate=100.0)
    >>> beat.p.peak, beat.q, beat.qrs.peak, beat.s, beat.t
    (33, 49, 50, 51, None)
    """
    complexes = [wave for wave in waves if wave.kind == "QRS"]
    pairs, used = list[tuple[Detection, WaveSegment]](), set[int]()
    for beat in beats:
        place = _nearest(complexes, beat.sample, reach=QRS_REACH_MS * rate / 1000)
        if place is not None and place not in used:
            used.add(place)
            pairs.append((beat, complexes[place]))
        elif place is None and rate * EDGE_MS <= 1000 * beat.sample <= 1000 * len(signal) - rate * EDGE_MS:
            pairs.append((beat, _around(beat, signal, rate)))
    result, before = list[Heartbeat](), -1
    for place, (beat, qrs) in enumerate(pairs):
        after = pairs[place + 1][1].onset if place + 1 < len(pairs) else len(signal)
        q, r, s = qrs_points(signal, qrs)
        t = _best(waves, "T", max(qrs.end, before), min(after, qrs.peak + T_REACH_MS * rate / 1000))
        p = _last(waves, "P", max(before, qrs.onset - P_REACH_MS * rate / 1000), qrs.onset)
        result.append(Heartbeat(beat.kind, beat.confidence, qrs._replace(peak=r), q, s, p, t))
        before = qrs.end if t is None else t.end
    return result


def qrs_points(signal: Float[np.ndarray, " time"], qrs: WaveSegment) -> tuple[int | None, int, int | None]:
    """The samples of Q, R and S: R is the highest point above the line between onset and end, Q and S are the lowest
    points before and after it. In a complex that never rises above the line, R is the lowest point, without Q and S.

    >>> qrs_points(np.array([0, -1.0, 8.0, -3.0, 0]), WaveSegment("QRS", 0, 2, 4, 0.9))
    (1, 2, 3)
    >>> qrs_points(np.array([0, -1.0, -8.0, -3.0, 0]), WaveSegment("QRS", 0, 2, 4, 0.9))
    (None, 2, None)
    """
    heights = _above_line(signal[qrs.onset : qrs.end + 1])
    greatest, r = np.abs(heights).max(), int(heights.argmax())
    if heights[r] <= LEAST_R * greatest:
        return None, qrs.onset + int(heights.argmin()), None
    least = SMALL * greatest
    q = int(heights[: r + 1].argmin())
    s = r + int(heights[r:].argmin())
    return (
        qrs.onset + q if heights[q] < -least else None,
        qrs.onset + r,
        qrs.onset + s if heights[s] < -least else None,
    )


def _runs(labels: Int[np.ndarray, " time"] | Bool[np.ndarray, " time"]) -> list[tuple[int, int, int]]:
    """The (label, first, last) of each run of the same label."""
    if not len(labels):
        return []
    starts = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1])
    ends = np.concatenate([starts[1:], [len(labels)]]) - 1
    return list(zip(labels[starts].astype(int).tolist(), starts.tolist(), ends.tolist(), strict=True))


def _join(runs: Sequence[tuple[int, int, int]], *, gap: float) -> list[tuple[int, int, int]]:
    joined = list[tuple[int, int, int]]()
    for label, first, last in runs:
        if joined and joined[-1][0] == label and first - joined[-1][2] - 1 < gap:
            joined[-1] = (label, joined[-1][1], last)
        else:
            joined.append((label, first, last))
    return joined


def _long_enough(run: tuple[int, int, int], names: Sequence[str], rate: float, share: float = 1.0) -> bool:
    label, first, last = run
    return last - first + 1 >= share * LEAST_MS[names[label]] * rate / 1000


def _peak(signal: np.ndarray, wave: WaveSegment, rate: float) -> int:
    """The sample of a wave's peak: R of a QRS complex; of a P or T wave, smoothed over 20 ms, the point farthest from
    the line between its ends."""
    if wave.kind == "QRS":
        return qrs_points(signal, wave)[1]
    heights, smooth = np.abs(_above_line(signal[wave.onset : wave.end + 1])), round(0.02 * rate)
    if 1 < smooth < len(heights):
        heights = np.convolve(heights, np.ones(smooth) / smooth, mode="same")
    return wave.onset + int(heights.argmax())


def _above_line(signal: np.ndarray) -> np.ndarray:
    return signal - np.linspace(signal[0], signal[-1], len(signal))


def _nearest(segments: Sequence[WaveSegment], sample: int, *, reach: float) -> int | None:
    """The place of the segment nearest to a sample, which may lie within it; None if all are farther than `reach`."""
    distances = [max(one.onset - sample, sample - one.end, 0) for one in segments]
    place = min(range(len(segments)), key=distances.__getitem__, default=None)
    return place if place is not None and distances[place] <= reach else None


def _around(beat: Detection, signal: np.ndarray, rate: float) -> WaveSegment:
    half = round(0.05 * rate)
    onset, end = max(0, beat.sample - half), min(len(signal) - 1, beat.sample + half)
    return WaveSegment("QRS", onset, beat.sample, end, 0.0)


def _best(waves: Sequence[WaveSegment], kind: str, first: float, last: float) -> WaveSegment | None:
    """The wave of a kind between two samples with the greatest sum of probabilities."""
    inside = [wave for wave in waves if wave.kind == kind and first <= wave.onset and wave.peak < last]
    return max(inside, key=lambda wave: wave.confidence * (wave.end - wave.onset + 1), default=None)


def _last(waves: Sequence[WaveSegment], kind: str, first: float, last: float) -> WaveSegment | None:
    """The last wave of a kind between two samples."""
    inside = [wave for wave in waves if wave.kind == kind and first <= wave.onset and wave.peak < last]
    return inside[-1] if inside else None
