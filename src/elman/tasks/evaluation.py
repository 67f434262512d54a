"""The loss over a whole part, compiled once for each task."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from elman.tasks.task import Batches, Task


def total_loss(task: Task, model: Any, batches: Batches) -> tuple[float, float]:
    """(nats, count) summed over one epoch of `batches` from the initial state, without noise. Where a state is passed
    from batch to batch, every batch must have as many rows as the first."""
    (begin, measure), total, count, carry = _compiled(task), 0.0, 0.0, None
    for step in range(len(batches)):
        batch = batches.at(step)
        if carry is None:
            carry = begin(model, len(jax.tree.leaves(batch)[0]))
        nats, tokens, carry = measure(model, carry, batch)
        total, count = total + float(nats), count + float(tokens)
    return total, count


@lru_cache(maxsize=8)
def _compiled(task: Task) -> tuple[Callable[[Any, int], Any], Callable[[Any, Any, Any], tuple]]:
    @partial(jax.jit, static_argnums=1)
    def begin(model: Any, rows: int) -> Any:
        return jax.tree.map(jnp.copy, task.init_carry(model, rows))

    @partial(jax.jit, donate_argnums=1)
    def measure(model: Any, carry: Any, batch: Any) -> tuple:
        (nats, tokens), carry = task.loss(model, carry, batch)
        return nats, tokens, carry

    return begin, measure
