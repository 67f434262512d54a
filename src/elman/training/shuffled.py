"""Batches of the rows of arrays, in another order each epoch."""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped

from elman._errors import ConfigError, DataError


class Shuffled:
    """Batches of `batch_size` corresponding rows of several arrays; the last batch of an epoch holds the rest. Every
    epoch shuffles the rows anew, in the same way for the same seed.

    >>> batches = Shuffled(np.arange(5), np.arange(5) * 10, batch_size=2)
    >>> [len(xs) for xs, _ in map(batches.at, range(len(batches)))]
    [2, 2, 1]
    >>> xs, ys = batches.at(7)
    >>> bool((ys == 10 * xs).all())
    True

    Raises:
        DataError: no array, arrays of different numbers of rows, or no row.
        ConfigError: a `batch_size` below 1.
    """

    def __init__(self, *arrays: Shaped[np.ndarray, "rows ..."], batch_size: int, seed: int = 0):
        rows = {len(array) for array in arrays}
        if len(rows) != 1 or 0 in rows:
            raise DataError(f"expected arrays of the same number of rows, at least 1; got {sorted(rows) or 'none'}")
        if batch_size < 1:
            raise ConfigError(f"batch_size: expected at least 1; got {batch_size}")
        self._arrays, self._rows, self._batch_size, self._seed = arrays, rows.pop(), batch_size, seed
        self._epoch, self._order = -1, np.arange(0)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return -(-self._rows // self._batch_size)

    def at(self, step: int) -> tuple[Shaped[np.ndarray, "batch ..."], ...]:
        """The batch of a step, counted over all epochs, with a part of each array; any order gives the same batches."""
        epoch, index = divmod(step, len(self))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, np.random.default_rng((self._seed, epoch)).permutation(self._rows)
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return tuple(array[rows] for array in self._arrays)
