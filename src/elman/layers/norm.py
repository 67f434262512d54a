"""Layer normalisation: each step by itself."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from elman.ops.normalisation import layer_norm


class LayerNorm(eqx.Module):
    """Normalises the features of each step to mean 0 and variance 1, then scales and shifts them (Ba et al., 2016).

    >>> ys = LayerNorm(4)(jnp.array([[[1.0, 2.0, 3.0, 4.0]]]))
    >>> round(float(ys.mean()), 5), round(float(ys.std()), 3)
    (0.0, 1.0)
    """

    scale: Float[Array, " feature"]
    shift: Float[Array, " feature"]

    def __init__(self, size: int):
        self.scale, self.shift = jnp.ones(size), jnp.zeros(size)

    def __call__(self, xs: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
        """Normalises the last axis."""
        return layer_norm(xs, self.scale, self.shift)
