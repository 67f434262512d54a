"""The task of classifying numeric series: one class for a whole series of one or many channels.

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
from elman.tasks._fields import CellName, Count, Rate, Size, cell_name, check_parts
from elman.tasks._task import Task
from elman.tasks.classification import ClassPrediction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.data.class_batches import ClassBatch, ClassBatches
    from elman.data.examples import Data, Part
    from elman.data.series import Columns, Series, SeriesParts
    from elman.data.series_codec import SeriesCodec
    from elman.fitted.series_classifier import SeriesClassifier
    from elman.models.classifier import ClassificationModel
    from elman.tasks.classification_metrics import ClassificationMetrics


class SeriesClassification(Task["SeriesClassifier"], frozen=True, kw_only=True, tag=True):
    """Predict the class of a numeric series.

    >>> task = SeriesClassification(hidden_size=8, embedding_size=8)
    >>> up, down = np.array([[1.0], [2.0]]), np.array([[2.0], [1.0]])
    >>> data = task.read_series([(up, "up"), (down, "down")] * 20)
    >>> len(data.train), data.codec.labels, data.codec.scaler.mean
    (32, ('down', 'up'), (1.5,))
    """

    training: ClassVar[dict[str, Any]] = {"epochs": 60.0, "learning_rate": 0.003}
    options: ClassVar[type[Config] | None] = ClassPrediction

    series_column: str = "series"
    """The column of a table (CSV, TSV, JSON lines) that names the series of each row."""
    time_column: str = "time"
    """The column that orders the steps; without it, the rows' order is used."""
    value_columns: tuple[str, ...] = ()
    """The columns that are channels (all others)."""
    label_column: str = "label"
    """The column that holds the classes."""
    missing: Literal["error", "interpolate"] = "error"
    """Refuse missing values (error), or fill gaps by linear interpolation."""
    encoding: str = "utf-8"
    """Character encoding of the files."""
    validation: Size = 0.1
    """Part that chooses the best weights, where no file is called dev: a share, or from 1 on a number of series."""
    test: Size = 0.1
    """Part that training never sees, where no file is called test: a share, or from 1 on a number of series."""
    split_seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of the random split of series into parts."""
    cell: CellName = "GRU"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    embedding_size: Count = 64
    """Features of a step's embedding, a linear map of its channels."""
    hidden_size: Count = 64
    """Units of a recurrent layer, in each direction."""
    num_layers: Count = 1
    """Recurrent layers on top of each other."""
    bidirectional: bool = True
    """Read in both directions; --no-bidirectional reads forwards only."""
    pooling: Literal["last", "mean", "max", "attention"] = "mean"
    """Pooling of the outputs at all steps to one vector."""
    convolution: Annotated[int, Meta(ge=0, lt=1024)] = 0
    """Width in steps of a convolution before the recurrent layers; 0 is none."""
    convolution_pool: Count = 1
    """Steps of max pooling after the convolution; more make long series shorter."""
    noise: Annotated[float, Meta(ge=0)] = 0.3
    """Standard deviation of the noise added to the values in training, in standard deviations of a channel."""
    dropout: Rate = 0.3
    """Share of each layer's outputs dropped in training, for a whole series."""
    balance: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Weight of series of rare classes: 0 weighs all series alike, 1 all classes alike."""
    label_smoothing: Rate = 0.0
    """Share of each target that is spread over all classes in training."""
    batch_size: Count = 16
    """Series in a batch."""

    def __post_init__(self) -> None:
        if callable(self.cell):
            msgspec.structs.force_setattr(self, "cell", cell_name(self.cell))
        Task.__post_init__(self)
        if self.encoding != "utf-8":
            from elman.data.files import check_encoding

            check_encoding(self.encoding)
        check_parts(self.validation, self.test, "series")
        if self.convolution_pool > 1 and not self.convolution:
            raise ConfigError("convolution_pool: needs a convolution; set its width too, such as convolution=5")

    def read(self, *places: str | Path) -> Data:
        """Reads series with their classes: the `.ts` files of aeon and sktime, or tables in long form, a row for each
        step; also compressed. Files called train, dev and test are the parts; a part without a file is split from the
        training series, with the same share of each class.

        Raises:
            DataError: a malformed file (names the line), a missing value, series without class, a class with one
                series, or one class only.
        """
        from elman.data.text import kept_places

        if not places:
            raise DataError("expected series: a file ending in .ts, .csv, .tsv or .jsonl, or a folder of them")
        return self._data(self._read_files(*places), source=", ".join(map(str, places)), places=kept_places(*places))

    def read_series(
        self,
        train: Iterable[tuple[np.ndarray, str]],
        *,
        validation: Iterable[tuple[np.ndarray, str]] = (),
        test: Iterable[tuple[np.ndarray, str]] = (),
        channels: tuple[str, ...] = (),
    ) -> Data:
        """The data of series in memory: pairs of values, with the axes time and channel, and class. Channels without
        names are called "1", "2" and so on.

        Raises:
            DataError: as `read`.
        """
        import numpy as np

        from elman.data.series import Series, SeriesParts

        parts = {
            name: tuple(
                Series(np.asarray(values, np.float32), label, f"{name}, series {n}")
                for n, (values, label) in enumerate(part, start=1)
            )
            for name, part in (("train", train), ("validation", validation), ("test", test))
        }
        first = next(iter(parts["train"]), None)
        known = first.values.shape[-1] if first is not None else 0
        names = channels or tuple(str(channel + 1) for channel in range(known))
        return self._data(SeriesParts(names, **parts), source="the series", places=())

    def read_part(self, codec: SeriesCodec, *places: str | Path) -> Part:
        """Reads the series of `places`, encoded by a codec, to measure a model on. Where file names tell parts, it
        reads the test part, or else the validation part.

        Raises:
            DataError: as `read`, or other channels or classes than the codec's.
        """
        from elman.data.labelled import check_known

        found = self._read_files(*places, values=codec.channels)
        series = found.test or found.validation or found.train
        check_known(codec.labels, series)
        return _part(", ".join(map(str, places)), series, codec)

    def settled(self, data: Data) -> SeriesClassification:
        """Checks the data and returns this task unchanged.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part is empty.
        """
        from elman.data.series_codec import SeriesCodec
        from elman.tasks._data import check_read, check_validation

        check_read(data, SeriesCodec)
        check_validation(data)
        return self

    def network(self, codec: SeriesCodec, *, key: PRNGKeyArray) -> ClassificationModel:
        """The classifier for the channels and the classes of `codec`, with random weights."""
        from elman.cells.find import build_cell, find_cell
        from elman.models.classifier import ClassificationModel

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
        from elman.data.class_batches import ClassBatches

        return ClassBatches(part.examples, part.codec, batch_size=self.batch_size, seed=seed, balance=self.balance)

    def loss(
        self, model: ClassificationModel, carry: Carry, batch: ClassBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((nats, series), carry): cross-entropy summed over the series, each multiplied by its weight."""
        import jax.random as jr

        from elman.tasks._classes import class_loss

        if key is not None and self.noise:
            key, noise_key = jr.split(key)
            batch = batch._replace(values=batch.values + self.noise * jr.normal(noise_key, batch.values.shape))
        return class_loss(model, batch, smoothing=self.label_smoothing, key=key), carry

    def activations(self, model: ClassificationModel, carry: Carry, batch: ClassBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer, the pooling and the head."""
        import jax
        import jax.numpy as jnp

        return model.activations(*jax.tree.map(jnp.asarray, tuple(batch[:3])))

    def evaluate(self, model: ClassificationModel, part: Part, codec: SeriesCodec) -> ClassificationMetrics:
        """Measures the model on every series of the part, with the temperature that fits the part best.

        Raises:
            DataError: an empty part.
        """
        from elman.tasks._classes import class_metrics

        return class_metrics(model, part, codec, temperature=None)

    def counted(self, codec: SeriesCodec) -> str:
        """The unit that the loss is averaged over: that of an example."""
        return codec.unit

    @staticmethod
    def codec_from(values: dict[str, Any]) -> SeriesCodec:
        """The codec that `msgspec.to_builtins` turned into plain values."""
        from elman.data.series_codec import SeriesCodec

        return msgspec.convert(values, SeriesCodec)

    @staticmethod
    def metrics_from(values: dict[str, Any]) -> ClassificationMetrics:
        """The measures that `to_builtins` turned into plain values."""
        from elman.tasks.classification_metrics import ClassificationMetrics

        return ClassificationMetrics.from_builtins(values)

    def unlabelled(self, codec: SeriesCodec, *places: str | Path) -> tuple[Series, ...]:
        """Reads series with or without classes from files, to predict their classes.

        Raises:
            DataError: as `read`, or other channels than the codec's.
        """
        found = self._read_files(*places, values=codec.channels, labelled=False)
        return (*found.train, *found.validation, *found.test)

    def _read_files(self, *places: str | Path, values: tuple[str, ...] = (), labelled: bool = True) -> SeriesParts:
        from elman.data.series import read_series_parts

        found = read_series_parts(
            *places, columns=self._columns(values), labelled=labelled, missing=self.missing, encoding=self.encoding
        )
        if values and found.channels != values:
            raise DataError(
                f"{', '.join(map(str, places))}: channels {', '.join(found.channels)}; the model knows "
                f"{', '.join(values)}"
            )
        return found

    def _columns(self, values: tuple[str, ...]) -> Columns:
        from elman.data.series import Columns

        return Columns(self.series_column, self.time_column, values or self.value_columns, self.label_column)

    def _data(self, found: SeriesParts, *, source: str, places: tuple[str, ...]) -> Data:
        """Encodes the parts; empty ones are first split from the training series."""
        from elman.data.examples import Data, Parts, completed
        from elman.data.labelled import check_classes
        from elman.data.scaler import Scaler
        from elman.data.series_codec import SeriesCodec, check_values

        for one in (*found.train, *found.validation, *found.test):
            check_values(one.values, found.channels, one.place)
        labels = check_classes(found.train, found.validation, found.test, unit="series")
        parts = completed(
            Parts(found.train, found.validation, found.test),
            validation=self.validation,
            test=self.test,
            seed=self.split_seed,
            by=lambda series: series.label,
        )
        codec = SeriesCodec(found.channels, labels, Scaler.of([series.values for series in parts.train]))
        return Data(
            **{name: _part(name, series, codec) for name, series in parts._asdict().items()},
            codec=codec,
            source=source,
            places=places,
            unit=codec.unit,
        )


def _part(name: str, series: Sequence[Series], codec: SeriesCodec) -> Part:
    from elman.data.examples import Part
    from elman.data.fingerprint import digest
    from elman.data.series_codec import EncodedSeries

    places = {label: place for place, label in enumerate(codec.labels)}
    examples = (EncodedSeries(codec.encode(one.values, place=one.place), places[one.label]) for one in series)
    return Part(name, tuple(examples), codec, digest(series))
