"""Training of a task on data: reports its events, saves its states, and stops without loss."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import msgspec
import numpy as np

from elman import artefact
from elman._compilation import use_compilation_cache
from elman._errors import ArtefactError, ConfigError, Interrupted
from elman._trust import remember
from elman.tasks.load import from_saved, trusted_parts_of
from elman.training.events import Checkpoint, Evaluated, Event, Finished, Noted, Prepared, SaveFailed
from elman.training.reporters import Reporter, default_reporter
from elman.training.settings import Training, training_defaults
from elman.training.state import SavedRun, TrainState, saved_run

if TYPE_CHECKING:
    from elman.tasks.data import Data
    from elman.tasks.fitted import Fitted
    from elman.tasks.task import F, Task

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
        Interrupted: Ctrl-C or SIGTERM; `out` keeps the state, and the exception the model.

    >>> task = elman.LanguageModelling(cell=elman.GRU, hidden_size=8, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=5, evaluations=1)
    >>> fitted.measures["step"], fitted.task.cell
    (5, 'GRU')
    """
    from elman.training.loop import train  # here, so that importing `elman.fit` needs neither equinox nor optax

    use_compilation_cache()
    given = {name for name, value in settings.items() if value is not None}
    training = Training(**{**training_defaults(task.training, given), **settings})
    place = Path(out).absolute() if out is not None else None
    if resume and force:
        raise ConfigError("resume goes on with the artefact, force overwrites it; choose one")
    if place is not None and not resume:
        artefact.refuse_existing(place, force=force)
    if resume:
        (task, state, measures), note = _resume(task, data, training, place), ""
    else:
        task, state, measures = task.configure(data), None, {}
    remember(task.imports)

    reporter = report or default_reporter()  # from here on, a bar says what it waits for
    try:
        for sentence in data.notes:
            reporter(Noted(sentence))
        if state is None:
            state, note = _new(task, data, training)
        if note:
            reporter(Prepared(note))
        with _stop_requests() as stop:
            for event in train(task, data, training, state, stopped=stop.is_set):
                reporter(event)
                if isinstance(event, Evaluated) and event.is_best:
                    measures = {"validation": event.metrics.to_builtins(), "step": event.step}
                if isinstance(event, Checkpoint | Finished):
                    state = event.state
                    done = isinstance(event, Finished) and event.reason != "interrupted"
                    fitted = _fitted(task, data, training, state, measures)
                    if isinstance(event, Finished):
                        fitted = fitted.remember(data)
                    if place is not None:
                        _save(place, _with_state(fitted, state, data, done=done), event, reporter)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        smaller = "a smaller batch_size, unroll_length or hidden_size"
        raise ConfigError(f"not enough memory for this network and batch; choose {smaller}") from None
    finally:
        reporter.close()
    if not done:
        where = f"resume with --resume --out {out}" if place else "the exception's `fitted` is the model so far"
        raise Interrupted(f"interrupted after step {state.progress.step}; {where}", fitted)
    return fitted


def _save(place: Path, saved: artefact.Contents, event: Event, reporter: Reporter) -> None:
    """Writes the artefact. A checkpoint that cannot be written is reported, and the next one tries again; but the first
    one raises, since its place is wrong."""
    try:
        artefact.write(place, saved)
    except ArtefactError as error:
        if isinstance(event, Finished) or not artefact.exists(place):
            raise
        reporter(SaveFailed(str(error)))


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
            given = now.to_builtins()[name]
            chosen = now is task and given is None  # the option is chosen by the data, which has not changed
            if given != value and not chosen and name not in CHANGEABLE:
                raise ConfigError(f"{name}: the run at {place} has {value!r}; it cannot be resumed with {given!r}")
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


@contextmanager
def _stop_requests() -> Generator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C stops at once. Outside the main thread it is never set,
    since signals cannot be caught there."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request(number: int, frame: Any) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
