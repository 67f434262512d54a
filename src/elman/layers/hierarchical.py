"""Recurrent layers for sequences of sequences: each level reads one vector for each piece of the level below, as words
consist of characters and sentences of words (Sordoni et al., 2015; Ling et al., 2015, for characters).
"""

from __future__ import annotations

from itertools import pairwise

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._errors import ConfigError, ShapeError
from elman._module import Module
from elman._types import Carry
from elman.layers.recurrent import Recurrent, final, run, start

Lengths = Int[Array, "..."] | None


class Hierarchical(Module):
    """A hierarchy of recurrent layers, the innermost first. A level reads every piece from a fresh state, and its final
    output is one step of the level above; the last level outputs every step.

    For characters, words and sentences, `xs` has the axes batch, sentence, word, character and feature, and the levels
    read, in this order, the characters of a word, the words of a sentence, and the sentences. Padding is on the right.

    >>> import jax
    >>> from elman.cells import GRU
    >>> keys = jax.random.split(jax.random.key(0))
    >>> layer = Hierarchical((GRU(3, 4, key=keys[0]), GRU(4, 5, key=keys[1])))
    >>> letters = jnp.ones((2, 6, 7, 3))  # 2 sentences of up to 6 words of up to 7 characters
    >>> letters_of_a_word, words = jnp.full((2, 6), 7), jnp.array([6, 2])
    >>> carry, ys = layer(letters, lengths=(letters_of_a_word, words))
    >>> ys.shape, bool((ys[1, 2:] == 0).all())
    ((2, 6, 5), True)
    """

    levels: tuple[Recurrent, ...]

    def __init__(self, levels: tuple[Recurrent, ...]):
        """Builds the hierarchy from `levels`: at least one cell or `Bidirectional`.

        Raises:
            ConfigError: no level, or a level whose input_size is not the hidden_size of the one below.
        """
        if not levels:
            raise ConfigError("Hierarchical: expected at least one level; got none")
        for lower, upper in pairwise(levels):
            if upper.input_size != lower.hidden_size:
                raise ConfigError(
                    f"Hierarchical: expected a level of input_size {lower.hidden_size}, the hidden_size of the one "
                    f"below; got {upper.input_size}"
                )
        self.levels = tuple(levels)

    def init_carry(self, batch: int) -> Carry:
        """The last level's start state; the other levels restart at every piece."""
        return start(self.levels[-1], batch)

    def __call__(
        self,
        xs: Float[Array, "batch *pieces feature"],
        carry: Carry | None = None,
        *,
        lengths: tuple[Lengths, ...] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Carry, Float[Array, "batch time hidden"]]:
        """Runs all levels; returns the last level's carry and outputs.

        Args:
            xs: an axis for the batch, one for each level, the last level's first, and the features.
            carry: the last level's state to continue from.
            lengths: for each level, the innermost first, the steps of each of its sequences, with the axes of `xs` that
                come before its own; None if all are whole. Pieces beyond a length of the level above count as empty,
                whatever they hold.
            key: for cells with noise; None means no noise.

        Raises:
            ShapeError: more or fewer axes, or lengths of another shape.
            ConfigError: lengths for more or fewer levels.
        """
        counts = self._checked(xs, lengths)
        keys = [None] * len(self.levels) if key is None else list(jr.split(key, len(self.levels)))
        for level, count, noise in zip(self.levels[:-1], counts, keys, strict=False):
            *outer, time, feature = xs.shape
            flat_count = None if count is None else count.reshape(-1)
            _, ys = run(level, xs.reshape(-1, time, feature), lengths=flat_count, key=noise)
            xs = final(level, ys, lengths=flat_count).reshape(*outer, -1)
        return run(self.levels[-1], xs, carry, lengths=counts[-1], key=keys[-1])

    def _checked(self, xs: Array, lengths: tuple[Lengths, ...] | None) -> list[Lengths]:
        """Checks the inputs; returns lengths for every level, 0 for pieces beyond a length of the level above."""
        depth = len(self.levels)
        if xs.ndim != depth + 2:
            raise ShapeError(
                f"inputs: expected {depth + 2} axes (batch, one for each of {depth} levels, feature); got {xs.shape}"
            )
        counts = list(lengths) if lengths is not None else [None] * depth
        if len(counts) != depth:
            raise ConfigError(f"lengths: expected one array or None for each of {depth} levels; got {len(counts)}")
        for level, count in enumerate(counts):
            expected = xs.shape[: depth - level]
            if count is not None and count.shape != expected:
                raise ShapeError(f"lengths: expected shape {expected} for level {level}; got {count.shape}")
        for level in reversed(range(depth - 1)):
            above = counts[level + 1]
            if above is not None:
                steps, pieces = xs.shape[depth - level], xs.shape[depth - level - 1]
                own = counts[level]
                whole = jnp.full(xs.shape[: depth - level], steps) if own is None else own
                counts[level] = jnp.where(jnp.arange(pieces) < above[..., None], whole, 0)
        return counts
