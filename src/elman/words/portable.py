r"""Patterns of words as other programs can run them: in the common syntax of regular expressions, without Unicode's
properties. `<B>` in such a pattern stands for characters, which are spelt out beside it. They find what the patterns of
`boundaries` find with the package `regex`; the tests compare them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import regex

from elman.words.boundaries import BASE, DIRECTION, FOLLOWING, LATER, SPACE, WordRules

_UNICODE = {
    "B": f"[{BASE}]",
    "L": LATER,
    "F": FOLLOWING,
    "D": f"[{DIRECTION}]",
    "H": r"\p{WB=HebrewLetter}",
    "N": r"\d",
    "W": r"\w",
    "S": SPACE,
    "C": r"[\p{GCB=Control}\r\n]",
    "P": r"\p{GCB=Prepend}",
    "M": r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]",
    "E": r"\p{GCB=Extend}",
    "R": r"\p{RI}",
    "X": r"\p{Extended_Pictographic}",
}
"""The characters that stand for themselves in a portable pattern's classes, by their letters."""

_LETTERS = {"w": r"\w", "n": r"\d", "s": r"\s"}
"""Those of models saved before there were other rules, as the package `re` finds them."""


class Parts(NamedTuple):
    """The parts of the patterns of words: a row of letters and digits from which the fewest are taken, a word, a mark,
    white space, a digit, and the end of a word."""

    shortest_row: str
    row: str
    word: str
    mark: str
    visible_mark: str
    space: str
    digit: str
    end: str


_CLUSTER = "(?:[<C>]|[<P>]*(?:[<R>][<R>]|[<X>](?:[<E>]*\\u200d[<X>])*|[^<C><P>])[<M>]*|[<P>]+)"
PARTS: dict[WordRules, Parts] = {
    "unicode": Parts(
        shortest_row="[<B>](?:[<L>]|[<D>]+(?=[<L>]))*?",
        row="[<B>](?:[<L>]|[<D>]+(?=[<L>]))*",
        word='(?=[<B>])(?:[<H>][<F>]*"(?=[<F>]*[<H>])|[<L>]|[<D>]+(?=[<L>])|[·‧·՟״][<F>]*(?=[<B>]))+',
        mark=f"(?![<S>]){_CLUSTER}",
        visible_mark=rf"(?!\u200b|[<D>])(?![<S>]){_CLUSTER}",
        space="[<S>]",
        digit="[<N>]",
        end="(?![<W>])",
    ),
    "letters": Parts("[<w>]+?", "[<w>]+", "[<w>]+", *["[^<w><s>]"] * 2, "[<s>]", "[<n>]", "(?![<w>])"),
}
"""The parts by the rules of words. The first two have no use without a look behind, which sees single characters."""


def portable(pattern: str) -> dict[str, Any]:
    r"""The entries of `codec.json` for a pattern: itself, and the characters that its letters stand for.

    >>> portable("[<R>]+")
    {'pattern': '[<R>]+', 'classes': {'R': '🇦-🇿'}}
    """
    letters = sorted({*re.findall(r"<(\w)>", pattern)})
    return {"pattern": pattern, "classes": {letter: _characters(letter) for letter in letters}}


@lru_cache
def _characters(letter: str) -> str:
    """The ranges of the characters that a letter stands for."""
    engine, properties = (regex, _UNICODE) if letter in _UNICODE else (re, _LETTERS)
    runs = engine.finditer(f"{properties[letter]}+", _every_character())
    return "".join(_range(match.start(), match.end() - 1) for match in runs)


@lru_cache
def _every_character() -> str:
    return "".join(map(chr, range(0x110000)))


def _range(first: int, last: int) -> str:
    return _spelt(first) if first == last else f"{_spelt(first)}-{_spelt(last)}"


def _spelt(point: int) -> str:
    """A character as regular expressions have it, those of ASCII and invisible ones by their number."""
    return chr(point) if chr(point).isalnum() or point > 0xFFFF else f"\\u{point:04x}"
