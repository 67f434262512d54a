"""Draws of different examples, for generated data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from elman._errors import DataError

Example = TypeVar("Example")

PATIENCE = 1000
"""The number of draws without a new example after which there are taken to be no more."""


def distinct(draw: Callable[[], Example], count: int, *, key: Callable[[Example], object], what: str) -> list[Example]:
    """Draws `count` examples with different keys.

    Raises:
        DataError: there seem to be fewer; `what` names them.

    >>> import itertools
    >>> distinct(map(abs, itertools.count(-2)).__next__, 3, key=lambda n: n, what="numbers")
    [2, 1, 0]
    """
    examples: dict[object, Example] = {}
    stale = 0
    while len(examples) < count:
        before, example = len(examples), draw()
        examples.setdefault(key(example), example)
        stale = 0 if len(examples) > before else stale + 1
        if stale > PATIENCE:
            raise DataError(f"there are about {len(examples):,} {what}; got a request for {count:,}")
    return list(examples.values())
