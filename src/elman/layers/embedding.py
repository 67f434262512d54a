"""An embedding: a learned vector for each token."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._module import Module
from elman.ops.initializers import embedding


class Embedding(Module):
    """A table with a row for each token: equals a one-hot vector times the table, without the product.

    >>> import jax, jax.numpy as jnp
    >>> layer = Embedding(10, 4, key=jax.random.key(0))
    >>> ids = jnp.array([[3, 7]])
    >>> bool(jnp.allclose(layer(ids), jax.nn.one_hot(ids, 10) @ layer.table))
    True
    """

    table: Float[Array, "vocab feature"]

    def __init__(self, vocab: int, size: int, *, deviation: float = 0.3, key: PRNGKeyArray):
        """Builds the layer; `deviation` is that of the random vectors' numbers."""
        self.table = embedding(key, vocab, size, deviation=deviation)

    def __call__(self, ids: Int[Array, "batch time"]) -> Float[Array, "batch time feature"]:
        """Looks up the vectors of `ids`, which must lie in [0, vocab)."""
        with jax.named_scope("embedding"):
            return self.table[ids]
