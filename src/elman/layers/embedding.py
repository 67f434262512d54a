"""An embedding: a learned vector for each token."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman.ops.initializers import embedding


class Embedding(eqx.Module):
    """A table with a row for each token: equals a one-hot vector times the table, without the product.

    >>> import jax, jax.numpy as jnp
    >>> layer = Embedding(10, 4, key=jax.random.key(0))
    >>> ids = jnp.array([[3, 7]])
    >>> bool(jnp.allclose(layer(ids), jax.nn.one_hot(ids, 10) @ layer.table))
    True
    """

    table: Float[Array, "vocab feature"]

    def __init__(self, vocab: int, size: int, *, key: PRNGKeyArray):
        self.table = embedding(key, vocab, size)

    def __call__(self, ids: Int[Array, "batch time"]) -> Float[Array, "batch time feature"]:
        """Looks up the vectors of `ids`, which must lie in [0, vocab)."""
        return self.table[ids]
