"""The gated recurrent unit of Cho et al. (2014), with the reset after the product as in cuDNN.

    r = sigmoid(x W_r + h U_r + b_r)              reset
    z = sigmoid(x W_z + h U_z + b_z)              update
    n = tanh(x W_n + b_n + r * (h U_n + b_rn))    candidate
    h = (1 - z) * n + z * h

Kernels hold the gates side by side in the order r, z, n (PyTorch's).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells._cell import Cell
from elman.ops.activations import sigmoid
from elman.ops.initializers import gated_kernels


class GRUGates(NamedTuple):
    """The gates of one step: reset, update, candidate."""

    r: Float[Array, "*batch hidden"]
    z: Float[Array, "*batch hidden"]
    n: Float[Array, "*batch hidden"]


class GRU(Cell):
    """Gated recurrent unit; the carry is h.

    >>> cell = GRU(3, 4, key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((h == y).all())
    True
    """

    kernel: Float[Array, "feature gates"]
    recurrent_kernel: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]
    recurrent_bias: Float[Array, " hidden"]

    def __init__(self, input_size: int, hidden_size: int, *, key: PRNGKeyArray):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel, self.recurrent_kernel = gated_kernels(key, input_size, hidden_size, gates=3)
        self.bias = jnp.zeros(3 * hidden_size)
        self.recurrent_bias = jnp.zeros(hidden_size)

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, self.kernel.dtype)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, h: Float[Array, " hidden"], a: Float[Array, " gates"]) -> GRUGates:
        """The gates: the first three equations in the module's docstring."""
        a_r, a_z, a_n = jnp.split(a, 3)
        u_r, u_z, u_n = jnp.split(h @ self.recurrent_kernel, 3)
        r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
        return GRUGates(r, z, jnp.tanh(a_n + r * (u_n + self.recurrent_bias)))

    def step(
        self, h: Float[Array, " hidden"], a: Float[Array, " gates"]
    ) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        """One step: h = (1 - z) n + z h."""
        _, z, n = self.gates(h, a)
        h = (1 - z) * n + z * h
        return h, h
