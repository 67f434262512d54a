"""The task of classification: one class for a whole text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import msgspec
from jaxtyping import PRNGKeyArray
from msgspec import UNSET

from elman._errors import ConfigError, DataError
from elman._types import Carry
from elman.cells import Cell, WeightDropout
from elman.cells.find import build_cell, find_cell
from elman.formats.normal_form import normalise
from elman.formats.text import absolute_places
from elman.tasks.checks import check_read, check_validation
from elman.tasks.classification.batches import ClassBatch, ClassBatches
from elman.tasks.classification.codec import ReadingSettings, TextCodec
from elman.tasks.classification.fitted import Classifier
from elman.tasks.classification.loss import class_loss, class_metrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.reading import LabelledText, check_classes, check_known, check_texts, read_labelled
from elman.tasks.classification.settings import ClassificationSettings
from elman.tasks.data import Data, Part, Parts, complete_parts
from elman.tasks.language_modelling.readers import LanguageReaders
from elman.tasks.language_modelling.start import readers_of
from elman.tasks.pretrained import KnownWords, Pretrained
from elman.tasks.settings import (
    SUBWORDS,
)
from elman.tasks.task import Metrics
from elman.words._vocabulary import saved_form


class Classification(ClassificationSettings, Pretrained[Classifier], frozen=True, kw_only=True):
    """Predict the class of a text.

    >>> task = Classification(hidden_size=8, embedding_size=8)
    >>> data = task.read_texts([("good film", "pos"), ("bad film", "neg")] * 20)
    >>> len(data.train), data.codec.labels
    (32, ('neg', 'pos'))
    """

    fitted_class: ClassVar[Any] = Classifier
    codec_class: ClassVar[Any] = TextCodec
    metrics_class: ClassVar[Any] = ClassificationMetrics

    def read(self, *places: str | Path) -> Data:
        """Reads labelled texts: tables, a folder or a file for each class, `label<TAB>text`; also compressed, or in an
        archive. Files called train, dev and test are the parts; a part without a file is split from the training texts,
        with the same share of each class.

        Raises:
            DataError: files of an unknown format, a missing column, an empty text, a text without label, a class with
                one text, or one class only.
        """
        if not places:
            raise DataError(
                "expected labelled texts: a table (.csv, .tsv, .jsonl), a folder, or lines `label<TAB>text`"
            )
        found = read_labelled(*places, **self._columns())
        parts = map(self._named, (found.train, found.validation, found.test))
        return self._data(*parts, source=", ".join(map(str, places)), places=absolute_places(*places))

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
        parts = [
            self._named(
                check_texts(
                    LabelledText(text, label, f"{name}, text {n}") for n, (text, label) in enumerate(part, start=1)
                )
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
        found = read_labelled(*places, **self._columns())
        texts = self._named(found.test or found.validation or found.train)
        check_known(codec.labels, texts)
        return Part.of(", ".join(map(str, places)), texts, codec, codec.example)

    def configure(self, data: Data) -> Classification:
        """This task with the embedding size of its word vectors filled in.

        Raises:
            DataError: `data` is not what `read` returns or was read by another task, or its validation part is empty.
        """
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
        return ClassificationModel(
            partial(self._cell, find_cell(str(self.cell))),
            vocab=codec.vocabulary.size,
            unknown=codec.vocabulary.unknown or 0,
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

    def check_saved(self, codec: TextCodec, metrics: Metrics | None) -> None:
        """Refuses a codec that cuts texts into other pieces than the network reads.

        Raises:
            ConfigError: names both.
        """
        if codec.reading.pieces != self.pieces:
            raise ConfigError(f"pieces: {self.pieces}, but the codec cuts texts into {codec.reading.pieces}")

    def _readers(self, codec: TextCodec, key: PRNGKeyArray) -> LanguageReaders | None:
        if not codec.language_models:
            return None
        rates = {"input_dropout": self.input_dropout, "dropout": self.dropout}
        return readers_of(codec.language_models, codec.vocabulary, **rates, key=key)  # ty: ignore

    def batches(self, part: Part, *, seed: int) -> ClassBatches:
        """Batches of texts of similar length, shuffled in every epoch."""
        size, balance = self.batch_size, self.balance
        return ClassBatches(part.examples, part.codec, batch_size=size, seed=seed, balance=balance)

    def loss(
        self, model: ClassificationModel, carry: Carry, batch: ClassBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, texts), carry): cross-entropy summed over the texts, each multiplied by its weight."""
        return class_loss(model, batch, smoothing=self.label_smoothing, key=key), carry

    def activations(self, model: ClassificationModel, carry: Carry, batch: ClassBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer, the pooling and the head."""
        return model.activations(*jax.tree.map(jnp.asarray, tuple(batch[:3])))

    def evaluate(self, model: ClassificationModel, part: Part, codec: TextCodec) -> ClassificationMetrics:
        """Measures the model on every text of the part, with the temperature that fits the part best.

        Raises:
            DataError: an empty part.
        """
        return class_metrics(model, part, codec, temperature=None)

    def loss_unit(self, codec: TextCodec) -> str:
        """The unit that the loss is averaged over: that of an example."""
        return codec.unit

    def _reading(self) -> ReadingSettings:
        models, vocabulary, lower = self.language_models(), self.vocabulary, self.lower
        form = saved_form("none" if vocabulary == "bytes" else self.normal_form)
        if models is not None:
            vocabulary, lower, form = models.vocabulary.kind, models.vocabulary.lower, models.vocabulary.normal_form
            if self.vocabulary not in ("words", vocabulary):
                raise ConfigError(
                    f"vocabulary: the language model reads {vocabulary}, not {self.vocabulary}; leave vocabulary out"
                )
        return ReadingSettings(
            vocabulary=vocabulary,
            vocabulary_size=self.vocabulary_size or SUBWORDS,
            pieces=self.pieces,
            lower=lower,
            min_count=self.min_count,
            max_length=self.max_length,
            normal_form=form,
            rules="unicode" if self.pieces == "words" else UNSET,
        )

    def _columns(self) -> dict[str, str]:
        return {"text_column": self.text_column, "label_column": self.label_column, "encoding": self.encoding}

    def _named(self, texts: Iterable[LabelledText]) -> list[LabelledText]:
        """The texts with their labels in normal form and, where `coarse` is True, cut before the first colon."""
        found = [text._replace(label=normalise(text.label, self.normal_form)) for text in texts]
        if not self.coarse:
            return found
        found = [text._replace(label=text.label.partition(":")[0].strip()) for text in found]
        if empty := next((text for text in found if not text.label), None):
            raise DataError(f"{empty.place}: coarse: nothing comes before the first colon of the label")
        return found

    def _data(
        self,
        train: list[LabelledText],
        validation: list[LabelledText],
        test: list[LabelledText],
        *,
        source: str,
        places: tuple[str, ...],
    ) -> Data:
        """Encodes the parts; empty ones are first split from the training texts."""
        labels = check_classes(train, validation, test)
        parts = complete_parts(
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
        return Data.of(parts, codec, source=source, places=places, unit=codec.unit, encode=codec.example)

    def _cell(self, kind: Callable[..., Cell], input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Cell:
        cell = build_cell(kind, input_size, hidden_size, key=key)
        return WeightDropout(cell, rate=self.weight_dropout) if self.weight_dropout else cell
