"""The loss of beats whose kind may be unknown."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def beat_loss(
    scores: Float[Array, "batch time label"], beats: Int[Array, "batch time"], weights: Float[Array, "batch time"]
) -> Float[Array, ""]:
    """The sum of -weight * log p(beat) in nats. Label 0 is no beat; the label after the last is a beat of unknown kind,
    whose p is the sum over all kinds.

    >>> scores = jnp.log(jnp.array([[[0.2, 0.7, 0.1], [0.2, 0.7, 0.1]]]))
    >>> bool(jnp.allclose(beat_loss(scores, jnp.array([[1, 3]]), jnp.ones((1, 2))), -jnp.log(0.7) - jnp.log(0.8)))
    True
    """
    of_some = jax.nn.logsumexp(scores[..., 1:], axis=-1, keepdims=True)
    chosen = jnp.take_along_axis(jnp.concatenate([scores, of_some], axis=-1), beats[..., None], axis=-1)[..., 0]
    nats = jax.nn.logsumexp(scores, axis=-1) - chosen
    return jnp.sum(jnp.where(weights > 0, nats * weights, 0.0))
