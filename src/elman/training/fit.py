"""Training of a task on data: reports its events, saves its states, and stops without loss."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jax
import msgspec
import numpy as np

from elman import artefact
from elman._compilation import CompileClock, use_compilation_cache
from elman._errors import ArtefactError, ConfigError, Interrupted
from elman._notebook import notebook
from elman._trust import remember
from elman.formats.frames import is_frame
from elman.tasks.items import ItemHashes
from elman.training.begin import (
    Beginning,
    Origin,
    begin_again,
    begin_anew,
    begin_from,
    new_state,
    origin_of,
    refuse_overwriting,
)
from elman.training.events import (
    Checkpoint,
    Compiling,
    Evaluated,
    Event,
    Finished,
    Judged,
    Noted,
    Prepared,
    Profiled,
    SaveFailed,
    Started,
    Stepped,
)
from elman.training.history import Evaluation, History
from elman.training.profile import WAITS
from elman.training.reporters import Reporter, Several, default_reporter
from elman.training.state import SavedRun, TrainState
from elman.training.stop import Stop, stop_requests
from elman.training.verdicts import verdicts

if TYPE_CHECKING:
    from elman.formats.frames import AnyFrame
    from elman.tasks.baseline import Baseline
    from elman.tasks.data import Data
    from elman.tasks.fitted import Fitted
    from elman.tasks.task import F, Task

LAST_WAITS = (1, 5, 15, 40)
"""The seconds between the attempts to save a model whose training is complete."""


def fit(
    task: Task[F],
    data: Data | AnyFrame,
    *,
    out: str | Path | None = None,
    force: bool = False,
    resume: bool = False,
    start_from: Fitted | Origin | str | Path | None = None,
    report: Reporter | None = None,
    also: Sequence[Reporter] = (),
    profile: str | Path | None = None,
    **settings: Any,
) -> F:
    """Trains `task` on `data` and returns the model of the best evaluation.

    Args:
        task: the task to learn, and the network to learn it with.
        data: the data that `task.read` returned, or a table in memory for it to read.
        out: the artefact directory, updated during training; None keeps everything in memory.
        force: overwrite an artefact at `out`.
        resume: continue from the state at `out`; task, data and settings must be the same, or be left out. A complete
            run is extended by a new budget.
        start_from: a trained model, or the place of a saved one, from whose weights training starts. It is a model of
            the same task and the same sizes; tokens and labels that it lacks are added. What `settings` leave out is as
            in its own training.
        report: receives the events; by default a progress bar if there is a terminal, and in a notebook a line that is
            updated and the learning curve.
        also: reporters that receive the events too, such as `elman.inspection.tensorboard.TensorBoard`.
        profile: a file for a table of where the time of a step goes, of some steps after the first ones.
        settings: the fields of `Training`, such as `minutes=5` or `epochs=10, seed=1`.

    Raises:
        ConfigError: an unknown or impossible setting, one that differs from the run to resume or from the model to
            start from, or a `profile` that cannot be written.
        ArtefactError: `out` exists, cannot be written, has nothing to resume, or is the model to start from.
        DataError: data that the model to start from cannot go on with.
        NonFiniteError: a loss or gradient that is not finite; `out` keeps the last good state.
        Interrupted: Ctrl-C, SIGTERM or SIGHUP; `out` keeps the state, and the exception the model. In a notebook,
            the model so far is returned instead, with a sentence, where there is one.

    >>> task = elman.LanguageModelling(cell=elman.GRU, hidden_size=8, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=5, evaluations=1)
    >>> fitted.measures["step"], fitted.task.cell
    (5, 'GRU')
    """
    use_compilation_cache()
    data = task.read(data) if is_frame(data) else cast("Data", data)
    place = Path(out).absolute() if out is not None else None
    if resume and force:
        raise ConfigError("resume goes on with the artefact, force overwrites it; choose one")
    if resume and start_from is not None:
        raise ConfigError("resume goes on with the artefact, start_from begins another one; choose one")
    origin = None if start_from is None else origin_of(start_from)
    if place is not None:
        refuse_overwriting(place, (*task.models, *([origin.place] if origin and origin.place else [])))
    with nullcontext() if place is None else artefact.claim(place):
        if place is not None and not resume:
            artefact.refuse_existing(place, force=force)
        if resume:
            begun = begin_again(task, data, settings, place)
        elif origin is not None:
            begun = begin_from(task, data, settings, origin)
        else:
            begun = begin_anew(task, data, settings)
        table = None if profile is None else _begun_file(Path(profile))
        remember(begun.task.imports)
        again = f"--resume --out {shlex.quote(str(out))}" if notebook() is None else "resume=True"
        with stop_requests() as stop:
            reporter, again = Several(report or default_reporter(), *also), again if place else ""
            run = _Run(
                begun, begun.state, dict(begun.measures), begun.history, place, again, reporter, stop, profile=table
            )
            return cast("F", run.finish())


@dataclass
class _Run:
    """A training: the state and the model that were saved last, or kept last where there is no place."""

    begun: Beginning
    state: TrainState | None
    measures: dict[str, Any]
    history: History
    place: Path | None
    again: str
    """The options that go on with it."""
    reporter: Reporter
    """From its creation on, a bar says what it waits for."""
    stop: Stop
    compiling: CompileClock = field(default_factory=CompileClock)
    profile: Path | None = None
    """The file for the table of where the time goes; None where there is none to write, or no longer."""
    baselines: tuple[Baseline, ...] = ()
    items: ItemHashes | None = None
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
            if self._is_kept:
                self._tell(self.reporter, Noted(self.stop.message))
            self._tell(self.reporter.close)
        if self.fitted is not None and (self.done or self._is_kept):
            return self.fitted
        if self.stop.number is None and self.stop.failure is not None:
            raise self.stop.failure
        raise Interrupted(self.stop.message, self.fitted, number=self.stop.number or signal.SIGINT)

    @property
    def _is_kept(self) -> bool:
        """True where a notebook's user stopped the run: an exception would take the model from the next cells."""
        return self.fitted is not None and self.stop.number == signal.SIGINT and notebook() is not None

    def _train(self) -> None:
        from elman.training.loop import train  # here, so that importing `elman.fit` needs neither equinox nor optax

        task, data, training = self.begun[:3]
        for sentence in (*data.notes, *self.begun.notes):
            self._tell(self.reporter, Noted(sentence))
        self.baselines = tuple(task.baselines(data))
        self.items = ItemHashes.of(task, data, before=self.begun.items)
        state = self.state or self._new()
        measured = bool(self.begun.start_from)
        how = {"stopped": self.stop.requested, "measure_first": measured, "profile": self.profile is not None}
        for event in train(task, data, training, state, **how):
            self.stop.at_once = isinstance(event, Started | Compiling)
            self._tell(self.reporter, event)
            if isinstance(event, Evaluated):
                self._note(event)
            if isinstance(event, Stepped) and event.step == 1:
                self.history = replace(self.history, start=event.loss)
            if isinstance(event, Profiled | Finished) and self.profile is not None:
                self._write_table(self.profile, event)
            if isinstance(event, Checkpoint | Finished):
                self._keep(event)

    def _new(self) -> TrainState:
        """The state before the first step, of a new model or of the one to start from."""
        task, data, training, _, model, *_ = self.begun
        note = f"starting from {self.begun.start_from}"
        if model is None:
            new = task.build(data.codec, key=jax.random.key(training.seed))
            model, note = task.initialise(new, data.codec)
        if note:
            self._tell(self.reporter, Prepared(note))
        return new_state(task, model, data, training)

    def _tell(self, report: Callable[..., None], *event: Event) -> None:
        """Reports. Where a pipe or a terminal was closed, the run is stopped, which saves its state."""
        try:
            report(*event)
        except OSError as error:
            self.stop.failure = error

    def _write_table(self, place: Path, event: Profiled | Finished) -> None:
        """Writes where the time goes, or says at the end that no step was measured."""
        self.profile = None
        if isinstance(event, Finished):
            few = f"{place}: has no table, since the first {WAITS} steps are not measured, and no more were made"
            self._tell(self.reporter, Noted(few))
            return
        try:
            place.write_text(event.profile.table(), encoding="utf-8")
        except OSError as error:
            self._tell(self.reporter, SaveFailed(f"{place}: cannot be written: {error.strerror}"))

    def _note(self, event: Evaluated) -> None:
        if event.is_best:
            self.measures = {"validation": event.metrics.to_builtins(), "step": event.step}
        self.history = replace(self.history, evaluations=(*self.history, Evaluation.of(event)))

    def _keep(self, event: Checkpoint | Finished) -> None:
        done = isinstance(event, Finished) and event.reason != "interrupted"
        if done:
            self._judge(event)
        fitted = replace(_fitted(self.begun, event.state, self.measures), history=self.history, items=self.items)
        if isinstance(event, Finished):
            fitted = fitted.remember(self.begun.data)
        saved = _with_state(fitted, event.state, self.begun, done=done)
        if self.place is None or self._save(self.place, saved, event):
            self.state, self.fitted, self.done = event.state, fitted, done
            self.stop.message = self._saved()
        if self.done:
            step, steps = self.measures["step"], self.measures["steps"]
            result = Judged(step, steps, fitted.validation, fitted.baselines, fitted.verdicts)
            self._tell(self.reporter, result)

    def _judge(self, event: Finished) -> None:
        """Adds to the measures the steps made, the times of this run, the baselines, and the verdicts."""
        task, data, training = self.begun[:3]
        assert self.items is not None, "hashed before the first step"
        metrics, overlap = (
            task.metrics_from(self.measures["validation"]),
            self.items.overlap(task.items(data.validation)),
        )
        run = {"history": self.history, "settings": training, "progress": event.state.progress, "overlap": overlap}
        self.measures |= {
            "steps": event.state.progress.step,
            "times": event.times._replace(compiling=self.compiling.seconds())._asdict(),
            "baselines": msgspec.json.decode(msgspec.json.encode(self.baselines)),  # as an artefact has them
            "verdicts": list(verdicts(task, metrics, self.baselines, **run)),
        }

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
        if notebook() is not None:
            where = "fit returned the model so far"
            where += f"; the same call with {self.again} goes on from there" if self.again else ""
        return f"interrupted after step {self.state.progress.step}; {where}"


def _begun_file(place: Path) -> Path:
    """The place of a file that can be written; what it holds stays until there is something to write."""
    try:
        place.open("ab").close()
    except OSError as error:
        raise ConfigError(f"profile: {place} cannot be written: {error.strerror}") from None
    return place


def _fitted(begun: Beginning, state: TrainState, measures: dict[str, Any]) -> Fitted:
    """The best model so far, or the latest one before the first evaluation."""
    best = state.model if state.progress.best_objective is None else state.best
    measures = measures | {"seconds": round(state.progress.seconds, 1)}
    if begun.start_from:
        measures["start_from"] = begun.start_from
    model = jax.device_put(jax.tree.map(np.array, best))  # copies without a compiled program
    kind, codec, training = begun.task.fitted_class, begun.data.codec, begun.training
    return kind(task=begun.task, codec=codec, model=model, training=training, measures=measures)


def _with_state(fitted: Fitted, state: TrainState, begun: Beginning, *, done: bool) -> artefact.Contents:
    run = SavedRun(
        progress=state.progress,
        source=begun.data.source,
        places=begun.data.places,
        fingerprint=msgspec.to_builtins(begun.data.fingerprint),
        complete=done,
        start_from=begun.start_from,
    )
    kept = artefact.SavedState(msgspec.to_builtins(run), artefact.named_arrays(state.arrays()))
    return msgspec.structs.replace(fitted.contents(), state=kept)
