"""Measures of a reader of ECGs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from elman._errors import quantity
from elman._types import Whole
from elman.formats.results import ResultTable
from elman.metrics.measures import Measures, scores_of
from elman.metrics.saved import restore
from elman.tasks.ecg.beat_scores import KINDS, BeatScores, saved_fields
from elman.tasks.ecg.delineation import Delineation, fields_of


@dataclass(frozen=True)
class EcgMetrics(Measures):
    """Measures of the waves and beats found in each lead against the annotations.

    >>> from elman.tasks.ecg.beat_scores import BeatScores
    >>> from elman.tasks.ecg.delineation import Delineation, fields_of
    >>> print(EcgMetrics(Delineation.none(), BeatScores.none(), leads=0))
    no annotated wave or beat to measure with
    """

    waves: Delineation
    beats: BeatScores
    leads: Whole
    unlearned: dict[str, Whole] = field(default_factory=dict)
    """The number of annotated beats of each kind that training never had."""

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> EcgMetrics:
        """The measures that `to_builtins` turned into plain values."""
        fields = {"waves": fields_of(values.get("waves")), "beats": saved_fields(values.get("beats"))}
        return restore(cls, values | fields)

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: 1 minus the mean of the F1 of P, QRS and T, that of beats, and the
        share of right kinds, as far as the data annotate them."""
        shares = [wave.f1 for wave in self._known_waves.values()]
        shares += [self.beats.detection.f1] if self.beats.detection.truth else []
        shares += [self.beats.accuracy] if self._kinds_known else []
        return 1 - sum(shares) / max(len(shares), 1)

    def scores(self) -> ResultTable:
        """Precision, recall (sensitivity) and F1 of the peaks of waves, of all beats, and of each kind of beat."""
        waves = {f"{kind} wave" if kind != "QRS" else kind: wave.peak for kind, wave in self._known_waves.items()}
        points = {**waves, "beats": self.beats.detection}
        rows = [(name, one.matched, one.found, one.truth) for name, one in points.items() if one.truth]
        if self._kinds_known:
            rows += [(f"beats {kind}", *self.beats.counts_of(kind)) for kind in KINDS]
        names, right, predicted, true = zip(*rows, strict=True) if rows else ((),) * 4
        return scores_of({"event": names}, right, predicted, true)

    def report(self) -> str:
        """The line of `str()`, then the tables of the annotated waves and beats."""
        lines = [f"{self}, over {quantity(self.leads, 'lead')}"]
        lines += [self.waves.report()] if self._known_waves else []
        lines += [self.beats.report()] if self._kinds_known else []
        if self.unlearned:
            counted = ", ".join(f"{kind} {count:,}" for kind, count in self.unlearned.items())
            how = "count as not right" if self._kinds_known else "are not measured"
            lines.append(f"beats of kinds that training never had {how}: {counted}")
        return "\n".join(lines)

    def to_builtins(self) -> dict[str, Any]:
        """Plain values."""
        return {"waves": self.waves.to_builtins(), "beats": self.beats.to_builtins(), "leads": self.leads} | {
            "unlearned": self.unlearned
        }

    def __str__(self) -> str:
        shares = [f"{kind} {wave.f1:.2%}" for kind, wave in self._known_waves.items()]
        if self.beats.detection.truth:
            shares.append(f"beats {self.beats.detection.f1:.2%}")
        line = f"F1 {', '.join(shares)}" if shares else "no annotated wave or beat to measure with"
        return f"{line}, kinds right {self.beats.accuracy:.2%}" if self._kinds_known else line

    @property
    def _known_waves(self) -> dict[str, Any]:
        waves = {"P": self.waves.p, "QRS": self.waves.qrs, "T": self.waves.t}
        return {kind: wave for kind, wave in waves.items() if wave.peak.truth}

    @property
    def _kinds_known(self) -> bool:
        return any(map(sum, self.beats.counts[:-1]))
