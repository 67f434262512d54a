"""Batches of sequences and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
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
    labels: Integer[np.ndarray, " batch"] | Float[np.ndarray, "batch classes"]
    """The class of each sequence, or 1 for each of its labels where a sequence may have several."""
    weights: Float[np.ndarray, " batch"]


@runtime_checkable
class ClassCodec(Protocol):
    """The interface of codecs that encode sequences, each with a `label`, as arrays."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def several(self) -> bool:
        """True if a sequence may have several labels, or none: its `label` is a tuple then."""
        ...

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
        mean weight 1: with a `balance` of 0 all sequences count the same, with 1 all classes. One of several labels
        weighs the mean of theirs; to have none is a class too."""
        self._examples, self._codec = examples, codec
        self._labels = [example.label for example in examples]
        weights = _weights(self._labels, codec, balance)
        self._weights = (weights / weights.mean() if len(examples) else weights).astype(np.float32)
        sizes = [codec.size(example) for example in examples]
        self._buckets = Buckets(sizes, batch_size=batch_size, seed=seed, shuffle=shuffle)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return len(self._buckets)

    def at(self, step: int) -> ClassBatch:
        """The batch of a step, counted over all epochs."""
        indices, rows, length = self._buckets.at(step)
        inputs = self._codec.inputs([self._examples[index] for index in indices], rows=rows, length=length)
        chosen, padding = [self._labels[index] for index in indices], rows - len(indices)
        if self._codec.several:
            labels = label_matrix([*chosen, *[()] * padding], len(self._codec.labels))
        else:
            labels = np.array([*chosen, *[0] * padding], np.int32)
        weights = np.zeros(rows, np.float32)
        weights[: len(indices)] = self._weights[indices]
        return ClassBatch(*inputs, labels, weights)

    def indices(self, step: int) -> list[int]:
        """The indices of the sequences in the first rows of a batch."""
        return self._buckets.at(step).indices


def label_matrix(labels: Sequence[Sequence[int]], classes: int) -> Float[np.ndarray, "example classes"]:
    """The labels of examples as a matrix: 1 for each of its labels. Negative numbers, of labels that are no classes,
    are left out.

    >>> label_matrix([(0, 2), (), (1, -1)], 3).tolist()
    [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    matrix = np.zeros((len(labels), classes), np.float32)
    for row, several in zip(matrix, labels, strict=True):
        row[[label for label in several if label >= 0]] = 1
    return matrix


def _weights(labels: Sequence[Any], codec: ClassCodec, balance: float) -> Float[np.ndarray, " example"]:
    classes = len(codec.labels)
    if not codec.several:
        numbers = np.array(labels, np.int32)
        return (np.maximum(np.bincount(numbers, minlength=classes), 1) ** -balance)[numbers]
    members = [[label for label in several if label >= 0] or [classes] for several in labels]
    counts = np.bincount(list(chain.from_iterable(members)), minlength=classes + 1)
    weights = np.maximum(counts, 1) ** -balance
    return np.array([weights[several].mean() for several in members])
