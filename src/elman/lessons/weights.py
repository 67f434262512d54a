"""The number of weights of a network or of a part of it."""

from __future__ import annotations

from typing import Any

import jax


def count_weights(part: Any) -> int:
    """The number of weights of a layer, a cell, or any tree of arrays.

    >>> from elman.layers import Dense
    >>> count_weights(Dense(256, 86, key=jr.key(0)))  # 256 x 86 of the matrix, and 86 of the bias
    22102
    """
    return sum(array.size for array in jax.tree.leaves(part))
