"""Training of a task on data: reports its events, saves its states, and stops without loss."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jax
import msgspec
import numpy as np

from elman import artefact
from elman._compilation import use_compilation_cache
from elman._errors import ArtefactError, ConfigError, Interrupted
from elman._trust import remember
from elman.tasks.load import from_saved, trusted_parts_of
from elman.training.events import (
    Checkpoint,
    Compiling,
    Evaluated,
    Event,
    Finished,
    Noted,
    Prepared,
    SaveFailed,
    Started,
)
from elman.training.reporters import Reporter, default_reporter
from elman.training.settings import Training, training_defaults
from elman.training.state import SavedRun, TrainState, saved_run
from elman.training.stop import Stop, stop_requests

if TYPE_CHECKING:
    from elman.tasks.data import Data
    from elman.tasks.fitted import Fitted
    from elman.tasks.task import F, Task

LAST_WAITS = (1, 5, 15, 40)
"""The seconds between the attempts to save a model whose training is complete."""

CHANGEABLE = ("checkpoint_seconds", "learning_rate", "clip")
"""Settings that a resumed run may change: how often it is saved, and the remedies for a run that diverged."""


def fit(
    task: Task[F],
    data: Data,
    *,
    out: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    report: Reporter | None = None,
    **settings: Any,
) -> F:
    """Trains `task` on `data` and returns the model of the best evaluation.

    Args:
        task: the task to learn, and the network to learn it with.
        data: the data that `task.read` returned.
        out: the artefact directory, updated during training; None keeps everything in memory.
        force: overwrite an artefact at `out`.
        resume: continue from the state at `out`; task, data and settings must be the same.
        report: receives the events; by default a progress bar if there is a terminal.
        settings: the fields of `Training`, such as `minutes=5` or `epochs=10, seed=1`.

    Raises:
        ConfigError: an unknown or impossible setting, or one that differs from the run to resume.
        ArtefactError: `out` exists, cannot be written, or has nothing to resume.
        NonFiniteError: a loss or gradient that is not finite; `out` keeps the last good state.
        Interrupted: Ctrl-C, SIGTERM or SIGHUP; `out` keeps the state, and the exception the model.

    >>> task = elman.LanguageModelling(cell=elman.GRU, hidden_size=8, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=5, evaluations=1)
    >>> fitted.measures["step"], fitted.task.cell
    (5, 'GRU')
    """
    use_compilation_cache()
    named = {name for name, value in settings.items() if value is not None}
    training = Training(**{**training_defaults(task.training, named), **settings})
    place = Path(out).absolute() if out is not None else None
    if resume and force:
        raise ConfigError("resume goes on with the artefact, force overwrites it; choose one")
    with nullcontext() if place is None else artefact.claim(place):
        if place is not None and not resume:
            artefact.refuse_existing(place, force=force)
        before = _resume(task, data, training, place) if resume else (task.configure(data), None, {})
        remember(before[0].imports)
        again = "" if out is None else f"--resume --out {shlex.quote(str(out))}"
        with stop_requests() as stop:
            run = _Run(*before, data, training, place, again, report or default_reporter(), stop)
            return cast("F", run.finish())


@dataclass
class _Run:
    """A training: the state and the model that were saved last, or kept last where there is no place."""

    task: Task
    state: TrainState | None
    measures: dict[str, Any]
    data: Data
    training: Training
    place: Path | None
    again: str
    """The options that go on with it."""
    reporter: Reporter
    """From its creation on, a bar says what it waits for."""
    stop: Stop
    fitted: Fitted | None = None
    done: bool = False

    def finish(self) -> Fitted:
        """Trains until the end, or until a stop, and returns the model.

        Raises:
            Interrupted: a signal came first.
            OSError: the report could not be written.
        """
        self.stop.message = self._saved()
        try:
            self._train()
        except Interrupted:
            pass  # at once: the state is the one that was saved last
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            smaller = "a smaller batch_size, unroll_length or hidden_size"
            raise ConfigError(f"not enough memory for this network and batch; choose {smaller}") from None
        finally:
            self._tell(self.reporter.close)
        if self.done and self.fitted is not None:
            return self.fitted
        if self.stop.number is None and self.stop.failure is not None:
            raise self.stop.failure
        raise Interrupted(self.stop.message, self.fitted, number=self.stop.number or signal.SIGINT)

    def _train(self) -> None:
        from elman.training.loop import train  # here, so that importing `elman.fit` needs neither equinox nor optax

        for sentence in self.data.notes:
            self._tell(self.reporter, Noted(sentence))
        state = self.state
        if state is None:
            state, note = _new(self.task, self.data, self.training)
            if note:
                self._tell(self.reporter, Prepared(note))
        for event in train(self.task, self.data, self.training, state, stopped=self.stop.requested):
            self.stop.at_once = isinstance(event, Started | Compiling)
            self._tell(self.reporter, event)
            if isinstance(event, Evaluated) and event.is_best:
                self.measures = {"validation": event.metrics.to_builtins(), "step": event.step}
            if isinstance(event, Checkpoint | Finished):
                self._keep(event)

    def _tell(self, report: Callable[..., None], *event: Event) -> None:
        """Reports. Where a pipe or a terminal was closed, the run is stopped, which saves its state."""
        try:
            report(*event)
        except OSError as error:
            self.stop.failure = error

    def _keep(self, event: Checkpoint | Finished) -> None:
        done = isinstance(event, Finished) and event.reason != "interrupted"
        fitted = _fitted(self.task, self.data, self.training, event.state, self.measures)
        if isinstance(event, Finished):
            fitted = fitted.remember(self.data)
        if self.place is None or self._save(self.place, _with_state(fitted, event.state, self.data, done=done), event):
            self.state, self.fitted, self.done = event.state, fitted, done
            self.stop.message = self._saved()

    def _save(self, place: Path, saved: artefact.Contents, event: Event) -> bool:
        """Writes the artefact, and returns True if that succeeded.

        A checkpoint that cannot be written is reported, and the next one tries again; the last one is tried several
        times. But the first one raises, since its place is wrong."""
        waits = LAST_WAITS if isinstance(event, Finished) and event.reason != "interrupted" else ()
        for wait in (*waits, None):
            try:
                artefact.write(place, saved)
                return True
            except ArtefactError as error:
                if not artefact.exists(place):
                    raise
                if wait is None and isinstance(event, Finished):
                    raise ArtefactError(f"{error}{self._saved_before()}") from None
                again = "" if wait is None else f"; trying again in {wait} s"
                self._tell(self.reporter, SaveFailed(f"{error}{again}"))
            self.stop.at_once = True
            time.sleep(wait or 0)
            self.stop.at_once = False
        return False

    def _saved_before(self) -> str:
        return f": step {self.state.progress.step}, and {self.again} goes on from there" if self.state else ""

    def _saved(self) -> str:
        if self.state is None:
            return "interrupted before the first step; nothing was saved"
        where = f"resume with {self.again}" if self.again else "the exception's `fitted` is the model so far"
        return f"interrupted after step {self.state.progress.step}; {where}"


def read_unfinished(place: Path) -> tuple[SavedRun, Task, Training]:
    """The state, task and settings of the unfinished run at `place`.

    Raises:
        ArtefactError: no artefact, or one whose training is complete.
    """
    saved, state = _read_unfinished(place)
    parts = trusted_parts_of(place, saved)
    return saved_run(place, state), parts.task, parts.training


def _fitted(task: Task[F], data: Data, training: Training, state: TrainState, measures: dict[str, Any]) -> F:
    """The best model so far, or the latest one before the first evaluation."""
    best = state.model if state.progress.best_objective is None else state.best
    measures = measures | {"seconds": round(state.progress.seconds, 1)}
    model = jax.device_put(jax.tree.map(np.array, best))  # copies without a compiled program
    return task.fitted_class(task=task, codec=data.codec, model=model, training=training, measures=measures)


def _with_state(fitted: Fitted, state: TrainState, data: Data, *, done: bool) -> artefact.Contents:
    saved = fitted.contents()
    if done:
        return saved
    run = SavedRun(
        progress=state.progress,
        source=data.source,
        places=data.places,
        fingerprint=msgspec.to_builtins(data.fingerprint),
    )
    kept = artefact.SavedState(msgspec.to_builtins(run), artefact.named_arrays(state.arrays()))
    return msgspec.structs.replace(saved, state=kept)


def _new(task: Task, data: Data, training: Training) -> tuple[TrainState, str]:
    model, note = task.initialise(task.build(data.codec, key=jax.random.key(training.seed)), data.codec)
    return _start_new(task, model, data, training), note


def _start_new(task: Task, model: Any, data: Data, training: Training) -> TrainState:
    from elman.training.start import start_state  # here as in `fit`
    from elman.training.step import rows_of

    rows = rows_of(task.batches(data.train, seed=training.seed).at(0))
    return start_state(task, model, training, rows)


def _resume(task: Task, data: Data, training: Training, place: Path | None) -> tuple[Task, TrainState, dict[str, Any]]:
    if place is None:
        raise ConfigError("resume: expected the artefact to resume in `out`")
    saved, kept = _read_unfinished(place)
    before, unfinished = from_saved(place, saved), saved_run(place, kept)
    for then, now in ((before.task, task), (before.training, training)):
        for name, value in then.to_builtins().items():
            value_now = now.to_builtins()[name]
            chosen = now is task and value_now is None  # the option is chosen by the data, which has not changed
            if value_now != value and not chosen and name not in CHANGEABLE:
                raise ConfigError(f"{name}: the run at {place} has {value!r}; it cannot be resumed with {value_now!r}")
    run = f"{place}, which was training on {unfinished.source}"
    data.fingerprint.check(unfinished.fingerprint, run=run, source=data.source)
    shapes = before.task.shapes(data.codec)
    empty = jax.eval_shape(lambda model: _start_new(before.task, model, data, training).arrays(), shapes)
    arrays = artefact.fill(empty, kept.arrays, what=f"{place}/training")
    state = TrainState(
        model=arrays["model"],
        optimiser=arrays["optimiser"],
        carry=arrays["carry"],
        best=before.model,
        progress=unfinished.progress,
    )
    return before.task, state, before.measures


def _read_unfinished(place: Path) -> tuple[artefact.Contents, artefact.SavedState]:
    saved = artefact.read(place, with_state=True)
    if saved.state is None:
        raise ArtefactError(f"{place}: its training is complete; there is nothing to resume. Train anew with --force")
    return saved, saved.state
