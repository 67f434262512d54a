"""The three ways in which a run begins: anew, from a saved model on other data, and where a saved run stopped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from elman import artefact
from elman._errors import ArtefactError, ConfigError
from elman.tasks.growth import check_settings, grow_model, with_settings
from elman.tasks.load import from_saved, trusted_parts_of
from elman.tasks.settings import PretrainedSettings
from elman.training.batch_size import with_batch_size
from elman.training.history import History
from elman.training.settings import BUDGETS, Training, training_defaults
from elman.training.state import SavedRun, TrainState, saved_run

if TYPE_CHECKING:
    from elman.tasks.data import Data
    from elman.tasks.fitted import Fitted
    from elman.tasks.items import ItemHashes
    from elman.tasks.task import Task

CHANGEABLE = ("checkpoint_seconds", "learning_rate", "clip")
"""Settings that a resumed run may change: how often it is saved, and the remedies for a run that diverged."""

EXTENDABLE = (*CHANGEABLE, *BUDGETS, "warmup_steps", "hold", "decay", "evaluations", "patience")
"""Settings that may change where a complete run is extended, which begins a new schedule."""


class Beginning(NamedTuple):
    """A run before its first step, or before the next one."""

    task: Task
    data: Data
    training: Training
    state: TrainState | None = None
    """The state from which the run goes on; None where it is to be made."""
    model: Any = None
    """The model to start from; None for a new one."""
    measures: Mapping[str, Any] = MappingProxyType({})
    """The measures of the best model so far."""
    history: History = History()
    """The evaluations so far."""
    start_from: str = ""
    """The name of the model to start from."""
    notes: tuple[str, ...] = ()
    items: ItemHashes | None = None
    """The hashes of the inputs that the model was trained on before."""


class Origin(NamedTuple):
    """A saved model to start from, and its name in messages."""

    fitted: Fitted
    name: str
    place: Path | None = None
    notes: tuple[str, ...] = ()


def origin_of(model: Fitted | Origin | str | Path) -> Origin:
    """The model to start from: a trained one, or the place of a saved one.

    Raises:
        ArtefactError: no artefact, or a damaged one.
    """
    if isinstance(model, Origin):
        return model
    if not isinstance(model, str | Path):
        return Origin(model, "the model")
    place = Path(model)
    saved = artefact.read(place, with_state=True)
    run = None if saved.state is None else saved_run(place, saved.state)
    unfinished = run is not None and not run.complete
    notes = (f"{place}: its training is unfinished; starting from its best weights so far",) if unfinished else ()
    return Origin(from_saved(place, saved), str(place), place, notes)


def refuse_overwriting(out: Path, models: Iterable[str | Path]) -> None:
    """Refuses to write to the place of a model that the training starts from.

    Raises:
        ArtefactError: `out` is the place of one of the models.
    """
    for model in models:
        if Path(model).resolve() == out.resolve():
            raise ArtefactError(
                f"{out}: is the model to start from, which is never overwritten; name another place (--out, out=...)"
            )


def begin_anew(task: Task, data: Data, settings: Mapping[str, Any]) -> Beginning:
    """The beginning of a new run with a random model."""
    training = _training(task.training, settings)
    return Beginning(with_batch_size(task.configure(data), data, training), data, training)


def begin_from(task: Task, data: Data, settings: Mapping[str, Any], origin: Origin) -> Beginning:
    """The beginning of a run on other data with the weights of a saved model of the same task. Settings of training
    that are not given are the model's.

    Raises:
        ConfigError: a model for another task, or a setting with which it would be another model.
        DataError: data that the model cannot go on with.
    """
    before, task = check_origin(task, origin)
    task = task.configure(data)
    growth = task.grow(origin.fitted.codec, data)
    check_settings(before, task, origin.fitted.codec, model=origin.name)
    data = data.encoded_by(growth.codec)
    rows = task.unknown_rows(growth.codec)
    model = grow_model(origin.fitted.model, task.shapes(growth.codec), unknown=rows, what=origin.name)
    training = _training(origin.fitted.training.to_builtins(), settings)
    notes = (*origin.notes, *(f"{origin.name}: {note}" for note in growth.notes))
    history = origin.fitted.history.followed()
    kept: dict[str, Any] = {"history": history, "notes": notes, "items": origin.fitted.items}
    task = with_batch_size(task, data, training)
    return Beginning(task, data, training, model=model, start_from=origin.name, **kept)


def check_origin(task: Task, origin: Origin) -> tuple[Task, Task]:
    """The task of the model as it reads other data, and `task` with the model's settings in place of those that the
    data would choose.

    Raises:
        ConfigError: a model for another task, or a setting with which it would be another model.
    """
    if type(origin.fitted.task) is not type(task):
        ours, other = (type(one).__name__ for one in (origin.fitted.task, task))
        hint = f"; {other}(start_from=...) starts from language models" if isinstance(task, PretrainedSettings) else ""
        raise ConfigError(f"start_from: {origin.name} is a model for {ours}, and cannot go on as one for {other}{hint}")
    codec = origin.fitted.codec
    before = origin.fitted.task.for_new_data(codec)
    task = with_settings(task.for_new_data(codec), before)
    check_settings(before, task, codec, model=origin.name)
    return before, task


def read_run(place: Path) -> tuple[SavedRun, Task, Training]:
    """The state, task and settings of the run at `place`.

    Raises:
        ArtefactError: no artefact, or one without the state of its training.
    """
    saved, state = _read(place)
    parts = trusted_parts_of(place, saved)
    return saved_run(place, state), parts.task, parts.training


def refuse_complete(run: SavedRun, place: Path, settings: Mapping[str, Any]) -> None:
    """Refuses to resume a complete run without a budget that extends it.

    Raises:
        ArtefactError: the run is complete, and `settings` have no budget.
    """
    if run.complete and all(settings.get(name) is None for name in BUDGETS):
        raise ArtefactError(
            f"{place}: its training is complete, after step {run.progress.step:,}; a budget extends it, such as "
            "--minutes 10 (minutes=10), and --from (start_from=) goes on with other data"
        )


def begin_again(task: Task, data: Data, settings: Mapping[str, Any], place: Path | None) -> Beginning:
    """The beginning of a run that goes on where the one at `place` stopped, or where it was complete.

    Raises:
        ConfigError: no place, or a setting that differs from the run's.
        ArtefactError: nothing to resume, a complete run without a new budget, or other data.
    """
    if place is None:
        raise ConfigError("resume: expected the artefact to resume in `out`")
    saved, kept = _read(place)
    before, run = from_saved(place, saved), saved_run(place, kept)
    refuse_complete(run, place, settings)
    if run.start_from:
        task = task.for_new_data(before.codec)
        data = data.encoded_by(before.task.grow(before.codec, data).codec)
    training = _training(before.training.to_builtins(), settings)
    _check_same(before.task, task, (), place)
    _check_same(before.training, training, EXTENDABLE if run.complete else CHANGEABLE, place)
    data.fingerprint.check(run.fingerprint, run=f"{place}, which was training on {run.source}", source=data.source)
    shapes = before.task.shapes(data.codec)
    empty = jax.eval_shape(lambda model: new_state(before.task, model, data, training).arrays(), shapes)
    arrays = artefact.fill(empty, kept.arrays, what=f"{place}/training")
    progress = run.progress.extended() if run.complete else run.progress
    state = TrainState(**arrays, best=before.model, progress=progress)
    measures = {name: before.measures[name] for name in ("validation", "step") if name in before.measures}
    kept: dict[str, Any] = {"history": before.history, "start_from": run.start_from, "items": before.items}
    return Beginning(before.task, data, training, state, measures=measures, **kept)


def new_state(task: Task, model: Any, data: Data, training: Training) -> TrainState:
    """The state of a run before its first step."""
    from elman.training.start import start_state  # here, so that importing `elman.fit` needs neither equinox nor optax
    from elman.training.step import rows_of

    rows = rows_of(task.batches(data.train, seed=training.seed).at(0))
    return start_state(task, model, training, rows)


def _training(defaults: dict[str, Any], settings: Mapping[str, Any]) -> Training:
    named = {name for name, value in settings.items() if value is not None}
    return Training(**{**training_defaults(defaults, named), **settings})


def _check_same(then: Any, now: Any, changeable: tuple[str, ...], place: Path) -> None:
    values = now.to_builtins()
    for name, value in then.to_builtins().items():
        chosen = values[name] is None and not isinstance(now, Training)  # by the data, which has not changed
        if values[name] != value and not chosen and name not in changeable:
            raise ConfigError(f"{name}: the run at {place} has {value!r}; it cannot be resumed with {values[name]!r}")


def _read(place: Path) -> tuple[artefact.Contents, artefact.SavedState]:
    saved = artefact.read(place, with_state=True)
    if saved.state is None:
        raise ArtefactError(
            f"{place}: its training is complete, and its state was not kept; --from (start_from=) goes on from its "
            "weights"
        )
    return saved, saved.state
