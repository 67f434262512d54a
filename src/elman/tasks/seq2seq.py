"""The task of sequence to sequence: a text that answers a text.

The command line's help reads this module, so what takes long to import is imported by the methods that need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from elman._config import Config
from elman._errors import ConfigError, DataError
from elman.decoding.settings import Decoding
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
from elman.tasks.seq2seq_metrics import Seq2SeqMetrics

if TYPE_CHECKING:
    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.data.examples import Data, Part
    from elman.data.pair_batches import PairBatch, PairBatches
    from elman.data.pair_codec import PairCodec
    from elman.data.pairs import Pair
    from elman.fitted.translator import Translator
    from elman.models.seq2seq import EncoderDecoder

Unit = Literal["characters", "words", "subwords"]
Connection = Literal["state", "repeat", "additive", "dot", "moving"]

EXAMPLES = 50_000
"""Default number of generated pairs."""

LARGEST_VALIDATION = 5_000
"""Most pairs that a share sets aside for validation, as every evaluation answers all of them."""


class Seq2Seq(Task["Translator"], frozen=True, kw_only=True, tag=True):
    """Answer a text with a text: sums, translations, pronunciations.

    >>> task = Seq2Seq(digits=2, examples=1000, validation=50, test=50)
    >>> data = task.read("sums")
    >>> len(data.train), data.train.examples[0], data.codec.target.tokens[1:]
    (900, Pair(source='5+92', targets=('97',)), ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))
    """

    training: ClassVar[dict[str, Any]] = {}
    options: ClassVar[type[Config] | None] = Decoding

    source_vocabulary: Unit = "characters"
    """Kind of token of inputs: characters, words (separated by spaces), or subwords (pieces of words)."""
    target_vocabulary: Unit | None = None
    """Kind of token of answers (characters; words, which are phones, for a pronouncing dictionary)."""
    vocabulary_size: VocabularySize = None
    """Sub-words to learn for inputs and for answers, the 256 bytes included (8,000)."""
    min_count: Count = 1
    """Words that occur less often become <unk>."""
    stress: bool = False
    """Keep the stress marks of a pronouncing dictionary."""
    digits: Count = 3
    """Digits of the numbers of generated sums."""
    examples: Count | None = None
    """Generated sums or dates (50,000, or as many sums as there are)."""
    validation: Size = 0.05
    """Pairs that choose the best weights: a share (at most 5,000 pairs), or from 1 on a number."""
    test: Size = 0.05
    """Pairs that training never sees: a share, or from 1 on a number."""
    cell: CellName = "LSTM"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    connection: Connection = "dot"
    """Connection from encoder to decoder: the encoder's last state (state), its last output at every step (repeat), or
    also attention to any place (additive, dot) or to places that move along the input (moving)."""
    bidirectional: bool = True
    """Read inputs in both directions, with half of the units each; --no-bidirectional reads forwards only."""
    reverse_inputs: bool = False
    """Read inputs backwards (Sutskever et al., 2014)."""
    reverse_answers: bool = False
    """Write answers backwards, as in adding numbers by hand."""
    embedding_size: Count = 64
    """Features of a token's embedding."""
    hidden_size: Count = 256
    """Units of a recurrent layer."""
    num_layers: Count = 1
    """Recurrent layers on top of each other, in the encoder and in the decoder."""
    input_dropout: Rate = 0.0
    """Share of the embeddings' features dropped in training."""
    dropout: Rate = 0.1
    """Share of each layer's outputs dropped in training."""
    scheduled_sampling: Rate = 0.0
    """Probability that the decoder reads its own last token in training (Bengio et al., 2015)."""
    sampling_epochs: Count = 5
    """Epochs over which that probability grows from zero."""
    batch_size: Count = 128
    """Pairs in a batch."""
    max_length: Count | None = None
    """Longest answer, in tokens (twice the longest training answer)."""
    corpus_scores: bool = False
    """Measure BLEU and chrF too; needs sacrebleu."""

    def __post_init__(self) -> None:
        if callable(self.cell):
            msgspec.structs.force_setattr(self, "cell", cell_name(self.cell))
        Task.__post_init__(self)
        check_parts(self.validation, self.test, "pairs")
        kinds = self.source_vocabulary, self.target_vocabulary
        check_vocabulary(*kinds, size=self.vocabulary_size, min_count=self.min_count)
        if self.validation == 0:
            raise ConfigError("validation: expected a share or at least 1 pair; the best weights are chosen by it")
        if self.bidirectional and self.hidden_size % 2:
            raise ConfigError(f"hidden_size: expected an even number with bidirectional; got {self.hidden_size}")
        if self.scheduled_sampling and self.connection == "repeat":
            raise ConfigError("scheduled_sampling: with connection 'repeat' the decoder reads no tokens")

    def read(self, *places: str | Path) -> Data:
        """Reads pairs from a file or two aligned files ("-" is standard input), or generates "sums" or "dates"; without
        places, sums.

        Raises:
            DataError: no such file, a line that is not a pair, or too few pairs.
        """
        from elman.data.generated import dates, how_many_sums, sums
        from elman.data.pairs import is_dictionary, read_pairs
        from elman.data.text import kept_places

        name = str(places[0]) if places else "sums"
        if len(places) < 2 and name in ("sums", "dates") and not Path(name).exists():
            most = how_many_sums(self.digits) if name == "sums" else EXAMPLES
            count = self.examples or min(EXAMPLES, most)
            pairs = sums(self.digits, count) if name == "sums" else dates(count)
            return self._data(pairs, name, (name,), "characters")
        pairs = read_pairs(*places, stress=self.stress)
        unit = "words" if is_dictionary(name) else "characters"
        return self._data(pairs, ", ".join(map(str, places)), kept_places(*places), unit)

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> Data:
        """The data of pairs of source and target in memory.

        Raises:
            DataError: an empty text, or too few pairs.
        """
        from elman.data.pairs import Line, checked, grouped

        lines = [checked(Line(*pair), f"pair {number}") for number, pair in enumerate(pairs, start=1)]
        if not lines:
            raise DataError("the pairs: expected at least two, of a source and a target; got none")
        return self._data(grouped(lines), "the pairs", (), "characters")

    def settled(self, data: Data) -> Seq2Seq:
        """This task with the longest answer and the kind of target tokens filled in.

        Raises:
            DataError: `data` is not what `read` returns or was read by another task, or its validation part is empty.
        """
        from elman.data.pair_codec import PairCodec
        from elman.tasks._data import check_read, check_validation

        check_read(data, PairCodec)
        check_validation(data)
        unit = data.codec.target_unit
        if self.target_vocabulary not in (None, unit) or self.source_vocabulary != data.codec.source_unit:
            raise DataError("data: another task read it as other tokens; read it with this task")
        if self.max_length is not None:
            return msgspec.structs.replace(self, target_vocabulary=unit)
        targets = [target for pair in data.train.examples for target in pair.targets]
        longest = int(data.codec.rows("target", targets).lengths.max())
        return msgspec.structs.replace(self, target_vocabulary=unit, max_length=2 * longest)

    def network(self, codec: PairCodec, *, key: PRNGKeyArray) -> EncoderDecoder:
        """The encoder and decoder for the tokens of `codec`, with random weights."""
        from elman.cells.find import build_cell, find_cell
        from elman.models.seq2seq import EncoderDecoder

        return EncoderDecoder(
            partial(build_cell, find_cell(str(self.cell))),
            source_vocab=codec.source.size,
            target_vocab=codec.target.size,
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            connection=self.connection,
            input_dropout=self.input_dropout,
            dropout=self.dropout,
            key=key,
        )

    def batches(self, part: Part[Pair], *, seed: int) -> PairBatches:
        """Batches of pairs of similar length, shuffled in every epoch."""
        from elman.data.pair_batches import PairBatches

        return PairBatches(
            part.examples,
            part.codec,
            batch_size=self.batch_size,
            **self.directions,
            sampled=self.scheduled_sampling,
            ramp=self.sampling_epochs,
            seed=seed,
            shuffle=True,
        )

    def loss(
        self, model: EncoderDecoder, carry: Carry, batch: PairBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, tokens), carry): cross-entropy summed over the targets and their ends."""
        import jax
        import jax.numpy as jnp

        from elman.models.seq2seq import shifted
        from elman.ops.losses import cross_entropy

        sources, lengths, targets, weights = map(jnp.asarray, batch[:4])
        if key is None or batch.forced is None:
            logits = model(sources, lengths, shifted(targets), key=key).logits
        else:
            encoder_key, decoder_key = jax.random.split(key)
            memory = model.encode(sources, lengths, key=encoder_key)
            forced = jnp.asarray(batch.forced)
            logits = model.decode_sampled(memory, shifted(targets), forced, key=decoder_key).logits
        return cross_entropy(logits, targets, weights), carry

    def activations(self, model: EncoderDecoder, carry: Carry, batch: PairBatch) -> list[tuple[str, Any]]:
        """The outputs of the source embedding, each layer, the attention and the head."""
        import jax.numpy as jnp

        from elman.models.seq2seq import shifted

        sources, lengths, targets = map(jnp.asarray, batch[:3])
        return model.activations(sources, lengths, shifted(targets))

    def evaluate(self, model: EncoderDecoder, part: Part[Pair], codec: PairCodec) -> Seq2SeqMetrics:
        """Measures the loss of every right answer, and the answers of greedy search.

        Raises:
            DataError: a part without pairs.
        """
        from elman.data.pair_batches import PairBatches
        from elman.tasks._answers import answers
        from elman.tasks._data import check_part
        from elman.tasks._evaluation import total_loss

        check_part(part)
        pairs = part.examples
        batches = PairBatches(pairs, codec, batch_size=self.batch_size, **self.directions)
        nats, tokens = total_loss(self, model, batches)
        sources = [pair.source for pair in pairs]
        found = answers(model, codec, sources, decoding=Decoding(), longest=self.longest, **self.directions)
        return Seq2SeqMetrics.of(
            [several[0].text for several in found],
            [pair.targets for pair in pairs],
            nats=nats / tokens,
            unit="character" if codec.target_unit == "characters" else "word",
            corpus=self.corpus_scores,
        )

    @property
    def directions(self) -> dict[str, bool]:
        """The settings `reverse_inputs` and `reverse_answers`, by name."""
        return {"reverse_inputs": self.reverse_inputs, "reverse_answers": self.reverse_answers}

    @property
    def longest(self) -> int:
        """The most tokens of an answer."""
        return self.max_length or 100

    def counted(self, codec: PairCodec) -> str:
        """The unit that the loss is averaged over: that of a target token."""
        return codec.target.unit

    @staticmethod
    def codec_from(values: dict[str, Any]) -> PairCodec:
        """The codec that `msgspec.to_builtins` turned into plain values."""
        from elman.data.pair_codec import codec_from_builtins

        return codec_from_builtins(values)

    @staticmethod
    def metrics_from(values: dict[str, Any]) -> Seq2SeqMetrics:
        """The measures that `to_builtins` turned into plain values."""
        return Seq2SeqMetrics.from_builtins(values)

    def _data(self, pairs: list[Pair], name: str, places: tuple[str, ...], target_unit: Unit) -> Data:
        from elman.data.examples import Data, Part, split
        from elman.data.pair_codec import PairCodec

        codec = PairCodec.of(
            pairs,
            source=self.source_vocabulary,
            target=self.target_vocabulary or target_unit,
            min_count=self.min_count,
            size=self.vocabulary_size or SUBWORDS,
        )
        share = min(self.validation, LARGEST_VALIDATION / len(pairs)) if self.validation < 1 else self.validation
        parts = split(pairs, validation=share, test=self.test)
        return Data(
            **{part: Part(part, tuple(some), codec) for part, some in parts._asdict().items()},
            codec=codec,
            source=name,
            places=places,
            unit="pair",
        )
