"""The real-gated linear recurrent unit of De et al. (2024), "Griffin: mixing gated linear recurrences with local
attention".

    r = sigmoid(x W_r + b_r)                        recurrence gate
    i = sigmoid(x W_i + b_i)                        input gate
    v = x W_v + b_v                                 candidate
    a = sigmoid(Lambda)^(c r)                       c = 8
    h = a h + sqrt(1 - a^2) (i v)

The paper's unit is as wide as its input and v is x itself, after a linear layer of its block; W_v is that layer.
With c = 8, the paper's, r moves a, the share of h that is kept, between sigmoid(Lambda)^8 and 1. sqrt(1 - a^2) gives h
the same size for short and long time constants. sigmoid(Lambda)^c starts uniform in 0.9 to 0.999: time constants of 10
to 1,000 steps. a is computed as exp(c r log sigmoid(Lambda)), and 1 - a^2 from that logarithm, since a is so near 1
that the difference would lose its digits.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells._linear import LinearCell
from elman.ops.activations import sigmoid
from elman.ops.initializers import gate_blocks, glorot

_C = 8.0
_SMALLEST = 1e-12
"""The least 1 - a^2: the gradient of its square root would be infinite if a gate closes so far that a rounds to 1."""


class RGLRUGates(NamedTuple):
    """The gates of one step: recurrence, input, candidate, and a, the share of the state that is kept."""

    r: Float[Array, "*batch hidden"]
    i: Float[Array, "*batch hidden"]
    v: Float[Array, "*batch hidden"]
    a: Float[Array, "*batch hidden"]


class RGLRU(LinearCell):
    """Real-gated linear recurrent unit; the carry is h. Kernels hold r, i, v side by side.

    >>> cell = RGLRU(3, 4, key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((h == y).all())
    True
    """

    kernel: Float[Array, "feature gates"]
    bias: Float[Array, " gates"]
    decay: Float[Array, " hidden"]

    def __init__(self, input_size: int, hidden_size: int, *, key: PRNGKeyArray):
        kernel_key, decay_key = jr.split(key)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = gate_blocks(lambda k: glorot(k, input_size, hidden_size), kernel_key, 3)
        self.bias = jnp.zeros(3 * hidden_size)
        kept = jr.uniform(decay_key, (hidden_size,), minval=0.9, maxval=0.999) ** (1 / _C)
        self.decay = jnp.log(kept) - jnp.log1p(-kept)

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, self.kernel.dtype)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for r, i and v."""
        return xs @ self.kernel + self.bias

    def gates(self, h: Float[Array, " hidden"], x: Float[Array, " gates"]) -> RGLRUGates:
        """The gates: the first four equations in the module's docstring."""
        r, i, v = jnp.split(x, 3)
        r, i = sigmoid(r), sigmoid(i)
        return RGLRUGates(r, i, v, jnp.exp(self._log_share(r)))

    def coefficients(self, x: Float[Array, " gates"]) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        """The coefficients a and sqrt(1 - a^2) i v."""
        r, i, v, a = self.gates(self.init_carry(), x)
        taken = jnp.sqrt(jnp.maximum(-jnp.expm1(2 * self._log_share(r)), _SMALLEST))
        return a, taken * i * v

    def show(self, h: Float[Array, " hidden"], x: Float[Array, " gates"]) -> Float[Array, " hidden"]:
        """The output, h itself."""
        return h

    def _log_share(self, r: Float[Array, " hidden"]) -> Float[Array, " hidden"]:
        return _C * r * jax.nn.log_sigmoid(self.decay)
