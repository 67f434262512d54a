"""Batch normalisation (Ioffe and Szegedy, 2015).

    y = (x - mean) / sqrt(variance + epsilon) * scale + shift        for each feature

In training, mean and variance are those of the batch, over all its sequences and steps. Their running means are kept
for inference. The running values are measured, not learned: a state, passed from batch to batch. So a layer of n
features has 2 n weights and 2 n measured numbers; Keras counts all 4 n.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax.lax import rsqrt
from jaxtyping import Array, Bool, Float

from elman._module import Module


class BatchStatistics(NamedTuple):
    """The running mean and variance of each feature."""

    mean: Float[Array, " feature"]
    variance: Float[Array, " feature"]


class BatchNorm(Module):
    """Normalises each feature to zero mean and unit variance over a batch, then applies a learned scale and shift.

    >>> norm = BatchNorm(1)
    >>> xs = jnp.array([[[1.0], [3.0]], [[5.0], [7.0]]])
    >>> statistics, ys = norm.over_batch(norm.init_carry(), xs)
    >>> [round(float(y), 2) for y in ys.ravel()], round(float(statistics.mean[0]), 4)
    ([-1.34, -0.45, 0.45, 1.34], 0.04)
    """

    scale: Float[Array, " feature"]
    shift: Float[Array, " feature"]
    momentum: float = eqx.field(static=True)
    epsilon: float = eqx.field(static=True)

    def __init__(self, size: int, *, momentum: float = 0.99, epsilon: float = 1e-3):
        """Builds the layer: `momentum` is the share of the running values that is kept at each batch, `epsilon` keeps
        a constant feature finite. The defaults are Keras'."""
        self.scale, self.shift = jnp.ones(size), jnp.zeros(size)
        self.momentum, self.epsilon = momentum, epsilon

    def init_carry(self) -> BatchStatistics:
        """The running values before the first batch: mean 0 and variance 1."""
        return BatchStatistics(jnp.zeros_like(self.shift), jnp.ones_like(self.scale))

    def __call__(
        self, xs: Float[Array, "*batch feature"], statistics: BatchStatistics
    ) -> Float[Array, "*batch feature"]:
        """Normalises by `statistics`, as in inference."""
        return (xs - statistics.mean) * rsqrt(statistics.variance + self.epsilon) * self.scale + self.shift

    def over_batch(
        self,
        statistics: BatchStatistics,
        xs: Float[Array, "batch time feature"],
        *,
        mask: Bool[Array, "batch time"] | None = None,
    ) -> tuple[BatchStatistics, Float[Array, "batch time feature"]]:
        """Normalises by the batch's own mean and variance, as in training; returns the new running values and the
        outputs. Steps where `mask` is False are ignored."""
        weights = jnp.ones(xs.shape[:2]) if mask is None else mask.astype(xs.dtype)
        count = jnp.maximum(weights.sum(), 1)
        mean = jnp.einsum("bt,btf->f", weights, xs) / count
        variance = jnp.einsum("bt,btf->f", weights, (xs - mean) ** 2) / count
        kept = self.momentum
        running = BatchStatistics(
            kept * statistics.mean + (1 - kept) * mean, kept * statistics.variance + (1 - kept) * variance
        )
        return running, self(xs, BatchStatistics(mean, variance))
