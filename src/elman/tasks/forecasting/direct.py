"""The direct forecaster: it reads a window in segments and forecasts all segments of the horizon at once (Lin et al.,
2023, SegRNN).

A linear map and relu turn each segment of the window into one input of the recurrent layers: a history of 720 steps is
read in 15. From the state after the last segment, every segment of the horizon is one step of the same layers, whose
input embeds the segment's position, the series and the covariates known ahead; no segment waits for the previous one.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells import Cell
from elman.layers import Dense, Embedding, Stack
from elman.layers.recurrent import make_layers
from elman.ops.distributions import Distribution, OutputName, parameters
from elman.tasks.forecasting.model import (
    Normalise,
    NormalisedWindows,
    Sizes,
    WholeForecaster,
    WindowInputs,
    channel_vector,
    normalise,
    steps_read,
    to_distribution,
)


class SegmentForecaster(WholeForecaster):
    """segments -> linear, relu -> recurrent layers -> a step for each segment of the horizon -> dropout -> linear.

    >>> from elman.cells import GRU
    >>> model = SegmentForecaster(GRU, Sizes(lookback=24, horizon=10), segment=6, hidden_size=8, key=jr.key(0))
    >>> empty = jnp.zeros((2, 34, 0))
    >>> window, ahead, one = jnp.ones((2, 24)), jnp.ones((2, 10)), jnp.ones(2)
    >>> past = window, window, empty[:, :24]
    >>> inputs = WindowInputs(*past, empty, empty[:, 0], jnp.zeros(2, int), ahead, ahead, one, one)
    >>> model.forecast(inputs, key=jr.key(0)).centre.shape
    (2, 10)
    """

    embedding: Dense
    layers: Stack
    places: Embedding
    channels: Embedding
    ahead: Dense | None
    head: Dense
    sizes: Sizes = eqx.field(static=True)
    segment: int = eqx.field(static=True)
    output: OutputName = eqx.field(static=True)
    normalise: Normalise = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        sizes: Sizes,
        *,
        segment: int,
        hidden_size: int,
        num_layers: int = 1,
        output: OutputName = "squared",
        normalise: Normalise = "last",
        dropout: float = 0.0,
        key: PRNGKeyArray,
    ):
        """`cell(input_size, hidden_size, key=key)` makes each layer's cell; `segment`: the steps of a segment."""
        embed_key, cells_key, place_key, channel_key, ahead_key, head_key = jr.split(key, 6)
        self.sizes, self.segment, self.output, self.normalise = sizes, segment, output, normalise
        self.embedding = Dense(segment * (2 + sizes.past + sizes.future), hidden_size, key=embed_key)
        layers = make_layers(cell, hidden_size, hidden_size, bidirectional=False, keys=jr.split(cells_key, num_layers))
        self.layers = Stack(layers, dropout=dropout)
        half = hidden_size // 2
        self.places = Embedding(-(-sizes.horizon // segment), hidden_size - half, key=place_key)
        self.channels = Embedding(sizes.channels, half, key=channel_key)
        known = segment * sizes.future + sizes.static
        self.ahead = Dense(known, hidden_size, key=ahead_key) if known else None
        self.head = Dense(layers[-1].hidden_size, segment * parameters(output), key=head_key)

    def answer(self, inputs: WindowInputs, key: PRNGKeyArray | None) -> tuple[Distribution, list[tuple[str, Array]]]:
        """The forecast, and the outputs of each part of the model; `key=None` means no dropout."""
        window = normalise(inputs, self.normalise)
        xs = jax.nn.relu(self.embedding(self._segments(inputs, window)))
        carry, read = self.layers.outputs(xs, self.layers.init_carry(xs.shape[0]))

        questions = self._questions(inputs)
        batch, segments, size = questions.shape
        carry = jax.tree.map(lambda leaf: jnp.repeat(leaf, segments, axis=0), carry)
        _, ys = self.layers(questions.reshape(batch * segments, 1, size), carry, key=key)
        raw = self.head(ys).reshape(batch, segments * self.segment, -1)[:, : self.sizes.horizon]
        activations = [
            ("embedding", xs),
            *((f"layers.cells.{layer}", ys) for layer, ys in enumerate(read)),
            ("head", raw),
        ]
        return to_distribution(self.output, raw, window, inputs), activations

    def _segments(self, inputs: WindowInputs, window: NormalisedWindows) -> Float[Array, "batch segment feature"]:
        """Cuts the window into segments; zeros pad the front of the first where the steps do not divide evenly."""
        steps = steps_read(inputs, window)
        batch, time, features = steps.shape
        steps = jnp.pad(steps, ((0, 0), (-time % self.segment, 0), (0, 0)))
        return steps.reshape(batch, -1, self.segment * features)

    def _questions(self, inputs: WindowInputs) -> Float[Array, "batch segment feature"]:
        """The layers' inputs for each segment of the horizon: its position, the series and the known covariates."""
        places, channels = self.places.table, channel_vector(self.channels, inputs.channel)
        batch, segments = channels.shape[0], len(places)
        both = jnp.concatenate(
            [
                jnp.broadcast_to(places, (batch, *places.shape)),
                jnp.broadcast_to(channels[:, None], (batch, segments, channels.shape[1])),
            ],
            axis=-1,
        )
        if self.ahead is None:
            return both
        ahead = inputs.future[:, inputs.values.shape[1] :]
        ahead = jnp.pad(ahead, ((0, 0), (0, segments * self.segment - ahead.shape[1]), (0, 0)))
        static = jnp.broadcast_to(inputs.static[:, None], (batch, segments, inputs.static.shape[1]))
        return both + self.ahead(jnp.concatenate([ahead.reshape(batch, segments, -1), static], axis=-1))
