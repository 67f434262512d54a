"""Scores of each record and of all records together, so that a mean does not hide one bad record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from elman._errors import DataError, quantity
from elman._show import Shown
from elman.tasks.ecg.beat_scores import BeatScores
from elman.tasks.ecg.delineation import Delineation, PointScores

S = TypeVar("S", PointScores, Delineation, BeatScores)
"""Scores that can be added."""


@dataclass(frozen=True)
class ByRecord(Shown, Generic[S]):
    """The scores of records, each the sum of those of its strips, and of all records together.

    >>> good, bad = PointScores(9, 9, 9, 0.0, 0.0), PointScores(9, 6, 3, 0.0, 0.0)
    >>> scores = ByRecord.of([("a", good), ("b", bad), ("a", good)])
    >>> scores.pooled.truth, scores.records["a"].truth, list(scores.worst(1, by=lambda record: record.f1))
    (27, 18, ['b'])
    """

    records: dict[str, S]
    pooled: S

    @classmethod
    def of(cls, strips: Iterable[tuple[str, S]]) -> ByRecord[S]:
        """Adds up the scores of strips, given as pairs of record's name and scores.

        Raises:
            DataError: no strip.
        """
        records: dict[str, S] = {}
        pooled: S | None = None
        for record, scores in strips:
            records[record] = records[record] + scores if record in records else scores
            pooled = scores if pooled is None else pooled + scores
        if pooled is None:
            raise DataError("no strip to measure; expected at least one")
        return cls(records, pooled)

    def worst(self, count: int, *, by: Callable[[S], float]) -> dict[str, S]:
        """The `count` records with the lowest values of `by`, the worst first."""
        return dict(sorted(self.records.items(), key=lambda item: by(item[1]))[:count])

    def to_builtins(self) -> dict[str, Any]:
        """Plain values of all records together, and of each record."""
        records = {name: scores.to_builtins() for name, scores in self.records.items()}
        return {"pooled": self.pooled.to_builtins(), "records": records}

    def report(self) -> str:
        """A line for each record, and one for all together."""
        width = max(map(len, self.records))
        lines = [f"{name:{width}}  {scores}" for name, scores in self.records.items()]
        return "\n".join([*lines, f"{quantity(len(lines), 'record')} together: {self.pooled}"])

    def __str__(self) -> str:
        return str(self.pooled)
