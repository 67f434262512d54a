"""The scalar LSTM with exponential gates of Beck et al. (2024), "xLSTM: extended long short-term memory".

    i = exp    (x W_i + h U_i + b_i)    input gate, without an upper bound: it can outweigh the whole state
    f = sigmoid(x W_f + h U_f + b_f)    forget gate
    z = tanh   (x W_z + h U_z + b_z)    candidate
    o = sigmoid(x W_o + h U_o + b_o)    output gate
    c = f c + i z
    n = f n + i                         the normaliser, the sum of the weights in c
    h = o c / n

exp overflows, so c and n are kept divided by exp(m), which cancels in c / n:

    m' = max(log f + m, log i)          i' = exp(log i - m')        f' = exp(log f + m - m')

m starts at -1e30, which stands for an empty state: the first step has f' = 0 and i' = 1, and from then on n >= 1, so
that c / n is safe. U is block-diagonal, one block per head: units see only those of their own head. The forget bias
rises from 3 to 6 over the units, time constants of about 20 to 400 steps, as in the paper's code for the mLSTM. The
paper normalises each head after the cell; that is left to the layer around it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import ConfigError
from elman.cells._cell import Cell
from elman.ops.activations import sigmoid
from elman.ops.initializers import gate_blocks, glorot, orthogonal


class SLSTMCarry(NamedTuple):
    """The state of an sLSTM: the output h, the cell state c and the normaliser n, both scaled by exp(-m), and m."""

    h: Float[Array, "*batch hidden"]
    c: Float[Array, "*batch hidden"]
    n: Float[Array, "*batch hidden"]
    m: Float[Array, "*batch hidden"]


class SLSTMGates(NamedTuple):
    """The gates of one step: i' and f', the candidate z, the output o, and the stabiliser m."""

    i: Float[Array, "*batch hidden"]
    f: Float[Array, "*batch hidden"]
    z: Float[Array, "*batch hidden"]
    o: Float[Array, "*batch hidden"]
    m: Float[Array, "*batch hidden"]


class SLSTM(Cell):
    """Scalar LSTM; the carry is `SLSTMCarry(h, c, n, m)`. Kernels hold i, f, z, o side by side, in each head.

    Raises:
        ConfigError: a hidden size that the heads do not divide.

    >>> cell = SLSTM(3, 4, heads=2, key=jr.key(0))
    >>> carry, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> carry.n.tolist(), bool((carry.h == y).all())
    ([1.0, 1.0, 1.0, 1.0], True)
    """

    kernel: Float[Array, "feature gates"]
    recurrent_kernel: Float[Array, "heads head gates"]
    bias: Float[Array, " gates"]

    def __init__(self, input_size: int, hidden_size: int, *, heads: int = 1, key: PRNGKeyArray):
        if heads < 1 or hidden_size % heads:
            raise ConfigError(f"heads: expected a divisor of hidden_size, {hidden_size}; got {heads}")
        kernel_key, recurrent_key = jr.split(key)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = gate_blocks(lambda k: glorot(k, input_size, hidden_size), kernel_key, 4)
        self.recurrent_kernel = jnp.stack(
            [gate_blocks(lambda k: orthogonal(k, hidden_size // heads), k, 4) for k in jr.split(recurrent_key, heads)]
        )
        forget = jnp.linspace(3.0, 6.0, hidden_size)
        self.bias = jnp.zeros(4 * hidden_size).at[hidden_size : 2 * hidden_size].set(forget)

    def init_carry(self) -> SLSTMCarry:
        """The start state h = c = n = 0, and m = -1e30."""
        zeros = jnp.zeros(self.hidden_size, self.kernel.dtype)
        return SLSTMCarry(zeros, zeros, zeros, zeros - 1e30)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, carry: SLSTMCarry, a: Float[Array, " gates"]) -> SLSTMGates:
        """The gates: the first four equations in the module's docstring, i and f scaled."""
        i, f, z, o = a.reshape(4, -1) + self._recurrent(carry.h)
        kept = jax.nn.log_sigmoid(f) + carry.m
        m = jnp.maximum(kept, i)
        return SLSTMGates(jnp.exp(i - m), jnp.exp(kept - m), jnp.tanh(z), sigmoid(o), m)

    def step(self, carry: SLSTMCarry, a: Float[Array, " gates"]) -> tuple[SLSTMCarry, Float[Array, " hidden"]]:
        """One step: c = f c + i z, n = f n + i, h = o c / n."""
        i, f, z, o, m = self.gates(carry, a)
        c = f * carry.c + i * z
        n = f * carry.n + i
        h = o * c / n
        return SLSTMCarry(h, c, n, m), h

    def _recurrent(self, h: Float[Array, " hidden"]) -> Float[Array, "4 hidden"]:
        """The product h U, gate by gate."""
        heads, size, _ = self.recurrent_kernel.shape
        u = jnp.einsum("kd,kdg->kg", h.reshape(heads, size), self.recurrent_kernel)
        return u.reshape(heads, 4, size).swapaxes(0, 1).reshape(4, -1)
