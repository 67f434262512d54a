"""A graph of ONNX as a chain, by running it: its layers in the order of computation, and what is between them.

Every layer is a node of ONNX (`onnx_layers`), and ONNX Runtime gives its inputs, outputs and weights, whatever nodes
compute them. What lies between two layers is found by trying (`glue`), and a norm of small nodes by its weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elman._errors import ConversionError
from elman.cells import Cell
from elman.interop.glue import batch_first, between, shaped_as, stacked, with_feature_axis
from elman.interop.onnx_layers import RECURRENT, Node, layer_norm, layer_part
from elman.interop.onnx_session import LoadedGraph, path_of, read_model
from elman.interop.proof import Proof, Show, Trial, outputs_of, trials
from elman.layers import Bidirectional
from elman.layers.chain import Backward, Chain

BATCH, TIME = 3, 7
"""The sizes of the first run, where a graph leaves them open."""


def from_onnx(model: Any, *, show: Show | None = None) -> Chain:
    """The layers of a graph of ONNX as a chain of elman's.

    The graph is run, and what it computes between its layers (an activation, the last step, a mean or a maximum over
    time) becomes parts too. States that it takes as inputs are the chain's carry.

    Args:
        model: an `onnx.ModelProto`, or the path of a file.
        show: takes the lines of the proof, such as `print`.

    Raises:
        DataError: a file that is no graph of ONNX, or whose weights are missing.
        ConversionError: a node that elman has no layer for, by its path; outputs that differ; layers in no row.
        ConfigError: ONNX or ONNX Runtime is not installed.
    """
    if isinstance(model, str | Path):
        model = read_model(Path(model))
    graph = LoadedGraph(model)
    errors = list[ConversionError]()
    for time_first in (graph.is_time_first, not graph.is_time_first):
        try:
            return _proven_chain(graph, time_first=time_first, show=show)
        except ConversionError as error:
            errors.append(error)
    raise errors[0]


class _Layer(NamedTuple):
    """A layer's run: its path, the part that it is, and its inputs and outputs, batch first."""

    path: str
    part: Any
    inputs: np.ndarray
    outputs: np.ndarray


class _Runner:
    """Runs of a graph as layers of a chain."""

    def __init__(self, graph: LoadedGraph, *, time_first: bool):
        self.graph, self.time_first = graph, time_first
        self.batch, self.time = graph.sizes(time_first=time_first)
        self.features = self._features()

    def _features(self) -> int:
        dims = self.graph.inputs[self.graph.main].type.tensor_type.shape.dim
        return dims[2].dim_value if len(dims) > 2 else 0

    def probe(self) -> np.ndarray:
        """Random inputs."""
        random, size = np.random.default_rng(0), (self.batch or BATCH, self.time or TIME)
        first = self.graph.layers[0]
        if first.kind in ("Gather", "GatherND"):
            return random.integers(0, 2, size).astype(np.int32)
        return random.normal(size=(*size, self.features or self._first_size(first))).astype(np.float32)

    def _first_size(self, first: Node) -> int:
        stored = self.graph.stored
        name = first.weights.get("W") or first.weights.get("kernel") or first.weights["scale"]
        if name not in stored:
            raise ConversionError(f"{self.graph.main}: its number of features is open; export it with that number")
        shape = stored[name].shape
        transposed = first.options.get("transB") or first.kind in RECURRENT
        return shape[-1] if transposed else shape[0]

    def layers(self, xs: np.ndarray) -> tuple[list[_Layer], np.ndarray]:
        """The layers, and the graph's output."""
        values, (batch, time) = self.graph.run(xs, time_first=self.time_first), xs.shape[:2]

        def ours(array: np.ndarray) -> np.ndarray:
            return batch_first(np.asarray(array, np.float32), batch, time, time_first=self.time_first)

        result = list[_Layer]()
        for node in self.graph.layers:
            data, output = values[node.data], values[node.output]
            if node.kind in RECURRENT:
                if any(np.any(values[name]) for name in node.state if name in values):
                    raise ConversionError(
                        f"{node.path}: starts from a state other than zeros; pass one to the chain as its carry, and "
                        "export the graph without"
                    )
                inputs = np.swapaxes(data, 0, 1)
                output = output.transpose(2, 0, 1, 3).reshape(batch, time, -1)
            else:
                inputs, output = ours(data), ours(output)
            part = layer_part(node, {part: values[name] for part, name in node.weights.items()})
            result.append(_Layer(node.path, part, inputs, output))
        return _joined(result), ours(values[self.graph.output])

    def alone(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs of all layers for one sequence."""
        layers, outputs = self.layers(np.repeat(row[None], self.batch or 1, axis=0))
        named = {layer.path: layer.outputs for layer in layers} | {"outputs": outputs}
        return {name: array[:1] if array.ndim > 1 or self.batch > 1 else array for name, array in named.items()}


def _joined(layers: list[_Layer]) -> list[_Layer]:
    """The layers, with two that read the same in both directions as one."""
    result = list[_Layer]()
    for layer in layers:
        pair = sorted([*result[-1:], layer], key=lambda one: isinstance(one.part, Backward))
        ahead, back = pair[0], pair[-1]
        is_pair = isinstance(ahead.part, Cell) and isinstance(back.part, Backward)
        if is_pair and np.array_equal(ahead.inputs, back.inputs):
            outputs = np.concatenate([ahead.outputs, back.outputs], axis=-1)
            part = Bidirectional(ahead.part, back.part.cell)
            result[-1] = _Layer(_common(ahead.path, back.path), part, ahead.inputs, outputs)
        else:
            result.append(layer)
    return result


def _common(path: str, other: str) -> str:
    """The parts of a path that are the same in both directions.

    >>> _common("layers.0.forward", "layers.0.backward"), _common("LSTM", "GRU")
    ('layers.0', 'LSTM')
    """
    equal = [a for a, b in zip(path.split("."), other.split("."), strict=False) if a == b]
    return ".".join(equal) or path


def _proven_chain(graph: LoadedGraph, *, time_first: bool, show: Show | None) -> Chain:
    runner = _Runner(graph, time_first=time_first)
    layers, outputs = runner.layers(runner.probe())
    parts, before, last = dict[str, Any](), None, ""
    for layer in layers:
        if before is not None:
            parts |= _between(graph, last, layer.path, before, layer.inputs, parts)
        parts[layer.path] = layer.part
        before, last = layer.outputs, layer.path
    assert before is not None, "a graph without layers is refused"
    parts |= _between(graph, last, "its outputs", before, with_feature_axis(outputs, before), parts)
    chain = Chain(parts)
    _prove(runner, chain, show)
    return chain


def _between(
    graph: LoadedGraph, last: str, following: str, before: np.ndarray, after: np.ndarray, parts: dict[str, Any]
) -> dict[str, Any]:
    return between("the graph", last, following, before, after, parts, more=_norms(graph, before.shape[-1]))


def _norms(graph: LoadedGraph, size: int) -> dict[str, Any]:
    """The layer norms that the graph computes by small nodes: their scale and shift are constants of a product and of
    the sum behind it, and their epsilon is a small number."""
    if not any(node.op_type in ("Sqrt", "Reciprocal") for node in graph.nodes):
        return {}
    constants = graph.constants()
    epsilons = sorted({float(one) for one in constants.values() if one.size == 1 and 0 < one.item() < 0.01})
    pairs = {"norm": (np.ones(size, np.float32), np.zeros(size, np.float32))}
    for number, node in enumerate(graph.nodes):
        for scale in node.input if node.op_type == "Mul" else ():
            sums = (one for one in graph.nodes if one.op_type == "Add" and node.output[0] in one.input)
            shifts = [name for one in sums for name in one.input if name != node.output[0]]
            if shifts and scale in constants and shifts[0] in constants:
                pairs[path_of(node, number)] = (constants[scale].reshape(-1), constants[shifts[0]].reshape(-1))
    return {
        f"{name}.{place}" if place else name: layer_norm(scale, shift, epsilon=epsilon)
        for name, (scale, shift) in pairs.items()
        for place, epsilon in enumerate(epsilons)
        if scale.shape == shift.shape == (size,)
    }


def _prove(runner: _Runner, chain: Chain, show: Show | None) -> None:
    proof = Proof("ONNX Runtime beside elman")
    for trial in trials(chain):
        if runner.time:
            xs = np.resize(trial.xs, (len(trial.xs), runner.time, *trial.xs.shape[2:]))
            trial = Trial(trial.name, xs, None)
        ours, mask = outputs_of(chain, trial)
        ours["outputs"] = list(ours.values())[-1]
        lengths = trial.lengths if trial.lengths is not None else [trial.xs.shape[1]] * len(trial.xs)
        rows = [runner.alone(row[:n]) for row, n in zip(trial.xs, lengths, strict=True)]
        theirs = {name: stacked([row[name] for row in rows], ours[name]) for name in rows[0] if name in ours}
        proof.compare(ours, {name: shaped_as(array, ours[name]) for name, array in theirs.items()}, mask)
    proof.check(show)
