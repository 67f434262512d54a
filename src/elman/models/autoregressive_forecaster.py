"""The autoregressive forecaster: a step at a time, each from the state and the value before (Salinas et al., 2017).

At step t the layers read value, mark and past covariates of step t - 1, and what is known ahead of step t; their output
says what may come at t. In training the value before is the true one; beyond the present it is a draw from what was
said, and many futures drawn side by side are the forecast.

The state after a history is all that a forecast needs of it, so a forecaster that has read a history goes on from
there: it is a filter. Where the value before is not known, 0 is read, with a mark.

With `normalise="last"` the output is beside the last known value: what is learned is the change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._types import Carry
from elman.cells import Cell
from elman.layers import Dense, Embedding, Stack
from elman.layers.recurrent import make_layers
from elman.models.forecaster import Forecaster, Inputs, Normalise, Sizes, Taught, channel_vector
from elman.ops.distributions import Distribution, OutputName, Point, Samples, distribution, parameters

CHANNEL_SIZE = 8
"""Numbers that stand for a series."""


class Filter(NamedTuple):
    """What is remembered of histories: the layers' state before their last values, and these."""

    carry: tuple[Carry, ...]
    value: Float[Array, " batch"]
    known: Float[Array, " batch"]
    past: Float[Array, "batch covariate"]
    last: Float[Array, " batch"]
    """The last value that was known."""


class Rows(NamedTuple):
    """Steps of histories, one after the other."""

    values: Float[Array, "time batch"]
    known: Float[Array, "time batch"]
    past: Float[Array, "time batch covariate"]
    future: Float[Array, "time batch ahead"]


class Series(NamedTuple):
    """What is the same at all steps."""

    static: Float[Array, "batch fact"]
    channel: Int[Array, " batch"]
    scale: Float[Array, " batch"]


class AutoregressiveForecaster(Forecaster):
    """(value before, what is known ahead) -> recurrent layers -> linear -> what may come.

    >>> from elman.cells import GRU
    >>> model = AutoregressiveForecaster(GRU, Sizes(lookback=24, horizon=3), hidden_size=8, draws=5, key=jr.key(0))
    >>> empty = jnp.zeros((2, 27, 0))
    >>> window, ahead, one = jnp.ones((2, 24)), jnp.ones((2, 3)), jnp.ones(2)
    >>> inputs = Inputs(window, window, empty[:, :24], empty, empty[:, 0], jnp.zeros(2, int), ahead, ahead, one, one)
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
        """`cell(input_size, hidden_size, key=key)` makes each layer's cell; `draws`: futures of a forecast."""
        channel_key, cells_key, head_key = jr.split(key, 3)
        self.sizes, self.output, self.normalise, self.draws = sizes, output, normalise, draws
        self.channels = Embedding(sizes.channels, CHANNEL_SIZE, key=channel_key)
        read = 2 + sizes.past + sizes.future + sizes.static + CHANNEL_SIZE
        layers = make_layers(cell, read, hidden_size, bidirectional=False, keys=jr.split(cells_key, num_layers))
        self.layers = Stack(layers, dropout=dropout)
        self.head = Dense(layers[-1].hidden_size, parameters(output), key=head_key)

    def teach(self, inputs: Inputs, *, key: PRNGKeyArray | None = None) -> Taught:
        """The forecast of each step from the true one before, over window and horizon."""
        values = jnp.concatenate([inputs.values, inputs.targets], axis=1)
        known = jnp.concatenate([inputs.known, inputs.weights], axis=1)
        counts = known * inputs.weights.max(axis=1, keepdims=True)  # rows without a window do not count
        _, outputs = self.layers.outputs(self._read(inputs, values, known), self._start(len(values)), key=key)
        raw = self.head(outputs[-1])
        return Taught(self._said(raw, _last_known(values, known), inputs.scale[:, None]), values, counts)

    def forecast(self, inputs: Inputs, *, key: PRNGKeyArray) -> Distribution:
        """Futures that go on from the windows, each read from a fresh state."""
        time, series = inputs.values.shape[1], Series(inputs.static, inputs.channel, inputs.scale)
        xs = self._read(inputs, inputs.values, inputs.known)[:, :time]
        carry, _ = self.layers(xs, self._start(len(xs)))
        last = _last_known(jnp.pad(inputs.values, ((0, 0), (0, 1))), jnp.pad(inputs.known, ((0, 0), (0, 1))))[:, -1]
        past = inputs.past[:, -1]
        state = Filter(carry, inputs.values[:, -1], inputs.known[:, -1], past, last)
        return self.simulate(state, series, inputs.future[:, time:], key=key)

    def activations(self, inputs: Inputs) -> list[tuple[str, Array]]:
        """The outputs of the layers and the head."""
        values = jnp.concatenate([inputs.values, inputs.targets], axis=1)
        known = jnp.concatenate([inputs.known, inputs.weights], axis=1)
        _, outputs = self.layers.outputs(self._read(inputs, values, known), self._start(len(values)))
        return [*((f"layers.cells.{layer}", ys) for layer, ys in enumerate(outputs)), ("head", self.head(outputs[-1]))]

    def begin(self, batch: int) -> Filter:
        """The state before the first step."""
        nothing = jnp.zeros(batch)
        return Filter(self._start(batch), nothing, nothing, jnp.zeros((batch, self.sizes.past)), nothing)

    def advance(self, state: Filter, series: Series, rows: Rows, count: Int[Array, ""]) -> Filter:
        """The state after the first `count` of `rows`. Every step is the same program, however many there are, so that
        reading rows one by one gives the same bits as all at once."""

        def read(place: Array, state: Filter) -> Filter:
            now = jax.tree.map(lambda each: jax.lax.dynamic_index_in_dim(each, place, keepdims=False), rows)
            carry, _ = self._step(state, series, now.future)
            return self._observed(state._replace(carry=carry), now.values, now.known, now.past)

        return jax.lax.fori_loop(0, count, read, state)

    def simulate(
        self, state: Filter, series: Series, ahead: Float[Array, "batch horizon ahead"], *, key: PRNGKeyArray
    ) -> Distribution:
        """What may come at each step of the horizon, of which `ahead` is known: futures drawn side by side. A single
        step needs none."""
        batch, horizon, _ = ahead.shape
        if horizon == 1:
            _, raw = self._step(state, series, ahead[:, 0])
            return self._said(raw[:, None], state.last[:, None], series.scale[:, None])
        draws = 1 if self.output in ("squared", "absolute") else self.draws
        state, series = jax.tree.map(lambda leaf: jnp.repeat(leaf, draws, axis=0), (state, series))
        times = jnp.repeat(jnp.swapaxes(ahead, 0, 1), draws, axis=1)

        def draw(state: Filter, now: tuple[Array, Array]) -> tuple[Filter, Array]:
            future, step_key = now
            carry, raw = self._step(state, series, future)
            value = self._said(raw, state.last, series.scale).sample(step_key)
            unread = jnp.zeros_like(state.past)
            return self._observed(state._replace(carry=carry), value, jnp.ones_like(value), unread), value

        _, values = jax.lax.scan(draw, state, (times, jr.split(key, horizon)))
        values = jnp.moveaxis(values.reshape(horizon, batch, draws), 0, 1)
        return Samples(values) if draws > 1 else Point(values[..., 0], self.output)

    def _start(self, batch: int) -> tuple[Carry, ...]:
        return self.layers.init_carry(batch)

    def _step(self, state: Filter, series: Series, future: Float[Array, "batch ahead"]) -> tuple[tuple, Array]:
        channel = channel_vector(self.channels, series.channel)
        columns = [state.value[:, None], state.known[:, None], state.past, future, series.static, channel]
        xs = jnp.concatenate(columns, axis=-1)[:, None]
        carry, ys = self.layers(xs, state.carry, engine="scan")
        return carry, self.head(ys)[:, 0]

    def _observed(self, state: Filter, value: Array, known: Array, past: Array) -> Filter:
        return Filter(state.carry, value, known, past, jnp.where(known > 0, value, state.last))

    def _said(self, raw: Array, last: Array, scale: Array) -> Distribution:
        found = distribution(self.output, raw, unit=jnp.broadcast_to(scale, raw.shape[:-1]))
        if self.normalise == "none":
            return found
        return found.moved(last, jnp.ones_like(last))

    def _read(self, inputs: Inputs, values: Array, known: Array) -> Float[Array, "batch time feature"]:
        """What the layers read at each step of `values`: the step before, and what is known ahead of this one."""
        batch, time = values.shape
        before = jnp.stack([values, known], axis=-1)
        past = jnp.pad(inputs.past, ((0, 0), (0, time - inputs.past.shape[1]), (0, 0)))
        before = jnp.pad(jnp.concatenate([before, past], axis=-1)[:, :-1], ((0, 0), (1, 0), (0, 0)))
        same = jnp.concatenate([inputs.static, channel_vector(self.channels, inputs.channel)], axis=-1)
        same = jnp.broadcast_to(same[:, None], (batch, time, same.shape[1]))
        return jnp.concatenate([before, inputs.future[:, :time], same], axis=-1)


def _last_known(values: Float[Array, "batch time"], known: Float[Array, "batch time"]) -> Float[Array, "batch time"]:
    """The last value that was known before each step; 0 where there is none."""
    time = values.shape[1]
    places = jax.lax.cummax(jnp.where(known > 0, jnp.arange(time), -1), axis=1)
    found = jnp.where(places >= 0, jnp.take_along_axis(values, jnp.maximum(places, 0), axis=1), 0)
    return jnp.pad(found[:, :-1], ((0, 0), (1, 0)))
