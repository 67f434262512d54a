"""The LSTM with peepholes (Gers and Schmidhuber, 2000): its gates see the cell state, to learn exact intervals.

    i = sigmoid(x W_i + h U_i + p_i * c_{t-1} + b_i)    input gate
    f = sigmoid(x W_f + h U_f + p_f * c_{t-1} + b_f)    forget gate
    g = tanh   (x W_g + h U_g + b_g)                    candidate
    c = f * c_{t-1} + i * g
    o = sigmoid(x W_o + h U_o + p_o * c + b_o)          output gate, from the new cell state
    h = o * tanh(c)

Kernels hold the gates in the order i, f, g, o, and `peepholes` p_i, p_f, p_o (ONNX has i, o, f). The peepholes start at
0, so that the cell starts as a plain LSTM; the forget bias starts at 1, as in the LSTM.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells._cell import Cell
from elman.cells.lstm import LSTMCarry, LSTMGates
from elman.ops.activations import sigmoid
from elman.ops.initializers import forget_bias, gated_kernels


class PeepholeLSTM(Cell):
    """Long short-term memory with peephole connections; the carry is `LSTMCarry(h, c)`.

    >>> cell = PeepholeLSTM(3, 4, key=jr.key(0))
    >>> carry, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((carry.h == y).all())
    True
    """

    kernel: Float[Array, "feature gates"]
    recurrent_kernel: Float[Array, "hidden gates"]
    peepholes: Float[Array, " peepholes"]
    bias: Float[Array, " gates"]

    def __init__(self, input_size: int, hidden_size: int, *, key: PRNGKeyArray):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel, self.recurrent_kernel = gated_kernels(key, input_size, hidden_size, gates=4)
        self.peepholes = jnp.zeros(3 * hidden_size)
        self.bias = forget_bias(hidden_size)

    def init_carry(self) -> LSTMCarry:
        """The start state h = c = 0."""
        zeros = jnp.zeros(self.hidden_size, self.kernel.dtype)
        return LSTMCarry(zeros, zeros)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, carry: LSTMCarry, a: Float[Array, " gates"]) -> LSTMGates:
        """The gates, from the first five equations in the module's docstring."""
        i, f, g, o = jnp.split(a + carry.h @ self.recurrent_kernel, 4)
        p_i, p_f, p_o = jnp.split(self.peepholes, 3)
        i, f, g = sigmoid(i + p_i * carry.c), sigmoid(f + p_f * carry.c), jnp.tanh(g)
        return LSTMGates(i, f, g, sigmoid(o + p_o * (f * carry.c + i * g)))

    def step(self, carry: LSTMCarry, a: Float[Array, " gates"]) -> tuple[LSTMCarry, Float[Array, " hidden"]]:
        """One step: c = f c + i g, h = o tanh(c)."""
        i, f, g, o = self.gates(carry, a)
        c = f * carry.c + i * g
        h = o * jnp.tanh(c)
        return LSTMCarry(h, c), h
