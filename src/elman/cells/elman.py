"""The simple recurrent network of Elman (1990), "Finding structure in time".

    h_t = phi(x_t W + h_{t-1} U + b)          phi = tanh or relu

By default the tanh form starts from an orthogonal U, the relu form from the identity, with which it starts as a counter
that keeps its state (Le, Jaitly and Hinton, 2015).
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import one_of
from elman.cells._cell import Cell
from elman.ops.initializers import RecurrentStart, glorot, recurrent

_ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}


class Elman(Cell):
    """Simple recurrent cell; the carry is h.

    >>> cell = Elman(3, 4, key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((h == y).all())
    True
    >>> Elman(3, 2, activation="relu", key=jr.key(0)).recurrent_kernel.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    kernel: Float[Array, "feature hidden"]
    recurrent_kernel: Float[Array, "hidden hidden"]
    bias: Float[Array, " hidden"]
    activation: Literal["tanh", "relu"] = eqx.field(static=True)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        recurrent_start: RecurrentStart | None = None,
        key: PRNGKeyArray,
    ):
        """Builds the cell; `recurrent_start` is the initial U, None for the default of the activation.

        Raises:
            ConfigError: an unknown activation or start.
        """
        one_of("activation", activation, _ACTIVATIONS)
        kernel_key, recurrent_key = jr.split(key)
        self.input_size, self.hidden_size, self.activation = input_size, hidden_size, activation
        self.kernel = glorot(kernel_key, input_size, hidden_size)
        start = recurrent_start or ("orthogonal" if activation == "tanh" else "identity")
        self.recurrent_kernel = recurrent(recurrent_key, hidden_size, start)
        self.bias = jnp.zeros(hidden_size)

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, self.kernel.dtype)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch hidden"]:
        """The projection x W + b."""
        return xs @ self.kernel + self.bias

    def step(
        self, h: Float[Array, " hidden"], a: Float[Array, " hidden"]
    ) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        """One step: h = phi(a + h U)."""
        h = _ACTIVATIONS[self.activation](a + h @ self.recurrent_kernel)
        return h, h
