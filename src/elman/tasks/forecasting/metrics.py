"""Measures of forecasts, and the errors from which conformal intervals are made.

Intervals are conformal (Vovk et al., 2005; Lei et al., 2018): the errors on the validation part, each divided by the
forecast's spread, give the quantiles of the error at each step of the horizon. They shift, stretch or shrink the
model's own uncertainty until intervals hold the true values as often as they should. The forecast is the median of the
same distribution, so that it lies in every interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import quantity
from elman._show import Shown
from elman._types import Whole
from elman.metrics.measures import Measures
from elman.metrics.saved import numbers, restore
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.scores import absolute_scaled_errors, crps_of_knots, symmetric_percentage_errors

SHARES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995)
"""Shares of the quantiles of the errors that are kept; others are interpolated linearly."""

LEAST = 9
"""The fewest errors of a step that an interval of 80% needs."""

TINY = 1e-9
"""A difference of shares that is rounding."""

COVERED = (80, 95)
"""Levels of the intervals whose coverage is reported, in percent."""


@dataclass(frozen=True)
class ForecastMetrics(Measures):
    """Measures of forecasts on one part, over the known true values."""

    objective: float
    """The measure that chooses the best weights: the scaled error that training minimises."""
    values: dict[str, float]
    """The errors by name, scaled by series or in the units of the data."""
    coverage: dict[str, float]
    """The share of true values within intervals, by level in percent."""
    errors: tuple[tuple[float, ...], ...]
    """For each step of the horizon, `SHARES` quantiles of the errors divided by the forecast's spread; see
    `ErrorQuantiles`."""
    count: Whole
    unit: str = "value"
    calibrated: bool = True
    """False where the intervals are the model's own: those that `predict` gives are calibrated by the errors."""

    def __post_init__(self) -> None:
        if missing := {"scaled_mse", "scaled_mae"} - self.values.keys():
            raise ValueError(f"measures: expected {min(missing)}")
        if any(len(row) != len(SHARES) for row in self.errors):
            raise ValueError(f"errors: expected {len(SHARES)} quantiles for each step of the horizon")

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> ForecastMetrics:
        """The measures that `to_builtins` turned into plain values."""
        fields = {"values": numbers(values.get("measures")), "errors": numbers(values.get("errors"))}
        return restore(cls, {**values, **fields})

    def to_builtins(self) -> dict[str, Any]:
        """Plain values; those named `scaled_` are scaled by series, the others in the units of the data."""
        return {
            "objective": self.objective,
            "measures": self.values,
            "coverage": self.coverage,
            "errors": [[None if np.isnan(one) else one for one in row] for row in self.errors],
            "count": self.count,
            "unit": self.unit,
            "calibrated": self.calibrated,
        }

    def report(self) -> str:
        """All measures, one a line."""
        lines = [f"{self}, over {quantity(self.count, self.unit)}"]
        for name, value in self.values.items():
            lines.append(f"{name.replace('_', ' '):32s} {value:{'.6g' if abs(value) < 1e6 else ',.0f'}}")
        lines += [f"{f'within {level}% intervals':32s} {share:.1%}" for level, share in self.coverage.items()]
        return "\n".join(lines)

    def __str__(self) -> str:
        held = ", ".join(f"{level}% intervals hold {share:.1%}" for level, share in self.coverage.items())
        errors = f"scaled MSE {self.values['scaled_mse']:.4f}, MAE {self.values['scaled_mae']:.4f}"
        return f"{errors}; {held}{'' if self.calibrated else ' before calibration'}" if held else errors


class ScaledForecasts(NamedTuple):
    """Forecasts of some windows and the true values, scaled by series."""

    truth: Float[np.ndarray, "row horizon"]
    weights: Float[np.ndarray, "row horizon"]
    centre: Float[np.ndarray, "row horizon"]
    spread: Float[np.ndarray, "row horizon"]
    median: Float[np.ndarray, "row horizon"]
    """The model's own median."""
    crps: Float[np.ndarray, "row horizon"]
    """The continuous ranked probability score of each value, of the model's own distribution."""
    unit_crps: Float[np.ndarray, "row horizon"]
    """The same in the units of the data."""
    bounds: Float[np.ndarray, "row horizon side"]
    """The model's own quantiles at `ErrorSums.shares`: without known errors, the bounds of intervals of `COVERED`."""


@dataclass
class ErrorSums:
    """Sums of the errors of batches, which `metrics` divides by the count. With the errors of the validation part, all
    measures are of conformal forecasts: points, coverage and the continuous ranked probability score."""

    learned: str
    """The measure that training minimises."""
    errors: ErrorQuantiles | None
    """The errors of the validation part, if it was measured before."""
    sums: dict[str, float] = field(default_factory=dict)
    scores: list[Float[np.ndarray, "some horizon"]] = field(default_factory=list)

    @property
    def is_point(self) -> bool:
        """True for forecasts that are numbers alone."""
        return self.learned != "scaled_crps"

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares of the model's own quantiles in `ScaledForecasts.bounds`."""
        return SIDES if self.errors is None else self.errors.shares_beyond(SHARES)

    def add(
        self,
        forecasts: ScaledForecasts,
        codec: ForecastCodec,
        mean: Float[np.ndarray, "row horizon"],
        std: Float[np.ndarray, "row horizon"],
        *,
        naive: Float[np.ndarray, " row"],
    ) -> None:
        """Adds windows, scaled by `mean` and `std`. `naive` is the scaled mean change of a row's series from season to
        season, NaN where there is none."""
        known = forecasts.weights > 0
        median, crps, unit_crps = forecasts.median, forecasts.crps, forecasts.unit_crps
        own = {share: forecasts.bounds[..., place] for place, share in enumerate(self.shares)}
        if self.errors is not None:
            median = forecasts.centre + forecasts.spread * self.errors.median
            own = self.errors.around(forecasts.centre, forecasts.spread, own, SHARES, is_point=self.is_point)
            # Where errors are too few to tell how wide a distribution is, it ends with those that are known.
            reached = forecasts.centre[..., None] + forecasts.spread[..., None] * self.errors.knots
            knots = np.stack([own[share] for share in SHARES], axis=-1)
            knots = np.where(np.isnan(knots), reached, knots)
            real_knots = codec.real(knots, mean[..., None], std[..., None])
            crps = crps_of_knots(forecasts.truth, knots, np.array(SHARES))
            unit_crps = crps_of_knots(codec.real(forecasts.truth, mean, std), real_knots, np.array(SHARES))
        error = np.where(known, forecasts.truth - median, 0.0).astype(np.float64)
        real = np.where(known, codec.real(forecasts.truth, mean, std), 0.0)
        point = np.where(known, codec.real(median, mean, std), 0.0)
        off = np.abs(real - point)
        scaled = absolute_scaled_errors(error, np.zeros_like(error), naive[:, None])
        sums = {
            "count": known.sum(),
            "scaled_mse": (error**2).sum(),
            "scaled_mae": np.abs(error).sum(),
            "scaled_crps": np.where(known, crps, 0.0).sum(),
            "mse": (off**2).sum(),
            "mae": off.sum(),
            "crps": np.where(known, unit_crps, 0.0).sum(),
            "size": np.abs(real).sum(),
            "smape": symmetric_percentage_errors(real, point).sum(),
            "mase": np.nansum(scaled),
            "mase_count": (known & ~np.isnan(scaled)).sum(),
        }
        for level in COVERED:
            low, high = (own[share] for share in shares_of(level))
            if np.isnan(low).any() or (self.errors is None and self.is_point):  # there is no such interval yet
                continue
            sums[f"within_{level}"] = (known & (low <= forecasts.truth) & (forecasts.truth <= high)).sum()
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)
        if self.errors is None:
            self.scores.append(
                np.where(known, (forecasts.truth - forecasts.centre) / forecasts.spread, np.nan)[known.any(axis=1)]
            )

    def metrics(self) -> ForecastMetrics:
        """The measures of all windows added."""
        sums, count = self.sums, max(self.sums["count"], 1)
        mean = {name: value / count for name, value in sums.items()}
        values = {
            "scaled_mse": mean["scaled_mse"],
            "scaled_mae": mean["scaled_mae"],
            "scaled_crps": mean["scaled_crps"],
            "mae": mean["mae"],
            "rmse": float(np.sqrt(mean["mse"])),
            "smape_percent": mean["smape"],
            "crps": mean["crps"],
        }
        # Constant series have no seasonal change to divide by, and series of zeros no size.
        if sums["mase_count"]:
            values["mase"] = sums["mase"] / sums["mase_count"]
        if sums["size"]:
            values["weighted_quantile_loss"] = sums["crps"] / sums["size"]
        errors = self.errors or ErrorQuantiles.of(np.concatenate(self.scores))
        coverage = {str(level): mean[f"within_{level}"] for level in COVERED if f"within_{level}" in mean}
        known = self.errors is not None
        return ForecastMetrics(
            values[self.learned], values, coverage, errors.quantiles, int(sums["count"]), calibrated=known
        )


@dataclass(frozen=True)
class ErrorQuantiles(Shown):
    """Quantiles of the scaled errors (value - forecast) / spread at each step of the horizon, for `SHARES`."""

    quantiles: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, scores: Float[np.ndarray, "some horizon"]) -> ErrorQuantiles:
        """The quantiles of scores; NaN scores do not count. The rank of a quantile of n scores is its share of n + 1,
        rounded outwards, so that an interval holds the next value at least as often as its level says. A step with too
        few scores for a share, or for an interval of 80%, takes the scores of all steps, so that the level holds over
        the horizon as a whole; where these are too few as well, the quantile is NaN.

        >>> ErrorQuantiles.of(np.linspace(-1, 1, 999)[:, None]).at(0.9).round(2).tolist()
        [0.8]
        >>> ErrorQuantiles.of(np.array([[-1.0, 2.0], [1.0, -2.0]])).at(0.75).tolist()
        [2.0, 2.0]
        """
        every = np.sort(scores[~np.isnan(scores)])
        steps = [np.sort(column[~np.isnan(column)]) for column in scores.T]
        steps = [step if len(step) >= LEAST else every for step in steps]
        return cls(tuple(tuple(_first_known(share, step, every) for share in SHARES) for step in steps))

    @property
    def median(self) -> Float[np.ndarray, " horizon"]:
        """The median at each step; 0 where no error is known."""
        return np.nan_to_num(self.at(0.5))

    @property
    def knots(self) -> Float[np.ndarray, "horizon share"]:
        """The quantiles at `SHARES` for each step, from which those of other shares follow. Beyond the known ones they
        are the nearest known one; where no error is known, 0."""
        quantiles = np.stack([self.at(share) for share in SHARES], axis=1)
        filled = [
            np.interp(SHARES, np.array(SHARES)[known], row[known]) if known.any() else np.zeros(len(SHARES))
            for row, known in zip(quantiles, ~np.isnan(quantiles), strict=True)
        ]
        return np.array(filled)

    @property
    def reach(self) -> Float[np.ndarray, "side horizon"]:
        """The least and the greatest share whose quantile is known, at each step; the median where no error is."""
        known = ~np.isnan(np.array(self.quantiles))
        ends = known.argmax(axis=1), len(SHARES) - 1 - known[:, ::-1].argmax(axis=1)
        return np.where(known.any(axis=1), np.array(SHARES)[np.array(ends)], 0.5)

    def shares_beyond(self, shares: Sequence[float]) -> tuple[float, ...]:
        """The shares whose own quantiles of a model `around` needs; none where the errors reach to all of `shares`.

        >>> few = ErrorQuantiles.of(np.arange(36.0)[:, None])
        >>> few.shares_beyond([0.1, 0.9]), few.shares_beyond([0.025])
        ((), (0.025, 0.05, 0.95))
        """
        low, high = self.reach
        if all(np.all((low - TINY <= share) & (share <= high + TINY)) for share in shares):
            return ()
        return tuple(sorted({*shares, *low.tolist(), *high.tolist()}))

    def around(
        self,
        centre: Float[np.ndarray, "*rows horizon"],
        spread: Float[np.ndarray, "*rows horizon"],
        own: Mapping[float, Float[np.ndarray, "*rows horizon"]],
        shares: Sequence[float],
        *,
        is_point: bool,
    ) -> dict[float, Float[np.ndarray, "*rows horizon"]]:
        """The quantiles of forecasts, by share: those of the errors. Beyond the last known one they follow the model's
        own, stretched where the model is surer than its errors allow, so that wider intervals hold narrower ones.

        Args:
            centre, spread: the forecasts.
            own: the model's own quantiles at the shares that `shares_beyond` names.
            shares: the shares of the quantiles.
            is_point: the model has no quantiles of its own; a normal distribution as wide as the errors stands for
                them. They are NaN where there are too few errors to tell how wide.
        """
        low, high = self.reach
        least, most = self._at_each(low), self._at_each(high)
        if is_point:
            z = {share: NormalDist().inv_cdf(share) for share in self.shares_beyond(shares)}
            width = np.array([z.get(share) or np.nan for share in high.tolist()])
            own = {share: centre + spread * (most - least) / (2 * width) * value for share, value in z.items()}
        result = {}
        for share in shares:
            result[share] = centre + spread * np.nan_to_num(self.at(share))
            beyond, edge = (share < low - TINY) | (share > high + TINY), np.clip(share, low, high)
            if np.any(beyond):
                first, last, nearest = (_of_steps(own, each) for each in (low, high, edge))
                stretch = np.maximum(1.0, (most - least) * spread / np.maximum(last - first, spread))
                more = stretch * np.abs(own[share] - nearest) * np.sign(share - edge)
                result[share] = np.where(beyond, centre + spread * self._at_each(edge) + more, result[share])
        return result

    def _at_each(self, shares: Float[np.ndarray, " horizon"]) -> Float[np.ndarray, " horizon"]:
        """The quantile of a known share at each step; 0 where no error is known."""
        return np.nan_to_num([_between(share, row) for share, row in zip(shares, self.quantiles, strict=True)])

    def at(self, share: float) -> Float[np.ndarray, " horizon"]:
        """The quantile for any share, at each step; NaN beyond the known ones. Quantiles of larger shares are never
        smaller, also where they come from the scores of other steps."""
        return np.array([_between(share, row) for row in self.quantiles])


def shares_of(level: float) -> tuple[float, float]:
    """The shares of the quantiles that bound an interval of `level` percent.

    >>> shares_of(80)
    (0.1, 0.9)
    """
    return (100 - level) / 200, (100 + level) / 200


SIDES = tuple(share for level in COVERED for share in shares_of(level))
"""The shares of the bounds of intervals of `COVERED`."""


def _of_steps(
    own: Mapping[float, Float[np.ndarray, "*rows horizon"]], shares: Float[np.ndarray, " horizon"]
) -> Float[np.ndarray, "*rows horizon"]:
    """The quantile at a share of its own for each step."""
    return np.stack([own[share][..., step] for step, share in enumerate(shares.tolist())], axis=-1)


def _first_known(share: float, *groups: Float[np.ndarray, " _"]) -> float:
    """The quantile of the first group of sorted scores that has enough of them for the share."""
    return next(
        (value for value in (_corrected_quantile(group, share) for group in groups) if not np.isnan(value)), np.nan
    )


def _corrected_quantile(known: Float[np.ndarray, " some"], share: float) -> float:
    """The quantile of sorted scores, corrected for their number: its rank is rounded away from the median."""
    rank = (len(known) + 1) * share
    outwards = np.ceil(rank - 1e-9) if share > 0.5 else np.floor(rank + 1e-9) if share < 0.5 else (len(known) + 1) // 2
    return float(known[int(outwards) - 1]) if 1 <= outwards <= len(known) else np.nan


def _between(share: float, row: tuple[float, ...]) -> float:
    known = ~np.isnan(row)
    shares = np.array(SHARES)[known]
    if not known.any() or not shares[0] - TINY <= share <= shares[-1] + TINY:
        return np.nan
    values, half = np.array(row)[known], int(np.argmin(np.abs(shares - 0.5)))
    values[half:] = np.maximum.accumulate(values[half:])
    values[: half + 1] = np.minimum.accumulate(values[half::-1])[::-1]
    return float(np.interp(share, shares, values))
