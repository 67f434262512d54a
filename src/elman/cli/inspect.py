"""`elman inspect`."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from elman._errors import ConfigError
from elman._terminal import say
from elman._types import Unknown
from elman.cli._parse import call

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted

LONGEST = 10_000
"""The most tokens of a text that a report on a page reads whole."""


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "inspect", arguments)


def main(
    model: tyro.conf.Positional[Path],
    files: tyro.conf.Positional[tuple[str, ...]] = (),
    /,
    text: str = "",
    units: str = "",
    mark: str = "",
    threshold: float = 0.3,
    cell: str = "",
    plot: Path | None = None,
    dark: bool = False,
    report: Path | None = None,
    unknown: Unknown = "error",
) -> int:
    """Show what goes on inside a model over an input: its parts, its answers, its gates, its memory, the gradients
    through time, and the inputs that matter most.

    Args:
        model: A saved model.
        files: Files in the format of its training data, whose first example is read; none shows its training and its
            parts.
        text: A text to read instead of files.
        units: A regular expression: find the hidden units that tell the text in its matches from the rest.
        mark: A stretch of the text: show the hidden units that are on over all of it, and where else they are on. Of
            a series, the first step and the last: 1:12..1:40 are steps 12 to 40 of the first series.
        threshold: The value above which a unit counts as on, for --mark.
        cell: The cell for --mark and --plot, such as layers.cells.0; by default --mark shows the last.
        plot: Draw the states and gates of the first cell, or of that of --cell, into this file, such as gates.png.
        dark: Draw for a dark page.
        report: Write a page with tables and pictures into this file, such as inside.html, which needs no network.
        unknown: For a language model: skip leaves out characters that it does not know.
    """
    looks = units or mark or plot or report
    if (files and text) or (looks and not files and not text):
        raise ConfigError("expected an input to look at: files in the format of the training data, or --text TEXT")
    if units and mark:
        raise ConfigError("units and mark: choose one")

    from elman.tasks.load import load

    fitted = load(model)
    inputs = _inputs(fitted, files, text, unknown)
    if report is not None:
        from elman.inspection.page import write_page

        write_page(fitted, inputs, report, longest=LONGEST, progress=_tell)
        say(f"{report}: a page to open in a browser")
    if plot is not None:
        from elman.inspection.pictures import draw_cell
        from elman.inspection.record import record
        from elman.tasks.drawing import dark_pictures

        seen = record(fitted, inputs)
        drawn = seen[cell] if cell else seen.cells[0]
        with dark_pictures(dark):
            draw_cell(drawn, plot)
        say(f"{plot}: the states and gates of {drawn.name}")
    if report is None or units or mark:
        for line in _lines(fitted, inputs, units, mark, threshold, cell):
            say(line)
    return 0


def _tell(text: str) -> None:
    """Says on standard error what takes its time."""
    say(f"elman inspect: {text}", sys.stderr)


def _inputs(fitted: Fitted[Any], files: tuple[str, ...], text: str, unknown: Unknown) -> Any:
    """The input that is looked at; None without any."""
    from elman.tasks.fitted import TextGenerator

    if not isinstance(fitted, TextGenerator):
        if unknown != "error":
            raise ConfigError("unknown: belongs to language models; leave it out")
        return text or (fitted.read(*files) if files else None)
    if files:
        return fitted.read(*files, unknown=unknown)
    return fitted.codec.decode(fitted.codec.encode(text, unknown=unknown).tolist()) or None


def _lines(fitted: Fitted[Any], inputs: Any, units: str, mark: str, threshold: float, cell: str) -> Iterator[str]:
    from elman.inspection import report, sections

    if units:
        from elman.inspection.units import units as find_units

        best = find_units(fitted, inputs, units, progress=_tell)
        yield from report.section_lines(sections.units_section(best))
    elif mark:
        from elman.inspection.corpus import mark_threshold, unit_states

        highest = mark_threshold(fitted, inputs, mark, cell=cell)  # before the whole text is read
        mend = (
            "try a lower --threshold" if highest is None else f"try --threshold {math.floor(1000 * highest) / 1000:g}"
        )
        fault = ConfigError(f"mark: no unit is above {threshold:g} over all of {mark!r}; {mend}")
        if highest is not None and highest <= threshold:
            raise fault
        states = unit_states(fitted, inputs, cell=cell, threshold=threshold)
        start, stop = states.stretch(mark)
        chosen = states.units_over(start, stop)
        if not chosen:
            raise fault
        yield from report.section_lines(sections.matches_section(states, states.matches(chosen, stop - start)))
    elif inputs is None:
        from elman.inspection.layers import layers

        yield from report.section_lines(sections.model_section(fitted))
        yield from report.section_lines(sections.parts_section(layers(fitted, None, timed=False)))
    else:
        yield from report.report(fitted, inputs)
