"""Loading of saved models."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from elman import artefact
from elman._compilation import use_compilation_cache
from elman._errors import ArtefactError, InputError, shorten
from elman._trust import reading, trusting
from elman._types import Whole
from elman.tasks.baseline import Baseline
from elman.tasks.items import ItemHashes
from elman.tasks.registry import TASKS, find_task
from elman.training.history import History
from elman.training.settings import Training

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted
    from elman.tasks.task import Task


SomeTask = TypeVar("SomeTask", bound="Task")

VALUES = (msgspec.MsgspecError, ValueError)
"""Errors on values of another type, or outside their range."""

LONGEST = 240
"""The most characters of what is said of a damaged file."""


class Parts(NamedTuple):
    """The parts of a saved model that are not arrays, all of which have been checked."""

    task: Task
    training: Training
    codec: Any
    measures: dict[str, Any]


class _Measures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    validation: dict[str, Any] | None = None
    step: Whole | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    steps: Whole | None = None
    times: dict[str, Annotated[float, msgspec.Meta(ge=0)]] = {}
    baselines: tuple[Baseline, ...] = ()
    verdicts: tuple[str, ...] = ()
    start_from: str = ""


class _Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of `model.json`."""

    task: dict[str, Any]
    training: dict[str, Any]
    measures: _Measures = _Measures()
    versions: dict[str, str] = {}


def load(path: str | Path, *, trust: str | Iterable[str] = (), allow_nonfinite: bool = False) -> Any:
    """Loads the model saved at `path`, after checking every file.

    Args:
        path: the artefact directory.
        trust: modules that the model may import for its cell or task, though you have not trained with them on this
            machine; a function that builds a cell is named itself, as `module:function`.
        allow_nonfinite: load weights that are NaN or infinite too.

    Raises:
        ArtefactError: no artefact, or one that is damaged, of a newer format, or that needs a module that is not
            trusted or cannot be imported.

    >>> import tempfile
    >>> task = elman.LanguageModelling(hidden_size=8, batch_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    ...     fitted.save(folder + "/hello.elman")
    ...     again = elman.load(folder + "/hello.elman")
    >>> again.generate("hello", length=9, seed=1) == fitted.generate("hello", length=9, seed=1)
    True
    """
    with trusting(trust):
        return from_saved(Path(path), artefact.read(Path(path)), allow_nonfinite=allow_nonfinite)


def from_saved(
    path: Path, saved: artefact.Contents, *, remembered: bool = True, allow_nonfinite: bool = False
) -> Fitted:
    """Builds the model from an artefact's contents; `path` is for messages. With `remembered=False` it imports only
    modules that are trusted by name.

    Raises:
        ArtefactError: contents that make no model.
        Untrusted: all is well but for a module that is not trusted.
    """
    use_compilation_cache()
    if not allow_nonfinite:
        check_finite(path / artefact.WEIGHTS, saved.weights)
    task, training, codec, measures = trusted_parts_of(path, saved, remembered=remembered)
    file = path / artefact.CODEC
    with errors_named(file), reading(file, remembered=remembered):  # the codec may hold models with cells of their own
        shapes = task.shapes(codec)
    model = artefact.fill(shapes, saved.weights, what=str(path / artefact.WEIGHTS))
    with errors_named(path / artefact.HISTORY):
        history = History() if saved.history is None else History.from_builtins(saved.history)
    with errors_named(path / artefact.ITEMS, kinds=VALUES):
        items = None if saved.items is None else ItemHashes.from_arrays(saved.items)
    fitted = task.fitted_class(
        task=task, codec=codec, model=model, training=training, measures=measures, history=history, items=items
    )
    if saved.memory is None:
        return fitted
    with errors_named(path / artefact.MEMORY_ARRAYS), errors_named(path / artefact.MEMORY, kinds=VALUES):
        return fitted.restore(saved.memory)


def parts_of(path: Path, saved: artefact.Contents, *, remembered: bool = True) -> Parts:
    """The parts of an artefact's contents that are no arrays; of a task of elman's own they need nothing of a user's.

    Raises:
        ArtefactError: contents that are not what elman writes; the message names the file and the field.
        Untrusted: the task's module is not trusted.
    """
    file = path / artefact.MODEL
    with errors_named(file):
        model = msgspec.convert(saved.model, _Model)
        kind, settings = model.task.get("type"), {name: value for name, value in model.task.items() if name != "type"}
    if not isinstance(kind, str) or (kind not in TASKS and ":" not in kind):
        raise ArtefactError(f"{file}: a model for {shorten(str(kind))}, which this elman does not know; upgrade elman")
    with errors_named(file, "task"), reading(file, remembered=remembered):
        task = task_of(find_task(kind), settings)
    with errors_named(file, "training"):
        training = Training(**model.training)
    with errors_named(path / artefact.CODEC):
        codec = task.codec_from(saved.codec)
    metrics = None
    if model.measures.validation is not None:
        with errors_named(file, "measures.validation"):
            metrics = task.metrics_from(model.measures.validation)
    with errors_named(file):
        task.check_saved(codec, metrics)
    return Parts(task, training, codec, saved.model.get("measures", {}))


def trusted_parts_of(path: Path, saved: artefact.Contents, *, remembered: bool = True) -> Parts:
    """The parts of an artefact's contents that are no arrays, after the cells that its settings name were found. A task
    may use a cell only later, when nothing is checked any more.

    Raises:
        ArtefactError: as `parts_of`; a cell that cannot be found or is none.
        Untrusted: the module of the task or of a cell is not trusted.
    """
    from elman.cells.find import find_cell  # here, so that importing `elman.load` needs no equinox

    parts, file = parts_of(path, saved, remembered=remembered), path / artefact.MODEL
    with errors_named(file, "task"), reading(file, remembered=remembered):
        for name in parts.task.cells:
            find_cell(name)
    return parts


def task_of(kind: type[SomeTask], settings: dict[str, Any]) -> SomeTask:
    """A task with saved settings. A model from before a setting was there has its earlier value.

    Raises:
        ConfigError: a setting that the task does not have, or a value outside its range.
    """
    earlier = {name: value for name, value in kind.earlier.items() if name in kind.__struct_fields__}
    return kind(**earlier | settings)


def check_finite(file: Path, weights: artefact.Arrays) -> None:
    """Refuses weights that are NaN or infinite.

    Raises:
        ArtefactError: names the file and the array.
    """
    for name, array in weights.items():
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise ArtefactError(
                f"{file}: {name} has NaN or infinite numbers; train again, or load it as it is with "
                "elman.load(path, allow_nonfinite=True)"
            )


@contextmanager
def errors_named(
    file: Path, field: str = "", *, kinds: tuple[type[Exception], ...] = (InputError, *VALUES)
) -> Generator[None]:
    """Turns errors on the contents of a file into short ones that name it, and the field."""
    try:
        yield
    except kinds as error:
        if isinstance(error, ArtefactError) and str(error).startswith(str(file.parent)):
            raise
        where = f"{file}: {field}" if field else str(file)
        message = " ".join(str(error).split())
        raise ArtefactError(f"{where}: {message if len(message) <= LONGEST else message[:LONGEST] + '…'}") from None
