"""The measures of rules that need no training, beside which those of a model say what it has learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from elman.formats.results import ResultTable
from elman.metrics.saved import single_numbers

COUNTS = ("count", "objective")
"""Single numbers that are no measures of their own."""

CHANCE = 5.0
"""Answers, or nats in all, by which a model must be better than a rule: a gain that chance gives once in e^5 = 148."""


class Compared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A measure by which a rule is compared with a model."""

    measure: str
    """Its name."""
    rising: bool = False
    """True for a measure of which more is better."""
    margin: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """The difference in it up to which a model may be better by chance."""

    @classmethod
    def of(cls, measure: str, count: float, *, rising: bool = False) -> Compared:
        """The comparison by a measure of `count` answers."""
        return cls(measure=measure, rising=rising, margin=CHANCE / count if count else 0.0)

    def gain(self, ours: dict[str, float], own: dict[str, float]) -> float | None:
        """The difference by which ours are better; None where there is none to compare."""
        one, other = ours.get(self.measure), own.get(self.measure)
        return None if one is None or other is None else (one - other) * (1 if self.rising else -1)


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The measures of a rule on the validation part.

    >>> rule = Baseline(name="always ham", measure="accuracy", measures={"accuracy": 0.8}, rising=True, margin=0.05)
    >>> [rule.compare({"accuracy": accuracy}) for accuracy in (0.9, 0.81, 0.8)]
    ['better', 'unsure', 'no better']
    >>> rule = Baseline(name="a copy", measure="exact", measures={"exact": 0.0, "right": 0.06}, rising=True,
    ...     margin=0.05, others=(Compared(measure="right", rising=True),))
    >>> rule.compare({"exact": 0.0, "right": 0.31}), rule.compare({"exact": 0.0, "right": 0.05})
    ('better', 'no better')
    """

    name: str
    """The rule in words, such as "always ham"."""
    measures: dict[str, float]
    """Its measures, by the names that those of the model have in `to_builtins`; see `single_numbers`."""
    measure: str = ""
    """The name of the measure by which it is compared with a model; empty where none is the same for both."""
    rising: bool = False
    """True for a measure of which more is better."""
    margin: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """The difference in that measure up to which a model may be better by chance."""
    others: tuple[Compared, ...] = ()
    """The measures that decide where that one is the same for both up to the margin."""
    text: str = ""
    """The measures in words."""

    @classmethod
    def of(
        cls,
        name: str,
        metrics: Any,
        *,
        measure: str = "",
        rising: bool = False,
        count: float = 0,
        others: Sequence[Compared] = (),
        text: str = "",
    ) -> Baseline:
        """The baseline whose answers have these `Metrics`, over `count` answers."""
        margin = Compared.of(measure, count).margin
        numbers = single_numbers(metrics.to_builtins())
        measures = {name: value for name, value in numbers.items() if math.isfinite(value)}
        how = {"measure": measure, "rising": rising, "margin": margin, "others": tuple(others)}
        return cls(name=name, measures=measures, text=text or str(metrics), **how)

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"

    def compare(self, measures: dict[str, float]) -> Literal["better", "unsure", "no better"]:
        """The verdict on a model with these measures; "better" where they cannot be compared."""
        first = Compared(measure=self.measure, rising=self.rising, margin=self.margin)
        gain = first.gain(measures, self.measures)
        if gain is None or gain > self.margin:
            return "better"
        same = abs(gain) <= self.margin
        for one in self.others if same else ():
            more = one.gain(measures, self.measures)
            if more is not None and more > one.margin:
                return "better"
            gain = max(gain, more or 0.0)
        return "unsure" if gain > 0 else "no better"

    def behind(self, measures: dict[str, float]) -> list[str]:
        """Those of the other measures in which a model is worse, in words, though it be better by the first.

        >>> rule = Baseline(name="always ham", measure="nats", measures={"nats": 0.6, "accuracy": 0.75},
        ...     others=(Compared(measure="accuracy", rising=True),))
        >>> rule.behind({"nats": 0.5, "accuracy": 0.6})
        ['accuracy is 0.6, and that of the baseline, always ham, 0.75']
        """
        gains = {one.measure: one.gain(measures, self.measures) for one in self.others}
        return [
            f"{name.replace('_', ' ')} is {measures[name]:.3g}, and that of the baseline, {self.name}, "
            f"{self.measures[name]:.3g}"
            for name, gain in gains.items()
            if gain is not None and gain < 0
        ]


def beside(metrics: Any, baselines: Sequence[Baseline]) -> ResultTable:
    """A table of the single numbers that a model and rules were measured by, a row for each that all of them have.

    >>> from elman.tasks.evaluation import MeanLoss
    >>> [*beside(MeanLoss(0.25, 10, "line"), [Baseline(name="zero", measures={"loss_per_line": 1.5})])]
    [('loss per line', 0.25, 1.5)]
    """
    ours = single_numbers(metrics.to_builtins())
    names = [name for name in ours if name not in COUNTS and all(name in one.measures for one in baselines)]
    columns: dict[str, Any] = {"measure": [name.rpartition(".")[2].replace("_", " ") for name in names]}
    columns |= {"this model": np.array([ours[name] for name in names])}
    columns |= {one.name: np.array([one.measures[name] for name in names]) for one in baselines}
    return ResultTable.of(columns)
