"""The forecast of one series from its memory, by compiled programs, scaled as the network's values are."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from elman.ops.distributions import Distribution
from elman.tasks.forecasting.autoregressive import AutoregressiveForecaster
from elman.tasks.forecasting.codec import EncodedHistory
from elman.tasks.forecasting.evaluation import model_inputs
from elman.tasks.forecasting.memory import SeriesMemory, SeriesReader
from elman.tasks.forecasting.model import Forecaster
from elman.tasks.forecasting.windows import WindowBatch


class ScaledForecast(NamedTuple):
    """The forecast of each target of a series."""

    centre: Float[np.ndarray, "target horizon"]
    spread: Float[np.ndarray, "target horizon"]
    quantiles: list[Float[np.ndarray, "target horizon"]]
    """The model's own quantiles."""


def forecast_series(reading: SeriesReader, one: SeriesMemory, horizon: int, shares: Sequence[float]) -> ScaledForecast:
    """Forecasts each target of a series, with the quantiles of the given shares. Each series is forecast by itself, so
    that its forecast does not depend on which others are asked for.

    Raises:
        DataError: a covariate known ahead that ends before the horizon does.
    """
    encoded = reading.codec.encode(one.history, ahead=horizon, scaler=one.scaler)
    key = jax.random.key(zlib.crc32(one.history.name.encode()))
    begin, levels = len(one.history.values), jnp.array(shares)
    if one.state is not None:
        ahead = np.repeat(encoded.ahead[None, begin : begin + horizon], len(reading.codec.targets), axis=0)
        series = reading.static_inputs(one.history.name, encoded)
        parts = _simulated(reading.model, one.state, series, ahead, levels, key)
    else:
        parts = _windowed(reading.model, _one_window(encoded, reading, begin, horizon), levels, key)
    centre, spread, quantiles = (np.asarray(each, np.float64) for each in parts)
    return ScaledForecast(centre, spread, list(np.moveaxis(quantiles, -1, 0)))


def _one_window(encoded: EncodedHistory, reading: SeriesReader, steps: int, horizon: int) -> WindowBatch:
    """A batch of the last window of a series; steps before its first row are missing."""
    missing = reading.window - steps

    def before(xs: np.ndarray) -> np.ndarray:
        return np.pad(xs[:steps], [(missing, 0)] + [(0, 0)] * (xs.ndim - 1))[None]

    ahead = np.pad(encoded.ahead[: steps + horizon], ((missing, 0), (0, 0)))[None]
    targets = len(reading.codec.targets)
    nothing = np.zeros((1, horizon, targets), np.float32)
    names = reading.codec.series
    place = names.index(encoded.name) if encoded.name in names else len(names)
    return WindowBatch(
        before(encoded.values),
        before(encoded.known),
        before(encoded.past),
        before(encoded.past_known),
        ahead,
        encoded.static[None],
        nothing,
        nothing,
        np.array([encoded.scaler.mean], np.float32),
        np.array([encoded.scaler.std], np.float32),
        np.array([place], np.int32),
    )


@jax.jit
def _windowed(model: Forecaster, batch: WindowBatch, shares: Any, key: Any) -> tuple[Any, ...]:
    return _numbers(model.forecast(model_inputs(batch), key=key), shares)


@jax.jit
def _simulated(
    model: AutoregressiveForecaster, state: Any, series: Any, ahead: Any, shares: Any, key: Any
) -> tuple[Any, ...]:
    return _numbers(model.simulate(state, series, ahead, key=key), shares)


def _numbers(forecast: Distribution, shares: Any) -> tuple[Any, ...]:
    return forecast.centre, forecast.spread, forecast.quantile(shares)
