"""Measures of forecasts: errors of points, losses of quantiles and of distributions, and the coverage of intervals.

NaN marks a missing true value, which does not count. All arrays of a call have the same shape, which is arbitrary;
quantiles and samples have one more axis, the last.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from elman._errors import DataError, ShapeError


def mean_squared_error(truth: Float[np.ndarray, "*shape"], forecast: Float[np.ndarray, "*shape"]) -> float:
    """The mean of (y - f)^2.

    >>> mean_squared_error(np.array([1.0, 2.0, np.nan]), np.array([1.0, 4.0, 9.0]))
    2.0

    Raises:
        DataError: no known true value; all measures raise this.
    """
    return _mean((truth - forecast) ** 2)


def root_mean_squared_error(truth: Float[np.ndarray, "*shape"], forecast: Float[np.ndarray, "*shape"]) -> float:
    """The square root of the mean of (y - f)^2, in units of y.

    >>> root_mean_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])) ** 2
    2.0000000000000004
    """
    return math.sqrt(mean_squared_error(truth, forecast))


def mean_absolute_error(truth: Float[np.ndarray, "*shape"], forecast: Float[np.ndarray, "*shape"]) -> float:
    """The mean of |y - f|, in units of y.

    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.0
    """
    return _mean(np.abs(truth - forecast))


def symmetric_percentage_error(truth: Float[np.ndarray, "*shape"], forecast: Float[np.ndarray, "*shape"]) -> float:
    """sMAPE as in the M4 competition (Makridakis et al., 2020): the mean of 200 |y - f| / (|y| + |f|), in percent from
    0 to 200. Where both are 0 it is 0.

    >>> symmetric_percentage_error(np.array([1.0, 0.0]), np.array([3.0, 0.0]))
    50.0
    """
    return _mean(symmetric_percentage_errors(truth, forecast))


def symmetric_percentage_errors(
    truth: Float[np.ndarray, "*shape"], forecast: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """The symmetric percentage error of each value, from 0 to 200; see `symmetric_percentage_error`.

    >>> symmetric_percentage_errors(np.array([1.0, 0.0]), np.array([3.0, 0.0])).tolist()
    [100.0, 0.0]
    """
    size = np.abs(truth) + np.abs(forecast)
    return 200 * np.abs(truth - forecast) / np.where(size == 0, 1, size)


def seasonal_scale(history: Float[np.ndarray, " time"], season: int = 1) -> float:
    """The denominator of MASE: the mean of |y_t - y_(t - season)| over the training steps, without pairs with a missing
    value. 0 for a series that repeats itself; NaN without any pair.

    >>> seasonal_scale(np.array([1.0, 5.0, 2.0, 7.0]), season=2)
    1.5
    """
    steps = np.abs(history[season:] - history[:-season])
    known = steps[~np.isnan(steps)]
    return float(known.mean()) if len(known) else math.nan


def mean_absolute_scaled_error(
    truth: Float[np.ndarray, "*shape"], forecast: Float[np.ndarray, "*shape"], scale: Float[np.ndarray, "*#shape"]
) -> float:
    """MASE (Hyndman and Koehler, 2006): the mean of |y - f| / `scale`, where `scale` is the `seasonal_scale` of each
    value's series. Below 1, forecasts are better than the value a season ago was in training. Values whose scale is 0
    or NaN do not count; without any other, the result is NaN.

    >>> mean_absolute_scaled_error(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]]), np.array([[0.5], [0.0]]))
    2.0
    """
    _check_any(~np.isnan(truth - forecast))
    scaled = absolute_scaled_errors(truth, forecast, scale)
    return math.nan if np.isnan(scaled).all() else _mean(scaled)


def absolute_scaled_errors(
    truth: Float[np.ndarray, "*shape"], forecast: Float[np.ndarray, "*shape"], scale: Float[np.ndarray, "*#shape"]
) -> Float[np.ndarray, "*shape"]:
    """The absolute error of each value divided by the scale of its series, NaN where that is 0 or NaN; see
    `mean_absolute_scaled_error`.

    >>> absolute_scaled_errors(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([0.5, 0.0])).tolist()
    [2.0, nan]
    """
    return np.abs(truth - forecast) / np.where(scale > 0, scale, np.nan)


def quantile_loss(
    truth: Float[np.ndarray, "*shape"],
    quantiles: Float[np.ndarray, "*shape level"],
    levels: Float[np.ndarray, " level"],
) -> Float[np.ndarray, "*shape level"]:
    """The loss of each quantile (Koenker and Bassett, 1978): level (y - q) where y is above, (1 - level)(q - y) below.

    >>> quantile_loss(np.array([3.0]), np.array([[1.0, 4.0]]), np.array([0.1, 0.9])).round(6).tolist()
    [[0.2, 0.1]]
    """
    above = truth[..., None] - quantiles
    return np.maximum(levels * above, (levels - 1) * above)


def weighted_quantile_loss(
    truth: Float[np.ndarray, "*shape"],
    quantiles: Float[np.ndarray, "*shape level"],
    levels: Float[np.ndarray, " level"],
) -> float:
    """The mean over levels of 2 sum(loss) / sum(|y|) (Salinas et al., 2020), which has no unit: for the level 0.5
    alone, the sum of absolute errors divided by that of absolute true values. NaN where all true values are 0.

    >>> weighted_quantile_loss(np.array([2.0, 2.0]), np.array([[1.0], [4.0]]), np.array([0.5]))
    0.75
    """
    known = ~np.isnan(truth)
    _check_any(known)
    losses, size = quantile_loss(truth[known], quantiles[known], levels), np.abs(truth[known]).sum()
    return float(2 * losses.sum(axis=0).mean() / size) if size else math.nan


def crps_of_quantiles(
    truth: Float[np.ndarray, "*shape"],
    quantiles: Float[np.ndarray, "*shape level"],
    levels: Float[np.ndarray, " level"],
) -> float:
    """The mean continuous ranked probability score in units of y, approximated from quantiles at evenly spaced levels
    by the mean of twice their losses, whose limit is the score (Gneiting and Ranjan, 2011).

    >>> crps_of_quantiles(np.array([3.0]), np.array([[2.0]]), np.array([0.5]))
    1.0
    """
    return 2 * _mean(quantile_loss(truth, quantiles, levels).mean(axis=-1))


def crps_of_knots(
    truth: Float[np.ndarray, "*shape"], knots: Float[np.ndarray, "*shape level"], levels: Float[np.ndarray, " level"]
) -> Float[np.ndarray, "*shape"]:
    """The continuous ranked probability score of each value, for distributions whose quantiles are linear between
    those at ascending levels, and constant beyond them: the integral of (F(x) - [y <= x])^2 (Matheson and Winkler,
    1976). It is exact.

    >>> crps_of_knots(np.array([0.5, 2.0]), np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([0.0, 1.0])).round(4).tolist()
    [0.0833, 1.3333]
    """
    low, high, first, last = knots[..., :-1], knots[..., 1:], levels[:-1], levels[1:]
    cut = np.clip(truth[..., None], low, high)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, (cut - low) / (high - low), 0.0)
    there = first + (last - first) * share  # F at the true value
    above, rest = 1 - there, 1 - last
    before = (cut - low) * (first**2 + first * there + there**2) / 3
    after = (high - cut) * (above**2 + above * rest + rest**2) / 3
    beyond = np.maximum(knots[..., 0] - truth, 0) + np.maximum(truth - knots[..., -1], 0)
    return (before + after).sum(axis=-1) + beyond


def crps_of_samples(truth: Float[np.ndarray, "*shape"], samples: Float[np.ndarray, "*shape sample"]) -> float:
    """The mean continuous ranked probability score of the samples' distribution: E|X - y| - E|X - X'| / 2 (Gneiting and
    Raftery, 2007).

    >>> crps_of_samples(np.array([1.0]), np.array([[0.0, 2.0]]))
    0.5
    """
    count = samples.shape[-1]
    # Of sorted samples, the i-th is above i - 1 of the others and below the rest.
    weights = (2 * np.arange(1, count + 1) - count - 1) / count**2
    spread = (np.sort(samples, axis=-1) * weights).sum(axis=-1)
    return _mean(np.abs(samples - truth[..., None]).mean(axis=-1) - spread)


def crps_of_gaussian(
    truth: Float[np.ndarray, "*shape"], mean: Float[np.ndarray, "*shape"], std: Float[np.ndarray, "*shape"]
) -> float:
    """The mean continuous ranked probability score of normal distributions (Gneiting and Raftery, 2007):
    std (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)) with z = (y - mean) / std.

    >>> round(crps_of_gaussian(np.array([0.0]), np.array([0.0]), np.array([1.0])), 6)
    0.233695
    """
    z = (truth - mean) / std
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return _mean(std * (z * _erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi)))


def coverage(
    truth: Float[np.ndarray, "*shape"], low: Float[np.ndarray, "*shape"], high: Float[np.ndarray, "*shape"]
) -> float:
    """The share of true values from `low` to `high`, both included.

    >>> coverage(np.array([1.0, 2.0, 3.0, np.nan]), np.zeros(4), np.full(4, 2.0))
    0.6666666666666666
    """
    known = ~np.isnan(truth)
    _check_any(known)
    return float(((truth >= low) & (truth <= high))[known].mean())


def conformal_quantile(scores: Float[np.ndarray, "example ..."], level: float) -> np.ndarray:
    """The bound that a new score does not exceed with a probability of at least `level`, by split conformal prediction
    (Papadopoulos et al., 2002): of n known scores, the ceil((n + 1) level)-th smallest; infinite where n is too small
    for that. It is computed over the first axis, and valid if the examples are exchangeable.

    With |y - f| as scores of each step of a horizon, f - q to f + q is an interval of this level; with
    max(low - y, y - high), low - q to high + q is (Romano et al., 2019).

    >>> conformal_quantile(np.array([[3.0], [1.0], [2.0], [np.nan]]), 0.75).tolist()
    [3.0]
    >>> conformal_quantile(np.array([3.0, 1.0, 2.0]), 0.8).tolist()
    inf

    Raises:
        ShapeError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ShapeError(f"expected a level between 0 and 1; got {level}")
    ordered = np.sort(scores, axis=0)  # NaN comes last
    known = (~np.isnan(scores)).sum(axis=0)
    rank = np.ceil((known + 1) * level - 1e-9).astype(int)  # 0.9 of 10 is 9, not 9.000000000000002
    place = np.clip(rank, 1, max(len(scores), 1))[None] - 1
    if not len(scores):
        return np.full(scores.shape[1:], np.inf)
    return np.where(rank > known, np.inf, np.take_along_axis(ordered, place, axis=0)[0])


def _mean(values: np.ndarray) -> float:
    known = ~np.isnan(values)
    _check_any(known)
    return float(values[known].mean(dtype=np.float64))


def _check_any(known: np.ndarray) -> None:
    if not known.any():
        raise DataError("nothing to measure; expected at least one value that is not NaN")


_erf = np.vectorize(math.erf, otypes=[np.float64])
