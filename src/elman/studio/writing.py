"""Text as a language model writes and reads it, token by token: its state after each, and the likeliest next ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
from jaxtyping import Array

from elman._errors import DataError
from elman._types import Carry
from elman.inspection.watched import named_states
from elman.studio.look import Kept
from elman.studio.models import of_kind
from elman.tasks.decoding import Sampling
from elman.tasks.fitted import Fitted
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.tasks.language_modelling.generate import TOKENS_PER_CALL, generate

LIKELIEST = 6
"""The next tokens that are shown."""

MOST = 4000
"""The most tokens of a text."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish for a text."""

    prime: str = ""
    length: int = 300
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    state: str = ""
    """The name of the array of states whose unit is shown; by default the first."""
    unit: int = 0


class Piece(NamedTuple):
    """Tokens that were read or written together."""

    tokens: list[str]
    written: bool
    values: list[float]
    """The value of the chosen unit after each token."""
    nexts: list[list[tuple[str, float]]]
    """The likeliest tokens after each, with their probabilities."""


@dataclass
class Text:
    """A text, and the states of the model after each of its tokens."""

    name: str = ""
    tokens: list[str] = field(default_factory=list)
    states: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def values(self, state: str, unit: int) -> np.ndarray:
        """The values of a unit after each token.

        Raises:
            DataError: no such unit.
        """
        if state not in self.states:
            raise DataError(f"no state {state!r}; there are {', '.join(self.states)}")
        values = np.concatenate(self.states[state])
        if not 0 <= unit < values.shape[1]:
            raise DataError(f"no unit {unit} in {state}; there are 0 to {values.shape[1] - 1}")
        return values[:, unit]

    @property
    def sizes(self) -> dict[str, int]:
        """The number of units of each array of states."""
        return {name: pieces[0].shape[1] for name, pieces in self.states.items()}


class Texts:
    """The last texts, by name."""

    def __init__(self) -> None:
        self._texts = Kept()

    def __getitem__(self, name: str) -> Text:
        """The text of a name.

        Raises:
            DataError: it is not kept any more.
        """
        return self._texts.get(name)

    def write(self, fitted: Fitted[Any], wish: Wish) -> tuple[Text, Iterator[Piece]]:
        """The text, which has its prime, and the pieces of it: first the prime, then what is written.

        Raises:
            ConfigError: a model that writes no text, or sampling that cannot be.
            VocabularyError: a prime that the model cannot read.
        """
        model = of_kind(fitted, FittedLanguageModel, use="writes no text")
        sampling = Sampling(temperature=wish.temperature, top_k=wish.top_k, top_p=wish.top_p, seed=wish.seed)
        if not 0 <= wish.length <= MOST:
            raise DataError(f"length: expected 0 to {MOST:,}; got {wish.length}")
        if model.task.reverse:
            raise DataError("this model reads from the end, so it cannot continue a text")
        text = Text()
        reader = _Reader(model, text, wish)
        prime = model.codec.encode(wish.prime or "\n", unknown="error" if wish.prime else "skip")
        prime = prime if len(prime) else np.array([model.codec.reserved])
        first = [reader.read(prime[at : at + TOKENS_PER_CALL]) for at in range(0, len(prime), TOKENS_PER_CALL)]
        text.name = self._texts.put(text)
        written = generate(
            model.model,
            reader.carry,
            reader.logits,
            int(prime[-1]),
            length=wish.length,
            sampling=sampling,
            allowed=model.codec.output_mask(),
            joints=model.codec.joints(),
        )
        return text, chain(first, (reader.read(ids[0], written=True) for ids in written))


class _Reader:
    """A model that reads a text on and on."""

    def __init__(self, fitted: FittedLanguageModel, text: Text, wish: Wish):
        self._fitted, self._text, self._wish = fitted, text, wish
        self._allowed = fitted.codec.output_mask()
        self.carry: Carry = fitted.model.init_carry(1)
        self.logits: Any = None

    def read(self, ids: np.ndarray, *, written: bool = False) -> Piece:
        """Reads some tokens, at most as many as one call generates."""
        padded = np.zeros(TOKENS_PER_CALL, np.int32)
        padded[: len(ids)] = ids
        carries, logits, shares, places = _read(self._fitted.model, self.carry, padded, self._allowed)
        self.carry = jax.tree.map(lambda leaf: leaf[len(ids) - 1], carries)
        self.logits = logits[len(ids) - 1]
        states = {name: np.asarray(leaf)[: len(ids)] for name, leaf in named_states(carries).items()}
        for name, leaf in states.items():
            self._text.states.setdefault(name, []).append(leaf.reshape(len(ids), -1))
        token = self._fitted.codec.token
        tokens = [token(one) for one in ids.tolist()]
        self._text.tokens += tokens
        chosen = self._wish.state if self._wish.state in states else next(iter(states))
        unit = min(self._wish.unit, self._text.sizes[chosen] - 1)
        values = self._text.states[chosen][-1][:, unit]
        pairs = zip(np.asarray(places)[: len(ids)].tolist(), np.asarray(shares)[: len(ids)].tolist(), strict=True)
        nexts = [[(token(one), share) for one, share in zip(*pair, strict=True)] for pair in pairs]
        return Piece(tokens, written, values.tolist(), nexts)


@jax.jit
def _read(model: Any, carry: Carry, ids: Array, allowed: Array) -> tuple[Carry, Array, Array, Array]:
    """The states after each token, the logits there, and the likeliest next tokens with their probabilities."""

    def step(carry: Carry, one: Array) -> tuple[Carry, Any]:
        carry, logits = model(one[None, None], carry)
        logits = logits[0, 0]
        shares = jax.nn.softmax(jnp.where(allowed, logits, -jnp.inf))
        return carry, (carry, logits, *jax.lax.top_k(shares, min(LIKELIEST, len(shares))))

    _, (carries, logits, shares, places) = jax.lax.scan(step, carry, ids)
    return carries, logits, shares, places
