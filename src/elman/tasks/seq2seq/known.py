"""The lines of pairs that a model knows every character of, and sentences on the others."""

from __future__ import annotations

from collections.abc import Iterable

from elman._errors import RecordError, quantity
from elman._types import Unknown
from elman.tasks.left_out import listed, readable
from elman.tasks.seq2seq.codec import PairCodec
from elman.tasks.seq2seq.reading import SIDES, Line
from elman.tasks.settings import OnUnreadable


def known_lines(
    lines: Iterable[Line | RecordError], codec: PairCodec, *, unknown: Unknown, on_error: OnUnreadable
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The lines to measure a model on, and sentences on those that are left out or have unknown characters.

    Args:
        lines: the lines, or the error of each that cannot be read.
        codec: the characters of both sides.
        unknown: "error" makes a line with an unknown character one that cannot be read; "skip" keeps it.
        on_error: the treatment of a line that cannot be read.

    Raises:
        RecordError: a line that cannot be read, if `on_error` is "fail".
    """
    checked = [*lines]
    lacks = {
        number: text for number, line in enumerate(checked) if isinstance(line, Line) and (text := lacking(line, codec))
    }
    if unknown == "error":
        advice = _advice(len(lacks)) if on_error == "fail" else ""
        for number, text in lacks.items():
            checked[number] = RecordError(text + advice)
    known, notes = readable(checked, on_error=on_error, unit="line")
    if lacks and unknown == "skip":
        total = f"{len(lacks):,} of {quantity(len(known), 'line')}"
        left = f"such characters were left out of {total}; an answer that should have one counts as wrong"
        notes += (*listed([*lacks.values()]), left)
    return known, notes


def lacking(line: Line, codec: PairCodec) -> str:
    """A sentence on the characters of a line that a model does not know; empty where it knows all."""
    for side, text in zip(SIDES, (line.source, line.target), strict=True):
        if characters := getattr(codec, side).unknown_in(text):
            named = ", ".join(f"{one!r} (U+{ord(one):04X})" for one in characters[:5]) + "..." * (len(characters) > 5)
            return f"{line.place}: the {side} {text[:40]!r}: the model knows no {named}"
    return ""


def _advice(count: int) -> str:
    others = f"; so it is with {quantity(count, 'line')} in all" if count > 1 else ""
    return (
        f"{others}. Leave out such lines with --on-error skip (on_error='skip'), or the characters alone with "
        "--unknown skip (unknown='skip')"
    )
