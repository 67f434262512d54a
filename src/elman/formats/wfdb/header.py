"""WFDB headers (`.hea`): which file holds which lead, how its numbers become physical values, and the segments of a
record in several pieces. After the WFDB manual (G. Moody, header(5)).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from elman._errors import DataError, excerpt, quantity
from elman.formats.line_ends import normal_line_ends
from elman.formats.numbers import required_number, whole_of

RATE, GAIN, UNITS = 250.0, 200.0, "mV"
"""The format's defaults: samples a second, steps of the converter a unit, and the unit."""

NO_FILE = "~"
"""Stands for the name of a signal file or of a segment that has no samples."""

_FORMAT = re.compile(
    r"(?P<format>[0-9]{1,9})(?:x(?P<frame>[0-9]{1,9}))?(?::(?P<skew>[0-9]{1,12}))?(?:\+(?P<offset>[0-9]{1,12}))?"
)
_GAIN = re.compile(r"(?P<gain>[^(/]+)(?:\((?P<baseline>[^)]*)\))?(?:/(?P<units>.*))?")
_LARGEST = 1 << 40
RATES = (1e-9, 1e9)
"""The least and the highest rate of any recording, in samples a second; others are damage."""

_GAINS = (1e-18, 1e30)


class Signal(NamedTuple):
    """One signal line of a header: one lead, and where its samples are."""

    file: str
    format: int
    lead: str = ""
    gain: float = GAIN
    """Steps of the converter for one unit."""
    baseline: int = 0
    """The converter's output for 0 units."""
    units: str = UNITS
    frame: int = 1
    """Samples of this lead in a frame; most have 1."""
    skew: int = 0
    """Frames by which this lead is late in the file."""
    offset: int = 0
    """Bytes before the samples in the file."""
    resolution: int = 0
    """Bits of the converter, 0 where unknown."""
    zero: int = 0
    """The converter's output for the middle of its range."""
    initial: int | None = None
    checksum: int | None = None
    """The sum of all samples of the lead, to 16 bits; None where the header has none."""


class Segment(NamedTuple):
    """A piece of a record that is itself a record; one named NO_FILE is a pause."""

    name: str
    frames: int


class Header(NamedTuple):
    """The content of a header. A record in one piece has `signals`; one in several has `segments`, in order."""

    name: str
    rate: float
    """Frames a second."""
    frames: int | None
    """Frames of the record; None where the header does not give them and the signal file's length does."""
    signals: tuple[Signal, ...] = ()
    segments: tuple[Segment, ...] = ()
    leads: int = 0
    """Number of leads of a record in pieces."""
    comments: tuple[str, ...] = ()
    counter: tuple[float, float] | None = None
    """Ticks a second of the recorder's counter, and its value at the start."""
    start: str = ""
    """Time and date of the first sample, as the header spells them."""

    @property
    def has_layout(self) -> bool:
        """True where the first segment has no samples and only names the leads of all others."""
        return bool(self.segments) and self.segments[0].frames == 0


def read_header(text: str, place: str) -> Header:
    """Reads the text of a header; messages name its file as `place`.

    Lines beyond those that the header announces are no part of it, as the manual says.

    Raises:
        DataError: a malformed line, a rate that is not positive, or fewer lines than the header announces.

    >>> text = "100 1 360 650000\\n100.dat 212 200(1024)/mV 11 1024 995 -22131 0 MLII\\n# male"
    >>> header = read_header(text, "100.hea")
    >>> header.rate, header.frames, header.comments
    (360.0, 650000, ('male',))
    >>> header.signals[0].lead, header.signals[0].format, header.signals[0].baseline
    ('MLII', 212, 1024)
    """
    comments, rows = [], []
    for number, line in enumerate(normal_line_ends(text).split("\n"), start=1):
        line = line.strip()
        if line.startswith("#"):
            comments.append(line.removeprefix("#").strip())
        elif line:
            rows.append((f"{place}, line {number}", line))
    if not rows:
        raise DataError(f"{place}: empty; expected a WFDB header, such as '100 2 360 650000' and a line for each lead")
    (first, line), *rest = rows
    header, count, pieces = _record_line(first, line)
    what = "segments" if pieces else "signals"
    expected = pieces or count
    if len(rest) < expected:
        raise DataError(f"{first}: expected a line for each of {expected} {what}; got {len(rest)}")
    rest = rest[:expected]
    if pieces:
        header = header._replace(segments=tuple(_segment_line(*row) for row in rest), leads=count)
        _check_segments(header, first)
    else:
        header = header._replace(signals=tuple(_signal_line(*row) for row in rest))
    return header._replace(comments=tuple(comments))


def lead_name(text: str) -> str:
    """The name of a lead on one line: blanks stand for letters that cannot be printed.

    >>> lead_name(" II\\x1b left ")
    'II  left'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def write_header(header: Header) -> str:
    """The text of a header, which `read_header` reads back. The format has no name for a lead without an initial value
    or a checksum.

    >>> signal = Signal("a.dat", 16, "II", gain=1000, initial=4, checksum=10)
    >>> print(write_header(Header("a", 500.0, 4, (signal,), comments=("a test",))), end="")
    a 1 500 4
    a.dat 16 1000(0)/mV 0 0 4 10 0 II
    # a test
    """
    pieces = f"/{len(header.segments)}" if header.segments else ""
    rate = _number_text(header.rate)
    if header.counter:
        ticks, base = header.counter
        rate += f"/{_number_text(ticks)}" + (f"({_number_text(base)})" if base else "")
    count = header.leads if header.segments else len(header.signals)
    words = [f"{header.name}{pieces}", str(count), rate, str(header.frames or 0), header.start]
    rows = [" ".join(words).rstrip()]
    rows += [f"{segment.name} {segment.frames}" for segment in header.segments]
    rows += [] if header.segments else [_signal_row(signal) for signal in header.signals]
    rows += [f"# {line}".rstrip() for comment in header.comments for line in comment.split("\n")]
    return "\n".join(rows) + "\n"


def _record_line(place: str, line: str) -> tuple[Header, int, int]:
    """The header without signals, the number of signals, and the number of segments (0 for a record in one piece)."""
    words = line.split(maxsplit=4)
    if len(words) < 2:
        raise DataError(f"{place}: expected the record's name and its number of signals; got {excerpt(line)}")
    name, slash, pieces = words[0].rpartition("/")
    if not (slash and pieces.isdecimal()):  # the slash may be that of a folder
        name, pieces = words[0], ""
    rate, counter = RATE, None
    if len(words) > 2:
        rate_text, _, counter_text = words[2].partition("/")
        rate = required_number(rate_text, f"{place}, the rate")
        counter = _counter(counter_text, place) if counter_text else None
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{place}: a rate of {rate:g}; expected samples a second, such as 250: correct the header")
    frames = _whole(words[3], f"{place}, the number of samples") if len(words) > 3 else 0
    header = Header(name, rate, frames or None, counter=counter, start=words[4] if len(words) > 4 else "")
    several = _whole(pieces, f"{place}, the number of segments") if pieces else 0
    return header, _whole(words[1], f"{place}, the number of signals"), several


def _counter(text: str, place: str) -> tuple[float, float]:
    ticks, _, base = text.partition("(")
    base = base.rstrip(")")
    start = required_number(base, f"{place}, the counter's start") if base else 0.0
    return required_number(ticks, f"{place}, the counter's rate"), start


def _signal_line(place: str, line: str) -> Signal:
    words = line.split(maxsplit=8)
    if len(words) < 2 or not (match := _FORMAT.fullmatch(words[1])):
        raise DataError(f"{place}: expected a signal file and its format, such as '100.dat 212'; got {excerpt(line)}")
    numbers = {name: int(value) for name, value in match.groupdict().items() if value}
    if numbers.get("frame") == 0:
        raise DataError(f"{place}: 0 samples in a frame; expected 1 or more: correct the header")
    fields = [_whole(word, f"{place}, a field", least=-_LARGEST) for word in words[3:7]]
    resolution, zero, initial, checksum = (*fields, *(None,) * (4 - len(fields)))
    gain, baseline, units = _gain(words[2], place) if len(words) > 2 else (GAIN, None, UNITS)
    return Signal(
        words[0],
        **{"frame": 1, **numbers},
        gain=gain,
        baseline=(zero or 0) if baseline is None else baseline,
        units=units,
        resolution=resolution or 0,
        zero=zero or 0,
        initial=initial,
        checksum=checksum,
        lead=lead_name(words[8]) if len(words) > 8 else "",
    )


def _gain(text: str, place: str) -> tuple[float, int | None, str]:
    match = _GAIN.fullmatch(text)
    if not match:
        raise DataError(f"{place}: expected a gain such as 200, 200(1024) or 200(1024)/mV; got {excerpt(text)}")
    gain = required_number(match["gain"], f"{place}, the gain")
    baseline = _whole(match["baseline"], f"{place}, the baseline", least=-_LARGEST) if match["baseline"] else None
    if gain and not _GAINS[0] <= abs(gain) <= _GAINS[1]:
        raise DataError(f"{place}: a gain of {gain:g}; expected steps of the converter a unit, such as 200")
    return gain or GAIN, baseline, match["units"] or UNITS  # a gain of 0 stands for one that was not measured


def _segment_line(place: str, line: str) -> Segment:
    words = line.split()
    if len(words) != 2:
        raise DataError(f"{place}: expected a segment's name and its number of samples; got {excerpt(line)}")
    return Segment(words[0], _whole(words[1], f"{place}, the number of samples"))


def _check_segments(header: Header, place: str) -> None:
    total = sum(segment.frames for segment in header.segments)
    if header.frames not in (None, total):
        raise DataError(
            f"{place}: {quantity(header.frames, 'sample')}; the segments have {total:,} together, "
            f"{abs(total - header.frames):,} too {'many' if total > header.frames else 'few'}"
        )


def _signal_row(signal: Signal) -> str:
    frame = f"x{signal.frame}" if signal.frame != 1 else ""
    skew = f":{signal.skew}" if signal.skew else ""
    offset = f"+{signal.offset}" if signal.offset else ""
    row = f"{signal.file} {signal.format}{frame}{skew}{offset}"
    units, lead = "_".join(signal.units.split()) or "unknown", " ".join(signal.lead.split())  # blanks separate fields
    row += f" {_number_text(signal.gain)}({signal.baseline})/{units} {signal.resolution} {signal.zero}"
    if signal.initial is None or signal.checksum is None:
        return row
    return f"{row} {signal.initial} {signal.checksum} 0 {lead}".rstrip()


def _number_text(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(float(number))


def _whole(text: str, place: str, *, least: int = 0) -> int:
    return whole_of(text, place, least=least, most=_LARGEST)
