"""Moving attention: the weights of a step are those of the step before, shifted, or computed anew from content.

    content  = softmax over the states of query . state / sqrt(width)
    moved    = the last weights, in three shares: one place back, unmoved, and one place on
    weights  = (g content + (1 - g) moved)^s, made to sum to 1

The query, g in (0, 1), the three shares and the sharpness s >= 1 come from the decoder's output by a dense layer each:
the addressing of a Neural Turing Machine (Graves, Wayne and Danihelka, 2014). If the output follows the input place by
place, forwards or backwards, as in sums, spelling and pronunciation, a head finds its place once, and then moves on.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._module import Module
from elman.layers.dense import Dense
from elman.layers.notes import note_attention

TINY = 1e-8
"""The summand that keeps the logarithm and the quotient of weights finite."""


class MovingAttentionOutput(NamedTuple):
    """The result of moving attention for each query: the contexts of all heads side by side, and their weights."""

    context: Float[Array, "batch time feature"]
    weights: Float[Array, "batch time head source"]


class MovingAttention(Module):
    """Moving attention with several heads, each with its own weights that are passed from step to step.

    >>> attention = MovingAttention(3, 4, heads=2, key=jax.random.key(0))
    >>> states, lengths = jnp.ones((1, 5, 4)), jnp.array([5])
    >>> start = attention.start(lengths, 5)
    >>> start[0].tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
    >>> last, moved = attention(jnp.ones((1, 6, 3)), states, start, lengths=lengths)
    >>> moved.context.shape, moved.weights.shape, last.shape
    ((1, 6, 8), (1, 6, 2, 5), (1, 2, 5))
    """

    query: Dense
    gate: Dense
    shift: Dense
    sharpness: Dense
    heads: int = eqx.field(static=True)

    def __init__(self, query_size: int, state_size: int, *, heads: int, key: PRNGKeyArray):
        keys = jax.random.split(key, 4)
        self.heads = heads
        self.query = Dense(query_size, heads * state_size, key=keys[0])
        self.gate = Dense(query_size, heads, key=keys[1])
        self.shift = Dense(query_size, 3 * heads, key=keys[2])
        self.sharpness = Dense(query_size, heads, key=keys[3])

    def start(self, lengths: Int[Array, " batch"], source: int) -> Float[Array, "batch head source"]:
        """The start weights: the heads begin in turn on the first of `source` states and on the last real one."""
        last = jnp.arange(self.heads)[:, None] % 2 * (lengths[:, None, None] - 1)
        return ((jnp.arange(source) == last) & (lengths > 0)[:, None, None]).astype(jnp.float32)

    def __call__(
        self,
        queries: Float[Array, "batch time feature"],
        states: Float[Array, "batch source state"],
        weights: Float[Array, "batch head source"],
        *,
        lengths: Int[Array, " batch"],
    ) -> tuple[Float[Array, "batch head source"], MovingAttentionOutput]:
        """The last weights, to continue from, and a context and weights for each query."""
        batch, time, _ = queries.shape
        real = (jnp.arange(states.shape[1]) < lengths[:, None])[:, None]
        head_queries = self.query(queries).reshape(batch, time, self.heads, -1)
        scores = jnp.einsum("bthf,bsf->tbhs", head_queries, states) / states.shape[-1] ** 0.5
        content = jnp.where(real, jax.nn.softmax(jnp.where(real, scores, jnp.finfo(scores.dtype).min), axis=-1), 0)
        gates = jnp.moveaxis(jax.nn.sigmoid(self.gate(queries)), 1, 0)[..., None]
        shares = jax.nn.softmax(self.shift(queries).reshape(batch, time, self.heads, 3), axis=-1)
        shares = jnp.moveaxis(shares, (1, 3), (0, 1))[..., None]
        sharpnesses = 1 + jnp.moveaxis(jax.nn.softplus(self.sharpness(queries)), 1, 0)[..., None]

        def step(weights: Array, now: tuple[Array, ...]) -> tuple[Array, Array]:
            content, gate, (back, stay, on), sharpness = now
            moved = back * jnp.roll(weights, -1, axis=-1).at[..., -1].set(0) + stay * weights
            moved = moved + on * jnp.roll(weights, 1, axis=-1).at[..., 0].set(0)
            mixed = jnp.where(real, (gate * content + (1 - gate) * moved + TINY) ** sharpness, 0)
            weights = mixed / (mixed.sum(axis=-1, keepdims=True) + TINY)
            return weights, weights

        last, all_weights = jax.lax.scan(step, weights, (content, gates, shares, sharpnesses))
        all_weights = jnp.moveaxis(all_weights, 0, 1)
        note_attention("attention", jnp.swapaxes(all_weights, 1, 2))
        context = jnp.einsum("bths,bsf->bthf", all_weights, states).reshape(batch, time, -1)
        return last, MovingAttentionOutput(context, all_weights)
