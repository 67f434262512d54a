"""Measures of detected beats and their kinds against an expert's annotations: the table of ANSI/AAMI EC57."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool

from elman._errors import DataError, one_of
from elman._show import ShownMeasures
from elman._types import Whole
from elman.metrics.saved import restore
from elman.tasks.ecg.delineation import WINDOW_MS, PointScores, inside_known
from elman.tasks.ecg.matching import match_events

KINDS = ("N", "S", "V", "F", "Q")
"""Kinds of beats: normal and bundle branch block, supraventricular ectopic, ventricular ectopic, fusion, and paced or
unclassifiable."""

FORGIVEN = {"V": "FQ", "S": "Q"}
"""True kinds that may be predicted as V or S: EC57 does not count them against the precision."""

NONE = len(KINDS)
"""The row and the column of beats without a partner."""

UNKNOWN = NONE + 1
"""The row of true beats of unknown kind, which is dropped, and the column of beats found without a kind."""


@runtime_checkable
class AnyBeat(Protocol):
    """The protocol of a beat, such as `elman.tasks.ecg.strip.Beat`."""

    @property
    def sample(self) -> int:
        """The sample at which the beat is."""

    @property
    def kind(self) -> str:
        """N, S, V, F or Q; empty where only the beat is known."""


@dataclass(frozen=True)
class BeatScores(ShownMeasures):
    """Counts of beats by true and predicted kind. `+` adds the scores of strips.

    Beats are matched by time alone, within 150 ms. Beats of unknown kind count in the detection, but not in the table;
    nor do the beats of a strip without true kinds. EC57 also leaves out the first five minutes of a record, for
    learning; here, only the parts without annotations are left out.

    >>> from collections import namedtuple
    >>> Beat = namedtuple("Beat", ("sample", "kind"))
    >>> truth = [Beat(100, "N"), Beat(400, "S"), Beat(700, "V"), Beat(1000, "N")]
    >>> detections = [Beat(102, "N"), Beat(401, "N"), Beat(699, "V"), Beat(1300, "V")]
    >>> scores = BeatScores.of(truth, detections, rate=360)
    >>> print(scores)
    QRS sensitivity 75.0%, precision 75.0%; 66.7% of the beats found are of the right kind
    >>> print(scores.report())
           found as
    true   N  S  V  F  Q  missed  sensitivity  precision
    N      1  0  0  0  0       1        50.0%      50.0%
    S      1  0  0  0  0       0         0.0%          -
    V      0  0  1  0  0       0       100.0%      50.0%
    F      0  0  0  0  0       0            -          -
    Q      0  0  0  0  0       0            -          -
    extra  0  0  1  0  0
    QRS sensitivity 75.0%, precision 75.0%; 66.7% of the beats found are of the right kind
    """

    counts: tuple[tuple[Whole, ...], ...]
    """The table: a row for each true kind and one for false beats; a column for each predicted kind, one for missed
    beats, and one for beats found without a kind."""
    detection: PointScores
    """The scores of detection, whatever the kinds."""

    def __post_init__(self) -> None:
        if len(self.counts) != UNKNOWN or any(len(row) != UNKNOWN + 1 for row in self.counts):
            raise ValueError(f"counts: expected {UNKNOWN} rows of {UNKNOWN + 1} counts")

    @classmethod
    def of(
        cls,
        truth: Sequence[AnyBeat],
        detections: Sequence[AnyBeat],
        *,
        rate: float,
        known: Bool[np.ndarray, " time"] | None = None,
        window_ms: float = WINDOW_MS,
    ) -> BeatScores:
        """The table of one strip; the arguments are those of `PointScores.of`.

        Raises:
            DataError: a beat of another kind than `KINDS`.
        """
        (times, kinds), (found_times, found_kinds) = _arrays(truth), _arrays(detections)
        pairs = match_events(times, found_times, window=window_ms * rate / 1000)
        inside, found_inside = inside_known(times, known), inside_known(found_times, known)
        missed, extra = inside.copy(), found_inside & bool((kinds < NONE).any())
        missed[pairs[:, 0]] = extra[pairs[:, 1]] = False
        counted = pairs[inside[pairs[:, 0]]]
        counts = np.zeros((UNKNOWN + 1, UNKNOWN + 1), np.int64)
        np.add.at(counts, (kinds[counted[:, 0]], found_kinds[counted[:, 1]]), 1)
        np.add.at(counts, (kinds[missed], NONE), 1)
        np.add.at(counts, (NONE, found_kinds[extra]), 1)
        detection = PointScores.of(times, found_times, rate=rate, known=known, window_ms=window_ms)
        return cls(tuple(map(tuple, counts[:UNKNOWN].tolist())), detection)

    @classmethod
    def none(cls) -> BeatScores:
        """Empty scores, to which others are added."""
        return cls.of((), (), rate=1.0)

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> BeatScores:
        """The scores that `to_builtins` turned into plain values."""
        return restore(cls, saved_fields(values))

    def __add__(self, other: BeatScores) -> BeatScores:
        counts = np.array(self.counts) + np.array(other.counts)
        return BeatScores(tuple(map(tuple, counts.tolist())), self.detection + other.detection)

    @property
    def accuracy(self) -> float:
        """The share of right kinds among the matched beats, of which those found without a kind are wrong; 0 without
        any."""
        pairs = np.delete(np.array(self.counts)[:NONE], NONE, axis=1)
        return float(np.trace(pairs) / max(pairs.sum(), 1))

    def sensitivity(self, kind: str) -> float:
        """The share of the true beats of a kind that were predicted as such, missed beats included; 0 without any.

        Raises:
            ConfigError: no such kind.
        """
        right, _, true = self.counts_of(kind)
        return right / max(true, 1)

    def precision(self, kind: str) -> float:
        """The share of the beats predicted as a kind that are of it; false beats count, those of the true kinds in
        `FORGIVEN` do not. 0 without any.

        Raises:
            ConfigError: no such kind.
        """
        right, detected, _ = self.counts_of(kind)
        return right / max(detected, 1)

    def to_builtins(self) -> dict[str, Any]:
        """Plain values: the table and the shares."""
        return {
            "kinds": list(KINDS),
            "counts": [list(row) for row in self.counts],
            "detection": self.detection.to_builtins(),
            "sensitivity": {kind: self.sensitivity(kind) for kind in KINDS},
            "precision": {kind: self.precision(kind) for kind in KINDS},
            "accuracy": self.accuracy,
        }

    def report(self) -> str:
        """The table, then the line of `str()`."""
        columns = dict(zip((*KINDS, "missed", "-"), zip(*self.counts, strict=True), strict=True))
        if not any(columns["-"]):
            del columns["-"]
        widths = [max(len(head), *(len(f"{number:,}") for number in column)) for head, column in columns.items()]
        heads = "".join(f"  {head:>{width}}" for head, width in zip(columns, widths, strict=True))
        lines = [f"{'':5}  found as", f"{'true':5}{heads}  sensitivity  precision"]
        for name, row in zip((*KINDS, "extra"), self.counts, strict=True):
            shown = row[: len(widths)] if name != "extra" else row[:NONE]
            numbers = "".join(f"  {number:>{width},}" for number, width in zip(shown, widths, strict=False))
            lines.append(f"{name:5}{numbers}{self._shares(name) if name in KINDS else ''}")
        return "\n".join([*lines, str(self)])

    def __str__(self) -> str:
        detection = f"QRS sensitivity {self.detection.sensitivity:.1%}, precision {self.detection.precision:.1%}"
        return f"{detection}; {self.accuracy:.1%} of the beats found are of the right kind"

    def counts_of(self, kind: str) -> tuple[int, int, int]:
        """The numbers of right, predicted and true beats of a kind.

        Raises:
            ConfigError: no such kind.
        """
        one_of("kind", kind, KINDS)
        counts, place = np.array(self.counts), KINDS.index(kind)
        forgiven = sum(counts[KINDS.index(other), place] for other in FORGIVEN.get(kind, ""))
        return int(counts[place, place]), int(counts[:, place].sum() - forgiven), int(counts[place].sum())

    def _shares(self, kind: str) -> str:
        right, detected, true = self.counts_of(kind)
        shares = (f"{right / all:.1%}" if all else "-" for all in (true, detected))
        return "{:>13}{:>11}".format(*shares)


def saved_fields(values: Any) -> Any:
    """The plain values of scores, of which an earlier elman saved no column for beats found without a kind."""
    if not isinstance(values, dict) or not isinstance(values.get("counts"), list):
        return values
    rows = [[*row, 0] if isinstance(row, list) and len(row) == UNKNOWN else row for row in values["counts"]]
    return {**values, "counts": rows}


def _arrays(beats: Sequence[AnyBeat]) -> tuple[np.ndarray, np.ndarray]:
    """The samples of beats in ascending order, and the places of their kinds in `KINDS`."""
    for beat in beats:
        if beat.kind and beat.kind not in KINDS:
            raise DataError(f"beat at sample {beat.sample:,}: expected {', '.join(KINDS)}; got {beat.kind!r}")
    ordered = sorted(beats, key=lambda beat: beat.sample)
    kinds = [KINDS.index(beat.kind) if beat.kind else UNKNOWN for beat in ordered]
    return np.array([beat.sample for beat in ordered], np.int64), np.array(kinds, np.int64)
