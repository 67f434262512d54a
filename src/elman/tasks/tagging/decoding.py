"""Decoding of tags: the best taggings, and the probabilities of tags and of spans, all by the distribution that scores
and chain define (`elman.ops.crf`).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from elman.layers.crf import TagChain
from elman.ops import crf
from elman.tasks.tagging.model import TaggingModel


class BatchScores(NamedTuple):
    """The scores of every tag at every word of a batch, and the mask of the words."""

    scores: Float[Array, "batch time tag"]
    mask: Bool[Array, "batch time"]


class BestTaggings(NamedTuple):
    """The best taggings of each sentence of a batch, the best first, and the log-probability of each as a whole."""

    tags: Int[Array, "batch rank time"]
    log_probabilities: Float[Array, "batch rank"]


@jax.jit
def score(model: TaggingModel, batch: Any) -> BatchScores:
    """Computes the scores of the tags of a `TagBatch`."""
    words, spellings, letters, letter_counts, lengths = map(jnp.asarray, batch[:5])
    mask = jnp.arange(words.shape[1]) < lengths[:, None]
    return BatchScores(model(words, spellings, letters, letter_counts, lengths), mask)


@partial(jax.jit, static_argnames="count")
def decode(chain: TagChain, scored: BatchScores, *, count: int = 1) -> BestTaggings:
    """The `count` best taggings of every sentence; where fewer exist, the others' log-probability is minus infinity."""
    scores, mask = scored
    if count == 1 and chain.is_free:  # steps are independent: the best tag of each gives the same, faster
        log_probabilities = jnp.where(mask, jax.nn.log_softmax(scores).max(-1), 0.0)
        return BestTaggings(jnp.where(mask, scores.argmax(-1), 0)[:, None], log_probabilities.sum(-1)[:, None])
    tags, reached = crf.best(scores, chain(), mask, count=count)
    return BestTaggings(tags, reached - crf.log_partition(scores, chain(), mask)[:, None])


@jax.jit
def measure(model: TaggingModel, batch: Any) -> tuple[Float[Array, ""], Float[Array, ""], Int[Array, "batch time"]]:
    """The summed loss of a batch, the number of words it is over, and the best tags."""
    scored = score(model, batch)
    nats, words = model.chain.loss(*scored, jnp.asarray(batch.tags), jnp.asarray(batch.weights))
    return nats, words, decode(model.chain, scored).tags[:, 0]


@jax.jit
def tag_probabilities(chain: TagChain, scored: BatchScores) -> Float[Array, "batch time tag"]:
    """The probability of every tag at every word; zero at padding."""
    if chain.is_free:
        return jnp.where(scored.mask[..., None], jax.nn.softmax(scored.scores), 0.0)
    return crf.marginals(scored.scores, chain(), scored.mask)


@jax.jit
def restricted_probabilities(
    chain: TagChain, scored: BatchScores, rows: Int[Array, " question"], allowed: Bool[Array, "question time tag"]
) -> Float[Array, " question"]:
    """The probability, for each row of the batch in `rows`, that every word has one of its `allowed` tags. With the
    tags of a span's words fixed and all others free, it is the probability of the span."""
    return jnp.exp(crf.restricted_log_probability(scored.scores[rows], chain(), scored.mask[rows], allowed))
