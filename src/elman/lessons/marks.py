"""Right and wrong, marked: in colour where colours are shown, and by a sign everywhere."""

from __future__ import annotations

import os
import sys

from elman.lessons.notebook import notebook

_SIGNS = {True: ("☑", "v"), False: ("☒", "x")}
_COLOURS = {True: "\033[32m", False: "\033[31m"}
_PLAIN = "\033[0m"


def marked(text: str, right: bool) -> str:
    """`text` behind ☑ where it is right, ☒ where it is wrong (v and x where the output cannot have these signs); in a
    terminal and in a notebook green or red as well, unless NO_COLOR is set.

    >>> print(marked("1+1=2", True), marked("1+1=3", False))
    ☑ 1+1=2 ☒ 1+1=3
    """
    sign, plain = _SIGNS[right]
    try:
        sign.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        sign = plain
    return f"{_COLOURS[right]}{sign} {text}{_PLAIN}" if _in_colour() else f"{sign} {text}"


def _in_colour() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return notebook() is not None or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")
