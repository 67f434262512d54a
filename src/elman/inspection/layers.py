"""The parts of a trained model: what they put out, their exact numbers of weights, memory and time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from elman import artefact
from elman._show import Shown
from elman.tasks.fitted import Fitted

ROUNDS, ENOUGH = 5, 0.3
"""The most times that a part is timed, and the seconds after which it is not timed again; the quickest counts."""


@dataclass(frozen=True)
class Layer(Shown):
    """A part of a model."""

    name: str
    """Its place in the model, as in the names of the saved weights."""
    kind: str
    """Its class; "" for arrays alone."""
    shape: tuple[int, ...]
    """The shape of its output for a batch; () where it has none of its own."""
    weights: int
    """The exact number of its weights."""
    weight_bytes: int
    output_bytes: int
    """The bytes of its output for the batch."""
    seconds: float
    """The time of its forward pass for the batch: that of all parts up to it, less that of those before; NaN where it
    has no output, or nothing was timed."""


def layers(fitted: Fitted[Any], inputs: Any, *, timed: bool = True) -> tuple[Layer, ...]:
    """The parts of a model in the order of computation, then those whose outputs are not seen. All weights of the model
    are in one of them.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`. None tells
            of the weights alone.
        timed: compile and time the parts, a second or so for each.

    Raises:
        DataError: inputs that the model does not take.

    >>> task = elman.LanguageModelling(hidden_size=8, embedding_size=4, batch_size=4, num_layers=1)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    >>> [(part.kind, part.shape, part.weights) for part in layers(fitted, "hello", timed=False)]
    [('Embedding', (1, 4, 4), 40), ('LSTM', (1, 4, 8), 416), ('Dense', (1, 4, 10), 90)]
    """
    batch = None if inputs is None else jax.tree.map(jnp.asarray, fitted.examples(inputs).batch)

    def outputs(model: Any) -> list[tuple[str, Any]]:
        if batch is None:
            return []
        carry = fitted.task.init_carry(model, len(jax.tree.leaves(batch)[0]))
        return fitted.task.activations(model, carry, batch)

    shapes = dict[str, Any]()
    jax.eval_shape(lambda model: [shapes.update({name: out}) for name, out in outputs(model)] and None, fitted.model)
    arrays = artefact.named_arrays(fitted.model)
    owners = {name: _owner(name, shapes) for name in arrays}
    seconds = _seconds(outputs, fitted.model, list(shapes)) if timed else {}
    parts = list[Layer]()
    for name in dict.fromkeys((*shapes, *owners.values())):
        own = [array for array_name, array in arrays.items() if owners[array_name] == name]
        output = shapes.get(name)
        parts.append(
            Layer(
                name=name,
                kind=_kind(fitted.model, name),
                shape=() if output is None else tuple(output.shape),
                weights=sum(array.size for array in own),
                weight_bytes=sum(array.nbytes for array in own),
                output_bytes=0 if output is None else int(np.prod(output.shape)) * output.dtype.itemsize,
                seconds=seconds.get(name, float("nan")),
            )
        )
    return tuple(parts)


def _owner(array: str, parts: Any) -> str:
    """The part that an array belongs to: the longest whose name begins its own, or its name without the last word."""
    fitting = [part for part in parts if array == part or array.startswith(f"{part}.")]
    return max(fitting, key=len, default=array.rpartition(".")[0] or array)


def _kind(model: Any, name: str) -> str:
    """The class of the part at a place; a wrapper's is that of its cell."""

    def inner(part: Any, word: str) -> Any:
        if isinstance(part, tuple | list) and word.isdigit() and int(word) < len(part):
            return part[int(word)]
        return getattr(part, word, None)

    part = reduce(inner, name.split("."), model)
    part = getattr(part, "core", part)
    return "" if part is None or isinstance(part, jax.Array | np.ndarray) else type(part).__name__


def _seconds(outputs: Callable[[Any], list[tuple[str, Any]]], model: Any, names: list[str]) -> dict[str, float]:
    """The time of each part. XLA leaves out what a program's results do not need, so that a program up to a part does
    what it needs alone."""
    spent, before = dict[str, float](), 0.0
    for name in names:
        run = jax.jit(lambda model, name=name: dict(outputs(model))[name])
        jax.block_until_ready(run(model))
        times = list[float]()
        while len(times) < ROUNDS and sum(times) < ENOUGH:
            began = time.perf_counter()
            jax.block_until_ready(run(model))
            times.append(time.perf_counter() - began)
        spent[name] = max(0.0, min(times) - before)
        before = max(before, min(times))
    return spent
