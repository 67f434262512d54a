"""Measures of a forecaster on windows of time series."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from elman.formats.results import ResultTable
from elman.ops.crps import crps
from elman.ops.distributions import LEVELS, Quantiles
from elman.tasks.checks import check_part
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.metrics import (
    ErrorQuantiles,
    ErrorSums,
    ForecastMetrics,
    ScaledForecasts,
)
from elman.tasks.forecasting.model import Forecaster, WindowInputs
from elman.tasks.forecasting.scores import seasonal_scale
from elman.tasks.forecasting.table import NAME
from elman.tasks.forecasting.windows import WindowBatch, WindowPart, Windows

ROWS = 256
"""Windows in a batch of measuring."""


def model_inputs(batch: WindowBatch) -> WindowInputs:
    """The inputs of a forecaster for a batch: each target of a series becomes a row, the targets of a window next to
    each other."""
    count = batch.values.shape[-1]

    def rows(xs: Any) -> Array:
        xs = jnp.moveaxis(jnp.asarray(xs), -1, 1)
        return xs.reshape(-1, *xs.shape[2:])

    def shared(xs: Any) -> Array:
        return jnp.repeat(jnp.asarray(xs), count, axis=0)

    values = rows(batch.values)
    past = jnp.concatenate([jnp.asarray(batch.past), jnp.asarray(batch.past_known, values.dtype)], axis=-1)
    channel = jnp.asarray(batch.series)[:, None] * count + jnp.arange(count)
    return WindowInputs(
        values,
        rows(batch.known).astype(values.dtype),
        shared(past),
        shared(batch.ahead),
        shared(batch.static),
        channel.reshape(-1),
        rows(batch.targets),
        rows(batch.weights),
        rows(batch.means),
        rows(batch.stds),
    )


def measure_forecasts(
    model: Forecaster,
    part: WindowPart,
    codec: ForecastCodec,
    *,
    learned: str,
    at_most: int | None = None,
    errors: ErrorQuantiles | None = None,
) -> ForecastMetrics:
    """Measures a forecaster on a part.

    Args:
        model, part, codec: the forecaster, the part and the codec of its series.
        learned: the measure that chooses the best weights.
        at_most: most windows to measure, evenly spaced.
        errors: those of the validation part, for intervals; without them, intervals are the model's own.

    Raises:
        DataError: an empty part.
    """
    forecast = _forecaster(model, codec, ErrorSums(learned, errors).shares)
    return measure_windows(forecast, part, codec, learned=learned, at_most=at_most, errors=errors)


def measure_windows(
    forecast: Callable[[WindowBatch, int], ScaledForecasts],
    part: WindowPart,
    codec: ForecastCodec,
    *,
    learned: str,
    at_most: int | None = None,
    errors: ErrorQuantiles | None = None,
) -> ForecastMetrics:
    """Measures the forecasts of a function of a batch and its number; the other arguments are those of
    `measure_forecasts`.

    Raises:
        DataError: an empty part.
    """
    check_part(part)
    stride = 1 if at_most is None else max(1, math.ceil(len(part) / at_most))
    while math.gcd(stride, codec.season) > 1:  # else windows would begin at a few times of the season only
        stride += 1
    naive = _season_changes(part, codec)
    gathered = ErrorSums(learned, errors)
    for origins, forecasts, units in _measured(forecast, part, stride):
        changes = np.full((ROWS, naive.shape[1]), np.nan)
        changes[: len(origins)] = naive[origins[:, 0]]
        gathered.add(forecasts, codec, *units, naive=changes.ravel())
    return gathered.metrics()


def window_errors(
    model: Forecaster, part: WindowPart, codec: ForecastCodec, *, errors: ErrorQuantiles | None = None
) -> ResultTable:
    """The errors of each window of a part and each target, the largest first, relative to the scale of the series: the
    first stamp that is forecast, the number of known true values, the mean absolute error and the mean error (forecast
    minus truth), both in the units of the data, and the value that is farthest off. The arguments are those of
    `measure_forecasts`."""
    rows = list[tuple]()
    for origins, forecasts, units in _measured(_forecaster(model, codec, (0.5,)), part, 1):
        median = forecasts.median if errors is None else forecasts.centre + forecasts.spread * errors.median
        known, point = forecasts.weights > 0, codec.real(median, *units)
        scaled = np.where(known, np.abs(forecasts.truth - median), 0.0).astype(np.float64)
        for row in np.flatnonzero(known.any(axis=1)):
            window, target = divmod(int(row), len(codec.targets))
            series, first = origins[window]
            history, count = part.histories[series], known[row].sum()
            truth = history.values[first : first + part.horizon, target]
            off = np.where(known[row], point[row] - truth, 0.0)
            worst = np.abs(off).argmax()
            name = history.name if len(codec.targets) == 1 else f"{history.name}/{codec.targets[target]}"
            means = (np.abs(off).sum() / count, off.sum() / count, scaled[row].sum() / count)
            at = history.stamps[first], history.stamps[first + worst]
            rows.append((name, at[0], count, *means, at[1], truth[worst], point[row, worst]))
    rows.sort(key=lambda row: -row[5])
    columns = [*zip(*rows, strict=True)]
    names = ("unique_id", "ds", "steps", "mae", "bias", "scaled-mae", "worst-ds", "y", NAME)
    return replace(ResultTable.of(dict(zip(names, columns, strict=True))), form=codec.stamps)


def _forecaster(
    model: Forecaster, codec: ForecastCodec, shares: Sequence[float]
) -> Callable[[WindowBatch, int], ScaledForecasts]:
    """A function of a batch and its number that gives a model's forecasts, with their quantiles for `shares`."""
    root, at = codec.scaling == "root", jnp.array(shares)

    def forecast(batch: WindowBatch, step: int) -> ScaledForecasts:
        return ScaledForecasts(*map(np.asarray, _forecast(model, batch, jax.random.key(step), at, root=root)))

    return forecast


def _measured(
    forecast: Callable[[WindowBatch, int], ScaledForecasts], part: WindowPart, stride: int
) -> Iterator[tuple[Integer[np.ndarray, "windows 2"], ScaledForecasts, tuple[np.ndarray, np.ndarray]]]:
    """Yields the origins of the windows of each batch, their forecasts, with a row for each window and target, and the
    means and the standard deviations of their series."""
    windows = Windows(part, batch_size=ROWS, shuffle=False, stride=stride)
    for step in range(len(windows)):
        batch = windows.at(step)
        mean, std = (np.repeat(each.ravel()[:, None], part.horizon, axis=1) for each in (batch.means, batch.stds))
        yield windows.origins[windows.indices(step)], forecast(batch, step), (mean, std)


@partial(jax.jit, static_argnames="root")
def _forecast(model: Forecaster, batch: WindowBatch, key: Any, shares: Any, *, root: bool) -> tuple[Array, ...]:
    inputs = model_inputs(batch)
    forecast, targets = model.forecast(inputs, key=key), inputs.targets
    score = unit_score = crps(forecast, targets)
    scale = inputs.scale[:, None]
    if root:

        def squared(xs: Array) -> Array:
            axes = (1,) * (xs.ndim - 1)
            return jnp.maximum(inputs.shift.reshape(-1, *axes) + inputs.scale.reshape(-1, *axes) * xs, 0) ** 2

        unit_score = crps(Quantiles(squared(forecast.quantile(jnp.array(LEVELS)))), squared(targets)) / scale
    median = forecast.quantile(jnp.array([0.5]))[..., 0]
    measures = (forecast.centre, forecast.spread, median, score, unit_score * scale)
    return (targets, inputs.weights, *measures, forecast.quantile(shares))


def _season_changes(part: WindowPart, codec: ForecastCodec) -> Float[np.ndarray, "series target"]:
    """The mean seasonal change of each series, over the steps before the part, or over its own if there are none."""
    changes = []
    for one, history, (begin, end) in zip(part.series, part.histories, part.spans, strict=True):
        before = np.where(one.known, one.values, np.nan)[: begin or end].astype(np.float64)
        changes.append([seasonal_scale(column, codec.season_of(history)) for column in before.T])
    return np.array(changes)
