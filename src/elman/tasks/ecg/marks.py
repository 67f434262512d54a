"""Converts annotations to waves and beats: `( p ) ( N ) ( t )` are onset, peak and end of each wave."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from elman._errors import DataError, excerpt
from elman.formats.wfdb.annotations import Annotations
from elman.tasks.ecg.strip import Beat, Wave, WaveKind, kind_of

WAVES: dict[str, WaveKind] = {"p": "P", "t": "T"}
"""Symbols of the peaks of P and T waves; the peak of a QRS complex has the symbol of its beat."""

_OTHER = "u"  # U waves are annotated in some places only, and count as baseline
_NEAR = 0.02  # seconds: an onset that is marked at most this long after a peak belongs to it


class AnnotatedEvents(NamedTuple):
    """The waves and beats that annotations mark."""

    waves: tuple[Wave, ...]
    complexes: tuple[Beat, ...]
    """The QRS complexes, as beats at their peaks."""
    unclear: tuple[tuple[int, int], ...]
    """First and last sample of each span in which a wave may lie or not: around a missing onset or end."""

    @property
    def kindless(self) -> AnnotatedEvents:
        """The same without kinds of beats, for annotations of waves in which N marks most complexes of any kind."""
        return self._replace(complexes=tuple(beat._replace(kind="") for beat in self.complexes))

    @property
    def without_p_and_t(self) -> AnnotatedEvents:
        """The same with the QRS complexes as the only waves."""
        return self._replace(waves=tuple(wave for wave in self.waves if wave.kind == "QRS"), unclear=())


class _Open(NamedTuple):
    """A wave whose end may still follow."""

    onset: int | None
    peaks: tuple[int, ...]
    symbol: str
    end: int | None = None

    @property
    def first(self) -> int:
        return self.peaks[0] if self.onset is None else min(self.onset, self.peaks[0])

    @property
    def last(self) -> int:
        return self.peaks[-1] if self.end is None else max(self.end, self.peaks[-1])


def annotated_waves(annotations: Annotations) -> AnnotatedEvents:
    """The annotated waves, each with the onset before and the end after its peak, where these are annotated. Several
    peaks or brackets of one wave give one wave, from the first onset to the last end.

    >>> marks = Annotations.of(np.array([2, 4, 6, 10, 14, 17, 30, 36]), tuple("(p)(N)t)"))
    >>> marked = annotated_waves(marks)
    >>> marked.waves[0], marked.waves[2], marked.unclear
    (Wave(kind='P', onset=2, peak=4, end=6), Wave(kind='T', onset=30, peak=30, end=36), ((18, 29),))
    """
    near = round(_NEAR * (annotations.rate or 250.0))
    groups, strays = _group_waves(annotations, near)
    waves, complexes, unclear = [], [], list(strays)
    for before, one, after in zip([None, *groups], groups, [*groups[1:], None], strict=False):
        peak = one.peaks[len(one.peaks) // 2]
        if one.symbol == _OTHER:
            continue
        if one.onset is None:
            unclear.append((before.last + 1 if before else 0, peak - 1))
        if one.end is None:
            unclear.append((peak + 1, after.first - 1 if after else peak))
        kind = WAVES.get(one.symbol, "QRS")
        first, last = (peak if one.onset is None else one.first), (peak if one.end is None else one.last)
        waves.append(Wave(kind, first, peak, last))
        if kind == "QRS":
            complexes.append(Beat(peak, one.symbol, kind_of(one.symbol) or ""))
    return AnnotatedEvents(tuple(waves), tuple(complexes), tuple(span for span in unclear if span[0] <= span[1]))


def annotated_beats(annotations: Annotations) -> tuple[Beat, ...]:
    """The beats among the annotations.

    >>> annotated_beats(Annotations.of(np.array([18, 77, 370]), ("+", "N", "V")))
    (Beat(sample=77, symbol='N', kind='N'), Beat(sample=370, symbol='V', kind='V'))
    """
    marks = zip(annotations.samples.tolist(), annotations.symbols, strict=True)
    return tuple(Beat(sample, symbol, kind) for sample, symbol in marks if (kind := kind_of(symbol)))


def has_waves(annotations: Annotations) -> bool:
    """True where annotations mark onsets or ends, and not only beats.

    >>> has_waves(Annotations.of(np.array([18, 77, 370]), ("(", "N", ")")))
    True
    """
    return "(" in annotations.symbols or ")" in annotations.symbols


def span_mask(first: int, last: int, length: int) -> Bool[np.ndarray, " time"]:
    """The mask of the samples from `first` to `last`, of `length` samples.

    >>> span_mask(1, 2, 4).tolist()
    [False, True, True, False]
    """
    mask = np.zeros(length, bool)
    mask[max(first, 0) : last + 1] = True
    return mask


def flutter_mask(annotations: Annotations, length: int) -> Bool[np.ndarray, " time"]:
    """The mask of ventricular flutter, from `[` to `]`, in which there are no beats to annotate."""
    mask, start = np.zeros(length, bool), None
    for sample, symbol in zip(annotations.samples.tolist(), annotations.symbols, strict=True):
        if symbol == "[":
            start = sample
        elif symbol == "]":
            mask |= span_mask(start or 0, sample, length)
            start = None
    return mask if start is None else mask | span_mask(start, length, length)


def in_runs(marked: AnnotatedEvents, beats: tuple[Beat, ...] | None, length: int) -> Bool[np.ndarray, " time"]:
    """The mask of samples with annotated waves, in a record in which only some beats have them: from the first wave of
    each run of complexes to its last. A run ends where another beat lies between two complexes or, where `beats` is
    None, where the next complex comes later than 1.5 times the median interval.
    """
    peaks = np.array([beat.sample for beat in marked.complexes])
    if not len(peaks):
        return np.zeros(length, bool)
    gaps = np.diff(peaks)
    if beats is None:
        ends = gaps > 1.5 * np.median(gaps) if len(gaps) else gaps > 0
    else:
        others = np.array([beat.sample for beat in beats])
        # The mark of a beat is at most a quarter of the interval to the next one away from its complex.
        inside = [((others > a + (b - a) / 4) & (others < b - (b - a) / 4)).any() for a, b in pairwise(peaks)]
        ends = np.array(inside, bool)
    mask = np.zeros(length, bool)
    for run in np.split(np.arange(len(peaks)), np.flatnonzero(ends) + 1):
        mask |= _of_run(marked, peaks, run, length)
    return mask


def without_t(marked: AnnotatedEvents, length: int) -> Bool[np.ndarray, " time"]:
    """The mask of samples where a T wave may lie without a mark: between a complex and a next wave that is not a T
    wave. Every complex has a T wave, but experts could not always place it.
    """
    mask = np.zeros(length, bool)
    for wave, following in pairwise(marked.waves):
        if wave.kind == "QRS" and following.kind != "T":
            mask |= span_mask(wave.end + 1, following.onset - 1, length)
    return mask


def check_within(annotations: Annotations, length: int, place: str) -> None:
    """Refuses annotations before or after the record.

    Raises:
        DataError: an annotation outside the record; names the first.

    >>> check_within(Annotations.of(np.array([18]), ("N",)), 20, "a.atr")
    """
    outside = np.flatnonzero((annotations.samples < 0) | (annotations.samples >= length))
    if len(outside):
        raise DataError(
            f"{place}: {len(outside):,} of {len(annotations.samples):,} annotations lie beyond the record, the first "
            f"({excerpt(annotations.symbols[outside[0]])}) at sample {annotations.samples[outside[0]]:,}; the record "
            f"has {length:,}: do they belong to another record, or to another rate?"
        )


def _of_run(marked: AnnotatedEvents, peaks: np.ndarray, run: np.ndarray, length: int) -> Bool[np.ndarray, " time"]:
    """The mask from the first to the last wave of a run of complexes, without unclear spans."""
    own = []
    for wave in marked.waves:
        after = int(np.searchsorted(peaks, wave.peak, side="left"))  # the complex at or after the wave
        before = after > 0 and (after == len(peaks) or wave.peak < (peaks[after - 1] + peaks[after]) / 2)
        owner = after - 1 if wave.kind == "T" or (wave.kind == "P" and before) else after
        if run[0] <= owner <= run[-1]:
            own.append(wave)
    mask = span_mask(min(wave.onset for wave in own), max(wave.end for wave in own), length)
    for first, last in marked.unclear:
        mask[first : last + 1] = False
    return mask


def _group_waves(annotations: Annotations, near: int) -> tuple[list[_Open], list[tuple[int, int]]]:
    """The waves, and the spans between brackets without a peak."""
    groups: list[_Open] = []
    strays: list[tuple[int, int]] = []
    onset: int | None = None
    for sample, symbol in zip(annotations.samples.tolist(), annotations.symbols, strict=True):
        last = groups[-1] if groups else None
        if symbol == "(":
            onset = sample if onset is None else onset
        elif symbol in WAVES or symbol == _OTHER or kind_of(symbol):
            if last and last.end is None and last.symbol == symbol and onset is None:
                groups[-1] = last._replace(peaks=(*last.peaks, sample))
            else:
                groups.append(_Open(onset, (sample,), symbol))
            onset = None
        elif symbol == ")" and onset is None:
            if last:  # one more end of the same wave, where there are several
                groups[-1] = last._replace(end=sample)
        elif symbol == ")" and onset is not None:
            if last and last.onset is None and last.end is None and onset - last.peaks[-1] <= near:
                groups[-1] = last._replace(onset=last.peaks[0], end=sample)
            else:
                strays.append((onset, sample))
            onset = None
    return groups, strays
