"""Weights in the order in which the native steps read them: once for each model, instead of once for each call.

A weight of d rows has a block of columns for each gate. Its vectors (as many columns as one instruction takes) are
ordered unit by unit and for a unit gate by gate; four vectors make a panel, stored row by row. Weights are stored as
float32, as bfloat16, or as int8 with a float32 scale for each column: w = scale q, |q| <= 127. States, biases and sums
are float32 always, or exact: some processors multiply four bytes at once, and there four rows of int8 lie side by side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from elman._module import Module
from elman._types import Carry, WeightFormat
from elman.cells import Cell

FORMATS: tuple[WeightFormat, ...] = ("float32", "bfloat16", "int8")
"""The formats in the kernels' order."""

_PANEL = 4  # vectors


class Layout(NamedTuple):
    """The order in which the kernels in use read weights."""

    lanes: int
    """The numbers in a vector."""
    rows: int
    """The rows of an int8 weight that lie side by side: 1 or 4; where it is 4, q + 128 is stored."""


class Stored(NamedTuple):
    """A weight for the kernels; `scales` is empty for all formats but int8."""

    values: Array
    scales: Array


class PackedCell(Cell):
    """A cell with its weights laid out for the native kernels. It computes what `inner` computes, whose weights are
    those that the format can hold; taps and other devices take `inner` itself. It has no gradients.
    """

    inner: Cell
    kernel: Stored
    recurrent_kernel: Stored
    bias: Float[Array, " columns"]
    extra: Float[Array, " columns"]
    format: WeightFormat = eqx.field(static=True)

    def __init__(self, cell: Any, format: WeightFormat, extra: Array | np.ndarray, *, gates: int, layout: Layout):
        """Packs a cell. `extra` is the weight that other cells do not have, some numbers for each hidden unit."""
        self.input_size, self.hidden_size, self.format = cell.input_size, cell.hidden_size, format
        matrices = [np.asarray(matrix) for matrix in (cell.kernel, cell.recurrent_kernel)]
        self.kernel, self.recurrent_kernel = (store(matrix, format, gates, layout) for matrix in matrices)
        self.bias = vectors_of(cell.bias, gates, layout.lanes)
        self.extra = vectors_of(extra, max(1, extra.size // cell.hidden_size), layout.lanes)
        self.inner = eqx.tree_at(
            lambda cell: (cell.kernel, cell.recurrent_kernel), cell, [jnp.asarray(rounded(m, format)) for m in matrices]
        )

    def init_carry(self) -> Carry:
        """The inner cell's start state."""
        return self.inner.init_carry()

    def project(self, xs: Any) -> Any:
        """The inner cell's projection."""
        return self.inner.project(xs)

    def gates(self, carry: Any, x: Any) -> Any:
        """The inner cell's gates."""
        return self.inner.gates(carry, x)

    def step(self, carry: Any, x: Any) -> tuple[Carry, Float[Array, " hidden"]]:
        """The inner cell's step."""
        return self.inner.step(carry, x)


class PackedDense(Module):
    """A dense layer, x W + b, with W laid out for the native kernels beside the values that the format can hold. It has
    no gradients that training could use."""

    kernel: Float[Array, "feature outputs"]
    bias: Float[Array, " outputs"]
    stored: Stored
    stored_bias: Float[Array, " columns"]
    format: WeightFormat = eqx.field(static=True)

    def __init__(self, kernel: Array, bias: Array, format: WeightFormat, *, layout: Layout):
        self.bias, self.format = bias, format
        self.kernel = jnp.asarray(rounded(np.asarray(kernel), format))
        self.stored = store(np.asarray(kernel), format, 1, layout)
        self.stored_bias = vectors_of(bias, 1, layout.lanes)

    def __call__(self, xs: Float[Array, "*batch feature"]) -> Float[Array, "*batch outputs"]:
        """Applies the layer to every step."""
        return xs @ self.kernel + self.bias


def quantised(
    matrix: Float[np.ndarray, "depth columns"], format: WeightFormat
) -> tuple[np.ndarray, Float[np.ndarray, " columns"]]:
    """The numbers that are stored for a matrix, and the scales of its columns, which are 1 but for int8.

    >>> numbers, scales = quantised(np.array([[1.0, 0.5], [-2.0, 0.0]], np.float32), "int8")
    >>> numbers.tolist(), (scales * 127).tolist()
    ([[64, 127], [-127, 0]], [2.0, 0.5])
    """
    ones = np.ones(matrix.shape[1], np.float32)
    if format == "float32":
        return matrix.astype(np.float32), ones
    if format == "bfloat16":
        return matrix.astype(jnp.bfloat16), ones
    scales = np.abs(matrix).max(axis=0, initial=0).astype(np.float32) / np.float32(127)
    scales[scales == 0] = 1
    return np.clip(np.rint(matrix / scales), -127, 127).astype(np.int8), scales


def rounded(matrix: Float[np.ndarray, "depth columns"], format: WeightFormat) -> Float[np.ndarray, "depth columns"]:
    """The values that a format holds for a matrix."""
    numbers, scales = quantised(matrix, format)
    return numbers.astype(np.float32) * scales


def store(matrix: Float[np.ndarray, "depth columns"], format: WeightFormat, gates: int, layout: Layout) -> Stored:
    """A matrix in the kernels' order, in some format."""
    numbers, scales = quantised(matrix, format)
    if format == "bfloat16":
        numbers = numbers.view(np.uint16)
    vectors = _vectors(numbers, gates, layout.lanes)
    if format != "int8":
        return Stored(jnp.asarray(_panels(vectors)), jnp.zeros(0))
    if layout.rows > 1:
        vectors = _side_by_side((vectors.astype(np.int16) + 128).astype(np.uint8), layout.rows)
    return Stored(jnp.asarray(_panels(vectors)), vectors_of(scales, gates, layout.lanes))


def vectors_of(row: Any, gates: int, lanes: int) -> Float[Array, " columns"]:
    """A bias, or any numbers for columns, in the order of vectors."""
    return jnp.asarray(_vectors(np.asarray(row)[None], gates, lanes).reshape(-1))


def _vectors(matrix: np.ndarray, gates: int, lanes: int) -> np.ndarray:
    """The vectors of a matrix, (depth, vector, lane); missing columns are zeros."""
    depth, hidden = len(matrix), matrix.shape[1] // gates
    units = -(-hidden // lanes)
    padded = np.zeros((depth, gates, units * lanes), matrix.dtype)
    padded[:, :, :hidden] = matrix.reshape(depth, gates, hidden)
    by_unit = padded.reshape(depth, gates, units, lanes).transpose(0, 2, 1, 3)
    return by_unit.reshape(depth, units * gates, lanes)


def _side_by_side(vectors: np.ndarray, rows: int) -> np.ndarray:
    """The vectors of several rows as one vector, lane by lane: (depth / rows, vector, lane row)."""
    depth, count, lanes = vectors.shape
    padded = np.concatenate([vectors, np.zeros((-depth % rows, count, lanes), vectors.dtype)])
    return padded.reshape(-1, rows, count, lanes).transpose(0, 2, 3, 1).reshape(-1, count, lanes * rows)


def _panels(vectors: np.ndarray) -> np.ndarray:
    """Panel by panel, each row by row; the last panel has the vectors that are left over."""
    pieces = [vectors[:, first : first + _PANEL] for first in range(0, vectors.shape[1], _PANEL)]
    return np.concatenate([piece.reshape(-1) for piece in pieces])
