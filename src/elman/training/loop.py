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
from elman.training.events import (
    Checkpoint,
    Compiled,
    Compiling,
    Evaluated,
    Event,
    Finished,
    Profiled,
    Started,
    Stepped,
)
from elman.training.optimiser import make_optimiser
from elman.training.profile import Profiler
from elman.training.rates import rates_by_weight
from elman.training.settings import Training
from elman.training.state import Progress, TrainState
from elman.training.step import StepResult, diagnose, make_step
from elman.training.step_memory import step_memory
from elman.training.times import Times

SPEED_WINDOW = 50
"""The number of steps over which the speed is measured."""


EVALUATION_SHARE = 0.1
"""The largest share of a budget in minutes that evaluations take, but for the first two and the last. The first is no
yardstick for others: its programs are built in it."""


def train(
    task: Task,
    data: Data,
    settings: Training,
    state: TrainState,
    *,
    stopped: Callable[[], bool] = lambda: False,
    measure_first: bool = False,
    profile: bool = False,
) -> Iterator[Event]:
    """Trains from `state` until the budget is spent, patience runs out or `stopped()` is true; the last event holds the
    state. With `measure_first`, the model is measured before the first step too; with `profile`, some steps are timed.

    The loop neither prints nor saves. Each event's state is a value, but the next step reuses its buffers: save a state
    before you ask for the next event.

    Raises:
        NonFiniteError: a loss or gradient that is not finite; the `Checkpoint` before it holds the last good state.
    """
    profiler = Profiler() if profile else None
    try:
        yield from _train(task, data, settings, state, stopped, measure_first, profiler)
    finally:
        if profiler:
            profiler.end()  # of a run that was broken off: the trace is of the whole process


def _train(
    task: Task,
    data: Data,
    settings: Training,
    state: TrainState,
    stopped: Callable[[], bool],
    measure_first: bool,
    profiler: Profiler | None,
) -> Iterator[Event]:
    batches = task.batches(data.train, seed=settings.seed)
    step = make_step(task, make_optimiser(settings))
    run = _Clock(settings, len(batches), state.progress)
    base_key = jax.random.key(settings.seed)
    model, optimiser_state, carry, best, progress = state

    yield Started(
        state=state,
        parameters=sum(leaf.size for leaf in jax.tree.leaves(model)),
        size=len(data.train),
        unit=data.unit,
        loss_unit=task.loss_unit(data.codec),
        budget=settings.budget + (" more" if progress.first_step else ""),
        engine=" ".join(engine_for(first_cell(model).sample(base_key))),
        data=data,
    )
    yield Compiling("the training step")
    reason, spent, measured, known = "done", run.spent(progress.step), False, False
    epoch, factors = -1, None
    begins = measure_first and progress.step == 0 and progress.best_objective is None
    stopped_before = progress.step > progress.first_step and _due(spent, settings) > progress.evaluations
    evaluates = begins or stopped_before
    while evaluates or spent < 1 or progress.step == 0:
        if not evaluates:
            if profiler:
                profiler.begin_input()
            batch, key = batches.at(progress.step), jax.random.fold_in(base_key, np.uint32(progress.step))
            is_first = np.bool_(progress.step % len(batches) == 0)
            place = {"step": progress.step, "spent": spent, "first": progress.first_step}
            rate = np.float32(settings.rate(**place))
            if progress.step // len(batches) != epoch:
                epoch = progress.step // len(batches)
                factors = _factors(task, model, epoch)
            arguments = (model, optimiser_state, carry, batch, is_first, key, rate, factors)
            if not known:
                known = True
                yield Compiled(step_memory(step.lower(*arguments).compile(), arguments))
                run.begin()
            if profiler:
                profiler.begin_step(step, arguments)
            model, optimiser_state, carry, result = step(*arguments)
            if not bool(result.finite):
                yield Checkpoint(_snapshot(model, optimiser_state, carry, best, progress, run))
                raise diagnose(task, model, carry, batch, bool(is_first), key, progress.step)
            reached = {"warmth": settings.warmth(**place), "passes": (progress.step + 1) / len(batches)}
            progress = _counted(progress, result, rate=float(rate), **reached)
            run.count(float(result.count))
            if profiler and (measures := profiler.end_step()):
                yield Profiled(measures)
            spent = run.spent(progress.step)
            yield Stepped(
                step=progress.step,
                epoch=progress.passes,
                spent=spent,
                loss=float(result.total) / max(float(result.count), 1.0),
                gradient_norm=float(result.gradient_norm),
                learning_rate=progress.learning_rate,
                speed=run.speed(),
                seconds=run.seconds(),
            )
        evaluates = False
        due = _due(spent, settings)
        if begins or (due > progress.evaluations and (settings.minutes is None or spent >= 1 or run.may_evaluate())):
            begins = False
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
            loss = progress.loss_sum / max(progress.loss_count, 1.0) if progress.step else math.nan
            progress, is_best = _judged(progress, metrics, due)
            best = jax.tree.map(np.array, model) if is_best else best
            measures = {"validation": metrics.to_builtins(), "step": progress.step}
            fitted = task.fitted_class(task, data.codec, model, settings, measures)
            yield Evaluated(progress.step, spent, metrics, is_best, run.seconds(), loss, progress.learning_rate, fitted)
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
    if profiler and (measures := profiler.end()):
        yield Profiled(measures)
    yield Finished(_snapshot(model, optimiser_state, carry, best, progress, run), reason, run.times())


def _due(spent: float, settings: Training) -> int:
    """The number of evaluations that belong to a share of the budget."""
    return math.floor(spent * settings.evaluations + 1e-9)  # a third times three is one


def _factors(task: Task, model: Any, epoch: int) -> Any:
    rates = task.rates(model, epoch)
    return rates_by_weight(model, rates) if rates else None


def _snapshot(model: Any, optimiser_state: Any, carry: Any, best: Any, progress: Progress, run: _Clock) -> TrainState:
    return TrainState(model, optimiser_state, carry, best, msgspec.structs.replace(progress, seconds=run.seconds()))


def _counted(progress: Progress, result: StepResult, *, rate: float, warmth: float, passes: float) -> Progress:
    return msgspec.structs.replace(
        progress,
        step=progress.step + 1,
        loss_sum=progress.loss_sum + float(result.total),
        loss_count=progress.loss_count + float(result.count),
        learning_rate=rate,
        warmth=warmth,
        passes=passes,
    )


def _judged(progress: Progress, metrics: Metrics, evaluations: int) -> tuple[Progress, bool]:
    is_best = progress.best_objective is None or metrics.objective < progress.best_objective
    changes: dict[str, Any] = {"evaluations": evaluations, "loss_sum": 0.0, "loss_count": 0.0}
    if is_best:
        changes |= {
            "best_objective": metrics.objective,
            "best_step": progress.step,
            "stale_evaluations": 0,
        }
    else:
        changes["stale_evaluations"] = progress.stale_evaluations + 1
    return msgspec.structs.replace(progress, **changes), is_best


class _Clock:
    """The time spent from the first step on, over all runs of a resumed training, and the recent speed. It stands still
    while XLA compiles, as it does for the first evaluation."""

    def __init__(self, settings: Training, steps_per_epoch: int, progress: Progress):
        self._settings, self._steps_per_epoch = settings, steps_per_epoch
        self._before = progress.seconds
        self._first_step, self._first_seconds = progress.first_step, progress.first_seconds
        self._saved = -math.inf
        self._evaluation, self._compiled = 0.0, CompileClock()
        self.begin()

    def begin(self) -> None:
        """Begins the run: before the first step, which is compiled by then."""
        self._began, self._compiling = time.monotonic() - self._before, CompileClock()
        self._last_evaluation, self._measured = -math.inf, 0.0
        self.restart_speed()

    def seconds(self) -> float:
        return time.monotonic() - self._began - self._compiling.seconds()

    def spent(self, step: int) -> float:
        return self._settings.spent(
            step=step - self._first_step,
            seconds=self.seconds() - self._first_seconds + self._reserve(),
            steps_per_epoch=self._steps_per_epoch,
        )

    def times(self) -> Times:
        steps = max(0.0, self.seconds() - self._before - self._measured)
        return Times(steps, self._measured, self._compiled.seconds())

    def _reserve(self) -> float:
        """The seconds of a budget in minutes that are left for the last evaluation, a tenth at most."""
        return min(self._evaluation, EVALUATION_SHARE * 60 * (self._settings.minutes or 0))

    def evaluated(self, seconds: float) -> None:
        is_first, self._last_evaluation = self._last_evaluation == -math.inf, self.seconds()
        self._evaluation = 0.0 if is_first else seconds
        self._measured += seconds

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
