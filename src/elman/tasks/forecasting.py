"""Forecasting: the next steps of time series, as numbers, quantiles or distributions.

The command line's help reads this module, so what takes long to import is imported by the methods that need it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from elman._config import Config
from elman._errors import ConfigError, DataError, counted
from elman.tasks._fields import CellName, Count, Rate, Size, cell_name, check_parts
from elman.tasks._task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.data.examples import Data
    from elman.data.histories import Histories
    from elman.data.histories_codec import ForecastCodec
    from elman.data.history_rows import SeriesColumns
    from elman.data.stamps import Frequency
    from elman.data.windows import Ends, WindowBatch, WindowPart, Windows
    from elman.fitted.forecaster import FittedForecaster
    from elman.models.forecaster import Forecaster, Sizes
    from elman.tasks.forecasting_metrics import ForecastMetrics

Network = Literal["direct", "autoregressive", "encoder-decoder"]
Output = Literal["squared", "absolute", "quantile", "gaussian", "student", "negative-binomial"]
Normalise = Literal["last", "window", "none"]
Scaling = Literal["standard", "mean", "root", "none"]

WITHOUT_SEASON = 12
"""The horizon where none is given and the steps have no season."""

LONGEST_SEGMENT = 48


class ForecastPrediction(Config, frozen=True, kw_only=True):
    """How to forecast."""

    level: str = "80"
    """Intervals, in percent, with commas between, such as 80,95; an empty one leaves them out."""
    intervals: Literal["conformal", "model"] = "conformal"
    """Intervals as wide as the errors of the validation part say, or the model's own quantiles."""
    plot: str = ""
    """Draw history, forecast and intervals into this file (.png, .svg or .pdf)."""
    save: str = ""
    """Write the model, which remembers the rows that were given, here; over itself, too."""


class Forecasting(Task["FittedForecaster"], frozen=True, kw_only=True, tag=True):
    """Tell the next steps of time series.

    >>> import tempfile
    >>> task = Forecasting(horizon=3, window=12, hidden_size=8)
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("ds,y\\n" + "".join(f"{1900 + n},{n % 4}\\n" for n in range(100)))
    ...     file.flush()
    ...     data = task.read(file.name)
    >>> len(data.train), len(data.validation), len(data.test), data.codec.series
    (66, 8, 8, ('y',))
    """

    training: ClassVar[dict[str, Any]] = {"epochs": 10.0, "learning_rate": 0.001}
    options: ClassVar[type[Config] | None] = ForecastPrediction

    target: tuple[str, ...] = ()
    """The columns to forecast: `y`, where there is one, else every column that is nothing else is a series."""
    horizon: Count | None = None
    """Steps to forecast (a season: a day of hours, a week of days, a year of months; 12 where there is none)."""
    window: Count | None = None
    """Steps that a forecast looks back on (4 horizons, or less where series are short)."""
    series_column: str = ""
    """The column that tells series apart (`unique_id`, where there is one)."""
    time_column: str = ""
    """The column of stamps (`ds`, `date` or the like)."""
    past: tuple[str, ...] = ()
    """Covariates that are known up to the present."""
    future: tuple[str, ...] = ()
    """Covariates that are known ahead."""
    static: tuple[str, ...] = ()
    """Covariates that are the same at all steps of a series."""
    calendar: bool = True
    """Read the time of day, week and year too; --no-calendar leaves them out."""
    resample: str = ""
    """A step, such as 1h, over which rows become one; they may then come at any time and in any order."""
    by: Literal["mean", "last", "sum"] = "mean"
    """How rows of one step become one."""
    zone: str = ""
    """The time zone of stamps that do not say theirs, such as Europe/Berlin; all become UTC."""
    encoding: str = "utf-8"
    """How the files are encoded."""
    season: Count | None = None
    """Steps of a season, by which errors are scaled (told from the stamps)."""
    train: Size = 0
    """Steps of each series to train on: a share, or from 1 on a number; 0 is all that the others leave."""
    validation: Size = 0.1
    """Steps after those, which choose the best weights and the width of intervals: a share or a number."""
    test: Size = 0.1
    """Steps after those, which training never sees; a share or a number."""
    model: Network = "direct"
    """direct reads the window in segments and forecasts all steps at once; autoregressive reads and forecasts step by
    step, each from the one before; encoder-decoder hands its state to a second network, one step for each of the
    horizon."""
    output: Output = "quantile"
    """What a forecast is: a number learned by squared or absolute errors, quantiles, or a distribution."""
    normalise: Normalise | None = None
    """What is taken off a window: its last value, or its mean, and then by its spread (window, so that intervals are as
    wide as the window is wild; last for a number alone and for the autoregressive model; none for counts)."""
    scaling: Scaling | None = None
    """How each series is scaled, over its steps to train on: standard by mean and spread, root by those of its square
    roots, where errors grow with the values, mean in units of its mean size (standard; mean for counts)."""
    segment: Count | None = None
    """Steps that the direct model reads at once (a quarter of the window, 48 at most)."""
    cell: CellName = "GRU"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    hidden_size: Count = 128
    """Units of a recurrent layer."""
    num_layers: Count = 1
    """Recurrent layers on top of each other."""
    dropout: Rate = 0.2
    """Share of each layer's outputs dropped in training."""
    batch_size: Count = 64
    """Windows of a batch."""
    stride: Count = 1
    """Steps from one window to learn from to the next."""
    windows_per_epoch: Count | None = None
    """Windows drawn at random for each epoch (all there are)."""
    validation_windows: Count = 2048
    """Windows of the validation part that are measured, evenly spread, where there are more."""
    samples: Count = 100
    """Futures that the autoregressive model draws for a forecast."""

    def __post_init__(self) -> None:
        if callable(self.cell):
            msgspec.structs.force_setattr(self, "cell", cell_name(self.cell))
        Task.__post_init__(self)
        if self.encoding != "utf-8":
            from elman.data.files import check_encoding

            check_encoding(self.encoding)
        check_parts(self.validation, self.test, "steps")
        if self.validation == 0:
            raise ConfigError("validation: expected a share or at least as many steps as the horizon has")
        if self.output == "negative-binomial" and (self.normalise or "none") != "none":
            raise ConfigError(f"normalise {self.normalise!r}: counts are not shifted; leave it out")
        if self.output == "negative-binomial" and self.scaling in ("standard", "root"):
            raise ConfigError(f"scaling {self.scaling!r}: counts are not shifted; choose mean or none")
        if self.model == "autoregressive" and self.normalise == "window":
            raise ConfigError("normalise 'window': the autoregressive model has no window; choose last or none")
        if self.segment is not None and self.model != "direct":
            raise ConfigError(f"segment: belongs to the direct model; {self.model} reads step by step")

    def read(self, *places: str | Path) -> Data:
        """Reads time series from tables: long ones, a row for each step of each series, or wide ones, where each column
        is a series; also compressed. "sines" and "seasonal" are generated.

        Raises:
            DataError: a malformed file (names the line), stamps that come twice, out of order or at uneven steps, or
                too few steps.
        """
        from elman.data.generated_series import seasonal, sines
        from elman.data.text import kept_places

        if not places:
            raise DataError("expected time series: a file ending in .csv, .tsv or .jsonl, or a folder of them")
        generated = {"sines": sines, "seasonal": seasonal}.get(str(places[0]))
        if generated is not None and not Path(places[0]).exists():
            return self._data(generated(), source=f"generated {places[0]}", places=(str(places[0]),))
        return self._data(self._found(*places), source=", ".join(map(str, places)), places=kept_places(*places))

    def read_histories(self, histories: Histories) -> Data:
        """The same for series in memory.

        Raises:
            DataError: as `read`.
        """
        return self._data(histories, source="the series", places=())

    def read_table(self, table: Mapping[str, Any]) -> Data:
        """The same for columns in memory by name, such as those of a data frame.

        Raises:
            DataError: as `read`.
        """
        from elman.data.histories import histories_of
        from elman.data.history_rows import rows_in

        found = histories_of(rows_in(table, self.columns, zone=self.zone), resample=self.resample, by=self.by)
        return self._data(found, source="the table", places=())

    def histories(self, *places: str | Path, codec: ForecastCodec) -> Histories:
        """The series of files in the terms of a codec, of one row or more.

        Raises:
            DataError: as `read`, or other columns or steps than the codec's.
        """
        found = self._found(*places, frequency=None if self.resample else codec.frequency)
        codec.check(found)
        return found

    @property
    def columns(self) -> SeriesColumns:
        """Which columns of a table are what."""
        from elman.data.history_rows import SeriesColumns

        return SeriesColumns(self.series_column, self.time_column, self.target, self.past, self.future, self.static)

    def settled(self, data: Data) -> Forecasting:
        """This task with window, horizon and what follows from them.

        Raises:
            DataError: something else than `read` returns, or no windows to validate with.
        """
        from elman.data.histories_codec import ForecastCodec
        from elman.data.windows import WindowPart
        from elman.tasks._data import check_read, check_validation

        check_read(data, ForecastCodec)
        check_validation(data)
        assert isinstance(data.train, WindowPart)
        window, horizon = data.train.window, data.train.horizon
        segment = self.segment or min(LONGEST_SEGMENT, max(1, window // 4)) if self.model == "direct" else None
        return msgspec.structs.replace(
            self,
            window=window,
            horizon=horizon,
            segment=segment,
            season=data.codec.season,
            scaling=data.codec.scaling,
            normalise=self.normalise or self._normalise,
        )

    def network(self, codec: ForecastCodec, *, key: PRNGKeyArray) -> Forecaster:
        """A new model for the series that `codec` knows."""
        from elman.cells.find import build_cell, find_cell
        from elman.models.autoregressive_forecaster import AutoregressiveForecaster
        from elman.models.encoder_decoder_forecaster import EncoderDecoderForecaster
        from elman.models.segment_forecaster import SegmentForecaster

        cell, sizes = partial(build_cell, find_cell(str(self.cell))), self._sizes(codec)
        shared: dict[str, Any] = {
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "output": self.output,
            "normalise": self.normalise,
            "dropout": self.dropout,
            "key": key,
        }
        match self.model:
            case "direct":
                return SegmentForecaster(cell, sizes, segment=self.segment or 1, **shared)
            case "autoregressive":
                return AutoregressiveForecaster(cell, sizes, draws=self.samples, **shared)
            case "encoder-decoder":
                return EncoderDecoderForecaster(cell, sizes, **shared)

    def begun(self, model: Forecaster, codec: ForecastCodec) -> tuple[Forecaster, str]:
        """The new model, and which series never change in the steps to train on."""
        if not codec.constant:
            return model, ""
        first, count = ", ".join(codec.constant[:3]), len(codec.constant)
        named = first + (", ..." if count > 3 else "")
        return model, f"{counted(count, 'series')} of {len(codec.series):,} never change where they train: {named}"

    def batches(self, part: WindowPart, *, seed: int) -> Windows:
        """Windows drawn at random."""
        from elman.data.windows import Windows

        return Windows(
            part, batch_size=self.batch_size, seed=seed, stride=self.stride, per_epoch=self.windows_per_epoch
        )

    def loss(
        self, model: Forecaster, carry: Carry, batch: WindowBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((loss, values), carry): the loss of the output, summed over the values that came."""
        import jax.numpy as jnp

        from elman.tasks._windows import model_inputs

        forecast, targets, weights = model.teach(model_inputs(batch), key=key)
        losses = jnp.where(weights > 0, forecast.loss(targets) * weights, 0.0)
        return (losses.sum(), weights.sum()), carry

    def activations(self, model: Forecaster, carry: Carry, batch: WindowBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer and the head."""
        from elman.tasks._windows import model_inputs

        return model.activations(model_inputs(batch))

    def evaluate(self, model: Forecaster, part: WindowPart, codec: ForecastCodec) -> ForecastMetrics:
        """Measures windows of the part, `validation_windows` of them at most, and how far off they are.

        Raises:
            DataError: an empty part.
        """
        from elman.tasks._windows import measured

        return measured(model, part, codec, learned=self.learned, at_most=self.validation_windows)

    @property
    def learned(self) -> str:
        """The measure that picks the best weights: the error that the output learns by."""
        return {"squared": "scaled_mse", "absolute": "scaled_mae"}.get(self.output, "scaled_crps")

    def counted(self, codec: ForecastCodec) -> str:
        """value"""
        return "value"

    @staticmethod
    def codec_from(values: dict[str, Any]) -> ForecastCodec:
        """The codec that `msgspec.to_builtins` turned into plain values."""
        from elman.data.histories_codec import ForecastCodec

        return msgspec.convert(values, ForecastCodec)

    @staticmethod
    def metrics_from(values: dict[str, Any]) -> ForecastMetrics:
        """The measures that `to_builtins` turned into plain values."""
        from elman.tasks.forecasting_metrics import ForecastMetrics

        return ForecastMetrics.from_builtins(values)

    def _found(self, *places: str | Path, frequency: Frequency | None = None) -> Histories:
        from elman.data.histories import read_histories

        return read_histories(
            *places,
            columns=self.columns,
            resample=self.resample,
            by=self.by,
            zone=self.zone,
            frequency=frequency,
            encoding=self.encoding,
        )

    @property
    def _normalise(self) -> Normalise:
        if self.output == "negative-binomial":
            return "none"
        return "last" if self.output in ("squared", "absolute") or self.model == "autoregressive" else "window"

    def _sizes(self, codec: ForecastCodec) -> Sizes:
        from elman.models.forecaster import Sizes

        return Sizes(
            lookback=self.window or 1,
            horizon=self.horizon or 1,
            past=2 * len(codec.past),  # each with a mark of where it is known
            future=len(codec.features),
            static=len(codec.static),
            channels=len(codec.series) * len(codec.targets),
        )

    def _data(self, found: Histories, *, source: str, places: tuple[str, ...]) -> Data:
        """The parts as arrays, each series cut by time."""
        from elman.data.examples import Data
        from elman.data.histories_codec import ForecastCodec
        from elman.data.windows import ends_of, parts_of

        series = found.histories
        ends = [ends_of(one, validation=self.validation, test=self.test, train=self.train) for one in series]
        codec = ForecastCodec.of(
            found,
            ends=[end.train for end in ends],
            season=self.season,
            scaling=self.scaling or ("mean" if self.output == "negative-binomial" else "standard"),
            calendar=self.calendar,
        )
        window, horizon = self._lengths(codec, ends)
        train, validation, test = parts_of(series, codec, ends, window=window, horizon=horizon)
        return Data(
            train=train,
            validation=validation,
            test=test,
            codec=codec,
            source=source,
            places=places,
            unit=codec.unit,
        )

    def _lengths(self, codec: ForecastCodec, ends: Sequence[Ends]) -> tuple[int, int]:
        """Steps of the window and of the horizon."""
        horizon = self.horizon or (codec.season if codec.season > 1 else WITHOUT_SEASON)
        room = max(1, (min(end.train for end in ends) - horizon) // 2)
        return self.window or min(4 * horizon, room), horizon
