"""Baselines that any forecaster has to beat: the value a season ago, and linear and non-linear autoregression on a
window of the last values.

    linear      x_t = c + w_1 x_(t-1) + ... + w_p x_(t-p) + e_t                     (Yule, 1927)
    non-linear  x_t = the same + v . tanh(W (x_(t-1), ..., x_(t-p)) + b) + e_t

All take a row of known values for each forecast, the latest last, and continue from their own forecasts. NaN marks a
missing value: training leaves out the windows that contain it, and forecasting replaces it by the model's own forecast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from elman._errors import ConfigError, DataError
from elman.ops.ridge import ridge

Series = Float[np.ndarray, " _"]
HistoryRows = Float[np.ndarray, "row time"]
Forecasts = Float[np.ndarray, "row horizon"]


class SeasonalNaive(NamedTuple):
    """The forecast that each value equals the value a season before: with a season of 1, the last one.

    >>> SeasonalNaive(season=2).forecast(np.array([[1.0, 2.0, 3.0, 4.0]]), 3).tolist()
    [[3.0, 4.0, 3.0]]
    """

    season: int

    def forecast(self, history: HistoryRows, horizon: int) -> Forecasts:
        """The next `horizon` values after each row. The value a season before replaces a missing one; where none is
        known, the forecast is NaN.

        Raises:
            DataError: rows that are shorter than a season.
        """
        if history.shape[1] < self.season:
            raise DataError(f"expected {self.season} steps (a season) or more; got {history.shape[1]}")
        known = history.copy()
        for step in range(self.season, known.shape[1]):
            missing = np.isnan(known[:, step])
            known[missing, step] = known[missing, step - self.season]
        return np.tile(known[:, -self.season :], (1, -(-horizon // self.season)))[:, :horizon]


class LinearAutoregression(NamedTuple):
    """The forecast of each value by a weighted sum of the previous values.

    >>> doubling = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    >>> LinearAutoregression.fit([doubling], order=1).forecast(np.array([[16.0]]), 2).round(6).tolist()
    [[32.0, 64.0]]
    """

    constant: float
    weights: Float[np.ndarray, " order"]
    """The weights of the previous values, the most recent value's first."""
    mean: float
    """The mean of the training values, which replaces a missing value among the first `order` values of a row."""

    @classmethod
    def fit(cls, series: Sequence[Series], *, order: int, penalty: float = 0.0) -> LinearAutoregression:
        """The weights with the least squared error of one step over all series, plus `penalty` times their squares.

        Raises:
            ConfigError: an order below 1.
            DataError: no `order` + 1 consecutive known values.
        """
        windows, targets = lag_windows(series, order)
        if penalty:
            weights, constant = ridge(windows, targets[:, None], penalty=penalty)
            return cls(float(constant[0]), weights[:, 0], _mean(series))
        design = np.concatenate([np.ones((len(windows), 1)), windows], axis=1)
        constant, *weights = np.linalg.lstsq(design, targets, rcond=None)[0]
        return cls(float(constant), np.array(weights), _mean(series))

    @classmethod
    def best(cls, series: Sequence[Series], *, orders: Sequence[int]) -> LinearAutoregression:
        """The model of the order with the least AIC (Akaike, 1974), n log(squared error / n) + 2 (order + 1), with the
        error over the same n steps for all orders.

        Raises:
            ConfigError, DataError: as `fit`, for the largest order.
        """
        windows, targets = lag_windows(series, max(orders))
        criteria = []
        for order in orders:
            design = np.concatenate([np.ones((len(windows), 1)), windows[:, :order]], axis=1)
            errors = targets - design @ np.linalg.lstsq(design, targets, rcond=None)[0]
            mean_square = max(float((errors**2).mean()), np.finfo(np.float64).tiny)
            criteria.append(len(targets) * math.log(mean_square) + 2 * (order + 1))
        return cls.fit(series, order=orders[int(np.argmin(criteria))])

    def forecast(self, history: HistoryRows, horizon: int) -> Forecasts:
        """The next `horizon` values after each row.

        Raises:
            DataError: rows that are shorter than the order.
        """
        return _forecast(
            lambda last: self.constant + last @ self.weights, history, horizon, len(self.weights), self.mean
        )


class NonlinearAutoregression(NamedTuple):
    """The sum of a linear model and a feed-forward network with one hidden layer, over a window of the last values.

    >>> halving = [np.array([1.0, 0.5, 0.25, 0.125, 0.0625])]
    >>> model = NonlinearAutoregression.fit(halving, order=1, hidden_size=2, steps=10)
    >>> model.forecast(np.array([[1.0]]), 2).round(2).tolist()
    [[0.5, 0.25]]
    """

    linear: LinearAutoregression
    hidden: Float[np.ndarray, "order hidden"]
    bias: Float[np.ndarray, " hidden"]
    readout: Float[np.ndarray, " hidden"]
    scale: float
    """The standard deviation of the training values, by which the network's inputs and outputs are scaled."""

    @classmethod
    def fit(
        cls,
        series: Sequence[Series],
        *,
        order: int,
        hidden_size: int = 16,
        steps: int = 500,
        learning_rate: float = 0.01,
        penalty: float = 0.01,
        seed: int = 0,
    ) -> NonlinearAutoregression:
        """Trains the network on the errors of the linear model, on all windows at once, for `steps` steps of Adam with
        a learning rate that falls to 0. The loss is the mean squared error, in units of the standard deviation of the
        values, plus `penalty` times the squares of the network's weights.

        Raises:
            ConfigError, DataError: as `LinearAutoregression.fit`.
        """
        linear = LinearAutoregression.fit(series, order=order)
        windows, targets = lag_windows(series, order)
        scale = float(np.std(targets)) or 1.0
        errors = (targets - linear.constant - windows @ linear.weights) / scale
        random = np.random.default_rng(seed)
        start = (
            random.normal(size=(order, hidden_size)) / math.sqrt(order),
            np.zeros(hidden_size),
            np.zeros(hidden_size),
        )
        weights_of_layers = _train(start, (windows - linear.mean) / scale, errors, steps, learning_rate, penalty)
        return cls(linear, *(np.asarray(weights, np.float64) for weights in weights_of_layers), scale)

    def forecast(self, history: HistoryRows, horizon: int) -> Forecasts:
        """The next `horizon` values after each row.

        Raises:
            DataError: rows that are shorter than the order.
        """
        linear = self.linear

        def next_value(last: np.ndarray) -> np.ndarray:
            hidden = np.tanh((last - linear.mean) / self.scale @ self.hidden + self.bias)
            return linear.constant + last @ linear.weights + self.scale * (hidden @ self.readout)

        return _forecast(next_value, history, horizon, len(linear.weights), linear.mean)


def lag_windows(
    series: Sequence[Series], order: int
) -> tuple[Float[np.ndarray, "window order"], Float[np.ndarray, " window"]]:
    """All windows of `order` consecutive values, the last value first, and the value after each, of all series; windows
    with a missing value are left out.

    >>> windows, targets = lag_windows([np.array([1.0, 2.0, 3.0, 4.0])], 2)
    >>> windows.tolist(), targets.tolist()
    ([[2.0, 1.0], [3.0, 2.0]], [3.0, 4.0])

    Raises:
        ConfigError: an order below 1.
        DataError: none is left.
    """
    if order < 1:
        raise ConfigError(f"order: expected 1 or more previous values; got {order}")
    long = [one for one in series if len(one) > order]
    if long:
        runs = np.concatenate([np.lib.stride_tricks.sliding_window_view(one, order + 1) for one in long])
        runs = runs[~np.isnan(runs).any(axis=1)].astype(np.float64)
        if len(runs):
            return runs[:, -2::-1], runs[:, -1]
    raise DataError(f"no {order + 1} consecutive known values to learn from; expected longer series or a lower order")


def _mean(series: Sequence[np.ndarray]) -> float:
    return float(np.nanmean(np.concatenate(list(series))))


def _forecast(
    next_value: Callable[[np.ndarray], np.ndarray], history: np.ndarray, horizon: int, order: int, mean: float
) -> np.ndarray:
    """Forecasts from the last `order` values of each row; forecasts replace missing and future values."""
    steps = history.shape[1]
    if steps < order:
        raise DataError(f"expected {order} steps (the model's order) or more; got {steps}")
    gaps = np.isnan(history)
    # Forecasts fill all gaps from the first one on, since the last `order` steps may depend on it.
    rows = np.concatenate([history, np.full((len(history), horizon), np.nan)], axis=1).astype(np.float64)
    rows[:, :order] = np.where(gaps[:, :order], mean, history[:, :order])
    first = int(np.flatnonzero(gaps.any(axis=0))[0]) if gaps.any() else steps
    for step in range(max(first, order), steps + horizon):
        wanted = np.isnan(rows[:, step])
        if wanted.any():
            rows[wanted, step] = next_value(rows[wanted, step - order : step][:, ::-1])
    return rows[:, steps:]


def _train(
    start: tuple[np.ndarray, ...],
    windows: np.ndarray,
    errors: np.ndarray,
    steps: int,
    learning_rate: float,
    penalty: float,
) -> tuple[Array, ...]:
    weights = tuple(jnp.asarray(part, jnp.float32) for part in start)
    xs, ys = jnp.asarray(windows, jnp.float32), jnp.asarray(errors, jnp.float32)
    optimiser = optax.adam(optax.linear_schedule(learning_rate, 0.0, steps))

    def loss(weights):
        hidden, bias, readout = weights
        forecasts = jnp.tanh(xs @ hidden + bias) @ readout
        return jnp.mean((forecasts - ys) ** 2) + penalty * (jnp.sum(hidden**2) + jnp.sum(readout**2))

    def step(_, state):
        weights, optimiser_state = state
        updates, optimiser_state = optimiser.update(jax.grad(loss)(weights), optimiser_state)
        return optax.apply_updates(weights, updates), optimiser_state

    return jax.jit(lambda state: jax.lax.fori_loop(0, steps, step, state))((weights, optimiser.init(weights)))[0]
