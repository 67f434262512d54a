"""Layer normalisation: each step by itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EPSILON = 1e-6
"""The summand that keeps a constant step finite. PyTorch's is 1e-5, Keras' 1e-3."""


def layer_norm(
    xs: Float[Array, "*batch feature"],
    scale: Float[Array, " feature"],
    shift: Float[Array, " feature"],
    *,
    epsilon: float = EPSILON,
) -> Float[Array, "*batch feature"]:
    """Normalises the last axis to zero mean and unit variance, then scales and shifts it (Ba et al., 2016).

    >>> layer_norm(jnp.array([1.0, 3.0]), jnp.ones(2), jnp.zeros(2)).round(3).tolist()
    [-1.0, 1.0]
    """
    centred = xs - xs.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + epsilon) * scale + shift
