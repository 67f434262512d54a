"""The training loop: a generator of events."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import jax
import msgspec
import numpy as np

from elman._compilation import CompileClock
from elman._errors import NonFiniteError
from elman.cells.find import first_cell
from elman.recurrence import engine_for
from elman.tasks.data import Data
from elman.tasks.task import Metrics, Task
from elman.training.events import Checkpoint, Compiling, Evaluated, Event, Finished, Started, Stepped
from elman.training.optimiser import make_optimiser
from elman.training.rates import rates_by_weight
from elman.training.settings import Training
from elman.training.state import Progress, TrainState
from elman.training.step import diagnose, make_step

SPEED_WINDOW = 50
"""The number of steps over which the speed is measured."""


EVALUATION_SHARE = 0.1
"""The largest share of a budget in minutes that evaluations take, but for the first and the last."""


def train(
    task: Task, data: Data, settings: Training, state: TrainState, *, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Trains from `state` until the budget is spent, patience runs out or `stopped()` is true; the last event holds the
    state.

    The loop neither prints nor saves. Each event's state is a value, but the next step reuses its buffers: save a state
    before you ask for the next event.

    Raises:
        NonFiniteError: a loss or gradient that is not finite; the `Checkpoint` before it holds the last good state.
    """
    batches = task.batches(data.train, seed=settings.seed)
    step = make_step(task, make_optimiser(settings))
    run = _Clock(settings, len(batches), state.progress.seconds)
    base_key = jax.random.key(settings.seed)
    model, optimiser_state, carry, best, progress = state

    yield Started(
        state=state,
        parameters=sum(leaf.size for leaf in jax.tree.leaves(model)),
        size=len(data.train),
        unit=data.unit,
        loss_unit=task.loss_unit(data.codec),
        budget=settings.budget,
        engine=" ".join(engine_for(first_cell(model).sample(base_key))),
    )
    yield Compiling("the training step")
    reason, spent, measured = "done", run.spent(progress.step), False
    epoch, factors = -1, None
    evaluates = progress.step > 0 and _due(spent, settings) > progress.evaluations  # before it, this run was stopped
    while evaluates or spent < 1 or progress.step == 0:
        if not evaluates:
            batch, key = batches.at(progress.step), jax.random.fold_in(base_key, np.uint32(progress.step))
            is_first = np.bool_(progress.step % len(batches) == 0)
            rate = np.float32(settings.rate(step=progress.step, spent=spent))
            if progress.step // len(batches) != epoch:
                epoch = progress.step // len(batches)
                factors = _factors(task, model, epoch)
            model, optimiser_state, carry, result = step(
                model, optimiser_state, carry, batch, is_first, key, rate, factors
            )
            if not bool(result.finite):
                yield Checkpoint(_snapshot(model, optimiser_state, carry, best, progress, run))
                raise diagnose(task, model, carry, batch, bool(is_first), key, progress.step)
            progress = msgspec.structs.replace(progress, step=progress.step + 1)
            run.count(float(result.count))
            spent = run.spent(progress.step)
            yield Stepped(
                step=progress.step,
                epoch=progress.step / len(batches),
                spent=spent,
                loss=float(result.total) / max(float(result.count), 1.0),
                gradient_norm=float(result.gradient_norm),
                learning_rate=float(rate),
                speed=run.speed(),
                seconds=run.seconds(),
            )
        evaluates = False
        due = _due(spent, settings)
        if due > progress.evaluations and (settings.minutes is None or spent >= 1 or run.may_evaluate()):
            if not measured:
                yield Checkpoint(_snapshot(model, optimiser_state, carry, best, progress, run))
                yield Compiling("the evaluation")
                measured = True
            began = run.seconds()
            metrics = task.evaluate(model, data.validation, data.codec)
            run.evaluated(run.seconds() - began)
            if not math.isfinite(metrics.objective):
                yield Checkpoint(_snapshot(model, optimiser_state, carry, best, progress, run))
                raise NonFiniteError(
                    f"step {progress.step}: the measure of the validation part is infinite or not a number"
                )
            progress, is_best = _judged(progress, metrics, due)
            best = jax.tree.map(np.array, model) if is_best else best
            yield Evaluated(progress.step, spent, metrics, is_best, run.seconds())
            run.restart_speed()
            if settings.patience and progress.stale_evaluations >= settings.patience:
                reason = "early"
                break
        if stopped():
            reason = "interrupted"
            break
        if run.checkpoint_due():
            yield Checkpoint(_snapshot(model, optimiser_state, carry, best, progress, run))
            run.checkpoint_made()
    yield Finished(_snapshot(model, optimiser_state, carry, best, progress, run), reason)


def _due(spent: float, settings: Training) -> int:
    """The number of evaluations that belong to a share of the budget."""
    return math.floor(spent * settings.evaluations + 1e-9)  # a third times three is one


def _factors(task: Task, model: Any, epoch: int) -> Any:
    rates = task.rates(model, epoch)
    return rates_by_weight(model, rates) if rates else None


def _snapshot(model: Any, optimiser_state: Any, carry: Any, best: Any, progress: Progress, run: _Clock) -> TrainState:
    return TrainState(model, optimiser_state, carry, best, msgspec.structs.replace(progress, seconds=run.seconds()))


def _judged(progress: Progress, metrics: Metrics, evaluations: int) -> tuple[Progress, bool]:
    is_best = progress.best_objective is None or metrics.objective < progress.best_objective
    if is_best:
        changes: dict[str, Any] = {
            "best_objective": metrics.objective,
            "best_step": progress.step,
            "stale_evaluations": 0,
        }
    else:
        changes = {"stale_evaluations": progress.stale_evaluations + 1}
    return msgspec.structs.replace(progress, evaluations=evaluations, **changes), is_best


class _Clock:
    """The time spent, over all runs of a resumed training, and the recent speed. It stands still while XLA compiles."""

    def __init__(self, settings: Training, steps_per_epoch: int, seconds_before: float):
        self._settings, self._steps_per_epoch = settings, steps_per_epoch
        self._began, self._compiling = time.monotonic() - seconds_before, CompileClock()
        self._saved = self._last_evaluation = -math.inf
        self._evaluation = 0.0
        self.restart_speed()

    def seconds(self) -> float:
        return time.monotonic() - self._began - self._compiling.seconds()

    def spent(self, step: int) -> float:
        return self._settings.spent(step=step, seconds=self.seconds(), steps_per_epoch=self._steps_per_epoch)

    def evaluated(self, seconds: float) -> None:
        self._last_evaluation, self._evaluation = self.seconds(), seconds

    def may_evaluate(self) -> bool:
        """True where evaluations like the last one take a tenth of the time at most."""
        return self.seconds() - self._last_evaluation >= self._evaluation * (1 / EVALUATION_SHARE - 1)

    def checkpoint_due(self) -> bool:
        """True after the first step, so that a path that cannot be written is found early; then by the clock."""
        return time.monotonic() - self._saved >= self._settings.checkpoint_seconds

    def checkpoint_made(self) -> None:
        self._saved = time.monotonic()

    def restart_speed(self) -> None:
        self._recent: deque[tuple[float, float]] = deque([(time.monotonic(), 0.0)], maxlen=SPEED_WINDOW)

    def count(self, tokens: float) -> None:
        self._recent.append((time.monotonic(), tokens))

    def speed(self) -> float:
        began, ended = self._recent[0][0], self._recent[-1][0]
        return sum(tokens for _, tokens in list(self._recent)[1:]) / max(ended - began, 1e-9)
