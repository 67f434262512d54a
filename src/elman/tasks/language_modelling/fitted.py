"""A trained language model: it generates text, and predicts the next token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, DataError, VocabularyError
from elman._types import Carry, Unknown
from elman.artefact import SavedState
from elman.formats.frames import AnyFrame
from elman.formats.results import ResultTable
from elman.recurrence.native.steps import Network, Tokens
from elman.tasks.choices import Choices, Question, token_choices
from elman.tasks.decoding import Sampling
from elman.tasks.examples import LONGEST, Examples
from elman.tasks.fitted import TextGenerator, largest_difference
from elman.tasks.language_modelling.corpus import TextPart, read_corpus, source_of
from elman.tasks.language_modelling.desk import CompiledDesk, Desk, NativeDesk, start_state
from elman.tasks.language_modelling.generate import generate, network_of, prefill, tokens_of
from elman.tasks.language_modelling.hardest import hardest_lines, token_nats
from elman.tasks.language_modelling.metrics import LanguageMetrics
from elman.tasks.language_modelling.model import LanguageModel
from elman.tasks.language_modelling.session import TextSession
from elman.tasks.language_modelling.unknown import left_out
from elman.tasks.session import check_options
from elman.tasks.stops import Stops
from elman.words.joints import Joints
from elman.words.streams import Batch, Streams
from elman.words.vocabulary import AnyVocabulary

if TYPE_CHECKING:
    from elman.tasks.language_modelling.task import LanguageModelling

_STEPS, _CHUNK = 96, 7


@dataclass(frozen=True)
class FittedLanguageModel(TextGenerator[LanguageMetrics]):
    """A trained language model; see `evaluate`, `generate`, `next` and `save`.

    >>> task = elman.LanguageModelling(hidden_size=16, embedding_size=8, batch_size=4, unroll_length=16)
    >>> data = task.read_text("hello world. " * 200)
    >>> fitted = elman.fit(task, data, steps=200, learning_rate=0.02)
    >>> fitted.generate("hello", length=7, temperature=0)
    ' world.'
    >>> list(fitted.next("hell"))[0]
    'o'
    >>> fitted.evaluate(data.test).bits_per_char < 0.5
    True
    """

    task: LanguageModelling
    codec: AnyVocabulary
    model: LanguageModel

    @property
    def summary(self) -> str:
        """The size and unit of the vocabulary."""
        return f"{self.codec.size:,} {self.codec.kind}"

    def differences(self) -> dict[str, float]:
        """The largest difference when 96 random tokens are read whole and in chunks of 7, and whole and one by one."""
        ids = np.random.default_rng(0).integers(1, self.codec.size, (2, _STEPS)).astype(np.int32)
        whole = self._log_probabilities(ids, _STEPS)
        ways = {f"in chunks of {_CHUNK} tokens": _CHUNK, "step by step": 1}
        return {name: largest_difference(whole, self._log_probabilities(ids, size)) for name, size in ways.items()}

    def _log_probabilities(self, ids: np.ndarray, size: int) -> np.ndarray:
        read = jax.jit(self.model.__call__)
        carry, pieces = self.model.init_carry(len(ids)), []
        for start in range(0, ids.shape[1], size):
            carry, logits = read(ids[:, start : start + size], carry)
            pieces.append(jax.nn.log_softmax(logits))
        return np.concatenate(pieces, axis=1)

    def read(self, *places: str | Path | AnyFrame, unknown: Unknown = "error") -> TextPart:
        """Reads a whole text with this model's vocabulary, for `evaluate`: of files, or of a table in memory.

        Raises:
            DataError: a file that does not exist, is not text, or is too short.
            VocabularyError: a character that the model does not know, unless `unknown="skip"` leaves it out.
        """
        source = source_of(*places)
        part = read_corpus(source, codec=self.codec, unknown=unknown, validation=0, test=0).train
        return replace(part, notes=left_out(source, self.codec)) if unknown == "skip" else part

    def mistakes_of(self, part: TextPart) -> ResultTable:
        """The lines of a text, those of the most nats first."""
        nats = token_nats(self.model, self.task.evaluation_batches(part), reverse=self.task.reverse)
        return hardest_lines(part, nats)

    def examples(self, inputs: str | TextPart, *, longest: int = LONGEST) -> Examples:
        """The first `longest` tokens of a text or a part as one example, whose tokens name its steps.

        Raises:
            DataError: fewer than two tokens: one to read and one to predict.
            VocabularyError: a character that the model does not know.
        """
        if isinstance(inputs, str):
            ids = self.codec.encode(inputs)[: longest + 1]
        elif isinstance(inputs, TextPart):
            ids = np.asarray(inputs.tokens[: longest + 1])
        else:
            raise DataError(f"expected a text or a part of the data; got {type(inputs).__name__}")
        ids = ids[::-1] if self.task.reverse else ids
        batch = Streams(ids, batch_size=1, unroll_length=max(1, len(ids) - 1)).at(0)
        names = tuple(map(self.codec.token, ids[:-1].tolist()))
        return Examples(batch, {"layers": names}, {"layers": self.codec.separator})

    def questions(self, examples: Examples) -> tuple[Question, ...]:
        """The next token after each."""
        tokens = tuple(map(self.codec.token, range(self.codec.size)))
        return (Question(self.codec.unit, tokens, examples.steps["layers"]),)

    def choices(self, model: LanguageModel, carry: Any, batch: Batch) -> tuple[tuple[Choices, ...], Carry]:
        """The probabilities of the next token, and the state after the batch."""
        inputs, targets, _, weights = map(jnp.asarray, batch)
        carry, logits = model(inputs, carry)
        return (token_choices(logits, targets, weights),), carry

    def generate(
        self, prime: str = "", *, length: int = 200, stop: str = "", unknown: Unknown = "error", **sampling: Any
    ) -> str:
        """Generates text that continues `prime`.

        Args:
            prime: the text to continue, which is put into the model's normal form; an empty one counts as a line end.
            length: the number of tokens to add: characters, bytes or words.
            stop: the text before which to end.
            unknown: "skip" leaves out characters of the prime that the vocabulary lacks.
            sampling: `temperature`, `top_k`, `top_p`, `seed` of `Sampling`.

        Raises:
            VocabularyError: a prime that cannot be read.
            ConfigError: an unknown or impossible option, or a model that reads backwards.
        """
        return "".join(self.stream(prime, length=length, stop=stop, unknown=unknown, **sampling))

    def stream(
        self, prime: str = "", *, length: int = 200, stop: str = "", unknown: Unknown = "error", **sampling: Any
    ) -> Iterator[str]:
        """Yields the text of `generate` piece by piece, as it is generated."""
        pieces = self._pieces(prime, 1, length, unknown, Sampling(**sampling))
        return _until(self.codec.normal(stop), (texts[0] for texts in pieces))

    def samples(
        self,
        prime: str = "",
        *,
        count: int,
        length: int = 200,
        stop: str = "",
        unknown: Unknown = "error",
        **sampling: Any,
    ) -> list[str]:
        """Generates several texts that continue `prime`, in one batch; the first is `generate`'s, up to rounding."""
        pieces = list(self._pieces(prime, count, length, unknown, Sampling(**sampling)))
        stop = self.codec.normal(stop)
        return ["".join(_until(stop, (texts[row] for texts in pieces))) for row in range(count)]

    def next(self, text: str) -> dict[str, float]:
        """The probability of every token after `text`, likeliest first. A model that reads from the end predicts the
        token before it."""
        return self.nexts(text)[-1]

    def nexts(self, text: str) -> list[dict[str, float]]:
        """The probabilities of `next` after each token of `text`, in the order of reading."""
        _, logits = prefill(self.model, self._prime(text, "error"))
        allowed = np.flatnonzero(self.codec.output_mask())
        probabilities = jax.nn.softmax(logits[0][:, allowed], axis=-1)
        return [
            {self.codec.token(int(allowed[i])): float(row[i]) for i in np.argsort(-row, kind="stable")}
            for row in np.asarray(probabilities)
        ]

    def _pieces(self, prime: str, count: int, length: int, unknown: Unknown, sampling: Sampling) -> Iterator[list[str]]:
        if count < 1 or length < 0:
            raise ConfigError(f"expected at least 1 sample and no negative length; got {count} and {length}")
        self._check_forwards()
        read = self._prime(prime, unknown)
        carry, logits = prefill(self.model, read)
        decoders = [self.codec.stream() for _ in range(count)]
        written = generate(
            self.model,
            carry,
            logits[0, -1],
            int(read[-1]),
            network=self._network,
            count=count,
            length=length,
            sampling=sampling,
            allowed=self._fitting[0],
            joints=self._fitting[1],
        )
        return ([decoder.feed(row.tolist()) for decoder, row in zip(decoders, ids, strict=True)] for ids in written)

    def new_session(self, *, seed: int = 0, **options: Any) -> TextSession:
        """A session before its first token; `seed` is that of sampling.

        Raises:
            ConfigError: an invalid seed, an unknown option, or a model that reads backwards.
        """
        check_options("session", options, ("seed",))
        self._check_forwards()
        return TextSession(self, start_state(self.model, seed=Sampling(seed=seed).seed))

    def saved_session(self, saved: SavedState) -> TextSession:
        """The session in a state that was saved with this model.

        Raises:
            ArtefactError: values or arrays that make no state of this model.
            ConfigError: a model that reads backwards.
        """
        self._check_forwards()
        return TextSession.restored(self, saved)

    def desk(self, slots: int) -> Desk:
        """Places at which texts are read and written side by side."""
        if self._network is None:
            return CompiledDesk(self.model, *self._fitting, slots)
        return NativeDesk(self._network, self._tokens, self._shapes, slots)

    @cached_property
    def first_token(self) -> int:
        """The token to start from without a text: a line end, or the first token if the vocabulary has none."""
        known = self.codec.encode("\n", unknown="skip")
        return int(known[0] if len(known) else self.codec.reserved)

    def _check_forwards(self) -> None:
        if self.task.reverse:
            raise ConfigError("this model reads from the end, so it cannot continue a text; train one without reverse")

    @cached_property
    def _network(self) -> Network | None:
        return network_of(self.model)

    @cached_property
    def _fitting(self) -> tuple[np.ndarray, Joints | None]:
        """The tokens that may be written, and which may stand side by side."""
        return self.codec.output_mask(), self.codec.joints()

    @cached_property
    def _tokens(self) -> Tokens:
        return tokens_of(self.model, *self._fitting)

    @cached_property
    def _shapes(self) -> Any:
        return jax.eval_shape(lambda: self.model.init_carry(1))

    def _prime(self, text: str, unknown: Unknown) -> np.ndarray:
        if not text:
            return np.array([self.first_token])
        ids = self.codec.encode(text, unknown=unknown)
        if not len(ids):
            raise VocabularyError(f"the prime {text!r} has no token that the model knows; expected at least one")
        return ids[::-1] if self.task.reverse else ids


def _until(stop: str, pieces: Iterator[str]) -> Iterator[str]:
    """Yields the pieces up to `stop`."""
    stops = Stops([stop])
    for piece in pieces:
        yield stops.feed(piece)
        if stops.ended:
            return
    yield stops.rest()
