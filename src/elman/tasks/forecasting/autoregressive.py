"""The autoregressive forecaster: it forecasts one step at a time, each from the state and the previous value (Salinas
et al., 2017).

At step t the layers read the value, mask and past covariates of step t - 1, and the covariates of step t that are known
ahead; their output is the distribution of the value at t. In training the previous value is the true one. Beyond the
present it is a sample from the previous distribution, and the forecast is many futures sampled in parallel.

The state after a history is all that a forecast needs of it, so a forecaster that has read a history continues from
there: it is a filter. Where the previous value is missing, the layers read 0 and a mask of 0.

With `normalise="last"` the output is relative to the last known value: the network learns the change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._types import Carry
from elman.cells import Cell
from elman.layers import Dense, Embedding, Stack
from elman.layers.graph import Graph, Input, named_leaves
from elman.layers.recurrent import make_layers
from elman.ops.distributions import Distribution, OutputName, Point, Samples, distribution, parameters
from elman.tasks.forecasting.model import Forecaster, Normalise, Sizes, TrainingForecasts, WindowInputs, channel_vector

CHANNEL_SIZE = 8
"""Size of the embedding vector of a series."""


class Filter(NamedTuple):
    """The forecaster's state after histories: the layers' state before the last values, and the last values."""

    carry: tuple[Carry, ...]
    value: Float[Array, " batch"]
    known: Float[Array, " batch"]
    past: Float[Array, "batch covariate"]
    last: Float[Array, " batch"]
    """The last known value."""


class HistorySteps(NamedTuple):
    """Consecutive steps of histories, with time as the leading axis."""

    values: Float[Array, "time batch"]
    known: Float[Array, "time batch"]
    past: Float[Array, "time batch covariate"]
    future: Float[Array, "time batch ahead"]


class StaticInputs(NamedTuple):
    """The inputs that are the same at all steps of a series."""

    static: Float[Array, "batch fact"]
    channel: Int[Array, " batch"]
    scale: Float[Array, " batch"]


class AutoregressiveForecaster(Forecaster):
    """(previous value, covariates known ahead) -> recurrent layers -> linear layer -> distribution of the value.

    >>> from elman.cells import GRU
    >>> model = AutoregressiveForecaster(GRU, Sizes(lookback=24, horizon=3), hidden_size=8, draws=5, key=jr.key(0))
    >>> empty = jnp.zeros((2, 27, 0))
    >>> window, ahead, one = jnp.ones((2, 24)), jnp.ones((2, 3)), jnp.ones(2)
    >>> past = window, window, empty[:, :24]
    >>> inputs = WindowInputs(*past, empty, empty[:, 0], jnp.zeros(2, int), ahead, ahead, one, one)
    >>> model.forecast(inputs, key=jr.key(0)).values.shape
    (2, 3, 5)
    """

    channels: Embedding
    layers: Stack
    head: Dense
    sizes: Sizes = eqx.field(static=True)
    output: OutputName = eqx.field(static=True)
    normalise: Normalise = eqx.field(static=True)
    draws: int = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        sizes: Sizes,
        *,
        hidden_size: int,
        num_layers: int = 1,
        output: OutputName = "gaussian",
        normalise: Normalise = "last",
        dropout: float = 0.0,
        draws: int = 100,
        key: PRNGKeyArray,
    ):
        """`cell(input_size, hidden_size, key=key)` makes each layer's cell; a forecast samples `draws` futures."""
        channel_key, cells_key, head_key = jr.split(key, 3)
        self.sizes, self.output, self.normalise, self.draws = sizes, output, normalise, draws
        self.channels = Embedding(sizes.channels, CHANNEL_SIZE, key=channel_key)
        input_size = 2 + sizes.past + sizes.future + sizes.static + CHANNEL_SIZE
        layers = make_layers(cell, input_size, hidden_size, bidirectional=False, keys=jr.split(cells_key, num_layers))
        self.layers = Stack(layers, dropout=dropout)
        self.head = Dense(layers[-1].hidden_size, parameters(output), key=head_key)

    def teach(self, inputs: WindowInputs, *, key: PRNGKeyArray | None = None) -> TrainingForecasts:
        """The forecasts of each step of window and horizon, from the true previous values."""
        values = jnp.concatenate([inputs.values, inputs.targets], axis=1)
        known = jnp.concatenate([inputs.known, inputs.weights], axis=1)
        counts = known * inputs.weights.max(axis=1, keepdims=True)  # rows without a window do not count
        _, outputs = self.layers.outputs(self._read(inputs, values, known), self._start(len(values)), key=key)
        raw = self.head(outputs[-1])
        return TrainingForecasts(
            self._distribution(raw, _last_known(values, known), inputs.scale[:, None]), values, counts
        )

    def forecast(self, inputs: WindowInputs, *, key: PRNGKeyArray) -> Distribution:
        """Samples futures that continue the windows, each of which is read from the initial state."""
        time, series = inputs.values.shape[1], StaticInputs(inputs.static, inputs.channel, inputs.scale)
        xs = self._read(inputs, inputs.values, inputs.known)[:, :time]
        carry, _ = self.layers(xs, self._start(len(xs)))
        last = _last_known(jnp.pad(inputs.values, ((0, 0), (0, 1))), jnp.pad(inputs.known, ((0, 0), (0, 1))))[:, -1]
        past = inputs.past[:, -1]
        state = Filter(carry, inputs.values[:, -1], inputs.known[:, -1], past, last)
        return self.simulate(state, series, inputs.future[:, time:], key=key)

    def activations(self, inputs: WindowInputs) -> list[tuple[str, Array]]:
        """The outputs of the layers and the head."""
        values = jnp.concatenate([inputs.values, inputs.targets], axis=1)
        known = jnp.concatenate([inputs.known, inputs.weights], axis=1)
        _, outputs = self.layers.outputs(self._read(inputs, values, known), self._start(len(values)))
        return [*((f"layers.cells.{layer}", ys) for layer, ys in enumerate(outputs)), ("head", self.head(outputs[-1]))]

    def graphs(self) -> dict[str, Graph]:
        """Reads one step of histories from a state on, with 1 in `known` where there is a value, and gives the
        parameters of the forecast of the next step, whose covariates are `future`."""
        widths = {"past": self.sizes.past, "future": self.sizes.future, "static": self.sizes.static}

        def read(state: Any, value: Array, known: Array, channel: Array, scale: Array, **given: Array) -> Any:
            batch = value.shape[0]
            past, future, static = (given.get(name, jnp.zeros((batch, 0))) for name in widths)
            state = self._observe(state, value, known.astype(value.dtype), past)
            carry, raw = self._step(state, StaticInputs(static, channel, scale), future)
            forecast = self._distribution(raw, state.last, scale)
            return state._replace(carry=carry), {f"forecast.{name}": leaf for name, leaf in named_leaves(forecast)}

        inputs = {"value": Input(("batch",)), "known": Input(("batch",), 2), "scale": Input(("batch",), positive=True)}
        inputs |= {"channel": Input(("batch",), self.sizes.channels + 1)}
        inputs |= {name: Input(("batch", width)) for name, width in widths.items() if width}
        return {"model": Graph(read, inputs, self.begin)}

    def begin(self, batch: int) -> Filter:
        """The state before the first step."""
        nothing = jnp.zeros(batch)
        return Filter(self._start(batch), nothing, nothing, jnp.zeros((batch, self.sizes.past)), nothing)

    def advance(self, state: Filter, series: StaticInputs, rows: HistorySteps, count: Int[Array, ""]) -> Filter:
        """The state after the first `count` of `rows`. Every step runs the same program, however many there are, so
        that reading rows one by one gives the same bits as reading all at once."""

        def read(place: Array, state: Filter) -> Filter:
            now = jax.tree.map(lambda each: jax.lax.dynamic_index_in_dim(each, place, keepdims=False), rows)
            carry, _ = self._step(state, series, now.future)
            return self._observe(state._replace(carry=carry), now.values, now.known, now.past)

        return jax.lax.fori_loop(0, count, read, state)

    def simulate(
        self, state: Filter, series: StaticInputs, ahead: Float[Array, "batch horizon ahead"], *, key: PRNGKeyArray
    ) -> Distribution:
        """The forecast of each step of the horizon, whose known covariates are `ahead`, by futures sampled in parallel.
        A single step needs no samples."""
        batch, horizon, _ = ahead.shape
        if horizon == 1:
            _, raw = self._step(state, series, ahead[:, 0])
            return self._distribution(raw[:, None], state.last[:, None], series.scale[:, None])
        draws = 1 if self.output in ("squared", "absolute") else self.draws
        state, series = jax.tree.map(lambda leaf: jnp.repeat(leaf, draws, axis=0), (state, series))
        times = jnp.repeat(jnp.swapaxes(ahead, 0, 1), draws, axis=1)

        def draw(state: Filter, now: tuple[Array, Array]) -> tuple[Filter, Array]:
            future, step_key = now
            carry, raw = self._step(state, series, future)
            value = self._distribution(raw, state.last, series.scale).sample(step_key)
            unread = jnp.zeros_like(state.past)
            return self._observe(state._replace(carry=carry), value, jnp.ones_like(value), unread), value

        _, values = jax.lax.scan(draw, state, (times, jr.split(key, horizon)))
        values = jnp.moveaxis(values.reshape(horizon, batch, draws), 0, 1)
        return Samples(values) if draws > 1 else Point(values[..., 0], self.output)

    def _start(self, batch: int) -> tuple[Carry, ...]:
        return self.layers.init_carry(batch)

    def _step(self, state: Filter, series: StaticInputs, future: Float[Array, "batch ahead"]) -> tuple[tuple, Array]:
        channel = channel_vector(self.channels, series.channel)
        columns = [state.value[:, None], state.known[:, None], state.past, future, series.static, channel]
        xs = jnp.concatenate(columns, axis=-1)[:, None]
        carry, ys = self.layers(xs, state.carry, engine="scan")
        return carry, self.head(ys)[:, 0]

    def _observe(self, state: Filter, value: Array, known: Array, past: Array) -> Filter:
        return Filter(state.carry, value, known, past, jnp.where(known > 0, value, state.last))

    def _distribution(self, raw: Array, last: Array, scale: Array) -> Distribution:
        forecast = distribution(self.output, raw, unit=jnp.broadcast_to(scale, raw.shape[:-1]))
        if self.normalise == "none":
            return forecast
        return forecast.rescale(last, jnp.ones_like(last))

    def _read(self, inputs: WindowInputs, values: Array, known: Array) -> Float[Array, "batch time feature"]:
        """The layers' inputs at each step of `values`: the previous step, and this one's covariates known ahead."""
        batch, time = values.shape
        before = jnp.stack([values, known], axis=-1)
        past = jnp.pad(inputs.past, ((0, 0), (0, time - inputs.past.shape[1]), (0, 0)))
        before = jnp.pad(jnp.concatenate([before, past], axis=-1)[:, :-1], ((0, 0), (1, 0), (0, 0)))
        same = jnp.concatenate([inputs.static, channel_vector(self.channels, inputs.channel)], axis=-1)
        same = jnp.broadcast_to(same[:, None], (batch, time, same.shape[1]))
        return jnp.concatenate([before, inputs.future[:, :time], same], axis=-1)


def _last_known(values: Float[Array, "batch time"], known: Float[Array, "batch time"]) -> Float[Array, "batch time"]:
    """The last known value before each step; 0 where there is none."""
    time = values.shape[1]
    places = jax.lax.cummax(jnp.where(known > 0, jnp.arange(time), -1), axis=1)
    latest = jnp.where(places >= 0, jnp.take_along_axis(values, jnp.maximum(places, 0), axis=1), 0)
    return jnp.pad(latest[:, :-1], ((0, 0), (1, 0)))
