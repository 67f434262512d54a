"""The last value and the value a season before, beside which a forecaster is measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from elman.tasks.baseline import Baseline
from elman.tasks.forecasting.baselines import SeasonalNaive
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.evaluation import measure_windows
from elman.tasks.forecasting.metrics import COVERED, ScaledForecasts
from elman.tasks.forecasting.windows import WindowBatch, WindowPart

ALIKE = 0.01
"""The share of the error by which a forecaster may be better by chance."""


def naive_forecasts(
    part: WindowPart, codec: ForecastCodec, *, learned: str, at_most: int | None = None
) -> Iterator[Baseline]:
    """Yields the baselines of the last value and, where steps have a season and a window holds one, of the value a
    season before, on a part or on `at_most` of its windows. They are compared by the scaled absolute errors, or by the
    squared ones if a forecaster learns these."""
    rules = {"the last value": 1}
    if 1 < codec.season <= part.window:
        rules["the value a season before"] = codec.season
    measure = f"measures.{learned if learned == 'scaled_mse' else 'scaled_mae'}"
    for name, season in rules.items():

        def forecast(batch: WindowBatch, step: int, season: int = season) -> ScaledForecasts:
            return _naive(batch, season, codec)

        metrics = measure_windows(forecast, part, codec, learned=learned, at_most=at_most)
        baseline = Baseline.of(name, metrics, measure=measure)
        yield replace(baseline, margin=ALIKE * baseline.measures[measure])


def _naive(batch: WindowBatch, season: int, codec: ForecastCodec) -> ScaledForecasts:
    """The forecasts of a batch, without a distribution: the score of each is its absolute error. Where no value of a
    window is known, the forecast is the mean of the series."""

    def rows(xs: np.ndarray) -> np.ndarray:
        xs = np.moveaxis(xs, -1, 1)
        return xs.reshape(-1, *xs.shape[2:])

    values, targets = rows(np.where(batch.known, batch.values, np.nan)), rows(batch.targets)
    means, stds = (rows(each)[:, None] for each in (batch.means, batch.stds))
    points = np.nan_to_num(SeasonalNaive(season).forecast(values, targets.shape[1]))
    real = np.abs(codec.real(targets, means, stds) - codec.real(points, means, stds))
    unknown = np.full((*targets.shape, 2 * len(COVERED)), np.nan)
    return ScaledForecasts(
        targets, rows(batch.weights), points, np.ones_like(points), points, np.abs(targets - points), real, unknown
    )
