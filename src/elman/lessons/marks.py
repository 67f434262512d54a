"""Marks for right and wrong: by a sign everywhere, and in colour where the output shows colours."""

from __future__ import annotations

import os
import sys

from elman._notebook import notebook

_SIGNS = {True: ("☑", "v"), False: ("☒", "x")}
_COLOURS = {True: "\033[32m", False: "\033[31m"}
_PLAIN = "\033[0m"


def marked(text: str, right: bool) -> str:
    """Puts ☑ before `text` if it is right, ☒ if it is wrong (v and x if the output cannot encode these signs). In a
    terminal and in a notebook it is green or red as well, unless NO_COLOR is set.

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
