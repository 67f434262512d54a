"""The loss over a whole part, compiled once for each task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from elman._errors import quantity
from elman._types import Whole
from elman.metrics.measures import Measures
from elman.metrics.saved import restore

if TYPE_CHECKING:
    from elman.tasks.task import Batches, Task


@dataclass(frozen=True)
class MeanLoss(Measures):
    """The loss of a model on a part: the measure of a task that names no others.

    >>> metrics = MeanLoss(loss=0.25, count=1000, unit="line")
    >>> str(metrics), metrics.to_builtins()
    ('loss 0.2500 per line', {'loss_per_line': 0.25, 'count': 1000, 'unit': 'line'})
    """

    loss: float
    count: Whole
    unit: str
    """The unit that the loss is averaged over."""

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> MeanLoss:
        """The measures that `to_builtins` turned into plain values."""
        return restore(cls, {**values, "loss": values.get(f"loss_per_{values.get('unit')}")})

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: the loss."""
        return self.loss

    def report(self) -> str:
        """The line of `str()`, and the number of terms."""
        return f"{self}, over {quantity(self.count, self.unit)}"

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        return {f"loss_per_{self.unit}": self.loss, "count": self.count, "unit": self.unit}

    def __str__(self) -> str:
        return f"loss {self.loss:.4f} per {self.unit}"


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
