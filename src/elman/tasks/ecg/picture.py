"""Pictures of ECGs: on ECG paper, with waves in colour and marks for values outside the usual limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elman._errors import ConfigError, DataError
from elman.tasks.drawing import save_figure
from elman.tasks.ecg.beat_table import BeatRow, BeatTable
from elman.tasks.ecg.faults import Fault
from elman.tasks.ecg.strip import Strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MM_SECOND = 25.0
MM_MILLIVOLT = 10.0
"""The scale of ECG paper: 25 mm/s and 10 mm/mV, with small squares of 1 mm and large ones of 5 mm."""

COLOURS = {"P": "#0072b2", "QRS": "#d55e00", "T": "#009e73"}
"""The colours of Okabe and Ito (2008), distinct for people with any colour vision; letters say the same."""

PAPER, TRACE, OUTSIDE = "#f2c4c0", "#1a1a1a", "#7b1fa2"
SHORTEST_MM, TALLEST_MM = 25.0, 70.0
"""The least and greatest height of a lead's signal."""
ABOVE_MM, LINE_MM = 6.0, 2.6
EDGE_S = 0.25
"""The distance from an end of a row within which the text of a beat is aligned so that it stays inside the row."""
SHORTEST_ROW_MM = 190.0
"""The least width of a picture's rows, so that the key fits above them."""
DOTS_INCH = 150
NAME_WIDTH = 12
"""The most characters of a lead's name in a line."""
MOST_ROWS = 72
"""The most rows of a picture, a minute of twelve leads; more take minutes to draw, and no viewer shows them."""
LEFT_MM, RIGHT_MM, TOP_MM, BOTTOM_MM, BETWEEN_MM = 14.0, 5.0, 18.0, 6.0, 7.0


def draw_ecg(
    leads: Sequence[tuple[Strip, BeatTable]],
    path: str | Path,
    *,
    start: float = 0.0,
    seconds: float = 30.0,
    row_seconds: float = 10.0,
    faults: Sequence[Fault] = (),
) -> None:
    """Draws leads of one record to a file, in the format of its extension, such as `.png` or `.svg`. Needs matplotlib.

    Args:
        leads: each lead with the beats found in it, in samples at its sampling rate.
        path: the file.
        start: the first second to draw.
        seconds: the most seconds to draw; a minute is six rows of every lead.
        row_seconds: the seconds of a row.
        faults: the parts of leads that could not be read.

    Raises:
        ConfigError, DataError: as for `ecg_figure`; or matplotlib does not know the format, or the file cannot be
            written.

    >>> import tempfile
    >>> from elman.tasks.ecg.strip import strips_of
    >>> from elman.formats.wfdb.record import Record
    >>> strip = strips_of(Record("a", np.zeros((500, 1), np.float32), 250.0, ("II",)))[0]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw_ecg([(strip, BeatTable.of([], rate=250.0))], folder + "/strip.svg")
    ...     "<svg" in Path(folder, "strip.svg").read_text()
    True
    """
    figure = ecg_figure(leads, start=start, seconds=seconds, row_seconds=row_seconds, faults=faults)
    save_figure(figure, path, dpi=DOTS_INCH)


def ecg_figure(
    leads: Sequence[tuple[Strip, BeatTable]],
    *,
    start: float = 0.0,
    seconds: float = 30.0,
    row_seconds: float = 10.0,
    faults: Sequence[Fault] = (),
) -> Figure:
    """The picture of `draw_ecg` as a figure of matplotlib.

    Time runs in rows, each with the leads below each other. P, QRS and T are coloured and lettered, a tick and the kind
    of beat stand above each R, and below a beat the values outside their usual limits.

    Raises:
        ConfigError: matplotlib is not installed, or more than 72 rows.
        DataError: no lead, leads of different sampling rates or lengths, or a start outside the record.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("drawing needs matplotlib: pip install 'elman[plot]'") from None
    span = _span([strip for strip, _ in leads], start, seconds)
    rate = leads[0][0].rate
    per_row = max(round(row_seconds * rate), 1)
    spans = [(onset, min(onset + per_row, span[1])) for onset in range(*span, per_row)]
    if (count := len(spans) * len(leads)) > MOST_ROWS:
        raise ConfigError(f"{count:,} rows; expected {MOST_ROWS} at most: draw fewer seconds or leads")
    rows = [_row(strip, table, part, faults) for part in spans for strip, table in leads]
    length = min(per_row, span[1] - span[0]) / rate * MM_SECOND
    figure = Figure(figsize=_inches(LEFT_MM + max(length, SHORTEST_ROW_MM) + RIGHT_MM, _height(rows)))
    _draw_head(figure, leads[0][0], span)
    top = TOP_MM
    for row in rows:
        _draw_row(figure, row, top, rate)
        top += row.height_mm + BETWEEN_MM
    return figure


def _span(strips: Sequence[Strip], start: float, seconds: float) -> tuple[int, int]:
    """The first sample to draw and the one after the last."""
    if not strips:
        raise DataError("no lead to draw; expected at least one")
    rate, length = strips[0].rate, len(strips[0].signal)
    for strip in strips:
        if (strip.rate, len(strip.signal)) != (rate, length):
            raise DataError(
                f"{strip.place}: lead {strip.lead} has {len(strip.signal):,} samples at {strip.rate:g} a second; "
                f"lead {strips[0].lead} has {length:,} at {rate:g}; expected leads of one record"
            )
    first, last = round(start * rate), min(length, round((start + seconds) * rate))
    if not 0 <= first < last:
        raise DataError(f"{strips[0].place}: no second from {start:g} on to draw; it has {length / rate:.1f} s")
    return first, last


class _PaperRow(NamedTuple):
    """A lead in one row of time."""

    lead: str
    span: tuple[int, int]
    values: np.ndarray
    """The samples of the span, in mV."""
    beats: tuple[BeatRow, ...]
    faults: tuple[Fault, ...]
    low: float
    high: float
    lines: int
    """The number of lines of text below the signal."""

    @property
    def height_mm(self) -> float:
        return ABOVE_MM + (self.high - self.low) * MM_MILLIVOLT + self.lines * LINE_MM


def _row(strip: Strip, table: BeatTable, span: tuple[int, int], faults: Sequence[Fault]) -> _PaperRow:
    onset, end = span
    values = strip.signal[onset:end]
    beats = tuple(beat for beat in table.rows if _reaches(beat, span))
    lines = max((len(beat.marks) for beat in beats if onset <= beat.beat.sample < end), default=0)
    touching = tuple(fault for fault in faults if fault.lead == strip.lead and fault.onset < end and fault.end >= onset)
    return _PaperRow(strip.lead, span, values, beats, touching, *_range(values), lines + 1)


def _reaches(beat: BeatRow, span: tuple[int, int]) -> bool:
    return any(wave.onset < span[1] and wave.end >= span[0] for wave in beat.beat.waves)


def _range(values: np.ndarray) -> tuple[float, float]:
    """The limits of a row in mV, multiples of 0.5 around the signal; for a signal too tall, around its median."""
    known = values[np.isfinite(values)]
    if not len(known):
        return -SHORTEST_MM / MM_MILLIVOLT / 2, SHORTEST_MM / MM_MILLIVOLT / 2
    low, high = math.floor(2 * float(known.min())) / 2, math.ceil(2 * float(known.max())) / 2
    spare = SHORTEST_MM / MM_MILLIVOLT - (high - low)
    if spare > 0:
        low -= math.floor(spare) / 2
        high = max(high, low + SHORTEST_MM / MM_MILLIVOLT)
    if (high - low) * MM_MILLIVOLT > TALLEST_MM:
        middle = round(2 * float(np.median(known))) / 2
        low, high = middle - TALLEST_MM / MM_MILLIVOLT / 2, middle + TALLEST_MM / MM_MILLIVOLT / 2
    return low, high


def _height(rows: Sequence[_PaperRow]) -> float:
    return TOP_MM + sum(row.height_mm + BETWEEN_MM for row in rows) + BOTTOM_MM


def _inches(width: float, height: float) -> tuple[float, float]:
    return width / 25.4, height / 25.4


def _draw_head(figure: Figure, strip: Strip, span: tuple[int, int]) -> None:
    """Draws the record's name, the time, the paper's scale and the key to the colours."""
    height, width = figure.get_figheight() * 25.4, figure.get_figwidth() * 25.4
    begin, end = (sample / strip.rate for sample in span)
    whole = f" of {len(strip.signal) / strip.rate:,.1f} s" if span != (0, len(strip.signal)) else ""
    title = f"record {strip.record}, {begin:,.1f} to {end:,.1f} s{whole}; 25 mm/s, 10 mm/mV"
    figure.text(LEFT_MM / width, 1 - 5 / height, title, fontsize=9, weight="bold", va="center", parse_math=False)
    place = LEFT_MM
    for kind, colour in COLOURS.items():
        figure.text(place / width, 1 - 11 / height, kind, color=colour, fontsize=8, weight="bold", va="center")
        place += 5 + 2.5 * len(kind)
    key = "▾ R, with the kind of beat; below a beat, what is above (H) or below (L) usual limits, in ms or a minute"
    figure.text(place / width, 1 - 11 / height, key, color=OUTSIDE, fontsize=7, va="center")


def _draw_row(figure: Figure, row: _PaperRow, top: float, rate: float) -> None:
    height, width = figure.get_figheight() * 25.4, figure.get_figwidth() * 25.4
    onset, end = row.span
    length = (end - onset) / rate * MM_SECOND
    bottom = height - top - row.height_mm
    axes = figure.add_axes((LEFT_MM / width, bottom / height, length / width, row.height_mm / height))
    floor = row.low - row.lines * LINE_MM / MM_MILLIVOLT
    axes.set_xlim(onset / rate, end / rate)
    axes.set_ylim(floor, row.high + ABOVE_MM / MM_MILLIVOLT)
    _draw_paper(axes)
    axes.plot(np.arange(onset, end) / rate, row.values, color=TRACE, linewidth=0.7, zorder=3)
    for fault in row.faults:
        _draw_fault(axes, fault, row, rate)
    for beat in row.beats:
        _draw_beat(axes, beat, row, rate)
    place, middle = (LEFT_MM - 2) / width, (bottom + row.height_mm / 2) / height
    name = fill(row.lead, NAME_WIDTH)  # in lines, so that it does not leave the paper
    figure.text(place, middle, name, ha="right", va="center", fontsize=8 if len(row.lead) <= 6 else 5, parse_math=False)


def _draw_paper(axes: Axes) -> None:
    from matplotlib.ticker import MultipleLocator

    (left, right), (floor, top) = axes.get_xlim(), axes.get_ylim()
    for squares, linewidth in ((1, 0.25), (5, 0.8)):
        axes.vlines(_multiples(left, right, squares / MM_SECOND), floor, top, PAPER, linewidth=linewidth, zorder=0)
        axes.hlines(_multiples(floor, top, squares / MM_MILLIVOLT), left, right, PAPER, linewidth=linewidth, zorder=0)
    axes.xaxis.set_major_locator(MultipleLocator(1.0))
    axes.xaxis.set_major_formatter("{x:g} s")
    axes.yaxis.set_ticks([])
    axes.tick_params(length=0, labelsize=6, colors="#666666", pad=1)
    for side in axes.spines.values():
        side.set_color(PAPER)


def _multiples(low: float, high: float, step: float) -> np.ndarray:
    return np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step


def _draw_fault(axes: Axes, fault: Fault, row: _PaperRow, rate: float) -> None:
    onset, end = max(fault.onset, row.span[0]), min(fault.end + 1, row.span[1])
    axes.axvspan(onset / rate, end / rate, facecolor="#dddddd", edgecolor="#888888", hatch="////", alpha=0.5, zorder=2)
    axes.text((onset + end) / 2 / rate, row.high, fault.what, fontsize=7, ha="center", va="top", clip_on=True)


def _draw_beat(axes: Axes, beat: BeatRow, row: _PaperRow, rate: float) -> None:
    """Draws a beat's waves, the mark of R, and the values outside their limits."""
    onset, end = row.span
    letters = row.low - LINE_MM / MM_MILLIVOLT / 2
    for wave in beat.beat.waves:
        colour = COLOURS[wave.kind]
        first, last = max(wave.onset, onset), min(wave.end + 1, end)
        if first >= last:
            continue
        axes.axvspan(first / rate, last / rate, color=colour, alpha=0.13, linewidth=0, zorder=1)
        inside = row.values[first - onset : last - onset]
        axes.plot(np.arange(first, last) / rate, inside, color=colour, linewidth=1.3, zorder=4)
        if wave.kind != "QRS" and onset <= wave.peak < end:
            axes.text(wave.peak / rate, letters, wave.kind, color=colour, fontsize=6, ha="center", va="center")
    if onset <= beat.beat.sample < end:
        _draw_marks(axes, beat, row, rate)


def _draw_marks(axes: Axes, beat: BeatRow, row: _PaperRow, rate: float) -> None:
    at, step = beat.beat.sample / rate, LINE_MM / MM_MILLIVOLT
    begin, end = (sample / rate for sample in row.span)
    side = "left" if at - begin < EDGE_S else "right" if end - at < EDGE_S else "center"
    axes.plot([at], [row.high + 0.4 * step], marker="v", markersize=3, color=COLOURS["QRS"], zorder=5)
    axes.text(at, row.high + 1.1 * step, beat.beat.symbol, fontsize=7, ha="center", va="center", clip_on=True)
    for line, (name, mark) in enumerate(beat.marks.items(), start=1):
        text = f"{name} {getattr(beat, name):.0f} {mark}"
        where = row.low - (line + 0.5) * step
        axes.text(at, where, text, color=OUTSIDE, fontsize=5.5, ha=side, va="center", weight="bold")
