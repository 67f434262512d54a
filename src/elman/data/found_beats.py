"""What a model found in an ECG: waves with a confidence, and the beats they belong to."""

from __future__ import annotations

from typing import NamedTuple


class FoundWave(NamedTuple):
    """A wave, with samples counted from the record's start."""

    kind: str
    """P, QRS or T."""
    onset: int
    peak: int
    """R, where the wave is a QRS."""
    end: int
    """Its last sample."""
    confidence: float
    """From 0 to 1."""


class FoundBeat(NamedTuple):
    """A beat: a QRS, with the waves around it where there are some.

    >>> beat = FoundBeat("N", FoundWave("QRS", 180, 200, 220, 0.99), q=190, s=None, p=None, t=None)
    >>> beat.sample, beat.kind, [wave.kind for wave in beat.waves]
    (200, 'N', ['QRS'])
    """

    symbol: str
    """Of WFDB: N, S, V, F or Q, the kinds of ANSI/AAMI EC57."""
    qrs: FoundWave
    q: int | None
    """The sample of the Q wave; None where the QRS begins with R."""
    s: int | None
    """The sample of the S wave; None where the QRS ends with R."""
    p: FoundWave | None
    """The P wave before the QRS; None is a beat without one."""
    t: FoundWave | None

    @property
    def sample(self) -> int:
        """Where R is."""
        return self.qrs.peak

    @property
    def kind(self) -> str:
        """The kind of beat."""
        return self.symbol

    @property
    def waves(self) -> tuple[FoundWave, ...]:
        """P, QRS and T, those there are."""
        return tuple(wave for wave in (self.p, self.qrs, self.t) if wave is not None)
