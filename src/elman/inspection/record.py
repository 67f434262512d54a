"""A record of all that the cells of a trained model do over some inputs: states, gates and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from elman._types import Carry
from elman.cells import Cell
from elman.inspection.watched import Call, CellView, CellViews, named_states, own_first, valid_steps, watch_examples
from elman.recurrence import tap
from elman.recurrence.steps import Steps
from elman.tasks.fitted import Fitted

NEAR = 0.1
"""The distance from the end of its range within which a gate counts as saturated (Karpathy, Johnson and Fei-Fei,
2015)."""


class Saturation(NamedTuple):
    """The range that a gate uses over all real steps."""

    mean: float
    low: float
    """The share of values within 0.1 of the lower end of the gate's range, which is 0, or -1 where it has signs."""
    high: float
    """The share of values within 0.1 of 1."""


@dataclass(frozen=True)
class CellRecord(CellView):
    """All that one cell did over a batch. Arrays have the axes batch, time and unit. A padded step keeps the state, and
    its outputs and gates are zeros."""

    inputs: Float[np.ndarray, "batch time feature"]
    outputs: Float[np.ndarray, "batch time hidden"]
    states: dict[str, np.ndarray]
    """The state after each step: "h" and "c" of an LSTM, "h" of a cell whose state is one array."""
    gates: dict[str, np.ndarray]
    """The gates by their names in the cell's equations."""

    def saturation(self) -> dict[str, Saturation]:
        """The range that each gate uses."""
        return {name: _saturation(values[self.valid]) for name, values in self.gates.items()}


@dataclass(frozen=True)
class Record(CellViews[CellRecord]):
    """All that the cells of a model did over a batch, in the order in which they ran."""


def record(fitted: Fitted[Any], inputs: Any) -> Record:
    """Records the states, gates and outputs of every cell of a model over some inputs.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.

    Raises:
        DataError: inputs that the model does not take.

    >>> task = elman.LanguageModelling(hidden_size=8, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    >>> cell = record(fitted, "hello world")["layers.cells.0"]
    >>> cell.kind, "".join(cell.steps), sorted(cell.gates), cell.states["c"].shape
    ('LSTM', 'hello worl', ['f', 'g', 'i', 'o'], (1, 10, 8))
    """
    examples = fitted.examples(inputs)
    loss, calls, kept = watch_examples(fitted, examples, _keep)
    cells = tuple(_record(call, call.steps(examples), **one) for call, one in zip(calls, kept, strict=True))
    return Record(loss, fitted.task.loss_unit(fitted.codec), cells)


def _record(call: Call, names: tuple[str, ...], valid: np.ndarray, **arrays: Any) -> CellRecord:
    return CellRecord(*call, names, own_first(valid, names), **arrays)


def _keep(number: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> tuple[tuple[Carry, Array], Any]:
    last, ys, seen = tap(cell, xs, carry, **steps._asdict())
    states = named_states(seen.pop("carry"))
    return (last, ys), {
        "valid": valid_steps(xs, steps),
        "inputs": xs,
        "outputs": ys,
        "states": states,
        "gates": seen,
    }


def _saturation(values: np.ndarray) -> Saturation:
    lowest = -1 if (values < 0).any() else 0
    return Saturation(float(values.mean()), float((values < lowest + NEAR).mean()), float((values > 1 - NEAR).mean()))
