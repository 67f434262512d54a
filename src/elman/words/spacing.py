"""Writes words as a text, with the spaces that they most likely had, for sentences whose words alone are known."""

from __future__ import annotations

from collections.abc import Sequence

import regex

_TO_THE_LEFT = regex.compile(
    r"(?: [.,;:!?…%)\]}»”،؛؟।。、，！？：；」』）】] | \.{2,} | [!?]{2,} | ['’]\p{L}{1,2} | n['’]t )",
    regex.IGNORECASE | regex.VERBOSE,
)
_TO_THE_RIGHT = regex.compile(r"(?:[(\[{«“‘¿¡#$£€「『（【]|\p{L}{1,8}['’])")
_TO_BOTH = regex.compile(r"[/‐‑-]")
_QUOTE = regex.compile(r"[\"']|''|``")


def guess_surfaces(words: Sequence[str]) -> list[str]:
    """The text of each word with the white space after it: marks stand next to words, and what begins or ends with an
    apostrophe next to what it belongs to.

    >>> guess_surfaces(["L'", "ami", "dit", ":", '"', "do", "n't", '"', "."])
    ["L'", 'ami ', 'dit', ': ', '"', 'do', "n't", '"', '. ']
    """
    surfaces: list[str] = []
    opens, tight = False, True
    for word in words:
        is_quote = bool(_QUOTE.fullmatch(word))
        opens = opens ^ is_quote
        joined = _TO_BOTH.fullmatch(word)
        if surfaces and not (tight or joined or (is_quote and not opens) or _TO_THE_LEFT.fullmatch(word)):
            surfaces[-1] += " "
        surfaces.append(word)
        tight = bool(joined or (is_quote and opens) or _TO_THE_RIGHT.fullmatch(word))
    if surfaces:
        surfaces[-1] += " "
    return surfaces
