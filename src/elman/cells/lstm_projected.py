"""The LSTM with a projected output (Sak, Senior and Beaufays, 2014): a large cell state behind a small output.

    i, f, g, o as in the LSTM, from x_t and h_{t-1}    of memory_size units each
    c = f * c + i * g
    h = (o * tanh(c)) P                                of hidden_size units

The recurrent kernel then has hidden_size rows and memory_size columns per gate, which saves weights.
It is PyTorch's `LSTM(hidden_size=memory_size, proj_size=hidden_size)`. Kernels hold the gates in the order i, f, g, o;
the forget bias starts at 1, as in the LSTM.
"""

from __future__ import annotations

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells._cell import Cell
from elman.cells.lstm import LSTMCarry, LSTMGates
from elman.ops.activations import sigmoid
from elman.ops.initializers import gate_blocks, glorot


class ProjectedLSTM(Cell):
    """Long short-term memory with a projected output; the carry is `LSTMCarry(h, c)`, c of `memory_size` units.

    >>> cell = ProjectedLSTM(3, 2, memory_size=5, key=jr.key(0))
    >>> carry, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> carry.h.shape, carry.c.shape, bool((carry.h == y).all())
    ((2,), (5,), True)
    """

    kernel: Float[Array, "feature gates"]
    recurrent_kernel: Float[Array, "hidden gates"]
    projection: Float[Array, "memory hidden"]
    bias: Float[Array, " gates"]

    def __init__(self, input_size: int, hidden_size: int, *, memory_size: int | None = None, key: PRNGKeyArray):
        """Builds the cell: `hidden_size` is the width of h, `memory_size` that of c (None: twice as many)."""
        kernel_key, recurrent_key, projection_key = jr.split(key, 3)
        memory = 2 * hidden_size if memory_size is None else memory_size
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = gate_blocks(lambda k: glorot(k, input_size, memory), kernel_key, 4)
        self.recurrent_kernel = gate_blocks(lambda k: jr.orthogonal(k, hidden_size, m=memory), recurrent_key, 4)
        self.projection = glorot(projection_key, memory, hidden_size)
        self.bias = jnp.zeros(4 * memory).at[memory : 2 * memory].set(1.0)

    def init_carry(self) -> LSTMCarry:
        """The start state h = c = 0."""
        memory, hidden = self.projection.shape
        return LSTMCarry(jnp.zeros(hidden, self.kernel.dtype), jnp.zeros(memory, self.kernel.dtype))

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, carry: LSTMCarry, a: Float[Array, " gates"]) -> LSTMGates:
        """The LSTM's gates, each of memory_size units."""
        i, f, g, o = jnp.split(a + carry.h @ self.recurrent_kernel, 4)
        return LSTMGates(sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o))

    def step(self, carry: LSTMCarry, a: Float[Array, " gates"]) -> tuple[LSTMCarry, Float[Array, " hidden"]]:
        """One step: c = f c + i g, h = (o tanh(c)) P."""
        i, f, g, o = self.gates(carry, a)
        c = f * carry.c + i * g
        h = (o * jnp.tanh(c)) @ self.projection
        return LSTMCarry(h, c), h
