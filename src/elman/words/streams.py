"""Cuts texts into contiguous streams for truncated back-propagation, and into the windows of the first lessons."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer

from elman._errors import DataError, quantity


@runtime_checkable
class Tokens(Protocol):
    """The interface of a text as ids, in memory or on disk: slices give arrays."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> np.ndarray: ...


class Reversed:
    """The ids of a text in reverse order.

    >>> Reversed(np.arange(5))[1:3].tolist()
    [3, 2]
    """

    def __init__(self, tokens: Tokens):
        self._tokens = tokens

    def __len__(self) -> int:
        return len(self._tokens)

    def __getitem__(self, part: slice, /) -> np.ndarray:
        start, stop, _ = part.indices(len(self))
        return self._tokens[len(self) - stop : len(self) - start][::-1]


class Batch(NamedTuple):
    """The arrays of one training step; `weights` is 0 where there is no token."""

    inputs: Integer[np.ndarray, "batch time"]
    targets: Integer[np.ndarray, "batch time"]
    lengths: Integer[np.ndarray, " batch"]
    weights: Float[np.ndarray, "batch time"]


class Streams:
    """A text cut into `batch_size` contiguous streams, read side by side `unroll_length` tokens at a time.

    Batch k + 1 continues exactly where batch k stopped, row by row, so that the final state of one is the initial state
    of the next. Stream lengths differ by at most one, every token but the first is a target exactly once, and no stream
    wraps around: where one ends early its weights are 0.

    >>> streams = Streams(np.arange(12), batch_size=2, unroll_length=4)
    >>> len(streams), streams[0].inputs.tolist(), streams[0].targets.tolist()
    (2, [[0, 1, 2, 3], [5, 6, 7, 8]], [[1, 2, 3, 4], [6, 7, 8, 9]])
    >>> streams[1].lengths.tolist(), streams[1].weights.tolist()
    ([1, 2], [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    """

    def __init__(self, tokens: Tokens, *, batch_size: int, unroll_length: int):
        if len(tokens) < 2:
            raise DataError(f"a stream needs at least 2 tokens, one to read and one to predict; got {len(tokens)}")
        self.tokens, self.unroll_length = tokens, unroll_length
        targets = len(tokens) - 1
        self.starts = [row * targets // batch_size for row in range(batch_size)]
        self.stops = [*self.starts[1:], targets]

    def __len__(self) -> int:
        """The number of batches until the longest stream ends."""
        longest = max(stop - start for start, stop in zip(self.starts, self.stops, strict=True))
        return -(-longest // self.unroll_length)

    def at(self, step: int) -> Batch:
        """The batch of a step, counted over all epochs."""
        return self[step % len(self)]

    def __getitem__(self, index: int) -> Batch:
        """Batch `index`; any order gives the same batches."""
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        batch_size, time = len(self.starts), self.unroll_length
        inputs, targets = np.zeros((2, batch_size, time), np.int32)
        lengths = np.zeros(batch_size, np.int32)
        for row, (start, stop) in enumerate(zip(self.starts, self.stops, strict=True)):
            begin = start + index * time
            length = lengths[row] = min(max(stop - begin, 0), time)
            if length:
                tokens = self.tokens[begin : begin + length + 1]
                inputs[row, :length], targets[row, :length] = tokens[:-1], tokens[1:]
        weights = (np.arange(time) < lengths[:, None]).astype(np.float32)
        return Batch(inputs, targets, lengths, weights)


def next_token_windows(
    ids: Integer[np.ndarray, " text"], length: int
) -> tuple[Integer[np.ndarray, "window time"], Integer[np.ndarray, "window time"]]:
    """Consecutive windows of `length` tokens, and the token that follows each of their tokens: the `xs` and `ys`
    columns of fast.ai's lesson 6 (2017), whose first models predict the last target only.

    >>> xs, ys = next_token_windows(np.arange(10), 3)
    >>> xs.tolist(), ys.tolist()
    ([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]])

    Raises:
        DataError: a text of fewer than `length` + 1 tokens.
    """
    count = (len(ids) - 1) // length
    if count < 1:
        raise DataError(f"windows of {quantity(length, 'token')} need a text of at least {length + 1}; got {len(ids)}")
    span = count * length
    return ids[:span].reshape(count, length), ids[1 : span + 1].reshape(count, length)
