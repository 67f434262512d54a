"""Lines as they arrive, for filters."""

from __future__ import annotations

from collections.abc import Iterator

from elman.data.text import PIECE, TextSource, decoded, standard_input

AT_MOST = 256
"""Lines of one group."""


def arriving_lines(*places: str, at_most: int = AT_MOST) -> Iterator[list[str]]:
    """The lines of files, "-" being standard input, without their ends, in groups of those that are there: a pipe that
    is fed line by line gives a group a line.

    Raises:
        DataError: no such file, or not text.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("one\\ntwo\\n\\nlast")
    ...     file.flush()
    ...     list(arriving_lines(file.name))
    [['one', 'two', ''], ['last']]
    """
    for place in places:
        rest = ""
        for text in _texts(place):
            *lines, rest = (rest + text).split("\n")
            for start in range(0, len(lines), at_most):
                yield lines[start : start + at_most]
        if rest:
            yield [rest]


def _texts(place: str) -> Iterator[str]:
    if place == "-":
        stream = standard_input()
        return decoded("standard input", iter(lambda: stream.read1(PIECE), b""))
    return TextSource.open(place).characters()
