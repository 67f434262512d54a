"""A segmenter of signals: for every sample the scores of what is there. A convolutional front end makes four samples
one step, recurrent layers read the steps, and a decoder goes back to samples, with what the front end saw beside it, so
that beginnings and ends keep their places (Ronneberger et al., 2015; for the ECG Moskalenko et al., 2019, without, and
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
from elman._types import Carry
from elman.cells import Cell
from elman.layers import Dense, Stack
from elman.layers.recurrent import make_layers
from elman.layers.signal import Delay, Doubling, SignalConvolution
from elman.ops.dropout import variational_dropout

STRIDE = 4
"""Samples of a recurrent step."""

WIDTHS = (9, 6, 6, 3, 5)
"""Of the convolutions: three of the front end, two of the decoder."""

LEAST_DELAY = 12
"""Samples by which the answers of a causal segmenter come later, so that its front end sees both sides of a sample."""


class SegmenterCarry(NamedTuple):
    """What a causal segmenter keeps of the samples it has seen; empty arrays for another."""

    convolutions: tuple[Array, ...]
    delays: tuple[Array, ...]
    layers: tuple[Carry, ...]


class Segmenter(eqx.Module):
    """Samples -> front end -> recurrent layers -> decoder -> the scores of each head.

    With `delay`, the layers read forwards alone and the scores of a sample come `delay` samples later, at the end of a
    step of four samples, so that no score depends on a sample more than `look_ahead` ahead. Without, they read from
    both ends.
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
            features: numbers of a sample.
            labels: what each head tells apart.
            channels: features of the first convolution; each further one of the front end has twice as many.
            hidden_size: units of a recurrent layer, in each direction.
            num_layers: recurrent layers on top of each other.
            delay: 0, or samples that a causal segmenter waits, a multiple of 4 and at least 12.
            dropout: share of features dropped in training.
            key: start of the randomness.

        Raises:
            ConfigError: another delay.
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
        """Whether a signal can be read piece by piece."""
        return self.delay > 0

    @property
    def look_ahead(self) -> int:
        """The most samples that the scores of a causal segmenter look ahead."""
        return self.delay + STRIDE - 1

    @property
    def features(self) -> int:
        """Numbers of a sample."""
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
        """The scores of each head for every sample of whole signals. What is beyond a length changes nothing before it;
        the scores there mean nothing. `key=None` means no dropout.
        """
        return tuple(ys for _, ys in self.activations(xs, lengths=lengths, key=key)[-len(self.heads) :])

    def activations(
        self,
        xs: Float[Array, "batch time feature"],
        *,
        lengths: Int[Array, " batch"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> list[tuple[str, Array]]:
        """What each part puts out, by name, in the order of computation; the heads' scores come last."""
        time = xs.shape[1]
        xs = jnp.pad(xs, [(0, 0), (0, self.delay - time % -STRIDE), (0, 0)])
        ends = jnp.full(len(xs), time) if lengths is None else lengths
        xs, ends = _masked(xs, ends), None if self.causal else ends  # a causal one reads zeros, as of a stream's end
        _, parts = self._parts(self.init_carry(len(xs)), xs, ends, key)
        heads = [(name, ys[:, self.delay : self.delay + time]) for name, ys in parts[-len(self.heads) :]]
        return parts[: -len(self.heads)] + heads

    def read(
        self, carry: SegmenterCarry, xs: Float[Array, "batch time feature"]
    ) -> tuple[SegmenterCarry, tuple[Float[Array, "batch time label"], ...]]:
        """The next samples of a stream, a multiple of 4: the state after them, and the scores of as many samples, which
        began `delay` before them. `delay` zeros after the last sample bring out the rest.

        Raises:
            ShapeError: another number of samples.
            ConfigError: a segmenter that is not causal.
        """
        if not self.causal:
            raise ConfigError("a segmenter that reads from both ends cannot read a stream; give it a delay")
        if xs.shape[1] % STRIDE:
            raise ShapeError(f"samples: expected a multiple of {STRIDE}; got shape {xs.shape}")
        carry, parts = self._parts(carry, xs, None, None)
        return carry, tuple(ys for _, ys in parts[-len(self.heads) :])

    @property
    def _delays(self) -> tuple[Delay, ...]:
        """What makes the front end's features meet the middle of what the decoder makes of them: of the samples, and of
        the steps of two."""
        samples = self.front[0].hidden_size
        if not self.causal:
            return Delay(samples, 0), Delay(2 * samples, 0)
        # A causal convolution of width w is (w - stride) / 2 behind its middle: 4 and 2 samples for the first and the
        # last, 1.5 samples and a step of two samples for those between.
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
