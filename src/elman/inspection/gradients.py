"""The gradient of a trained model's loss at every step of every cell, and the saliency of its inputs.

A small change is added to the state after each step, and to the inputs; the gradient with respect to it is that of the
loss with respect to the state itself, through all later steps and layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from elman._show import Shown
from elman._types import Carry
from elman.cells import Cell, Wrapper
from elman.inspection.watched import (
    CellView,
    CellViews,
    as_numpy,
    named_states,
    own_first,
    valid_steps,
    watch_examples,
    watched_loss,
)
from elman.recurrence import scan, start_carry
from elman.recurrence.steps import Steps
from elman.tasks.examples import LONGEST, Examples
from elman.tasks.fitted import Fitted
from elman.tasks.task import Task

OCCLUDED, TOGETHER = 64, 16
"""The inputs that are occluded, and how many of them in one call."""


@dataclass(frozen=True)
class CellGradients(CellView):
    """The gradients of the loss at one cell, with the axes batch, time and unit; zeros at padding."""

    inputs: Float[np.ndarray, "batch time feature"]
    """dL/dx_t, with respect to the cell's inputs."""
    states: dict[str, np.ndarray]
    """dL/dh_t and so on, with respect to each array of the state after step t."""

    @property
    def norms(self) -> Float[np.ndarray, "batch time"]:
        """The Euclidean norm, over all units of the state, of the gradient at each step."""
        squares = sum(np.square(values).reshape(*values.shape[:2], -1).sum(-1) for values in self.states.values())
        return np.sqrt(squares)


@dataclass(frozen=True)
class Gradients(CellViews[CellGradients]):
    """The gradients of the mean loss at every cell of a model, in the order in which the cells ran."""


@dataclass(frozen=True)
class Saliency(Shown):
    """The part of each step's input in the loss, by two methods that should agree."""

    name: str
    """The first cell, whose inputs these are."""
    steps: tuple[str, ...]
    """The names of the first example's steps; () if they have none."""
    valid: Bool[np.ndarray, "batch time"]
    gradient: Float[np.ndarray, "batch time"]
    """Gradient times input: -x_t dL/dx_t, the change of the loss without the input at t, to first order (Shrikumar et
    al., 2016)."""
    occlusion: Float[np.ndarray, "batch time"]
    """The change of the loss where the input at t is zeros (Zeiler and Fergus, 2014), positive where it helps: of the
    64 steps with the largest changes to first order. NaN elsewhere."""

    @property
    def measured(self) -> Bool[np.ndarray, "batch time"]:
        """The steps that were occluded."""
        return np.isfinite(self.occlusion)

    @property
    def agreement(self) -> float:
        """The correlation of the two over all steps that have both; NaN for a single one, or where all are equal."""
        pair = self.gradient[self.measured], self.occlusion[self.measured]
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.corrcoef(*pair)[0, 1]) if len(pair[0]) > 1 else float("nan")


class Nudged(Wrapper):
    """A cell whose state is moved by a given amount after each step. An output that is a part of the state moves with
    it."""

    nudges: Any
    """The amounts, of the state's structure with leading axes batch and time."""

    def __init__(self, inner: Cell, nudges: Any):
        super().__init__(inner)
        self.nudges = nudges

    def project(self, xs: Any) -> Any:
        """The cell's projection, and the amounts of each step."""
        return self.inner.project(xs), jax.tree.map(lambda nudge: jnp.swapaxes(nudge, 0, 1), self.nudges)

    def step(self, carry: Any, x: Any) -> tuple[Carry, Any]:
        """The cell's step, then the nudge."""
        projected, nudge = x
        new, y = self.inner.step(carry, projected)
        moved = jax.tree.map(jnp.add, new, nudge)
        same = (after for before, after in zip(*map(jax.tree.leaves, (new, moved)), strict=True) if before is y)
        return moved, next(same, y)


def gradients(fitted: Fitted[Any], inputs: Any, *, longest: int = LONGEST) -> Gradients:
    """The gradient of the mean loss with respect to the state and the input of every cell at every step.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.
        longest: the most steps that are taken of a text in one piece.

    Raises:
        DataError: inputs that the model does not take.

    >>> task = elman.LanguageModelling(cell=elman.GRU, hidden_size=8, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    >>> cell = gradients(fitted, "hello world")["layers.cells.0"]
    >>> cell.norms.shape, cell.states["h"].shape
    ((1, 10), (1, 10, 8))
    """
    examples = fitted.examples(inputs, longest=longest)
    described, _, still = _unnudged(fitted, examples)
    value, slopes = _slopes(fitted.task, fitted.model, examples.batch, still)
    cells = (
        CellGradients(*one, as_numpy(slope.inputs), as_numpy(named_states(slope.states)))
        for one, slope in zip(described, slopes, strict=True)
    )
    return Gradients(float(value), fitted.task.loss_unit(fitted.codec), tuple(cells))


def saliency(fitted: Fitted[Any], inputs: Any, *, longest: int = LONGEST) -> Saliency:
    """The part of each step's input in the loss: gradient times input, and occlusion.

    The inputs are those of the cell that runs first, such as the vectors of characters or words.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.
        longest: the most steps that are taken of a text in one piece.

    Raises:
        DataError: inputs that the model does not take.
    """
    examples = fitted.examples(inputs, longest=longest)
    described, xs, still = _unnudged(fitted, examples)
    value, (slope, *_) = _slopes(fitted.task, fitted.model, examples.batch, still)
    name, _, _, steps, valid = described[0]
    product = np.where(valid, -(xs * slope.inputs).sum(-1), 0)
    real = np.argwhere(valid)
    places = real[np.argsort(-np.abs(product[tuple(real.T)]), kind="stable")[:OCCLUDED]]
    occlusion = np.full(valid.shape, np.nan, np.float32)
    occlusion[tuple(places.T)] = _occluded(fitted.task, fitted.model, examples.batch, still, xs, places) - value
    return Saliency(name, steps, valid, product, occlusion)


class _Nudges(NamedTuple):
    """The amounts that are added to the inputs and the states of one call of `unroll`."""

    inputs: Any
    states: Any


def _unnudged(fitted: Fitted[Any], examples: Examples) -> tuple[list[tuple[Any, ...]], np.ndarray, tuple[_Nudges, ...]]:
    """The calls of `unroll` with their steps and masks, the inputs of the first, and nudges that move nothing."""
    _, calls, kept = watch_examples(fitted, examples, _unmoved)
    masks, inputs, still = zip(*kept, strict=True)
    named = [(*call, call.steps(examples)) for call in calls]
    return [(*one, own_first(mask, one[-1])) for one, mask in zip(named, masks, strict=True)], inputs[0], still


def _nudged_loss(task: Task, model: Any, batch: Any, nudges: Sequence[_Nudges]) -> Array:
    """The mean loss where something is added to the inputs and states of each call of `unroll`."""

    def watch(number: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> Any:
        more, states = nudges[number]
        nudged, start = Nudged(cell.core, states), start_carry(cell, len(xs))
        return scan.run(nudged, xs + more, carry, start=start, steps=steps)[:2], None

    return watched_loss(task, model, batch, watch)[0]


@partial(jax.jit, static_argnames="task")
def _slopes(task: Task, model: Any, batch: Any, nudges: Sequence[_Nudges]) -> tuple[Array, Sequence[_Nudges]]:
    """The loss, and its gradient with respect to the nudges."""
    return jax.value_and_grad(partial(_nudged_loss, task, model, batch))(nudges)


@partial(jax.jit, static_argnames="task")
def _occluded(task: Task, model: Any, batch: Any, still: Sequence[_Nudges], xs: Array, places: Array) -> Array:
    """The loss where the first call's input is zeros, at one place after the other."""
    first, *others = still

    def without(place: Array) -> Array:
        change = jnp.zeros_like(xs).at[tuple(place)].set(-xs[tuple(place)])
        return _nudged_loss(task, model, batch, [first._replace(inputs=change), *others])

    return jax.lax.map(without, places, batch_size=TOGETHER)


def _unmoved(number: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> Any:
    """Runs a cell; keeps the mask, the inputs, and the nudges that move nothing."""
    start = start_carry(cell, len(xs))
    states = jax.tree.map(lambda leaf: jnp.zeros((*xs.shape[:2], *leaf.shape[1:]), leaf.dtype), start)
    outcome = scan.run(cell.core, xs, carry, start=start, steps=steps)[:2]
    return outcome, (valid_steps(xs, steps), xs, _Nudges(jnp.zeros_like(xs), states))
