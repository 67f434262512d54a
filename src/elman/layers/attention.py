"""Attention over the states of an encoder: for each query, a mean of the states weighted by how well they fit it.

    additive    score(q, s) = v . tanh(q W + s U + b)    Bahdanau, Cho and Bengio (2015)
    dot         score(q, s) = q . s                      Luong, Pham and Manning (2015)

    weights = softmax over the states of score
    context = sum over the states of weight * state

Padding has weight 0. An empty sequence has no weights: its context is zero, and gradients stay finite.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._module import Module
from elman.layers.notes import note_attention
from elman.ops.initializers import glorot


class AttentionOutput(NamedTuple):
    """The result of attention for each query: the context, and weights that sum to 1 over the real states."""

    context: Float[Array, "batch time feature"]
    weights: Float[Array, "batch time source"]


class AdditiveAttention(Module):
    """Additive attention, for queries and states of any width.

    `keys` is the part of the scores that depends only on the states; it is computed once for all queries.

    >>> attention = AdditiveAttention(3, 4, 5, key=jax.random.key(0))
    >>> states = jnp.ones((2, 6, 4))
    >>> attended = attention(jnp.ones((2, 1, 3)), attention.keys(states), states, lengths=jnp.array([6, 2]))
    >>> attended.context.shape, attended.weights[1, 0].tolist()
    ((2, 1, 4), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0])
    """

    query_kernel: Float[Array, "feature attention"]
    state_kernel: Float[Array, "state attention"]
    bias: Float[Array, " attention"]
    score: Float[Array, " attention"]

    def __init__(self, query_size: int, state_size: int, size: int, *, key: PRNGKeyArray):
        """Builds the layer; `size` is the width of the hidden layer that compares a query with a state."""
        query_key, state_key, score_key = jax.random.split(key, 3)
        self.query_kernel = glorot(query_key, query_size, size)
        self.state_kernel = glorot(state_key, state_size, size)
        self.bias = jnp.zeros(size)
        self.score = glorot(score_key, size, 1)[:, 0]

    def keys(self, states: Float[Array, "batch source state"]) -> Float[Array, "batch source attention"]:
        """The keys s U + b."""
        return states @ self.state_kernel + self.bias

    def __call__(
        self,
        queries: Float[Array, "batch time feature"],
        keys: Float[Array, "batch source attention"],
        states: Float[Array, "batch source state"],
        *,
        lengths: Int[Array, " batch"] | None = None,
    ) -> AttentionOutput:
        """A context and weights for each query; `lengths` are those of the states."""
        compared = jnp.tanh((queries @ self.query_kernel)[:, :, None] + keys[:, None])
        return attend(compared @ self.score, states, lengths=lengths)


class DotAttention(Module):
    """Dot attention, which has no trainable weights: queries and states have the same width.

    >>> attention, states = DotAttention(), jnp.array([[[9.0, 0.0], [0.0, 9.0]]])
    >>> attended = attention(jnp.array([[[2.0, 0.0]]]), attention.keys(states), states)
    >>> attended.weights.round(3).tolist()
    [[[1.0, 0.0]]]
    """

    def keys(self, states: Float[Array, "batch source feature"]) -> Float[Array, "batch source feature"]:
        """The keys, which are the states themselves."""
        return states

    def __call__(
        self,
        queries: Float[Array, "batch time feature"],
        keys: Float[Array, "batch source feature"],
        states: Float[Array, "batch source feature"],
        *,
        lengths: Int[Array, " batch"] | None = None,
    ) -> AttentionOutput:
        """A context and weights for each query; `lengths` are those of the states."""
        return attend(jnp.einsum("bth,bsh->bts", queries, keys), states, lengths=lengths)


def attend(
    scores: Float[Array, "batch time source"],
    states: Float[Array, "batch source feature"],
    *,
    lengths: Int[Array, " batch"] | None = None,
) -> AttentionOutput:
    """The means of the states, weighted by the softmax of `scores`."""
    if lengths is None:
        weights = jax.nn.softmax(scores, axis=-1)
    else:
        real = (jnp.arange(scores.shape[-1]) < lengths[:, None])[:, None]
        # A finite number in place of minus infinity: a row without real states would be 0/0.
        weights = jnp.where(real, jax.nn.softmax(jnp.where(real, scores, jnp.finfo(scores.dtype).min), axis=-1), 0)
    note_attention("attention", weights[:, None])
    return AttentionOutput(jnp.einsum("bts,bsf->btf", weights, states), weights)
