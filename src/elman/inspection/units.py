"""Hidden units that follow a property of the input, such as being inside quotes (Karpathy, Johnson and Fei-Fei, 2015).

Among a thousand units some follow any property by chance. So the units are chosen by the first half of the steps and
scored by the second, and what a unit is good for is measured: the loss when it is held at its mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from elman._errors import ConfigError, DataError, quantity
from elman._show import Shown
from elman._types import Carry
from elman.cells import Cell, Wrapper
from elman.inspection.watched import Call, named_states, own_steps, valid_steps, watch_examples, watched_loss
from elman.recurrence import scan, start_carry, tap, unroll
from elman.recurrence.steps import Steps
from elman.tasks.examples import Examples
from elman.tasks.fitted import Fitted

BINS = 4096
"""The bins of a unit's values by which areas are computed; values in one bin count as equal."""

TINY = 1e-30
"""The spread below which a unit counts as constant."""

LEAST = 4
"""The fewest steps of a half that a property must mark, and leave unmarked."""


@dataclass(frozen=True)
class Unit(Shown):
    """A hidden unit, and how well it follows a property."""

    cell: str
    """The cell's place in the model, such as "layers.cells.0"."""
    state: str
    """The array of the state, such as "h" or "c"."""
    number: int
    score: float
    """On steps that did not choose it: for marks, the area under the ROC curve, 0.5 by chance and 1 at best; for
    numbers, the correlation."""
    sign: int
    """1 where the unit is higher with the property, -1 where it is lower."""
    ablation: float
    """The change of the mean loss when the unit is held at its mean: positive where it helps."""


def units(
    fitted: Fitted[Any],
    inputs: Any,
    of: str | Sequence[Any] | np.ndarray,
    *,
    count: int = 5,
    longest: int = 20_000,
    progress: Callable[[str], None] = lambda text: None,
) -> list[Unit]:
    """The hidden units that follow a property best.

    Args:
        fitted: a trained model of any task.
        inputs: a long text or another input as `predict` takes it, or a part of the data; see `Fitted.examples`.
        of: the property: a regular expression, whose matches in the text mark the steps in them; or a value for each
            step of the first example, True or False for marks, or numbers.
        count: the number of units.
        longest: the most steps that are taken of a text.
        progress: receives a sentence on each part of the work, of which each may take as long as an evaluation.

    Raises:
        ConfigError: a regular expression that cannot be read, or values that are not one for each step.
        DataError: inputs that the model does not take, or a property that hardly changes.

    >>> task = elman.LanguageModelling(hidden_size=8, num_layers=1, batch_size=4, embedding_size=8)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    >>> [unit] = units(fitted, "hello world. " * 20, r"world", count=1)
    >>> unit.cell, unit.score > 0.6
    ('layers.cells.0', True)
    """
    examples = fitted.examples(inputs, longest=longest)
    progress("running the model over the input, to keep the states of all units")
    calls, kept = _states(fitted, examples)
    choices, counts = list[tuple[float, int, str, int, np.ndarray]](), set[int]()
    for place, (call, (valid, states)) in enumerate(zip(calls, kept, strict=True)):
        wanted = _values(of, call, examples, int(valid.sum()))
        counts.add(int(valid.sum()))
        if wanted is None:
            continue
        half = len(wanted) // 2
        for name, values in states.items():
            scores = _scores(values[valid][:half], wanted[:half])
            choices += [(float(score), place, name, unit, wanted) for unit, score in enumerate(scores)]
    if not choices:
        steps = ", ".join(f"{number:,}" for number in sorted(counts))
        raise ConfigError(f"of: expected a value for each step that a cell reads, of which there are {steps}")
    best = sorted(choices, key=lambda one: -abs(one[0] - _chance(one[4])))[:count]
    progress("measuring the loss")
    whole, best_units = _loss(fitted, examples), list[Unit]()
    for rank, (chosen, place, name, number, wanted) in enumerate(best, start=1):
        progress(f"measuring the loss with unit {number} of {calls[place].name} held, {rank} of {len(best)}")
        valid, states = kept[place]
        values, half = states[name][valid][:, number], len(wanted) // 2
        sign = 1 if chosen >= _chance(wanted) else -1
        score = float(_scores(sign * values[half:, None], wanted[half:])[0])
        held = _loss(fitted, examples, place, name, number, values.mean())
        best_units.append(Unit(calls[place].name, name, number, score, sign, held - whole))
    return sorted(best_units, key=lambda unit: -unit.score)


class Held(Wrapper):
    """A cell one of whose units is held at a value."""

    value: Any
    unit: Any
    name: str = eqx.field(static=True)
    """The name of the unit's array in the state."""

    def __init__(self, inner: Cell, value: Any, unit: Any, name: str):
        super().__init__(inner)
        self.value, self.unit, self.name = value, unit, name

    def step(self, carry: Any, x: Any) -> tuple[Carry, Any]:
        """The cell's step, after which the unit has its value; so has an output that is this array of the state."""
        new, y = self.inner.step(carry, x)
        states = named_states(new)
        before = states[self.name]
        states[self.name] = held = before.at[self.unit].set(self.value)
        return jax.tree.structure(new).unflatten(states.values()), held if y is before else y


def _states(
    fitted: Fitted[Any], examples: Examples
) -> tuple[Sequence[Call], list[tuple[np.ndarray, dict[str, np.ndarray]]]]:
    """The calls, and for each the mask of the first example's steps and its states after each."""
    _, calls, kept = watch_examples(fitted, examples, _keep)
    return calls, [
        (own_steps(valid, call.steps(examples)), first) for call, (valid, first) in zip(calls, kept, strict=True)
    ]


def _keep(number: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> Any:
    last, ys, seen = tap(cell, xs, carry, names="carry", **steps._asdict())
    first = {name: leaf[0].reshape(xs.shape[1], -1) for name, leaf in named_states(seen["carry"]).items()}
    return (last, ys), (valid_steps(xs, steps)[0], first)


def _values(of: Any, call: Call, examples: Examples, count: int) -> np.ndarray | None:
    """The property at each step that a cell reads; None for a cell that it does not belong to.

    Raises:
        ConfigError: a regular expression that cannot be read.
        DataError: a property that hardly changes.
    """
    if isinstance(of, str):
        names = call.steps(examples)
        if len(names) > count or not names:
            return None
        values = np.zeros(count, bool)
        values[: len(names)] = _matches(of, names, call.separator(examples))
    else:
        values = np.asarray(of)
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise ConfigError("of: expected a pattern, or True, False or a finite number for each step")
        if values.shape != (count,):
            return None
    for half in (values[: count // 2], values[count // 2 :]):
        marked = int(half.sum()) if values.dtype == bool else LEAST
        if min(marked, len(half) - marked if values.dtype == bool else LEAST) < LEAST or half.min() == half.max():
            raise DataError(
                f"a half of the steps has {quantity(marked, 'step')} with the property; expected {LEAST} or more "
                "with it and without it in each half: take a longer input"
            )
    return values


def _matches(pattern: str, names: Sequence[str], separator: str) -> np.ndarray:
    try:
        expression = re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise ConfigError(f"no regular expression: {pattern!r}: {error}") from None
    ends = np.cumsum([len(name) + len(separator) for name in names])
    marked = np.zeros(len(names), bool)
    for match in expression.finditer(separator.join(names)):
        first, last = np.searchsorted(ends, [match.start(), max(match.start(), match.end() - 1)], side="right")
        marked[first : last + 1] |= match.end() > match.start()
    return marked


def _scores(values: Float[np.ndarray, "time unit"], of: np.ndarray) -> Float[np.ndarray, " unit"]:
    """The area under the ROC curve of each unit for marks, or its correlation with numbers."""
    if of.dtype != bool:
        values, of = values - values.mean(0), of - of.mean()
        return (of @ values) / np.maximum(np.linalg.norm(values, axis=0) * np.linalg.norm(of), TINY)
    low, high = values.min(0), values.max(0)
    bins = ((values - low) / np.maximum(high - low, TINY) * (BINS - 1)).astype(np.int64)
    bins += np.arange(values.shape[1]) * BINS
    shape = (values.shape[1], BINS)
    with_it, without = (np.bincount(bins[of == mark].ravel(), minlength=np.prod(shape)) for mark in (True, False))
    with_it, without = with_it.reshape(shape), without.reshape(shape)
    below = np.cumsum(without, axis=1) - without / 2
    return (with_it * below).sum(1) / (of.sum() * (~of).sum())


def _chance(of: np.ndarray) -> float:
    return 0.5 if of.dtype == bool else 0.0


def _loss(
    fitted: Fitted[Any], examples: Examples, place: int = -1, name: str = "", unit: int = 0, value: float = 0.0
) -> float:
    """The mean loss while one unit of the cell that runs at `place` is held at a value, or none."""

    def watch(call: int, cell: Cell, xs: Array, carry: Carry, steps: Steps) -> Any:
        if call != place:
            return unroll(cell, xs, carry, **steps._asdict()), None
        held, start = Held(cell.core, value, unit, name), start_carry(cell, len(xs))
        return scan.run(held, xs, carry, start=start, steps=steps)[:2], None

    return float(
        jax.jit(lambda model, batch: watched_loss(fitted.task, model, batch, watch)[0])(fitted.model, examples.batch)
    )
