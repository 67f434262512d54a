"""Batches of sequences of similar length, so that there is little padding and few shapes are compiled."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

LADDER = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""The lengths to which sequences are padded; longer ones are padded to a multiple of the last."""


class BucketBatch(NamedTuple):
    """A batch: the indices of its examples, its number of rows and their padded length. Rows without an example are
    empty."""

    indices: list[int]
    rows: int
    length: int


class Buckets:
    """Batches of examples by length; `shuffle` shuffles them anew in every epoch.

    >>> buckets = Buckets([3, 9, 4, 10], batch_size=2, shuffle=False)
    >>> len(buckets), buckets.at(0), buckets.at(1)
    (2, BucketBatch(indices=[0, 2], rows=2, length=4), BucketBatch(indices=[1, 3], rows=2, length=12))
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
    ):
        """Groups examples by their lengths; a batch has `batch_size` rows, or as many as hold `batch_tokens` padded
        steps."""
        self._seed, self._shuffle, self._epoch = seed, shuffle, -1
        self._groups: dict[int, list[int]] = defaultdict(list)
        for index, length in enumerate(lengths):
            self._groups[padded_length(length)].append(index)
        self._rows = {length: batch_size or max(1, (batch_tokens or 0) // length) for length in sorted(self._groups)}

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return sum(-(-len(self._groups[length]) // rows) for length, rows in self._rows.items())

    def at(self, step: int) -> BucketBatch:
        """The batch of a step, counted over all epochs; any order gives the same batches."""
        epoch, index = divmod(step, len(self))
        if epoch != self._epoch:
            self._epoch, self._batches = epoch, self._dealt(epoch)
        return self._batches[index]

    def _dealt(self, epoch: int) -> list[BucketBatch]:
        random, batches = np.random.default_rng((self._seed, epoch)), []
        for length, rows in self._rows.items():
            group = list(self._groups[length])
            if self._shuffle:
                random.shuffle(group)
            batches += [BucketBatch(group[at : at + rows], rows, length) for at in range(0, len(group), rows)]
        if self._shuffle:
            random.shuffle(batches)
        return batches


def padded_length(length: int) -> int:
    """The least length of `LADDER`, or beyond it multiple of its last, that is at least `length`.

    >>> [padded_length(length) for length in (0, 4, 5, 100, 1025)]
    [4, 4, 8, 128, 2048]
    """
    if length > LADDER[-1]:
        return -(-length // LADDER[-1]) * LADDER[-1]
    return LADDER[bisect_left(LADDER, length)]


def pad(
    sequences: Sequence[Sequence[int] | Integer[np.ndarray, " _"]], *, rows: int, length: int
) -> tuple[Integer[np.ndarray, "batch time"], Integer[np.ndarray, " batch"]]:
    """Sequences of ids as one array padded with zeros, to `rows` rows of `length`, and the lengths of the sequences.

    >>> ids, lengths = pad([[5, 6], [7]], rows=3, length=4)
    >>> ids.tolist(), lengths.tolist()
    ([[5, 6, 0, 0], [7, 0, 0, 0], [0, 0, 0, 0]], [2, 1, 0])
    """
    ids, lengths = np.zeros((rows, length), np.int32), np.zeros(rows, np.int32)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)], lengths[row] = sequence, len(sequence)
    return ids, lengths
