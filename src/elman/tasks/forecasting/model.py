"""The inputs, the normalisation of windows and the base classes that recurrent forecasters share.

A row is a window of one series: the steps up to the present, and those of the horizon. Values come scaled per series; a
window may then be normalised on its own, which is undone in the forecast:

| normalise | a value x of the window becomes |
|---|---|
| "last" | x minus the last known value, which follows a series wherever it drifts (Lin et al., 2023) |
| "window" | x minus the mean of the window, divided by its standard deviation (Kim et al., 2022) |
| "none" | x |
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._module import Module
from elman.layers import Embedding
from elman.layers.graph import Graph, Input, named_leaves
from elman.ops.distributions import Distribution, OutputName, distribution

Normalise = Literal["last", "window", "none"]


class WindowInputs(NamedTuple):
    """A batch of windows; where a value is missing, it is 0 and so is its mask, `known` or `weights`."""

    values: Float[Array, "batch past"]
    known: Float[Array, "batch past"]
    past: Float[Array, "batch past covariate"]
    """Covariates that are known up to the present."""
    future: Float[Array, "batch all ahead"]
    """Covariates that are known ahead: for the window, then for the horizon."""
    static: Float[Array, "batch fact"]
    channel: Int[Array, " batch"]
    """The number of the series, from 0; the number of all series stands for one that training did not have."""
    targets: Float[Array, "batch horizon"]
    weights: Float[Array, "batch horizon"]
    shift: Float[Array, " batch"]
    """The shift of each row's series: a value in the units of the data is shift + scale x."""
    scale: Float[Array, " batch"]


class Sizes(NamedTuple):
    """The lengths of windows and horizons, and the numbers of covariates and series."""

    lookback: int
    horizon: int
    past: int = 0
    future: int = 0
    static: int = 0
    channels: int = 1


class TrainingForecasts(NamedTuple):
    """Forecasts of a training batch and their targets, with a weight for each target."""

    forecast: Distribution
    targets: Float[Array, "batch time"]
    weights: Float[Array, "batch time"]


class Forecaster(Module):
    """Base class of all forecasters."""

    sizes: eqx.AbstractVar[Sizes]

    @abstractmethod
    def teach(self, inputs: WindowInputs, *, key: PRNGKeyArray | None = None) -> TrainingForecasts:
        """The forecasts to learn from; `key=None` means no dropout."""

    @abstractmethod
    def forecast(self, inputs: WindowInputs, *, key: PRNGKeyArray) -> Distribution:
        """The forecast of each step of the horizon, without dropout. Only forecasters that sample use `key`."""

    @abstractmethod
    def activations(self, inputs: WindowInputs) -> list[tuple[str, Array]]:
        """The outputs of each part of the model, by name, in the order of computation."""


class WholeForecaster(Forecaster):
    """Base class of forecasters that forecast the whole horizon at once, in training as in use."""

    @abstractmethod
    def answer(self, inputs: WindowInputs, key: PRNGKeyArray | None) -> tuple[Distribution, list[tuple[str, Array]]]:
        """The forecast, and the outputs of each part of the model; `key=None` means no dropout."""

    def teach(self, inputs: WindowInputs, *, key: PRNGKeyArray | None = None) -> TrainingForecasts:
        """The forecasts of the whole horizon."""
        return TrainingForecasts(self.answer(inputs, key)[0], inputs.targets, inputs.weights)

    def forecast(self, inputs: WindowInputs, *, key: PRNGKeyArray) -> Distribution:
        """The forecast of each step of the horizon, without dropout."""
        return self.answer(inputs, None)[0]

    def graphs(self) -> dict[str, Graph]:
        """Reads windows of scaled values, with 1 in `known` where there is one, and their covariates; gives the
        parameters of the forecast. Covariates known ahead are `future` for the window and `ahead` for the horizon."""
        widths = {"past": self.sizes.past, "future": self.sizes.future, "static": self.sizes.static}

        def forecast(state: Any, **given: Array) -> tuple[Any, dict[str, Array]]:
            batch, time = given["values"].shape
            empty = {"past": (batch, time, 0), "future": (batch, time, 0), "static": (batch, 0)}
            empty["ahead"] = (batch, self.sizes.horizon, 0)
            given = {**{name: jnp.zeros(shape) for name, shape in empty.items()}, **given}
            given["future"] = jnp.concatenate([given["future"], given.pop("ahead")], axis=1)
            given["known"] = given["known"].astype(given["values"].dtype)
            unknown = jnp.zeros((batch, self.sizes.horizon))
            inputs = WindowInputs(**given, targets=unknown, weights=unknown, shift=jnp.zeros(batch))
            answer = self.answer(inputs, None)[0]
            return state, {f"forecast.{name}": leaf for name, leaf in named_leaves(answer)}

        time = self.sizes.lookback
        inputs = {"values": Input(("batch", time)), "known": Input(("batch", time), 2)}
        inputs |= {name: Input(("batch", time, widths[name])) for name in ("past", "future") if widths[name]}
        if widths["future"]:
            inputs["ahead"] = Input(("batch", self.sizes.horizon, widths["future"]))
        if widths["static"]:
            inputs["static"] = Input(("batch", widths["static"]))
        inputs |= {"channel": Input(("batch",), self.sizes.channels + 1), "scale": Input(("batch",), positive=True)}
        return {"model": Graph(forecast, inputs)}

    def activations(self, inputs: WindowInputs) -> list[tuple[str, Array]]:
        """The outputs of each part."""
        return self.answer(inputs, None)[1]


class NormalisedWindows(NamedTuple):
    """Normalised windows: known values are (x - shift) / scale, missing ones 0."""

    values: Float[Array, "batch past"]
    shift: Float[Array, " batch"]
    scale: Float[Array, " batch"]


def normalise(inputs: WindowInputs, how: Normalise) -> NormalisedWindows:
    """Normalises the windows of a batch by the method `how`. A window without a known value is left as it is.

    >>> xs, ones = jnp.array([[1.0, 2.0, 6.0, 0.0]]), jnp.array([[1.0, 1.0, 1.0, 0.0]])
    >>> empty = jnp.zeros((1, 4, 0))
    >>> inputs = WindowInputs(xs, ones, empty, empty, empty[:, 0], *(jnp.zeros(1, int), xs, ones, xs[:, 0], xs[:, 0]))
    >>> normalise(inputs, "last").values.tolist()
    [[-5.0, -4.0, 0.0, -0.0]]
    """
    values, known = inputs.values, inputs.known
    if how == "none":
        zero = jnp.zeros_like(values[:, 0])
        return NormalisedWindows(values, zero, jnp.ones_like(zero))
    count = jnp.maximum(known.sum(axis=1), 1)
    if how == "last":
        places = jnp.where(known > 0, jnp.arange(known.shape[1]), -1).max(axis=1)
        shift = jnp.take_along_axis(values * known, jnp.maximum(places, 0)[:, None], axis=1)[:, 0]
        scale = jnp.ones_like(shift)
    else:
        shift = (values * known).sum(axis=1) / count
        scale = jnp.sqrt((known * (values - shift[:, None]) ** 2).sum(axis=1) / count + 1e-5)
    return NormalisedWindows((values - shift[:, None]) / scale[:, None] * known, shift, scale)


def to_distribution(
    output: OutputName, raw: Float[Array, "batch horizon parameter"], window: NormalisedWindows, inputs: WindowInputs
) -> Distribution:
    """The forecast whose parameters `raw` are a network's outputs, with the window's normalisation undone."""
    units = jnp.broadcast_to(inputs.scale[:, None], raw.shape[:2])
    forecast = distribution(output, raw, unit=units)
    shift, scale = (jnp.broadcast_to(each[:, None], raw.shape[:2]) for each in window[1:])
    return forecast.rescale(shift, scale)


def steps_read(inputs: WindowInputs, window: NormalisedWindows) -> Float[Array, "batch past feature"]:
    """A network's inputs for each step of a window: the normalised value, its mask and the covariates."""
    time = window.values.shape[1]
    columns = [window.values[..., None], inputs.known[..., None], inputs.past, inputs.future[:, :time]]
    return jnp.concatenate(columns, axis=-1)


def channel_vector(embedding: Embedding, channel: Int[Array, " batch"]) -> Float[Array, "batch feature"]:
    """The embedding vectors of series; for a series that training did not have, the mean of all vectors."""
    table = jnp.concatenate([embedding.table, embedding.table.mean(axis=0, keepdims=True)])
    return table[channel]
