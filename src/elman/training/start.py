"""The state before the first step."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from elman.tasks.task import Task
from elman.training.optimiser import make_optimiser
from elman.training.settings import Training
from elman.training.state import Progress, TrainState


def start_state(task: Task, model: Any, settings: Training, rows: int) -> TrainState:
    """The state before the first step, for batches of `rows` rows; one program computes it."""
    begun, optimiser_state, carry = _start(task, settings, rows, model)
    return TrainState(model=begun, optimiser=optimiser_state, carry=carry, best=model, progress=Progress())


@partial(jax.jit, static_argnums=(0, 1, 2))
def _start(task: Task, settings: Training, rows: int, model: Any) -> tuple:
    # Copies have buffers of their own, which the step reuses.
    begun, carry = jax.tree.map(jnp.copy, (model, task.init_carry(model, rows)))
    return begun, make_optimiser(settings).init(model), carry
