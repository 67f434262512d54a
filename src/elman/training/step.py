"""One optimiser step, compiled; and the search for the cause of a step that is not finite."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.stages import Wrapped

from elman._errors import NonFiniteError
from elman.tasks.task import Task

LARGEST_UPDATE = 1e21
"""No update is larger for a learning rate of 1 where the gradient's norm, a root of a float32, is finite."""


class StepResult(NamedTuple):
    """The measures of one step; if `finite` is False, the step changed nothing."""

    total: Any
    """The loss summed over the batch, in nats."""
    count: Any
    """The number of tokens or examples that the loss is summed over."""
    gradient_norm: Any
    finite: Any


def make_step(task: Task, optimiser: optax.GradientTransformation) -> Wrapped:
    """Compiles the optimiser step: (model, optimiser state, carry, batch, is_first, key, rate, factors) -> (model,
    optimiser state, carry, StepResult).

    `is_first` resets the carry to the initial state, inside the gradient, so that a learned initial state is trained.
    `factors` multiply the learning rate, one for each weight; None is 1 for all. A weight whose factor is 0 does not
    change, and its gradient counts neither in the norm nor in the optimiser's state.
    A step whose loss or gradient is not finite returns its inputs.
    """

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(
        model: Any,
        optimiser_state: Any,
        carry: Any,
        batch: Any,
        is_first: Any,
        key: Any,
        rate: Any,
        factors: Any = None,
    ) -> tuple:
        (mean, (total, count, after)), gradient = jax.value_and_grad(_mean_loss, argnums=1, has_aux=True)(
            task, model, carry, batch, is_first, key
        )
        with jax.named_scope("optimiser"):
            if factors is not None:
                gradient = jax.tree.map(lambda slope, factor: jnp.where(factor > 0, slope, 0), gradient, factors)
            norm = optax.tree.norm(gradient)
            finite = jnp.isfinite(mean) & jnp.isfinite(norm) & jnp.isfinite(rate * LARGEST_UPDATE)

            def update(model: Any, optimiser_state: Any, carry: Any) -> tuple:
                updates, new_optimiser_state = optimiser.update(gradient, optimiser_state, model)
                if factors is not None:
                    updates = jax.tree.map(jnp.multiply, updates, factors)
                new_model = jax.tree.map(lambda old, by: (old + rate * by).astype(old.dtype), model, updates)
                return new_model, new_optimiser_state, after

            # A branch writes in place what is donated; to select afterwards would read and write all weights twice.
            kept = jax.lax.cond(finite, update, lambda *old: old, model, optimiser_state, carry)
        return *kept, StepResult(total, count, norm, finite)

    return step


def diagnose(task: Task, model: Any, carry: Any, batch: Any, is_first: bool, key: Any, step: int) -> NonFiniteError:
    """The error for a step that was not finite. It names the first part that is not, in the order of computation:
    weights, activations, then gradients from the output back."""
    batch = jax.tree.map(jnp.asarray, batch)
    carry = jax.tree.map(jnp.asarray, task.init_carry(model, rows_of(batch))) if is_first else carry
    cause = _first_bad(model)
    if cause is None:
        outputs = task.activations(model, carry, batch)
        cause = next((f"the output of {name}" for name, output in outputs if _first_bad(output) is not None), None)
    if cause is None:
        gradient = jax.grad(_mean_loss, argnums=1, has_aux=True)(task, model, carry, batch, is_first, key)[0]
        cause = _first_bad(gradient, backwards=True)
        cause = f"the gradient of {cause}" if cause else "the update of the weights"
    return NonFiniteError(
        f"step {step}: {cause} is infinite or not a number; the state before this step was kept. "
        "Resume (resume=True, --resume) with a lower learning rate, or a smaller clip"
    )


def _mean_loss(task: Task, model: Any, carry: Any, batch: Any, is_first: Any, key: Any) -> tuple:
    fresh = task.init_carry(model, rows_of(batch))
    carry = jax.tree.map(lambda start, old: jnp.where(is_first, start, old), fresh, carry)
    with jax.named_scope("network"):
        (total, count), after = task.loss(model, carry, batch, key=key)
    return total / jnp.maximum(count, 1), (total, count, after)


def rows_of(batch: Any) -> int:
    """The number of sequences in a batch."""
    return len(jax.tree.leaves(batch)[0])


def _first_bad(tree: Any, *, backwards: bool = False) -> str | None:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    for path, leaf in reversed(leaves) if backwards else leaves:
        if not bool(jnp.isfinite(leaf).all()):
            return jax.tree_util.keystr(path, simple=True, separator=".")
    return None
