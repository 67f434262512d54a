"""The task of language modelling: the next character, byte, word or sub-word of a text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import msgspec
from jaxtyping import PRNGKeyArray

from elman._errors import DataError, quantity
from elman._types import Carry
from elman.cells import Cell, LearnedStart, WeightDropout, Zoneout
from elman.cells.find import build_cell, find_cell
from elman.formats.frames import AnyFrame, check_text, is_frame
from elman.formats.text import TextSource
from elman.ops.losses import cross_entropy
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_read
from elman.tasks.data import Data
from elman.tasks.evaluation import total_loss
from elman.tasks.growth import Growth, token_news
from elman.tasks.items import Items
from elman.tasks.language_modelling.baseline import ngrams
from elman.tasks.language_modelling.corpus import TextPart, read_corpus, source_of
from elman.tasks.language_modelling.fitted import FittedLanguageModel
from elman.tasks.language_modelling.landmarks import landmarks
from elman.tasks.language_modelling.metrics import LanguageMetrics
from elman.tasks.language_modelling.model import LanguageModel
from elman.tasks.language_modelling.settings import LanguageModellingSettings
from elman.tasks.settings import (
    SUBWORDS,
)
from elman.tasks.task import Task
from elman.words._vocabulary import form_of
from elman.words.streams import Batch, Reversed, Streams, Tokens
from elman.words.vocabulary import AnyVocabulary

EVALUATION_STREAMS, EVALUATION_UNROLL = 16, 64
"""Most streams that evaluation cuts a part into, and their unroll length. Each stream starts from the initial state and
has 1,000 tokens at least, so that cold starts hardly matter."""


class LanguageModelling(LanguageModellingSettings, Task[FittedLanguageModel], frozen=True, kw_only=True):
    """Predict the next token of a text.

    >>> task = LanguageModelling(hidden_size=32, validation=20, test=0)
    >>> data = task.read_text("a rose is a rose is a rose " * 20)
    >>> len(data.train), data.codec.size
    (520, 8)
    """

    fitted_class: ClassVar[Any] = FittedLanguageModel
    codec_class: ClassVar[Any] = AnyVocabulary
    metrics_class: ClassVar[Any] = LanguageMetrics

    def read(self, *places: str | Path | AnyFrame) -> Data:
        """Reads text from files and folders ("-" is standard input), or from a table in memory, as `read_text` does;
        without any, the embedded default text.

        Raises:
            DataError: no such file, not text, or too short for the split.
        """
        return self._split(source_of(*places) if places else TextSource.embedded())

    def read_text(self, text: str | AnyFrame) -> Data:
        """The data of a text in memory, or of the texts in one column, or in a table's column `text`, a line or more
        each.

        Raises:
            DataError: a text that is missing or none, with its row; or too short for the split.
        """
        if is_frame(text):
            return self._split(source_of(text))
        return self._split(TextSource.of_text("the text", check_text(text, "the text")))

    def _split(self, source: TextSource) -> Data:
        return read_corpus(
            source,
            vocabulary=self.vocabulary,
            lower=self.lower,
            min_count=self.min_count,
            vocabulary_size=self.vocabulary_size or SUBWORDS,
            normal_form=self.normal_form,
            validation=self.validation,
            test=self.test,
            at_least=self._tokens_needed(),
        )

    def _tokens_needed(self) -> int:
        """The shortest text that leaves one unrolled piece to train on and two tokens to validate with."""
        parts = (self.validation, self.test)
        shares, counts = sum(part for part in parts if part < 1), sum(part for part in parts if part >= 1)
        needed = (self.unroll_length + 1 + counts) / (1 - shares)
        return math.ceil(max(needed, 2 / self.validation) if self.validation < 1 else needed)

    def configure(self, data: Data) -> LanguageModelling:
        """This task with the settings that depend on the data filled in: a network with many weights for little text
        overfits, and needs more dropout.

        Raises:
            DataError: `data` is not what `read` returns, or has other tokens than this task's.
        """
        check_read(data, AnyVocabulary)
        form = "none" if self.vocabulary == "bytes" else self.normal_form
        read = (data.codec.kind, data.codec.lower, form_of(data.codec.normal_form))
        if read != (self.vocabulary, self.lower, form):
            raise DataError(f"data: another task read it as {data.codec.kind}; read it with this task")
        if self.dropout is not None:
            return self
        weights = sum(leaf.size for leaf in jax.tree.leaves(self.shapes(data.codec)))
        return msgspec.structs.replace(self, dropout=round(min(0.5, 0.13 * (weights / len(data.train)) ** 1.5), 3))

    def grow(self, codec: AnyVocabulary, data: Data) -> Growth:
        """The vocabulary of a saved model with the characters or words of new data that it lacks."""
        grown = codec.grown(data.codec)
        return Growth(grown, token_news(codec.unit, codec.size, grown.size))

    def unknown_rows(self, codec: AnyVocabulary) -> Mapping[str, int]:
        """The row of the unknown word; tied to the output, new words are means there too."""
        return {} if self.tied or codec.unknown is None else {"embedding": codec.unknown}

    def network(self, codec: AnyVocabulary, *, key: PRNGKeyArray) -> LanguageModel:
        """The language model for the tokens of `codec`, with random weights."""
        return LanguageModel(
            partial(self._cell, find_cell(str(self.cell))),
            vocab=codec.size,
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            input_dropout=self.input_dropout,
            dropout=self.dropout or 0.0,
            layer_norm=self.layer_norm,
            residual=self.residual,
            tied=self.tied,
            key=key,
        )

    def _cell(self, kind: Callable[..., Cell], input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Cell:
        cell = build_cell(kind, input_size, hidden_size, key=key)
        if self.weight_dropout:
            cell = WeightDropout(cell, rate=self.weight_dropout)
        if self.zoneout:
            cell = Zoneout(cell, rate=self.zoneout)
        return LearnedStart(cell) if self.learned_start else cell

    def batches(self, part: TextPart, *, seed: int) -> Streams:
        """Batches of the text in order; nothing is random."""
        return Streams(self._in_order(part), batch_size=self.in_batch, unroll_length=self.unroll_length)

    def evaluation_batches(self, part: TextPart) -> Streams:
        """Batches of the whole of `part`, in which every token but the first is a target once."""
        if len(part) < 2:
            raise DataError(
                f"the {part.name} part has {quantity(len(part), 'token')}, too few to evaluate; split with a larger "
                "part"
            )
        streams = max(1, min(EVALUATION_STREAMS, len(part) // 1000))
        return Streams(self._in_order(part), batch_size=streams, unroll_length=EVALUATION_UNROLL)

    def _in_order(self, part: TextPart) -> Tokens:
        return Reversed(part.tokens) if self.reverse else part.tokens

    def init_carry(self, model: LanguageModel, batch: int) -> Carry:
        """The state before the first token of `batch` texts."""
        return model.init_carry(batch)

    def loss(
        self, model: LanguageModel, carry: Any, batch: Batch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, tokens), carry): cross-entropy summed over the batch, and the state after the batch."""
        inputs, targets, _, weights = map(jnp.asarray, batch)
        carry, logits = model(inputs, carry, key=key)
        return cross_entropy(logits, targets, weights), carry

    def activations(self, model: LanguageModel, carry: Carry, batch: Batch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer and the head."""
        return model.activations(jnp.asarray(batch.inputs), carry)

    def evaluate(self, model: LanguageModel, part: TextPart, codec: AnyVocabulary) -> LanguageMetrics:
        """Measures the model on every token of the part but the first.

        Raises:
            DataError: a part of fewer than 2 tokens.
        """
        nats, tokens = total_loss(self, model, self.evaluation_batches(part))
        return LanguageMetrics(nats_per_token=nats / tokens, tokens=int(tokens), unit=codec.unit)

    def items(self, part: TextPart) -> Items:
        """Passages that stand for the text around them; see `landmarks`."""
        return Items(landmarks(part.tokens), part.codec.unit, len(part))

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The frequencies of tokens, of pairs and, in a small vocabulary, of triples."""
        return [*ngrams(data, reverse=self.reverse)]

    def loss_unit(self, codec: AnyVocabulary) -> str:
        """The unit that the loss is averaged over: that of a token."""
        return codec.unit
