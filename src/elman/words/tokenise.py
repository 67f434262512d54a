"""A simple tokeniser for English-like text, in the style of the UD English treebanks: punctuation and hyphens are
tokens of their own, `do n't` and `it 's` are two, and URLs, numbers, abbreviations and emoticons such as :-) are one.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_ABBREVIATIONS = (
    "mr mrs ms dr prof rev gen col sgt capt lt st jr sr vs etc inc ltd co corp bros dept est approx fig no vol pp "
    "jan feb mar apr jun jul aug sept sep oct nov dec mon tue wed thu fri sat sun e.g i.e a.m p.m u.s u.k u.n d.c ph.d"
)
_TOKEN = re.compile(
    r"""
    (?P<address> (?:https?://|www\.)[^\s<>"]*[^\s<>".,;:!?')\]] | [\w.+-]+@\w[\w-]*(?:\.\w[\w-]*)+ )
  | (?P<face> [:;=8]'?-?[)(DPpoO/\\|*\]\[]+(?!\w) | <3 | \^_?\^ )
  | (?P<number> (?:\d{1,3}(?:,\d{3})+|\d+)(?:[.:/]\d+)*(?:st|nd|rd|th|s)?(?!\w) )
  | (?P<initials> (?:[^\W\d_]\.){2,} | [^\W\d_]\.(?=\s+[^\W\d_]) )
  | (?P<word> [\w\u0300-\u036f]+(?:['’][\w\u0300-\u036f]+)*(?:[.&][\w\u0300-\u036f]+)* )  # combining accents too
  | (?P<row> \.{2,} | [!?]+ | (?P<repeated>[-*<>=$#~+|])(?P=repeated)+ )
  | (?P<mark> [^\w\s](?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d[^\w\s])* )  # an emoji of several characters is one
    """,
    re.VERBOSE,
)
_CLITIC = re.compile(r"(?i)(?P<stem>.+?)(?P<clitic>n['’]t|['’](?:s|m|d|re|ve|ll))$")
_JOINED = {"cannot": 3, "gonna": 3, "wanna": 3, "gotta": 3}
_KEPT_DOT = frozenset(_ABBREVIATIONS.split())


class Token(NamedTuple):
    """A word or mark, and its place in the text: from `start` up to, but not including, `stop`."""

    form: str
    start: int
    stop: int


def tokenise(text: str) -> list[Token]:
    """Splits a text into tokens; every character but white space is in one of them.

    >>> " ".join(token.form for token in tokenise("It's $3.50, Mr. Smith-Jones; don't (ever) e-mail a@b.com!"))
    "It 's $ 3.50 , Mr. Smith - Jones ; do n't ( ever ) e - mail a@b.com !"
    """
    tokens: list[Token] = []
    place = 0
    while match := _TOKEN.search(text, place):
        start, place = match.span()
        if match.lastgroup == "word":
            if text[start:place].lower() in _KEPT_DOT and text[place : place + 1] == ".":
                place += 1
            tokens += _words(text, start, place)
        else:
            tokens.append(Token(match[0], start, place))
    return tokens


def unspaced_tokens(tokens: list[Token]) -> list[int]:
    """The indices of the tokens that the next one follows without a space.

    >>> unspaced_tokens(tokenise("Hi there!"))
    [1]
    """
    return [place for place, (token, after) in enumerate(pairwise(tokens)) if token.stop == after.start]


def _words(text: str, start: int, stop: int) -> list[Token]:
    """The tokens of a word, cut before its clitics."""
    form = text[start:stop]
    match = _CLITIC.fullmatch(form)
    cut = match.end("stem") if match else _JOINED.get(form.lower(), 0)
    if not cut:
        return [Token(form, start, stop)]
    return [*_words(text, start, start + cut), Token(form[cut:], start + cut, stop)]
