"""Dropout with one mask for all time steps."""

from __future__ import annotations

import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray


def variational_dropout(
    xs: Float[Array, "batch time feature"], rate: float, *, key: PRNGKeyArray | None
) -> Float[Array, "batch time feature"]:
    """Zeroes whole features of a sequence and scales the rest by 1 / (1 - rate) (Gal and Ghahramani, 2016).
    One mask serves every step of a sequence, so that noise does not accumulate in the recurrence.
    `key=None` means inference: `xs` is returned unchanged.

    >>> ys = variational_dropout(jnp.ones((1, 3, 8)), 0.5, key=jr.key(0))
    >>> bool((ys[:, 0] == ys[:, 2]).all()), sorted(set(ys.ravel().tolist()))
    (True, [0.0, 2.0])
    """
    if key is None or rate == 0:
        return xs
    batch, _, feature = xs.shape
    kept = jr.bernoulli(key, 1 - rate, (batch, 1, feature))
    return xs * (kept / (1 - rate)).astype(xs.dtype)
