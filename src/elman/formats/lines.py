"""Reads lines as they arrive, so that commands can be used as filters."""

from __future__ import annotations

from collections.abc import Iterator

from elman.formats.compression import PIECE
from elman.formats.text import TextSource, decode_text, standard_input

AT_MOST = 256
"""The most lines of one group."""


def arriving_lines(*places: str, at_most: int = AT_MOST) -> Iterator[list[str]]:
    """Reads the lines of files, or of standard input ("-"), without their ends, in groups as they arrive: a pipe that
    is fed line by line gives a group for each line.

    Raises:
        DataError: a missing file, or one that is not text.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("one\\ntwo\\n\\nlast")
    ...     file.flush()
    ...     list(arriving_lines(file.name))
    [['one', 'two', ''], ['last']]
    """
    for place in places:
        rest: list[str] = []  # of a line whose end has not arrived
        for text in _texts(place):
            *lines, last = text.split("\n")
            if lines:
                lines[0], rest = "".join([*rest, lines[0]]), []
            rest.append(last)
            for start in range(0, len(lines), at_most):
                yield lines[start : start + at_most]
        if last := "".join(rest):
            yield [last]


def _texts(place: str) -> Iterator[str]:
    if place == "-":
        stream = standard_input()
        return decode_text("standard input", iter(lambda: stream.read1(PIECE), b""))
    return TextSource.open(place).characters()
