"""Batches of sequences and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer

from elman.tasks.buckets import Buckets


class Inputs(NamedTuple):
    """The inputs of a network: sequences padded with zeros, and their lengths."""

    values: np.ndarray
    """The sequences: batch and time, or batch, piece and time; then features, where steps have any."""
    outer: Integer[np.ndarray, " batch"]
    """The number of steps of each sequence, or of pieces where sequences are in pieces."""
    inner: Integer[np.ndarray, "batch piece"] | None
    """The number of steps of each piece; None where sequences are not in pieces."""


class ClassBatch(NamedTuple):
    """The arrays of one training step; `weights` is 0 in rows without a sequence."""

    values: np.ndarray
    outer: Integer[np.ndarray, " batch"]
    inner: Integer[np.ndarray, "batch piece"] | None
    labels: Integer[np.ndarray, " batch"]
    weights: Float[np.ndarray, " batch"]


@runtime_checkable
class ClassCodec(Protocol):
    """The interface of codecs that encode sequences, each with a `label`, as arrays."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    def size(self, example: Any, /) -> int: ...
    def inputs(self, examples: Sequence[Any], /, *, rows: int, length: int) -> Inputs: ...


class ClassBatches:
    """Batches of sequences of similar length; `shuffle` shuffles them anew in every epoch."""

    def __init__(
        self,
        examples: Sequence[Any],
        codec: ClassCodec,
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        balance: float = 0.0,
    ):
        """Groups the examples by length. A sequence of a class of n weighs n^-balance, times a constant that makes the
        mean weight 1: with a `balance` of 0 all sequences count the same, with 1 all classes."""
        self._examples, self._codec = examples, codec
        self._labels = np.array([example.label for example in examples], np.int32)
        weights = np.maximum(np.bincount(self._labels, minlength=len(codec.labels)), 1) ** -balance
        self._weights = (weights / weights[self._labels].mean() if len(examples) else weights).astype(np.float32)
        sizes = [codec.size(example) for example in examples]
        self._buckets = Buckets(sizes, batch_size=batch_size, seed=seed, shuffle=shuffle)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self._buckets)

    def at(self, step: int) -> ClassBatch:
        """The batch of a step, counted over all epochs."""
        indices, rows, length = self._buckets.at(step)
        inputs = self._codec.inputs([self._examples[index] for index in indices], rows=rows, length=length)
        labels, weights = np.zeros(rows, np.int32), np.zeros(rows, np.float32)
        labels[: len(indices)] = self._labels[indices]
        weights[: len(indices)] = self._weights[self._labels[indices]]
        return ClassBatch(*inputs, labels, weights)

    def indices(self, step: int) -> list[int]:
        """The indices of the sequences in the first rows of a batch."""
        return self._buckets.at(step).indices
