"""Long short-term memory: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).

    i = sigmoid(x W_i + h U_i + b_i)    input gate
    f = sigmoid(x W_f + h U_f + b_f)    forget gate
    g = tanh   (x W_g + h U_g + b_g)    candidate
    o = sigmoid(x W_o + h U_o + b_o)    output gate
    c = f * c + i * g
    h = o * tanh(c)

Kernels hold the gates side by side in the order i, f, g, o (Keras' and PyTorch's). The forget bias starts at 1, so that
an untrained cell keeps its state (Jozefowicz et al., 2015).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells._cell import Cell
from elman.ops.activations import sigmoid
from elman.ops.initializers import forget_bias, gated_kernels


class LSTMCarry(NamedTuple):
    """The state of an LSTM: the output h and the cell state c."""

    h: Float[Array, "*batch hidden"]
    c: Float[Array, "*batch hidden"]


class LSTMGates(NamedTuple):
    """The gates of one step: input, forget, candidate, output."""

    i: Float[Array, "*batch hidden"]
    f: Float[Array, "*batch hidden"]
    g: Float[Array, "*batch hidden"]
    o: Float[Array, "*batch hidden"]


class LSTM(Cell):
    """Long short-term memory; the carry is `LSTMCarry(h, c)`.

    >>> cell = LSTM(3, 4, key=jr.key(0))
    >>> carry, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((carry.h == y).all())
    True
    """

    kernel: Float[Array, "feature gates"]
    recurrent_kernel: Float[Array, "hidden gates"]
    bias: Float[Array, " gates"]

    def __init__(self, input_size: int, hidden_size: int, *, key: PRNGKeyArray):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel, self.recurrent_kernel = gated_kernels(key, input_size, hidden_size, gates=4)
        self.bias = forget_bias(hidden_size)

    def init_carry(self) -> LSTMCarry:
        """The start state h = c = 0."""
        zeros = jnp.zeros(self.hidden_size, self.kernel.dtype)
        return LSTMCarry(zeros, zeros)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, carry: LSTMCarry, a: Float[Array, " gates"]) -> LSTMGates:
        """The gates: the first four equations in the module's docstring."""
        i, f, g, o = jnp.split(a + carry.h @ self.recurrent_kernel, 4)
        return LSTMGates(sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o))

    def step(self, carry: LSTMCarry, a: Float[Array, " gates"]) -> tuple[LSTMCarry, Float[Array, " hidden"]]:
        """One step: c = f c + i g, h = o tanh(c)."""
        i, f, g, o = self.gates(carry, a)
        c = f * carry.c + i * g
        h = o * jnp.tanh(c)
        return LSTMCarry(h, c), h
