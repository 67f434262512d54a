"""The proof of a graph in another library: outputs, states and the outputs of every recurrence, on random inputs and on
edges, and what a state allows also in two pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from elman.interop.proof import Proof, Show
from elman.layers.graph import Graph, named_leaves, random_inputs
from elman.recurrence import unroll
from elman.recurrence.watch import watched_by

TRIALS = ({}, {"time": 1}, {"batch": 1})
"""The sizes that trials change: all at once, one step, one sequence."""

Run = Callable[[dict[str, Any]], dict[str, Any]]
"""The other side: from inputs and states (`state.N`) by name to outputs, next states (`next.N`) and layers by name."""


def prove_graph(what: str, graph: Graph, runs: list[Run], paths: list[str], show: Show | None) -> None:
    """Compares what `runs` compute with what the function of a graph does; `paths` are the names of its recurrences.

    Raises:
        ConversionError: they differ.
    """
    proof = Proof(what)
    for seed, sizes in enumerate(TRIALS):
        sizes = {"batch": 3, "time": 5, **_others(graph), **sizes}
        inputs, state = _with_edges(graph, random_inputs(graph, sizes, seed=seed)), graph.start(sizes["batch"])
        for _ in range(2 if named_leaves(state) else 1):  # the second time from the state after the first
            ours, after = _elman_side(graph, state, inputs, paths)
            feeds = {f"state.{name}": np.asarray(leaf) for name, leaf in named_leaves(state)} | inputs
            for run in runs:
                proof.compare(ours, run(feeds))
            state = after
    proof.check(show)


def _with_edges(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs; of several rows the first has zeros or the first token, and the last the last token or numbers that
    saturate every gate."""
    for name, one in graph.inputs.items():
        rows = inputs[name]
        if len(rows) < 2 or one.positive:
            continue
        if one.limit is None:
            rows[0], rows[-1] = 0, 30 * rows[-1]
        elif isinstance(one.limit, int):
            rows[0], rows[-1] = 0, one.limit - 1
    return inputs


def _others(graph: Graph) -> dict[str, int]:
    """Lengths for the axes beside batch and time."""
    axes = {str(axis).rpartition("*")[2] for one in graph.inputs.values() for axis in one.axes}
    return {axis: 4 + n for n, axis in enumerate(sorted(axes - {"batch", "time"})) if not axis.isdigit()}


def _elman_side(graph: Graph, state: Any, inputs: Any, paths: list[str]) -> tuple[dict[str, Any], Any]:
    outputs = list[Any]()

    def watch(cell: Any, xs: Any, carry: Any, steps: Any) -> Any:
        with watched_by(None):
            last, ys = unroll(cell, xs, carry, lengths=steps.lengths, reverse=steps.reverse)
        outputs.append(ys)
        return last, ys

    with watched_by(watch), jax.default_matmul_precision("highest"):
        after, named = graph.function(state, **{name: jnp.asarray(value) for name, value in inputs.items()})
    ours = {f"next.{name}": leaf for name, leaf in named_leaves(after)} | named
    return ours | dict(zip(paths, outputs, strict=True)), after
