"""Generation of text by a compiled loop that makes many tokens in each call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from elman._types import Carry
from elman.tasks.decoding import Sampling
from elman.tasks.language_modelling.sampling import sample

TOKENS_PER_CALL = 32
"""Tokens that one call of the compiled loop makes: few enough for a terminal, enough that calls cost nothing."""


def prefill(model: Any, ids: Int[np.ndarray, " time"]) -> tuple[Carry, Float[np.ndarray, "1 time vocab"]]:
    """Reads `ids` from the initial state: returns the state after them and the logits after each.

    The ids are padded to a power of two, so that primes of any length share a few compiled programs.
    """
    padded = np.zeros((1, max(8, 1 << (len(ids) - 1).bit_length())), np.int32)
    padded[:, : len(ids)] = ids
    carry, logits = _read(model, padded, np.array([len(ids)], np.int32))
    return carry, np.asarray(logits)[:, : len(ids)]


def generate(
    model: Any,
    carry: Carry,
    logits: Float[np.ndarray, " vocab"],
    *,
    count: int = 1,
    length: int,
    sampling: Sampling,
    allowed: Bool[np.ndarray, " vocab"],
) -> Iterator[Int[np.ndarray, "batch time"]]:
    """Yields the next `length` tokens of `count` texts, some at a time.

    Args:
        carry, logits: the state after the prime, of one row, and the logits of the first new token.
        allowed: False for tokens that must never be generated, such as padding.

    Row r at place t samples with a key folded from (seed, r, t): apart from rounding, a text depends neither on the
    number of texts nor on the size of a call.
    """
    carry, rows, keys = _begin(carry, logits, jax.random.key(sampling.seed), count)
    for place in range(0, length, TOKENS_PER_CALL):
        carry, rows, ids = _write(
            model,
            carry,
            rows,
            keys,
            place,
            allowed,
            sampling.temperature,
            sampling.top_k,
            sampling.top_p,
            count=TOKENS_PER_CALL,
            greedy=sampling.temperature == 0,
            whole=sampling.top_k == 0 and sampling.top_p == 1,
        )
        yield np.asarray(ids)[:, : length - place]


@jax.jit
def _read(model: Any, ids: Array, lengths: Array) -> tuple[Carry, Array]:
    return model(ids, model.init_carry(1), lengths=lengths)


@partial(jax.jit, static_argnums=3)
def _begin(carry: Carry, logits: Array, key: Array, count: int) -> tuple[Carry, Array, Array]:
    """Repeats the row that was read `count` times, and makes a key for each copy."""
    carry, logits = jax.tree.map(lambda leaf: jnp.repeat(leaf, count, axis=0), (carry, logits[None]))
    return carry, logits, jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))


@partial(jax.jit, static_argnames=("count", "greedy", "whole"))
def _write(
    model: Any,
    carry: Carry,
    logits: Array,
    keys: Array,
    place: int,
    allowed: Array,
    temperature: float,
    top_k: int,
    top_p: float,
    *,
    count: int,
    greedy: bool,
    whole: bool,
) -> tuple[Carry, Array, Array]:
    def step(state: tuple, place: Array) -> tuple[tuple, Array]:
        carry, logits = state
        logits = jnp.where(allowed, logits, -jnp.inf)
        now = jax.vmap(jax.random.fold_in, (0, None))(keys, place)
        ids = sample(logits, now, temperature=temperature, top_k=top_k, top_p=top_p, greedy=greedy, whole=whole)
        carry, logits = model(ids[:, None], carry)
        return (carry, logits[:, 0]), ids

    (carry, logits), ids = jax.lax.scan(step, (carry, logits), place + jnp.arange(count))
    return carry, logits, ids.T
