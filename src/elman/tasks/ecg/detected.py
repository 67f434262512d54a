"""Waves that a model found in an ECG, with its confidence in each, and the beats they belong to."""

from __future__ import annotations

from typing import Any, NamedTuple

UNLEARNED = "-"
"""The symbol of a beat whose kind a model cannot tell, since training never had it."""


class DetectedWave(NamedTuple):
    """A wave that a model found; its samples count from the record's start."""

    kind: str
    """P, QRS or T."""
    onset: int
    peak: int
    """The sample of the peak, which is R in a QRS."""
    end: int
    """The last sample."""
    confidence: float
    """The model's confidence, from 0 to 1."""


class DetectedBeat(NamedTuple):
    """A beat that a model found: a QRS, and the waves around it where there are some.

    >>> beat = DetectedBeat("N", DetectedWave("QRS", 180, 200, 220, 0.99), q=190, s=None, p=None, t=None)
    >>> beat.sample, beat.kind, [wave.kind for wave in beat.waves]
    (200, 'N', ['QRS'])
    """

    symbol: str
    """The WFDB symbol: N, S, V, F or Q, the kinds of ANSI/AAMI EC57; - for a kind that training never had."""
    qrs: DetectedWave
    q: int | None
    """The sample of the Q wave; None where the QRS begins with R."""
    s: int | None
    """The sample of the S wave; None where the QRS ends with R."""
    p: DetectedWave | None
    """The P wave before the QRS; None where there is none."""
    t: DetectedWave | None
    """The T wave after the QRS; None where there is none."""

    @property
    def sample(self) -> int:
        """The sample of R."""
        return self.qrs.peak

    @property
    def kind(self) -> str:
        """The kind of beat."""
        return self.symbol

    @property
    def has_waves(self) -> bool:
        """True where its QRS complex was found; of other beats the place and the kind alone are known."""
        return self.qrs.confidence > 0

    @property
    def plain(self) -> dict[str, Any]:
        """The beat as plain values, in samples."""
        waves = [wave._asdict() for wave in self.waves]
        return {"sample": self.sample, "kind": self.kind, "q": self.q, "s": self.s, "waves": waves}

    @property
    def waves(self) -> tuple[DetectedWave, ...]:
        """The P, QRS and T waves of the beat that are present."""
        return tuple(wave for wave in (self.p, self.qrs, self.t) if wave is not None)
