"""A watcher that takes the place of `unroll`'s engines while a function runs, to see or to change what its cells do."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

from jaxtyping import Array

from elman._types import Carry
from elman.cells import Cell
from elman.recurrence.steps import Steps

Watcher = Callable[[Cell, Array, Carry, Steps], tuple[Carry, Array]]
"""A function of the cell, its inputs, the state to start from and the steps; it returns what `unroll` does."""

_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


def watcher() -> Watcher | None:
    """The watcher of the calls of `unroll` that run now."""
    return _WATCHER.get()


@contextmanager
def watched_by(watcher: Watcher | None) -> Generator[None]:
    """Lets `watcher` run the cells of every `unroll` in its body, or the engines again for None.

    A function that is watched is traced anew: one that `jax.jit` compiled before would not call `unroll` again.
    """
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)
