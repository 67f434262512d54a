"""What a tagger knows of tags that follow each other."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from elman.ops.crf import FORBIDDEN, Chain

Allowed = tuple[tuple[bool, ...], ...]


class TagChain(eqx.Module):
    """Scores of a tag after another, as the first and as the last one, for `elman.ops.crf`; zero at first. Without
    learning they stay so: every step is then a softmax of its own, but for what is not allowed.

    >>> allowed = np.array([[1, 0, 1], [1, 1, 1], [1, 0, 1]]) > 0  # tag 1 neither comes after 0 nor first
    >>> chain = TagChain(2, learned=True, allowed=allowed)()
    >>> (chain.follow < -1).tolist(), (chain.start < -1).tolist()
    ([[False, True], [False, False]], [False, True])
    """

    scores: Chain | None
    tags: int = eqx.field(static=True)
    allowed: Allowed | None = eqx.field(static=True)

    def __init__(self, tags: int, *, learned: bool, allowed: Bool[np.ndarray, "before after"] | None = None):
        """`allowed`: which tag may follow which; its last row stands for the start, its last column for the end."""
        self.scores = _zeros(tags) if learned else None
        self.tags, self.allowed = tags, None if allowed is None else tuple(map(tuple, allowed.tolist()))

    def __call__(self) -> Chain:
        """The scores, with what is not allowed forbidden."""
        chain = _zeros(self.tags) if self.scores is None else self.scores
        if self.allowed is None:
            return chain
        table = jnp.asarray(self.allowed)
        ways = (table[:-1, :-1], table[-1, :-1], table[:-1, -1])
        return Chain(*(jnp.where(way, score, FORBIDDEN) for way, score in zip(ways, chain, strict=True)))


def _zeros(tags: int) -> Chain:
    return Chain(jnp.zeros((tags, tags)), jnp.zeros(tags), jnp.zeros(tags))
