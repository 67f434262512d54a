"""What any forecaster has to beat: the value a season ago, and autoregression on a window of the last values, linear
and not.

    linear      x_t = c + w_1 x_(t-1) + ... + w_p x_(t-p) + e_t                     (Yule, 1927)
    non-linear  x_t = the same + v . tanh(W (x_(t-1), ..., x_(t-p)) + b) + e_t

All take a row of known values for each forecast, the latest last, and go on from their own forecasts. A value that is
not a number is missing: rows to learn from that need it are left out, and in a row to go on from stands the model's own
forecast in its place.
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
Rows = Float[np.ndarray, "row time"]
Forecasts = Float[np.ndarray, "row horizon"]


class SeasonalNaive(NamedTuple):
    """Each value is what it was a season before: with a season of 1, the last one.

    >>> SeasonalNaive(season=2).forecast(np.array([[1.0, 2.0, 3.0, 4.0]]), 3).tolist()
    [[3.0, 4.0, 3.0]]
    """

    season: int

    def forecast(self, history: Rows, horizon: int) -> Forecasts:
        """The next `horizon` values after each row. A value that is missing is that of the season before it; where none
        is known, not a number.

        Raises:
            DataError: rows that are shorter than a season.
        """
        if history.shape[1] < self.season:
            raise DataError(f"expected {self.season} steps or more, those of a season; got {history.shape[1]}")
        known = history.copy()
        for step in range(self.season, known.shape[1]):
            missing = np.isnan(known[:, step])
            known[missing, step] = known[missing, step - self.season]
        return np.tile(known[:, -self.season :], (1, -(-horizon // self.season)))[:, :horizon]


class LinearAutoregression(NamedTuple):
    """Each value is a weighted sum of those before.

    >>> doubling = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    >>> LinearAutoregression.fit([doubling], order=1).forecast(np.array([[16.0]]), 2).round(6).tolist()
    [[32.0, 64.0]]
    """

    constant: float
    weights: Float[np.ndarray, " order"]
    """Of the last value first."""
    mean: float
    """Of the values that it learned from, which stands for missing ones before which there is no full row."""

    @classmethod
    def fit(cls, series: Sequence[Series], *, order: int, penalty: float = 0.0) -> LinearAutoregression:
        """The weights with the least squared error of one step over all series, plus `penalty` times their squares.

        Raises:
            ConfigError: an order below 1.
            DataError: no `order` + 1 known values in a row.
        """
        windows, targets = lagged(series, order)
        if penalty:
            weights, constant = ridge(windows, targets[:, None], penalty=penalty)
            return cls(float(constant[0]), weights[:, 0], _mean(series))
        design = np.concatenate([np.ones((len(windows), 1)), windows], axis=1)
        constant, *weights = np.linalg.lstsq(design, targets, rcond=None)[0]
        return cls(float(constant), np.array(weights), _mean(series))

    @classmethod
    def best(cls, series: Sequence[Series], *, orders: Sequence[int]) -> LinearAutoregression:
        """The model of the order with the least AIC (Akaike, 1974), n log(squared error / n) + 2 (order + 1), of which
        the error is over the same n steps for all orders.

        Raises:
            ConfigError, DataError: as `fit`, for the largest order.
        """
        windows, targets = lagged(series, max(orders))
        criteria = []
        for order in orders:
            design = np.concatenate([np.ones((len(windows), 1)), windows[:, :order]], axis=1)
            errors = targets - design @ np.linalg.lstsq(design, targets, rcond=None)[0]
            mean_square = max(float((errors**2).mean()), np.finfo(np.float64).tiny)
            criteria.append(len(targets) * math.log(mean_square) + 2 * (order + 1))
        return cls.fit(series, order=orders[int(np.argmin(criteria))])

    def forecast(self, history: Rows, horizon: int) -> Forecasts:
        """The next `horizon` values after each row.

        Raises:
            DataError: rows that are shorter than the order.
        """
        return _goes_on(
            lambda last: self.constant + last @ self.weights, history, horizon, len(self.weights), self.mean
        )


class NonlinearAutoregression(NamedTuple):
    """A feed-forward network with one hidden layer over a window of the last values, beside a linear part.

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
    """The standard deviation of the values that it learned from, in units of which the network computes."""

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
        """Learns from the errors of the linear model, all windows at once for `steps` steps of Adam with a rate that
        falls to 0. `penalty` multiplies the squares of the network's weights, beside the mean squared error in units
        of the spread of the values.

        Raises:
            ConfigError, DataError: as `LinearAutoregression.fit`.
        """
        linear = LinearAutoregression.fit(series, order=order)
        windows, targets = lagged(series, order)
        scale = float(np.std(targets)) or 1.0
        errors = (targets - linear.constant - windows @ linear.weights) / scale
        random = np.random.default_rng(seed)
        start = (
            random.normal(size=(order, hidden_size)) / math.sqrt(order),
            np.zeros(hidden_size),
            np.zeros(hidden_size),
        )
        found = _learned(start, (windows - linear.mean) / scale, errors, steps, learning_rate, penalty)
        return cls(linear, *(np.asarray(weights, np.float64) for weights in found), scale)

    def forecast(self, history: Rows, horizon: int) -> Forecasts:
        """The next `horizon` values after each row.

        Raises:
            DataError: rows that are shorter than the order.
        """
        linear = self.linear

        def next_value(last: np.ndarray) -> np.ndarray:
            hidden = np.tanh((last - linear.mean) / self.scale @ self.hidden + self.bias)
            return linear.constant + last @ linear.weights + self.scale * (hidden @ self.readout)

        return _goes_on(next_value, history, horizon, len(linear.weights), linear.mean)


def lagged(
    series: Sequence[Series], order: int
) -> tuple[Float[np.ndarray, "window order"], Float[np.ndarray, " window"]]:
    """Each `order` values in a row, the last first, and the value after them, of all series; without those of which any
    is missing.

    >>> windows, targets = lagged([np.array([1.0, 2.0, 3.0, 4.0])], 2)
    >>> windows.tolist(), targets.tolist()
    ([[2.0, 1.0], [3.0, 2.0]], [3.0, 4.0])

    Raises:
        ConfigError: an order below 1.
        DataError: none is left.
    """
    if order < 1:
        raise ConfigError(f"order: expected 1 or more values to go by; got {order}")
    long = [one for one in series if len(one) > order]
    if long:
        runs = np.concatenate([np.lib.stride_tricks.sliding_window_view(one, order + 1) for one in long])
        runs = runs[~np.isnan(runs).any(axis=1)].astype(np.float64)
        if len(runs):
            return runs[:, -2::-1], runs[:, -1]
    raise DataError(f"no {order + 1} known values in a row to learn from; expected longer series or a lower order")


def _mean(series: Sequence[np.ndarray]) -> float:
    return float(np.nanmean(np.concatenate(list(series))))


def _goes_on(
    next_value: Callable[[np.ndarray], np.ndarray], history: np.ndarray, horizon: int, order: int, mean: float
) -> np.ndarray:
    """Forecasts from the last `order` values of each row, and from forecasts where these end or are missing."""
    steps = history.shape[1]
    if steps < order:
        raise DataError(f"expected {order} steps or more, those that the model goes by; got {steps}")
    gaps = np.isnan(history)
    # Forecasts fill gaps from the first one on that counts: the last `order` steps hang on it through those before.
    rows = np.concatenate([history, np.full((len(history), horizon), np.nan)], axis=1).astype(np.float64)
    rows[:, :order] = np.where(gaps[:, :order], mean, history[:, :order])
    first = int(np.flatnonzero(gaps.any(axis=0))[0]) if gaps.any() else steps
    for step in range(max(first, order), steps + horizon):
        wanted = np.isnan(rows[:, step])
        if wanted.any():
            rows[wanted, step] = next_value(rows[wanted, step - order : step][:, ::-1])
    return rows[:, steps:]


def _learned(
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
        found = jnp.tanh(xs @ hidden + bias) @ readout
        return jnp.mean((found - ys) ** 2) + penalty * (jnp.sum(hidden**2) + jnp.sum(readout**2))

    def step(_, state):
        weights, memory = state
        updates, memory = optimiser.update(jax.grad(loss)(weights), memory)
        return optax.apply_updates(weights, updates), memory

    return jax.jit(lambda state: jax.lax.fori_loop(0, steps, step, state))((weights, optimiser.init(weights)))[0]
