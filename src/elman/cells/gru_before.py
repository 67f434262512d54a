"""The gated recurrent unit as first published (Cho et al., 2014, version 1): the reset comes before the product.

    r = sigmoid(x W_r + h U_r + b_r)          reset
    z = sigmoid(x W_z + h U_z + b_z)          update
    n = phi(x W_n + (r * h) U_n + b_n)        candidate, phi = tanh in the paper
    h = (1 - z) * n + z * h

It is a class of its own beside `GRU`, since its step needs two products one after the other, which `GRU` was changed to
avoid. A sigmoid candidate is the variant of some lessons: its state never falls below zero. A relu candidate has no
upper bound. Kernels hold the gates side by side in the order r, z, n.
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import one_of
from elman.cells._cell import Cell
from elman.cells.gru import GRUGates
from elman.ops.activations import ACTIVATIONS, sigmoid
from elman.ops.initializers import gated_kernels


class ResetBeforeGRU(Cell):
    """Gated recurrent unit with the reset before the product; the carry is h.

    >>> cell = ResetBeforeGRU(3, 4, activation="sigmoid", key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((h == y).all()), bool((h > 0).all())
    (True, True)
    """

    kernel: Float[Array, "feature gates"]
    recurrent_kernel: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]
    activation: Literal["tanh", "sigmoid", "relu"] = eqx.field(static=True)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Literal["tanh", "sigmoid", "relu"] = "tanh",
        key: PRNGKeyArray,
    ):
        """Builds the cell; `activation` is the candidate's.

        Raises:
            ConfigError: an unknown activation.
        """
        one_of("activation", activation, ("tanh", "sigmoid", "relu"))
        self.input_size, self.hidden_size, self.activation = input_size, hidden_size, activation
        self.kernel, self.recurrent_kernel = gated_kernels(key, input_size, hidden_size, gates=3)
        self.bias = jnp.zeros(3 * hidden_size)

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, self.kernel.dtype)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, h: Float[Array, " hidden"], a: Float[Array, " gates"]) -> GRUGates:
        """The gates: the first three equations in the module's docstring."""
        at = 2 * self.hidden_size
        r, z = jnp.split(sigmoid(a[:at] + h @ self.recurrent_kernel[:, :at]), 2)
        n = ACTIVATIONS[self.activation](a[at:] + (r * h) @ self.recurrent_kernel[:, at:])
        return GRUGates(r, z, n)

    def step(
        self, h: Float[Array, " hidden"], a: Float[Array, " gates"]
    ) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        """One step: h = (1 - z) n + z h."""
        _, z, n = self.gates(h, a)
        h = (1 - z) * n + z * h
        return h, h
