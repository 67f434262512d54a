"""Layer normalisation: each step by itself."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from elman._module import Module
from elman.ops.normalisation import EPSILON, layer_norm


class LayerNorm(Module):
    """Normalises the features of each step to mean 0 and variance 1, then scales and shifts them (Ba et al., 2016).

    >>> ys = LayerNorm(4)(jnp.array([[[1.0, 2.0, 3.0, 4.0]]]))
    >>> round(float(ys.mean()), 5), round(float(ys.std()), 3)
    (0.0, 1.0)
    """

    scale: Float[Array, " feature"]
    shift: Float[Array, " feature"]
    epsilon: float = eqx.field(static=True)

    def __init__(self, size: int, *, epsilon: float = EPSILON):
        """Builds the layer; `epsilon` keeps a constant step finite."""
        self.scale, self.shift, self.epsilon = jnp.ones(size), jnp.zeros(size), epsilon

    def __call__(self, xs: Float[Array, "*batch feature"]) -> Float[Array, "*batch feature"]:
        """Normalises the last axis."""
        return layer_norm(xs, self.scale, self.shift, epsilon=self.epsilon)
