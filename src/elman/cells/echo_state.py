"""The echo state network of Jaeger (2001), with the leaky units of Jaeger et al. (2007), after the guide of
Lukosevicius (2012), "A practical guide to applying echo state networks".

    h = (1 - leak) h + leak tanh(x W + h U + b)

W, U and b are drawn once and never trained: `jax.lax.stop_gradient` makes their gradients zero. Only the readout of h
is trained, best in closed form (`elman.ops.ridge`).

spectral_radius is the largest |eigenvalue| of U: below 1 the start state is forgotten in practice, so that h is an echo
of the input; the nearer to 1, the slower. Each unit has 10 recurrent inputs whatever the size, which the guide finds as
good as full connection. W and b are uniform in +-input_scaling; a smaller one keeps tanh nearer its linear part. A leak
of 1 is the unit of 2001; a smaller one slows h down to the pace of slower inputs.

Weight decay would shrink the reservoir even without gradients; train the model around it without weight decay.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import ConfigError
from elman.cells._cell import Cell


class EchoState(Cell):
    """Echo state reservoir; the carry is h.

    Raises:
        ConfigError: a leak outside 0 to 1, or no connections.

    >>> cell = EchoState(1, 50, key=jr.key(0))
    >>> round(float(abs(jnp.linalg.eigvals(cell.recurrent_kernel)).max()), 3)
    0.9
    >>> int((cell.recurrent_kernel != 0).sum(0).max())
    10
    """

    kernel: Float[Array, "feature hidden"]
    recurrent_kernel: Float[Array, "hidden hidden"]
    bias: Float[Array, " hidden"]
    leak: float = eqx.field(static=True)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        spectral_radius: float = 0.9,
        connections: int = 10,
        input_scaling: float = 1.0,
        leak: float = 1.0,
        key: PRNGKeyArray,
    ):
        if not 0 < leak <= 1:
            raise ConfigError(f"leak: expected above 0, up to 1; got {leak}")
        if connections < 1:
            raise ConfigError(f"connections: expected at least 1; got {connections}")
        kernel_key, bias_key, weights_key, places_key = jr.split(key, 4)
        self.input_size, self.hidden_size, self.leak = input_size, hidden_size, leak
        self.kernel = input_scaling * jr.uniform(kernel_key, (input_size, hidden_size), minval=-1.0)
        self.bias = input_scaling * jr.uniform(bias_key, (hidden_size,), minval=-1.0)
        weights = jr.uniform(weights_key, (hidden_size, hidden_size), minval=-1.0)
        ranks = jnp.argsort(jr.uniform(places_key, weights.shape), axis=0)  # each column is a permutation of the rows
        weights = jnp.where(ranks < connections, weights, 0)
        self.recurrent_kernel = weights * (spectral_radius / jnp.abs(jnp.linalg.eigvals(weights)).max())

    def init_carry(self) -> Float[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, self.kernel.dtype)

    def project(self, xs: Float[Array, "time batch feature"]) -> Float[Array, "time batch hidden"]:
        """The projection x W + b."""
        return xs @ jax.lax.stop_gradient(self.kernel) + jax.lax.stop_gradient(self.bias)

    def step(
        self, h: Float[Array, " hidden"], a: Float[Array, " hidden"]
    ) -> tuple[Float[Array, " hidden"], Float[Array, " hidden"]]:
        """One step: h = (1 - leak) h + leak tanh(a + h U)."""
        h = (1 - self.leak) * h + self.leak * jnp.tanh(a + h @ jax.lax.stop_gradient(self.recurrent_kernel))
        return h, h
