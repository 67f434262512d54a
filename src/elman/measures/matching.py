"""One-to-one matching of events found with events there are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, Real

from elman._errors import DataError

Score = tuple[int, float]
"""Pairs so far, and their distances together below zero: more is better, in this order."""


def matched(
    truth: Real[np.ndarray, " true"], found: Real[np.ndarray, " found"], *, window: float
) -> Integer[np.ndarray, "pair 2"]:
    """The places in `truth` and `found` of events that belong together: at most `window` apart, each in one pair at
    the most. Of all such matchings it is one with the most pairs, and of these the one with the least distances
    together; a greedy choice of the nearest can leave events alone that have a partner.

    Args:
        truth: when the events are, in ascending order, in any unit.
        found: when they were found, the same way.
        window: the largest distance of a pair, in the same unit; itself included.

    >>> matched(np.array([100, 200]), np.array([10, 110, 205, 400]), window=50).tolist()
    [[0, 1], [1, 2]]
    >>> matched(np.array([0, 100]), np.array([60, 150]), window=60).tolist()  # the nearest pair is 100 and 60
    [[0, 0], [1, 1]]

    Raises:
        DataError: events that are not in order.
    """
    for name, events in (("truth", truth), ("found", found)):
        if len(events) > 1 and (np.diff(events) < 0).any():
            raise DataError(f"{name}: expected events in ascending order; sort them first")
    lows = np.searchsorted(found, truth - window, side="left").tolist()
    highs = np.searchsorted(found, truth + window, side="right").tolist()
    # Two pairs that cross are never better than the same four events uncrossed: an ordered alignment finds the best.
    rows = [_Row(0, [(0, 0.0)])]
    for event, low, high in zip(truth.tolist(), lows, highs, strict=True):
        rows.append(_next_row(rows[-1], event, found[low:high].tolist(), low))
    return np.array(_pairs(rows), np.int64).reshape(-1, 2)


class _Row(NamedTuple):
    """The best scores of the true events up to one of them with the first `low`, `low` + 1, ... found ones."""

    low: int
    scores: list[Score]

    def at(self, place: int) -> Score:
        """The score with the first `place` found ones; those after the window of the true event add nothing."""
        return self.scores[min(place - self.low, len(self.scores) - 1)]


def _next_row(before: _Row, event: float, near: list[float], low: int) -> _Row:
    scores = [before.at(low)]
    for place, time in enumerate(near, start=low):
        pairs, closeness = before.at(place)
        scores.append(max(before.at(place + 1), scores[-1], (pairs + 1, closeness - abs(time - event))))
    return _Row(low, scores)


def _pairs(rows: list[_Row]) -> list[tuple[int, int]]:
    """The way back through the rows."""
    pairs = []
    place = rows[-1].low + len(rows[-1].scores) - 1
    for number in range(len(rows) - 1, 0, -1):
        row = rows[number]
        place = min(place, row.low + len(row.scores) - 1)
        while place > row.low and row.at(place) == row.at(place - 1):
            place -= 1
        if row.at(place) != rows[number - 1].at(place):
            place -= 1
            pairs.append((number - 1, place))
    return pairs[::-1]
