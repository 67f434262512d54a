"""Learns where texts are cut into tokens, from sentences whose tokens are known.

At each place between two characters the rules of `tokenise` are right or wrong. The weights of what stands around the
place are those of a linear classifier, trained by subgradients of the hinge loss (AdaGrad: Duchi et al., 2011). Only
what is found where the rules are often wrong may speak against them; all else may only confirm them, so that they hold
in all places that training has not shown to be exceptions. Steps are whole numbers, so that all sums are exact and the
weights the same on every machine.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from jaxtyping import Bool, Float, Integer

from elman.words.learned_cuts import (
    CHARACTERS,
    EDGE,
    KIND,
    KINDS,
    LOWER,
    MARGIN,
    ONE,
    SIGNS,
    WIDEST,
    LearnedCuts,
    window,
)
from elman.words.spacing import guess_surfaces
from elman.words.tokenise import tokenise

_STEPS = 60
_RATES = (0.05, 0.2)
"""The first step of a weight of characters, and of kinds, in margins."""

_SHARE = 0.2
"""The share of places from which the rules are often wrong."""

_MOST = 16
"""The most places with the same characters that count."""

_TEMPLATES = (*((0, *sizes) for sizes in CHARACTERS), *((1, *sizes) for sizes in KINDS))

_FACTOR = np.int64(0x5851F42D4C957F2D)


def learn_cuts(sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> LearnedCuts:
    """Learns from sentences: their words, and the text of each word with the white space after it, "" for words that
    are written together with those before them. Where there is no text, its spaces are guessed.

    >>> cuts = learn_cuts([(("Qu'", "il", "vienne", "aujourd'hui"), ()), (("L'", "amie", "d'", "Anne"), ())] * 2)
    >>> [token.form for token in cuts.tokens("l'ami, aujourd'hui")]
    ["l'", 'ami', ',', "aujourd'hui"]
    """
    places, expansions = _Places(), _Expansions()
    for words, surfaces in sentences:
        surfaces = surfaces or guess_surfaces(words)
        places.add(surfaces)
        expansions.add(words, surfaces)
    return msgspec.structs.replace(places.learn(), expansions=expansions.usual())


class _Places:
    """The places of training sentences at which their texts may be cut."""

    def __init__(self) -> None:
        self._texts, self._length = [EDGE], WIDEST
        self._by_rule: list[int] = []
        self._inside: list[tuple[int, int]] = []
        self._right: list[int] = []

    def add(self, surfaces: Sequence[str]) -> None:
        """Adds the sentence whose words have these texts."""
        text, place = "".join(surfaces), self._length
        self._texts += [text, EDGE]
        self._length += len(text) + WIDEST
        rules = tokenise(text)
        self._by_rule += [place + token.start for token in rules[1:]]
        self._inside += [(place + token.start, place + token.stop) for token in rules]
        for surface in filter(None, surfaces):
            self._right.append(place)
            place += len(surface)

    def learn(self) -> LearnedCuts:
        """Learns the weights of characters and of their kinds, and whether tokens have spaces in them."""
        text = "".join(self._texts)
        around, kinds = text.translate(LOWER), text.translate(KIND)
        by_rule, right, candidates = (np.zeros(len(text), bool) for _ in range(3))
        by_rule[self._by_rule] = right[self._right] = True
        for start, stop in self._inside:
            candidates[start + 1 : stop] = True
        codes = _codes(kinds)
        before = np.roll(codes, 1)
        candidates &= ~np.isin(before << 32 | codes, [ord(one) << 32 | ord(other) for one, other in ONE])
        is_spaced = before == ord(" ")
        joins_spaces = bool((is_spaced & by_rule & ~right).any())
        candidates |= by_rule & (joins_spaces | ~is_spaced)
        places = np.flatnonzero(candidates)
        return LearnedCuts(*_weights(around, kinds, places, by_rule[places], right[places]), joins_spaces)


def _weights(
    around: str,
    kinds: str,
    places: Integer[np.ndarray, " place"],
    by_rule: Bool[np.ndarray, " place"],
    right: Bool[np.ndarray, " place"],
) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    """The weights of characters and of kinds by which the rules are wrong at a place."""
    codes = _codes(around), _codes(kinds)
    whole = _numbers(codes[0], places, WIDEST, 4) + _FACTOR * _numbers(codes[1], places, 3, 3) + by_rule
    _, firsts, rows = np.unique(whole, return_index=True, return_inverse=True)
    surplus = np.bincount(rows, np.where(right != by_rule, 1, -1), len(firsts))
    kept = surplus != 0
    places, by_rule = places[firsts[kept]], by_rule[firsts[kept]]
    wrong, counts = surplus[kept] > 0, np.minimum(np.abs(surplus[kept]), _MOST).astype(float)

    def features() -> Iterator[Integer[np.ndarray, " row"]]:
        for side, left, right_size in _TEMPLATES:
            yield _numbers(codes[side], places, left, right_size) * _FACTOR + by_rule

    misleading = np.stack([_misleading(numbers, wrong, counts) for numbers in features()])
    chosen = misleading.any(axis=0)
    places, by_rule, wrong, counts = (array[chosen] for array in (places, by_rule, wrong, counts))

    ids, examples, most = np.zeros((len(_TEMPLATES), len(places)), np.int64), [(0, 0)], [0.0]
    for template, numbers in enumerate(features()):
        _, first, own = np.unique(numbers, return_index=True, return_inverse=True)
        often = np.bincount(own, counts) > 1
        ids[template] = np.where(often, np.cumsum(often) + len(examples) - 1, 0)[own]
        examples += [(template, row) for row in first[often].tolist()]
        most += np.where(misleading[template, chosen][first[often]], np.inf, 0.0).tolist()
    rates = np.array([_RATES[_TEMPLATES[template][0]] for template, _ in examples])
    learned = _learn(ids.T, wrong, counts, np.array(most), rates)

    named: tuple[list[tuple[str, int]], list[tuple[str, int]]] = [], []
    for feature in np.flatnonzero(learned).tolist():
        template, row = examples[feature]
        side, left, right_size = _TEMPLATES[template]
        name = window((around, kinds)[side], int(places[row]), left, right_size)
        named[side].append((SIGNS[int(by_rule[row])] + name, int(learned[feature])))
    return tuple(sorted(named[0])), tuple(sorted(named[1]))


def _misleading(
    numbers: Integer[np.ndarray, " row"], wrong: Bool[np.ndarray, " row"], counts: Float[np.ndarray, " row"]
) -> Bool[np.ndarray, " row"]:
    """The rows with a feature, by its number, with which the rules are wrong in a good part of the rows."""
    known, own = np.unique(numbers[wrong], return_inverse=True)
    if not len(known):
        return wrong
    at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    has = known[at] == numbers
    errors = np.bincount(own, counts[wrong])
    often = (errors > 1) & (errors > _SHARE * np.bincount(at[has], counts[has], len(known)))
    return has & often[at]


def _learn(
    ids: Integer[np.ndarray, "row feature"],
    wrong: Bool[np.ndarray, " row"],
    counts: Float[np.ndarray, " row"],
    most: Float[np.ndarray, " id"],
    rates: Float[np.ndarray, " id"],
) -> Float[np.ndarray, " id"]:
    """The weights of features, each a whole number up to `most`, whose sum is above a margin in the rows where the
    rules are wrong, and below it in the others."""
    size, target = len(most), np.where(wrong, 1, -1)
    weights, squares, total = np.zeros(size), np.zeros(size), np.zeros(size)
    for _ in range(_STEPS):
        missed = np.flatnonzero((weights[ids].sum(axis=1) - MARGIN) * target < MARGIN)
        push = np.repeat(target[missed] * counts[missed], ids.shape[1])
        gradient = np.bincount(ids[missed].ravel(), push, size)
        squares += gradient * gradient
        weights += np.rint(rates * MARGIN * gradient / np.sqrt(np.maximum(squares, 1)))
        weights = np.minimum(weights, most)
        weights[0] = 0
        total += weights
    return np.rint(total / _STEPS)


def _codes(text: str) -> Integer[np.ndarray, " place"]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)


def _numbers(
    codes: Integer[np.ndarray, " place"], places: Integer[np.ndarray, " row"], left: int, right: int
) -> Integer[np.ndarray, " row"]:
    """A number for the characters around each place; other characters have another, but for one case in 2^64."""
    numbers = np.zeros(len(places), np.int64)
    for step in range(-left, right):
        numbers = numbers * _FACTOR + codes[places + step]
    return numbers


class _Expansions:
    """The written words of training sentences, and the words that they stand for."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)

    def add(self, words: Sequence[str], surfaces: Sequence[str]) -> None:
        """Adds a sentence; a text stands for the words up to the next one with a text."""
        starts = [place for place, surface in enumerate(surfaces) if surface] + [len(words)]
        for start, stop in pairwise(starts):
            written = surfaces[start].rstrip().translate(LOWER)
            several = tuple(word.lower() for word in words[start:stop]) if stop > start + 1 else ()
            self._counts[written][several] += 1

    def usual(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The written words that stand for several most often, with these."""
        usual = ((written, counts.most_common(1)[0][0]) for written, counts in sorted(self._counts.items()))
        return tuple((written, words) for written, words in usual if words)
