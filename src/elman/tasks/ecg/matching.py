"""One-to-one matching of detected events with true events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, Real

from elman._errors import DataError

Score = tuple[int, float]
"""The number of pairs so far, and the negative sum of their distances; larger is better, compared in this order."""


def match_events(
    truth: Real[np.ndarray, " true"], detections: Real[np.ndarray, " detected"], *, window: float
) -> Integer[np.ndarray, "pair 2"]:
    """The best matching of true and detected events, as pairs of places in `truth` and `detections`. Events of a pair
    are at most `window` apart, and each is in one pair at most. The matching has the most pairs possible, and the least
    sum of distances among those; a greedy choice of the nearest can leave events alone that have a partner.

    Args:
        truth: times of the true events, in ascending order, in any unit.
        detections: times of the detected events, in ascending order, in the same unit.
        window: largest distance of a pair, itself included, in the same unit.

    >>> match_events(np.array([100, 200]), np.array([10, 110, 205, 400]), window=50).tolist()
    [[0, 1], [1, 2]]
    >>> match_events(np.array([0, 100]), np.array([60, 150]), window=60).tolist()  # the nearest pair is 100 and 60
    [[0, 0], [1, 1]]

    Raises:
        DataError: events that are not in order.
    """
    for name, events in (("truth", truth), ("detections", detections)):
        if len(events) > 1 and (np.diff(events) < 0).any():
            raise DataError(f"{name}: expected events in ascending order; sort them first")
    lows = np.searchsorted(detections, truth - window, side="left").tolist()
    highs = np.searchsorted(detections, truth + window, side="right").tolist()
    # Two pairs that cross are never better than the same four events uncrossed, so an ordered alignment is optimal.
    rows = [_Row(0, [(0, 0.0)])]
    for event, low, high in zip(truth.tolist(), lows, highs, strict=True):
        rows.append(_next_row(rows[-1], event, detections[low:high].tolist(), low))
    return np.array(_pairs(rows), np.int64).reshape(-1, 2)


class _Row(NamedTuple):
    """The best scores of the true events up to one of them with the first `low`, `low` + 1, ... detected events."""

    low: int
    scores: list[Score]

    def at(self, place: int) -> Score:
        """The score with the first `place` detected events; those after the true event's window add nothing."""
        return self.scores[min(place - self.low, len(self.scores) - 1)]


def _next_row(before: _Row, event: float, near: list[float], low: int) -> _Row:
    scores = [before.at(low)]
    for place, time in enumerate(near, start=low):
        pairs, closeness = before.at(place)
        scores.append(max(before.at(place + 1), scores[-1], (pairs + 1, closeness - abs(time - event))))
    return _Row(low, scores)


def _pairs(rows: list[_Row]) -> list[tuple[int, int]]:
    """The pairs of the best matching, by tracing the rows back."""
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
