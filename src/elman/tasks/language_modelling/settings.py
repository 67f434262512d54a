"""The settings of language modelling. Importing this module does not import jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from elman._errors import ConfigError
from elman._types import NormalForm, VocabularyKind
from elman.formats.names import TEXTS
from elman.tasks.settings import (
    BatchSizes,
    CellName,
    Count,
    Layers,
    Rate,
    Size,
    TaskSettings,
    VocabularySize,
    check_parts,
    check_vocabulary,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elman.formats.place import Place


class LanguageModellingSettings(TaskSettings, frozen=True, kw_only=True):
    """Settings of `LanguageModelling`."""

    batch_sizes: ClassVar[BatchSizes | None] = BatchSizes("batch_size", usual=32, least=8)
    foundation: ClassVar[bool] = True
    fixed: ClassVar[tuple[str, ...]] = (
        "vocabulary",
        "vocabulary_size",
        "lower",
        "normal_form",
        "reverse",
        "residual",
    )

    vocabulary: VocabularyKind = "characters"
    """Kind of token; bytes suit any language or file, words need a large text, subwords (frequent pieces of words) need
    the extra `subwords`."""
    vocabulary_size: VocabularySize = None
    """Sub-words to learn, the 256 bytes included (8,000)."""
    lower: bool = False
    """Lower-case the text, and every prime, first."""
    normal_form: NormalForm = "NFC"
    """Normal form of Unicode that the text, and every prime, is put into first; none leaves the spelling as it is, and
    bytes are never changed."""
    min_count: Count = 1
    """Words that occur less often become <unk>."""
    reverse: bool = False
    """Read the text backwards, to predict the previous token: for a model from which a classifier or a tagger starts;
    it cannot generate text."""
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
    num_layers: Layers = 2
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
    batch_size: Count | None = None
    """Streams of text in a batch (32, or down to 8 where a budget in epochs or minutes has fewer than 1,000 steps)."""
    unroll_length: Count = 64
    """Tokens that gradients reach back; the state is passed on over the whole text."""

    def __post_init__(self) -> None:
        TaskSettings.__post_init__(self)
        check_parts(self.validation, self.test, "tokens")
        check_vocabulary(self.vocabulary, size=self.vocabulary_size, min_count=self.min_count)
        if self.validation in (0, 1):
            raise ConfigError("validation: expected a share or at least 2 tokens; the best weights are chosen by it")
        if self.lower and self.vocabulary == "bytes":
            raise ConfigError("lower: bytes are read as they are; use vocabulary='characters' or lower=False")

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark of plain text: the ending of a file."""
        files = (file for place in places if not place.is_archive for file in place.files)
        suffix = next((file.suffix for file in files if file.suffix in TEXTS), "")
        return f"{suffix} is the ending of plain text" if suffix else ""

    @classmethod
    def accepts(cls, places: Sequence[Place]) -> bool:
        """True for anything: other files are read as text too, and without files there is a text to try things out."""
        return True
