"""Reads recordings in the European Data Format (EDF, Kemp et al., 1992), with annotations and pauses (EDF+, Kemp and
Olivan, 2003), and in BioSemi's form of it with 24 bits a sample (BDF, BDF+).

A file is a header and data records of the same duration, each with so many samples of each signal.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import DataError, excerpt
from elman.formats.compression import check_expansion
from elman.formats.numbers import required_number, whole_of
from elman.formats.wfdb import signals as formats
from elman.formats.wfdb.header import RATES, lead_name

UNSCALED = "uncalibrated"
"""The unit of a signal whose header gives no scale."""

_ONSET = re.compile(rb"([+-][0-9]{1,20}(?:\.[0-9]{0,20})?)(?:\x15([0-9]{0,20}(?:\.[0-9]{0,20})?))?")
_FIXED = (8, 80, 80, 8, 8, 8, 44, 8, 8, 4)
_OWN = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
_UNKNOWN = re.compile(r"(x|startdate|anonym\w*|unknown|none|[\W_])*", re.IGNORECASE)
_FARTHEST = 1 << 40  # samples
_MARKS = ("EDF Annotations", "BDF Annotations")


class EdfMark(NamedTuple):
    """An annotation of EDF+."""

    onset: float
    """Seconds after the first sample."""
    duration: float
    """Seconds; 0 where there is none."""
    text: str


class Edf(NamedTuple):
    """The content of a file."""

    values: Float[np.ndarray, "time lead"]
    """The samples, float32, at the rate of the signal with the most; samples of others are repeated. NaN in pauses."""
    rate: float
    """Samples a second."""
    labels: tuple[str, ...]
    units: tuple[str, ...]
    patient: str
    """The patient's code, or else name; "" where both are unknown."""
    comments: tuple[str, ...]
    """The identifications of patient and recording, as the file has them; with sex and birthday in EDF+."""
    marks: tuple[EdfMark, ...]


class _Signal(NamedTuple):
    label: str
    unit: str
    gain: float
    """Units of one digital step."""
    zero: float
    """The value of digital 0, in units."""
    samples: int
    """Samples in a data record."""


class _Header(NamedTuple):
    patient: str
    comments: tuple[str, ...]
    broken: bool
    """True where there may be pauses between data records."""
    records: int
    """Data records; -1 where unknown."""
    duration: float
    """Seconds of a data record."""
    signals: tuple[_Signal, ...]
    format: int
    """WFDB's number for the form of the samples."""
    size: int


def read_edf(content: bytes, place: str) -> Edf:
    """Reads the bytes of a file; messages name it as `place`.

    Raises:
        DataError: a damaged header or annotation, a file shorter or longer than its header says, or data records that
            overlap.
    """
    header = _header(content, place)
    parts = _parts(content, header, place)
    onsets, marks = _marks([part for signal, part in parts if signal.label in _MARKS], place)
    own = [(signal, part) for signal, part in parts if signal.label not in _MARKS]
    most = max((signal.samples for signal, _ in own), default=0)
    if not most:
        raise DataError(f"{place}: no signal in it; expected samples beside annotations")
    if not header.duration or not RATES[0] <= most / header.duration <= RATES[1]:
        raise DataError(f"{place}: data records of {header.duration:g} s; expected the time that {most:,} samples take")
    if header.broken:
        starts = _starts(onsets, len(own[0][1]), most, header.duration, place)
    else:
        starts = np.arange(len(own[0][1]), dtype=np.int64) * most
    first = onsets[0] if onsets else 0.0
    return Edf(
        _values(own, starts, most, header.format, place),
        most / header.duration,
        tuple(lead_name(signal.label) for signal, _ in own),
        tuple(signal.unit for signal, _ in own),
        header.patient,
        header.comments,
        tuple(mark._replace(onset=mark.onset - first) for mark in marks),
    )


def _values(
    parts: list[tuple[_Signal, np.ndarray]], starts: np.ndarray, most: int, format: int, place: str
) -> Float[np.ndarray, "time lead"]:
    """The samples of all signals, `most` in a data record, of which each begins at its sample in `starts`."""
    if not len(starts):
        return np.zeros((0, len(parts)), np.float32)
    length = int(starts[-1]) + most
    check_expansion(4 * length * len(parts), sum(part.size for _, part in parts), place)  # pauses may be of any length
    values = np.full((length, len(parts)), np.nan, np.float32)
    at = (starts[:, None] + np.arange(most)).reshape(-1)
    for index, (signal, part) in enumerate(parts):
        values[at, index] = _physical(signal, part, format, most)
    return values


def _parts(content: bytes, header: _Header, place: str) -> list[tuple[_Signal, np.ndarray]]:
    """The bytes of each signal, with an axis for data records."""
    sizes = [formats.size(header.format, signal.samples) for signal in header.signals]
    width = sum(sizes)
    records = (len(content) - header.size) // width if width else 0
    if header.records not in (-1, records):
        few = records < header.records
        raise DataError(
            f"{place}: {records:,} data records; its header says {header.records:,}: "
            + ("the file is cut short; copy it again" if few else "correct the header")
        )
    rows = np.frombuffer(content, np.uint8, records * width, header.size).reshape(records, width)
    return list(zip(header.signals, np.split(rows, np.cumsum(sizes)[:-1], axis=1), strict=True)) if sizes else []


def _header(content: bytes, place: str) -> _Header:
    is_bdf = content[:1] == b"\xff"
    if len(content) < 256 or not (is_bdf or content[:8].strip() == b"0"):
        raise DataError(f"{place}: no EDF file: expected a header that begins with 0 and blanks, or with BDF's mark")
    _, patient, recording, _, _, size, kind, records, duration, count = _fields(content, 0, _FIXED)
    number = whole_of(count, f"{place}, the number of signals")
    head = whole_of(size, f"{place}, the size of the header")
    if head != 256 * (number + 1) or len(content) < head:
        raise DataError(
            f"{place}: a header of {head:,} bytes for {number:,} signals, in {len(content):,} bytes; expected 256 for "
            "the file and for each signal: the file is damaged or cut short"
        )
    columns, at = [], 256
    for field in _OWN:
        columns.append(_fields(content, at, (field,) * number))
        at += field * number
    return _Header(
        _patient(patient, is_plus=kind[3:4] == "+"),
        tuple(text for text in (patient, recording) if not _UNKNOWN.fullmatch(text)),
        kind[3:5] == "+D",
        whole_of(records, f"{place}, the number of data records", least=-1),
        _number(duration, f"{place}, the duration of a data record"),
        tuple(_signal(*row, place) for row in zip(*columns, strict=True)),
        24 if is_bdf else 16,
        head,
    )


def _patient(text: str, *, is_plus: bool) -> str:
    """The code of a patient in an identification, or the name; EDF+ has the code, sex, birthday and name as words."""
    words = [text.strip()]
    if is_plus:
        words = [*text.split()[:1], *text.split()[3:4]]
    return next((word for word in words if not _UNKNOWN.fullmatch(word)), "")


def _fields(content: bytes, at: int, sizes: tuple[int, ...]) -> list[str]:
    ends = at + np.cumsum((0, *sizes))
    return [_text(content[start:end]).strip(" \0") for start, end in pairwise(ends)]


def _signal(
    label: str,
    _: str,
    unit: str,
    low: str,
    high: str,
    least: str,
    most: str,
    __: str,
    samples: str,
    ___: str,
    place: str,
) -> _Signal:
    where = f"{place}, signal {excerpt(label)}"
    count = whole_of(samples, f"{where}, its number of samples")
    if label in _MARKS:
        return _Signal(label, "", 1.0, 0.0, count)
    bottom, top = (_number(text, f"{where}, its physical limit") for text in (low, high))
    first, last = (_number(text, f"{where}, its digital limit") for text in (least, most))
    if first == last or bottom == top:
        return _Signal(label, UNSCALED, math.nan, math.nan, count)
    gain = (top - bottom) / (last - first)
    return _Signal(label, unit, gain, bottom - first * gain, count)


def _physical(signal: _Signal, part: np.ndarray, format: int, most: int) -> np.ndarray:
    """The samples of a signal in its unit, each repeated as often as those of the finest signal ask for."""
    if not signal.samples:
        return np.full(len(part) * most, np.nan, np.float32)
    numbers = formats.decode(part.tobytes(), format).reshape(len(part), signal.samples)
    held = numbers[:, np.arange(most) * signal.samples // most].reshape(-1)
    return (held * signal.gain + signal.zero).astype(np.float32)


def _starts(onsets: list[float], records: int, most: int, duration: float, place: str) -> np.ndarray:
    """The sample at which each data record begins. Onsets are rounded, so that only one that is two samples off marks a
    pause."""
    if len(onsets) != records:
        raise DataError(
            f"{place}: {len(onsets):,} of {records:,} data records say when they begin; expected all of them"
        )
    starts, after = [], 0
    for number, onset in enumerate(onsets, start=1):
        offset = (onset - onsets[0]) * most / duration
        if offset <= after - 2:
            raise DataError(f"{place}: data record {number:,} begins before the one before it ends")
        if offset > _FARTHEST:
            raise DataError(
                f"{place}: data record {number:,} begins after {onset:g} s; expected a time in the recording"
            )
        starts.append(after if offset < after + 2 else round(offset))
        after = starts[-1] + most
    return np.array(starts, np.int64)


def _marks(parts: list[np.ndarray], place: str) -> tuple[list[float], list[EdfMark]]:
    """The onset of each data record, and the annotations in the order of time. The first annotation of the first such
    signal in a record has no text, and marks the record's onset."""
    onsets: list[float] = []
    marks: list[EdfMark] = []
    for order, part in enumerate(parts):
        for number, row in enumerate(part):
            for index, piece in enumerate(filter(None, row.tobytes().split(b"\0"))):
                onset, duration, texts = _annotation(piece, f"{place}, data record {number + 1:,}")
                if order == index == 0:
                    onsets.append(onset)
                marks += [EdfMark(onset, duration, text) for text in texts if text]
    return onsets, sorted(marks, key=lambda mark: mark.onset)


def _annotation(piece: bytes, place: str) -> tuple[float, float, list[str]]:
    head, *texts = piece.split(b"\x14")
    match = _ONSET.fullmatch(head)
    if not match or not texts:
        shown = excerpt(piece[:60].decode("latin-1"))
        raise DataError(f"{place}: expected an annotation such as +1.5, its length and its text; got {shown}")
    return float(match[1]), float(match[2] or 0), [_text(text) for text in texts]


def _text(content: bytes) -> str:
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        return content.decode("latin-1").strip()


def _number(text: str, place: str) -> float:
    return required_number(text.replace(",", "."), place)  # some recorders write decimal commas
