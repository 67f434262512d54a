"""Batches of sequences, each with its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer

from elman.data.buckets import Buckets


class Inputs(NamedTuple):
    """What a network reads: zeros where there is nothing, and lengths."""

    values: np.ndarray
    """batch time, or batch piece time; a step may have features of its own."""
    outer: Integer[np.ndarray, " batch"]
    """Real steps, or real pieces where sequences are in pieces."""
    inner: Integer[np.ndarray, "batch piece"] | None
    """Real steps of each piece."""


class ClassBatch(NamedTuple):
    """Arrays of one step; `weights` is 0 in rows without a sequence."""

    values: np.ndarray
    outer: Integer[np.ndarray, " batch"]
    inner: Integer[np.ndarray, "batch piece"] | None
    labels: Integer[np.ndarray, " batch"]
    weights: Float[np.ndarray, " batch"]


@runtime_checkable
class ClassCodec(Protocol):
    """What turns sequences, each with a `label`, into arrays."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    def size(self, example: Any, /) -> int: ...
    def inputs(self, examples: Sequence[Any], /, *, rows: int, length: int) -> Inputs: ...


class ClassBatches:
    """Sequences of like size together; with `shuffle`, dealt out anew in every epoch."""

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
        """`balance`: a sequence of a class of n counts n^-balance, so that with 0 every sequence counts the same and
        with 1 every class; the mean weight is 1."""
        self._examples, self._codec = examples, codec
        self._labels = np.array([example.label for example in examples], np.int32)
        weights = np.maximum(np.bincount(self._labels, minlength=len(codec.labels)), 1) ** -balance
        self._weights = (weights / weights[self._labels].mean() if len(examples) else weights).astype(np.float32)
        sizes = [codec.size(example) for example in examples]
        self._buckets = Buckets(sizes, batch_size=batch_size, seed=seed, shuffle=shuffle)

    def __len__(self) -> int:
        """Batches of an epoch."""
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
        """Which sequences the first rows of a batch hold."""
        return self._buckets.at(step).indices
