"""The settings of sequence to sequence. Importing this module does not import jax."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from elman._config import Config
from elman._errors import ConfigError
from elman._types import NormalForm
from elman.formats.names import DICTIONARY, TEXTS
from elman.tasks.decoding import Decoding
from elman.tasks.settings import (
    BatchSizes,
    CellName,
    Count,
    Layers,
    OnError,
    Rate,
    Size,
    TaskSettings,
    ValidationFiles,
    VocabularySize,
    check_parts,
    check_vocabulary,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elman.formats.place import Place

Unit = Literal["characters", "words", "subwords"]

Connection = Literal["state", "repeat", "additive", "dot", "moving"]


class PairPrediction(Decoding, frozen=True, kw_only=True):
    """Options of `elman predict` for pairs of texts."""

    with_input: bool = False
    """Write each line behind its answer, with a tab between them."""
    on_error: OnError = "fail"
    """Treatment of a line that cannot be read, whose number is always written to standard error: the end (fail), the
    answer to the next line (skip), or a blank answer (blank)."""


class Seq2SeqSettings(TaskSettings, frozen=True, kw_only=True):
    """Settings of `Seq2Seq`."""

    training: ClassVar[dict[str, Any]] = {}
    fixed: ClassVar[tuple[str, ...]] = (
        "source_vocabulary",
        "target_vocabulary",
        "vocabulary_size",
        "normal_form",
        "connection",
        "reverse_inputs",
        "reverse_answers",
    )
    batch_sizes: ClassVar[BatchSizes | None] = BatchSizes("batch_size", usual=128, least=32)
    options: ClassVar[type[Config] | None] = PairPrediction
    generated: ClassVar[tuple[str, ...]] = ("sums", "dates")

    source_vocabulary: Unit | None = None
    """Kind of token of inputs: characters, words, or subwords (pieces of words), which sentences get unless you say
    otherwise (characters for other texts)."""
    target_vocabulary: Unit | None = None
    """Kind of token of answers (subwords for sentences; words, which are phones, for a pronouncing dictionary; else
    characters)."""
    vocabulary_size: VocabularySize = None
    """Sub-words to learn for inputs and for answers, the 256 bytes included (a 250th of the characters, at most 8,000).
    """
    valid: ValidationFiles = ()
    """A file of pairs, or two aligned files, that choose the best weights, in place of a share of the other files."""
    normal_form: NormalForm = "NFC"
    """Normal form of Unicode that inputs and answers are put into; none leaves their spelling as it is."""
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
    num_layers: Layers = 1
    """Recurrent layers on top of each other, in the encoder and in the decoder."""
    input_dropout: Rate = 0.0
    """Share of the embeddings' features dropped in training."""
    dropout: Rate = 0.1
    """Share of each layer's outputs dropped in training."""
    scheduled_sampling: Rate = 0.0
    """Probability that the decoder reads its own last token in training (Bengio et al., 2015)."""
    sampling_epochs: Count = 5
    """Epochs over which that probability grows from zero."""
    batch_size: Count | None = None
    """Pairs in a batch (128, or down to 32 where a budget in epochs or minutes has fewer than 1,000 steps)."""
    max_length: Count | None = None
    """Longest answer, in tokens (twice the longest training answer)."""
    corpus_scores: bool = False
    """Measure BLEU and chrF also where answers are no sentences; needs sacrebleu."""

    def __post_init__(self) -> None:
        TaskSettings.__post_init__(self)
        check_parts(self.validation, self.test, "pairs")
        kinds = self.source_vocabulary, self.target_vocabulary
        check_vocabulary(*kinds, size=self.vocabulary_size, min_count=self.min_count)
        if len(self.valid) > 2:
            raise ConfigError(
                f"valid: expected one file of pairs, or two aligned files; got {len(self.valid)}: "
                f"{', '.join(self.valid)}. Name the files to train on before --valid"
            )
        if self.validation == 0 and not self.valid:
            raise ConfigError("validation: expected a share or at least 1 pair; the best weights are chosen by it")
        if self.bidirectional and self.hidden_size % 2:
            raise ConfigError(f"hidden_size: expected an even number with bidirectional; got {self.hidden_size}")
        if self.scheduled_sampling and self.connection == "repeat":
            raise ConfigError("scheduled_sampling: with connection 'repeat' the decoder reads no tokens")

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark of pairs of texts: two columns, a pronouncing dictionary, or two files that differ in their ending
        alone, such as a.en and a.fr."""
        if len(places) == 2:
            stems, endings = {Path(place.name).stem for place in places}, {place.suffix for place in places}
            aligned = len(stems) == 1 and len(endings) == 2 and not endings & {*TEXTS}
            return "two files differ in their ending alone" if aligned else ""
        suffix = places[0].suffix if len(places) == 1 else ""
        if suffix == DICTIONARY:
            return f"{DICTIONARY} is the ending of pronouncing dictionaries"
        two = suffix == ".tsv" and len(places[0].columns) == 2 and "label" not in places[0].columns
        if two or (len(places) == 1 and suffix in ("", *TEXTS) and _are_pairs(places[0].lines)):
            return "there are two columns"
        return ""

    @classmethod
    def accepts(cls, places: Sequence[Place]) -> bool:
        """True for a table with tabs: a third column, such as a source, is left out."""
        return len(places) == 1 and places[0].suffix == ".tsv"


def _are_pairs(lines: Sequence[str]) -> bool:
    """True for lines of two columns of texts, or three, of which the last is left out; in an indented text the first is
    empty."""
    rows = [line.split("\t") for line in lines if line.strip()]
    widths = {len(row) for row in rows}
    return (
        len(rows) > 1
        and widths <= {2, 3}
        and len(widths) == 1
        and all(row[0].strip() and row[1].strip() for row in rows)
    )
