"""ECGs: the leads of recordings, with their waves and beats as far as these are known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from elman._errors import DataError, excerpt
from elman._show import brief, brief_table
from elman.formats.wfdb.record import Record
from elman.tasks.ecg.resample import Resampler, resample

WaveKind = Literal["P", "QRS", "T"]

KINDS = {
    "N": "NLRBejn",
    "S": "AaJS",
    "V": "VEr",
    "F": "F",
    "Q": "/fQ?",
}
"""Kinds of beats after AAMI EC57 with their WFDB symbols, as de Chazal et al. (2004) count them: normal and bundle
branch block, supraventricular ectopic, ventricular ectopic, fusion, paced or unclassifiable."""

_SPELLINGS = {
    1e3: ("v", "volt", "volts"),
    1.0: ("mv", "millivolt", "millivolts"),
    1e-3: ("uv", "µv", "μv", "microvolt", "microvolts"),
    1e-6: ("nv",),
}
MILLIVOLTS = {name: size for size, names in _SPELLINGS.items() for name in names}
"""Units of ECG signals, in lower case, in mV."""

LEAST_RATE, MOST_RATE = 50.0, 1e5
"""The least and the highest sampling rate, in samples a second."""

_ECG = re.compile(r"(ecg|ekg)\b.*|m?(i{1,3}|l(i{1,3}|[1-3])|v[1-9]r?|cl[1-9])|av[rlf]", re.IGNORECASE)
"""Names of ECG leads."""

_KIND_OF = {symbol: kind for kind, symbols in KINDS.items() for symbol in symbols}


class Wave(NamedTuple):
    """A P wave, QRS complex or T wave, in samples; the end is its last sample. An onset or an end that is not annotated
    is at the peak."""

    kind: WaveKind
    onset: int
    peak: int
    end: int

    @property
    def has_onset(self) -> bool:
        """True where the onset is annotated."""
        return self.onset < self.peak

    @property
    def has_end(self) -> bool:
        """True where the end is annotated."""
        return self.peak < self.end


class Beat(NamedTuple):
    """A heartbeat, at the sample of its QRS complex."""

    sample: int
    symbol: str
    """The WFDB symbol."""
    kind: str
    """A key of `KINDS`; "" for a beat of unknown kind."""


class Strip(NamedTuple):
    """One lead of a recording, with its annotations."""

    signal: Float[np.ndarray, " time"]
    """The samples in mV, float32; NaN where one is missing."""
    rate: float
    """Samples a second."""
    record: str
    lead: str
    patient: str
    """The name of the patient; strips of one patient belong into one part."""
    waves: tuple[Wave, ...]
    """The waves in the order of their peaks."""
    beats: tuple[Beat, ...]
    known: Bool[np.ndarray, " time"]
    """The mask of samples where every wave is annotated, from onset to end."""
    beats_known: Bool[np.ndarray, " time"]
    """The mask of samples where every beat is annotated."""
    place: str = "the strip"
    """The file or record of the strip, for messages."""

    __repr__, _repr_html_ = brief, brief_table


def few_samples(strip: Strip) -> tuple[int, Integer[np.ndarray, " sample"]]:
    """The number of samples, and 64 of them or more in hundredths of a millivolt, by which a lead is recognised."""
    step = max(1, len(strip.signal) // 64)
    return len(strip.signal), np.rint(100 * np.nan_to_num(strip.signal[::step])).astype(np.int64)


def kind_of(symbol: str) -> str | None:
    """The kind of beat of a WFDB symbol; None for a symbol of no beat.

    >>> kind_of("L"), kind_of("V"), kind_of("~")
    ('N', 'V', None)
    """
    return _KIND_OF.get(symbol)


def strips_of(record: Record, *, patient: str = "") -> tuple[Strip, ...]:
    """The leads of a record, without annotations; signals that are not voltages are left out. Leads without a name, or
    of the same name, are numbered.

    Raises:
        DataError: no signal in volts, a lead with the name of an ECG lead and another unit, fewer than `LEAST_RATE`
            samples a second, or more than `MOST_RATE`.

    >>> record = Record("a", np.full((3, 1), 500, np.float32), 250.0, ("II",), ("uV",))
    >>> strips_of(record)[0].signal.tolist()
    [0.5, 0.5, 0.5]
    """
    if record.rate < LEAST_RATE:
        raise DataError(
            f"{record.place}: {record.rate:g} samples a second; expected at least {LEAST_RATE:g}, since with fewer no "
            "wave can be recognised: is the rate right?"
        )
    if record.rate > MOST_RATE:
        raise DataError(f"{record.place}: {record.rate:g} samples a second; expected {MOST_RATE:,.0f} at most")
    units, names = record.units or ("mV",) * len(record.leads), _names(record.leads)
    none, strips = np.zeros(len(record.signals), bool), []
    for signal, lead, unit in zip(record.signals.T, names, units, strict=True):
        factor = MILLIVOLTS.get(unit.lower())
        if factor is None and _ECG.fullmatch(lead):
            raise DataError(
                f"{record.place}: lead {excerpt(lead)} is in {excerpt(unit) if unit else 'no unit'}; expected an "
                "ECG in mV, uV or V: correct the unit, or the lead's name if it is no ECG"
            )
        if factor is not None:
            values = np.ascontiguousarray(signal if factor == 1 else signal * np.float32(factor))
            strips.append(
                Strip(values, record.rate, record.name, lead, patient or record.name, (), (), none, none, record.place)
            )
    if not strips:
        listed = [f"{lead[:20]} in {unit[:20]!a}" for lead, unit in zip(names, units, strict=True)]
        few = ", ".join(listed[:4]) + (", ..." if len(listed) > 4 else "") or "no signal"
        raise DataError(f"{record.place}: {few}; expected an ECG in mV, uV or V")
    return tuple(strips)


def at_rate(strip: Strip, rate: float) -> Strip:
    """The strip resampled to `rate` samples a second, with its waves and beats.

    >>> wave = Wave("QRS", 100, 110, 120)
    >>> strip = Strip(np.zeros(720), 360.0, "a", "II", "a", (wave,), (Beat(110, "N", "N"),), *np.ones((2, 720), bool))
    >>> new = at_rate(strip, 250)
    >>> len(new.signal), new.waves[0], new.beats[0].sample, len(new.known)
    (500, Wave(kind='QRS', onset=69, peak=76, end=83), 76, 500)
    """
    if rate == strip.rate:
        return strip
    signal, share = resample(strip.signal, rate=strip.rate, to=rate), float(Resampler(strip.rate, rate).ratio)

    def scaled(sample: int) -> int:
        return min(round(sample * share), len(signal) - 1)

    nearest = np.minimum(np.rint(np.arange(len(signal)) / share).astype(int), len(strip.signal) - 1)
    return strip._replace(
        signal=signal,
        rate=rate,
        waves=tuple(Wave(wave.kind, *map(scaled, wave[1:])) for wave in strip.waves),
        beats=tuple(beat._replace(sample=scaled(beat.sample)) for beat in strip.beats),
        known=strip.known[nearest],
        beats_known=strip.beats_known[nearest],
    )


def _names(leads: Sequence[str]) -> list[str]:
    """The names of leads, made unique by numbers; `ii` and `II` are the same."""
    named = [lead or str(index) for index, lead in enumerate(leads, start=1)]
    same = Counter(map(str.lower, named))
    used, seen = {lead for lead, count in same.items() if count == 1}, Counter[str]()
    unique = []
    for lead in named:
        name = lead
        while same[lead.lower()] > 1 and (name is lead or name.lower() in used):
            seen[lead.lower()] += 1
            name = f"{lead} {seen[lead.lower()]}"
        used.add(name.lower())
        unique.append(name)
    return unique
