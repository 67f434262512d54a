"""The size of a batch where the user leaves it to the budget: a short one makes more of many small steps.

At the same time of two processors, `elman train` on 0.54 M characters came to these nats per character:

| processor time | 32 streams | 16 | 8 |
|---|---|---|---|
| 15 s | 2.74 (60 steps) | 2.39 (123) | 2.22 (233) |
| 60 s | 1.89 (267 steps) | 1.63 (636) | 1.53 (1,214) |

A classifier of 4,459 messages came to 0.438 nats in 15 s with 32 texts and to 0.453 with 8, having learned nothing in
either; its steps are cheap, so that budgets from a quarter of a minute on keep the usual size.

The size depends on what is given and on the data, and of a budget in minutes on the share of the processors that other
processes leave; it is saved with the model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from elman import artefact
from elman.training.free import free_share
from elman.training.settings import Training

if TYPE_CHECKING:
    from elman.tasks.data import Data
    from elman.tasks.task import Task

ENOUGH = 1000
"""The steps from which on the usual size serves."""

SPEED, PAUSE = 5e10, 0.004
"""The operations a second with which a budget in minutes is turned into steps, those of two processors of a small
machine, and the seconds that any step takes."""


def with_batch_size(task: Task, data: Data, training: Training) -> Task:
    """The task with the size of its batches: the usual one, halved until the budget has enough steps or the size is the
    least. A budget in steps leaves it, since there smaller batches would only see less of the data."""
    sizes = task.batch_sizes
    if sizes is None or getattr(task, sizes.name) is not None:
        return task
    chosen = msgspec.structs.replace(task, **{sizes.name: sizes.usual})
    if training.steps is not None:
        return chosen
    share = 1.0 if training.minutes is None else free_share()
    size = sizes.usual // 2
    while size >= sizes.least and share * _steps(chosen, data, training) < ENOUGH:
        chosen, size = msgspec.structs.replace(task, **{sizes.name: size}), size // 2
    return chosen


def quicker(task: Task, steps: int) -> str:
    """The option with which a training that made so many steps by the clock would have made enough, or nearly; empty
    where it made enough, or its batches are the smallest already."""
    sizes = task.batch_sizes
    if sizes is None or steps >= ENOUGH or task.in_batch <= sizes.least:
        return ""
    fitting = 2 ** math.floor(math.log2(max(1, task.in_batch * steps / ENOUGH)))
    return f"--{sizes.name.replace('_', '-')} {max(sizes.least, fitting)}"


def _steps(task: Task, data: Data, training: Training) -> float:
    """The number of steps in a budget; in minutes, as it would be on a small machine."""
    batches = task.batches(data.train, seed=training.seed)
    if training.minutes is None:
        return training.total_steps(len(batches)) or 1
    shapes = artefact.shapes_by_name(task.shapes(data.codec))
    weights = sum(math.prod(shape) for name, shape in shapes.items() if "embedding" not in name)
    return 60 * training.minutes / (6 * weights * task.work(batches.at(0)) / SPEED + PAUSE)
