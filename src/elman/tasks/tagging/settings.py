"""The settings of tagging. Importing this module does not import jax."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from elman._config import Config
from elman.formats.columns import DOCUMENT
from elman.formats.names import CONLLU, PARTS, TEXTS, WORD_COLUMNS
from elman.tasks.settings import (
    Answering,
    BatchSizes,
    CellName,
    Count,
    Layers,
    PretrainedSettings,
    Rate,
    Size,
    check_parts,
)
from elman.tasks.tagging.spans import SchemeName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elman.formats.place import Place


_NUMBER = re.compile(r"\d+([-.]\d+)?", re.ASCII)
"""The number of a word in CoNLL-U."""

_SPAN = re.compile(r"O|[BIELSUMW]-\S+|\S+-[BIELSUMW]")
"""A tag that marks spans."""


class TagPrediction(Answering, frozen=True, kw_only=True):
    """Options of `elman predict` for tags."""

    read: Literal["auto", "text", "words", "columns", "conllu"] = "auto"
    """Format of the input: text, one sentence a line, which is split into words; words, one a line, with an empty line
    after a sentence; columns, of which the first has the words; or conllu, of which only the tags' column changes. By
    default a file's name or its first lines say it, and standard input is text."""
    n_best: Annotated[int, Meta(ge=1, le=100)] = 1
    """Taggings to write for each sentence, the best first."""
    confidence: bool = False
    """Write the probability of each tag."""


class TaggingSettings(PretrainedSettings, frozen=True, kw_only=True):
    """Settings of `Tagging`."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.003, "weight_decay": 0.01}
    fixed: ClassVar[tuple[str, ...]] = ("lower", "normal_form", "scheme")
    batch_sizes: ClassVar[BatchSizes | None] = BatchSizes("batch_words", usual=1024, least=256)
    options: ClassVar[type[Config] | None] = TagPrediction
    generated: ClassVar[tuple[str, ...]] = ("grammar",)

    column: str = ""
    """Column of the tags: in CoNLL-U upos (the default), xpos, feats, feats=Number, ...; else the name or number of a
    column, by default the last."""
    scheme: Literal["plain", SchemeName] | None = None
    """Scheme in which the tags mark spans, or plain, which has none (recognised from the tags of the training part)."""
    ill_formed: Literal["refuse", "repair"] = "refuse"
    """Treatment of tags that the scheme does not allow where they stand, such as I-PER behind O in IOB2; repair writes
    the spans that conlleval sees in the scheme."""
    validation: Size = 0.1
    """Part that chooses the best weights, where no file is called dev: a share, or from 1 on a number of sentences."""
    test: Size = 0.1
    """Part that training never sees, where no file is called test: a share, or from 1 on a number of sentences."""
    lower: bool = True
    """Give words that differ only in capitals one vector; with --no-lower each has its own. Letters keep their case."""
    min_count: Count = 1
    """Words that occur less often have no vector of their own; their letters are read."""
    cell: CellName = "LSTM"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    embedding_size: Count = 100
    """Features of a word's embedding."""
    letter_size: Count = 32
    """Features of a letter's embedding."""
    letter_hidden_size: Count = 64
    """Units of the layer that reads a word's letters, in each direction."""
    hidden_size: Count = 200
    """Units of a recurrent layer, in each direction."""
    num_layers: Layers = 2
    """Recurrent layers on top of each other."""
    decoder: Literal["softmax", "crf"] | None = None
    """Predict each tag by itself (softmax), or those of a sentence together by a conditional random field (crf); by
    default crf for spans, else softmax."""
    word_dropout: Annotated[float, Meta(ge=0)] = 0.25
    """Constant a: in training, a word that occurs n times becomes unknown with probability a / (a + n)."""
    input_dropout: Rate = 0.33
    """Share of the words' features dropped in training."""
    dropout: Rate = 0.33
    """Share of each layer's outputs dropped in training."""
    batch_words: Count | None = None
    """Words in a batch, padding included (1,024, or down to 256 where a budget in epochs or minutes has fewer
    than 1,000 steps)."""

    def __post_init__(self) -> None:
        PretrainedSettings.__post_init__(self)
        check_parts(self.validation, self.test, "sentences")

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark of tagged sentences: an ending, the line that begins a document of CoNLL-2003, or columns of words
        and tags with empty lines between sentences."""
        for file in (file for place in places for file in place.files):
            if file.suffix in (*CONLLU, *WORD_COLUMNS):
                return f"{file.suffix} is the ending of files of tagged words"
            if file.suffix in ("", *TEXTS) or file.suffix.removeprefix(".") in PARTS:
                if any(line.startswith(DOCUMENT) for line in file.lines[:1]):
                    return f"it begins with {DOCUMENT}"
                if _are_tagged(file.lines):
                    return "each line has a word and its tags, and empty lines stand between sentences"
        return ""


def _are_tagged(lines: Sequence[str]) -> bool:
    """True for lines of CoNLL-U, or of words with marks of spans in the last column, and empty lines between some."""
    rows = [line.split("\t") if "\t" in line else line.split() for line in lines if line.strip() and line[:2] != "# "]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        return False
    if len(rows[0]) == 10 and all(_NUMBER.fullmatch(row[0]) for row in rows):
        return True
    if len(rows[0]) < 2 or all(map(str.strip, lines)):
        return False
    tags = {row[-1].strip() for row in rows}
    return tags > {"O"} and all(_SPAN.fullmatch(tag) for tag in tags)
