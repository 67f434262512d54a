"""The look of text on a terminal: its width, lines folded between words, and wide tables folded between columns."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import TextIO

_WIDEST = 120
"""The most characters of a folded line of prose, however wide the terminal is."""


def is_plain(stream: TextIO) -> bool:
    """True for a stream that has no cursor to move: a file, a pipe, or a dumb terminal."""
    return not stream.isatty() or os.environ.get("TERM", "dumb") in ("", "dumb", "unknown")


def width_of(stream: TextIO) -> int | None:
    """The number of columns of a terminal; None for a file or a pipe, whose lines are never folded."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def say(text: str, stream: TextIO | None = None, *, indent: str = "  ") -> None:
    """Prints lines for people, folded where the stream is a terminal; by default on standard output."""
    stream = sys.stdout if stream is None else stream
    print(fold(text, width_of(stream), indent=indent), file=stream, flush=True)


def fold(text: str, width: int | None, *, indent: str = "") -> str:
    """A text with its lines folded between words; `indent` begins the lines that follow from a fold.

    >>> print(fold("accuracy 82.86%, 1.0394 nats per word", 30, indent="  "))
    accuracy 82.86%, 1.0394 nats
      per word
    """
    if width is None:
        return text
    room = min(width - 1, _WIDEST)
    wrapper = textwrap.TextWrapper(room, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    lines = text.split("\n")
    return "\n".join(line if len(line) <= room else "\n".join(wrapper.wrap(line)) for line in lines)


def fold_table(rows: Sequence[str], width: int | None) -> list[str]:
    """The lines of a table, of which the first is the head, in blocks of as many columns as there is room for; each
    block begins with the first column.

    >>> for line in fold_table(["beat  R at  kind", "   1    90     N"], 12):
    ...     print(line)
    beat  R at
       1    90
    beat  kind
       1     N
    """
    if width is None or max(map(len, rows)) < width:
        return list(rows)
    first, *columns = _columns(rows)
    lines, block, room = list[str](), list[slice](), 0
    for column in columns:
        size = column.stop - column.start
        if block and room + size >= width:
            lines += _block(rows, first, block)
            block = []
        room = size + (room if block else first.stop - first.start)
        block.append(column)
    return lines + _block(rows, first, block)


def _block(rows: Sequence[str], first: slice, block: Sequence[slice]) -> list[str]:
    return ["".join(row[column] for column in (first, *block)).rstrip() for row in rows]


def _columns(rows: Sequence[str]) -> list[slice]:
    """The places of the columns of a table: each ends behind a word of the head, at the first place that is blank in
    all rows."""
    longest = max(map(len, rows))
    blank = [all(row[place : place + 1] in ("", " ") for row in rows) for place in range(longest + 1)]
    words = [match.end() for match in re.finditer(r"\S+(?: \S+)*", rows[0])]
    ends = [next(place for place in range(end, longest + 1) if blank[place]) for end in words]
    return [slice(start, stop) for start, stop in pairwise([0, *ends[:-1], longest])]
