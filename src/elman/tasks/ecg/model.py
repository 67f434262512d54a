"""A segmenter of signals: it scores labels for every sample. A convolutional front end downsamples four samples to one
step, recurrent layers read the steps, and a decoder upsamples them again, with skip connections from the front end, so
that onsets and ends keep their places (Ronneberger et al., 2015; for the ECG Moskalenko et al., 2019, without, and
Peimankar and Puthusserypady, 2021, with recurrent layers).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._errors import ConfigError, ShapeError
from elman._module import Module
from elman._types import Carry
from elman.cells import Cell
from elman.layers import Dense, Stack
from elman.layers.graph import Graph, Input
from elman.layers.recurrent import make_layers
from elman.layers.signal import Delay, Doubling, SignalConvolution
from elman.ops.dropout import variational_dropout

STRIDE = 4
"""Samples of a recurrent step."""

WIDTHS = (9, 6, 6, 3, 5)
"""Widths of the convolutions: three of the front end, two of the decoder."""

LEAST_DELAY = 12
"""Smallest delay of a causal segmenter, in samples, so that its front end sees both sides of a sample."""


class SegmenterCarry(NamedTuple):
    """The state of a causal segmenter between two pieces of a stream; empty arrays for one that is not causal."""

    convolutions: tuple[Array, ...]
    delays: tuple[Array, ...]
    layers: tuple[Carry, ...]


class Segmenter(Module):
    """Samples -> front end -> recurrent layers -> decoder -> the scores of each head.

    With `delay`, the segmenter is causal: the layers read forwards only, and the scores of a sample come `delay`
    samples later, at the end of a step of four samples, so that no score depends on a sample more than `look_ahead`
    ahead. Without, the layers are bidirectional.
    """

    front: tuple[SignalConvolution, ...]
    layers: Stack
    doublings: tuple[Doubling, ...]
    decoder: tuple[SignalConvolution, ...]
    heads: tuple[Dense, ...]
    delay: int = eqx.field(static=True)
    dropout: float = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        *,
        features: int,
        labels: tuple[int, ...],
        channels: int,
        hidden_size: int,
        num_layers: int,
        delay: int = 0,
        dropout: float = 0.0,
        key: PRNGKeyArray,
    ):
        """Args:
            cell: makes the recurrent cells, `cell(input_size, hidden_size, key=key)`.
            features: features of a sample.
            labels: number of labels of each head.
            channels: features of the first convolution; each further one of the front end has twice as many.
            hidden_size: units of a recurrent layer, in each direction.
            num_layers: recurrent layers on top of each other.
            delay: 0, or the delay of a causal segmenter in samples, a multiple of 4 and at least 12.
            dropout: share of features dropped in training.
            key: for the random weights.

        Raises:
            ConfigError: a delay that is none of these.
        """
        if delay % STRIDE or 0 < delay < LEAST_DELAY or delay < 0:
            raise ConfigError(f"delay: expected 0, or at least {LEAST_DELAY} and a multiple of {STRIDE}; got {delay}")
        causal, keys = delay > 0, iter(jr.split(key, 7 + len(labels) + num_layers))
        sizes = (channels, 2 * channels, 4 * channels)

        def convolution(at: int, inputs: int, outputs: int) -> SignalConvolution:
            stride = 2 if at in (1, 2) else 1
            return SignalConvolution(inputs, outputs, width=WIDTHS[at], stride=stride, causal=causal, key=next(keys))

        self.front = tuple(
            convolution(at, inputs, outputs)
            for at, (inputs, outputs) in enumerate(zip((features, *sizes), sizes, strict=False))
        )
        layer_keys = [next(keys) for _ in range(num_layers)]
        layers = make_layers(cell, sizes[2], hidden_size, bidirectional=not causal, keys=layer_keys)
        self.layers = Stack(layers, dropout=dropout)
        self.doublings = (
            Doubling(layers[-1].hidden_size, sizes[1], key=next(keys)),
            Doubling(sizes[1], sizes[1], key=next(keys)),
        )
        self.decoder = (convolution(3, 2 * sizes[1], sizes[1]), convolution(4, sizes[1] + sizes[0], sizes[1]))
        self.heads = tuple(Dense(sizes[1], count, key=next(keys)) for count in labels)
        self.delay, self.dropout = delay, dropout

    @property
    def causal(self) -> bool:
        """True if the segmenter can read a signal piece by piece."""
        return self.delay > 0

    @property
    def look_ahead(self) -> int:
        """The look-ahead of a causal segmenter: the most samples after a sample on which its scores depend."""
        return self.delay + STRIDE - 1

    @property
    def features(self) -> int:
        """Features of a sample."""
        return self.front[0].kernel.shape[1]

    def init_carry(self, batch: int) -> SegmenterCarry:
        """The state before the first sample of `batch` signals."""
        return SegmenterCarry(
            tuple(layer.init_carry(batch) for layer in (*self.front, *self.decoder)),
            tuple(layer.init_carry(batch) for layer in self._delays),
            self.layers.init_carry(batch),
        )

    def __call__(
        self,
        xs: Float[Array, "batch time feature"],
        *,
        lengths: Int[Array, " batch"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, "batch time label"], ...]:
        """The scores of each head for every sample of whole signals. Samples beyond a length change nothing before it,
        and their scores mean nothing. `key=None` means no dropout.
        """
        return tuple(ys for _, ys in self.activations(xs, lengths=lengths, key=key)[-len(self.heads) :])

    def graphs(self) -> dict[str, Graph]:
        """Scores the samples of signals, a multiple of 4. A causal segmenter goes on from a state, and its scores are
        those of the samples `delay` before."""
        names = [f"scores.{number}" for number in range(len(self.heads))]
        signal = Input(("batch", f"{STRIDE}*time", self.features))

        def read(state: Any, signal: Array) -> tuple[Any, dict[str, Array]]:
            state, scores = self.read(state, signal)
            return state, dict(zip(names, scores, strict=True))

        def whole(state: Any, signal: Array, lengths: Array) -> tuple[Any, dict[str, Array]]:
            return state, dict(zip(names, self(signal, lengths=lengths), strict=True))

        if self.causal:
            return {"model": Graph(read, {"signal": signal}, self.init_carry)}
        return {"model": Graph(whole, {"signal": signal, "lengths": Input(("batch",), f"{STRIDE}*time")})}

    def activations(
        self,
        xs: Float[Array, "batch time feature"],
        *,
        lengths: Int[Array, " batch"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> list[tuple[str, Array]]:
        """The outputs of each part of the model, by name, in the order of computation; the heads' scores come last."""
        time = xs.shape[1]
        xs = jnp.pad(xs, [(0, 0), (0, self.delay - time % -STRIDE), (0, 0)])
        ends = jnp.full(xs.shape[0], time) if lengths is None else lengths
        xs, ends = _masked(xs, ends), None if self.causal else ends  # causal: zeros follow, as after a stream's end
        _, parts = self._parts(self.init_carry(xs.shape[0]), xs, ends, key)
        heads = [(name, ys[:, self.delay : self.delay + time]) for name, ys in parts[-len(self.heads) :]]
        return parts[: -len(self.heads)] + heads

    def read(
        self, carry: SegmenterCarry, xs: Float[Array, "batch time feature"]
    ) -> tuple[SegmenterCarry, tuple[Float[Array, "batch time label"], ...]]:
        """Reads the next samples of a stream, a multiple of 4: returns the state after them, and the scores of as many
        samples, which begin `delay` before them. After the last sample, read `delay` zeros to get the remaining scores.

        Raises:
            ShapeError: a number of samples that is not a multiple of 4.
            ConfigError: a segmenter that is not causal.
        """
        if not self.causal:
            raise ConfigError("a bidirectional segmenter cannot read a stream; build it with a delay")
        if xs.shape[1] % STRIDE:
            raise ShapeError(f"samples: expected a multiple of {STRIDE}; got shape {xs.shape}")
        carry, parts = self._parts(carry, xs, None, None)
        return carry, tuple(ys for _, ys in parts[-len(self.heads) :])

    @property
    def _delays(self) -> tuple[Delay, ...]:
        """The delays that align the front end's features with the decoder's: for samples, and for steps of two
        samples."""
        samples = self.front[0].hidden_size
        if not self.causal:
            return Delay(samples, 0), Delay(2 * samples, 0)
        # A causal convolution of width w lags its centre by (w - stride) / 2 steps: 4 and 2 samples for the first and
        # the last, 1.5 samples and a step of two samples for those between.
        return Delay(samples, self.delay - 6), Delay(2 * samples, (self.delay - 10) // 2)

    def _parts(
        self, carry: SegmenterCarry, xs: Array, lengths: Array | None, key: PRNGKeyArray | None
    ) -> tuple[SegmenterCarry, list[tuple[str, Array]]]:
        front_key, layers_key = (None, None) if key is None else jr.split(key)
        parts, convolutions, delays = list[tuple[str, Array]](), list[Any](), list[Any]()

        def convolved(name: str, layer: SignalConvolution, ys: Array, stride: int) -> Array:
            ys = ys if lengths is None else _masked(ys, -(-lengths // stride))
            state, ys = layer(carry.convolutions[len(convolutions)], ys)
            convolutions.append(state)
            parts.append((name, jax.nn.relu(ys)))
            return parts[-1][1]

        def beside(ys: Array, seen: Array, level: int) -> Array:
            state, seen = self._delays[level](carry.delays[level], seen)
            delays.append(state)
            return jnp.concatenate([ys, seen], axis=-1)

        samples = convolved("front.0", self.front[0], xs, 1)
        pairs = convolved("front.1", self.front[1], samples, 1)
        steps = convolved("front.2", self.front[2], pairs, 2)
        steps = variational_dropout(steps, self.dropout, key=front_key)
        counts = None if lengths is None else -(-lengths // STRIDE)
        layers, outputs = self.layers.outputs(steps, carry.layers, lengths=counts, key=layers_key)
        parts += [(f"layers.cells.{layer}", ys) for layer, ys in enumerate(outputs)]
        ys = convolved("decoder.0", self.decoder[0], beside(self.doublings[0](outputs[-1]), pairs, 1), 2)
        ys = convolved("decoder.1", self.decoder[1], beside(self.doublings[1](ys), samples, 0), 1)
        parts += [(f"heads.{at}", head(ys)) for at, head in enumerate(self.heads)]
        return SegmenterCarry(tuple(convolutions), tuple(reversed(delays)), layers), parts


def _masked(xs: Array, lengths: Array) -> Array:
    return jnp.where((jnp.arange(xs.shape[1]) < lengths[:, None])[..., None], xs, 0)
