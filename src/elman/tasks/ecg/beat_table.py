"""Tables of the beats in an ECG: for each beat its waves, its intervals, and those outside the usual limits."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from elman._errors import DataError, quantity
from elman._show import Shown, table
from elman.formats.numbers import number_text
from elman.tasks.ecg.detected import DetectedBeat, DetectedWave
from elman.tasks.ecg.normal_limits import LIMITS

SECONDS_MINUTE = 60.0

TEXT_HEAD = (
    "  beat  R sample  kind       P s       Q s       R s       S s       T s"
    "   PR ms  QRS ms  QT ms  QTcB  QTcF   RR ms    rate   P sure  T sure"
)
"""The head of the lines of `BeatRow.line`."""

INTERVALS = ("PR", "QRS", "QT", "QTcB", "QTcF", "RR", "rate")

CSV_HEAD = (
    *("record", "lead", "beat", "kind"),
    *(f"{point}_sample" for point in ("P_onset", "P", "P_end", "QRS_onset", "Q", "R", "S", "QRS_end")),
    *(f"{point}_sample" for point in ("T_onset", "T", "T_end")),
    *(f"{point}_s" for point in ("P_onset", "P", "P_end", "QRS_onset", "Q", "R", "S", "QRS_end")),
    *(f"{point}_s" for point in ("T_onset", "T", "T_end")),
    *("PR_ms", "QRS_ms", "QT_ms", "QTcB_ms", "QTcF_ms", "RR_ms", "rate_per_minute"),
    *("P_confidence", "QRS_confidence", "T_confidence", "outside"),
)
"""The columns of `BeatTable.csv`. Those of a missing wave are empty."""


@dataclass(frozen=True)
class BeatRow(Shown):
    """A beat and its intervals in ms; None for one that cannot be measured.

    PR goes from the onset of P to that of QRS, QRS from its onset to its end, QT from the onset of QRS to the end of T,
    RR from the R before to this one. QT is corrected for RR in seconds: QTcB is QT / RR^(1/2) (Bazett, 1920) and QTcF
    is QT / RR^(1/3) (Fridericia, 1920). Bazett corrects too much for a fast heart and too little for a slow one.

    >>> qrs, t = DetectedWave("QRS", 480, 500, 520, 0.99), DetectedWave("T", 600, 650, 680, 0.9)
    >>> row = BeatRow.of(DetectedBeat("N", qrs, None, 510, None, t), before=180, rate=500, number=2)
    >>> row.PR, row.QRS, row.QT, row.RR, round(row.QTcB), round(row.QTcF), row.rate
    (None, 80.0, 400.0, 640.0, 500, 464, 93.75)
    >>> row.marks
    {'QTcB': 'H', 'QTcF': 'H'}
    """

    number: int
    """The number of the beat, from 1 on."""
    beat: DetectedBeat
    samples_per_second: float
    PR: float | None
    QRS: float | None
    QT: float | None
    QTcB: float | None
    QTcF: float | None
    RR: float | None
    rate: float | None
    """Beats a minute, from RR."""

    @classmethod
    def of(cls, beat: DetectedBeat, *, before: int | None, rate: float, number: int) -> BeatRow:
        """Measures a beat.

        Args:
            beat: the beat that a model found.
            before: the sample of the R before; None where it is unknown.
            rate: samples a second.
            number: the beat's number.
        """
        milliseconds = 1000.0 / rate
        begins = beat.has_waves and beat.qrs.onset > 0  # else the record's start cuts the complex
        qt = (beat.t.end - beat.qrs.onset) * milliseconds if beat.t and begins else None
        rr = (beat.sample - before) * milliseconds if before is not None else None
        seconds = rr / 1000.0 if rr else None
        return cls(
            number=number,
            beat=beat,
            samples_per_second=rate,
            PR=(beat.qrs.onset - beat.p.onset) * milliseconds if beat.p and beat.p.onset > 0 else None,
            QRS=(beat.qrs.end - beat.qrs.onset) * milliseconds if begins else None,
            QT=qt,
            QTcB=qt / math.sqrt(seconds) if qt is not None and seconds else None,
            QTcF=qt / math.cbrt(seconds) if qt is not None and seconds else None,
            RR=rr,
            rate=SECONDS_MINUTE / seconds if seconds else None,
        )

    @property
    def marks(self) -> dict[str, str]:
        """The mark, H or L, of each value outside its limits."""
        marks = {name: limits.mark(getattr(self, name)) for name, limits in LIMITS.items()}
        return {name: mark for name, mark in marks.items() if mark}

    def line(self) -> str:
        """The beat as a line of text below `TEXT_HEAD`; H and L follow values above and below their limits."""
        beat = self.beat
        times = [beat.p and beat.p.peak, beat.q, beat.sample, beat.s, beat.t and beat.t.peak]
        shown = [self._seconds(sample) for sample in times]
        if beat.p is None and beat.has_waves:
            shown[0] = "none"
        return "{:>6}{:>10}{:>6}{:>10}{:>10}{:>10}{:>10}{:>10}{:>9}{:>8}{:>7}{:>6}{:>6}{:>8}{:>8}{:>8}{:>8}".format(
            self.number, beat.sample, beat.symbol, *shown, *self.intervals(), _confidence(beat.p), _confidence(beat.t)
        ).rstrip()

    def intervals(self) -> list[str]:
        """The intervals without decimals, each with its mark or a blank."""
        marks = self.marks
        return [_whole(getattr(self, name)) + (marks.get(name) or " ") for name in INTERVALS]

    def cells(self) -> list[str]:
        """The cells of `CSV_HEAD` from `beat` on."""
        beat = self.beat
        onset, end = (beat.qrs.onset, beat.qrs.end) if beat.has_waves else (None, None)
        points = [*_points(beat.p), onset, beat.q, beat.sample, beat.s, end, *_points(beat.t)]
        return [
            str(self.number),
            beat.symbol,
            *("" if sample is None else str(sample) for sample in points),
            *("" if sample is None else _decimal(sample / self.samples_per_second, 6) for sample in points),
            *(_decimal(getattr(self, name), 3) for name in INTERVALS),
            *("" if wave is None else number_text(np.float32(wave.confidence)) for wave in (beat.p, beat.qrs, beat.t)),
            " ".join(f"{name}:{mark}" for name, mark in self.marks.items()),
        ]

    def _seconds(self, sample: int | None) -> str:
        return "-" if sample is None else f"{sample / self.samples_per_second:.3f}"


@dataclass(frozen=True)
class BeatTable(Shown):
    """The beats of one lead.

    >>> waves = [DetectedWave("QRS", at - 20, at, at + 25, 0.99) for at in (500, 900, 1310)]
    >>> beats = [DetectedBeat("N", qrs, None, None, DetectedWave("P", qrs.peak - 90, 0, 0, 0.8), None) for qrs in waves]
    >>> table = BeatTable.of(beats, rate=500, record="100", lead="II")
    >>> print(table.summary())
    100, lead II: 3 beats, mean rate 74 a minute; medians RR 810 ms, PR 140 ms, QRS 90 ms; all inside the usual limits
    >>> len(table.csv().splitlines())
    4
    """

    rows: tuple[BeatRow, ...]
    rate: float
    """Samples a second."""
    record: str
    lead: str

    @classmethod
    def of(
        cls,
        beats: Sequence[DetectedBeat],
        *,
        rate: float,
        record: str = "",
        lead: str = "",
        breaks: Sequence[tuple[int, int]] = (),
    ) -> BeatTable:
        """Measures beats.

        Args:
            beats: in the order of their R.
            rate: samples a second.
            record: the name of the record.
            lead: the name of the lead.
            breaks: first and last samples of parts that could not be read, such as a lead that was off: no RR interval
                spans one.

        Raises:
            DataError: a rate that is not above 0, or beats that are not in order.
        """
        if not rate > 0:
            raise DataError(f"rate: expected samples a second above 0; got {rate}")
        rows = []
        before: int | None = None
        for number, beat in enumerate(beats, start=1):
            if before is not None and beat.sample <= before:
                raise DataError(f"beat {number} at sample {beat.sample:,}: expected one after {before:,}")
            broken = before is None or any(before < end and onset < beat.sample for onset, end in breaks)
            rows.append(BeatRow.of(beat, before=None if broken else before, rate=rate, number=number))
            before = beat.sample
        return cls(tuple(rows), rate, record, lead)

    @property
    def mean_rate(self) -> float | None:
        """Beats a minute over the whole time that RR intervals cover; None where no RR could be measured."""
        intervals = [row.RR for row in self.rows if row.RR is not None]
        return SECONDS_MINUTE * 1000.0 * len(intervals) / sum(intervals) if intervals else None

    def medians(self) -> dict[str, float]:
        """The median of each interval that could be measured in some beat."""
        known = {
            name: [row_value for row in self.rows if (row_value := getattr(row, name)) is not None]
            for name in INTERVALS
        }
        return {name: median(values) for name, values in known.items() if values}

    def outside(self) -> dict[str, int]:
        """The number of beats with each value outside its limits; values that no beat has outside are left out."""
        counts = Counter(name for row in self.rows for name in row.marks)
        return {name: counts[name] for name in LIMITS if counts[name]}

    def summary(self) -> str:
        """One line with the number of beats, mean rate, medians, and the number of beats outside the limits."""
        place = ", ".join(
            part for part in (self.record, self.lead and f"lead{'s' * (', ' in self.lead)} {self.lead}") if part
        )
        head = f"{place}: " if place else ""
        if not self.rows:
            return f"{head}no beat"
        rate = f", mean rate {self.mean_rate:.0f} a minute" if self.mean_rate is not None else ""
        medians = self.medians()
        shown = ("RR", "PR", "QRS", "QT", "QTcB", "QTcF")
        middle = ", ".join(f"{name} {medians[name]:.0f} ms" for name in shown if name in medians)
        without = sum(row.beat.p is None and row.beat.has_waves for row in self.rows)
        missing = f"; {without:,} without P wave" if without else ""
        return f"{head}{quantity(len(self.rows), 'beat')}{rate}; medians {middle}{missing}; {self._outside()}"

    def lines(self) -> list[str]:
        """The head and a line for each beat."""
        return [TEXT_HEAD, *(row.line() for row in self.rows)]

    def text(self) -> str:
        """The lines and the summary."""
        return "\n".join([*self.lines(), self.summary()])

    def _repr_html_(self) -> str:
        head = ("beat", "s", "kind", *INTERVALS)
        rows = [
            (row.number, f"{row.beat.sample / self.rate:.3f}", row.beat.symbol, *row.intervals()) for row in self.rows
        ]
        return table(rows, head=head, caption=self.summary())

    def csv(self, *, head: bool = True) -> str:
        """The table as CSV with the columns `CSV_HEAD`; without `head` it can follow another lead's."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([CSV_HEAD] if head else [])
        writer.writerows([self.record, self.lead, *row.cells()] for row in self.rows)
        return text.getvalue()

    def _outside(self) -> str:
        beats = sum(bool(row.marks) for row in self.rows)
        if not beats:
            return "all inside the usual limits"
        parts = ", ".join(f"{name} {number:,}" for name, number in self.outside().items())
        return f"{beats:,} ({beats / len(self.rows):.0%}) outside the usual limits: {parts}"


def _points(wave: DetectedWave | None) -> tuple[int | None, int | None, int | None]:
    return (None, None, None) if wave is None else (wave.onset, wave.peak, wave.end)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _decimal(value: float | None, places: int) -> str:
    """The number rounded to a microsecond, from which its sample follows at any rate; empty for None."""
    return "" if value is None else number_text(round(value, places))


def _confidence(wave: DetectedWave | None) -> str:
    return "-" if wave is None else f"{wave.confidence:.0%}"
