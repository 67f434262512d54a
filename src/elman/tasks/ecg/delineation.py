"""Measures of the waves and beats detected in an ECG against an expert's annotations.

A true event is found if a detected one of the same kind lies within 150 ms; each belongs to one pair at most
(`match_events`). The window is that of ANSI/AAMI EC57 for beats and of the literature on waves (Martínez et al., 2004;
Moskalenko et al., 2020). Only annotated parts count: outside the known part, no event is missed and none is false.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Real
from msgspec import Meta

from elman._errors import DataError
from elman._show import Shown, ShownMeasures
from elman._types import Whole
from elman.metrics.saved import restore
from elman.tasks.ecg.matching import match_events

WINDOW_MS = 150.0
"""Largest distance between a true event and a detected one that form a pair, in milliseconds."""

WAVES = ("P", "QRS", "T")
POINTS = ("onset", "peak", "end")

Sum = Annotated[float, Meta(ge=-1e15, le=1e15)]
"""A sum of errors, whose square is a number too."""


@runtime_checkable
class AnyWave(Protocol):
    """The protocol of a wave, such as `elman.tasks.ecg.strip.Wave` or `elman.tasks.ecg.detected.DetectedWave`."""

    @property
    def kind(self) -> str:
        """The kind of wave: P, QRS or T."""

    @property
    def onset(self) -> int:
        """The first sample; that of the peak in a true wave without annotated onset."""

    @property
    def peak(self) -> int:
        """The sample of the peak, which is R in a QRS complex."""

    @property
    def end(self) -> int:
        """The last sample; that of the peak in a true wave without annotated end."""


@dataclass(frozen=True)
class PointScores(ShownMeasures):
    """Counts of detected events and sums of their errors in time. `+` adds scores: it pools sums, not shares.

    An error is the detected time minus the true one, so positive is late; SD is the root of the mean squared distance
    of the errors from their mean.

    >>> scores = PointScores.of(np.array([100, 300, 500]), np.array([104, 298, 700]), rate=500)
    >>> print(scores)
    sensitivity 66.7%, precision 66.7%, F1 66.7%, 2.0 ± 6.0 ms
    >>> (scores + scores).truth
    6
    """

    truth: Whole
    """The number of true events."""
    found: Whole
    matched: Whole
    sum_ms: Sum
    """The sum of the errors."""
    squares_ms: Sum
    """The sum of the squared errors."""

    @classmethod
    def of(
        cls,
        truth: Real[np.ndarray, " true"],
        detections: Real[np.ndarray, " detected"],
        *,
        rate: float,
        known: Bool[np.ndarray, " time"] | None = None,
        window_ms: float = WINDOW_MS,
    ) -> PointScores:
        """The scores of detected events.

        Args:
            truth: samples of the true events.
            detections: samples of the detected events.
            rate: sampling rate, in samples a second.
            known: mask of the samples where all events are annotated; all samples if left out.
            window_ms: largest distance of a pair, in milliseconds.
        """
        return _scores(
            truth, detections, inside_known(truth, known), inside_known(detections, known), 1000.0 / rate, window_ms
        )

    @property
    def sensitivity(self) -> float:
        """The share of true events that were found; 0 without any."""
        return self.matched / max(self.truth, 1)

    @property
    def precision(self) -> float:
        """The share of detected events that are true (+P); 0 without any."""
        return self.matched / max(self.found, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of sensitivity and precision."""
        return 2 * self.matched / max(self.truth + self.found, 1)

    @property
    def mean_ms(self) -> float:
        """The mean error of the pairs in milliseconds; NaN without a pair."""
        return self.sum_ms / self.matched if self.matched else math.nan

    @property
    def sd_ms(self) -> float:
        """The standard deviation of the errors in milliseconds; NaN without a pair."""
        return math.sqrt(max(self.squares_ms / self.matched - self.mean_ms**2, 0.0)) if self.matched else math.nan

    def __add__(self, other: PointScores) -> PointScores:
        return PointScores(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def to_builtins(self) -> dict[str, Any]:
        """Plain values: the counts and sums, and the shares."""
        sums = {field.name: getattr(self, field.name) for field in fields(self)}
        shares = {"sensitivity": self.sensitivity, "precision": self.precision, "f1": self.f1}
        errors = {"mean_ms": self.mean_ms, "sd_ms": self.sd_ms} if self.matched else {"mean_ms": None, "sd_ms": None}
        return {**sums, **shares, **errors}

    def __str__(self) -> str:
        shares = f"sensitivity {self.sensitivity:.1%}, precision {self.precision:.1%}, F1 {self.f1:.1%}"
        return f"{shares}, {_error(self)}" if self.matched else shares


@dataclass(frozen=True)
class WaveScores(Shown):
    """The scores of the three points of a kind of wave, each matched by itself. A wave is in the known part if its peak
    is."""

    onset: PointScores
    peak: PointScores
    """The scores of peaks, from which the wave's sensitivity, precision and F1 are taken."""
    end: PointScores

    @property
    def sensitivity(self) -> float:
        """The share of true peaks that were found."""
        return self.peak.sensitivity

    @property
    def precision(self) -> float:
        """The share of detected peaks that are true."""
        return self.peak.precision

    @property
    def f1(self) -> float:
        """The F1 of the peaks."""
        return self.peak.f1

    def __add__(self, other: WaveScores) -> WaveScores:
        return WaveScores(self.onset + other.onset, self.peak + other.peak, self.end + other.end)


@dataclass(frozen=True)
class Delineation(ShownMeasures):
    """The scores of onsets, peaks and ends of P, QRS and T waves. `+` adds the scores of strips.

    >>> from elman.tasks.ecg.detected import DetectedWave
    >>> truth = [DetectedWave("P", 100, 120, 140, 1.0), DetectedWave("QRS", 180, 200, 220, 1.0)]
    >>> detections = [DetectedWave("P", 104, 120, 138, 0.9), DetectedWave("QRS", 181, 200, 221, 0.9)]
    >>> scores = Delineation.of(truth, detections, rate=500)
    >>> print(scores)
    F1 P 100.0%, QRS 100.0%, T 0.0%
    >>> print(scores.report())
                true  found  sensitivity  precision      F1       error ms
    P    onset     1      1       100.0%     100.0%  100.0%      8.0 ± 0.0
         peak      1      1       100.0%     100.0%  100.0%      0.0 ± 0.0
         end       1      1       100.0%     100.0%  100.0%     -4.0 ± 0.0
    QRS  onset     1      1       100.0%     100.0%  100.0%      2.0 ± 0.0
         peak      1      1       100.0%     100.0%  100.0%      0.0 ± 0.0
         end       1      1       100.0%     100.0%  100.0%      2.0 ± 0.0
    T    onset     0      0            -          -       -              -
         peak      0      0            -          -       -              -
         end       0      0            -          -       -              -
    """

    p: WaveScores
    qrs: WaveScores
    t: WaveScores

    @classmethod
    def of(
        cls,
        truth: Sequence[AnyWave],
        detections: Sequence[AnyWave],
        *,
        rate: float,
        known: Bool[np.ndarray, " time"] | None = None,
        window_ms: float = WINDOW_MS,
    ) -> Delineation:
        """The scores of the waves detected in one strip; the arguments are those of `PointScores.of`.

        Raises:
            DataError: a wave that is not P, QRS or T.
        """
        for wave in (*truth, *detections):
            if wave.kind not in WAVES:
                raise DataError(f"wave at sample {wave.peak:,}: expected P, QRS or T; got {wave.kind!r}")
        kinds = (
            _wave_scores(_of_kind(truth, kind), _of_kind(detections, kind), rate, known, window_ms) for kind in WAVES
        )
        return cls(*kinds)

    @classmethod
    def none(cls) -> Delineation:
        """Empty scores, to which others are added."""
        return cls.of((), (), rate=1.0)

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> Delineation:
        """The scores that `to_builtins` turned into plain values."""
        return restore(cls, fields_of(values))

    def __add__(self, other: Delineation) -> Delineation:
        return Delineation(self.p + other.p, self.qrs + other.qrs, self.t + other.t)

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, by wave and point."""
        waves = zip(WAVES, (self.p, self.qrs, self.t), strict=True)
        return {kind: {point: getattr(wave, point).to_builtins() for point in POINTS} for kind, wave in waves}

    def report(self) -> str:
        """A table with a line for each point of each wave."""
        lines = [f"{'':10}{'true':>6}{'found':>7}{'sensitivity':>13}{'precision':>11}{'F1':>8}{'error ms':>15}"]
        for kind, wave in zip(WAVES, (self.p, self.qrs, self.t), strict=True):
            for point in POINTS:
                lines.append(_line(kind if point == POINTS[0] else "", point, getattr(wave, point)))
        return "\n".join(lines)

    def __str__(self) -> str:
        return f"F1 P {self.p.f1:.1%}, QRS {self.qrs.f1:.1%}, T {self.t.f1:.1%}"


def fields_of(waves: Any) -> Any:
    """The scores of waves by the names of fields; what is no dictionary is left for a check of types to refuse."""
    return {wave.lower(): value for wave, value in waves.items()} if isinstance(waves, dict) else waves


def inside_known(
    samples: Real[np.ndarray, " event"], known: Bool[np.ndarray, " time"] | None
) -> Bool[np.ndarray, " event"]:
    """The mask of the events in the known part; all of them if `known` is None.

    >>> inside_known(np.array([0, 2, 9]), np.array([False, True, True])).tolist()
    [False, True, False]
    """
    if known is None:
        return np.ones(len(samples), bool)
    places = samples.astype(np.int64)
    within = (places >= 0) & (places < len(known))
    return within & np.append(known, False)[np.where(within, places, len(known))]


def _of_kind(waves: Sequence[AnyWave], kind: str) -> np.ndarray:
    """The onset, peak and end of each wave of one kind."""
    rows = [(wave.onset, wave.peak, wave.end) for wave in waves if wave.kind == kind]
    return np.array(rows, np.float64).reshape(-1, len(POINTS))


def _wave_scores(
    truth: np.ndarray, detections: np.ndarray, rate: float, known: np.ndarray | None, window_ms: float
) -> WaveScores:
    in_truth, in_found = inside_known(truth[:, 1], known), inside_known(detections[:, 1], known)
    # A point without annotation is placed at the peak: it is paired with the detected point, and neither counts.
    marked = np.stack([truth[:, 0] < truth[:, 1], np.ones(len(truth), bool), truth[:, 1] < truth[:, 2]], axis=1)
    points = (
        _scores(truth[:, n], detections[:, n], in_truth & marked[:, n], in_found, 1000.0 / rate, window_ms)
        for n in range(len(POINTS))
    )
    return WaveScores(*points)


def _scores(
    truth: np.ndarray,
    detections: np.ndarray,
    in_truth: np.ndarray,
    in_found: np.ndarray,
    step_ms: float,
    window_ms: float,
) -> PointScores:
    """The scores of one kind of event. Events outside the known part are matched too, so that one just outside its edge
    takes its own partner; then the pairs whose true event is outside are left out."""
    truth_order, found_order = np.argsort(truth, kind="stable"), np.argsort(detections, kind="stable")
    truth, in_truth = truth[truth_order], in_truth[truth_order]
    detections, in_found = detections[found_order], in_found[found_order]
    pairs = match_events(truth, detections, window=window_ms / step_ms)
    counted = pairs[in_truth[pairs[:, 0]]]
    alone = np.ones(len(detections), bool)
    alone[pairs[:, 1]] = False
    errors = (detections[counted[:, 1]] - truth[counted[:, 0]]) * step_ms
    return PointScores(
        truth=int(in_truth.sum()),
        found=len(counted) + int((alone & in_found).sum()),
        matched=len(counted),
        sum_ms=float(errors.sum()),
        squares_ms=float((errors**2).sum()),
    )


def _error(scores: PointScores) -> str:
    return f"{scores.mean_ms:.1f} ± {scores.sd_ms:.1f} ms"


def _line(kind: str, point: str, scores: PointScores) -> str:
    head = f"{kind:5}{point:5}{scores.truth:>6,}{scores.found:>7,}"
    if not scores.truth and not scores.found:
        return f"{head}{'-':>13}{'-':>11}{'-':>8}{'-':>15}"
    error = _error(scores).removesuffix(" ms") if scores.matched else "-"
    return f"{head}{scores.sensitivity:>13.1%}{scores.precision:>11.1%}{scores.f1:>8.1%}{error:>15}"
