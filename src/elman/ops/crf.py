"""The linear-chain conditional random field (Lafferty, McCallum and Pereira, 2001): a distribution over taggings

    p(y | x) = exp(s(x, y)) / Z(x)
    s(x, y) = start[y_1] + sum_t scores[t, y_t] + sum_t follow[y_t, y_t+1] + end[y_T]

where `scores` come from a network. Real steps are those where `mask` is True, wherever the padding is; a sequence
without any has one tagging, the empty one, of score 0. Transitions that a tagging scheme forbids score `FORBIDDEN`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from elman._show import brief, brief_table

FORBIDDEN = -1e30
"""The score of a forbidden transition: as good as minus infinity, but sums, differences and gradients stay finite."""


class Chain(NamedTuple):
    """Scores of tags independent of the words: of one tag after another, of the first tag and of the last one."""

    follow: Float[Array, "tag next"]
    start: Float[Array, " tag"]
    end: Float[Array, " tag"]

    __repr__, _repr_html_ = brief, brief_table


def log_partition(
    scores: Float[Array, "batch time tag"], chain: Chain, mask: Bool[Array, "batch time"]
) -> Float[Array, " batch"]:
    """The log partition function log Z: the log of the summed exp(score) of all taggings, by the forward recursion.

    >>> scores, mask = jnp.log(jnp.array([[[1.0, 2.0], [3.0, 4.0]]])), jnp.ones((1, 2), bool)
    >>> free = Chain(jnp.zeros((2, 2)), jnp.zeros(2), jnp.zeros(2))
    >>> round(float(jnp.exp(log_partition(scores, free, mask))[0]), 4)  # (1 + 2) (3 + 4)
    21.0
    """

    def step(carry: tuple[Array, Array], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        alpha, begun = carry
        score, real = inputs
        reached = jax.nn.logsumexp(alpha[:, :, None] + chain.follow, axis=1)
        reached = jnp.where(begun[:, None], reached, chain.start) + score
        return (jnp.where(real[:, None], reached, alpha), begun | real), None

    start = (jnp.zeros_like(scores[:, 0]), jnp.zeros(len(scores), bool))
    (alpha, begun), _ = jax.lax.scan(step, start, _by_time(_real(scores, mask), mask))
    return jnp.where(begun, jax.nn.logsumexp(alpha + chain.end, axis=-1), 0.0)


def tagging_score(
    scores: Float[Array, "batch time tag"],
    chain: Chain,
    mask: Bool[Array, "batch time"],
    tags: Int[Array, "batch time"],
) -> Float[Array, " batch"]:
    """The score s(x, y) of one tagging; tags at padding may be any in range."""

    def step(carry: tuple[Array, Array, Array], inputs: tuple[Array, Array, Array]) -> tuple[tuple, None]:
        total, before, begun = carry
        score, tag, real = inputs
        way = jnp.where(begun, chain.follow[before, tag], chain.start[tag])
        here = jnp.take_along_axis(score, tag[:, None], axis=1)[:, 0]
        return (jnp.where(real, total + way + here, total), jnp.where(real, tag, before), begun | real), None

    batch = len(scores)
    first = (jnp.zeros(batch, scores.dtype), jnp.zeros(batch, tags.dtype), jnp.zeros(batch, bool))
    (total, last, begun), _ = jax.lax.scan(step, first, _by_time(_real(scores, mask), tags, mask))
    return jnp.where(begun, total + chain.end[last], 0.0)


def log_likelihood(
    scores: Float[Array, "batch time tag"],
    chain: Chain,
    mask: Bool[Array, "batch time"],
    tags: Int[Array, "batch time"],
) -> Float[Array, " batch"]:
    """The log-likelihood log p(tags | x); 0 for a sequence without a real step.

    >>> scores, mask = jnp.log(jnp.array([[[1.0, 3.0], [2.0, 2.0]]])), jnp.ones((1, 2), bool)
    >>> free = Chain(jnp.zeros((2, 2)), jnp.zeros(2), jnp.zeros(2))
    >>> round(float(jnp.exp(log_likelihood(scores, free, mask, jnp.array([[1, 0]])))[0]), 4)  # 3/4 times 2/4
    0.375
    """
    return tagging_score(scores, chain, mask, tags) - log_partition(scores, chain, mask)


def marginals(
    scores: Float[Array, "batch time tag"], chain: Chain, mask: Bool[Array, "batch time"]
) -> Float[Array, "batch time tag"]:
    """The marginals p(y_t = tag | x) at every real step, zero at padding: the gradient of log Z by the scores.

    >>> scores = jnp.log(jnp.array([[[1.0, 3.0]]]))
    >>> free = Chain(jnp.zeros((2, 2)), jnp.zeros(2), jnp.zeros(2))
    >>> marginals(scores, free, jnp.ones((1, 1), bool)).round(4).tolist()
    [[[0.25, 0.75]]]
    """
    return jax.grad(lambda scores: log_partition(scores, chain, mask).sum())(scores)


def restricted_log_probability(
    scores: Float[Array, "batch time tag"],
    chain: Chain,
    mask: Bool[Array, "batch time"],
    allowed: Bool[Array, "batch time tag"],
) -> Float[Array, " batch"]:
    """The log-probability that every y_t is among the tags that `allowed` has for it; such as a span's.

    >>> scores = jnp.log(jnp.array([[[1.0, 1.0, 2.0]]]))
    >>> free = Chain(jnp.zeros((3, 3)), jnp.zeros(3), jnp.zeros(3))
    >>> real, allowed = jnp.ones((1, 1), bool), jnp.array([[[True, False, True]]])
    >>> round(float(jnp.exp(restricted_log_probability(scores, free, real, allowed))[0]), 4)
    0.75
    """
    kept = jnp.where(allowed, scores, FORBIDDEN)
    return jnp.minimum(log_partition(kept, chain, mask) - log_partition(scores, chain, mask), 0.0)


def best(
    scores: Float[Array, "batch time tag"], chain: Chain, mask: Bool[Array, "batch time"], *, count: int = 1
) -> tuple[Int[Array, "batch count time"], Float[Array, "batch count"]]:
    """The `count` taggings of highest score, the best first (Viterbi, 1967; k-best as in Seshadri and Sundberg, 1994),
    and their scores; less `log_partition`, these are log-probabilities. Tags at padding are 0. Where there are fewer
    taggings, or fewer that are not forbidden, the rest have the score minus infinity.

    >>> scores, mask = jnp.array([[[0.0, 1.0], [0.0, 3.0]]]), jnp.ones((1, 2), bool)
    >>> free = Chain(jnp.zeros((2, 2)), jnp.zeros(2), jnp.zeros(2))
    >>> tags, reached = best(scores, free, mask, count=5)
    >>> tags.tolist(), reached.tolist()
    ([[[1, 1], [0, 1], [1, 0], [0, 0], [0, 0]]], [[4.0, 3.0, 1.0, 0.0, -inf]])
    """
    batch, _, tag = scores.shape
    ranks = jnp.where(jnp.arange(count) == 0, 0.0, FORBIDDEN)  # each tag at the first step can be reached in one way

    def step(carry: tuple[Array, Array], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        """One Viterbi step; `carry` has the best scores of the paths that end in each tag: batch, tag, rank."""
        delta, begun = carry
        score, real = inputs
        ways = delta[:, :, :, None] + chain.follow[:, None, :]  # batch, tag before, rank, tag
        top, came = _largest(jnp.moveaxis(ways.reshape(batch, tag * count, tag), 1, 2), count)
        first = jnp.broadcast_to(chain.start[:, None] + ranks, top.shape)
        reached = jnp.where(begun[:, None, None], top, first) + score[:, :, None]
        return (jnp.where(real[:, None, None], reached, delta), begun | real), came

    start = (jnp.zeros((batch, tag, count), scores.dtype), jnp.zeros(batch, bool))
    (delta, begun), came = jax.lax.scan(step, start, _by_time(_real(scores, mask), mask))
    ends = (delta + chain.end[:, None]).reshape(batch, tag * count)
    reached, last = _largest(ends, count)
    reached = jnp.where(begun[:, None], reached, ranks)
    return _followed_back(came, last, mask, count), jnp.where(reached > FORBIDDEN / 2, reached, -jnp.inf)


def _followed_back(
    came: Int[Array, "time batch tag count"],
    last: Int[Array, "batch count"],
    mask: Bool[Array, "batch time"],
    count: int,
) -> Int[Array, "batch count time"]:
    """The tags along the pointers, from the last step to the first. A pointer is tag times count, plus rank."""

    def step(place: Array, inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        pointers, real = inputs
        flat = pointers.reshape(len(pointers), -1)  # batch, tag times count
        before = jnp.take_along_axis(flat, place, axis=1)
        return jnp.where(real[:, None], before, place), jnp.where(real[:, None], place // count, 0)

    _, tags = jax.lax.scan(step, last, (came, mask.T), reverse=True)
    return jnp.moveaxis(tags, 0, 2)


def _largest(
    values: Float[Array, "*batch choice"], count: int
) -> tuple[Float[Array, "*batch count"], Int[Array, "*batch count"]]:
    """The `count` largest values of the last axis, and their indices."""
    if count == 1:  # much faster than sorting
        return values.max(-1, keepdims=True), values.argmax(-1, keepdims=True).astype(jnp.int32)
    top, places = jax.lax.top_k(values, count)
    return top, places


def _real(scores: Float[Array, "batch time tag"], mask: Bool[Array, "batch time"]) -> Float[Array, "batch time tag"]:
    """The scores with zeros at padding, so that its content reaches neither the result nor a gradient."""
    return jnp.where(mask[:, :, None], scores, 0.0)


def _by_time(*arrays: Array) -> Any:
    return tuple(jnp.moveaxis(array, 1, 0) for array in arrays)
