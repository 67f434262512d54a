"""A trained forecaster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.data.histories_codec import ForecastCodec
from elman.data.windows import WindowPart
from elman.fitted._fitted import Predictor
from elman.models.forecaster import Forecaster
from elman.tasks._windows import measured
from elman.tasks.forecasting import Forecasting
from elman.tasks.forecasting_metrics import Errors, ForecastMetrics


@dataclass(frozen=True)
class FittedForecaster(Predictor):
    """A trained forecaster of time series."""

    task: Forecasting
    codec: ForecastCodec
    model: Forecaster

    @property
    def knows(self) -> str:
        """The numbers of series and targets."""
        return f"{len(self.codec.series)} series of {', '.join(self.codec.targets)}"

    @property
    def errors(self) -> Errors | None:
        """How far off forecasts of the validation part were; None before the first evaluation."""
        validation = self.validation
        return Errors(validation.errors) if isinstance(validation, ForecastMetrics) else None

    def read(self, *places: str | Path) -> Any:
        raise NotImplementedError

    def measured(self, part: WindowPart) -> ForecastMetrics:
        """The measures of all windows, and how often intervals held what came."""
        return measured(self.model, part, self.codec, learned=self.task.learned, errors=self.errors)

    def differences(self) -> dict[str, float]:
        return {}

    def answers(self, *places: str, options: Any) -> Iterator[str]:
        raise NotImplementedError
