"""Normal forms of Unicode (UAX 15): one spelling for texts that look alike, such as é as one character or as e with an
accent. Labels, vocabularies, word vectors and inputs are compared in one form; files are never rewritten.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from elman._types import NormalForm

CONTEXT = 32
"""The number of characters before a cut that may combine with those after it; Unicode's own streams allow 30."""


def normalise(text: str, form: NormalForm, *, lower: bool = False) -> str:
    """The text in a normal form, lower-cased where `lower` is True; "none" leaves the spelling as it is.

    >>> normalise("cafe\\u0301", "NFC") == normalise("caf\\xe9", "NFC") == "caf\\xe9"
    True
    """
    if lower:  # a capital may have a lower case that is spelt with two characters, or appear only in this form
        text = (text if form == "none" or text.isascii() else unicodedata.normalize(form, text)).lower()
    return text if form == "none" or text.isascii() else unicodedata.normalize(form, text)


def normal_pieces(texts: Iterable[str], form: NormalForm) -> Iterator[str]:
    """Cuts a text that arrives in pieces anew, so that each piece has its normal form by itself: none begins with a
    character that combines with those before it.

    >>> list(normal_pieces(["cafe", "\\u0301 au", " lait"], "NFC")) == ["cafe\\u0301", " au", " lait"]
    True
    """
    if form == "none":
        yield from texts
        return
    waiting = ""
    for text in texts:
        cut = next((place for place in range(len(text)) if _is_apart(waiting, text[: place + 1], form)), len(text))
        if cut < len(text):
            if piece := waiting + text[:cut]:
                yield piece
            waiting = text[cut:]
        else:
            waiting += text
    yield waiting


def settled(text: str, form: NormalForm) -> int:
    """The length of the beginning of a text whose normal form nothing that follows can change: what follows may combine
    with the last character, unless that is white space.

    >>> settled("cafe", "NFC"), settled("cafe", "none"), settled("cafe ", "NFC")
    (3, 4, 5)
    """
    if form == "none" or not text or text[-1].isspace():
        return len(text)
    return next((at for at in range(len(text) - 1, 0, -1) if _is_apart(text[:at], text[at], form)), 0)


def _is_apart(before: str, after: str, form: NormalForm) -> bool:
    """True if the last character of `after` does not combine with the text before it."""
    character, context = normalise(after[-1], form), (before[-CONTEXT:] + after[:-1])[-CONTEXT:]
    apart = normalise(context, form) + character
    return not unicodedata.combining(character[0]) and normalise(context + after[-1], form) == apart
