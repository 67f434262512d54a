"""The encoder-decoder forecaster: an encoder reads the window, and a decoder continues from its state over the horizon
(Sutskever et al., 2014; Wen et al., 2017).

At each step of the horizon the decoder reads an embedding of the step's position, the covariates known ahead and those
of the series. It does not read its own forecasts, so errors do not accumulate and all steps are learned at once.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from elman.cells import Cell
from elman.layers import Dense, Embedding, Stack
from elman.layers.recurrent import make_layers
from elman.ops.distributions import Distribution, OutputName, parameters
from elman.tasks.forecasting.model import (
    Normalise,
    Sizes,
    WholeForecaster,
    WindowInputs,
    channel_vector,
    normalise,
    steps_read,
    to_distribution,
)

PLACE_SIZE = 16
"""Size of the embedding vector of a step of the horizon."""
CHANNEL_SIZE = 8
"""Size of the embedding vector of a series."""


class EncoderDecoderForecaster(WholeForecaster):
    """window -> encoder -> its state -> decoder over the horizon -> linear.

    >>> from elman.cells import LSTM
    >>> model = EncoderDecoderForecaster(LSTM, Sizes(lookback=24, horizon=10), hidden_size=8, key=jr.key(0))
    >>> empty = jnp.zeros((2, 34, 0))
    >>> window, ahead, one = jnp.ones((2, 24)), jnp.ones((2, 10)), jnp.ones(2)
    >>> past = window, window, empty[:, :24]
    >>> inputs = WindowInputs(*past, empty, empty[:, 0], jnp.zeros(2, int), ahead, ahead, one, one)
    >>> model.forecast(inputs, key=jr.key(0)).centre.shape
    (2, 10)
    """

    places: Embedding
    channels: Embedding
    encoder: Stack
    decoder: Stack
    head: Dense
    sizes: Sizes = eqx.field(static=True)
    output: OutputName = eqx.field(static=True)
    normalise: Normalise = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        sizes: Sizes,
        *,
        hidden_size: int,
        num_layers: int = 1,
        output: OutputName = "squared",
        normalise: Normalise = "last",
        dropout: float = 0.0,
        key: PRNGKeyArray,
    ):
        """`cell(input_size, hidden_size, key=key)` makes each layer's cell, in the encoder and in the decoder."""
        place_key, channel_key, encoder_key, decoder_key, head_key = jr.split(key, 5)
        self.sizes, self.output, self.normalise = sizes, output, normalise
        self.places = Embedding(sizes.horizon, PLACE_SIZE, key=place_key)
        self.channels = Embedding(sizes.channels, CHANNEL_SIZE, key=channel_key)
        same = sizes.static + CHANNEL_SIZE

        def stack(read: int, key: PRNGKeyArray) -> Stack:
            keys = jr.split(key, num_layers)
            return Stack(make_layers(cell, read, hidden_size, bidirectional=False, keys=keys), dropout=dropout)

        self.encoder = stack(2 + sizes.past + sizes.future + same, encoder_key)
        self.decoder = stack(PLACE_SIZE + sizes.future + same, decoder_key)
        self.head = Dense(self.decoder.cells[-1].hidden_size, parameters(output), key=head_key)

    def answer(self, inputs: WindowInputs, key: PRNGKeyArray | None) -> tuple[Distribution, list[tuple[str, Array]]]:
        """The forecast, and the outputs of each part of the model; `key=None` means no dropout."""
        read_key, write_key = (None, None) if key is None else jr.split(key)
        window = normalise(inputs, self.normalise)
        batch, time = window.values.shape
        same = jnp.concatenate([inputs.static, channel_vector(self.channels, inputs.channel)], axis=-1)

        xs = _beside(steps_read(inputs, window), same)
        carry, read = self.encoder.outputs(xs, self.encoder.init_carry(batch), key=read_key)
        places = jnp.broadcast_to(self.places.table, (batch, *self.places.table.shape))
        questions = _beside(jnp.concatenate([places, inputs.future[:, time:]], axis=-1), same)
        _, written = self.decoder.outputs(questions, carry, key=write_key)
        raw = self.head(written[-1])
        activations = [
            *((f"encoder.cells.{layer}", ys) for layer, ys in enumerate(read)),
            *((f"decoder.cells.{layer}", ys) for layer, ys in enumerate(written)),
            ("head", raw),
        ]
        return to_distribution(self.output, raw, window, inputs), activations


def _beside(xs: Float[Array, "batch time feature"], same: Float[Array, "batch fact"]) -> Array:
    """Appends the features `same`, which do not change over time, to the features of every step."""
    return jnp.concatenate([xs, jnp.broadcast_to(same[:, None], (*xs.shape[:2], same.shape[1]))], axis=-1)
