"""New models, each computed by one compiled program, which the cache keeps for later processes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from elman.cells.find import find_cell
from elman.tasks._task import Task


def new_model(task: Task, codec: Any, key: PRNGKeyArray) -> Any:
    """The network of `task` for `codec` with random weights, the same bits as if each operation ran by itself."""
    return _computed(task, codec, _cell_of(task), key)


def shapes_of(task: Task, codec: Any) -> Any:
    """The same with shapes in place of arrays; nothing is computed or compiled."""
    return jax.eval_shape(lambda: task.network(codec, key=jax.random.key(0)))


# A start is computed once, so the compiler need not try hard; level 0 would round otherwise.
@partial(jax.jit, static_argnums=(0, 1, 2), compiler_options={"xla_backend_optimization_level": 1})
def _computed(task: Task, codec: Any, cell: Any, key: PRNGKeyArray) -> Any:
    return task.network(codec, key=key)


def _cell_of(task: Task) -> Callable[..., Any] | None:
    """What the settings' `cell` stands for now: a user's module may have been loaded anew under the same name."""
    cell = task.to_builtins().get("cell")
    return find_cell(cell) if cell else None
