"""Construction of new models by one compiled program each, which the cache keeps for later processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
from jaxtyping import PRNGKeyArray

from elman.cells.find import find_cell

if TYPE_CHECKING:
    from elman.tasks.task import Task


def new_model(task: Task, codec: Any, key: PRNGKeyArray) -> Any:
    """The network of `task` for `codec` with random weights, with the same bits as if each operation ran by itself."""
    return _computed(task, codec, _cell_of(task), key)


def shapes_of(task: Task, codec: Any) -> Any:
    """The network of `task` for `codec` with shapes in place of arrays; nothing is computed or compiled."""
    return jax.eval_shape(lambda: task.network(codec, key=jax.random.key(0)))


# The initial weights are computed once, so the compiler need not optimise much; level 0 would round differently. What
# XLA_FLAGS name stays: level 0 compiles in half of the time.
_LEVEL = "xla_backend_optimization_level"
_OPTIONS = {} if _LEVEL in os.environ.get("XLA_FLAGS", "") else {_LEVEL: 1}


@partial(jax.jit, static_argnums=(0, 1, 2), compiler_options=_OPTIONS)
def _computed(task: Task, codec: Any, cell: Any, key: PRNGKeyArray) -> Any:
    return task.network(codec, key=key)


def _cell_of(task: Task) -> Callable[..., Any] | None:
    """The class of the settings' `cell`. It is part of the cache's key, as a user's module may have been reloaded under
    the same name."""
    cell = task.to_builtins().get("cell")
    return find_cell(cell) if cell else None
