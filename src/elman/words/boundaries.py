r"""The ends of words, by the properties and rules of Unicode's text segmentation (UAX 29), as parts of patterns for the
package `regex`. Words are not the runs of \w of Python's `re`, which end at vowel signs, accents and joiners.

A word is a row of letters and digits, each with the marks, joiners and format characters that follow it; but marks of
direction at its end, which change no word, are no part of it. In a word may also stand a middle dot, as in Catalan, and
the quotation mark of Hebrew abbreviations. UAX 29 leaves scripts without spaces (Thai, Lao, Khmer, Burmese, Chinese,
Japanese) to a dictionary, or else cuts them into letters; here such a row stays whole, and a space or U+200B separates
the words in it. Apostrophes, hyphens and full stops are left to the patterns of each tokeniser.
"""

from __future__ import annotations

import re
from typing import Any, Literal

WordRules = Literal["unicode", "letters"]
"""The rules by which words end: those of this module, or runs of \\w, as in models saved before there were others."""

BASE = r"A-Za-z0-9_\p{L}\p{N}\p{WB=ALetter}\p{WB=Numeric}\p{WB=Katakana}"
"""Letters and digits, as a part of a class."""
_FOLLOWING = r"\p{WB=Extend}\p{WB=ZWJ}\u00ad\u180e\u2060-\u2064"
DIRECTION = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
"""Marks of direction, as a part of a class."""

FOLLOWING = f"[{_FOLLOWING}]"
"""A mark, joiner or soft hyphen, which belongs to the letter before it."""

LATER = f"[{BASE}{_FOLLOWING}]"
"""A character of a row behind the first."""

_INSIDE = f"[{DIRECTION}]++(?={LATER})"

ROW, SHORTEST_ROW = f"[{BASE}](?:{LATER}++|{_INSIDE})*+", f"[{BASE}](?:{LATER}|{_INSIDE})*?"
"""A row of letters and digits with all that belongs to them: the longest, and the shortest after which a pattern can go
on."""

_QUOTE = rf"(?<=\p{{WB=HebrewLetter}}{FOLLOWING}*)\"(?={FOLLOWING}*\p{{WB=HebrewLetter}})"

RUN = rf"{ROW}(?:(?:[·‧·՟״]|{_QUOTE}){FOLLOWING}*+{ROW})*+"
"""A word without apostrophes and hyphens."""

SPACE = r"[\s\x1c-\x1f]"
"""White space, with the separators that `re` and `str.split` count as such too."""

MARK = rf"(?!{SPACE})\X"
"""Any other character that is no white space: an emoji of several code points is one, and so is a flag."""

VISIBLE_MARK = rf"(?!\u200b|[{DIRECTION}]){MARK}"
"""A mark that is no space of no width, U+200B, and tells no direction: these only separate."""


def pattern_of(text: str, rules: WordRules, *, unicode: Any, letters: re.Pattern[str]) -> Any:
    """The pattern of the rules by which a text is read, `unicode`, which is one of `regex` and so has no type, or
    `letters`. In ASCII the two patterns of a tokeniser find the same, and that of `re` is several times faster."""
    return letters if rules == "letters" or text.isascii() else unicode
