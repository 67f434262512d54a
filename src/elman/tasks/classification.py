"""The task of classification: one class for a whole text.

The command line's help reads this module, so what takes long to import is imported by the methods that need it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from elman._config import Config
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
from elman.tasks._pretrained import KnownWords, Pretrained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.cells import Cell
    from elman.data.class_batches import ClassBatch, ClassBatches
    from elman.data.examples import Data, Part
    from elman.data.labelled import Labelled
    from elman.data.text_codec import Reading, TextCodec
    from elman.fitted.classifier import Classifier
    from elman.models.classifier import ClassificationModel
    from elman.models.readers import LanguageReaders
    from elman.tasks.classification_metrics import ClassificationMetrics


class ClassPrediction(Config, frozen=True, kw_only=True):
    """Options of `elman predict` for classes."""

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Write - instead of a label whose probability is below this."""
    probabilities: bool = False
    """Write the probabilities of all classes, not only of the predicted one."""


class Classification(Pretrained["Classifier"], frozen=True, kw_only=True, tag=True):
    """Predict the class of a text.

    >>> task = Classification(hidden_size=8, embedding_size=8)
    >>> data = task.read_texts([("good film", "pos"), ("bad film", "neg")] * 20)
    >>> len(data.train), data.codec.labels
    (32, ('neg', 'pos'))
    """

    training: ClassVar[dict[str, Any]] = {"learning_rate": 0.003}
    options: ClassVar[type[Config] | None] = ClassPrediction

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
    num_layers: Count = 1
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
    batch_size: Count = 32
    """Texts in a batch."""

    def __post_init__(self) -> None:
        if callable(self.cell):
            msgspec.structs.force_setattr(self, "cell", cell_name(self.cell))
        Pretrained.__post_init__(self)
        if self.encoding != "utf-8":
            from elman.data.files import check_encoding

            check_encoding(self.encoding)
        check_parts(self.validation, self.test, "texts")
        check_vocabulary(self.vocabulary, size=self.vocabulary_size, min_count=self.min_count)
        if self.vectors and self.vocabulary != "words":
            raise ConfigError(f"vectors: belong to words; choose vocabulary='words', not {self.vocabulary!r}")
        if self.start_from and self.pieces != "none":
            raise ConfigError("start_from: a language model reads whole texts; leave pieces out")
        if self.pieces == "words" and self.vocabulary == "words":
            raise ConfigError(
                "pieces: words are not made of words; choose vocabulary='characters' or pieces='sentences'"
            )

    def read(self, *places: str | Path) -> Data:
        """Reads labelled texts: tables, a folder or a file for each class, `label<TAB>text`; also compressed, or in an
        archive. Files called train, dev and test are the parts; a part without a file is split from the training texts,
        with the same share of each class.

        Raises:
            DataError: files of an unknown format, a missing column, an empty text, a text without label, a class with
                one text, or one class only.
        """
        from elman.data.labelled import read_labelled
        from elman.data.text import kept_places

        if not places:
            raise DataError(
                "expected labelled texts: a table (.csv, .tsv, .jsonl), a folder, or lines `label<TAB>text`"
            )
        found = read_labelled(*places, **self._columns())
        parts = map(self._coarsen, (found.train, found.validation, found.test))
        return self._data(*parts, source=", ".join(map(str, places)), places=kept_places(*places))

    def read_texts(
        self,
        train: Iterable[tuple[str, str]],
        *,
        validation: Iterable[tuple[str, str]] = (),
        test: Iterable[tuple[str, str]] = (),
    ) -> Data:
        """The data of pairs of text and label in memory.

        Raises:
            DataError: as `read`.
        """
        from elman.data.labelled import Labelled, check_texts

        parts = [
            self._coarsen(
                check_texts(Labelled(text, label, f"{name}, text {n}") for n, (text, label) in enumerate(part, start=1))
            )
            for name, part in (("train", train), ("validation", validation), ("test", test))
        ]
        return self._data(*parts, source="the texts", places=())

    def read_part(self, codec: TextCodec, *places: str | Path) -> Part:
        """Reads the texts of `places`, encoded by a codec, to measure a model on. Where file names tell parts, it reads
        the test part, or else the validation part.

        Raises:
            DataError: as `read`, or a label that the codec does not know.
        """
        from elman.data.labelled import check_known, read_labelled

        found = read_labelled(*places, **self._columns())
        texts = self._coarsen(found.test or found.validation or found.train)
        check_known(codec.labels, texts)
        return _part(", ".join(map(str, places)), texts, codec)

    def settled(self, data: Data) -> Classification:
        """This task with the embedding size of its word vectors filled in.

        Raises:
            DataError: `data` is not what `read` returns or was read by another task, or its validation part is empty.
        """
        from elman.data.text_codec import TextCodec
        from elman.tasks._data import check_read, check_validation

        check_read(data, TextCodec)
        if data.codec.reading != self._reading():
            raise DataError("data: another task read it as other tokens or pieces; read it with this task")
        check_validation(data)
        return msgspec.structs.replace(self, embedding_size=self.word_size(self.embedding_size))

    def known_words(self, codec: TextCodec) -> KnownWords:
        """The words of the vocabulary."""
        return KnownWords(codec.vocabulary.tokens[2:], 2, codec.vocabulary.added)  # ty: ignore

    def network(self, codec: TextCodec, *, key: PRNGKeyArray) -> ClassificationModel:
        """The classifier for the vocabulary and the classes of `codec`, with random weights."""
        from elman.cells.find import find_cell
        from elman.models.classifier import ClassificationModel

        return ClassificationModel(
            partial(self._cell, find_cell(str(self.cell))),
            vocab=codec.vocabulary.size,
            unknown=codec.unknown,
            classes=len(codec.labels),
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            piece_size=0 if self.pieces == "none" else self.piece_size,
            pooling=self.pooling,
            convolution=self.convolution,
            input_dropout=self.input_dropout,
            word_dropout=self.word_dropout,
            dropout=self.dropout,
            readers=self._readers(codec, key),
            key=key,
        )

    def _readers(self, codec: TextCodec, key: PRNGKeyArray) -> LanguageReaders | None:
        from elman.tasks._language_models import readers_of

        if not codec.language_models:
            return None
        rates = {"input_dropout": self.input_dropout, "dropout": self.dropout}
        return readers_of(codec.language_models, codec.vocabulary, **rates, key=key)  # ty: ignore

    def batches(self, part: Part, *, seed: int) -> ClassBatches:
        """Batches of texts of similar length, shuffled in every epoch."""
        from elman.data.class_batches import ClassBatches

        size, balance = self.batch_size, self.balance
        return ClassBatches(part.examples, part.codec, batch_size=size, seed=seed, balance=balance)

    def loss(
        self, model: ClassificationModel, carry: Carry, batch: ClassBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, texts), carry): cross-entropy summed over the texts, each multiplied by its weight."""
        from elman.tasks._classes import class_loss

        return class_loss(model, batch, smoothing=self.label_smoothing, key=key), carry

    def activations(self, model: ClassificationModel, carry: Carry, batch: ClassBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer, the pooling and the head."""
        import jax
        import jax.numpy as jnp

        return model.activations(*jax.tree.map(jnp.asarray, tuple(batch[:3])))

    def evaluate(self, model: ClassificationModel, part: Part, codec: TextCodec) -> ClassificationMetrics:
        """Measures the model on every text of the part, with the temperature that fits the part best.

        Raises:
            DataError: an empty part.
        """
        from elman.tasks._classes import class_metrics

        return class_metrics(model, part, codec, temperature=None)

    def counted(self, codec: TextCodec) -> str:
        """The unit that the loss is averaged over: that of an example."""
        return codec.unit

    @staticmethod
    def codec_from(values: dict[str, Any]) -> TextCodec:
        """The codec that `msgspec.to_builtins` turned into plain values."""
        from elman.data.text_codec import TextCodec

        return msgspec.convert(values, TextCodec)

    @staticmethod
    def metrics_from(values: dict[str, Any]) -> ClassificationMetrics:
        """The measures that `to_builtins` turned into plain values."""
        from elman.tasks.classification_metrics import ClassificationMetrics

        return ClassificationMetrics.from_builtins(values)

    def _reading(self) -> Reading:
        from elman.data.text_codec import Reading

        models, vocabulary, lower = self.language_models(), self.vocabulary, self.lower
        if models is not None:
            vocabulary, lower = f"{models.vocabulary.unit}s", getattr(models.vocabulary, "lower", False)
            if self.vocabulary not in ("words", vocabulary):
                raise ConfigError(
                    f"vocabulary: the language model reads {vocabulary}, not {self.vocabulary}; leave vocabulary out"
                )
        return Reading(
            vocabulary=vocabulary,  # ty: ignore
            vocabulary_size=self.vocabulary_size or SUBWORDS,
            pieces=self.pieces,
            lower=lower,
            min_count=self.min_count,
            max_length=self.max_length,
        )

    def _columns(self) -> dict[str, str]:
        return {"text_column": self.text_column, "label_column": self.label_column, "encoding": self.encoding}

    def _coarsen(self, texts: Iterable[Labelled]) -> list[Labelled]:
        if not self.coarse:
            return list(texts)
        found = [text._replace(label=text.label.partition(":")[0].strip()) for text in texts]
        if empty := next((text for text in found if not text.label), None):
            raise DataError(f"{empty.place}: coarse: nothing comes before the first colon of the label")
        return found

    def _data(
        self,
        train: list[Labelled],
        validation: list[Labelled],
        test: list[Labelled],
        *,
        source: str,
        places: tuple[str, ...],
    ) -> Data:
        """Encodes the parts; empty ones are first split from the training texts."""
        from elman.data.examples import Data, Parts, completed
        from elman.data.labelled import check_classes
        from elman.data.text_codec import TextCodec

        labels = check_classes(train, validation, test)
        parts = completed(
            Parts(train, validation, test),
            validation=self.validation,
            test=self.test,
            seed=self.split_seed,
            by=lambda text: text.label,
        )
        reading = self._reading()
        models = self.language_models()
        if models is None:
            codec = TextCodec.of(
                (text.text for text in parts.train), labels=labels, reading=reading, more=self.more_words()
            )
        else:
            codec = TextCodec(models.vocabulary, labels, reading, models.settings)
        return Data(
            **{name: _part(name, texts, codec) for name, texts in parts._asdict().items()},
            codec=codec,
            source=source,
            places=places,
            unit=codec.unit,
        )

    def _cell(self, kind: Callable[..., Cell], input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Cell:
        from elman.cells import WeightDropout
        from elman.cells.find import build_cell

        cell = build_cell(kind, input_size, hidden_size, key=key)
        return WeightDropout(cell, rate=self.weight_dropout) if self.weight_dropout else cell


def _part(name: str, texts: Sequence[Labelled], codec: TextCodec) -> Part:
    from elman.data.examples import Part
    from elman.data.fingerprint import digest
    from elman.data.text_codec import EncodedText

    places = {label: place for place, label in enumerate(codec.labels)}
    examples = tuple(EncodedText(codec.encode(text.text), places[text.label]) for text in texts)
    return Part(name, examples, codec, digest(texts))
