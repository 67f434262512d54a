"""Sampling of a token from logits: temperature, top-k, top-p (Holtzman et al., 2020), greedy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key


def filter_logits(
    logits: Float[Array, "batch vocab"], *, top_k: int | Array, top_p: float | Array
) -> Float[Array, "batch vocab"]:
    """The logits, set to -inf outside the `top_k` most likely tokens (0: all) and outside the smallest set of tokens
    with the probability `top_p`, which always contains the most likely one.

    >>> logits = jnp.log(jnp.array([[0.5, 0.3, 0.2]]))
    >>> jnp.isfinite(filter_logits(logits, top_k=2, top_p=1.0)).tolist()
    [[True, True, False]]
    >>> jnp.isfinite(filter_logits(logits, top_k=0, top_p=0.6)).tolist()
    [[True, True, False]]
    """
    vocab = logits.shape[-1]
    order = jnp.argsort(-logits, axis=-1)
    ranked = jnp.take_along_axis(logits, order, axis=-1)
    probability = jax.nn.softmax(ranked, axis=-1)
    before = jnp.cumsum(probability, axis=-1) - probability
    kept = (jnp.arange(vocab) < jnp.where(top_k > 0, top_k, vocab)) & (before < top_p)
    kept = kept.at[..., 0].set(True)
    places = jnp.argsort(order, axis=-1)
    return jnp.where(jnp.take_along_axis(kept, places, axis=-1), logits, -jnp.inf)


def sample(
    logits: Float[Array, "batch vocab"],
    keys: Key[Array, " batch"],
    *,
    temperature: float | Array,
    top_k: int | Array,
    top_p: float | Array,
    greedy: bool,
    whole: bool,
) -> Int[Array, " batch"]:
    """Samples one token for each row, with its own key. `greedy` and `whole` (neither top-k nor top-p, which saves a
    sort) are fixed when the loop is compiled."""
    if greedy:
        return jnp.argmax(logits, axis=-1).astype(jnp.int32)
    logits = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    if not whole:
        logits = filter_logits(logits, top_k=top_k, top_p=top_p)
    return jax.vmap(jax.random.categorical)(keys, logits).astype(jnp.int32)
