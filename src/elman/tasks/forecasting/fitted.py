"""A trained forecaster: a filter that remembers the state of series, reads new rows, and forecasts the next ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from elman import artefact
from elman._errors import ConfigError, DataError, quantity
from elman._types import Carry
from elman.formats.frames import TABLE, AnyFrame
from elman.formats.results import ResultTable, concatenate
from elman.formats.stamp_forms import StampForm
from elman.ops.distributions import LEVELS
from elman.tasks.baseline import Baseline
from elman.tasks.choices import Forecasts, Question
from elman.tasks.data import Data
from elman.tasks.examples import Examples
from elman.tasks.fitted import Predictor
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.evaluation import measure_forecasts, model_inputs, window_errors
from elman.tasks.forecasting.forecasts import forecast_series
from elman.tasks.forecasting.histories import Histories, History
from elman.tasks.forecasting.intervals import POINTS, Intervals, TrainedSize, note_on
from elman.tasks.forecasting.memory import SeriesMemory, SeriesReader, by_name, pack, unpack
from elman.tasks.forecasting.metrics import ErrorQuantiles, ForecastMetrics, shares_of
from elman.tasks.forecasting.model import Forecaster
from elman.tasks.forecasting.naive import naive_forecasts
from elman.tasks.forecasting.picture import draw_forecast
from elman.tasks.forecasting.session import ForecastSession
from elman.tasks.forecasting.settings import ForecastPrediction
from elman.tasks.forecasting.table import NAME, level_names, levels_of, with_truth
from elman.tasks.forecasting.windows import WindowBatch, WindowPart
from elman.tasks.output import Output, Picture, Warning
from elman.tasks.plain import plain_columns, plain_table
from elman.tasks.session import check_options

if TYPE_CHECKING:
    from elman.tasks.forecasting.task import Forecasting


DEFAULT_LEVEL = 80
"""The level of the intervals that `elman predict` gives by default, in percent."""

SeriesInput = str | Path | Histories | AnyFrame
"""Series in one of their forms: a file, the result of `read_histories`, or a table in memory, such as a data frame."""


@dataclass(frozen=True)
class FittedForecaster(Predictor[ForecastMetrics]):
    """A trained forecaster of time series. It remembers the series of its training data, up to their last rows.

    >>> task = elman.Forecasting(horizon=4, window=12, hidden_size=8)
    >>> series = {"ds": range(200), "y": [n % 4 for n in range(200)]}
    >>> fitted = elman.fit(task, task.read_table(series), steps=150, learning_rate=0.01)
    >>> table = fitted.predict(level=[80])
    >>> table.columns, table["ds"].tolist()
    (('unique_id', 'ds', 'elman', 'elman-lo-80', 'elman-hi-80'), [200, 201, 202, 203])
    >>> later = fitted.update({"ds": [200, 201], "y": [0, 1]})
    >>> later.predict()["ds"].tolist(), fitted.predict()["ds"].tolist()
    ([202, 203, 204, 205], [200, 201, 202, 203])
    """

    needs_input: ClassVar[bool] = False

    task: Forecasting
    codec: ForecastCodec
    model: Forecaster
    memory: Mapping[str, SeriesMemory] = field(default_factory=dict)
    """The memory of each series, by name."""

    @property
    def summary(self) -> str:
        """The number of series, their targets and their frequency, in words."""
        return f"{len(self.codec.series)} series of {', '.join(self.codec.targets)}, steps of {self.codec.frequency}"

    @property
    def reach(self) -> str:
        """The horizon, in words."""
        return f"forecasts the next {quantity(self.horizon, 'step')}"

    @property
    def horizon(self) -> int:
        """The number of steps of a forecast."""
        return self.task.horizon or 1

    @property
    def errors(self) -> ErrorQuantiles | None:
        """The errors of the forecasts of the validation part; None before the first evaluation."""
        validation = self.validation
        return ErrorQuantiles(validation.errors) if isinstance(validation, ForecastMetrics) else None

    def predict(
        self,
        history: SeriesInput | None = None,
        *,
        level: str | float | Sequence[float] = (),
        intervals: Intervals = "conformal",
    ) -> ResultTable:
        """Forecasts the steps after the rows that the model remembers, or after those of `history`, which is read
        whole.

        Args:
            history: series from their first rows on; by default the remembered series.
            level: the levels of intervals, in percent: [80, 95], or "80,95".
            intervals: the width of conformal intervals follows from the errors of the validation part; those of the
                model are its own quantiles.

        Raises:
            DataError: an empty memory, a malformed table, or a covariate known ahead that is missing for the horizon.
            ConfigError: an invalid level, or intervals that this model does not have.

        Warns where the errors of the validation part are too few for a level: its bounds then follow the model's own
        quantiles.

        The columns are `unique_id`, `ds`, `elman`, and a pair such as `elman-lo-80` and `elman-hi-80` for each level.
        The forecast `elman` is the median of the distribution whose quantiles are the bounds.
        """
        fitted, levels = self if history is None else self._after(history), levels_of(level)
        fitted._warn(levels, intervals)
        return fitted._table(fitted.memory, levels, intervals)

    def update(self, rows: SeriesInput) -> Self:
        """Returns this model after new rows. Its memory is bit for bit that of reading the whole history again, at a
        cost for each row that does not depend on how many came before. Steps that are left out count as missing.

        Raises:
            DataError: rows that do not follow the remembered ones, or a malformed table.
        """
        reading, memory = self._reading, dict(self.memory)
        for new in self._to_histories(rows).histories:
            before = memory.get(new.name)
            memory[new.name] = reading.read(new) if before is None else reading.update(before, new)
        return replace(self, memory=memory)

    def plain_session(self, *, history: Any = None, **options: Any) -> ForecastSession:
        """A new session, whose options are plain values; see `new_session`."""
        return self.new_session(history=None if history is None else plain_table(history, "history"), **options)

    def new_session(self, *, history: SeriesInput | None = None, **options: Any) -> ForecastSession:
        """A session after the rows that the model remembers, or after those of `history`, which is read whole.

        Raises:
            ConfigError: an unknown option.
            DataError: a malformed table.
        """
        check_options("session", options, ("history",))
        return ForecastSession(self, self if history is None else self._after(history))

    def saved_session(self, saved: artefact.SavedState) -> ForecastSession:
        """The session in a state that was saved with this model.

        Raises:
            ArtefactError: values or arrays that make no state of this model.
        """
        return ForecastSession.restored(self, saved)

    def backtest(
        self,
        history: SeriesInput,
        *,
        first: int | None = None,
        step: int | None = None,
        level: str | float | Sequence[float] = (),
        intervals: Intervals = "conformal",
    ) -> ResultTable:
        """Forecasts from one origin after another, each from the rows before it alone. The table has two more columns:
        `cutoff`, the last stamp before the forecast, and `y`, the true value.

        Args:
            history: whole series.
            first: the number of rows before the first origin; by default one window.
            step: the number of rows from one origin to the next; by default the horizon.
            level, intervals: as for `predict`.

        Raises:
            DataError: as for `predict`, or a series that is too short for one origin.
        """
        reading, tables = self._reading, []
        begin, step, levels = first or reading.window, step or self.horizon, levels_of(level)
        self._warn(levels, intervals)
        for one in self._to_histories(history).histories:
            if len(one.values) < begin + self.horizon:
                raise DataError(
                    f"{one.place}: {one.name!r} has {quantity(len(one.values), 'row')}; expected "
                    f"{begin + self.horizon:,} or "
                    "more, for the rows before the first origin and a horizon"
                )
            now = reading.read(_rows(one, 0, begin, self.horizon))
            for origin in range(begin, len(one.values) - self.horizon + 1, step):
                if origin > begin:
                    now = reading.update(now, _rows(one, origin - step, origin, self.horizon))
                table = self._table({one.name: now}, levels, intervals)
                tables.append(with_truth(table, now.last, one.values[origin : origin + self.horizon]))
        return concatenate(tables)

    def read(self, *places: str | Path | AnyFrame) -> WindowPart:
        """Reads the held-out windows of files, or of a table in memory, for `evaluate`: those whose horizons lie after
        the validation part, and all windows of series that were not in training.

        Raises:
            DataError: a malformed file, other columns than the model's, or no held-out window.
        """
        content = self._to_histories(*places)
        spans = []
        for one in content.histories:
            known = self.memory.get(one.name)
            start = 0
            if known is not None and one.stamps[0] <= known.last:
                held_out = known.rows - known.learned  # rows after the validation part, up to the last
                start = int(np.searchsorted(one.stamps, known.last)) + 1 - held_out
            spans.append((max(0, start), len(one.values)))
        series = tuple(self.codec.encode(one) for one in content.histories)
        name = ", ".join(str(place) if isinstance(place, str | Path) else TABLE for place in places)
        window = self._reading.window
        part = WindowPart(name, series, content.histories, tuple(spans), self.codec, window, self.horizon)
        if not len(part):
            raise DataError(
                f"{name}: no {self.horizon:,} held-out steps in it after a window of {window:,}; expected later rows"
            )
        return part

    def measure(self, part: WindowPart) -> ForecastMetrics:
        """The measures of all windows, with the coverage of intervals."""
        return measure_forecasts(self.model, part, self.codec, learned=self.task.objective_name, errors=self.errors)

    def baselines_on(self, part: WindowPart) -> Sequence[Baseline]:
        """The last value, and the value a season before."""
        return [*naive_forecasts(part, self.codec, learned=self.task.objective_name)]

    def mistakes_of(self, part: WindowPart) -> ResultTable:
        """The windows, those with the largest errors first; see `elman.tasks.forecasting.evaluation.window_errors`."""
        return window_errors(self.model, part, self.codec, errors=self.errors)

    def questions(self, examples: Examples) -> tuple[Question, ...]:
        """The values of the horizon."""
        steps = tuple(f"+{step}" for step in range(1, self.horizon + 1))
        return (Question(" and ".join(self.codec.targets), (), steps),)

    def choices(self, model: Forecaster, carry: Carry, batch: WindowBatch) -> tuple[tuple[Forecasts, ...], Carry]:
        """The model's own quantiles for each step of the horizon, in the units of the data; a row for each target."""
        inputs = model_inputs(batch)
        forecast = model.forecast(inputs, key=jax.random.key(0))
        shift, scale = inputs.shift[:, None], inputs.scale[:, None]
        quantiles = shift[..., None] + scale[..., None] * forecast.quantile(jnp.array(LEVELS))
        return (
            Forecasts(quantiles, shift + scale * inputs.targets, inputs.weights, forecast.loss(inputs.targets)),
        ), carry

    def differences(self) -> dict[str, float]:
        """The largest difference between forecasts after reading the last remembered rows one by one and all at
        once."""
        differences, reading = [0.0], self._reading
        for one in list(self.memory.values())[:4]:
            whole = one.history
            # What is known ahead may end with the last value: the last horizon then has no forecast.
            end = min(len(whole.values), len(whole.future) - self.horizon) if self.codec.future else len(whole.values)
            begin = end - min(8, end // 2)
            if np.isnan(whole.values[:begin]).all():
                continue
            together = now = reading.read(_rows(whole, 0, begin, self.horizon))
            for place in range(begin, end):
                now = reading.update(now, _rows(whole, place, place + 1, self.horizon))
            together = reading.update(together, _rows(whole, begin, end, self.horizon))
            ways = [self._table({whole.name: each}, (), "conformal")[NAME] for each in (now, together)]
            scale = one.scaler.std[0]
            differences.append(float(np.abs(ways[0] - ways[1]).max()) / scale)
        return {"row by row or together": max(differences)}

    def output(self, *places: str, options: ForecastPrediction) -> Iterator[Output]:
        """Yields the forecasts as lines of CSV, and a picture if the options ask for one. Files that begin after the
        last remembered row are new rows; others are read whole. Without files, the forecasts start after the remembered
        rows.

        Raises:
            DataError: as for `predict` and `update`.
        """
        fitted = self.continue_from(*places)
        if options.save:
            fitted.save(options.save, force=True)
        levels = levels_of(DEFAULT_LEVEL if options.level is None else options.level)
        try:
            note = fitted._note(levels, options.intervals)
        except ConfigError as error:
            if options.level is not None or options.intervals == "model":
                raise
            levels, note = (), f"no intervals: {error}"
        if note:
            yield Warning(note)
        table = fitted._table(fitted.memory, levels, options.intervals)
        yield from table.lines()
        if options.plot:
            yield Picture(Path(options.plot), partial(draw_forecast, fitted, table))

    def answers(self, inputs: Sequence[Any], *, options: ForecastPrediction) -> list[dict[str, Any]]:
        """The forecasts after each table of series, by column; None stands for the remembered series."""
        level = () if options.level is None else options.level
        histories = [one and plain_table(one, f"input {n}") for n, one in enumerate(inputs, start=1)]
        return [plain_columns(self.predict(one, level=level, intervals=options.intervals)) for one in histories]

    def _warn(self, levels: tuple[float, ...], intervals: Intervals) -> None:
        if note := self._note(levels, intervals):
            warnings.warn(note, stacklevel=3)

    def _note(self, levels: tuple[float, ...], intervals: Intervals) -> str:
        """The sentence of `note_on` for this model."""
        size = TrainedSize(self.horizon, len(self.codec.series) * len(self.codec.targets))
        return note_on(levels, intervals, self.validation, size, output=self.task.output)

    def continue_from(self, *places: str) -> Self:
        """Returns this model after the rows of files, with a memory of the files' series alone. New rows of a series
        are appended to the remembered ones; a series that begins earlier is read whole.

        Raises:
            DataError: as for `update`.
        """
        if not places:
            return self
        histories, memory = self._to_histories(*places), {}
        for one in histories.histories:
            before = self.memory.get(one.name)
            follows = before is not None and one.stamps.dtype == before.history.stamps.dtype
            if before is not None and follows and one.stamps[0] > before.last:
                memory[one.name] = self._reading.update(before, one)
            else:
                memory[one.name] = self._reading.read(one)
        return replace(self, codec=self._codec_in_form(histories), memory=memory)

    def remember(self, data: Data) -> Self:
        """Returns this model with a memory of its training series."""
        assert isinstance(data.train, WindowPart)
        assert isinstance(data.test, WindowPart)
        reading = self._reading
        pairs = zip(data.train.histories, data.test.spans, strict=True)
        return replace(self, memory=by_name(reading.read(one, learned=span[0]) for one, span in pairs))

    def restore(self, memory: artefact.SavedState) -> Self:
        """Returns this model with the memory that its artefact stores."""
        return replace(self, memory=unpack(memory, self._reading))

    def contents(self) -> artefact.Contents:
        """The contents of the artefact, with the memory."""
        saved = super().contents()
        return msgspec.structs.replace(saved, memory=pack(self.memory)) if self.memory else saved

    @property
    def _reading(self) -> SeriesReader:
        return SeriesReader(self.codec, self.model, self.task.window or 1)

    def _after(self, history: SeriesInput) -> Self:
        """This model after series that are read whole."""
        reading, histories = self._reading, self._to_histories(history)
        memory = by_name(reading.read(one) for one in histories.histories)
        return replace(self, codec=self._codec_in_form(histories), memory=memory)

    def _codec_in_form(self, histories: Histories) -> ForecastCodec:
        """The codec with the form of stamps of these series, if that is known."""
        return (
            msgspec.structs.replace(self.codec, stamps=histories.form) if histories.form != StampForm() else self.codec
        )

    def _to_histories(self, *inputs: SeriesInput) -> Histories:
        """Reads series in any of their forms, and checks that they fit this model."""
        places = [each for each in inputs if isinstance(each, str | Path)]
        if places:
            return self.task.histories(*places, codec=self.codec)
        histories: Any = inputs[0]
        if not isinstance(histories, Histories):
            return self.task.histories_in(histories, codec=self.codec)
        self.codec.check(histories)
        return histories

    def _table(
        self, memory: Mapping[str, SeriesMemory], levels: tuple[float, ...], intervals: Intervals
    ) -> ResultTable:
        if not memory:
            raise DataError("the model remembers no series; pass a history to continue")
        for one in memory.values():
            self._check_rows(one)
        forecasts = [each for one in memory.values() for each in self._forecasts(one, levels, intervals)]
        ids, stamps, numbers = zip(*forecasts, strict=True)
        names = ("unique_id", "ds", NAME, *level_names(NAME, levels))
        labels = np.repeat(np.array(ids), [len(each) for each in stamps])
        arrays = labels, np.concatenate(stamps), *np.concatenate(numbers, axis=1)
        return ResultTable(names, arrays, self.codec.stamps)

    def _check_rows(self, one: SeriesMemory) -> None:
        window, rows = self._reading.window, one.rows
        if one.history.name not in self.codec.series and rows < window:
            raise DataError(
                f"{one.history.place}: {one.history.name!r} has {quantity(rows, 'row')}; expected {window:,} or more, "
                "since this series was not in training, and its scale is estimated from its rows"
            )

    def _forecasts(
        self, one: SeriesMemory, levels: tuple[float, ...], intervals: Intervals
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yields for each target of a series its name, stamps, and an array of the median and the bounds of intervals,
        which are quantiles of the same distribution."""
        shares = (0.5, *(share for level in levels for share in shares_of(level)))
        errors = self.errors if intervals == "conformal" else None
        needed = shares if errors is None else errors.shares_beyond(shares)
        centre, spread, quantiles = forecast_series(self._reading, one, self.horizon, needed)
        by_share = dict(zip(needed, quantiles, strict=True))
        if errors is not None:
            by_share = errors.around(centre, spread, by_share, shares, is_point=self.task.output in POINTS)
        quantiles = [by_share[share] for share in shares]
        stamps = self.codec.step_of(one.history).after(one.last, self.horizon)
        for place, target in enumerate(self.codec.targets):
            name = one.history.name if len(self.codec.targets) == 1 else f"{one.history.name}/{target}"
            units = np.array(one.scaler.mean[place]), np.array(one.scaler.std[place])
            yield name, stamps, np.stack([self.codec.real(each[place], *units) for each in quantiles])


def _rows(history: History, begin: int, end: int, horizon: int) -> History:
    """Some rows of a series, with the covariates known ahead of them."""
    return history._replace(
        stamps=history.stamps[begin:end],
        values=history.values[begin:end],
        past=history.past[begin:end],
        future=history.future[begin : end + horizon],
    )
