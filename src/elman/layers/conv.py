"""Convolutional front ends, which extract features of a neighbourhood for a recurrent layer: along time, and over the
frames of a video (LeCun et al., 1998; Kim, 2014, along a text).
"""

from __future__ import annotations

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._errors import ConfigError, ShapeError
from elman._module import Module
from elman.ops.initializers import normal
from elman.recurrence.steps import Steps


class TimeConvolution(Module):
    """A convolution along time: relu(x W + b) of `width` neighbouring steps at every `stride`-th step, then the maximum
    of every `pool` of these. Beyond both ends, and in padding, there are zeros, so that the outputs of a sequence do
    not depend on the amount of padding. Padding is on the right.

    >>> layer = TimeConvolution(3, 8, width=5, pool=2, key=jr.key(0))
    >>> ys, lengths = layer(jnp.ones((2, 7, 3)), lengths=jnp.array([7, 4]))
    >>> ys.shape, lengths.tolist(), bool((ys[1, 2:] == 0).all())
    ((2, 4, 8), [4, 2], True)
    """

    kernel: Float[Array, "width feature channels"]
    bias: Float[Array, " channels"]
    stride: int = eqx.field(static=True)
    pool: int = eqx.field(static=True)

    def __init__(
        self, input_size: int, channels: int, *, width: int, stride: int = 1, pool: int = 1, key: PRNGKeyArray
    ):
        """Builds the layer with He's initial kernel.

        Raises:
            ConfigError: a size below 1.
        """
        _check_sizes(channels=channels, width=width, stride=stride, pool=pool)
        self.kernel = _relu_start(key, (width, input_size, channels))
        self.bias = jnp.zeros(channels)
        self.stride, self.pool = stride, pool

    @property
    def hidden_size(self) -> int:
        """The number of features of an output."""
        return len(self.bias)

    def __call__(
        self, xs: Float[Array, "batch time feature"], *, lengths: Int[Array, " batch"] | None = None
    ) -> tuple[Float[Array, "batch fewer channels"], Int[Array, " batch"] | None]:
        """The features and the new lengths, time / stride / pool, each rounded up; None without lengths.

        Raises:
            ShapeError: inputs of another number of features.
        """
        width, features, _ = self.kernel.shape
        if xs.shape[-1] != features:
            raise ShapeError(f"inputs: expected {features} features; got shape {xs.shape}")
        before = (width - 1) // 2
        ys = jax.lax.conv_general_dilated(
            _masked(xs, lengths),
            self.kernel,
            (self.stride,),
            [(before, width - 1 - before)],
            dimension_numbers=("NTC", "TIO", "NTC"),
        )
        # Relu's outputs are at least zero, so that zeros at padding do not change a maximum.
        lengths = _fewer(lengths, self.stride)
        ys = _masked(jax.nn.relu(ys + self.bias), lengths)
        return _maxima(ys, axis=1, size=self.pool), _fewer(lengths, self.pool)


class FrameConvolution(Module):
    """A convolution of each frame of a video into a vector: for each of `channels`, relu of a `width` x `width`
    convolution and the maximum of every `pool` x `pool` places; the result is flattened. Frames beyond a length are
    zeros.

    >>> layer = FrameConvolution((10, 12, 3), channels=(4, 8), key=jr.key(0))
    >>> ys = layer(jnp.ones((2, 5, 10, 12, 3)), lengths=jnp.array([5, 2]))
    >>> ys.shape, layer.hidden_size, bool((ys[1, 2:] == 0).all())
    ((2, 5, 72), 72, True)
    """

    kernels: tuple[Float[Array, "width width channel channels"], ...]
    biases: tuple[Float[Array, " channels"], ...]
    frame: tuple[int, int, int] = eqx.field(static=True)
    pool: int = eqx.field(static=True)

    def __init__(
        self,
        frame: tuple[int, int, int],
        *,
        channels: tuple[int, ...],
        width: int = 3,
        pool: int = 2,
        key: PRNGKeyArray,
    ):
        """Builds the layers; `frame` is the height, width and channels of a frame.

        Raises:
            ConfigError: a size below 1, or no channels.
        """
        if not channels:
            raise ConfigError("channels: expected a number for each layer; got none")
        for count in channels:
            _check_sizes(channels=count, width=width, pool=pool)
        keys = jr.split(key, len(channels))
        sizes = pairwise((frame[-1], *channels))
        self.kernels = tuple(_relu_start(k, (width, width, *size)) for k, size in zip(keys, sizes, strict=True))
        self.biases = tuple(jnp.zeros(count) for count in channels)
        self.frame, self.pool = frame, pool

    @property
    def hidden_size(self) -> int:
        """The number of output features of a frame."""
        height, width, _ = self.frame
        for _ in self.kernels:
            height, width = -(-height // self.pool), -(-width // self.pool)
        return height * width * len(self.biases[-1])

    def __call__(
        self,
        frames: Float[Array, "batch time height width channel"],
        *,
        lengths: Int[Array, " batch"] | None = None,
    ) -> Float[Array, "batch time feature"]:
        """The features of every frame.

        Raises:
            ShapeError: frames of another size.
        """
        batch, time, *frame = frames.shape
        if tuple(frame) != self.frame:
            raise ShapeError(f"frames: expected {self.frame} (height, width, channels); got {tuple(frame)}")
        maps = _masked(frames.reshape(batch, time, -1), lengths).reshape(batch * time, *frame)
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            before = (len(kernel) - 1) // 2
            around = (before, len(kernel) - 1 - before)
            maps = jax.lax.conv_general_dilated(
                maps, kernel, (1, 1), [around, around], dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            maps = jax.nn.relu(maps + bias)
            maps = _maxima(_maxima(maps, axis=1, size=self.pool), axis=2, size=self.pool)
        return _masked(maps.reshape(batch, time, -1), lengths)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"{name}: expected at least 1; got {size}")


def _relu_start(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    """A kernel, normal with variance 2 / inputs, which keeps the scale of relu's outputs (He et al., 2015)."""
    inputs = jnp.prod(jnp.array(shape[:-1]))
    return normal(key, shape, jnp.sqrt(2 / inputs))


def _masked(xs: Array, lengths: Array | None) -> Array:
    valid = Steps(lengths).valid(xs.shape[1])
    return xs if valid is None else jnp.where(valid[..., None], xs, 0)


def _fewer(lengths: Array | None, by: int) -> Array | None:
    return None if lengths is None else -(-lengths // by)


def _maxima(xs: Array, *, axis: int, size: int) -> Array:
    """The maximum of every `size` values along `axis`, or of fewer at the end; values must be at least zero."""
    if size == 1:
        return xs
    missing = -xs.shape[axis] % size
    xs = jnp.pad(xs, [(0, missing if place == axis else 0) for place in range(xs.ndim)])
    return xs.reshape(*xs.shape[:axis], -1, size, *xs.shape[axis + 1 :]).max(axis=axis + 1)
