"""A dense layer, x W + b."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman._module import Module
from elman.ops.initializers import glorot


class Dense(Module):
    """A dense layer, x W + b on the last axis; the kernel starts as Glorot's, the bias at zero.

    >>> import jax
    >>> Dense(3, 2, key=jax.random.key(0))(jnp.zeros((5, 4, 3))).shape
    (5, 4, 2)
    """

    kernel: Float[Array, "feature outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, *, key: PRNGKeyArray):
        self.kernel = glorot(key, inputs, outputs)
        self.bias = jnp.zeros(outputs)

    def __call__(self, xs: Float[Array, "*batch feature"]) -> Float[Array, "*batch outputs"]:
        """Applies the layer to every step."""
        with jax.named_scope("output"):
            return xs @ self.kernel + self.bias
