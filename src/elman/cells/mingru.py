"""Minimal gated cells: Feng, Tung, Ahmed, Bengio and Hajimirsadeghi (2024), "Were RNNs all we needed?"

The gates depend only on the input, so the state is linear in itself and all steps can be taken at once.

    minGRU                                  minLSTM
    z = sigmoid(x W_z + b_z)                f = sigmoid(x W_f + b_f)
    n = x W_n + b_n                         i = sigmoid(x W_i + b_i)
    h = (1 - z) h + z n                     g = x W_g + b_g
                                            h = (f h + i g) / (f + i)

The shares of minLSTM add up to one, which makes its scale independent of time. They are computed as
f / (f + i) = sigmoid(log f - log i), since f and i can both vanish in float32, and 0 / 0 would not be a number.

The paper also has a form in logarithms, with a positive candidate, for a scan that divides by the product of all a_t,
which underflows. `linear_recurrence` never divides, so the plain form is exact to rounding and the candidate keeps its
sign. The forget bias of minLSTM starts at 1, as the LSTM's, so that an untrained cell keeps its state.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells._linear import LinearCell
from elman.ops.activations import sigmoid
from elman.ops.initializers import gate_blocks, glorot

Shares = tuple[Float[Array, " hidden"], Float[Array, " hidden"]]


class MinGRUGates(NamedTuple):
    """The gates of one step: update, candidate."""

    z: Float[Array, "*batch hidden"]
    n: Float[Array, "*batch hidden"]


class MinLSTMGates(NamedTuple):
    """The gates of one step: the share added, the share kept (they sum to 1), candidate."""

    i: Float[Array, "*batch hidden"]
    f: Float[Array, "*batch hidden"]
    g: Float[Array, "*batch hidden"]


class MinGRU(LinearCell):
    """Minimal gated recurrent unit; the carry is h. Kernels hold z, n side by side.

    >>> cell = MinGRU(3, 4, key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool((h == y).all())
    True
    """

    kernel: Float[Array, "feature gates"]
    bias: Float[Array, " gates"]

    def __init__(self, input_size: int, hidden_size: int, *, key: PRNGKeyArray):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = gate_blocks(lambda k: glorot(k, input_size, hidden_size), key, 2)
        self.bias = jnp.zeros(2 * hidden_size)

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, self.kernel.dtype)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for both gates."""
        return xs @ self.kernel + self.bias

    def gates(self, h: Float[Array, " hidden"], a: Float[Array, " gates"]) -> MinGRUGates:
        """The gates: the first two equations in the module's docstring."""
        z, n = jnp.split(a, 2)
        return MinGRUGates(sigmoid(z), n)

    def coefficients(self, a: Float[Array, " gates"]) -> Shares:
        """The coefficients 1 - z and z n."""
        z, n = self.gates(self.init_carry(), a)
        return 1 - z, z * n

    def show(self, h: Float[Array, " hidden"], a: Float[Array, " gates"]) -> Float[Array, " hidden"]:
        """The output, h itself."""
        return h


class MinLSTM(LinearCell):
    """Minimal long short-term memory; the carry is h. Kernels hold i, f, g side by side.

    >>> cell = MinLSTM(3, 4, key=jr.key(0))
    >>> i, f, g = cell.gates(cell.init_carry(), cell.project(jnp.ones((1, 1, 3)))[0, 0])
    >>> bool(jnp.allclose(i + f, 1))
    True
    """

    kernel: Float[Array, "feature gates"]
    bias: Float[Array, " gates"]

    def __init__(self, input_size: int, hidden_size: int, *, key: PRNGKeyArray):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = gate_blocks(lambda k: glorot(k, input_size, hidden_size), key, 3)
        self.bias = jnp.zeros(3 * hidden_size).at[hidden_size : 2 * hidden_size].set(1.0)

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, self.kernel.dtype)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch gates"]:
        """The projection x W + b for all gates."""
        return xs @ self.kernel + self.bias

    def gates(self, h: Float[Array, " hidden"], a: Float[Array, " gates"]) -> MinLSTMGates:
        """The gates i and f, divided by their sum, and the candidate g."""
        i, f, g = jnp.split(a, 3)
        odds = jax.nn.log_sigmoid(f) - jax.nn.log_sigmoid(i)
        return MinLSTMGates(sigmoid(-odds), sigmoid(odds), g)

    def coefficients(self, a: Float[Array, " gates"]) -> Shares:
        """The coefficients f and i g."""
        i, f, g = self.gates(self.init_carry(), a)
        return f, i * g

    def show(self, h: Float[Array, " hidden"], a: Float[Array, " gates"]) -> Float[Array, " hidden"]:
        """The output, h itself."""
        return h
