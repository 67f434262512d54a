"""Nodes of ONNX as parts of a chain: the layers in a graph, and their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from elman._errors import ConversionError
from elman.cells import GRU, LSTM, Elman, PeepholeLSTM, ResetBeforeGRU
from elman.interop.gates import cell_with, from_onnx_arrays, ordered
from elman.layers import Bidirectional
from elman.layers.chain import Backward, dense, frozen_norm, with_arrays
from elman.layers.embedding import Embedding
from elman.layers.norm import LayerNorm

KNOWN = "Gather of a table, MatMul and Gemm with weights, RNN, GRU, LSTM, LayerNormalization and BatchNormalization"

INSTEAD = {
    "If": "a graph without branches: export the model in evaluation mode",
    "Loop": "a layer instead of a loop over time: ONNX's own RNN, GRU or LSTM",
    "Scan": "ONNX's own RNN, GRU or LSTM; a model of elman's is loaded from its own folder",
    "Conv": "elman.layers.conv.TimeConvolution, built and filled by hand",
    "DynamicQuantizeLSTM": "the graph before it was quantised",
    "Attention": "elman.layers.Attention, trained anew",
    "MultiHeadAttention": "elman.layers.Attention, trained anew",
    "InstanceNormalization": "LayerNormalization, trained anew",
    "GroupNormalization": "LayerNormalization, trained anew",
}
"""A way out for each node that elman has no layer for."""

RECURRENT = {"RNN": 1, "GRU": 3, "LSTM": 4}


class Node(NamedTuple):
    """A node that is a layer: its path in the file, and where its values come from and go to."""

    path: str
    kind: str
    options: dict[str, Any]
    data: str
    """The name of the value that it reads."""
    weights: dict[str, str]
    """The names of the values that do not depend on the inputs, by their part in the node."""
    state: tuple[str, ...]
    """The names of the states from which a recurrent layer starts."""
    output: str


Arrays = Mapping[str, np.ndarray]


def layer_part(node: Node, weights: Arrays) -> Any:
    """The part of a chain that a node is.

    Raises:
        ConversionError: an option that elman's layer does not have.
    """
    if node.kind in RECURRENT:
        return _recurrent(node, weights)
    return _OTHERS[node.kind](node, weights)


def _recurrent(node: Node, arrays: Arrays) -> Any:
    direction = node.options.get("direction", "forward")
    for name, usual in (("clip", 0.0), ("input_forget", 0)):
        if node.options.get(name, usual) != usual:
            raise ConversionError(f"{node.path}: {node.kind} with {name}, which no cell of elman's has")
    cells = [_cell(node, arrays, side) for side in range(2 if direction == "bidirectional" else 1)]
    if direction == "reverse":
        return Backward(cells[0], flipped=False)
    return Bidirectional(*cells) if len(cells) == 2 else cells[0]


def _cell(node: Node, arrays: Arrays, side: int) -> Any:
    weights = from_onnx_arrays(node.kind, *(arrays[name][side] if name in arrays else None for name in "WRB"))  # ty: ignore[invalid-argument-type]
    usual = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}[node.kind]
    names = [name.decode() for name in node.options.get("activations", [])]
    own = names[side * len(usual) : (side + 1) * len(usual)] or usual
    gates = own[: len(usual) - 1]
    activation = {"Tanh": "tanh", "Relu": "relu"}.get(own[-1], "")
    before = node.kind == "GRU" and not node.options.get("linear_before_reset")
    if gates != usual[:-1] or not activation or (activation == "relu" and node.kind != "RNN" and not before):
        raise ConversionError(f"{node.path}: {node.kind} with {', '.join(own)}; elman's has {', '.join(usual)}")
    if node.kind == "RNN":
        return cell_with(partial(Elman, activation=activation), weights)
    if node.kind == "GRU":
        return cell_with(partial(ResetBeforeGRU, activation=activation) if before else GRU, weights)
    if "P" in arrays:
        return cell_with(PeepholeLSTM, weights, peepholes=ordered(arrays["P"][side], (0, 2, 1)))
    return cell_with(LSTM, weights)


def _dense(node: Node, arrays: Arrays) -> Any:
    kernel = arrays["kernel"].T if node.options.get("transB") else arrays["kernel"]
    scales = [node.options.get(name, 1.0) for name in ("alpha", "beta")]
    bias = arrays["bias"].reshape(-1) * scales[1] if "bias" in arrays else None
    if bias is not None and len(bias) != kernel.shape[1]:
        bias = np.broadcast_to(bias, kernel.shape[1:])
    return dense(kernel * scales[0], bias)


def _layer_norm(node: Node, arrays: Arrays) -> Any:
    if node.options.get("axis", -1) not in (-1, 2):
        raise ConversionError(f"{node.path}: LayerNormalization over axis {node.options['axis']}; expected the last")
    scale = arrays["scale"].reshape(-1)
    shift = arrays["bias"].reshape(-1) if "bias" in arrays else np.zeros_like(scale)
    return layer_norm(scale, shift, epsilon=node.options.get("epsilon", 1e-5))


def layer_norm(scale: np.ndarray, shift: np.ndarray, *, epsilon: float) -> LayerNorm:
    """A layer norm with these weights."""
    return with_arrays(partial(LayerNorm, epsilon=epsilon), len(scale), key=False, scale=scale, shift=shift)


def _batch_norm(node: Node, arrays: Arrays) -> Any:
    names = ("scale", "bias", "mean", "variance")
    return frozen_norm(*(arrays[name] for name in names), epsilon=node.options.get("epsilon", 1e-5))


_OTHERS: dict[str, Callable[[Node, Arrays], Any]] = {
    "Gather": lambda node, arrays: with_arrays(Embedding, *arrays["table"].shape, table=arrays["table"]),
    "GatherND": lambda node, arrays: with_arrays(Embedding, *arrays["table"].shape, table=arrays["table"]),
    "MatMul": _dense,
    "Gemm": _dense,
    "LayerNormalization": _layer_norm,
    "BatchNormalization": _batch_norm,
}
