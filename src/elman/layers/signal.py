"""Convolutions along a signal, centred or causal, and delays. The causal layers carry their last inputs, so that a
signal in pieces gives the same outputs as the whole.

Each layer is a function (carry, xs) -> (carry, ys), like a recurrent layer. XLA's own convolution is used: on two
cores its forward and backward passes together take 1.4 to 2.1 times the time of one product with gathered patches for
narrow layers (2 to 32 features), and a third for the wide ones (96), where most of the work is.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from elman._errors import ConfigError, ShapeError
from elman._module import Module
from elman.layers.dense import Dense
from elman.ops.initializers import normal


class SignalConvolution(Module):
    """A convolution: x W + b of `width` neighbouring steps at every `stride`-th step; zeros beyond both ends.

    Output j of the causal layer reads the steps before stride (j + 1); that of the centred layer reads as many steps
    before stride j as after it. The number of steps is a multiple of `stride`.

    >>> layer = SignalConvolution(3, 8, width=6, stride=2, causal=True, key=jr.key(0))
    >>> xs = jr.normal(jr.key(1), (1, 10, 3))
    >>> _, whole = layer(layer.init_carry(1), xs)
    >>> carry, first = layer(layer.init_carry(1), xs[:, :4])
    >>> _, rest = layer(carry, xs[:, 4:])
    >>> whole.shape, bool(jnp.allclose(whole, jnp.concatenate([first, rest], axis=1), atol=1e-6))
    ((1, 5, 8), True)
    """

    kernel: Float[Array, "width feature channels"]
    bias: Float[Array, " channels"]
    stride: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    def __init__(
        self, input_size: int, channels: int, *, width: int, stride: int = 1, causal: bool = False, key: PRNGKeyArray
    ):
        """Builds the layer with He's initial kernel.

        Raises:
            ConfigError: a `width` that is not `stride` or an even number more.
        """
        if width < stride or (width - stride) % 2:
            raise ConfigError(f"width: expected {stride}, the stride, or an even number more; got {width}")
        self.kernel = normal(key, (width, input_size, channels), (2 / (width * input_size)) ** 0.5)
        self.bias = jnp.zeros(channels)
        self.stride, self.causal = stride, causal

    @property
    def hidden_size(self) -> int:
        """The number of features of an output."""
        return len(self.bias)

    def init_carry(self, batch: int) -> Float[Array, "batch before feature"]:
        """Zeros for the steps before the first; no steps if the layer is not causal."""
        width, features, _ = self.kernel.shape
        return jnp.zeros((batch, width - self.stride if self.causal else 0, features))

    def __call__(
        self, carry: Float[Array, "batch before feature"], xs: Float[Array, "batch time feature"]
    ) -> tuple[Float[Array, "batch before feature"], Float[Array, "batch fewer channels"]]:
        """The carry for the next piece, and time / stride outputs.

        Raises:
            ShapeError: inputs of another number of features, or steps that are no multiple of `stride`.
        """
        width, features, _ = self.kernel.shape
        if xs.shape[-1] != features or xs.shape[1] % self.stride:
            raise ShapeError(
                f"inputs: expected {features} features and a multiple of {self.stride} steps; got shape {xs.shape}"
            )
        around = 0 if self.causal else (width - self.stride) // 2
        xs = jnp.concatenate([carry, xs], axis=1)
        ys = jax.lax.conv_general_dilated(
            xs, self.kernel, (self.stride,), [(around, around)], dimension_numbers=("NTC", "TIO", "NTC")
        )
        return xs[:, xs.shape[1] - carry.shape[1] :], ys + self.bias


class Delay(Module):
    """A delay of all features by `steps` steps; zeros come first.

    >>> layer = Delay(1, 2)
    >>> carry, ys = layer(layer.init_carry(1), jnp.array([[[1.0], [2.0], [3.0]]]))
    >>> ys.ravel().tolist(), carry.ravel().tolist()
    ([0.0, 0.0, 1.0], [2.0, 3.0])
    """

    features: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)

    def init_carry(self, batch: int) -> Float[Array, "batch before feature"]:
        """Zeros for the steps before the first."""
        return jnp.zeros((batch, self.steps, self.features))

    def __call__(
        self, carry: Float[Array, "batch before feature"], xs: Float[Array, "batch time feature"]
    ) -> tuple[Float[Array, "batch before feature"], Float[Array, "batch time feature"]]:
        """The steps that are held back, and the delayed outputs."""
        both = jnp.concatenate([carry, xs], axis=1)
        return both[:, xs.shape[1] :], both[:, : xs.shape[1]]


class Doubling(Module):
    """A layer that outputs two steps for each, x W + b: the reverse of a convolution of stride 2.

    >>> Doubling(3, 4, key=jr.key(0))(jnp.ones((1, 5, 3))).shape
    (1, 10, 4)
    """

    dense: Dense

    def __init__(self, input_size: int, channels: int, *, key: PRNGKeyArray):
        self.dense = Dense(input_size, 2 * channels, key=key)

    def __call__(self, xs: Float[Array, "batch time feature"]) -> Float[Array, "batch twice channels"]:
        """Applies the layer; returns twice as many steps."""
        ys = self.dense(xs)
        return ys.reshape(xs.shape[0], 2 * xs.shape[1], ys.shape[2] // 2)
