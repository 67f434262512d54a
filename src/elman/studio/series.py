"""Forecasts as the page shows them: the last rows, bands of probability, and forecasts from earlier origins."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from elman.formats.results import ResultTable
from elman.studio.look import Input, Look
from elman.studio.models import of_kind
from elman.tasks.forecasting.fitted import FittedForecaster
from elman.tasks.forecasting.histories import History

LEVELS = [80.0, 95.0]
"""The levels of the bands, in percent."""

LAST = 400
"""The rows of a series that are shown, the last ones."""

ORIGINS = 30
"""The most origins of a backtest, the latest."""


class Forecast(Input, frozen=True, forbid_unknown_fields=True):
    """Series to continue, from files or as the model remembers them; and whether earlier origins are tried too."""

    backtest: bool = False


def see_forecast(look: Look, wish: Forecast) -> dict[str, Any]:
    """Each series with its last rows and a forecast with bands; in a backtest also the forecasts from earlier rows,
    each made of the rows before it alone."""
    model = of_kind(look.fitted, FittedForecaster, use="forecasts nothing")
    places = look.places(wish.files)
    histories = [one.history for one in model.memory.values()]
    if places:
        histories = list(model.task.histories(*places, codec=model.codec).histories)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        table = model.continue_from(*places).predict(level=LEVELS)
        tried = _tried(model, places, histories) if wish.backtest and places else None
    return {
        "levels": LEVELS,
        "notes": list(dict.fromkeys(str(one.message) for one in said)),
        "series": [line for one in histories for line in _lines(one, model.codec.targets)],
        "forecast": _columns(table),
        "backtest": None if tried is None else _columns(tried),
        "is_time": table["ds"].dtype.kind == "M",
    }


def _tried(model: FittedForecaster, places: list[str], histories: list[History]) -> ResultTable:
    shortest = min(len(one.values) for one in histories)
    first = max(model.task.window or 1, shortest - ORIGINS * model.horizon)
    return model.backtest(places[0], first=first, level=LEVELS)


def _lines(history: History, targets: tuple[str, ...]) -> list[dict[str, Any]]:
    """A series, one for each target, under the names that forecasts have."""
    names = [history.name] if len(targets) == 1 else [f"{history.name}/{target}" for target in targets]
    stamps = _numbers(np.asarray(history.stamps[-LAST:]))
    values = history.values[-LAST:].T
    return [{"name": name, "ds": stamps, "y": row} for name, row in zip(names, values, strict=True)]


def _columns(table: ResultTable) -> dict[str, np.ndarray]:
    return {name: _numbers(column) for name, column in table.to_dict().items()}


def _numbers(column: np.ndarray) -> np.ndarray:
    """A column in which stamps are seconds since 1970."""
    return column.astype("datetime64[ms]").astype(np.int64) / 1000 if column.dtype.kind == "M" else column
