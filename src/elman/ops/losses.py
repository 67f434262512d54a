"""Losses as a sum and a count, so that they can be added over batches and divided once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


@jax.named_scope("loss")
def cross_entropy(
    logits: Float[Array, "batch time vocab"],
    targets: Int[Array, "batch time"],
    weights: Float[Array, "batch time"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The sum of -weight * log p(target) in nats, and the sum of the weights.

    >>> logits = jnp.log(jnp.array([[[0.2, 0.7, 0.1]]]))
    >>> total, count = cross_entropy(logits, jnp.array([[1]]), jnp.ones((1, 1)))
    >>> round(float(total / count), 6)
    0.356675
    """
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    nats = jax.nn.logsumexp(logits, axis=-1) - chosen
    return jnp.sum(jnp.where(weights > 0, nats * weights, 0.0)), jnp.sum(weights)
