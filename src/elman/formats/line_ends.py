r"""The ends of lines: "\n", "\r\n" and, in a text without any "\n", a lone "\r", as old Macs wrote them.

Nothing else ends a line. U+2028, U+2029, U+0085, the form feed, the vertical tab and the separators FS, GS and RS, at
which `str.splitlines` cuts, are characters of a line, and so is a "\r" beside other ends. All readers get their text
from here, so that two aligned files have the same lines by everyone's count: that of `wc -l`.
"""

from __future__ import annotations

MOST_WAITING = 64 << 20
"""The number of characters without "\\n" after which a lone "\\r" is taken to end lines, to bound memory."""


def normal_line_ends(text: str) -> str:
    r"""The whole text with "\n" at the end of each line.

    >>> normal_line_ends("one\r\ntwo \r still two\n"), normal_line_ends("one\rtwo\r")
    ('one\ntwo \r still two\n', 'one\ntwo\n')
    """
    return LineEnds().feed(text, final=True)


class LineEnds:
    r"""Writes the line ends of a text that arrives in pieces as "\n". From a lone "\r" on, the text waits for the first
    "\n" or for the end of the text, which tells whether the "\r" is an end of a line.

    >>> ends = LineEnds()
    >>> ends.feed("one"), ends.feed("\r"), ends.feed("\ntwo\rtwo\n"), ends.feed("", final=True)
    ('one', '', '\ntwo\rtwo\n', '')
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._size = 0
        self._end = ""  # "\n" or "\r", as soon as it is known which ends lines

    def feed(self, text: str, *, final: bool = False) -> str:
        """The text that the next piece completes; the last piece is `final`."""
        self._waiting.append(text)
        self._size += len(text)
        if not self._end and "\n" in text:
            self._end = "\n"
        elif not self._end and (final or self._size > MOST_WAITING):
            self._end = "\r"
        if not self._end and (len(self._waiting) > 1 or "\r" in text):
            return ""
        whole = "".join(self._waiting)
        half = whole.endswith("\r") and not final  # of an end of two characters, perhaps
        self._waiting, self._size = ["\r"] if half else [], int(half)
        whole = (whole[:-1] if half else whole).replace("\r\n", "\n")
        return whole.replace("\r", "\n") if self._end == "\r" else whole
