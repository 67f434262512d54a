"""The joints of a text: which characters stand side by side where one token ends and the next begins, such as a letter
and a full stop, or an apostrophe and a letter, but no letter and a letter. Tokens that keep their spaces are so joined
as in the training text: with the spaces that its marks, quotes, brackets and elisions have.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

START = "\n"
"""The character before the first token of a text and behind the last."""


_UNKNOWN = ""
"""The kind of tokens that stand for no text, such as unknown words, behind which anything may stand."""


class Joints(NamedTuple):
    """The kinds of characters at the ends of tokens, by number, and which may stand side by side; 0 is the line end."""

    first: Int[np.ndarray, " vocab"]
    last: Int[np.ndarray, " vocab"]
    fits: Bool[np.ndarray, "last first"]

    @property
    def reversed(self) -> Joints:
        """The joints of texts that are written from their last token to the first."""
        return Joints(self.last, self.first, self.fits.T)

    @classmethod
    def of(cls, tokens: Sequence[str], pairs: Iterable[str], *, reserved: int) -> Joints:
        """The joints of tokens, of which the first `reserved` ones stand for no text, by the pairs of kinds that may
        stand side by side. Behind a kind that nothing can follow, anything may.

        >>> joints = Joints.of(["", "Go", " on", "!"], ["a ", "a!", "!\\n"], reserved=1)
        >>> joints.fits[joints.last[1]][joints.first].tolist()
        [False, False, True, True]
        """
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys((START, _UNKNOWN, *"".join(pairs))))}
        kinds = [[_UNKNOWN] * reserved + [kind_of(token[at]) for token in tokens[reserved:]] for at in (0, -1)]
        first, last = (np.array([numbers.setdefault(one, len(numbers)) for one in end], np.int32) for end in kinds)
        fits = np.zeros((len(numbers), len(numbers)), bool)
        for before, after in pairs:
            fits[numbers[before], numbers[after]] = True
        fits |= ~fits[:, first[reserved:]].any(axis=1, keepdims=True)
        return cls(first, last, fits)


def kinds_of(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The pairs of kinds of some pairs of characters, sorted."""
    return tuple(sorted({kind_of(before) + kind_of(after) for before, after in pairs}))


def kind_of(character: str) -> str:
    """The kind of a character: a for all letters, 0 for digits, s for symbols beyond ASCII, and marks themselves.

    >>> kind_of("É"), kind_of("7"), kind_of("\\N{GRINNING FACE}"), kind_of("!")
    ('a', '0', 's', '!')
    """
    category = unicodedata.category(character)[0]
    if category == "S" and not character.isascii():
        return "s"
    return {"L": "a", "M": "a", "N": "0"}.get(category, character)
