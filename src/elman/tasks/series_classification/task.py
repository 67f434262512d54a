"""The task of classifying numeric series: one class for a whole series of one or many channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from elman._errors import DataError
from elman._normal_form import normalise
from elman._types import Carry
from elman.cells.find import build_cell, find_cell
from elman.formats.files import File
from elman.formats.frames import TABLE, AnyFrame, is_frame, table_name, table_or_files
from elman.formats.text import absolute_places
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_read, check_validation
from elman.tasks.classification.baseline import majority, same_for_all
from elman.tasks.classification.batches import ClassBatch, ClassBatches
from elman.tasks.classification.loss import class_loss, class_metrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.model import ClassificationModel
from elman.tasks.classification.reading import check_classes, check_known
from elman.tasks.data import Data, Part, Parts, complete_parts
from elman.tasks.growth import Growth, label_news
from elman.tasks.items import Items
from elman.tasks.scaler import Scaler
from elman.tasks.series_classification.codec import SeriesCodec, check_values
from elman.tasks.series_classification.fitted import SeriesClassifier
from elman.tasks.series_classification.reading import (
    ColumnRoles,
    Series,
    SeriesFile,
    SeriesParts,
    read_series,
    read_series_parts,
    series_files,
    series_in,
)
from elman.tasks.series_classification.settings import SeriesClassificationSettings
from elman.tasks.task import Task

SeriesInMemory = Iterable[tuple[np.ndarray, str]] | AnyFrame
"""Series with their classes: pairs, or a table in long form."""


class SeriesClassification(SeriesClassificationSettings, Task[SeriesClassifier], frozen=True, kw_only=True):
    """Predict the class of a numeric series.

    >>> task = SeriesClassification(hidden_size=8, embedding_size=8)
    >>> up, down = np.array([[1.0], [2.0]]), np.array([[2.0], [1.0]])
    >>> data = task.read_series([(up, "up"), (down, "down")] * 20)
    >>> len(data.train), data.codec.labels, data.codec.scaler.mean
    (32, ('down', 'up'), (1.5,))
    """

    fitted_class: ClassVar[Any] = SeriesClassifier
    codec_class: ClassVar[Any] = SeriesCodec
    metrics_class: ClassVar[Any] = ClassificationMetrics

    def read(self, *places: str | Path | AnyFrame) -> Data:
        """Reads series with their classes: the `.ts` files of aeon and sktime, or tables in long form, a row for each
        step, also compressed; or one such table in memory. Files called train, dev and test are the parts; a part
        without a file is split from the training series, with the same share of each class.

        Raises:
            DataError: a malformed file (names the line), a missing value, series without class, a class with one
                series, or one class only.
        """
        table, files = table_or_files(places)
        if table is not None:
            return self._data(self._read_tables({"train": table}), source=TABLE, places=())
        if not files:
            raise DataError("expected series: a file ending in .ts, .csv, .tsv or .jsonl, or a folder of them")
        return self._data(self._read_files(*files), source=", ".join(map(str, files)), places=absolute_places(*files))

    def read_series(
        self,
        train: SeriesInMemory,
        *,
        validation: SeriesInMemory = (),
        test: SeriesInMemory = (),
        channels: tuple[str, ...] = (),
    ) -> Data:
        """The data of series in memory: pairs of values, with the axes time and channel, and class; or tables in long
        form, for all parts that there are. Channels without names are called "1", "2" and so on.

        Raises:
            DataError: as `read`.
        """
        tables: dict[str, Any] = {"train": train, "validation": validation, "test": test}
        if is_frame(train):
            return self._data(self._read_tables(tables), source=TABLE, places=())
        parts = {
            name: tuple(
                Series(np.asarray(values, np.float32), normalise(label, self.normal_form), f"{name}, series {n}")
                for n, (values, label) in enumerate(part, start=1)
            )
            for name, part in tables.items()
        }
        first = next(iter(parts["train"]), None)
        known = first.values.shape[-1] if first is not None else 0
        names = channels or tuple(str(channel + 1) for channel in range(known))
        return self._data(SeriesParts(names, **parts), source="the series", places=())

    def read_part(self, codec: SeriesCodec, *places: str | Path | AnyFrame) -> Part:
        """Reads the series of `places`, encoded by a codec, to measure a model on. Where file names tell parts, it
        reads the test part, or else the validation part.

        Raises:
            DataError: as `read`, or other channels or classes than the codec's.
        """
        table, files = table_or_files(places)
        if table is not None:
            parts, source = self._read_tables({"train": table}, codec.channels), TABLE
        else:
            parts, source = self._read_files(*files, values=codec.channels), ", ".join(map(str, files))
        series = parts.test or parts.validation or parts.train
        check_known(codec.labels, series)
        return Part.of(source, series, codec, SeriesCodec.example)

    def configure(self, data: Data) -> SeriesClassification:
        """Checks the data and returns this task unchanged.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part is empty.
        """
        check_read(data, SeriesCodec)
        check_validation(data)
        return self

    def grow(self, codec: SeriesCodec, data: Data) -> Growth:
        """The codec of a saved model with the labels of new data that it lacks.

        Raises:
            DataError: series of other channels.
        """
        self._check_channels(data.codec.channels, codec.channels, data.source)
        return Growth(codec.grown(data.codec), label_news("label", codec.labels, data.codec.labels))

    def network(self, codec: SeriesCodec, *, key: PRNGKeyArray) -> ClassificationModel:
        """The classifier for the channels and the classes of `codec`, with random weights."""
        return ClassificationModel(
            partial(build_cell, find_cell(str(self.cell))),
            channels=len(codec.channels),
            classes=len(codec.labels),
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            pooling=self.pooling,
            convolution=self.convolution,
            convolution_pool=self.convolution_pool,
            dropout=self.dropout,
            key=key,
        )

    def batches(self, part: Part, *, seed: int) -> ClassBatches:
        """Batches of series of similar length, shuffled in every epoch."""
        return ClassBatches(part.examples, part.codec, batch_size=self.in_batch, seed=seed, balance=self.balance)

    def evaluation_batches(self, part: Part) -> ClassBatches:
        """Batches of all examples in order of length, each with the weight 1."""
        return ClassBatches(part.examples, part.codec, batch_size=self.in_batch, shuffle=False)

    def loss(
        self, model: ClassificationModel, carry: Carry, batch: ClassBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, series), carry): cross-entropy summed over the series, each multiplied by its weight."""
        if key is not None and self.noise:
            key, noise_key = jr.split(key)
            batch = batch._replace(values=batch.values + self.noise * jr.normal(noise_key, batch.values.shape))
        return class_loss(model, batch, smoothing=self.label_smoothing, key=key), carry

    def activations(self, model: ClassificationModel, carry: Carry, batch: ClassBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer, the pooling and the head."""
        return model.activations(*jax.tree.map(jnp.asarray, tuple(batch[:3])))

    def evaluate(self, model: ClassificationModel, part: Part, codec: SeriesCodec) -> ClassificationMetrics:
        """Measures the model on every series of the part, with the temperature that fits the part best.

        Raises:
            DataError: an empty part.
        """
        return class_metrics(model, part, codec, temperature=None)

    def items(self, part: Part) -> Items:
        """The scaled values of each series."""
        return Items((example.values for example in part.examples), "series", len(part))

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The most frequent class for every series."""
        return [majority(data, balance=self.balance)]

    def verdicts(self, metrics: ClassificationMetrics) -> Sequence[str]:
        """The verdict on one class for every series."""
        return same_for_all(metrics)

    def loss_unit(self, codec: SeriesCodec) -> str:
        """The unit that the loss is averaged over: that of an example."""
        return codec.unit

    def unlabelled(self, codec: SeriesCodec, *places: str | Path) -> Iterator[tuple[File, SeriesFile]]:
        """Reads series with or without classes, file by file, to predict their classes; the errors of single series are
        kept.

        Raises:
            DataError: as `read`, or other channels than the codec's.
        """
        columns = self._columns(codec.channels)
        options = {"columns": columns, "missing": self.missing, "encoding": self.encoding}
        options["normal_form"] = self.normal_form
        for file in series_files(*places):
            content = read_series(file, **options, labelled=False, keep_errors=True)
            if len(content.errors) < len(content.series):
                self._check_channels(content.channels, codec.channels, file.name)
            yield file, content

    def unlabelled_in(self, codec: SeriesCodec, table: AnyFrame) -> SeriesFile:
        """The series of a table in memory, with or without classes, to predict their classes.

        Raises:
            DataError: as `read`.
        """
        columns = self._columns(codec.channels)
        return series_in(table, columns=columns, labelled=False, missing=self.missing, normal_form=self.normal_form)

    def _read_tables(self, tables: Mapping[str, Any], values: tuple[str, ...] = ()) -> SeriesParts:
        """The series of tables in memory, by part."""
        parts = {
            part: series_in(
                table,
                columns=self._columns(values),
                missing=self.missing,
                normal_form=self.normal_form,
                name=table_name(part),
            )
            for part, table in tables.items()
            if is_frame(table)
        }
        channels = parts["train"].channels
        for part, content in parts.items():
            self._check_channels(content.channels, channels, table_name(part))
        return SeriesParts(channels, **{part: content.series for part, content in parts.items()})

    def _read_files(self, *places: str | Path, values: tuple[str, ...] = ()) -> SeriesParts:
        parts = read_series_parts(
            *places,
            columns=self._columns(values),
            missing=self.missing,
            encoding=self.encoding,
            normal_form=self.normal_form,
        )
        if values:
            self._check_channels(parts.channels, values, ", ".join(map(str, places)))
        return parts

    def _check_channels(self, channels: Sequence[str], expected: Sequence[str], place: str) -> None:
        if tuple(channels) != tuple(expected):
            raise DataError(
                f"{place}: expected the channels of the model, {', '.join(expected)}; got {', '.join(channels)}"
            )

    def _columns(self, values: tuple[str, ...]) -> ColumnRoles:
        return ColumnRoles(self.series_column, self.time_column, values or self.value_columns, self.label_column)

    def _data(self, series_parts: SeriesParts, *, source: str, places: tuple[str, ...]) -> Data:
        """Encodes the parts; empty ones are first split from the training series."""
        for one in (*series_parts.train, *series_parts.validation, *series_parts.test):
            check_values(one.values, series_parts.channels, one.place)
        labels = check_classes(series_parts.train, series_parts.validation, series_parts.test, unit="series")
        parts = complete_parts(
            Parts(series_parts.train, series_parts.validation, series_parts.test),
            validation=self.validation,
            test=self.test,
            seed=self.split_seed,
            by=lambda series: series.label,
        )
        codec = SeriesCodec(series_parts.channels, labels, Scaler.of([series.values for series in parts.train]))
        return Data.of(parts, codec, source=source, places=places, unit=codec.unit, encode=SeriesCodec.example)
