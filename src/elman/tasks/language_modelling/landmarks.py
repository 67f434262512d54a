"""Passages of a text that stand for the text around them, chosen by their content alone (winnowing).

Of every `SPAN` neighbouring passages of `LENGTH` tokens, the one with the least hash is a landmark (Schleimer,
Wilkerson and Aiken, 2003). Two texts that share `LENGTH` + `SPAN` - 1 tokens share a landmark, wherever it is in each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Integer, UInt64

from elman.words.streams import Tokens

LENGTH, SPAN = 32, 64
"""The tokens of a passage, and the neighbouring passages of which one is a landmark."""

AT_ONCE = 1 << 20
"""The tokens that are read at once."""

FACTOR, MIX = 0x9E3779B97F4A7C15, np.uint64(0xBF58476D1CE4E5B9)
"""Odd numbers whose bits look random: those of the golden ratio and of SplitMix64 (Steele et al., 2014)."""


def landmarks(tokens: Tokens) -> Iterator[bytes]:
    """Yields the landmarks of a text in its order, as the bytes of their ids; of a short text, the text.

    >>> text, other = np.arange(200) % 91, np.arange(100, 200)
    >>> ours, theirs = (set(landmarks(ids)) for ids in (text, np.concatenate([other, text, other])))
    >>> len(ours) > 2, len(ours & theirs) > 2, len({*landmarks(other)} & ours)
    (True, True, 0)
    """
    if len(tokens) <= LENGTH:
        yield _bytes(tokens[:])
        return
    last = -1
    for start in range(0, len(tokens) - LENGTH + 1, AT_ONCE):
        ids = np.asarray(tokens[start : start + AT_ONCE + LENGTH + SPAN - 2])
        for place in _places(ids).tolist():
            if start + place > last:
                last = start + place
                yield _bytes(ids[place : place + LENGTH])


def _places(ids: Integer[np.ndarray, " time"]) -> Integer[np.ndarray, " landmark"]:
    """The first tokens of the landmarks, in ascending order."""
    hashes = _passage_hashes(ids.astype(np.uint64))
    if len(hashes) < SPAN:
        return np.array([hashes.argmin()])
    least = np.pad(_sliding(np.minimum, hashes), SPAN - 1)
    chosen = _sliding(np.maximum, least) == hashes  # the least of one of the groups that it is in
    chosen[1:] &= hashes[1:] != hashes[:-1]
    return np.flatnonzero(chosen)


def _sliding(function: np.ufunc, values: UInt64[np.ndarray, " _"]) -> UInt64[np.ndarray, " _"]:
    """The least or the greatest of each `SPAN` neighbouring values."""
    length = 1
    while length < SPAN:
        values = function(values[:-length], values[length:])
        length *= 2
    return values


def _passage_hashes(ids: UInt64[np.ndarray, " time"]) -> UInt64[np.ndarray, " passage"]:
    """A hash of each passage: a polynomial in its ids modulo 2^64, from those of halves as long, then mixed."""
    hashes, length = (ids + np.uint64(1)) * MIX, 1
    while length < LENGTH:
        hashes = hashes[:-length] * np.uint64(pow(FACTOR, length, 1 << 64)) + hashes[length:]
        length *= 2
    return (hashes ^ (hashes >> np.uint64(31))) * MIX


def _bytes(ids: Integer[np.ndarray, " time"]) -> bytes:
    return ids.astype("<u4").tobytes()
