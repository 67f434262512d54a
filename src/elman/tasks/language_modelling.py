"""The task of language modelling: the next character, byte, word or sub-word of a text.

The command line's help reads this module, so what takes long to import is imported by the methods that need it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from elman._errors import ConfigError, DataError
from elman._types import VocabularyKind
from elman.tasks._fields import (
    SUBWORDS,
    CellName,
    Count,
    Rate,
    Size,
    VocabularySize,
    cell_name,
    check_parts,
    check_vocabulary,
)
from elman.tasks._task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.cells import Cell
    from elman.data.corpus import TextPart
    from elman.data.examples import Data
    from elman.data.streams import Batch, Streams, Tokens
    from elman.data.text import TextSource
    from elman.data.vocabulary import AnyVocabulary
    from elman.fitted.language_model import FittedLanguageModel
    from elman.models.language_model import LanguageModel

EVALUATION_STREAMS, EVALUATION_UNROLL = 16, 64
"""Most streams that evaluation cuts a part into, and their unroll length. Each stream starts from the initial state and
has 1,000 tokens at least, so that cold starts hardly matter."""


class LanguageModelling(Task["FittedLanguageModel"], frozen=True, kw_only=True, tag=True):
    """Predict the next token of a text.

    >>> task = LanguageModelling(hidden_size=32, validation=20, test=0)
    >>> data = task.read_text("a rose is a rose is a rose " * 20)
    >>> len(data.train), data.codec.size
    (520, 8)
    """

    vocabulary: VocabularyKind = "characters"
    """Kind of token; bytes suit any language or file, words need a large text, subwords (frequent pieces of words) need
    the extra `subwords`."""
    vocabulary_size: VocabularySize = None
    """Sub-words to learn, the 256 bytes included (8,000)."""
    lower: bool = False
    """Lower-case the text, and every prime, first."""
    min_count: Count = 1
    """Words that occur less often become <unk>."""
    reverse: bool = False
    """Read the text backwards, to predict the previous token: for a model from which a classifier or a tagger starts
    (see start_from); it cannot generate text."""
    validation: Size = 0.05
    """Part that chooses the best weights: a share (of 250,000 tokens at most), or from 1 on a number of tokens."""
    test: Size = 0.05
    """Part at the end that training never sees: a share, or from 1 on a number of tokens."""
    cell: CellName = "LSTM"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    embedding_size: Count = 64
    """Features of a token's embedding."""
    hidden_size: Count = 256
    """Units of a recurrent layer."""
    num_layers: Count = 2
    """Recurrent layers on top of each other."""
    input_dropout: Rate = 0.05
    """Share of the embedding's features dropped in training."""
    dropout: Rate | None = None
    """Share of each layer's outputs dropped in training (0.13 (weights / training tokens)^1.5, at most 0.5)."""
    zoneout: Rate = 0.0
    """Probability that a unit keeps its old state at a step of training (Krueger et al., 2017)."""
    weight_dropout: Rate = 0.0
    """Share of the recurrent weights dropped in each step of training (Merity et al., 2018)."""
    learned_start: bool = False
    """Learn the state before the first token."""
    layer_norm: bool = False
    """Normalise the input of each layer."""
    residual: bool = False
    """Add each layer's input to its output, where the widths agree."""
    tied: bool = False
    """Share the weights of embedding and output; the last layer then has the embedding's width."""
    batch_size: Count = 32
    """Streams of text in a batch."""
    unroll_length: Count = 64
    """Tokens that gradients reach back; the state is passed on over the whole text."""

    def __post_init__(self) -> None:
        if callable(self.cell):
            msgspec.structs.force_setattr(self, "cell", cell_name(self.cell))
        Task.__post_init__(self)
        check_parts(self.validation, self.test, "tokens")
        check_vocabulary(self.vocabulary, size=self.vocabulary_size, min_count=self.min_count)
        if self.validation in (0, 1):
            raise ConfigError("validation: expected a share or at least 2 tokens; the best weights are chosen by it")
        if self.lower and self.vocabulary == "bytes":
            raise ConfigError("lower: bytes are read as they are; use vocabulary='characters' or lower=False")

    def read(self, *places: str | Path) -> Data:
        """Reads text from files and folders ("-" is standard input); without any, the embedded default text.

        Raises:
            DataError: no such file, not text, or too short for the split.
        """
        from elman.data.text import TextSource

        return self._split(TextSource.open(*places) if places else TextSource.embedded())

    def read_text(self, text: str) -> Data:
        """The data of a text in memory."""
        from elman.data.text import TextSource

        return self._split(TextSource.of_text("the text", text))

    def _split(self, source: TextSource) -> Data:
        from elman.data.corpus import read_corpus

        return read_corpus(
            source,
            vocabulary=self.vocabulary,
            lower=self.lower,
            min_count=self.min_count,
            vocabulary_size=self.vocabulary_size or SUBWORDS,
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

    def settled(self, data: Data) -> LanguageModelling:
        """This task with the settings that depend on the data filled in: a network with many weights for little text
        overfits, and needs more dropout.

        Raises:
            DataError: `data` is not what `read` returns, or has other tokens than this task's.
        """
        from elman.data.vocabulary import AnyVocabulary
        from elman.tasks._data import check_read

        check_read(data, AnyVocabulary)
        kind = f"{data.codec.unit}s"
        if kind != self.vocabulary or getattr(data.codec, "lower", False) != self.lower:
            raise DataError(f"data: another task read it as {kind}; read it with this task")
        if self.dropout is not None:
            return self
        import jax

        weights = sum(leaf.size for leaf in jax.tree.leaves(self.shapes(data.codec)))
        return msgspec.structs.replace(self, dropout=round(min(0.5, 0.13 * (weights / len(data.train)) ** 1.5), 3))

    def network(self, codec: AnyVocabulary, *, key: PRNGKeyArray) -> LanguageModel:
        """The language model for the tokens of `codec`, with random weights."""
        from elman.cells.find import find_cell
        from elman.models.language_model import LanguageModel

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
        from elman.cells import LearnedStart, WeightDropout, Zoneout
        from elman.cells.find import build_cell

        cell = build_cell(kind, input_size, hidden_size, key=key)
        if self.weight_dropout:
            cell = WeightDropout(cell, rate=self.weight_dropout)
        if self.zoneout:
            cell = Zoneout(cell, rate=self.zoneout)
        return LearnedStart(cell) if self.learned_start else cell

    def batches(self, part: TextPart, *, seed: int) -> Streams:
        """Batches of the text in order; nothing is random."""
        from elman.data.streams import Streams

        return Streams(self._in_order(part), batch_size=self.batch_size, unroll_length=self.unroll_length)

    def evaluation_batches(self, part: TextPart) -> Streams:
        """Batches of the whole of `part`, in which every token but the first is a target once."""
        from elman.data.streams import Streams

        if len(part) < 2:
            raise DataError(
                f"the {part.name} part has {len(part)} tokens, too few to evaluate; split with a larger part"
            )
        streams = max(1, min(EVALUATION_STREAMS, len(part) // 1000))
        return Streams(self._in_order(part), batch_size=streams, unroll_length=EVALUATION_UNROLL)

    def _in_order(self, part: TextPart) -> Tokens:
        from elman.data.streams import Reversed

        return Reversed(part.tokens) if self.reverse else part.tokens

    def init_carry(self, model: LanguageModel, batch: int) -> Carry:
        """The state before the first token of `batch` texts."""
        return model.init_carry(batch)

    def loss(
        self, model: LanguageModel, carry: Any, batch: Batch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, tokens), carry): cross-entropy summed over the batch, and the state after the batch."""
        import jax.numpy as jnp

        from elman.ops.losses import cross_entropy

        inputs, targets, _, weights = map(jnp.asarray, batch)
        carry, logits = model(inputs, carry, key=key)
        return cross_entropy(logits, targets, weights), carry

    def activations(self, model: LanguageModel, carry: Carry, batch: Batch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer and the head."""
        import jax.numpy as jnp

        return model.activations(jnp.asarray(batch.inputs), carry)

    def evaluate(self, model: LanguageModel, part: TextPart, codec: AnyVocabulary) -> LanguageMetrics:
        """Measures the model on every token of the part but the first.

        Raises:
            DataError: a part of fewer than 2 tokens.
        """
        from elman.tasks._evaluation import total_loss

        nats, tokens = total_loss(self, model, self.evaluation_batches(part))
        return LanguageMetrics(nats_per_token=nats / tokens, tokens=int(tokens), unit=codec.unit)

    def counted(self, codec: AnyVocabulary) -> str:
        """The unit that the loss is averaged over: that of a token."""
        return codec.unit

    @staticmethod
    def codec_from(values: dict[str, Any]) -> AnyVocabulary:
        """The vocabulary that `msgspec.to_builtins` turned into plain values."""
        from elman.data.vocabulary import vocabulary_from_builtins

        return vocabulary_from_builtins(values)

    @staticmethod
    def metrics_from(values: dict[str, Any]) -> LanguageMetrics:
        """The measures that `to_builtins` turned into plain values."""
        return LanguageMetrics(nats_per_token=values["nats_per_token"], tokens=values["tokens"], unit=values["unit"])


@dataclass(frozen=True)
class LanguageMetrics:
    """The measures of a language model on a part, in the units of the field.

    >>> metrics = LanguageMetrics(nats_per_token=math.log(2), tokens=100, unit="character")
    >>> metrics.bits_per_char, round(metrics.perplexity, 6), str(metrics)
    (1.0, 2.0, '0.6931 nats per character, 1.000 bits per character')
    """

    nats_per_token: float
    tokens: int
    unit: str

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: nats per token."""
        return self.nats_per_token

    @property
    def bits_per_char(self) -> float:
        """Bits per character; undefined for a model of other tokens (see `bits_per_byte`, `perplexity`)."""
        return self._bits_per("character")

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of UTF-8, for a model of bytes."""
        return self._bits_per("byte")

    @property
    def perplexity(self) -> float:
        """exp(nats per token): the number of equally likely tokens that would be as hard to guess."""
        return math.exp(min(self.nats_per_token, 700.0))

    def report(self) -> str:
        """The line of `str()`, and the number of tokens."""
        return f"{self}, over {self.tokens:,} {self.unit}s"

    def to_builtins(self) -> dict[str, float | int | str]:
        """Plain values, each with its unit in its name."""
        values: dict[str, float | int | str] = {
            "nats_per_token": self.nats_per_token,
            "perplexity": self.perplexity,
            "tokens": self.tokens,
            "unit": self.unit,
        }
        if self.unit == "character":
            values["bits_per_char"] = self.bits_per_char
        if self.unit == "byte":
            values["bits_per_byte"] = self.bits_per_byte
        return values

    def __str__(self) -> str:
        nats = f"{self.nats_per_token:.4f} nats per {self.unit}"
        if self.unit in ("word", "subword"):
            return f"{nats}, perplexity {self.perplexity:.2f}"
        return f"{nats}, {self.nats_per_token / math.log(2):.3f} bits per {self.unit}"

    def _bits_per(self, unit: str) -> float:
        if self.unit != unit:
            raise ConfigError(f"bits per {unit}: this model predicts {self.unit}s; read nats_per_token or perplexity")
        return self.nats_per_token / math.log(2)
