"""A trained model with all that its use needs: weights, vocabulary, settings, measures."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
from jaxtyping import Bool

from elman import artefact
from elman._compilation import use_compilation_cache
from elman._errors import ArtefactError, ConfigError, DataError, VocabularyError
from elman._types import Unknown
from elman.artefact import refuse_existing
from elman.data.corpus import TextPart, read_corpus
from elman.data.text import TextSource
from elman.data.vocabulary import PADDING, UNKNOWN_WORD, AnyVocabulary, Bytes, vocabulary_from_builtins
from elman.decoding.generate import generate, prefill
from elman.decoding.settings import Sampling
from elman.models.language_model import LanguageModel
from elman.tasks.language_modelling import LanguageMetrics, LanguageModelling
from elman.training.settings import Training
from elman.training.step import make_evaluation


@dataclass(frozen=True)
class Fitted:
    """A trained language model.

    `fit` and `load` make one; see `evaluate`, `generate`, `next` and `save`.

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
    training: Training = field(default_factory=Training)
    measures: dict[str, Any] = field(default_factory=dict)
    """What training reached: step, seconds, and the measures of the validation part."""

    @property
    def validation(self) -> LanguageMetrics | None:
        """The validation part at the best step; None before the first evaluation."""
        values = self.measures.get("validation")
        return None if values is None else LanguageMetrics.from_builtins(values)

    def read(self, *places: str | Path, unknown: Unknown = "error") -> TextPart:
        """A text in this model's vocabulary, whole, for `evaluate`.

        Raises:
            DataError: no such file, not text, or too short.
            VocabularyError: a character that the model does not know, unless `unknown="skip"` leaves it out.
        """
        source = TextSource.open(*places)
        return read_corpus(source, codec=self.codec, unknown=unknown, validation=0, test=0).train

    def evaluate(self, part: TextPart) -> LanguageMetrics:
        """Measures a part of the data, every token but the first counted once.

        Raises:
            DataError: a part of fewer than 2 tokens, or numbered with another vocabulary.
        """
        if not isinstance(part, TextPart):
            raise DataError(
                f"expected a part of a text, such as data.test or fitted.read(path); got {type(part).__name__}"
            )
        if part.codec != self.codec:
            raise DataError("the part was numbered with another vocabulary; read the text with fitted.read(path)")
        nats, tokens = make_evaluation(self.task)(self.model, self.task.evaluation_batches(part))
        return self.task.metrics(nats, tokens, self.codec)

    def generate(
        self, prime: str = "", *, length: int = 200, stop: str = "", unknown: Unknown = "error", **sampling: Any
    ) -> str:
        """What comes after `prime`.

        Args:
            prime: the text to go on from; when empty, as after a line end.
            length: tokens to add: characters, bytes or words.
            stop: end before this text.
            unknown: "skip" leaves out characters of the prime that the vocabulary lacks.
            sampling: `temperature`, `top_k`, `top_p`, `seed` of `Sampling`.

        Raises:
            VocabularyError: a prime that cannot be read.
            ConfigError: an unknown or impossible option.
        """
        return "".join(self.stream(prime, length=length, stop=stop, unknown=unknown, **sampling))

    def stream(
        self, prime: str = "", *, length: int = 200, stop: str = "", unknown: Unknown = "error", **sampling: Any
    ) -> Iterator[str]:
        """As `generate`, piece by piece as it is made."""
        pieces = self._pieces(prime, 1, length, unknown, Sampling(**sampling))
        return _until(stop, (texts[0] for texts in pieces))

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
        """Several texts that go on from `prime`, made side by side; the first is `generate`'s, up to rounding."""
        pieces = list(self._pieces(prime, count, length, unknown, Sampling(**sampling)))
        return ["".join(_until(stop, (texts[row] for texts in pieces))) for row in range(count)]

    def next(self, text: str) -> dict[str, float]:
        """The probability of every token after `text`, likeliest first."""
        return self.nexts(text)[-1]

    def nexts(self, text: str) -> list[dict[str, float]]:
        """The same after each token of `text`."""
        _, logits = prefill(self.model, self._prime(text, "error"))
        allowed = np.flatnonzero(self._allowed())
        chances = jax.nn.softmax(logits[0][:, allowed], axis=-1)
        return [
            {self.codec.token(int(allowed[i])): float(row[i]) for i in np.argsort(-row, kind="stable")}
            for row in np.asarray(chances)
        ]

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the artefact directory `path`.

        Raises:
            ArtefactError: the path exists (unless `force` and it is an artefact), or cannot be written.
        """
        refuse_existing(Path(path), force=force)
        artefact.write(Path(path), self.saved())

    def saved(self) -> artefact.Saved:
        """The contents of the artefact, as plain values and arrays."""
        versions = {"elman": version("elman"), "jax": jax.__version__, "python": platform.python_version()}
        return artefact.Saved(
            model={
                "task": self.task.to_builtins(),
                "training": self.training.to_builtins(),
                "measures": self.measures,
                "versions": versions,
            },
            codec=msgspec.to_builtins(self.codec),
            weights=artefact.named_arrays(self.model),
        )

    def _pieces(self, prime: str, count: int, length: int, unknown: Unknown, sampling: Sampling) -> Iterator[list[str]]:
        if count < 1 or length < 0:
            raise ConfigError(f"expected at least 1 sample and no negative length; got {count} and {length}")
        carry, logits = prefill(self.model, self._prime(prime, unknown))
        carry, logits = jax.tree.map(lambda leaf: jnp.repeat(leaf, count, axis=0), (carry, logits[:, -1]))
        decoders = [self.codec.stream() for _ in range(count)]
        written = generate(self.model, carry, logits, length=length, sampling=sampling, allowed=self._allowed())
        return ([decoder.feed(row.tolist()) for decoder, row in zip(decoders, ids, strict=True)] for ids in written)

    def _prime(self, text: str, unknown: Unknown) -> np.ndarray:
        if not text:
            return np.array([self._start()])
        ids = self.codec.encode(text, unknown=unknown)
        if not len(ids):
            raise VocabularyError(f"the prime {text!r} holds no token that the model knows; give at least one")
        return ids

    def _start(self) -> int:
        """A line end, or the first token where the text had none."""
        known = self.codec.encode("\n", unknown="skip")
        return int(known[0] if len(known) else np.flatnonzero(self._allowed())[0])

    def _allowed(self) -> Bool[np.ndarray, " vocab"]:
        """All but padding and the unknown word, which stand for no text."""
        if isinstance(self.codec, Bytes):
            return np.ones(self.codec.size, bool)
        return np.array([token not in (PADDING, UNKNOWN_WORD) for token in self.codec.tokens])


def load(path: str | Path) -> Fitted:
    """The model saved at `path`, every file checked.

    Raises:
        ArtefactError: not an artefact, damaged, of a newer format, or of a cell that cannot be imported.

    >>> import tempfile
    >>> task = elman.LanguageModelling(hidden_size=8, batch_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    ...     fitted.save(folder + "/hello.elman")
    ...     again = elman.load(folder + "/hello.elman")
    >>> again.generate("hello", length=9, seed=1) == fitted.generate("hello", length=9, seed=1)
    True
    """
    return from_saved(Path(path), artefact.read(Path(path)))


def from_saved(path: Path, saved: artefact.Saved) -> Fitted:
    """The model of an artefact's contents; `path` is for messages."""
    use_compilation_cache()
    task, training = settings_of(path, saved)
    try:
        codec = vocabulary_from_builtins(saved.codec)
        shapes = jax.eval_shape(lambda: task.build(codec, key=jax.random.key(0)))
    except (ConfigError, msgspec.ValidationError) as error:
        raise ArtefactError(f"{path}: its settings cannot be used: {error}") from None
    model = artefact.fill(shapes, saved.weights, what=str(path))
    return Fitted(task=task, codec=codec, model=model, training=training, measures=saved.model.get("measures", {}))


def settings_of(path: Path, saved: artefact.Saved) -> tuple[LanguageModelling, Training]:
    """The settings in an artefact's contents; `path` is for messages."""
    try:
        settings = dict(saved.model["task"])
        kind = settings.pop("type")
        if kind != "LanguageModelling":
            raise ArtefactError(f"{path}: holds a model for {kind}, which this elman does not know; upgrade elman")
        return LanguageModelling(**settings), Training(**saved.model["training"])
    except (ConfigError, KeyError, TypeError) as error:
        raise ArtefactError(f"{path}: its settings cannot be used: {error}") from None


def _until(stop: str, pieces: Iterator[str]) -> Iterator[str]:
    """The pieces up to `stop`. What could be its beginning waits for the next piece."""
    held = ""
    for piece in pieces:
        held += piece
        if stop and (at := held.find(stop)) >= 0:
            yield held[:at]
            return
        keep = next((n for n in range(min(len(stop) - 1, len(held)), 0, -1) if stop.startswith(held[-n:])), 0)
        yield held[: len(held) - keep]
        held = held[len(held) - keep :]
    yield held
