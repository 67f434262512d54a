"""The task of classification: one class for a whole text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from elman.formats.frames import TABLE, AnyFrame, is_frame, table_name, table_or_files
from elman.formats.text import absolute_places
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_read, check_validation
from elman.tasks.classification.baseline import frequent_labels, majority, same_for_all
from elman.tasks.classification.batches import ClassBatch, ClassBatches
from elman.tasks.classification.codec import ReadingSettings, TextCodec
from elman.tasks.classification.fitted import Classifier
from elman.tasks.classification.label_columns import describe_columns
from elman.tasks.classification.label_metrics import LabelMetrics
from elman.tasks.classification.labels import LabelForm, check_labels, list_text
from elman.tasks.classification.loss import class_loss, class_metrics, label_metrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.reading import (
    LabelledText,
    check_classes,
    check_known,
    check_texts,
    labelled_in,
    read_labelled,
)
from elman.tasks.classification.settings import ClassificationSettings
from elman.tasks.data import Data, Part, Parts, complete_parts
from elman.tasks.growth import Growth, label_news, token_news
from elman.tasks.items import Items
from elman.tasks.language_modelling.readers import LanguageReaders
from elman.tasks.language_modelling.start import readers_of
from elman.tasks.pretrained import KnownWords, Pretrained
from elman.tasks.settings import SUBWORDS
from elman.tasks.task import Metrics
from elman.words._vocabulary import form_of, saved_form

TextsInMemory = Iterable[tuple[str, str | Sequence[str]]] | AnyFrame
"""Texts with their labels: pairs, or a table with a column of each."""


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

    def read(self, *places: str | Path | AnyFrame) -> Data:
        """Reads labelled texts: tables, a folder or a file for each class, `label<TAB>text`; also compressed, or in an
        archive; or one table in memory, such as a data frame. Files called train, dev and test are the parts; a part
        without a file is split from the training texts, with the same share of each class.

        Raises:
            DataError: files of an unknown format, a missing column, an empty text, a text without label, a class with
                one text, or one class only.
        """
        table, files = table_or_files(places)
        if table is not None:
            return self.read_texts(table)
        if not files:
            raise DataError(
                "expected labelled texts: a table (.csv, .tsv, .jsonl), a folder, or lines `label<TAB>text`"
            )
        texts = read_labelled(*files, **self._columns())
        parts = texts.train, texts.validation, texts.test
        notes = describe_columns(texts.columns, [text.label for text in texts.train])
        return self._data(*parts, source=", ".join(map(str, files)), places=absolute_places(*files), notes=notes)

    def read_texts(
        self,
        train: TextsInMemory,
        *,
        validation: TextsInMemory = (),
        test: TextsInMemory = (),
    ) -> Data:
        """The data of pairs of text and label in memory, or of text and a sequence of labels, or of tables in memory.

        Raises:
            DataError: as `read`.
        """
        parts = [
            check_texts(self._in_memory(name, part))
            for name, part in (("train", train), ("validation", validation), ("test", test))
        ]
        return self._data(*parts, source="the texts", places=())

    def _in_memory(self, name: str, part: TextsInMemory, *, known: Sequence[str] = ()) -> Iterator[LabelledText]:
        if is_frame(part):
            columns = {"text_column": self.text_column, "label_column": self.label_column}
            return labelled_in(part, **columns, known=known, name=table_name(name))
        pairs: Any = enumerate(part, start=1)  # ty: ignore[invalid-argument-type] - as it is no table
        return (LabelledText(text, list_text(label), f"{name}, text {n}") for n, (text, label) in pairs)

    def read_part(self, codec: TextCodec, *places: str | Path | AnyFrame) -> Part:
        """Reads the texts of `places`, encoded by a codec, to measure a model on. Where file names tell parts, it reads
        the test part, or else the validation part.

        Raises:
            DataError: as `read`, or a label that the codec does not know.
        """
        table, files = table_or_files(places)
        source = TABLE if table is not None else ", ".join(map(str, files))
        if table is not None:
            texts = check_texts(self._in_memory("train", table, known=codec.labels))
        else:
            parts = read_labelled(*files, **self._columns(), known=codec.labels)
            texts = parts.test or parts.validation or parts.train
        texts = self._named(codec.form, texts)
        if not codec.several:
            check_known(codec.labels, texts)
        elif not any({*codec.labels} & {*codec.form.labels(text.label)} for text in texts):
            raise DataError(
                f"{source}: no text has a label that occurred in training, such as {', '.join(codec.labels[:5])}"
            )
        return Part.of(source, texts, codec, TextCodec.example)

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

    def unknown_rows(self, codec: TextCodec) -> Mapping[str, int]:
        """The row of the unknown word; other tokens have none."""
        return {} if codec.vocabulary.unknown is None else {"embedding": codec.vocabulary.unknown}

    def known_words(self, codec: TextCodec) -> KnownWords:
        """The words of the vocabulary."""
        return KnownWords(codec.vocabulary.tokens[2:], 2, codec.vocabulary.added)  # ty: ignore

    def reading_of(self, codec: TextCodec) -> dict[str, Any]:
        """The kind of tokens and their spelling."""
        reading = codec.reading
        return {
            "vocabulary": reading.vocabulary,
            "lower": reading.lower,
            "normal_form": "none" if reading.vocabulary == "bytes" else form_of(reading.normal_form),
            "min_count": self.min_count if reading.vocabulary == "words" else 1,
        }

    def grow(self, codec: TextCodec, data: Data) -> Growth:
        """The codec of a saved model with the tokens and labels of new data that it lacks.

        Raises:
            DataError: texts with several labels, for a model that predicts one.
        """
        if data.codec.several and not codec.several:
            raise DataError(
                f"{data.source}: texts have several labels, and the model predicts one; --labels one takes what is "
                "written as one label"
            )
        grown = codec.grown(data.codec)
        words = token_news(codec.vocabulary.unit, codec.vocabulary.size, grown.vocabulary.size)
        return Growth(grown, (*label_news("label", codec.labels, data.codec.labels), *words))

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
        size, balance = self.in_batch, self.balance
        return ClassBatches(part.examples, part.codec, batch_size=size, seed=seed, balance=balance)

    def evaluation_batches(self, part: Part) -> ClassBatches:
        """Batches of all examples in order of length, each with the weight 1."""
        return ClassBatches(part.examples, part.codec, batch_size=self.in_batch, shuffle=False)

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

    def items(self, part: Part) -> Items:
        """The ids of each text: capitals that are lowered, unknown words and the rest of a long text do not count."""
        return Items((example.pieces for example in part.examples), "text", len(part))

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The most frequent class, or the most frequent labels, for every text."""
        return [(frequent_labels if data.codec.several else majority)(data, balance=self.balance)]

    def verdicts(self, metrics: ClassificationMetrics | LabelMetrics) -> Sequence[str]:
        """The verdict on one class, or the same labels, for every text."""
        return same_for_all(metrics)

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
        notes: Sequence[str] = (),
    ) -> Data:
        """Encodes the parts; empty ones are first split from the training texts."""
        form, more = LabelForm.recognise(
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
        notes = (*notes, *more)
        return Data.of(
            parts, codec, source=source, places=places, unit=codec.unit, encode=TextCodec.example, notes=notes
        )

    def _cell(self, kind: Callable[..., Cell], input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Cell:
        cell = build_cell(kind, input_size, hidden_size, key=key)
        return WeightDropout(cell, rate=self.weight_dropout) if self.weight_dropout else cell
