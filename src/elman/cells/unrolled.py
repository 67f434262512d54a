"""The recurrent networks of the lesson on three and eight characters, unrolled by hand, and their cell.

    h_1 = relu(x_1 W + b)                             the input layer, "green arrow"
    h_t = relu(x_t W + b) + phi(h_{t-1} U + c)        plus the hidden layer, "orange arrow"

phi is tanh in the three-character network, and relu with a U that starts from the identity in the eight-character one.
The two arrows are added after their activations, unlike in `Elman`, which adds before.
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import ShapeError, one_of
from elman._module import Module
from elman.cells._cell import Cell
from elman.ops.activations import ACTIVATIONS
from elman.ops.initializers import RecurrentStart, glorot, recurrent


class SummedElman(Cell):
    """The recurrence of the unrolled networks as a cell; the carry is h.

    It starts from h_0 = relu(b), the input layer applied to zeros, as does the lesson's network with an output at every
    step.

    >>> cell = SummedElman(3, 4, key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((h == y).all())
    True
    """

    kernel: Float[Array, "feature hidden"]
    recurrent_kernel: Float[Array, "hidden hidden"]
    bias: Float[Array, " hidden"]
    recurrent_bias: Float[Array, " hidden"]
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
        """Builds the cell; `activation` is the hidden layer's. `recurrent_start` is the initial U, by default Glorot's
        for tanh and the identity for relu, as in the lesson.

        Raises:
            ConfigError: an unknown activation or start.
        """
        one_of("activation", activation, ("tanh", "relu"))
        kernel_key, recurrent_key = jr.split(key)
        self.input_size, self.hidden_size, self.activation = input_size, hidden_size, activation
        self.kernel = glorot(kernel_key, input_size, hidden_size)
        start = recurrent_start or ("glorot" if activation == "tanh" else "identity")
        self.recurrent_kernel = recurrent(recurrent_key, hidden_size, start)
        self.bias, self.recurrent_bias = jnp.zeros(hidden_size), jnp.zeros(hidden_size)

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = relu(b)."""
        return jax.nn.relu(self.bias)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch hidden"]:
        """The input layer, relu(x W + b)."""
        return jax.nn.relu(xs @ self.kernel + self.bias)

    def step(
        self, h: Float[Array, " hidden"], a: Float[Array, " hidden"]
    ) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        """One step: h = a + phi(h U + c)."""
        h = a + ACTIVATIONS[self.activation](h @ self.recurrent_kernel + self.recurrent_bias)
        return h, h


class Unrolled(Module):
    """A recurrent network for a fixed number of characters, layer after layer, without a loop over time or a carry.

    `every_step` equals `unroll(network.cell, xs)`. A call equals the last state of `unroll(network.cell, xs[:, 1:],
    h_1)`, with h_1 = relu(x_1 W + b).

    >>> network = three_characters(42, 256, key=jr.key(0))
    >>> c1, c2, c3 = jr.normal(jr.key(1), (3, 64, 42))
    >>> network(c1, c2, c3).shape
    (64, 256)
    """

    cell: SummedElman
    characters: int = eqx.field(static=True)

    def __call__(self, *inputs: Float[Array, "batch feature"]) -> Float[Array, "batch hidden"]:
        """The hidden state after the last character, from one array per character.

        Raises:
            ShapeError: more or fewer characters than the network has inputs.
        """
        self._check(inputs)
        first, *others = inputs
        hidden = self._dense_in(first)
        for x in others:
            hidden = self._dense_in(x) + self._dense_hidden(hidden)
        return hidden

    def every_step(self, *inputs: Float[Array, "batch feature"]) -> list[Float[Array, "batch hidden"]]:
        """The hidden state after each character, started from the input layer applied to zeros.

        Raises:
            ShapeError: more or fewer characters than the network has inputs.
        """
        self._check(inputs)
        hidden, outputs = self._dense_in(jnp.zeros_like(inputs[0])), []
        for x in inputs:
            hidden = self._dense_in(x) + self._dense_hidden(hidden)
            outputs.append(hidden)
        return outputs

    def _dense_in(self, x: Float[Array, "batch feature"]) -> Float[Array, "batch hidden"]:
        return jax.nn.relu(x @ self.cell.kernel + self.cell.bias)

    def _dense_hidden(self, hidden: Float[Array, "batch hidden"]) -> Float[Array, "batch hidden"]:
        activation = ACTIVATIONS[self.cell.activation]
        return activation(hidden @ self.cell.recurrent_kernel + self.cell.recurrent_bias)

    def _check(self, inputs: tuple) -> None:
        if len(inputs) != self.characters:
            raise ShapeError(f"inputs: expected {self.characters} characters, one array each; got {len(inputs)}")


def three_characters(input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Unrolled:
    """The three-character network, whose hidden layer has tanh.

    >>> three_characters(42, 256, key=jr.key(0)).cell.activation
    'tanh'
    """
    return Unrolled(SummedElman(input_size, hidden_size, activation="tanh", key=key), 3)


def eight_characters(input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Unrolled:
    """The eight-character network, whose hidden layer has relu and starts from the identity.

    >>> eight_characters(42, 2, key=jr.key(0)).cell.recurrent_kernel.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return Unrolled(SummedElman(input_size, hidden_size, activation="relu", key=key), 8)
