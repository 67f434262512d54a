"""The learning history: the measures of every evaluation of a training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from elman._errors import quantity
from elman._show import Shown
from elman._types import Whole
from elman.metrics.saved import numbers, single_numbers
from elman.training.curve import learning_curve

if TYPE_CHECKING:
    from elman.training.events import Evaluated


CHANCE, LEAST_RISE = 0.25, 0.1
"""The share of the least training loss, and the nats, by which the loss may rise at the end without divergence."""


class Evaluation(Shown, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One evaluation of the validation part, and the training that led to it."""

    step: Whole
    """The number of optimiser steps made."""
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    """The seconds of training, over all runs, without those of compilation."""
    training_loss: float
    """The mean loss of the steps since the evaluation before, in nats per unit of the task's loss, with dropout; NaN
    before the first step, where training starts from a saved model."""
    learning_rate: float
    """The learning rate of the last step."""
    objective: float
    """The measure of the validation part that chooses the best weights; smaller is better."""
    measures: dict[str, float]
    """The measures of the validation part that are single numbers, each with its unit in its name."""

    @classmethod
    def of(cls, event: Evaluated) -> Evaluation:
        """The evaluation that an event reports."""
        return cls(
            step=event.step,
            seconds=round(event.seconds, 3),
            training_loss=event.training_loss,
            learning_rate=event.learning_rate,
            objective=event.metrics.objective,
            measures=single_numbers(event.metrics.to_builtins()),
        )


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    evaluations: tuple[Evaluation, ...]
    former: tuple[tuple[Evaluation, ...], ...] = ()
    start: float | None = None


@dataclass(frozen=True, repr=False)
class History:
    """The evaluations of a training, in order; a resumed run continues them.

    >>> kept = dict(seconds=1.0, training_loss=2.0, learning_rate=0.005)
    >>> history = History((
    ...     Evaluation(step=10, objective=1.5, measures={"accuracy": 0.5}, **kept),
    ...     Evaluation(step=20, objective=1.2, measures={"accuracy": 0.75}, **kept),
    ... ))
    >>> history, history.best.step, history.columns()["accuracy"]
    (<History: 2 evaluations, step 10 to 20, best at step 20>, 20, [0.5, 0.75])
    """

    evaluations: tuple[Evaluation, ...] = ()
    former: tuple[tuple[Evaluation, ...], ...] = ()
    """The evaluations of the trainings before, the first of them first: those of the model that this training started
    from, which had other data."""
    start: float | None = None
    """The training loss of the first step; None where an earlier elman did not keep it."""

    def followed(self) -> History:
        """The history of a training that starts from this one's model, before its first evaluation."""
        return History((), (*self.former, self.evaluations))

    @property
    def best(self) -> Evaluation | None:
        """The evaluation whose weights the model has, the first of the best; None before the first evaluation."""
        return min(self.evaluations, key=lambda one: one.objective, default=None)

    @property
    def divergence(self) -> str:
        """The rise of a training loss that diverged, in words; empty where it did not. It ended far above the first
        step's, or lost more than half of what it had gained, and more than chance does: see `CHANCE`."""
        losses = {one.step: one.training_loss for one in self if math.isfinite(one.training_loss)}
        if not losses:
            return ""
        first, last = (losses[step] for step in (min(losses), max(losses)))
        low = min(losses, key=lambda step: losses[step])
        gained, chance = first - losses[low], CHANCE * abs(losses[low])
        if self.start is not None and last - self.start > max(abs(self.start), LEAST_RISE):
            losses, low = {1: self.start, **losses}, 1
        elif last - losses[low] <= max(gained / 2, chance, LEAST_RISE):
            return ""
        high = max((step for step in losses if step > low), key=lambda step: losses[step])
        rise = f"the training loss rose from {losses[low]:,.4g} (step {low:,}) to {losses[high]:,.4g} (step {high:,})"
        return rise if losses[high] == last else f"{rise} and ended at {last:,.4g}"

    def columns(self) -> dict[str, list[float]]:
        """The numbers of all evaluations by name, as a data frame takes them: step, seconds, training_loss,
        learning_rate, objective and the measures."""
        rows = [{**msgspec.structs.asdict(one), **one.measures} for one in self.evaluations]
        names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "measures"]
        return {name: [row.get(name, float("nan")) for row in rows] for name in names}

    def to_builtins(self) -> dict[str, Any]:
        """The evaluations as plain values, ready for JSON."""
        former = {"former": msgspec.to_builtins(self.former)} if self.former else {}
        start = {} if self.start is None else {"start": self.start}
        return {"evaluations": msgspec.to_builtins(self.evaluations)} | former | start

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> History:
        """The evaluations that `to_builtins` turned into plain values.

        Raises:
            ValidationError: (of msgspec) other values; the message names the field.
        """
        saved = msgspec.convert(numbers(values), _Saved)
        return cls(saved.evaluations, saved.former, saved.start)

    def __len__(self) -> int:
        return len(self.evaluations)

    def __getitem__(self, place: int) -> Evaluation:
        return self.evaluations[place]

    def __iter__(self) -> Iterator[Evaluation]:
        return iter(self.evaluations)

    def _repr_html_(self) -> str:
        return f"<div>{learning_curve(self)}</div>{escape(repr(self))}"

    def __repr__(self) -> str:
        if self.best is None:
            return "<History: no evaluation>"
        steps = f"step {self[0].step} to {self[-1].step}, best at step {self.best.step}"
        diverged = f"; diverged: {self.divergence}" if self.divergence else ""
        return f"<History: {quantity(len(self), 'evaluation')}, {steps}{diverged}>"
