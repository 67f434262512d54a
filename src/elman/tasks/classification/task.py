"""The task of classification: one class for a whole text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import msgspec
from jaxtyping import PRNGKeyArray
from msgspec import UNSET

from elman._errors import ConfigError, DataError
from elman._normal_form import normalise
from elman._types import Carry
from elman.cells import Cell, WeightDropout
from elman.cells.find import build_cell, find_cell
from elman.formats.text import absolute_places
from elman.tasks.checks import check_read, check_validation
from elman.tasks.classification.batches import ClassBatch, ClassBatches
from elman.tasks.classification.codec import ReadingSettings, TextCodec
from elman.tasks.classification.fitted import Classifier
from elman.tasks.classification.label_metrics import LabelMetrics
from elman.tasks.classification.labels import LabelForm, check_labels, list_text
from elman.tasks.classification.loss import class_loss, class_metrics, label_metrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.reading import LabelledText, check_classes, check_known, check_texts, read_labelled
from elman.tasks.classification.settings import ClassificationSettings
from elman.tasks.data import Data, Part, Parts, complete_parts
from elman.tasks.language_modelling.readers import LanguageReaders
from elman.tasks.language_modelling.start import readers_of
from elman.tasks.pretrained import KnownWords, Pretrained
from elman.tasks.settings import SUBWORDS
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
        texts = read_labelled(*places, **self._columns())
        parts = texts.train, texts.validation, texts.test
        return self._data(*parts, source=", ".join(map(str, places)), places=absolute_places(*places))

    def read_texts(
        self,
        train: Iterable[tuple[str, str | Sequence[str]]],
        *,
        validation: Iterable[tuple[str, str | Sequence[str]]] = (),
        test: Iterable[tuple[str, str | Sequence[str]]] = (),
    ) -> Data:
        """The data of pairs of text and label in memory, or of text and a sequence of labels.

        Raises:
            DataError: as `read`.
        """
        parts = [
            check_texts(
                LabelledText(text, list_text(label), f"{name}, text {n}")
                for n, (text, label) in enumerate(part, start=1)
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
        parts = read_labelled(*places, **self._columns())
        texts = self._named(codec.form, parts.test or parts.validation or parts.train)
        if not codec.several:
            check_known(codec.labels, texts)
        elif not any({*codec.labels} & {*codec.form.labels(text.label)} for text in texts):
            raise DataError(
                f"{', '.join(map(str, places))}: no text has a label that occurred in training, such as "
                f"{', '.join(codec.labels[:5])}"
            )
        return Part.of(", ".join(map(str, places)), texts, codec, codec.example)

    def configure(self, data: Data) -> Classification:
        """This task with the embedding size of its word vectors filled in.

        Raises:
            DataError: `data` is not what `read` returns or was read by another task, or its validation part is empty.
        """
        check_read(data, TextCodec)
        if data.codec.reading != self._reading():
            raise DataError("data: another task read it as other tokens or pieces; read it with this task")
        if self.labels not in (None, "several" if data.codec.several else "one"):
            raise DataError(f"data: another task read it, not with labels={self.labels!r}; read it with this task")
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
        """Refuses a codec that cuts texts into other pieces than the network reads, and measures of another number of
        labels than it has.

        Raises:
            ConfigError: names both.
        """
        if codec.reading.pieces != self.pieces:
            raise ConfigError(f"pieces: {self.pieces}, but the codec cuts texts into {codec.reading.pieces}")
        fitting = isinstance(metrics, LabelMetrics) and metrics.labels == codec.labels
        if codec.several and metrics is not None and not fitting:
            raise ConfigError("measures: expected thresholds for the labels of the codec")

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
        """((nats, texts), carry): cross-entropy summed over the texts, each multiplied by its weight; where a text may
        have several labels, the binary cross-entropies of all of them."""
        return class_loss(model, batch, smoothing=self.label_smoothing, key=key), carry

    def activations(self, model: ClassificationModel, carry: Carry, batch: ClassBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer, the pooling and the head."""
        return model.activations(*jax.tree.map(jnp.asarray, tuple(batch[:3])))

    def evaluate(
        self, model: ClassificationModel, part: Part, codec: TextCodec
    ) -> ClassificationMetrics | LabelMetrics:
        """Measures the model on every text of the part, with the temperature, or the thresholds of several labels, that
        fit the part best.

        Raises:
            DataError: an empty part.
        """
        if codec.several:
            return label_metrics(model, part, codec, thresholds=None)
        return class_metrics(model, part, codec, temperature=None)

    @classmethod
    def metrics_from(cls, values: dict[str, Any]) -> ClassificationMetrics | LabelMetrics:
        """The measures that `to_builtins` turned into plain values; those of several labels have thresholds."""
        return (LabelMetrics if "thresholds" in values else cls.metrics_class).from_builtins(values)

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

    def _named(self, form: LabelForm, texts: Iterable[LabelledText]) -> list[LabelledText]:
        """The texts with their labels in normal form, where `coarse` is True cut before the first colon, and written as
        `form` writes them."""
        named = []
        for text in texts:
            labels = [normalise(label, self.normal_form) for label in form.labels(text.label, text.place)]
            if self.coarse:
                labels = [label.partition(":")[0].strip() for label in labels]
            if not all(labels):
                raise DataError(f"{text.place}: coarse: nothing comes before the first colon of the label")
            named.append(text._replace(label=form.write(labels)))
        return named

    def _data(
        self,
        *texts: Sequence[LabelledText],
        source: str,
        places: tuple[str, ...],
    ) -> Data:
        """Encodes the parts; empty ones are first split from the training texts."""
        form, notes = LabelForm.recognise(
            [text.label for text in texts[0]], chosen=self.labels, separator=self.label_separator
        )
        parts = Parts(*(self._named(form, part) for part in texts))
        counts = Counter(label for text in parts.train for label in form.labels(text.label))
        labels = check_labels(parts.train, counts) if form.several else check_classes(*parts)
        parts = complete_parts(
            parts,
            validation=self.validation,
            test=self.test,
            seed=self.split_seed,
            by=lambda text: min(form.labels(text.label), key=lambda label: (counts[label], label), default=""),
        )
        reading = self._reading()
        models = self.language_models()
        if models is None:
            codec = TextCodec.of(
                (text.text for text in parts.train), labels=labels, reading=reading, more=self.more_words(), form=form
            )
        else:
            codec = TextCodec(models.vocabulary, labels, reading, models.settings, form)
        return Data.of(parts, codec, source=source, places=places, unit=codec.unit, encode=codec.example, notes=notes)

    def _cell(self, kind: Callable[..., Cell], input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Cell:
        cell = build_cell(kind, input_size, hidden_size, key=key)
        return WeightDropout(cell, rate=self.weight_dropout) if self.weight_dropout else cell
