"""The linear recurrent unit of Orvieto et al. (2023), "Resurrecting recurrent neural networks for long sequences".

    h_t = lambda h_{t-1} + gamma (x_t B)        lambda = exp(-exp(nu) + i exp(theta))
    y_t = Re(h_t C) + x_t D

with complex h, lambda, B and C; products by lambda and gamma are elementwise. exp(-exp(nu)) keeps |lambda| below 1, so
that the state stays stable in training, and is finest near 1, where time constants are long. gamma starts at
sqrt(1 - |lambda|^2), which gives h the same size for short and long time constants, and is trained as its logarithm.

lambda starts uniform on the ring r_min <= |lambda| <= r_max at angles up to max_phase. The defaults are the paper's
whole disk; its long-range tasks use a ring near 1 (0.9 to 0.999) and small angles (pi / 10). B and C are normal with
variances 1 / (2 inputs) and 1 / hidden, D with variance 1 / inputs.

The unit is linear from x to y, so it needs non-linearities between layers: the paper puts a gated layer, a
normalisation and a residual sum around it.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from elman.cells._linear import LinearCell
from elman.ops.initializers import normal

Projected = tuple[Complex[Array, "*batch hidden"], Float[Array, "*batch hidden"]]


class LRU(LinearCell):
    """Linear recurrent unit; the carry is the complex h. Complex weights are kept as their real and imaginary parts.

    >>> cell = LRU(3, 4, key=jr.key(0))
    >>> h, y = cell.step(cell.init_carry(), (jnp.ones(4, complex), jnp.ones(4)))
    >>> h.dtype, y.dtype
    (dtype('complex64'), dtype('float32'))
    """

    nu: Float[Array, " hidden"]
    theta: Float[Array, " hidden"]
    log_gamma: Float[Array, " hidden"]
    input_kernel: Float[Array, "parts feature hidden"]
    output_kernel: Float[Array, "parts hidden hidden"]
    skip_kernel: Float[Array, "feature hidden"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        r_min: float = 0.0,
        r_max: float = 1.0,
        max_phase: float = 2 * math.pi,
        key: PRNGKeyArray,
    ):
        radius_key, angle_key, b_key, c_key, d_key = jr.split(key, 5)
        self.input_size, self.hidden_size = input_size, hidden_size
        # Uniform in area, and away from both ends, so that the logarithms below are finite.
        places = jr.uniform(radius_key, (hidden_size,), minval=1e-4, maxval=1 - 1e-4)
        squared = r_min**2 + places * (r_max**2 - r_min**2)
        self.nu = jnp.log(-0.5 * jnp.log(squared))
        self.theta = jnp.log(max_phase * jr.uniform(angle_key, (hidden_size,), minval=1e-4))
        self.log_gamma = 0.5 * jnp.log1p(-squared)
        self.input_kernel = normal(b_key, (2, input_size, hidden_size), (2 * input_size) ** -0.5)
        self.output_kernel = normal(c_key, (2, hidden_size, hidden_size), hidden_size**-0.5)
        self.skip_kernel = normal(d_key, (input_size, hidden_size), input_size**-0.5)

    def init_carry(self) -> Complex[Array, " hidden"]:
        """The start state h = 0."""
        return jnp.zeros(self.hidden_size, jnp.result_type(self.nu, jnp.complex64))

    def project(self, xs: Float[Array, "time batch feature"]) -> Projected:
        """The projections gamma (x B) and x D."""
        gamma = jnp.exp(self.log_gamma)
        kernels = jnp.concatenate([*(self.input_kernel * gamma), self.skip_kernel], axis=1)
        real, imaginary, skip = jnp.split(xs @ kernels, 3, axis=-1)
        return jax.lax.complex(real, imaginary), skip

    def coefficients(self, x: Projected) -> tuple[Complex[Array, " hidden"], Complex[Array, " hidden"]]:
        """The coefficients lambda and gamma (x B)."""
        return jnp.exp(jax.lax.complex(-jnp.exp(self.nu), jnp.exp(self.theta))), x[0]

    def show(self, h: Complex[Array, " hidden"], x: Projected) -> Float[Array, " hidden"]:
        """The output Re(h C) + x D."""
        return jnp.concatenate([h.real, -h.imag]) @ jnp.concatenate(self.output_kernel) + x[1]
