"""The whole network of Elman (1990): the simple recurrent cell with an output layer and a learned start state.

    h_t = phi(x_t W + h_{t-1} U + b)
    y_t = phi_y(h_t W_y + b_y)          h_0 is a weight

Only h is passed to the next step, so the output layer could also stand outside the recurrence; with it inside, one cell
is the network that textbooks draw.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import one_of
from elman.cells._cell import Cell
from elman.ops.activations import ACTIVATIONS, ActivationName
from elman.ops.initializers import RecurrentStart, glorot, recurrent


class OutputElman(Cell):
    """Simple recurrent cell with an output layer; the carry is h, of `state_size` units.

    >>> cell = OutputElman(3, 2, state_size=5, output_activation="linear", key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> h.shape, y.shape
    ((5,), (2,))
    """

    kernel: Float[Array, "feature state"]
    recurrent_kernel: Float[Array, "state state"]
    bias: Float[Array, " state"]
    output_kernel: Float[Array, "state hidden"]
    output_bias: Float[Array, " hidden"]
    start: Float[Array, " state"]
    activation: ActivationName = eqx.field(static=True)
    output_activation: ActivationName = eqx.field(static=True)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        state_size: int | None = None,
        activation: ActivationName = "tanh",
        output_activation: ActivationName = "tanh",
        recurrent_start: RecurrentStart = "orthogonal",
        key: PRNGKeyArray,
    ):
        """Builds the cell: `hidden_size` is the width of y, `state_size` that of h (None: the same); h_0 starts at 0.

        Raises:
            ConfigError: an unknown activation or start.
        """
        one_of("activation", activation, ACTIVATIONS)
        one_of("output_activation", output_activation, ACTIVATIONS)
        kernel_key, recurrent_key, output_key = jr.split(key, 3)
        size = hidden_size if state_size is None else state_size
        self.input_size, self.hidden_size = input_size, hidden_size
        self.activation, self.output_activation = activation, output_activation
        self.kernel, self.bias = glorot(kernel_key, input_size, size), jnp.zeros(size)
        self.recurrent_kernel = recurrent(recurrent_key, size, recurrent_start)
        self.output_kernel, self.output_bias = glorot(output_key, size, hidden_size), jnp.zeros(hidden_size)
        self.start = jnp.zeros(size)

    def init_carry(self) -> Float[Array, " state"]:
        """The learned h_0."""
        return self.start

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch state"]:
        """The projection x W + b."""
        return xs @ self.kernel + self.bias

    def step(
        self, h: Float[Array, " state"], a: Float[Array, " state"]
    ) -> tuple[Float[Array, " state"], Float[Array, " hidden"]]:
        """One step: h = phi(a + h U), y = phi_y(h W_y + b_y)."""
        h = ACTIVATIONS[self.activation](a + h @ self.recurrent_kernel)
        return h, ACTIVATIONS[self.output_activation](h @ self.output_kernel + self.output_bias)
