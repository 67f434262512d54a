"""The LSTM with a matrix memory of Beck et al. (2024), "xLSTM: extended long short-term memory". Per head of size d:

    q = x W_q + b_q        k = (x W_k + b_k) / sqrt(d)        v = x W_v + b_v
    i = exp(x w_i + b_i)   f = sigmoid(x w_f + b_f)           one number per head
    o = sigmoid(x W_o + b_o)
    C = f C + i v k^T      the memory, which stores v under the key k
    n = f n + i k          the normaliser, the sum of the stored keys
    h = o * C q / max(|n . q|, 1)

exp overflows, so C and n are kept divided by exp(m), and the 1 of the last line becomes exp(-m):

    m' = max(log f + m, log i)          i' = exp(log i - m')        f' = exp(log f + m - m')

q, k, v and the gates depend only on the input: no kernel multiplies the state. Capacity comes from C, of d x d numbers
per head, and back-propagation stores one C per step. More heads make C smaller: by default the cell has 4, the paper's
number, if 4 divides the hidden size, else 1. 1 / sqrt(d) keeps k . q of size 1. As in the paper's code, the gates start
independent of the input, with i = 1 and forget biases from 3 to 6 over the heads: time constants of about 20 to 400
steps. The paper normalises each head after the cell; that is left to the layer around it.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import ConfigError
from elman.cells._cell import Cell
from elman.ops.activations import sigmoid
from elman.ops.initializers import gate_blocks, glorot


class MLSTMCarry(NamedTuple):
    """The state of an mLSTM: the memory C and the normaliser n, both scaled by exp(-m), and the stabiliser m."""

    C: Float[Array, "*batch heads head head"]
    n: Float[Array, "*batch heads head"]
    m: Float[Array, "*batch heads"]


class MLSTMGates(NamedTuple):
    """The gates of one step: i' and f', output, query, key, value, and the stabiliser m."""

    i: Float[Array, "*batch heads"]
    f: Float[Array, "*batch heads"]
    o: Float[Array, "*batch hidden"]
    q: Float[Array, "*batch heads head"]
    k: Float[Array, "*batch heads head"]
    v: Float[Array, "*batch heads head"]
    m: Float[Array, "*batch heads"]


class MLSTM(Cell):
    """Matrix LSTM; the carry is `MLSTMCarry(C, n, m)`. The kernel holds q, k, v, o, then i and f side by side.

    Raises:
        ConfigError: a hidden size that the heads do not divide.

    >>> cell = MLSTM(3, 4, heads=2, key=jr.key(0))
    >>> carry, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> carry.C.shape, y.shape
    ((2, 2, 2), (4,))
    """

    kernel: Float[Array, "feature gates"]
    bias: Float[Array, " gates"]
    heads: int = eqx.field(static=True)

    def __init__(self, input_size: int, hidden_size: int, *, heads: int | None = None, key: PRNGKeyArray):
        heads = (4 if hidden_size % 4 == 0 else 1) if heads is None else heads
        if heads < 1 or hidden_size % heads:
            raise ConfigError(f"heads: expected a divisor of hidden_size, {hidden_size}; got {heads}")
        self.input_size, self.hidden_size, self.heads = input_size, hidden_size, heads
        vectors = gate_blocks(lambda k: glorot(k, input_size, hidden_size), key, 4)
        self.kernel = jnp.concatenate([vectors, jnp.zeros((input_size, 2 * heads))], axis=1)
        self.bias = jnp.concatenate([jnp.zeros(4 * hidden_size + heads), jnp.linspace(3.0, 6.0, heads)])

    def init_carry(self) -> MLSTMCarry:
        """The start state C = n = m = 0."""
        size, dtype = self.hidden_size // self.heads, self.kernel.dtype
        shapes = ((self.heads, size, size), (self.heads, size), (self.heads,))
        return MLSTMCarry(*[jnp.zeros(shape, dtype) for shape in shapes])

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, carry: MLSTMCarry, a: Float[Array, " gates"]) -> MLSTMGates:
        """The gates: the first three lines of equations in the module's docstring, i and f scaled."""
        vectors, i, f = jnp.split(a, [4 * self.hidden_size, 4 * self.hidden_size + self.heads])
        q, k, v, o = vectors.reshape(4, self.heads, -1)
        kept = jax.nn.log_sigmoid(f) + carry.m
        m = jnp.maximum(kept, i)
        return MLSTMGates(jnp.exp(i - m), jnp.exp(kept - m), sigmoid(o).ravel(), q, k * k.shape[-1] ** -0.5, v, m)

    def step(self, carry: MLSTMCarry, a: Float[Array, " gates"]) -> tuple[MLSTMCarry, Float[Array, " hidden"]]:
        """One step: C = f C + i v k^T, n = f n + i k, h = o * C q / max(|n . q|, exp(-m))."""
        i, f, o, q, k, v, m = self.gates(carry, a)
        C = f[:, None, None] * carry.C + (i[:, None] * v)[:, :, None] * k[:, None, :]
        n = f[:, None] * carry.n + i[:, None] * k
        read = jnp.einsum("kij,kj->ki", C, q)
        weight = jnp.maximum(jnp.abs(jnp.sum(n * q, axis=-1)), jnp.exp(-m))
        return MLSTMCarry(C, n, m), o * (read / weight[:, None]).ravel()
