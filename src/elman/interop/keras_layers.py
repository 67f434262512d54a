"""Layers of Keras as parts of a chain."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from elman._errors import ConversionError
from elman.cells import GRU, LSTM, Cell, Elman, ResetBeforeGRU
from elman.interop.gates import cell_with, from_keras_arrays
from elman.layers import Bidirectional, Embedding
from elman.layers.chain import (
    OUTPUT_ACTIVATIONS,
    Activation,
    Backward,
    Dropout,
    FrozenNorm,
    Halves,
    Masked,
    dense,
    frozen_norm,
    with_arrays,
)
from elman.layers.norm import LayerNorm
from elman.layers.pooling import LastPooling, MaxPooling, MeanPooling

KNOWN = (
    "Embedding, SimpleRNN, GRU, LSTM, Bidirectional, RNN of their cells, TimeDistributed, Dense, LayerNormalization, "
    "BatchNormalization, Masking, Dropout, GlobalAveragePooling1D, GlobalMaxPooling1D and activations"
)
_INSTEAD = {
    "Conv1D": "elman.layers.conv.TimeConvolution, built and filled by hand",
    "Flatten": "the last step, or GlobalAveragePooling1D",
    "GetItem": "return_sequences=False for the last step",
    "MultiHeadAttention": "elman.layers.Attention, trained anew",
    "TextVectorization": "a vocabulary of elman's, and the layers after it alone",
}
_ACTIVATIONS = {"swish": "silu"}
_TIMELESS = ("Dense", "Dropout", "Activation", "LayerNormalization")
"""The layers that compute the same inside of TimeDistributed."""


def _arrays(layer: Any) -> list[np.ndarray]:
    return [np.asarray(array, np.float64 if array.dtype == np.float64 else np.float32) for array in layer.get_weights()]


def _name(function: Any) -> str:
    name = getattr(function, "__name__", str(function))
    return _ACTIVATIONS.get(name, name)


def _activation(path: str, name: str) -> dict[str, Any]:
    if name == "linear":
        return {}
    if name not in OUTPUT_ACTIVATIONS or name == "leaky_relu":
        raise ConversionError(f"{path}: no activation {name}; elman has {', '.join(OUTPUT_ACTIVATIONS)}")
    return {path: Activation(name)}


def layer_parts(path: str, layer: Any) -> dict[str, Any]:
    """The parts of one layer of Keras.

    Raises:
        ConversionError: a layer, or an option of it, that elman does not have.
    """
    kind = type(layer).__name__
    match kind:
        case "InputLayer" | "Identity" | "ActivityRegularization":
            return {}
        case "Dropout" | "SpatialDropout1D" | "GaussianNoise" | "GaussianDropout":
            return {path: Dropout(float(getattr(layer, "rate", 0.0)))}
        case "Embedding":
            (table,) = _arrays(layer)
            masked = {f"{path}.mask": Masked(0.0)} if layer.mask_zero else {}
            return {**masked, path: with_arrays(Embedding, *table.shape, table=table)}
        case "Masking":
            return {path: Masked(float(layer.mask_value))}
        case "Dense":
            return {path: dense(*_arrays(layer))} | _activation(f"{path}.activation", _name(layer.activation))
        case "TimeDistributed" if type(layer.layer).__name__ in _TIMELESS:
            return layer_parts(path, layer.layer)
        case "Activation" | "ReLU" | "Softmax" | "ELU":
            return _activation_layer(path, layer)
        case "LayerNormalization":
            return {path: _layer_norm(path, layer)}
        case "BatchNormalization":
            return {path: _batch_norm(path, layer)}
        case "GlobalAveragePooling1D" | "GlobalMaxPooling1D":
            return {path: MeanPooling() if "Average" in kind else MaxPooling()}
        case "SimpleRNN" | "GRU" | "LSTM" | "RNN":
            return _recurrent(path, layer)
        case "Bidirectional":
            return _bidirectional(path, layer)
    return _refuse(path, layer)


def _refuse(path: str, layer: Any) -> dict[str, Any]:
    kind = type(layer).__name__
    instead = f"; use {_INSTEAD[kind]}" if kind in _INSTEAD else ""
    raise ConversionError(f"{path}: {kind} is no layer that elman can take: {KNOWN}{instead}")


def _activation_layer(path: str, layer: Any) -> dict[str, Any]:
    kind = type(layer).__name__
    plain = {"ReLU": ("max_value", "threshold", "negative_slope"), "Softmax": (), "ELU": ()}.get(kind, ())
    if any(getattr(layer, option, None) for option in plain) or getattr(layer, "axis", -1) != -1:
        raise ConversionError(f"{path}: {kind} with options; elman has it without")
    return _activation(path, _name(layer.activation) if kind == "Activation" else kind.lower())


def _layer_norm(path: str, layer: Any) -> LayerNorm:
    arrays, size = _arrays(layer), int(layer.get_build_config()["input_shape"][-1])
    _check_axis(path, layer)
    if getattr(layer, "rms_scaling", False):
        raise ConversionError(f"{path}: LayerNormalization without a mean; elman's has one")
    scale = arrays.pop(0) if layer.scale else np.ones(size, np.float32)
    shift = arrays.pop(0) if layer.center else np.zeros(size, np.float32)
    return with_arrays(partial(LayerNorm, epsilon=layer.epsilon), size, key=False, scale=scale, shift=shift)


def _check_axis(path: str, layer: Any) -> None:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    last = len(layer.get_build_config()["input_shape"]) - 1
    if list(axes) not in ([-1], [last]):
        raise ConversionError(f"{path}: {type(layer).__name__} over other axes than the last; elman has the last")


def _batch_norm(path: str, layer: Any) -> FrozenNorm:
    _check_axis(path, layer)
    arrays = _arrays(layer)
    mean, variance = arrays[-2:]
    scale = arrays.pop(0) if layer.scale else np.ones_like(mean)
    shift = arrays.pop(0) if layer.center else np.zeros_like(mean)
    return frozen_norm(scale, shift, mean, variance, epsilon=layer.epsilon)


def _recurrent(path: str, layer: Any) -> dict[str, Any]:
    cells = _cells(path, layer)
    names = [path if n == len(cells) - 1 else f"{path}.l{n}" for n in range(len(cells))]
    if layer.go_backwards:
        if len(cells) > 1:
            raise ConversionError(f"{path}: stacked cells that go backwards; use a layer for each")
        parts: dict[str, Any] = {path: Backward(cells[0], flipped=layer.return_sequences)}
    else:
        parts = dict(zip(names, cells, strict=True))
    if not layer.return_sequences:  # the last step that was read
        parts[f"{path}.last"] = LastPooling(0 if layer.go_backwards else cells[-1].hidden_size)
    return parts


def _cells(path: str, layer: Any) -> list[Any]:
    if type(layer).__name__ != "RNN":
        return [_cell(path, layer, _arrays(layer))]
    inner = layer.cell.cells if type(layer.cell).__name__ == "StackedRNNCells" else [layer.cell]
    known = ("SimpleRNNCell", "GRUCell", "LSTMCell")
    if other := next((cell for cell in inner if type(cell).__name__ not in known), None):
        raise ConversionError(f"{path}: {type(other).__name__} is a cell of one's own; write it as an elman.Cell")
    return [_cell(f"{path}.{n}", cell, _arrays(cell)) for n, cell in enumerate(inner)]


def _cell(path: str, layer: Any, arrays: list[np.ndarray]) -> Cell:
    kind, activation = type(layer).__name__.removesuffix("Cell"), _name(layer.activation)
    if len(arrays) not in (2, 3):
        raise ConversionError(f"{path}: {len(arrays)} arrays of weights; expected a kernel, a recurrent one and a bias")
    if kind == "SimpleRNN":
        if activation not in ("tanh", "relu"):
            raise ConversionError(f"{path}: SimpleRNN with activation {activation}; elman's has tanh or relu")
        return cell_with(partial(Elman, activation=activation), from_keras_arrays("RNN", *arrays))
    gates = _name(layer.recurrent_activation)
    if gates != "sigmoid":
        raise ConversionError(f"{path}: {kind} with gates of {gates}; elman's are sigmoid")
    if kind == "GRU" and not layer.reset_after and activation in ("tanh", "sigmoid", "relu"):
        return cell_with(partial(ResetBeforeGRU, activation=activation), from_keras_arrays("GRU", *arrays))
    if activation != "tanh":
        others = "; reset_after=False takes tanh, sigmoid and relu" if kind == "GRU" else ""
        raise ConversionError(f"{path}: {kind} with activation {activation}; elman's has tanh{others}")
    return cell_with({"GRU": GRU, "LSTM": LSTM}[kind], from_keras_arrays(kind, *arrays))


def _bidirectional(path: str, layer: Any) -> dict[str, Any]:
    forward, backward = layer.forward_layer, layer.backward_layer
    if type(forward).__name__ == "RNN" or forward.go_backwards or not backward.go_backwards:
        raise ConversionError(f"{path}: two directions that elman does not have; expected one forwards, one backwards")
    (ahead,), (back,) = _cells(f"{path}.forward", forward), _cells(f"{path}.backward", backward)
    parts: dict[str, Any] = {path: Bidirectional(ahead, back)}
    if not forward.return_sequences:
        parts[f"{path}.last"] = LastPooling(ahead.hidden_size)
    match layer.merge_mode:
        case "concat":
            return parts
        case "sum" | "mul" | "ave":
            return parts | {f"{path}.{layer.merge_mode}": Halves(layer.merge_mode)}
    raise ConversionError(f"{path}: merge_mode {layer.merge_mode}; expected concat, sum, mul or ave")
