"""The loss of a trained model with a watcher in the place of `unroll`, from which all inspection starts.

A model's cells run by `unroll`, so that every model is open to it, also a user's own, and the numbers are those that
the model computes with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from elman._errors import DataError, nearest
from elman._show import Shown
from elman._types import Carry
from elman.cells import Cell
from elman.recurrence.steps import Steps
from elman.recurrence.watch import watched_by
from elman.tasks.examples import Examples
from elman.tasks.fitted import Fitted
from elman.tasks.task import Task

Watch = Callable[[int, Cell, Array, Carry, Steps], tuple[tuple[Carry, Array], Any]]
"""A function of the number of a call, the cell, its inputs, the state to start from and the steps; it returns what
`unroll` does, and what the watcher keeps."""


@dataclass(frozen=True)
class CellView(Shown):
    """A cell of a model over a batch: its place, and the steps that it read."""

    name: str
    """The cell's place in the model, such as "layers.cells.0", as in the names of the saved weights."""
    kind: str
    """The class of the cell."""
    reverse: bool
    """True if the cell reads from the last step to the first."""
    steps: tuple[str, ...]
    """The names of the first example's steps, such as its characters; () if they have none."""
    valid: Bool[np.ndarray, "batch time"]
    """True at real steps, False at padding."""


C = TypeVar("C", bound=CellView)
Value = TypeVar("Value")


@dataclass(frozen=True)
class CellViews(Shown, Generic[C]):
    """The cells of a model over a batch, in the order in which they ran."""

    loss: float
    """The mean loss that training minimises, such as nats per character."""
    unit: str
    """The unit that the loss is averaged over."""
    cells: tuple[C, ...]

    def __iter__(self) -> Iterator[C]:
        return iter(self.cells)

    def __getitem__(self, name: str) -> C:
        """A cell by its name.

        Raises:
            DataError: no such cell.
        """
        known = {cell.name: cell for cell in self.cells}
        if name not in known:
            raise DataError(f"no cell {name!r}{nearest(name, known)}; the model has {', '.join(known)}")
        return known[name]


class Call(NamedTuple):
    """One call of `unroll`, as far as it is known before anything is computed."""

    name: str
    """The cell's place in the model, such as "layers.cells.0", as in the names of the saved weights."""
    kind: str
    """The class of the cell."""
    reverse: bool
    """True if the cell reads from the last step to the first."""

    def steps(self, examples: Examples) -> tuple[str, ...]:
        """The names of the first example's steps; () if they have none."""
        return self._own(examples.steps, ())

    def separator(self, examples: Examples) -> str:
        """The text between these names."""
        return self._own(examples.separators, "")

    def _own(self, values: Mapping[str, Value], default: Value) -> Value:
        """The value of this cell, by the first words of its name."""
        return next((value for start, value in values.items() if self.name.startswith(start)), default)


class _Calls(eqx.Module):
    """Calls as a part of what a compiled program returns, though they are known when it is compiled."""

    every: tuple[Call, ...] = eqx.field(static=True)


def watched_loss(task: Task, model: Any, batch: Any, watch: Watch) -> tuple[Array, list[Call], list[Any]]:
    """The mean loss of a batch while `watch` runs the cells; the calls of `unroll`, and what was kept of each."""
    start = task.init_carry(model, len(jax.tree.leaves(batch)[0]))
    loss, _, calls, kept = watched_pass(task, model, start, batch, watch)
    return loss, calls, kept


def watched_pass(
    task: Task, model: Any, carry: Carry, batch: Any, watch: Watch
) -> tuple[Array, Carry, list[Call], list[Any]]:
    """`watched_loss` from a given state on, with the state after the batch."""
    cells, reverse, kept = list[Cell](), list[bool](), list[Any]()

    def run(cell: Cell, xs: Array, carry: Carry, steps: Steps) -> tuple[Carry, Array]:
        with watched_by(None):
            outcome, keep = watch(len(cells), cell, xs, carry, steps)
        cells.append(cell)
        reverse.append(steps.reverse)
        kept.append(keep)
        return outcome

    batch = jax.tree.map(jnp.asarray, batch)
    with watched_by(run):
        (total, count), after = task.loss(model, carry, batch)
    names = _names(model, cells)
    calls = [Call(name, type(cell.core).__name__, back) for name, cell, back in zip(names, cells, reverse, strict=True)]
    return total / jnp.maximum(count, 1), after, calls, kept


def watch_examples(fitted: Fitted[Any], examples: Examples, watch: Watch) -> tuple[float, tuple[Call, ...], list[Any]]:
    """Runs `watched_loss` as one compiled program: the loss, the calls, and as NumPy arrays what was kept of each.

    The program serves all models of the task and all examples of the same shapes, as long as `watch` is the same
    function: one that is defined in a module.
    """
    loss, calls, kept = _run(fitted.task, fitted.model, examples.batch, watch)
    return float(loss), calls.every, as_numpy(kept)


@partial(jax.jit, static_argnames=("task", "watch"))
def _run(task: Task, model: Any, batch: Any, watch: Watch) -> tuple[Array, _Calls, list[Any]]:
    loss, calls, kept = watched_loss(task, model, batch, watch)
    return loss, _Calls(tuple(calls)), kept


def named_states(carry: Carry) -> dict[str, Any]:
    """The arrays of a state by name: "h" and "c" of an LSTM, "h" of a state that is one array.

    >>> from elman.cells import LSTMCarry
    >>> named_states(LSTMCarry(1, 2)), named_states(3)
    ({'h': 1, 'c': 2}, {'h': 3})
    """
    leaves = jax.tree_util.tree_flatten_with_path(carry)[0]
    return {jax.tree_util.keystr(path, simple=True, separator=".") or "h": leaf for path, leaf in leaves}


def example_with_steps(valid: Bool[np.ndarray, "batch time"]) -> int:
    """The number of the first example that has steps: beside a padded sentence, words have no letters.

    >>> example_with_steps(np.array([[False, False], [True, False]]))
    1

    Raises:
        DataError: no example has any.
    """
    if not valid.any():
        raise DataError("expected an example with some steps; got none")
    return int(valid.any(axis=1).argmax())


def own_steps(valid: Bool[np.ndarray, " time"], names: Sequence[str]) -> Bool[np.ndarray, " time"]:
    """The mask of the steps of one example, those that have names where it has any: a decoder reads on behind the end
    of its answer, up to the width of the batch.

    >>> own_steps(np.array([True, True, True]), "ab").tolist(), own_steps(np.array([True, False]), "").tolist()
    ([True, True, False], [True, False])
    """
    return valid & (np.arange(len(valid)) < len(names)) if names else valid


def own_first(valid: Bool[np.ndarray, "batch time"], names: Sequence[str]) -> Bool[np.ndarray, "batch time"]:
    """The masks of examples, where `names` are those of the first example's steps."""
    return np.concatenate([own_steps(valid[0], names)[None], valid[1:]])


def names_of(steps: Sequence[str], example: int, places: Int[np.ndarray, " place"]) -> list[str]:
    """The names of some steps of an example, where `steps` are those of the first; [] where it has none.

    >>> names_of("abc", 0, np.array([0, 2])), names_of("abc", 1, np.array([0]))
    (['a', 'c'], [])
    """
    return [steps[at] for at in places.tolist()] if steps and example == 0 else []


def valid_steps(xs: Array, steps: Steps) -> Array:
    """The mask of a call: True at real steps, False at padding."""
    valid = steps.valid(xs.shape[1])
    return jnp.ones(xs.shape[:2], bool) if valid is None else valid


def as_numpy(tree: Any) -> Any:
    """The same tree of NumPy arrays."""
    return jax.tree.map(np.asarray, tree)


def _names(model: Any, cells: Sequence[Cell]) -> list[str]:
    """The places in the model of the cells that ran. A wrapper may make its cell anew for a pass, so that a cell is
    known by its weights; one that runs again has a number."""
    known: dict[int, str] = {}
    for path, part in jax.tree_util.tree_flatten_with_path(model, is_leaf=lambda part: isinstance(part, Cell))[0]:
        if isinstance(part, Cell):
            name = jax.tree_util.keystr(path, simple=True, separator=".")
            known |= {id(leaf): name for leaf in jax.tree.leaves(part)}
    names, counts = [], Counter[str]()
    for number, cell in enumerate(cells):
        found = (known[id(leaf)] for leaf in jax.tree.leaves(cell) if id(leaf) in known)
        name = next(found, f"cell {number}")
        counts[name] += 1
        names.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return names
