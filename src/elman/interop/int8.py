"""Weights of 8 bits: whole numbers from -127 to 127 times a scale for each output of a layer.

The scales have 16 bits, so that every product is exact: a network with rounded weights computes here what it computes
where they are stored as whole numbers, and its quality can be measured before it is moved.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LARGEST = 127


def round_weights(model: Any) -> Any:
    """A copy of a network whose matrices have 8 bits; vectors, such as biases, stay as they are. A table of vectors
    has a scale for each row.

    >>> from elman.layers import Dense
    >>> layer = Dense(3, 2, key=jax.random.key(0))
    >>> rounded = round_weights(layer)
    >>> bool(jnp.abs(rounded.kernel - layer.kernel).max() <= 0.51 * jnp.abs(layer.kernel).max() / 127)
    True
    """

    def rounded(path: Any, leaf: Any) -> Any:
        if leaf.ndim < 2 or leaf.dtype != jnp.float32:
            return leaf
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        axis = 0 if name.endswith("table") else leaf.ndim - 1
        whole, scale = whole_numbers(np.asarray(leaf), axis)
        return jnp.asarray(whole * _beside(scale, leaf.ndim, axis))

    return jax.tree_util.tree_map_with_path(rounded, model)


def whole_numbers(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """An array as whole numbers of 8 bits and their scales along an axis."""
    others = tuple(place for place in range(array.ndim) if place != axis)
    scale = _short(np.abs(array).max(axis=others) / np.float32(LARGEST))
    whole = np.rint(array / _beside(scale, array.ndim, axis))
    return np.clip(whole, -LARGEST, LARGEST).astype(np.int8), scale


def stored(array: np.ndarray) -> tuple[np.ndarray, np.ndarray, int] | None:
    """The whole numbers, the scales and their axis of an array that `round_weights` made, whatever the order of its
    axes now is; None for another one."""
    if array.ndim < 2 or array.dtype != np.float32 or not array.size:
        return None
    for axis in range(array.ndim):
        whole, scale = whole_numbers(array, axis)
        if np.array_equal(whole * _beside(scale, array.ndim, axis), array):
            return whole, scale, axis
    return None


def _short(scale: np.ndarray) -> np.ndarray:
    """The scales with 16 bits of precision, rounded up; 1 for a column of zeros."""
    mantissa, exponent = np.frexp(np.where(scale == 0, 1, scale).astype(np.float64))
    return np.ldexp(np.ceil(mantissa * 2**16) / 2**16, exponent).astype(np.float32)


def _beside(scale: np.ndarray, rank: int, axis: int) -> np.ndarray:
    return scale.reshape([-1 if place == axis else 1 for place in range(rank)])
