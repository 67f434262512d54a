"""Pictures of forecasts: the history, the forecast, and its intervals as bands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elman._errors import DataError, quantity
from elman.formats.results import ResultTable
from elman.tasks.drawing import label, new_figure, save_figure
from elman.tasks.forecasting.table import NAME

if TYPE_CHECKING:
    from elman.tasks.forecasting.fitted import FittedForecaster

MOST_SERIES = 8
"""The most series that a picture has room for."""
HISTORY = 4
"""The length of the history drawn before the forecast, in horizons."""
CAME, FORECAST = "#1a1a1a", "#0072b2"
DOTS_INCH, TITLE = 150, 100
"""The resolution, and the most characters of a series' name."""


def draw_forecast(fitted: FittedForecaster, table: ResultTable, path: str | Path) -> None:
    """Draws the last rows that a model remembers and its forecast after them, in a row for each series. The file has
    the format of its extension, such as `.png` or `.svg`. Needs matplotlib.

    Args:
        fitted: the model.
        table: its forecast of all series that it remembers.
        path: the file.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.
        DataError: more series than a picture has room for, or a file that cannot be written.
    """
    names = list(dict.fromkeys(table["unique_id"].tolist()))
    if len(names) > MOST_SERIES:
        raise DataError(
            f"plot: {quantity(len(names), 'series')}; a picture has room for {MOST_SERIES}: give a file with fewer"
        )
    figure = new_figure(9, 0.9 + 2.4 * len(names))
    axes = figure.subplots(len(names), squeeze=False)[:, 0]
    targets = fitted.codec.targets
    for axis, name in zip(axes, names, strict=True):
        place = names.index(name) % len(targets)
        history = fitted.memory[name if len(targets) == 1 else name.removesuffix(f"/{targets[place]}")].history
        rows = slice(-HISTORY * fitted.horizon, None)
        _draw(axis, history.stamps[rows], history.values[rows, place], table, table["unique_id"] == name)
        axis.set_title(label(name, TITLE), loc="left", fontsize=10)
    parts = axes[0].get_legend_handles_labels()
    figure.legend(*parts, loc="outside upper right", ncols=len(parts[1]), fontsize=8, frameon=False)
    save_figure(figure, path, dpi=DOTS_INCH)


def _draw(axis: Any, stamps: np.ndarray, values: np.ndarray, table: ResultTable, mine: np.ndarray) -> None:
    ahead, last = table["ds"][mine], values[-1]
    axis.plot(stamps, values, color=CAME, linewidth=1, label="history")
    joined = np.concatenate([stamps[-1:].astype(ahead.dtype), ahead])  # forecast and bands begin where the history ends
    levels = [name.removeprefix(f"{NAME}-lo-") for name in table.columns if name.startswith(f"{NAME}-lo-")]
    for place, level in enumerate(sorted(levels, key=float, reverse=True)):
        low, high = (table[f"{NAME}-{side}-{level}"][mine] for side in ("lo", "hi"))
        shade = 0.15 + min(0.15, 0.6 / len(levels)) * place
        low, high = np.append(last, low), np.append(last, high)
        axis.fill_between(joined, low, high, color=FORECAST, alpha=shade, linewidth=0, label=f"{level}%")
    axis.plot(joined, np.append(last, table[NAME][mine]), color=FORECAST, linewidth=1.5, label="forecast")
    if ahead.dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
