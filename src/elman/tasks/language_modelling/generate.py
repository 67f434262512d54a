"""Generation of text, many tokens in each call: by the native kernels, or by a loop that XLA compiles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from elman._types import Carry
from elman.recurrence.native import layout, pack_cell, packed_refusal
from elman.recurrence.native.packed import PackedCell, PackedDense
from elman.recurrence.native.steps import Layer, Network, Texts, Tokens
from elman.tasks.decoding import Sampling
from elman.tasks.language_modelling.model import LanguageModel, TiedHead
from elman.tasks.language_modelling.sampling import sample
from elman.words.joints import Joints

TOKENS_PER_CALL = 32
"""Tokens that one call of the compiled loop makes: few enough for a terminal, enough that calls cost nothing."""

_MOST_TOKENS, _MOST_DRAWS = 128, 2**17
"""The limits of one call of the native loop: tokens, and random numbers, one for each token of the vocabulary."""


def prefill(model: Any, ids: Int[np.ndarray, " time"]) -> tuple[Carry, Float[np.ndarray, "1 time vocab"]]:
    """Reads `ids` from the initial state: returns the state after them and the logits after each.

    The ids are padded to a power of two, so that primes of any length share a few compiled programs.
    """
    padded = np.zeros((1, max(8, 1 << (len(ids) - 1).bit_length())), np.int32)
    padded[:, : len(ids)] = ids
    carry, logits = _read(model, padded, np.array([len(ids)], np.int32))
    return carry, np.asarray(logits)[:, : len(ids)]


def generate(
    model: LanguageModel,
    carry: Carry,
    logits: Float[np.ndarray, " vocab"],
    last: int,
    *,
    network: Network | None = None,
    count: int = 1,
    length: int,
    sampling: Sampling,
    allowed: Bool[np.ndarray, " vocab"],
    joints: Joints | None = None,
) -> Iterator[Int[np.ndarray, "batch time"]]:
    """Yields the next `length` tokens of `count` texts, some at a time.

    Args:
        carry, logits: the state after the prime, of one row, and the logits of the first new token.
        last: the last token of the prime.
        network: the model for the native loop (`network_of`), or None for the compiled one.
        allowed: False for tokens that must never be generated, such as padding.
        joints: the tokens that may stand side by side, so that spaces are those of the training text.

    Row r at place t samples with a key folded from (seed, r, t): apart from rounding, a text depends neither on the
    number of texts nor on the size of a call.
    """
    carry, rows, keys = _begin(carry, logits, jax.random.key(sampling.seed), count)
    before = np.full(count, last, np.int32)
    if network is not None:
        texts = Texts(network, tokens_of(model, allowed, joints), slots=count, block=block_of(rows.size))
        texts.states[:] = np.concatenate([np.asarray(leaf) for leaf in jax.tree.leaves(carry)], axis=1)
        texts.logits[:], texts.before[:] = rows, before
        yield from _by_network(texts, keys, sampling, length)
        return
    fixed = fixed_of(sampling)
    for place in range(0, length, TOKENS_PER_CALL):
        ids, steps = np.full((count, TOKENS_PER_CALL), -1, np.int32), min(TOKENS_PER_CALL, length - place)
        rule = sampling.temperature, sampling.top_k, sampling.top_p
        carry, rows, before, ids, _ = walk(
            model, carry, rows, before, keys, place, ids, steps, allowed, joints, *rule, **fixed
        )
        yield np.asarray(ids)[:, :steps]


def fixed_of(sampling: Sampling) -> dict[str, bool]:
    """The settings that are fixed when the loop is compiled."""
    return {"greedy": sampling.temperature == 0, "whole": sampling.top_k == 0 and sampling.top_p == 1}


def network_of(model: LanguageModel) -> Network | None:
    """The model for the native loop; None if the loop has not all its parts."""
    cells = [cell.core for cell in model.layers.cells]
    if model.layers.norms is not None or not all(
        isinstance(cell, PackedCell) or packed_refusal(cell) is None for cell in cells
    ):
        return None
    packed = [cell if isinstance(cell, PackedCell) else pack_cell(cell, "float32") for cell in cells]
    residual = model.layers.residual
    layers = [Layer(cell, residual and cell.input_size == cell.hidden_size) for cell in packed]
    return Network([*layers, Layer(_head(model))])


def _head(model: LanguageModel) -> PackedDense:
    """The packed head. One that shares the embedding's weights keeps their precision."""
    if isinstance(model.head, PackedDense):
        return model.head
    tied = isinstance(model.head, TiedHead)
    kernel = model.embedding.table.T if tied else model.head.kernel
    return PackedDense(kernel, model.head.bias, "float32", layout=layout())


def tokens_of(model: LanguageModel, allowed: np.ndarray, joints: Joints | None) -> Tokens:
    """The tokens of a model for the native loop."""
    kinds = () if joints is None else (joints.first, joints.last, np.ascontiguousarray(joints.fits))
    return Tokens(np.asarray(model.embedding.table), allowed, *kinds)


def block_of(vocab: int) -> int:
    """The number of tokens whose draws are made at once."""
    return max(1, min(_MOST_TOKENS, _MOST_DRAWS // vocab))


def _by_network(texts: Texts, keys: Array, sampling: Sampling, length: int) -> Iterator[np.ndarray]:
    texts.temperature[:], texts.top_k[:], texts.top_p[:] = sampling.temperature, sampling.top_k, sampling.top_p
    slots = np.arange(texts.slots)
    for place in range(0, length, texts.block):
        if sampling.temperature:
            texts.draws[:] = draws(keys, place, texts.block, texts.logits.shape[1])
        ids = np.full((texts.slots, min(texts.block, length - place)), -1, np.int32)
        texts.walk(slots, ids)
        yield ids


@partial(jax.jit, static_argnums=(2, 3))
def draws(keys: Array, place: int, count: int, vocab: int) -> Float[Array, "batch time vocab"]:
    """The numbers by which `jax.random.categorical` samples at the next places of every row."""

    def draw(key: Array, place: Array) -> Array:
        return jax.random.gumbel(jax.random.fold_in(key, place), (vocab,))

    return jax.vmap(jax.vmap(draw, (None, 0)), (0, None))(keys, place + jnp.arange(count))


@jax.jit
def _read(model: Any, ids: Array, lengths: Array) -> tuple[Carry, Array]:
    return model(ids, model.init_carry(1), lengths=lengths)


@partial(jax.jit, static_argnums=3)
def _begin(carry: Carry, logits: Array, key: Array, count: int) -> tuple[Carry, Array, Array]:
    """Repeats the row that was read `count` times, and makes a key for each copy."""
    carry, logits = jax.tree.map(lambda leaf: jnp.repeat(leaf, count, axis=0), (carry, logits[None]))
    return carry, logits, jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))


@partial(jax.jit, static_argnames=("greedy", "whole"))
def walk(
    model: Any,
    carry: Carry,
    logits: Array,
    before: Array,
    keys: Array,
    place: Any,
    ids: Array,
    steps: Any,
    allowed: Array,
    joints: Joints | None,
    temperature: float,
    top_k: int,
    top_p: float,
    *,
    greedy: bool,
    whole: bool,
) -> tuple[Carry, Array, Array, Array, Array]:
    """Takes the next `steps` of the tokens `ids`, as `Texts.walk` does: returns the state and the logits after them,
    the last token, all tokens, and -ln of the probability of each. Every step runs the same program, so that pieces of
    a text give the same bits as all of it."""

    def step(at: Any, state: tuple) -> tuple:
        carry, logits, before, ids, nats = state
        fitting = allowed if joints is None else allowed & joints.fits[joints.last[before]][:, joints.first]
        now = jax.vmap(jax.random.fold_in, (0, None))(keys, place + at)
        rule = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "greedy": greedy, "whole": whole}
        token = sample(jnp.where(fitting, logits, -jnp.inf), now, **rule)
        token = jnp.where(ids[:, at] >= 0, ids[:, at], token)
        nats = nats.at[:, at].set(-jnp.take_along_axis(jax.nn.log_softmax(logits), token[:, None], axis=-1)[:, 0])
        carry, logits = model(token[:, None], carry)
        return carry, logits[:, 0], token, ids.at[:, at].set(token), nats

    return jax.lax.fori_loop(0, steps, step, (carry, logits, before, ids, jnp.zeros(ids.shape)))
