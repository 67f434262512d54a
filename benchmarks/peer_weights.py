"""Weights between elman and its peers. elman keeps (feature, gates) kernels with the gates side by side, in the orders
i f g o and r z n; one bias, and for the GRU's candidate a second one, on the product with the state.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from elman.cells import GRU

ONNX_ORDER = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1)}  # places of r z n in z r h; of i f g o in i o f c
KERAS_ORDER = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 1, 2, 3)}  # places of r z n in z r h
TORCH_ORDER = {"RNN": (0,), "GRU": (0, 1, 2), "LSTM": (0, 1, 2, 3)}


class Weights(NamedTuple):
    """One direction of one layer in elman's shapes and order, with the two biases that peers keep apart."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    input_bias: np.ndarray
    recurrent_bias: np.ndarray


def ordered(blocks, order):
    """Gate blocks of the last axis, taken in `order`."""
    parts = np.split(np.asarray(blocks), len(order), axis=-1)
    return np.concatenate([parts[place] for place in order], axis=-1)


def inverse(order):
    return tuple(np.argsort(order))


def random_weights(family, inputs, hidden, *, seed=0):
    """Weights of the usual size, no bias zero."""
    rng, gates = np.random.default_rng(seed), len(TORCH_ORDER[family])
    shapes = (inputs, gates * hidden), (hidden, gates * hidden), (gates * hidden,), (gates * hidden,)
    return Weights(*[(rng.uniform(-1, 1, shape) * hidden**-0.5).astype(np.float32) for shape in shapes])


def from_torch(family, kernel, recurrent_kernel, input_bias=None, recurrent_bias=None):
    """From weight_ih, weight_hh, bias_ih, bias_hh."""
    zeros = np.zeros(np.shape(kernel)[0], np.asarray(kernel).dtype)
    biases = [zeros if bias is None else np.asarray(bias) for bias in (input_bias, recurrent_bias)]
    return Weights(np.asarray(kernel).T, np.asarray(recurrent_kernel).T, *biases)


def to_torch(weights):
    return weights.kernel.T, weights.recurrent_kernel.T, weights.input_bias, weights.recurrent_bias


def from_onnx(family, W, R, B=None):
    """From one direction of W, R and B."""
    order, gates = ONNX_ORDER[family], R.shape[0]
    biases = np.zeros((2, gates), W.dtype) if B is None else B.reshape(2, gates)
    return Weights(*(ordered(blocks, order) for blocks in (W.T, R.T, *biases)))


def to_onnx(family, weights):
    """W, R and B of a layer of one direction."""
    kernel, recurrent_kernel, *biases = (ordered(blocks, inverse(ONNX_ORDER[family])) for blocks in weights)
    return (
        np.ascontiguousarray(kernel.T[None]),
        np.ascontiguousarray(recurrent_kernel.T[None]),
        np.concatenate(biases)[None],
    )


def from_keras(family, kernel, recurrent_kernel, bias):
    """From `layer.get_weights()`; the bias of a GRU with reset_after has two rows."""
    biases = bias if np.ndim(bias) == 2 else (bias, np.zeros_like(bias))
    return Weights(*(ordered(blocks, KERAS_ORDER[family]) for blocks in (kernel, recurrent_kernel, *biases)))


def to_keras(family, weights, *, two_biases):
    """The arrays that `layer.set_weights` takes."""
    kernel, recurrent_kernel, *biases = (ordered(blocks, inverse(KERAS_ORDER[family])) for blocks in weights)
    return [kernel, recurrent_kernel, np.stack(biases) if two_biases else sum(biases)]


def cell_with(kind, weights, **others):
    """A cell of class `kind` with these weights; `others` are weights of its own, such as peepholes."""
    bias, second = weights.input_bias + weights.recurrent_bias, weights.recurrent_bias
    if kind is GRU:
        candidate = slice(2 * len(second) // 3, None)
        bias[candidate] = weights.input_bias[candidate]
        others = {"recurrent_bias": second[candidate], **others}
    values = {"kernel": weights.kernel, "recurrent_kernel": weights.recurrent_kernel, "bias": bias, **others}
    inputs, hidden = len(weights.kernel), len(weights.recurrent_kernel)
    cell = kind(inputs, hidden, key=jax.random.key(0))
    return eqx.tree_at(
        lambda cell: [getattr(cell, name) for name in values], cell, [jnp.asarray(value) for value in values.values()]
    )
