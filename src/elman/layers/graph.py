"""The functions of a network as other programs call them: named inputs and outputs, and a state between calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np


class Input(NamedTuple):
    """An input of a graph."""

    axes: tuple[str | int, ...]
    """Names of axes of any length, such as batch and time, a multiple of one (`4*time`), or lengths."""
    limit: str | int | None = None
    """For whole numbers: the number that they stay below, or the axis whose length they reach at most; None for
    floating numbers."""
    positive: bool = False
    """True for floating numbers that are above zero."""


class Graph(NamedTuple):
    """A function of a network: from a state and inputs by name to the next state and outputs by name."""

    function: Callable[..., tuple[Any, dict[str, Any]]]
    """`function(state, **inputs)` gives the state after them and the outputs."""
    inputs: dict[str, Input]
    start: Callable[[int], Any] = lambda batch: ()
    """The state before the first call, for a batch; empty for a network that keeps none."""


@runtime_checkable
class Graphed(Protocol):
    """A network that names its functions."""

    def graphs(self) -> dict[str, Graph]:
        """The functions of the network by their names; most have one, `model`."""
        ...


def named_leaves(tree: Any) -> list[tuple[str, Any]]:
    """The arrays of a tree with their paths.

    >>> [name for name, _ in named_leaves({"a": [1, 2]})]
    ['a.0', 'a.1']
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [(jax.tree_util.keystr(at, simple=True, separator="."), leaf) for at, leaf in leaves]


def random_inputs(graph: Graph, sizes: dict[str, int], *, seed: int = 0) -> dict[str, np.ndarray]:
    """Inputs of these lengths of axes.

    >>> inputs = {"xs": Input(("batch", "4*time")), "lengths": Input(("batch",), "time")}
    >>> graph = Graph(lambda state, xs, lengths: (state, {}), inputs)
    >>> {name: array.shape for name, array in random_inputs(graph, {"batch": 2, "time": 3}).items()}
    {'xs': (2, 12), 'lengths': (2,)}
    """
    random, result = np.random.default_rng(seed), dict[str, np.ndarray]()
    for name, one in graph.inputs.items():
        shape = tuple(length_of(axis, sizes) for axis in one.axes)
        if one.limit is None:
            values = random.normal(size=shape).astype(np.float32)
            result[name] = np.exp(values) if one.positive else values
        elif isinstance(one.limit, int):
            result[name] = random.integers(0, one.limit, shape).astype(np.int32)
        elif name.startswith("length") or name.endswith("lengths"):
            result[name] = random.integers(1, length_of(one.limit, sizes) + 1, shape).astype(np.int32)
        else:
            result[name] = random.integers(0, length_of(one.limit, sizes), shape).astype(np.int32)
    return result


def length_of(axis: str | int, sizes: Mapping[str, Any]) -> Any:
    """The length of an axis, such as 12 of `4*time` for a time of 3."""
    if isinstance(axis, int):
        return axis
    times, _, name = axis.rpartition("*")
    return int(times or 1) * sizes[name]
