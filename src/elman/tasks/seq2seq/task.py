"""The task of sequence to sequence: a text that answers a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import msgspec
from jaxtyping import PRNGKeyArray

from elman._errors import DataError
from elman._types import Carry
from elman.cells.find import build_cell, find_cell
from elman.formats.frames import AnyFrame, is_frame, table_or_files
from elman.formats.text import absolute_places
from elman.ops.losses import cross_entropy
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_part, check_read, check_validation
from elman.tasks.data import Data, Part, split
from elman.tasks.decoding import Decoding
from elman.tasks.evaluation import total_loss
from elman.tasks.growth import Growth, token_news
from elman.tasks.items import Items
from elman.tasks.seq2seq.answers import answers
from elman.tasks.seq2seq.baseline import copies
from elman.tasks.seq2seq.batches import PairBatch, PairBatches
from elman.tasks.seq2seq.codec import PairCodec
from elman.tasks.seq2seq.fitted import Translator
from elman.tasks.seq2seq.generated import dates, how_many_sums, sums
from elman.tasks.seq2seq.metrics import Seq2SeqMetrics
from elman.tasks.seq2seq.model import EncoderDecoder, shift_targets
from elman.tasks.seq2seq.reading import Line, Pair, check_line, group_lines, is_dictionary, lines_in, read_pairs
from elman.tasks.seq2seq.scores import has_sacrebleu
from elman.tasks.seq2seq.settings import Seq2SeqSettings, Unit
from elman.tasks.settings import check_vocabulary
from elman.tasks.task import Task

EXAMPLES = 50_000
"""Default number of generated pairs."""

SENTENCE = 4
"""The words from which a text is a sentence."""

LARGEST_VALIDATION = 5_000
"""Most pairs that a share sets aside for validation, as every evaluation answers all of them."""


class Seq2Seq(Seq2SeqSettings, Task[Translator], frozen=True, kw_only=True):
    """Answer a text with a text: sums, translations, pronunciations.

    >>> task = Seq2Seq(digits=2, examples=1000, validation=50, test=50)
    >>> data = task.read("sums")
    >>> len(data.train), data.train.examples[0], data.codec.target.tokens[1:]
    (900, Pair(source='5+92', targets=('97',)), ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))
    """

    fitted_class: ClassVar[Any] = Translator
    codec_class: ClassVar[Any] = PairCodec
    metrics_class: ClassVar[Any] = Seq2SeqMetrics

    def read(self, *places: str | Path | AnyFrame) -> Data:
        """Reads pairs from a file or two aligned files ("-" is standard input), or from a table in memory; or generates
        "sums" or "dates"; without places, sums.

        Raises:
            DataError: no such file, a line that is not a pair, or too few pairs.
        """
        table, files = table_or_files(places)
        if table is not None:
            return self.read_pairs(table)
        name = str(files[0]) if files else "sums"
        if len(files) < 2 and self.is_generated(name):
            most = how_many_sums(self.digits) if name == "sums" else EXAMPLES
            count = self.examples or min(EXAMPLES, most)
            pairs = sums(self.digits, count) if name == "sums" else dates(count)
            return self._data(pairs, name, (name,), ("characters", "characters"))
        pairs = read_pairs(*files, stress=self.stress, normal_form=self.normal_form)
        units = ("characters", "words") if is_dictionary(name) else None
        return self._data(pairs, ", ".join(map(str, files)), absolute_places(*files), units)

    def read_pairs(self, pairs: Sequence[tuple[str, str]] | AnyFrame) -> Data:
        """The data of pairs of source and target in memory, or of a table with a column of each.

        Raises:
            DataError: an empty text, or too few pairs.
        """
        if is_frame(pairs):
            lines = [*lines_in(pairs)]
        else:
            given: Any = enumerate(pairs, start=1)  # ty: ignore[invalid-argument-type] - as it is no table
            lines = [check_line(Line(*pair, f"pair {number}")) for number, pair in given]
        if not lines:
            raise DataError("the pairs: expected at least two, of a source and a target; got none")
        return self._data(group_lines(lines, self.normal_form), "the pairs", (), None)

    def configure(self, data: Data) -> Seq2Seq:
        """This task with the longest answer and the kinds of tokens filled in.

        Raises:
            DataError: `data` is not what `read` returns or was read by another task, or its validation part is empty.
        """
        check_read(data, PairCodec)
        check_validation(data)
        units = {"source_vocabulary": data.codec.source.kind, "target_vocabulary": data.codec.target.kind}
        if any(getattr(self, side) not in (None, unit) for side, unit in units.items()):
            raise DataError("data: another task read it as other tokens; read it with this task")
        if self.max_length is not None:
            return msgspec.structs.replace(self, **units)
        targets = [target for pair in data.train.examples for target in pair.targets]
        longest = int(data.codec.rows("target", targets).lengths.max())
        return msgspec.structs.replace(self, **units, max_length=2 * longest)

    def for_new_data(self, codec: PairCodec) -> Seq2Seq:
        """This task without the files that chose the best weights of its own training."""
        return msgspec.structs.replace(self, valid=())

    def grow(self, codec: PairCodec, data: Data) -> Growth:
        """The codec of a saved model with the characters and words of new data that it lacks."""
        grown, news = codec.grown(data.codec), []
        for side, old, new in (("input", codec.source, grown.source), ("answer", codec.target, grown.target)):
            news += token_news(f"{side} {old.unit}", old.size, new.size)
        return Growth(grown, tuple(news))

    def unknown_rows(self, codec: PairCodec) -> Mapping[str, int]:
        """The rows of the unknown words of inputs and of answers."""
        rows = {"source_embedding": codec.source.unknown, "target_embedding": codec.target.unknown}
        return {name: row for name, row in rows.items() if row is not None}

    def network(self, codec: PairCodec, *, key: PRNGKeyArray) -> EncoderDecoder:
        """The encoder and decoder for the tokens of `codec`, with random weights."""
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
        return PairBatches(
            part.examples,
            part.codec,
            batch_size=self.in_batch,
            **self.directions,
            sampled=self.scheduled_sampling,
            ramp=self.sampling_epochs,
            seed=seed,
            shuffle=True,
        )

    def evaluation_batches(self, part: Part[Pair]) -> PairBatches:
        """Batches of all pairs, in which the decoder reads the right tokens; `Translator.read` refuses unknown ones."""
        return PairBatches(part.examples, part.codec, batch_size=self.in_batch, **self.directions, unknown="skip")

    def loss(
        self, model: EncoderDecoder, carry: Carry, batch: PairBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, tokens), carry): cross-entropy summed over the targets and their ends."""
        sources, lengths, targets, weights = map(jnp.asarray, batch[:4])
        if key is None or batch.forced is None:
            logits = model(sources, lengths, shift_targets(targets), key=key).logits
        else:
            encoder_key, decoder_key = jax.random.split(key)
            encoded = model.encode(sources, lengths, key=encoder_key)
            forced = jnp.asarray(batch.forced)
            logits = model.decode_sampled(encoded, shift_targets(targets), forced, key=decoder_key).logits
        return cross_entropy(logits, targets, weights), carry

    def activations(self, model: EncoderDecoder, carry: Carry, batch: PairBatch) -> list[tuple[str, Any]]:
        """The outputs of the source embedding, each layer, the attention and the head."""
        sources, lengths, targets = map(jnp.asarray, batch[:3])
        return model.activations(sources, lengths, shift_targets(targets))

    def evaluate(self, model: EncoderDecoder, part: Part[Pair], codec: PairCodec) -> Seq2SeqMetrics:
        """Measures the loss of every right answer, and the answers of greedy search.

        Raises:
            DataError: a part without pairs.
        """
        check_part(part)
        pairs = part.examples
        nats, tokens = total_loss(self, model, self.evaluation_batches(part))
        sources = [pair.source for pair in pairs]
        written = answers(
            model, codec, sources, decoding=Decoding(unknown="skip"), longest=self.longest, **self.directions
        )
        return Seq2SeqMetrics.of(
            [several[0].text for several in written],
            [pair.targets for pair in pairs],
            nats=nats / tokens,
            unit=codec.answer_unit,
            token=codec.target.unit,
            corpus=self._corpus(codec),
            sentences=codec.sentences,
        )

    def items(self, part: Part[Pair]) -> Items:
        """The source of each pair."""
        return Items((pair.source for pair in part.examples), "pair", len(part))

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The source itself, and the most frequent target, as the answer to every source."""
        return copies(data, corpus=self._corpus(data.codec))

    def verdicts(self, metrics: Seq2SeqMetrics) -> Sequence[str]:
        """The verdict on one answer to every source, though not all of them are right."""
        alike = metrics.different == 1 < metrics.answers and metrics.exact_accuracy < 1
        return ["gives the same answer to every source"] if alike else []

    @property
    def directions(self) -> dict[str, Any]:
        """The settings `reverse_inputs` and `reverse_answers`, by name."""
        return {"reverse_inputs": self.reverse_inputs, "reverse_answers": self.reverse_answers}

    @property
    def longest(self) -> int:
        """The most tokens of an answer."""
        return self.max_length or 100

    def _corpus(self, codec: PairCodec) -> bool:
        """True where BLEU and chrF are measured."""
        return self.corpus_scores or (codec.sentences and has_sacrebleu())

    def loss_unit(self, codec: PairCodec) -> str:
        """The unit that the loss is averaged over: that of a target token."""
        return codec.target.unit

    def _data(self, pairs: list[Pair], name: str, places: tuple[str, ...], units: tuple[Unit, Unit] | None) -> Data:
        guess, notes = units_of(pairs) if units is None else (units, ())
        source, target = self.source_vocabulary or guess[0], self.target_vocabulary or guess[1]
        check_vocabulary(source, target, size=self.vocabulary_size, min_count=self.min_count)
        if self.valid:
            validation = read_pairs(*self.valid, stress=self.stress, normal_form=self.normal_form)
            parts = split(pairs, validation=0, test=self.test)._replace(validation=validation)
        else:
            share = min(self.validation, LARGEST_VALIDATION / len(pairs)) if self.validation < 1 else self.validation
            parts = split(pairs, validation=share, test=self.test)
        codec = PairCodec.of(
            [*pairs, *(parts.validation if self.valid else ())],
            source=source,
            target=target,
            min_count=self.min_count,
            size=self.vocabulary_size,
            normal_form=self.normal_form,
        )
        said = notes if (source, target) == guess else ()
        return Data.of(parts, codec, source=name, places=places, unit="pair", notes=said)


def units_of(pairs: Sequence[Pair]) -> tuple[tuple[Unit, Unit], tuple[str, ...]]:
    """The kinds of tokens that suit pairs, and a sentence that says so: sub-words where both sides are sentences, most
    of four words or more, else characters.

    >>> units_of([Pair("5+92", ("97",))])
    (('characters', 'characters'), ())
    """
    targets = [pair.targets[0] for pair in pairs]
    if min(median(map(count_words, side)) for side in ([pair.source for pair in pairs], targets)) < SENTENCE:
        return ("characters", "characters"), ()
    if find_spec("sentencepiece") is None:
        note = (
            "sentences: they are read and written word by word; with pip install 'elman[subwords]' by pieces of words"
        )
        return ("words", "words"), (note,)
    return ("subwords", "subwords"), ("sentences: they are read and written by pieces of words",)


def count_words(text: str) -> int:
    """The number of words between spaces."""
    return len(text.split())
