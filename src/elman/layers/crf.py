"""The transition scores of a tagger: which tags follow each other, learned or fixed."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from elman._module import Module
from elman.ops.crf import FORBIDDEN, Chain, log_likelihood
from elman.ops.losses import cross_entropy

Allowed = tuple[tuple[bool, ...], ...]


class TagChain(Module):
    """Transition, start and end scores of tags for `elman.ops.crf`, which start at zero. If they are not learned they
    stay zero: every step is then a softmax of its own, except for transitions that are not allowed.

    >>> allowed = np.array([[1, 0, 1], [1, 1, 1], [1, 0, 1]]) > 0  # tag 1 neither comes after 0 nor first
    >>> chain = TagChain(2, learned=True, allowed=allowed)()
    >>> (chain.follow < -1).tolist(), (chain.start < -1).tolist()
    ([[False, True], [False, False]], [False, True])
    """

    scores: Chain | None
    tags: int = eqx.field(static=True)
    allowed: Allowed | None = eqx.field(static=True)

    def __init__(self, tags: int, *, learned: bool, allowed: Bool[np.ndarray, "before after"] | None = None):
        """Builds the chain. `allowed` tells which tag may follow which; its last row is the start, its last column the
        end."""
        self.scores = _zeros(tags) if learned else None
        self.tags, self.allowed = tags, None if allowed is None else tuple(map(tuple, allowed.tolist()))

    @property
    def is_free(self) -> bool:
        """True if the chain has no scores and no constraints, so that every step is independent."""
        return self.scores is None and self.allowed is None

    def __call__(self) -> Chain:
        """The scores, with those of transitions that are not allowed set to `FORBIDDEN`."""
        chain = _zeros(self.tags) if self.scores is None else self.scores
        if self.allowed is None:
            return chain
        table = jnp.asarray(self.allowed)
        ways = (table[:-1, :-1], table[-1, :-1], table[:-1, -1])
        return Chain(*(jnp.where(way, score, FORBIDDEN) for way, score in zip(ways, chain, strict=True)))

    def loss(
        self,
        scores: Float[Array, "batch time tag"],
        mask: Bool[Array, "batch time"],
        tags: Int[Array, "batch time"],
        weights: Float[Array, "batch time"],
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The sum of -log p(right tags) in nats, and its number of words: for each word by itself, or, if the chain
        is learned, for all words of a sentence together. A weight of 0 at a real word means that its tag is unknown to
        the model; then the word does not count, and in a learned chain neither does its sentence.
        """
        if self.scores is None:
            return cross_entropy(scores, tags, weights)
        whole = ((weights > 0) == mask).all(axis=1)
        nats = -log_likelihood(scores, self(), mask, tags)
        return jnp.sum(jnp.where(whole, nats, 0.0)), jnp.sum(weights * whole[:, None])


def _zeros(tags: int) -> Chain:
    return Chain(jnp.zeros((tags, tags)), jnp.zeros(tags), jnp.zeros(tags))
