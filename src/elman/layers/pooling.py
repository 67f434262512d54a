"""Pooling of a sequence into one vector: its end, its mean, its maximum, or a mean weighted by attention."""

from __future__ import annotations

import abc
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from elman._errors import one_of
from elman._module import Module
from elman._types import Padding
from elman.layers.bidirectional import Bidirectional
from elman.layers.dense import Dense
from elman.layers.notes import note_attention
from elman.layers.recurrent import Recurrent, ends
from elman.ops.initializers import normal
from elman.recurrence.steps import Steps

PoolingName = Literal["last", "mean", "max", "attention"]

Outputs = Float[Array, "batch time hidden"]
Lengths = Int[Array, " batch"] | None
Vectors = Float[Array, "batch hidden"]


class Pooling(Module):
    """Base class of poolings, which reduce the real steps of each sequence to one vector. An empty sequence gives
    zeros, with finite gradients; the content of padding is ignored."""

    @abc.abstractmethod
    def __call__(self, ys: Outputs, *, lengths: Lengths = None, padding: Padding = "right") -> Vectors:
        """Pools each sequence of `lengths` steps into one vector; None means all steps."""


class LastPooling(Pooling):
    """The output at the last step, or at the first for a backward cell: where each has read the whole sequence.

    >>> LastPooling(2)(jnp.array([[[1.0, 2], [3, 4], [5, 6]]]), lengths=jnp.array([2])).tolist()
    [[3.0, 4.0]]
    """

    forward_size: int = eqx.field(static=True)
    """The number of features of the forward cell, which come first."""

    def __call__(self, ys: Outputs, *, lengths: Lengths = None, padding: Padding = "right") -> Vectors:
        """The end outputs of each sequence."""
        valid = _valid(ys, lengths, padding)
        return ends(jnp.where(valid, ys, 0), self.forward_size, lengths=lengths, padding=padding)


class MeanPooling(Pooling):
    """The mean over the steps.

    >>> MeanPooling()(jnp.array([[[1.0, 2], [3, 4], [5, 6]]]), lengths=jnp.array([2])).tolist()
    [[2.0, 3.0]]
    """

    def __call__(self, ys: Outputs, *, lengths: Lengths = None, padding: Padding = "right") -> Vectors:
        """The mean of each sequence."""
        valid = _valid(ys, lengths, padding)
        return jnp.where(valid, ys, 0).sum(axis=1) / jnp.maximum(valid.sum(axis=1), 1)


class MaxPooling(Pooling):
    """The largest value of each feature over the steps.

    >>> MaxPooling()(jnp.array([[[1.0, 4], [3, 2], [5, 6]]]), lengths=jnp.array([2])).tolist()
    [[3.0, 4.0]]
    """

    def __call__(self, ys: Outputs, *, lengths: Lengths = None, padding: Padding = "right") -> Vectors:
        """The maximum of each sequence."""
        valid = _valid(ys, lengths, padding)
        largest = jnp.where(valid, ys, jnp.finfo(ys.dtype).min).max(axis=1)
        return jnp.where(valid.any(axis=1), largest, 0)


class AttentionPooling(Pooling):
    """The mean of the steps, each weighted by how well tanh(y W + b) fits a learned query (Yang et al., 2016).

    >>> pooling = AttentionPooling(2, key=jr.key(0))
    >>> ys = jnp.array([[[1.0, 4], [3, 2], [5, 6]]])
    >>> weights = pooling.weights(ys, lengths=jnp.array([2]))
    >>> round(float(weights.sum()), 5), float(weights[0, 2])
    (1.0, 0.0)
    >>> bool(jnp.allclose(pooling(ys, lengths=jnp.array([2])), weights @ ys[0]))
    True
    """

    dense: Dense
    query: Float[Array, " hidden"]

    def __init__(self, size: int, *, key: PRNGKeyArray):
        dense_key, query_key = jr.split(key)
        self.dense = Dense(size, size, key=dense_key)
        self.query = normal(query_key, (size,), size**-0.5)

    def __call__(self, ys: Outputs, *, lengths: Lengths = None, padding: Padding = "right") -> Vectors:
        """The weighted mean of each sequence."""
        weights = self.weights(ys, lengths=lengths, padding=padding)
        note_attention("pooling", weights[:, None, None])
        return jnp.einsum("bt,bth->bh", weights, jnp.where(_valid(ys, lengths, padding), ys, 0))

    def weights(
        self, ys: Outputs, *, lengths: Lengths = None, padding: Padding = "right"
    ) -> Float[Array, "batch time"]:
        """The weight of each step: positive, summing to 1, and 0 at padding."""
        valid = _valid(ys, lengths, padding)
        scores = jnp.tanh(self.dense(jnp.where(valid, ys, 0))) @ self.query
        # The scores of an empty sequence are all equal, so that its softmax is finite; its weights are then set to 0.
        scores = jnp.where(valid[..., 0], scores, jnp.finfo(scores.dtype).min)
        return jnp.where(valid[..., 0], jax.nn.softmax(scores, axis=1), 0)


def make_pooling(name: PoolingName, layer: Recurrent, *, key: PRNGKeyArray) -> Pooling:
    """Builds the pooling called `name`, for the outputs of `layer`.

    >>> from elman.cells import GRU
    >>> type(make_pooling("mean", GRU(3, 4, key=jr.key(0)), key=jr.key(1))).__name__
    'MeanPooling'

    Raises:
        ConfigError: an unknown name.
    """
    one_of("pooling", name, ("last", "mean", "max", "attention"))
    match name:
        case "last":
            return LastPooling(layer.forward.hidden_size if isinstance(layer, Bidirectional) else layer.hidden_size)
        case "mean":
            return MeanPooling()
        case "max":
            return MaxPooling()
        case "attention":
            return AttentionPooling(layer.hidden_size, key=key)


def _valid(ys: Array, lengths: Array | None, padding: Padding) -> Bool[Array, "batch time 1"]:
    valid = Steps(lengths, padding).valid(ys.shape[1])
    return jnp.ones((*ys.shape[:2], 1), bool) if valid is None else valid[..., None]
