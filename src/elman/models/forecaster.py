"""What recurrent forecasters share: what they read, how a window is normalised, what they answer.

A row is a window of one series: the steps up to the present, and those of the horizon. Values come scaled by their
series; a window may be normalised once more by itself, and the forecast is moved back:

| normalise | a value x of the window becomes |
|---|---|
| "last" | x less the last known value, which follows a series wherever it drifts (Lin et al., 2023) |
| "window" | x less the mean of the window, by its standard deviation (Kim et al., 2022) |
| "none" | x |
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman.layers import Embedding
from elman.ops.distributions import Distribution, OutputName, distribution

Normalise = Literal["last", "window", "none"]


class Inputs(NamedTuple):
    """Windows side by side; zeros where a value is missing, of which `known` and `weights` are 0."""

    values: Float[Array, "batch past"]
    known: Float[Array, "batch past"]
    past: Float[Array, "batch past covariate"]
    """Covariates that are known up to the present."""
    future: Float[Array, "batch all ahead"]
    """Covariates that are known ahead, of the window and then of the horizon."""
    static: Float[Array, "batch fact"]
    channel: Int[Array, " batch"]
    """Which series; one more than there are for a series that training did not have."""
    targets: Float[Array, "batch horizon"]
    weights: Float[Array, "batch horizon"]
    shift: Float[Array, " batch"]
    """Of the series: a value in the units of the data is shift + scale x."""
    scale: Float[Array, " batch"]


class Sizes(NamedTuple):
    """How much there is of everything in a window."""

    lookback: int
    horizon: int
    past: int = 0
    future: int = 0
    static: int = 0
    channels: int = 1


class Taught(NamedTuple):
    """What a forecaster said in training, beside what came."""

    forecast: Distribution
    targets: Float[Array, "batch time"]
    weights: Float[Array, "batch time"]


class Forecaster(eqx.Module):
    """Base of all forecasters."""

    @abstractmethod
    def teach(self, inputs: Inputs, *, key: PRNGKeyArray | None = None) -> Taught:
        """The forecasts to learn from; `key=None` means no dropout."""

    @abstractmethod
    def forecast(self, inputs: Inputs, *, key: PRNGKeyArray) -> Distribution:
        """What may come at each step of the horizon, without dropout. Only a simulation uses `key`."""

    @abstractmethod
    def activations(self, inputs: Inputs) -> list[tuple[str, Array]]:
        """What each part puts out, by name, in the order of computation."""


class WholeForecaster(Forecaster):
    """Base of forecasters that answer the whole horizon at once, in training as in use."""

    @abstractmethod
    def answer(self, inputs: Inputs, key: PRNGKeyArray | None) -> tuple[Distribution, list[tuple[str, Array]]]:
        """The forecast, and what each part puts out; `key=None` means no dropout."""

    def teach(self, inputs: Inputs, *, key: PRNGKeyArray | None = None) -> Taught:
        """The forecasts of the whole horizon."""
        return Taught(self.answer(inputs, key)[0], inputs.targets, inputs.weights)

    def forecast(self, inputs: Inputs, *, key: PRNGKeyArray) -> Distribution:
        """What may come at each step of the horizon."""
        return self.answer(inputs, None)[0]

    def activations(self, inputs: Inputs) -> list[tuple[str, Array]]:
        """The outputs of each part."""
        return self.answer(inputs, None)[1]


class Normalised(NamedTuple):
    """A window by its own measure: known values are (x - shift) / scale, missing ones 0."""

    values: Float[Array, "batch past"]
    shift: Float[Array, " batch"]
    scale: Float[Array, " batch"]


def normalised(inputs: Inputs, how: Normalise) -> Normalised:
    """The windows by their own measure. A window without a known value is left as it is.

    >>> xs, ones = jnp.array([[1.0, 2.0, 6.0, 0.0]]), jnp.array([[1.0, 1.0, 1.0, 0.0]])
    >>> empty = jnp.zeros((1, 4, 0))
    >>> inputs = Inputs(xs, ones, empty, empty, empty[:, 0], *(jnp.zeros(1, int), xs, ones, xs[:, 0], xs[:, 0]))
    >>> normalised(inputs, "last").values.tolist()
    [[-5.0, -4.0, 0.0, -0.0]]
    """
    values, known = inputs.values, inputs.known
    if how == "none":
        zero = jnp.zeros_like(values[:, 0])
        return Normalised(values, zero, jnp.ones_like(zero))
    count = jnp.maximum(known.sum(axis=1), 1)
    if how == "last":
        places = jnp.where(known > 0, jnp.arange(known.shape[1]), -1).max(axis=1)
        shift = jnp.take_along_axis(values * known, jnp.maximum(places, 0)[:, None], axis=1)[:, 0]
        scale = jnp.ones_like(shift)
    else:
        shift = (values * known).sum(axis=1) / count
        scale = jnp.sqrt((known * (values - shift[:, None]) ** 2).sum(axis=1) / count + 1e-5)
    return Normalised((values - shift[:, None]) / scale[:, None] * known, shift, scale)


def answered(
    output: OutputName, raw: Float[Array, "batch horizon parameter"], window: Normalised, inputs: Inputs
) -> Distribution:
    """The forecast that a network's numbers stand for, in the units of the series' scale."""
    units = jnp.broadcast_to(inputs.scale[:, None], raw.shape[:2])
    found = distribution(output, raw, unit=units)
    shift, scale = (jnp.broadcast_to(each[:, None], raw.shape[:2]) for each in window[1:])
    return found.moved(shift, scale)


def steps_read(inputs: Inputs, window: Normalised) -> Float[Array, "batch past feature"]:
    """What is known of each step of a window: value, whether it is known, covariates."""
    time = window.values.shape[1]
    columns = [window.values[..., None], inputs.known[..., None], inputs.past, inputs.future[:, :time]]
    return jnp.concatenate(columns, axis=-1)


def channel_vector(embedding: Embedding, channel: Int[Array, " batch"]) -> Float[Array, "batch feature"]:
    """The vectors of series; one that training did not have is the mean of all others."""
    table = jnp.concatenate([embedding.table, embedding.table.mean(axis=0, keepdims=True)])
    return table[channel]
