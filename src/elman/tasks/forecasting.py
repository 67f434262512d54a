"""The task of forecasting: the next steps of time series, as numbers, quantiles or distributions.

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
"""The default horizon where the steps have no season."""

LONGEST_SEGMENT = 48
"""Most steps of a segment of the direct model, by default."""


class ForecastPrediction(Config, frozen=True, kw_only=True):
    """Options of `elman predict` for forecasts."""

    level: str = "80"
    """Levels of the intervals in percent, separated by commas, such as 80,95; an empty text leaves intervals out."""
    intervals: Literal["conformal", "model"] = "conformal"
    """Intervals from the errors on the validation part (conformal), or from the model's own quantiles (model)."""
    plot: str = ""
    """Draw history, forecast and intervals into this file (.png, .svg or .pdf)."""
    save: str = ""
    """Write the model with the rows that it has read to this path; it may be the model's own."""


class Forecasting(Task["FittedForecaster"], frozen=True, kw_only=True, tag=True):
    """Forecast the next steps of time series.

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
    """The columns to forecast (`y` if there is one, else every column without another role)."""
    horizon: Count | None = None
    """Steps to forecast (a season: a day of hours, a week of days, a year of months; 12 without a season)."""
    window: Count | None = None
    """Past steps that a forecast reads (4 horizons, or fewer where series are short)."""
    series_column: str = ""
    """The column that names the series (`unique_id`, if there is one)."""
    time_column: str = ""
    """The column of time stamps (`ds`, `date` or the like)."""
    past: tuple[str, ...] = ()
    """Covariates that are known up to the present."""
    future: tuple[str, ...] = ()
    """Covariates that are known ahead."""
    static: tuple[str, ...] = ()
    """Covariates that are the same at all steps of a series."""
    calendar: bool = True
    """Read the time of day, week and year too; --no-calendar leaves them out."""
    resample: str = ""
    """A step to resample to, such as 1h; rows may then have any times and any order."""
    by: Literal["mean", "last", "sum"] = "mean"
    """Method of resampling: the mean, the last or the sum of the rows of a step."""
    zone: str = ""
    """The time zone of stamps that do not name theirs, such as Europe/Berlin; all are converted to UTC."""
    encoding: str = "utf-8"
    """Character encoding of the files."""
    season: Count | None = None
    """Steps of a season, for the scaled errors (taken from the stamps)."""
    train: Size = 0
    """Steps of each series to train on: a share, or from 1 on a number; 0 is all that the other parts leave."""
    validation: Size = 0.1
    """Steps after the training part, which choose the best weights and the width of intervals: a share or a number."""
    test: Size = 0.1
    """Steps after the validation part, which training never sees: a share or a number."""
    model: Network = "direct"
    """Network: direct reads the window in segments and forecasts all steps at once; autoregressive reads and forecasts
    step by step, each from the previous one; encoder-decoder passes its state to a second network, which takes one step
    for each step of the horizon."""
    output: Output = "quantile"
    """Kind of forecast: a number learned by squared or absolute errors, quantiles, or a distribution."""
    normalise: Normalise | None = None
    """Normalisation of a window: minus its last value (last), or minus its mean and divided by its standard deviation
    (window, the default, so that intervals widen with the variation of the window; last for a single number and for the
    autoregressive model; none for counts)."""
    scaling: Scaling | None = None
    """Scaling of each series by its training steps: standard by mean and standard deviation, root by those of its
    square roots, for errors that grow with the values, mean by its mean size (standard; mean for counts)."""
    segment: Count | None = None
    """Steps of a segment of the direct model (a quarter of the window, 48 at most)."""
    cell: CellName = "GRU"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    hidden_size: Count = 128
    """Units of a recurrent layer."""
    num_layers: Count = 1
    """Recurrent layers on top of each other."""
    dropout: Rate = 0.2
    """Share of each layer's outputs dropped in training."""
    batch_size: Count = 64
    """Windows in a batch."""
    stride: Count = 1
    """Steps between one training window and the next."""
    windows_per_epoch: Count | None = None
    """Windows drawn at random for each epoch (all)."""
    validation_windows: Count = 2048
    """Most windows of the validation part to measure; they are evenly spaced."""
    samples: Count = 100
    """Futures that the autoregressive model samples for a forecast."""

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
        is a series; also compressed. "sines" and "seasonal" stand for generated series.

        Raises:
            DataError: a malformed file (names the line), stamps that are repeated, out of order or unevenly spaced, or
                too few steps.
        """
        from elman.data.generated_series import seasonal, sines
        from elman.data.text import kept_places

        if not places:
            raise DataError("expected time series: a file ending in .csv, .tsv or .jsonl, or a folder of them")
        generated = {"sines": sines, "seasonal": seasonal}.get(str(places[0]))
        if generated is not None and not Path(places[0]).exists():
            return self._data(generated(), source=f"generated {places[0]}", places=(str(places[0]),))
        return self._data(self._read_files(*places), source=", ".join(map(str, places)), places=kept_places(*places))

    def read_histories(self, histories: Histories) -> Data:
        """The data of series in memory.

        Raises:
            DataError: as `read`.
        """
        return self._data(histories, source="the series", places=())

    def read_table(self, table: Mapping[str, Any]) -> Data:
        """The data of a table in memory, columns by name, such as a data frame.

        Raises:
            DataError: as `read`.
        """
        from elman.data.histories import histories_of
        from elman.data.history_rows import rows_in

        found = histories_of(rows_in(table, self.columns, zone=self.zone), resample=self.resample, by=self.by)
        return self._data(found, source="the table", places=())

    def histories(self, *places: str | Path, codec: ForecastCodec) -> Histories:
        """Reads the series of files for a trained model with the given codec; one row is enough.

        Raises:
            DataError: as `read`, or columns or steps that differ from the codec's.
        """
        found = self._read_files(*places, frequency=None if self.resample else codec.frequency)
        codec.check(found)
        return found

    @property
    def columns(self) -> SeriesColumns:
        """The roles of the columns of a table."""
        from elman.data.history_rows import SeriesColumns

        return SeriesColumns(self.series_column, self.time_column, self.target, self.past, self.future, self.static)

    def settled(self, data: Data) -> Forecasting:
        """This task with window, horizon and the settings that depend on them filled in.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part has no windows.
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
        """The forecaster for the series of `codec`, with random weights."""
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
        """The new model, and a line on the series that are constant over the training steps."""
        if not codec.constant:
            return model, ""
        first, count = ", ".join(codec.constant[:3]), len(codec.constant)
        named = first + (", ..." if count > 3 else "")
        return model, f"{counted(count, 'series')} of {len(codec.series):,} never change where they train: {named}"

    def batches(self, part: WindowPart, *, seed: int) -> Windows:
        """Batches of windows drawn at random."""
        from elman.data.windows import Windows

        return Windows(
            part, batch_size=self.batch_size, seed=seed, stride=self.stride, per_epoch=self.windows_per_epoch
        )

    def loss(
        self, model: Forecaster, carry: Carry, batch: WindowBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((loss, values), carry): the loss of the output, summed over the known target values."""
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
        """Measures the forecasts of at most `validation_windows` windows of a part, and the quantiles of their errors.

        Raises:
            DataError: an empty part.
        """
        from elman.tasks._windows import measured

        return measured(model, part, codec, learned=self.learned, at_most=self.validation_windows)

    @property
    def learned(self) -> str:
        """The measure that chooses the best weights: the error that training minimises."""
        return {"squared": "scaled_mse", "absolute": "scaled_mae"}.get(self.output, "scaled_crps")

    def counted(self, codec: ForecastCodec) -> str:
        """The unit that the loss is averaged over: "value"."""
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

    def _read_files(self, *places: str | Path, frequency: Frequency | None = None) -> Histories:
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
            past=2 * len(codec.past),  # each with its mask
            future=len(codec.features),
            static=len(codec.static),
            channels=len(codec.series) * len(codec.targets),
        )

    def _data(self, found: Histories, *, source: str, places: tuple[str, ...]) -> Data:
        """Splits each series by time into parts, as arrays."""
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
        """The steps of the window and of the horizon."""
        horizon = self.horizon or (codec.season if codec.season > 1 else WITHOUT_SEASON)
        room = max(1, (min(end.train for end in ends) - horizon) // 2)
        return self.window or min(4 * horizon, room), horizon
