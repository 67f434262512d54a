"""Places of a corpus that are alike to a model: where the same hidden units are on as over a marked stretch of text
(Strobelt et al., 2018, LSTMVis). `corpus` reads which these are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8

from elman._errors import ConfigError, DataError, quantity
from elman._show import Shown

AROUND = 30
"""The tokens that are shown on each side of a match."""
BLOCK = 1000
"""The places that become numbers of Python at a time: the first ones are enough."""


class Match(NamedTuple):
    """A stretch of the corpus over which units are on, from the step `start` up to but not including `stop`."""

    start: int
    stop: int
    units: tuple[int, ...]
    """Those of the asked units that are on over all of it."""
    before: str
    text: str
    """The tokens of the stretch; the first and the last of steps without names."""
    after: str


@dataclass(frozen=True)
class Matches(Shown):
    """The stretches of a corpus over which given units are on."""

    units: tuple[int, ...]
    places: tuple[Match, ...]
    """The best ones: most units, then clearest ends, at which the fewest of the units are still on; none overlap."""
    total: int
    """The number of stretches, overlapping ones too, with as many units as the last of `places`."""
    follows: dict[str, float]
    """The tokens after these stretches with their shares, the most frequent first; none of steps without names."""


@dataclass(frozen=True)
class UnitStates(Shown):
    """The units of one cell over a text, on or off at each token."""

    cell: str
    """The cell's place in the model, such as "layers.cells.0"."""
    state: str
    """The array of the state, such as "h"."""
    threshold: float
    tokens: tuple[str, ...]
    separator: str
    """The text between tokens, where they are words."""
    numbered: bool
    """True for steps without names, whose tokens are "3:12" for the twelfth step of the third example."""
    size: int
    """The number of units."""
    bits: UInt8[np.ndarray, "time byte"] = field(repr=False)
    """1 where a unit is above the threshold, packed by `np.packbits`."""

    def on(self, units: Sequence[int]) -> Bool[np.ndarray, "time unit"]:
        """True where a unit is above the threshold after a token.

        Raises:
            ConfigError: no such unit.
        """
        self._check(units)
        numbers = np.asarray(units, int)
        return (self.bits[:, numbers // 8] >> (7 - numbers % 8) & 1).astype(bool)

    def units_over(self, start: int, stop: int, *, alone: bool = False) -> tuple[int, ...]:
        """The units that are on over a whole stretch of tokens, from `start` up to but not including `stop`.

        Args:
            start, stop: places of tokens.
            alone: only units that are off at the tokens before and after.

        Raises:
            DataError: a stretch that is empty or not within the text.
        """
        if not 0 <= start < stop <= len(self.tokens):
            raise DataError(
                f"the stretch {start} to {stop}: expected two places from 0 to {len(self.tokens):,}, the first before "
                "the second"
            )
        over = np.bitwise_and.reduce(self.bits[start:stop], axis=0)
        if alone:
            for edge in (start - 1, stop):
                if 0 <= edge < len(self.tokens):
                    over = over & ~self.bits[edge]
        return self._units(over)

    def stretch(self, part: str, *, which: int = 1) -> tuple[int, int]:
        """The tokens in the first occurrence, or another, of a part of the text: start and stop. Of steps without
        names, `part` is the first and the last of them: "3:12..3:40".

        Raises:
            DataError: a text without this part, or with fewer of them.
        """
        if self.numbered:
            return self._numbered(part)
        place = -1
        for _ in range(which):
            place = self._text.find(part, place + 1) if part else -1
            if place < 0:
                raise DataError(f"the text does not hold {part!r}{'' if which == 1 else f' {which} times'}")
        first, last = np.searchsorted(self._ends, [place, place + len(part) - 1], side="right").tolist()
        return first, last + 1

    @cached_property
    def _text(self) -> str:
        return self.separator.join(self.tokens)

    @cached_property
    def _ends(self) -> Int[np.ndarray, " token"]:
        """The place in the text after each token."""
        return np.cumsum([len(token) + len(self.separator) for token in self.tokens])

    def matches(self, units: Sequence[int], length: int, *, count: int = 20) -> Matches:
        """The stretches of `length` tokens over which most of some units are on.

        Args:
            units: numbers of units, such as those of `units_over`, of this text or of another read in the same way.
            length: tokens of a stretch.
            count: the number of stretches.

        Raises:
            ConfigError: no unit, one that the cell does not have, or a length or count below 1.
        """
        if not units or length < 1 or count < 1:
            raise ConfigError(
                f"expected one or more units, a length and a count of at least 1; got {quantity(len(units), 'unit')}, "
                f"{length} and {count}"
            )
        mask = self._mask(units)
        asked = self.bits & mask
        over = _over(asked, length)
        shared, empty = _counts(over), np.zeros(1, np.int32)
        there = np.concatenate([empty, _counts(asked), empty])
        edges = there[: len(shared)] + there[length + 1 :]
        starts = list(islice(_apart(_order(shared, edges, len(units)), shared, length), count))
        places = tuple(self._match(start, start + length, over[start]) for start in starts)
        alike = np.flatnonzero(shared >= shared[starts[-1]]) if starts else np.array([], int)
        ends = [] if self.numbered else (alike + length).tolist()
        after = Counter(self.tokens[end] for end in ends if end < len(self.tokens))
        follows = {token: number / after.total() for token, number in after.most_common(count)}
        return Matches(tuple(units), places, len(alike), follows)

    def _numbered(self, part: str) -> tuple[int, int]:
        first, _, last = part.partition("..")
        try:
            return self.tokens.index(first), self.tokens.index(last or first) + 1
        except ValueError:
            raise DataError(
                f"the stretch {part!r}: expected steps such as 1:12..1:40, which are steps 12 to 40 of the first "
                f"example; there are {self.tokens[0]} to {self.tokens[-1]}"
            ) from None

    def _mask(self, units: Sequence[int]) -> UInt8[np.ndarray, " byte"]:
        """The bits of some units."""
        self._check(units)
        chosen = np.zeros(self.size, bool)
        chosen[list(units)] = True
        return np.packbits(chosen)

    def _check(self, units: Sequence[int]) -> None:
        for unit in units:
            if not 0 <= unit < self.size:
                raise ConfigError(f"unit {unit}: expected 0 to {self.size - 1}, the units of {self.cell}")

    def _units(self, bits: UInt8[np.ndarray, " byte"]) -> tuple[int, ...]:
        return tuple(np.flatnonzero(np.unpackbits(bits)[: self.size]).tolist())

    def _match(self, start: int, stop: int, over: UInt8[np.ndarray, " byte"]) -> Match:
        if self.numbered:
            return Match(start, stop, self._units(over), "", f"{self.tokens[start]}..{self.tokens[stop - 1]}", "")
        parts = (slice(max(0, start - AROUND), start), slice(start, stop), slice(stop, stop + AROUND))
        return Match(start, stop, self._units(over), *(self.separator.join(self.tokens[part]) for part in parts))


def _over(bits: UInt8[np.ndarray, "time byte"], length: int) -> UInt8[np.ndarray, "place byte"]:
    """The units that are on over `length` steps from each step on; spans are doubled until they have the length."""
    span = 1
    while span < length:
        more = min(span, length - span)
        bits, span = bits[: max(0, len(bits) - more)] & bits[more:], span + more
    return bits


def _counts(bits: UInt8[np.ndarray, "place byte"]) -> Int[np.ndarray, " place"]:
    """The number of units that are on, eight bytes at a time where they are whole."""
    columns = (bits if bits.shape[1] % 8 else bits.view(np.uint64)).T
    counts = np.zeros(len(bits), np.int32)
    for column in columns:
        counts += np.bitwise_count(column)
    return counts


def _order(shared: Int[np.ndarray, " place"], edges: Int[np.ndarray, " place"], units: int) -> np.ndarray:
    """The places in order: most shared units first, then the fewest at the edges."""
    return np.argsort(edges - (2 * units + 1) * shared, kind="stable")


def _apart(order: np.ndarray, shared: np.ndarray, length: int) -> Iterator[int]:
    """Yields the places in order that share at least one unit and overlap with none before."""
    taken = np.zeros(len(shared) + length, bool)
    for block in range(0, len(order), BLOCK):
        for start in order[block : block + BLOCK].tolist():
            if not shared[start]:
                return
            if not taken[start : start + length].any():
                taken[start : start + length] = True
                yield start
