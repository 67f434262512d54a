"""A desk: the texts that a language model reads and writes side by side, token by token. What becomes of a text depends
neither on its place nor on those beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from elman._types import Carry
from elman.recurrence.native.steps import Network, Texts, Tokens
from elman.tasks.decoding import Sampling
from elman.tasks.language_modelling.generate import (
    TOKENS_PER_CALL,
    block_of,
    draws,
    fixed_of,
    walk,
)
from elman.tasks.language_modelling.model import LanguageModel
from elman.words.joints import Joints

CHOSEN = -1
"""The number, in place of a token to read, of one to be chosen."""


class TextState(NamedTuple):
    """All that the tokens after a text depend on."""

    carry: Carry
    """The state of the layers, of one row."""
    logits: Float[np.ndarray, " vocab"]
    """The logits of the next token; before the first token zeros."""
    last: int
    """The last token."""
    seed: int
    """The seed of sampling."""
    drawn: int
    """The tokens that were chosen with this seed."""


class Desk(ABC):
    """Places for texts: `NativeDesk`, or `CompiledDesk` for a model with parts that have no native steps."""

    def __init__(self, slots: int, block: int):
        self.slots, self.block = slots, block
        """The places, and the tokens for which draws are made at once."""
        self.rules = [Sampling()] * slots
        self.seeds, self.drawn = np.zeros(slots, np.int64), np.zeros(slots, np.int64)

    def put(self, slot: int, state: TextState, rule: Sampling) -> None:
        """Puts a text into a place, with the rule by which its tokens are chosen."""
        self.rules[slot], self.seeds[slot], self.drawn[slot] = rule, state.seed, state.drawn

    @abstractmethod
    def take(self, slot: int) -> TextState:
        """The state of the text in a place."""

    @abstractmethod
    def walk(
        self, slots: Int[np.ndarray, " rows"], ids: Int[np.ndarray, "rows steps"]
    ) -> Float[np.ndarray, "rows steps"]:
        """Takes the next tokens of some texts: those of `ids`, where tokens to be chosen (CHOSEN) stand behind those
        to read and are replaced. Returns -ln of each token's probability. At the most `room` steps."""

    def room(self, slots: Int[np.ndarray, " rows"]) -> int:
        """The steps that one call can take: as far as the draws reach."""
        return int(self.block - (self.drawn[slots] % self.block).max())


def start_state(model: LanguageModel, *, seed: int) -> TextState:
    """The state before the first token."""
    carry = jax.tree.map(np.asarray, model.init_carry(1))
    return TextState(carry, np.zeros(len(model.embedding.table), np.float32), 0, seed, 0)


class NativeDesk(Desk):
    """One native call takes a step of all texts, through all layers."""

    def __init__(self, network: Network, tokens: Tokens, shapes: Any, slots: int):
        """`shapes` are those of the state of one text."""
        super().__init__(slots, block_of(network.outputs))
        self._texts = Texts(network, tokens, slots=slots, block=self.block)
        self._shapes = shapes
        self._blocks = np.full(slots, -1)
        """The number of the block whose draws are there; none after `put`."""
        self._greedy = np.zeros(slots, bool)

    def put(self, slot: int, state: TextState, rule: Sampling) -> None:
        super().put(slot, state, rule)
        texts, leaves = self._texts, jax.tree.leaves(state.carry)
        np.concatenate([leaf[0] for leaf in leaves], out=texts.states[slot])
        texts.logits[slot], texts.before[slot] = state.logits, state.last
        texts.temperature[slot], texts.top_k[slot], texts.top_p[slot] = rule.temperature, rule.top_k, rule.top_p
        self._blocks[slot], self._greedy[slot] = -1, rule.temperature == 0

    def take(self, slot: int) -> TextState:
        texts, leaves, structure = self._texts, [], jax.tree.structure(self._shapes)
        at, row = 0, texts.states[slot].copy()
        for shape in jax.tree.leaves(self._shapes):
            leaves.append(row[None, at : at + shape.shape[1]])
            at += shape.shape[1]
        last, seed, drawn = int(texts.before[slot]), int(self.seeds[slot]), int(self.drawn[slot])
        return TextState(jax.tree.unflatten(structure, leaves), texts.logits[slot].copy(), last, seed, drawn)

    def walk(
        self, slots: Int[np.ndarray, " rows"], ids: Int[np.ndarray, "rows steps"]
    ) -> Float[np.ndarray, "rows steps"]:
        chosen = (ids == CHOSEN).sum(axis=1)
        blocks, places = np.divmod(self.drawn[slots], self.block)
        for slot in slots[(blocks != self._blocks[slots]) & (chosen > 0) & ~self._greedy[slots]]:
            self._draw(int(slot))
        self._texts.place[slots] = places - (ids.shape[1] - chosen)  # tokens that are read use no draws
        nats = self._texts.walk(slots, ids)
        self.drawn[slots] += chosen
        return nats

    def _draw(self, slot: int) -> None:
        block, vocab = int(self.drawn[slot]) // self.block, self._texts.logits.shape[1]
        self._texts.draws[slot] = _draws(int(self.seeds[slot]), block * self.block, self.block, vocab)
        self._blocks[slot] = block


class CompiledDesk(Desk):
    """Each text by itself: XLA's products are other bits beside others."""

    def __init__(self, model: LanguageModel, allowed: np.ndarray, joints: Joints | None, slots: int):
        super().__init__(slots, TOKENS_PER_CALL)
        self._model, self._allowed, self._joints = model, allowed, joints
        self._states: list[Any] = [None] * slots

    def put(self, slot: int, state: TextState, rule: Sampling) -> None:
        super().put(slot, state, rule)
        self._states[slot] = state.carry, state.logits[None], np.array([state.last], np.int32)

    def take(self, slot: int) -> TextState:
        carry, logits, last = jax.tree.map(np.asarray, self._states[slot])
        return TextState(carry, logits[0], int(last[0]), int(self.seeds[slot]), int(self.drawn[slot]))

    def walk(
        self, slots: Int[np.ndarray, " rows"], ids: Int[np.ndarray, "rows steps"]
    ) -> Float[np.ndarray, "rows steps"]:
        nats, steps = np.empty(ids.shape, np.float32), ids.shape[1]
        for row, slot in enumerate(slots.tolist()):
            rule, chosen = self.rules[slot], int((ids[row] == CHOSEN).sum())
            padded = np.full((1, TOKENS_PER_CALL), CHOSEN, np.int32)
            padded[0, :steps] = ids[row]
            place = int(self.drawn[slot]) - (steps - chosen)
            *state, taken, own = walk(
                self._model, *self._states[slot], _key(int(self.seeds[slot])), np.int32(place), padded, np.int32(steps),
                self._allowed, self._joints, rule.temperature, rule.top_k, rule.top_p, **fixed_of(rule),
            )  # fmt: skip
            self._states[slot], ids[row], nats[row] = tuple(state), taken[0, :steps], own[0, :steps]
            self.drawn[slot] += chosen
        return nats

    def room(self, slots: Int[np.ndarray, " rows"]) -> int:
        return self.block


@lru_cache(maxsize=16)  # for a text that is written token by token
def _draws(seed: int, place: int, count: int, vocab: int) -> Float[np.ndarray, "time vocab"]:
    return np.asarray(draws(_key(seed), place, count, vocab))[0]


@lru_cache(maxsize=1024)
def _key(seed: int) -> Array:
    """The key of the first row of a seed, as `generate` has it."""
    return jnp.expand_dims(jax.random.fold_in(jax.random.key(seed), 0), 0)
