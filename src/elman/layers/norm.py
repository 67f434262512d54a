"""Normalisation of each step by itself."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class LayerNorm(eqx.Module):
    """Zero mean and unit variance over the features of each step, then a learned scale and shift (Ba et al., 2016).

    >>> ys = LayerNorm(4)(jnp.array([[[1.0, 2.0, 3.0, 4.0]]]))
    >>> round(float(ys.mean()), 5), round(float(ys.std()), 3)
    (0.0, 1.0)
    """

    scale: Float[Array, " feature"]
    shift: Float[Array, " feature"]

    def __init__(self, size: int):
        self.scale, self.shift = jnp.ones(size), jnp.zeros(size)

    def __call__(self, xs: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
        """Normalises the last axis; 1e-6 keeps a constant step finite."""
        centred = xs - xs.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-6) * self.scale + self.shift
