"""The settings of classification. Importing this module does not import jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from elman._config import Config
from elman._errors import ConfigError
from elman._types import VocabularyKind
from elman.formats.names import PARTS, TEXTS
from elman.tasks.classification.labels import LEAST, Labels, are_marked, marked_columns
from elman.tasks.settings import (
    Answering,
    BatchSizes,
    CellName,
    Count,
    Layers,
    PretrainedSettings,
    Rate,
    Size,
    VocabularySize,
    check_parts,
    check_vocabulary,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elman.formats.place import Place


class ClassPrediction(Answering, frozen=True, kw_only=True):
    """Options of `elman predict` for classes."""

    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Write no label where its probability is below this; of several labels, write those that reach it (by
    default each has a threshold of its own, which was fitted in training)."""
    top_k: Annotated[int, Meta(ge=0)] = 0
    """Write the probabilities of this many classes, the likeliest first."""
    probabilities: bool = False
    """Write the probabilities of all classes, not only of the predicted one."""


class TextPrediction(ClassPrediction, frozen=True, kw_only=True):
    """Options of `elman predict` for the classes of texts."""

    read: Literal["auto", "lines", "labelled", "files", "csv", "tsv", "jsonl"] = "auto"
    """Form of the input: lines of text, lines that begin with a label, which is left out, files of one text each, or a
    table. By default a file's name says it, files in folders of a folder have one text each, and all else is lines,
    labelled ones where every line begins with a class."""
    encoding: str = ""
    """Character encoding of the input (of files that of training, of standard input UTF-8)."""

    def __post_init__(self) -> None:
        ClassPrediction.__post_init__(self)
        if self.encoding:
            from elman.formats.files import check_encoding

            check_encoding(self.encoding)


class ClassificationSettings(PretrainedSettings, frozen=True, kw_only=True):
    """Settings of `Classification`."""

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.003}
    fixed: ClassVar[tuple[str, ...]] = (
        "vocabulary",
        "vocabulary_size",
        "pieces",
        "lower",
        "normal_form",
        "labels",
        "pooling",
    )
    batch_sizes: ClassVar[BatchSizes | None] = BatchSizes("batch_size", usual=32, least=8)
    options: ClassVar[type[Config] | None] = TextPrediction

    vocabulary: VocabularyKind = "words"
    """Kind of token."""
    vocabulary_size: VocabularySize = None
    """Sub-words to learn, the 256 bytes included (8,000)."""
    pieces: Literal["none", "words", "sentences"] = "none"
    """Read the characters of each word, or the tokens of each sentence, by themselves first (Yang et al., 2016)."""
    lower: bool = True
    """Lower-case the texts first; --no-lower keeps capitals."""
    min_count: Count = 1
    """Words that occur less often become <unk>."""
    max_length: Count = 1024
    """Most tokens to read of a text; the rest is left out."""
    text_column: str = "text"
    """The column of a table (CSV, TSV, JSON lines) that holds the texts."""
    label_column: str = "label"
    """The column that holds the classes."""
    labels: Labels | None = None
    """Labels of a text: one, or several, of which each is predicted by itself (told from the training texts)."""
    label_separator: str | None = None
    """Text between several labels, such as | in a|b (told from the training texts)."""
    coarse: bool = False
    """Keep only the part of a label before its first colon, as in DESC:manner."""
    encoding: str = "utf-8"
    """Character encoding of the files."""
    validation: Size = 0.1
    """Part that chooses the best weights, where no file is called dev: a share, or from 1 on a number of texts."""
    test: Size = 0.1
    """Part that training never sees, where no file is called test: a share, or from 1 on a number of texts."""
    split_seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of the random split of texts into parts."""
    cell: CellName = "LSTM"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    embedding_size: Count = 128
    """Features of a token's embedding."""
    hidden_size: Count = 128
    """Units of a recurrent layer, in each direction."""
    num_layers: Layers = 1
    """Recurrent layers on top of each other."""
    bidirectional: bool = True
    """Read in both directions; --no-bidirectional reads forwards only."""
    piece_size: Count = 64
    """Units of the layer that reads a piece, in each direction."""
    pooling: Literal["last", "mean", "max", "attention"] = "max"
    """Pooling of the outputs at all steps to one vector."""
    convolution: Annotated[int, Meta(ge=0, lt=64)] = 0
    """Width in steps of a convolution before the recurrent layers; 0 is none."""
    input_dropout: Rate = 0.5
    """Share of the embedding's features dropped in training, for a whole text."""
    word_dropout: Rate = 0.1
    """Share of the tokens that become <unk> in training."""
    dropout: Rate = 0.5
    """Share of each layer's outputs dropped in training, for a whole text."""
    weight_dropout: Rate = 0.0
    """Share of the recurrent weights dropped in each step of training (Merity et al., 2018)."""
    balance: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Weight of texts of rare classes: 0 weighs all texts alike, 1 all classes alike."""
    label_smoothing: Rate = 0.0
    """Share of each target that is spread over all classes in training."""
    batch_size: Count | None = None
    """Texts in a batch (32, or down to 8 where a budget in epochs or minutes has fewer than 1,000 steps)."""

    def __post_init__(self) -> None:
        PretrainedSettings.__post_init__(self)
        if self.encoding != "utf-8":
            from elman.formats.files import check_encoding

            check_encoding(self.encoding)
        check_parts(self.validation, self.test, "texts")
        if self.label_separator is not None and (self.labels == "one" or not self.label_separator):
            raise ConfigError(
                f"label_separator: {self.label_separator!r} cannot separate labels; leave it out, or labels='one'"
            )
        check_vocabulary(self.vocabulary, size=self.vocabulary_size, min_count=self.min_count)
        if self.vectors and self.vocabulary != "words":
            raise ConfigError(f"vectors: belong to words; choose vocabulary='words', not {self.vocabulary!r}")
        if self.start_from and self.pieces != "none":
            raise ConfigError("start_from: a language model reads whole texts; leave pieces out")
        if self.pieces == "words" and self.vocabulary == "words":
            raise ConfigError(
                "pieces: words are not made of words; choose vocabulary='characters' or pieces='sentences'"
            )

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark of labelled texts: named columns, columns of 0 and 1 beside texts, fastText's words, files called
        train and test, a folder for each class, or a first column with few different values."""
        files = [file for place in places for file in place.files]
        columns = next((file.columns for file in files if {"text", "label"} & {*file.columns}), ())
        if (columns and "series" not in columns) or {"text", "label"} <= {*columns}:
            return f"there is a column {'label' if 'label' in columns else 'text'}"
        if any(are_marked(file.lines) for file in files[:3] if not file.is_table):
            return "most lines have a word that begins with __label__"
        if any(file.suffix.removeprefix(".") in PARTS for file in files):
            return "files are called train, dev or test"
        folders = next((place.folders for place in places if len(place.folders) > 1), ())
        if folders and any(file.suffix in ("", *TEXTS) for file in files):
            return f"a folder for each class: {', '.join(folders[:3])}{', ...' if len(folders) > 3 else ''}"
        if any(_has_label_columns(file.rows) for file in files[:3]):
            return "columns hold 0 and 1 beside texts"
        labelled = len(files) == 1 and files[0].suffix in ("", ".txt", ".tsv") and _are_labelled(files[0].lines)
        return "the first column has few different values" if labelled else ""

    @classmethod
    def accepts(cls, places: Sequence[Place]) -> bool:
        """True for tables, of which the columns of texts and labels can be named; for archives; and for folders of
        folders."""
        files = [file for place in places for file in place.files]
        tables = sum(file.is_table and (file.suffix != ".tsv" or len(files) > 1) for file in files)
        mostly_tables = 2 * tables >= len(files) > 0
        return mostly_tables or any(place.is_archive or len(place.folders) > 1 for place in places)


def _has_label_columns(rows: Sequence[dict[str, str]]) -> bool:
    """True for rows with columns of 0 and 1, and one in which most fields are several words."""
    if len(marked_columns(rows, [*rows[0]] if rows else [])) < LEAST:
        return False
    return any(2 * sum(len(row[name].split()) > 2 for row in rows) > len(rows) for name in rows[0])


def _are_labelled(lines: Sequence[str]) -> bool:
    """True for lines whose first column has few different values. In pairs of texts it hardly repeats, and in an
    indented text it is empty."""
    firsts = [first for first, tab, _ in (line.partition("\t") for line in lines) if tab and first.strip()]
    return len(firsts) >= 4 and len(firsts) >= 0.9 * (len(lines) - 1) and len(set(firsts)) <= len(firsts) / 4
