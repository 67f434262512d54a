"""Measures of a forecaster on windows of time series."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from elman.ops.crps import crps
from elman.ops.distributions import LEVELS, Quantiles
from elman.tasks.checks import check_part
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.metrics import (
    COVERED,
    ErrorQuantiles,
    ErrorSums,
    ForecastMetrics,
    ScaledForecasts,
    shares_of,
)
from elman.tasks.forecasting.model import Forecaster, WindowInputs
from elman.tasks.forecasting.scores import seasonal_scale
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
    check_part(part)
    stride = 1 if at_most is None else max(1, math.ceil(len(part) / at_most))
    while math.gcd(stride, codec.season) > 1:  # else windows would begin at a few times of the season only
        stride += 1
    windows = Windows(part, batch_size=ROWS, shuffle=False, stride=stride)
    naive = _season_changes(part, codec)
    gathered = ErrorSums(learned, errors)
    for step in range(len(windows)):
        batch = windows.at(step)
        forecasts = ScaledForecasts(
            *map(np.asarray, _forecast(model, batch, jax.random.key(step), root=codec.scaling == "root"))
        )
        series = windows.origins[windows.indices(step), 0]
        changes = np.full((ROWS, naive.shape[1]), np.nan)
        changes[: len(series)] = naive[series]
        units = (np.repeat(each.ravel()[:, None], part.horizon, axis=1) for each in (batch.means, batch.stds))
        gathered.add(forecasts, codec, *units, naive=changes.ravel())
    return gathered.metrics()


@partial(jax.jit, static_argnames="root")
def _forecast(model: Forecaster, batch: WindowBatch, key: Any, *, root: bool) -> tuple[Array, ...]:
    inputs = model_inputs(batch)
    forecast, targets = model.forecast(inputs, key=key), inputs.targets
    sides = jnp.array([share for level in COVERED for share in shares_of(level)])
    score = unit_score = crps(forecast, targets)
    scale = inputs.scale[:, None]
    if root:

        def squared(xs: Array) -> Array:
            axes = (1,) * (xs.ndim - 1)
            return jnp.maximum(inputs.shift.reshape(-1, *axes) + inputs.scale.reshape(-1, *axes) * xs, 0) ** 2

        unit_score = crps(Quantiles(squared(forecast.quantile(jnp.array(LEVELS)))), squared(targets)) / scale
    median = forecast.quantile(jnp.array([0.5]))[..., 0]
    measures = (forecast.centre, forecast.spread, median, score, unit_score * scale)
    return (targets, inputs.weights, *measures, forecast.quantile(sides))


def _season_changes(part: WindowPart, codec: ForecastCodec) -> Float[np.ndarray, "series target"]:
    """The mean seasonal change of each series, over the steps before the part, or over its own if there are none."""
    changes = []
    for one, history, (begin, end) in zip(part.series, part.histories, part.spans, strict=True):
        before = np.where(one.known, one.values, np.nan)[: begin or end].astype(np.float64)
        changes.append([seasonal_scale(column, codec.season_of(history)) for column in before.T])
    return np.array(changes)
