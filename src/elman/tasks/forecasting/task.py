"""The task of forecasting: the next steps of time series, as numbers, quantiles or distributions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import msgspec
from jaxtyping import PRNGKeyArray

from elman._errors import ConfigError, DataError, quantity
from elman._types import Carry
from elman.cells.find import build_cell, find_cell
from elman.formats.frames import AnyFrame, table_or_files
from elman.formats.text import absolute_places
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_read, check_validation
from elman.tasks.data import Data
from elman.tasks.forecasting.autoregressive import AutoregressiveForecaster
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.direct import SegmentForecaster
from elman.tasks.forecasting.encoder_decoder import EncoderDecoderForecaster
from elman.tasks.forecasting.evaluation import measure_forecasts, model_inputs
from elman.tasks.forecasting.fitted import FittedForecaster
from elman.tasks.forecasting.generated import seasonal, sines
from elman.tasks.forecasting.histories import Histories, History, histories_of, read_histories
from elman.tasks.forecasting.metrics import ForecastMetrics
from elman.tasks.forecasting.model import Forecaster, Sizes
from elman.tasks.forecasting.naive import naive_forecasts
from elman.tasks.forecasting.reading import TARGET, SeriesColumns, rows_in
from elman.tasks.forecasting.settings import ForecastingSettings, Normalise
from elman.tasks.forecasting.windows import Ends, WindowBatch, WindowPart, Windows, ends_of, parts_of
from elman.tasks.growth import Growth, label_news
from elman.tasks.items import Items
from elman.tasks.task import Metrics, Task

WITHOUT_SEASON = 12
"""The default horizon where the steps have no season."""

LONGEST_SEGMENT = 48
"""Most steps of a segment of the direct model, by default."""


class Forecasting(ForecastingSettings, Task[FittedForecaster], frozen=True, kw_only=True):
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

    fitted_class: ClassVar[Any] = FittedForecaster
    codec_class: ClassVar[Any] = ForecastCodec
    metrics_class: ClassVar[Any] = ForecastMetrics

    def read(self, *places: str | Path | AnyFrame) -> Data:
        """Reads time series from tables: long ones, a row for each step of each series, or wide ones, where each column
        is a series; also compressed, or one table in memory. "sines" and "seasonal" stand for generated series.

        Raises:
            DataError: a malformed file (names the line), stamps that are repeated, out of order or unevenly spaced, or
                too few steps.
        """
        table, files = table_or_files(places)
        if table is not None:
            return self.read_table(table)
        if not files:
            raise DataError("expected time series: a file ending in .csv, .tsv or .jsonl, or a folder of them")
        if self.is_generated(*files):
            name, make = str(files[0]), {"sines": sines, "seasonal": seasonal}
            return self._data(make[name](), source=f"generated {name}", places=(name,))
        return self._data(self._read_files(*files), source=", ".join(map(str, files)), places=absolute_places(*files))

    def read_histories(self, histories: Histories) -> Data:
        """The data of series in memory.

        Raises:
            DataError: as `read`.
        """
        return self._data(histories, source="the series", places=())

    def read_table(self, table: AnyFrame) -> Data:
        """The data of a table in memory, such as a data frame, or of one series of pandas.

        Raises:
            DataError: as `read`.
        """
        rows = rows_in(table, self.columns, zone=self.zone)
        histories = histories_of(rows, resample=self.resample, by=self.by, step=self.step)
        return self._data(histories, source="the table", places=())

    def histories(self, *places: str | Path, codec: ForecastCodec) -> Histories:
        """Reads the series of files for a trained model with the given codec; one row is enough.

        Raises:
            DataError: as `read`, or columns or steps that differ from the codec's.
        """
        histories = self._read_files(*places, known=codec.stamps.kind, **self._known_steps(codec))
        codec.check(histories)
        return histories

    def histories_in(self, table: AnyFrame, *, codec: ForecastCodec) -> Histories:
        """The series of a table in memory for a trained model with the given codec; one row is enough.

        Raises:
            DataError: as `histories`.
        """
        known = {"zone": self.zone or codec.stamps.zone, "known": codec.stamps.kind}
        rows = rows_in(table, self.columns, **known, alone=codec.series[0] if len(codec.series) == 1 else TARGET)
        histories = histories_of(rows, resample=self.resample, by=self.by, **self._known_steps(codec))
        codec.check(histories)
        return histories

    @property
    def columns(self) -> SeriesColumns:
        """The roles of the columns of a table."""
        roles = self.target, self.past, self.future, self.static
        return SeriesColumns(self.series_column, self.time_column, *roles, self.stamps, self.normal_form)

    def configure(self, data: Data) -> Forecasting:
        """This task with window, horizon and the settings that depend on them filled in.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part has no windows.
        """
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

    def grow(self, codec: ForecastCodec, data: Data) -> Growth:
        """The codec of a saved model with the series of new data that it lacks.

        Raises:
            DataError: other targets, covariates or steps than the model's.
        """
        there = data.codec
        codec.check_columns(there, place=data.source)
        codec.check_step(there.frequency, place=data.source)
        return Growth(codec.grown(there), label_news("series", codec.series, there.series))

    def check_saved(self, codec: ForecastCodec, metrics: Metrics | None) -> None:
        """Refuses settings that `configure` would have filled in, and measures of another horizon.

        Raises:
            ConfigError: names the setting, or both horizons.
        """
        for name in ("window", "horizon", "season", "scaling", "normalise"):
            if getattr(self, name) is None:
                raise ConfigError(f"{name}: expected the value that training chose; got none")
        steps = len(metrics.errors) if isinstance(metrics, ForecastMetrics) else self.horizon
        if steps != self.horizon:
            raise ConfigError(f"horizon: {self.horizon} steps, but the measures have errors of {steps}")

    def network(self, codec: ForecastCodec, *, key: PRNGKeyArray) -> Forecaster:
        """The forecaster for the series of `codec`, with random weights."""
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

    def initialise(self, model: Forecaster, codec: ForecastCodec) -> tuple[Forecaster, str]:
        """The new model, and a line on the series that are constant over the training steps."""
        if not codec.constant:
            return model, ""
        first, count = ", ".join(codec.constant[:3]), len(codec.constant)
        named = first + (", ..." if count > 3 else "")
        return model, f"{quantity(count, 'series')} of {len(codec.series):,} never change where they train: {named}"

    def batches(self, part: WindowPart, *, seed: int) -> Windows:
        """Batches of windows drawn at random."""
        return Windows(part, batch_size=self.in_batch, seed=seed, stride=self.stride, per_epoch=self.windows_per_epoch)

    def evaluation_batches(self, part: WindowPart) -> Windows:
        """Batches of all windows in order."""
        return Windows(part, batch_size=self.in_batch, shuffle=False)

    def work(self, batch: WindowBatch) -> int:
        """The segments of all windows, which the direct model reads as steps; of other models, the steps."""
        return super().work(batch) // (self.segment or 1)

    def loss(
        self, model: Forecaster, carry: Carry, batch: WindowBatch, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((loss, values), carry): the loss of the output, summed over the known target values."""
        forecast, targets, weights = model.teach(model_inputs(batch), key=key)
        losses = jnp.where(weights > 0, forecast.loss(targets) * weights, 0.0)
        return (losses.sum(), weights.sum()), carry

    def activations(self, model: Forecaster, carry: Carry, batch: WindowBatch) -> list[tuple[str, Any]]:
        """The outputs of the embedding, each layer and the head."""
        return model.activations(model_inputs(batch))

    def evaluate(self, model: Forecaster, part: WindowPart, codec: ForecastCodec) -> ForecastMetrics:
        """Measures the forecasts of at most `validation_windows` windows of a part, and the quantiles of their errors.

        Raises:
            DataError: an empty part.
        """
        return measure_forecasts(model, part, codec, learned=self.objective_name, at_most=self.validation_windows)

    def items(self, part: WindowPart) -> Items:
        """The values of each step, with its stamp and the name of its series."""
        return part.items()

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The last value, and the value a season before."""
        part, at_most = data.validation, self.validation_windows
        assert isinstance(part, WindowPart)
        return [*naive_forecasts(part, data.codec, learned=self.objective_name, at_most=at_most)]

    @property
    def objective_name(self) -> str:
        """The measure that chooses the best weights: the error that training minimises."""
        return {"squared": "scaled_mse", "absolute": "scaled_mae"}.get(self.output, "scaled_crps")

    def loss_unit(self, codec: ForecastCodec) -> str:
        """The unit that the loss is averaged over: "value"."""
        return "value"

    def _read_files(self, *places: str | Path, **known: Any) -> Histories:
        return read_histories(
            *places,
            columns=self.columns,
            resample=self.resample,
            by=self.by,
            zone=self.zone,
            step=self.step,
            encoding=self.encoding,
            **known,
        )

    def _known_steps(self, codec: ForecastCodec) -> dict[str, Any]:
        """The options of reading that name the steps of a codec."""
        known = {"by_clock": codec.stamps.by_clock}
        if self.resample:
            return known
        return known | {"frequency": None if codec.steps else codec.frequency, "steps": codec.known_steps}

    @property
    def _normalise(self) -> Normalise:
        if self.output == "negative-binomial":
            return "none"
        return "last" if self.output in ("squared", "absolute") or self.model == "autoregressive" else "window"

    def _sizes(self, codec: ForecastCodec) -> Sizes:
        return Sizes(
            lookback=self.window or 1,
            horizon=self.horizon or 1,
            past=2 * len(codec.past),  # each with its mask
            future=len(codec.features),
            static=len(codec.static),
            channels=len(codec.series) * len(codec.targets),
        )

    def _data(self, content: Histories, *, source: str, places: tuple[str, ...]) -> Data:
        """Splits each series by time into parts, as arrays."""
        series = content.histories
        ends = [ends_of(one, validation=self.validation, test=self.test, train=self.train) for one in series]
        codec = ForecastCodec.of(
            content,
            ends=[end.train for end in ends],
            season=self.season,
            scaling=self.scaling or ("mean" if self.output == "negative-binomial" else "standard"),
            calendar=self.calendar,
        )
        window, horizon = self._lengths(codec, ends)
        names = {"source": source, "places": places, "unit": codec.unit}
        return _encoded(content, ends, {"window": window, "horizon": horizon}, names, codec)

    def _lengths(self, codec: ForecastCodec, ends: Sequence[Ends]) -> tuple[int, int]:
        """The steps of the window and of the horizon."""
        horizon = self.horizon or (codec.season if codec.season > 1 else WITHOUT_SEASON)
        room = max(1, (min(end.train for end in ends) - horizon) // 2)
        return self.window or min(4 * horizon, room), horizon


def _encoded(
    content: Histories,
    ends: Sequence[Ends],
    lengths: Mapping[str, int],
    names: Mapping[str, Any],
    codec: ForecastCodec,
) -> Data:
    parts = parts_of(content.histories, codec, ends, **lengths)
    notes = (*content.notes, *_left_out(parts, content.histories, ends))
    again = partial(_encoded, content, ends, lengths, names)
    counts = f"{_steps_of(ends)}; forecasts of {quantity(lengths['horizon'], 'step')} from {lengths['window']:,} before"
    return Data(*parts, codec=codec, **names, notes=notes, counts=counts, encoded=again)


def _steps_of(ends: Sequence[Ends]) -> str:
    """The numbers of steps of all series in each part, in words."""
    uses = {"train": "to train on", "validation": "to validate with", "test": "to test with"}
    counts = {part: sum(last - first for first, last in (end.span(part) for end in ends)) for part in uses}
    return ", ".join(
        f"{quantity(count, 'step') if part == 'train' else format(count, ',')} {uses[part]}"
        for part, count in counts.items()
        if count
    )


def _left_out(parts: Sequence[WindowPart], series: Sequence[History], ends: Sequence[Ends]) -> Iterator[str]:
    """Yields the numbers of windows and steps that no part uses, in words."""
    windows, left_out = sum(map(len, parts)), sum(part.left_out for part in parts)
    if left_out:
        yield f"{left_out:,} of {quantity(windows, 'window')} left out: no value of their horizons is known"
    if steps := sum(len(one.values) - end.test for one, end in zip(series, ends, strict=True)):
        yield f"{quantity(steps, 'step')} after the test part left out"
