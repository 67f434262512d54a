"""Weights of one direction of a recurrent layer between elman and other libraries.

elman keeps (feature, gates) kernels with the gates side by side, in the orders i f g o and r z n; one bias, and for the
GRU's candidate a second one, on the product with the state. The others keep two biases, which are added wherever no
reset comes between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from elman.cells import GRU, LSTM, Cell, Elman, PeepholeLSTM, ProjectedLSTM, ResetBeforeGRU
from elman.layers.chain import with_arrays

Family = Literal["RNN", "GRU", "LSTM"]
Order = tuple[int, ...]

ONNX_ORDER: dict[str, Order] = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1)}
"""The places of r z n in z r h, and those of i f g o in i o f c."""
KERAS_ORDER: dict[str, Order] = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 1, 2, 3)}
"""The places of r z n in z r h; i f c o are elman's. PyTorch's order is elman's."""
GATES: dict[str, int] = {"RNN": 1, "GRU": 3, "LSTM": 4}

_FAMILIES: dict[type[Cell], Family] = {
    Elman: "RNN",
    GRU: "GRU",
    ResetBeforeGRU: "GRU",
    LSTM: "LSTM",
    PeepholeLSTM: "LSTM",
    ProjectedLSTM: "LSTM",
}


class Weights(NamedTuple):
    """One direction of one layer in elman's shapes and order, with the two biases that others keep apart."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    input_bias: np.ndarray
    recurrent_bias: np.ndarray


def family_of(cell: Cell) -> Family | None:
    """The family that the class of a cell belongs to; None for one that other libraries do not have."""
    return _FAMILIES.get(type(cell))


def ordered(blocks: Any, order: Order) -> np.ndarray:
    """Gate blocks of the last axis, taken in `order`.

    >>> ordered([1, 2, 3, 4, 5, 6], (2, 0, 1)).tolist()
    [5, 6, 1, 2, 3, 4]
    """
    parts = np.split(np.asarray(blocks), len(order), axis=-1)
    return np.concatenate([parts[place] for place in order], axis=-1)


def inverse(order: Order) -> Order:
    """The order that undoes another.

    >>> inverse((2, 0, 1))
    (1, 2, 0)
    """
    return tuple(map(int, np.argsort(order)))


def from_torch_arrays(
    kernel: Any, recurrent_kernel: Any, input_bias: Any = None, recurrent_bias: Any = None
) -> Weights:
    """The weights from weight_ih, weight_hh, bias_ih and bias_hh."""
    zeros = np.zeros(np.shape(kernel)[0], np.asarray(kernel).dtype)
    biases = [zeros if bias is None else np.asarray(bias) for bias in (input_bias, recurrent_bias)]
    return Weights(np.asarray(kernel).T, np.asarray(recurrent_kernel).T, *biases)


def to_torch_arrays(weights: Weights) -> tuple[np.ndarray, ...]:
    """weight_ih, weight_hh, bias_ih and bias_hh."""
    return weights.kernel.T, weights.recurrent_kernel.T, weights.input_bias, weights.recurrent_bias


def from_onnx_arrays(family: Family, W: np.ndarray, R: np.ndarray, B: np.ndarray | None = None) -> Weights:
    """The weights from one direction of W, R and B."""
    order = ONNX_ORDER[family]
    biases = np.zeros((2, len(R)), W.dtype) if B is None else B.reshape(2, -1)
    return Weights(*(ordered(blocks, order) for blocks in (W.T, R.T, *biases)))


def to_onnx_arrays(family: Family, weights: Weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W, R and B of a layer of one direction."""
    kernel, recurrent_kernel, *biases = (ordered(blocks, inverse(ONNX_ORDER[family])) for blocks in weights)
    return (
        np.ascontiguousarray(kernel.T[None]),
        np.ascontiguousarray(recurrent_kernel.T[None]),
        np.concatenate(biases)[None],
    )


def from_keras_arrays(family: Family, kernel: Any, recurrent_kernel: Any, bias: Any = None) -> Weights:
    """The weights from `layer.get_weights()`; the bias of a GRU with reset_after has two rows."""
    bias = np.zeros(np.shape(kernel)[1], np.asarray(kernel).dtype) if bias is None else np.asarray(bias)
    biases = bias if np.ndim(bias) == 2 else (bias, np.zeros_like(bias))
    return Weights(*(ordered(blocks, KERAS_ORDER[family]) for blocks in (kernel, recurrent_kernel, *biases)))


def to_keras_arrays(family: Family, weights: Weights, *, two_biases: bool) -> list[np.ndarray]:
    """The arrays that `layer.set_weights` takes."""
    kernel, recurrent_kernel, *biases = (ordered(blocks, inverse(KERAS_ORDER[family])) for blocks in weights)
    return [kernel, recurrent_kernel, np.stack(biases) if two_biases else biases[0] + biases[1]]


def cell_with(kind: Callable[..., Cell], weights: Weights, **others: Any) -> Any:
    """A cell of class `kind` with these weights; `others` are weights of its own, such as peepholes."""
    second = weights.recurrent_bias
    bias = weights.input_bias + second
    if kind is GRU:
        candidate = slice(2 * len(second) // 3, None)
        bias[candidate] = weights.input_bias[candidate]
        others = {"recurrent_bias": second[candidate], **others}
    values: dict[str, Any] = {
        "kernel": weights.kernel,
        "recurrent_kernel": weights.recurrent_kernel,
        "bias": bias,
        **others,
    }
    return with_arrays(kind, len(weights.kernel), len(weights.recurrent_kernel), **values)


def weights_of(cell: Any) -> Weights:
    """The weights of a cell of one of the families, as NumPy arrays."""
    kernel, recurrent_kernel, bias = (np.asarray(array) for array in (cell.kernel, cell.recurrent_kernel, cell.bias))
    second = np.zeros_like(bias)
    if isinstance(cell, GRU):
        second[2 * cell.hidden_size :] = cell.recurrent_bias
    return Weights(kernel, recurrent_kernel, bias, second)
