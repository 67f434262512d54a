"""A simple tokeniser in the style of the UD English treebanks: punctuation and hyphens are tokens of their own,
`do n't` and `it 's` are two, and URLs, numbers, abbreviations and emoticons such as :-) are one. Words of all scripts
end where `boundaries` says.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

import regex

from elman.words.boundaries import FOLLOWING, RUN, VISIBLE_MARK, WordRules, pattern_of

_ABBREVIATIONS = (
    "mr mrs ms dr prof rev gen col sgt capt lt st jr sr vs etc inc ltd co corp bros dept est approx fig no vol pp "
    "jan feb mar apr jun jul aug sept sep oct nov dec mon tue wed thu fri sat sun e.g i.e a.m p.m u.s u.k u.n d.c ph.d"
)


def _pattern(run: str, letter: str, mark: str, *, following: str) -> str:
    """The pattern of tokens made of these parts; no mark `following` a number or a row belongs to another token."""
    return rf"""
    (?P<address> (?:https?://|www\.)[^\s<>"]*[^\s<>".,;:!?')\]] | (?<![\w.+-])[\w.+-]++@\w[\w-]*(?:\.\w[\w-]*)+ )
  | (?P<face> [:;=8]'?-?[)(DPpoO/\\|*\]\[]+(?!\w) | <3 | \^_?\^ )
  | (?P<number> (?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:[.:/]\d+)*(?:st|nd|rd|th|s)?(?!\w|{following}) )
  | (?P<initials> (?:{letter}\.){{2,}} | {letter}\.(?=\s+{letter}) )
  | (?P<word> {run}(?:['’]{run})*(?:[.&]{run})* )
  | (?P<row> \.{{2,}} | [!?]+(?!{following}) | (?P<repeated>[-*<>=$#~+|])(?P=repeated)+ )
  | (?P<mark> {mark} )
    """


_UNICODE = regex.compile(
    _pattern(RUN, rf"\p{{L}}{FOLLOWING}*", VISIBLE_MARK, following=FOLLOWING),
    regex.VERBOSE,
)
_LETTERS = re.compile(
    _pattern(
        r"[\w\u0300-\u036f]+",
        r"[^\W\d_]",
        r"[^\w\s](?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d[^\w\s])*",
        following=r"(?!)",
    ),
    re.VERBOSE,
)
_CLITICS = frozenset(
    clitic.replace("'", mark) for clitic in ("n't", "'s", "'m", "'d", "'re", "'ve", "'ll") for mark in "'’"
)
_JOINED = {"cannot": 3, "gonna": 3, "wanna": 3, "gotta": 3}
_KEPT_DOT = frozenset(_ABBREVIATIONS.split())


class Token(NamedTuple):
    """A word or mark, and its place in the text: from `start` up to, but not including, `stop`."""

    form: str
    start: int
    stop: int


def tokenise(text: str, rules: WordRules = "unicode") -> list[Token]:
    """Splits a text into tokens; every character is in one of them but white space, U+200B and marks of direction.

    >>> " ".join(token.form for token in tokenise("It's $3.50, Mr. Smith-Jones; don't (ever) e-mail a@b.com!"))
    "It 's $ 3.50 , Mr. Smith - Jones ; do n't ( ever ) e - mail a@b.com !"
    """
    tokens: list[Token] = []
    pattern, place = pattern_of(text, rules, unicode=_UNICODE, letters=_LETTERS), 0
    while match := pattern.search(text, place):
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
    cuts = [stop]
    while size := _clitic_size(text[max(start, cuts[-1] - 4) : cuts[-1]]):
        cuts.append(cuts[-1] - size)
    if joined := _JOINED.get(text[start : cuts[-1]].lower()):
        cuts.append(start + joined)
    return [Token(text[cut:end], cut, end) for cut, end in pairwise([start, *reversed(cuts)])]


def _clitic_size(end: str) -> int:
    """The number of characters of the clitic with which a word ends; 0 where it has none."""
    return next((size for size in (2, 3) if len(end) > size and end[-size:].lower() in _CLITICS), 0)
