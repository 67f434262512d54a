"""A tokeniser that was learned from sentences whose tokens are known, such as a treebank's: in French `l'homme` is two
tokens and `aujourd'hui` one, in German `z.B.` is one, in English `don't` is two.

Between two characters a text is cut or not, as the rules of `tokenise` say, unless they are wrong there by the sum of
the weights of what stands around the place: characters, in lower case, and kinds of characters. A capital of which
training says nothing counts as a small letter: few texts have an elision before a name. `cut_learning` learns the
weights.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cached_property

import msgspec

from elman.words.tokenise import Token, tokenise

CHARACTERS = (
    *((1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (1, 2), (1, 3), (1, 4), (2, 2), (3, 2), (2, 3), (3, 3), (4, 4)),
    *((1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (0, 2), (0, 3), (0, 4)),
)
KINDS = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 3))
"""The numbers of characters, and of kinds of characters, to the left and right of a place that have a weight."""

WIDEST = 5
"""The most characters that are read on either side of a place."""

EDGE = "\n" * WIDEST
"""The characters beyond the ends of a sentence."""

MARGIN = 1024
"""The sum of weights above which the rules are wrong."""

SIGNS = "-+"
"""The first character of what has a weight: where the rules do not cut, and where they do."""


class LearnedCuts(msgspec.Struct, frozen=True, dict=True):
    """The weights of the classifier, and the words that a written one stands for.

    >>> cuts = LearnedCuts(kinds=(("-'|a", 1500),), characters=(("-d'|hu", -1500),))
    >>> [token.form for token in cuts.tokens("l'homme, aujourd'hui")]
    ["l'", 'homme', ',', "aujourd'hui"]
    """

    characters: tuple[tuple[str, int], ...] = ()
    """The weights of characters to the left and right of a place, which a bar divides, after a + where the rules cut
    and a - where they do not."""
    kinds: tuple[tuple[str, int], ...] = ()
    """The weights of kinds of characters."""
    joins_spaces: bool = False
    """True if there are tokens with a space in them."""
    expansions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The words that a written one stands for, in lower case: de and le for du."""

    def tokens(self, text: str) -> list[Token]:
        """Splits a text into tokens. The words that a written one stands for have its place.

        >>> [(token.form, token.stop) for token in LearnedCuts(expansions=(("du", ("de", "le")),)).tokens("Du vin")]
        [('De', 2), ('le', 2), ('vin', 6)]
        """
        return [word for token in self._cut(text) for word in self._expanded(token)]

    @cached_property
    def _tables(self) -> tuple[dict[str, int], dict[str, int], dict[str, tuple[str, ...]]]:
        return dict(self.characters), dict(self.kinds), dict(self.expansions)

    def _cut(self, text: str) -> Iterator[Token]:
        around, kinds = (EDGE + text.translate(table) + EDGE for table in (LOWER, KIND))
        start = stop = -1
        for rule in tokenise(_ACCENT.sub("'", text)):
            for place in range(rule.start, rule.stop):
                is_first = place == rule.start
                is_spaced = is_first and stop < place
                if stop < 0:
                    start = place
                elif (is_spaced and not self.joins_spaces) or self._cuts(around, kinds, place, by_rule=is_first):
                    yield Token(text[start:stop], start, stop)
                    start = place
                stop = place + 1
        if stop > 0:
            yield Token(text[start:stop], start, stop)

    def _cuts(self, around: str, kinds: str, place: int, *, by_rule: bool) -> bool:
        """True if the classifier cuts the text at a place."""
        place += WIDEST
        if kinds[place - 1 : place + 1] in ONE:
            return by_rule
        sign = SIGNS[by_rule]
        by_characters, by_kinds, _ = self._tables
        of_kinds = _sum(by_kinds, KINDS, sign, kinds, place)
        if not of_kinds and "A" in kinds[place - 1 : place + 1]:
            small = kinds[place - WIDEST : place + WIDEST].replace("A", "a")
            of_kinds = _sum(by_kinds, KINDS, sign, small, WIDEST)
        return by_rule != (_sum(by_characters, CHARACTERS, sign, around, place) + of_kinds > MARGIN)

    def _expanded(self, token: Token) -> Iterator[Token]:
        words = self._tables[2].get(token.form.translate(LOWER))
        if words is None:
            yield token
            return
        for number, word in enumerate(words):
            if token.form.isupper() and len(token.form) > 1:
                word = word.upper()
            elif token.form[0].isupper() and number == 0:
                word = word[0].upper() + word[1:]
            yield token._replace(form=word)


def window(text: str, place: int, left: int, right: int) -> str:
    """The characters to the left and right of a place, with a bar between."""
    return f"{text[place - left : place]}|{text[place : place + right]}"


def _sum(weights: dict[str, int], sizes: tuple[tuple[int, int], ...], sign: str, text: str, place: int) -> int:
    """The sum of the weights of `sign + window(...)` of these sizes, with few slices."""
    lefts = [f"{sign}{text[place - size : place]}|" for size in range(WIDEST + 1)]
    rights = [text[place : place + size] for size in range(WIDEST)]
    return sum([weights.get(lefts[left] + rights[right], 0) for left, right in sizes])


_APOSTROPHES = "’ʼ＇´`′"
_ACCENT = re.compile(rf"(?<=[^\W\d_])[{_APOSTROPHES}](?=[^\W\d_])")
"""The signs that people type between two letters in place of an apostrophe."""


class _Translation(dict[int, str]):
    """A table for `str.translate` that asks a function once for each character."""

    def __init__(self, function: Callable[[str], str]):
        super().__init__()
        self._function = function

    def __missing__(self, point: int) -> str:
        self[point] = self._function(chr(point))
        return self[point]


def _lower(character: str) -> str:
    """The character in lower case, and one of all apostrophes; always one character."""
    return "'" if character in _APOSTROPHES else character.lower() if len(character.lower()) == 1 else character


def _kind(character: str) -> str:
    """The kind of a character: a letter, a capital, a digit, white space, a mark of its own or another."""
    category = unicodedata.category(character)
    if character in _APOSTROPHES:
        return "'"
    if character in "\n.,'-/":
        return character
    if category[0] == "M" or character in _JOINERS:
        return "m"
    if category == "Lo":
        return {"H": "h", "K": "k"}.get(unicodedata.name(character, " ")[0], "c")
    return {"Lu": "A", "Lt": "A"}.get(category) or {"L": "a", "N": "0", "Z": " ", "S": "s"}.get(category[0], "p")


_JOINERS = "\u200d" + "".join(map(chr, range(0x1F3FB, 0x1F400)))
LOWER, KIND = _Translation(_lower), _Translation(_kind)

ONE = frozenset(kind + "m" for kind in "aA0 .,'-/mshkcp") | {"ms", "ss"}
"""Two kinds that may be one character, as a letter and its accent, or an emoji and its colour: the rules hold there."""
