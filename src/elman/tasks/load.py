"""Loading of saved models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from elman import artefact
from elman._compilation import use_compilation_cache
from elman._errors import ArtefactError, ConfigError
from elman.tasks.registry import TASKS, find_task
from elman.training.settings import Training

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted
    from elman.tasks.task import Task


def load(path: str | Path) -> Any:
    """Loads the model saved at `path`, after checking every file.

    Raises:
        ArtefactError: no artefact, or one that is damaged, of a newer format, or of a cell that cannot be imported.

    >>> import tempfile
    >>> task = elman.LanguageModelling(hidden_size=8, batch_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2)
    ...     fitted.save(folder + "/hello.elman")
    ...     again = elman.load(folder + "/hello.elman")
    >>> again.generate("hello", length=9, seed=1) == fitted.generate("hello", length=9, seed=1)
    True
    """
    return from_saved(Path(path), artefact.read(Path(path)))


def from_saved(path: Path, saved: artefact.Contents) -> Fitted:
    """Builds the model from an artefact's contents; `path` is for messages."""
    use_compilation_cache()
    task, training = settings_of(path, saved)
    try:
        codec = task.codec_from(saved.codec)
        shapes = task.shapes(codec)
    except (ConfigError, msgspec.ValidationError) as error:
        raise ArtefactError(f"{path}: its settings cannot be used: {error}") from None
    model = artefact.fill(shapes, saved.weights, what=str(path))
    measures = saved.model.get("measures", {})
    fitted = task.fitted_class(task=task, codec=codec, model=model, training=training, measures=measures)
    return fitted if saved.memory is None else fitted.restore(saved.memory)


def settings_of(path: Path, saved: artefact.Contents) -> tuple[Task, Training]:
    """The settings in an artefact's contents; `path` is for messages."""
    try:
        settings = dict(saved.model["task"])
        kind = settings.pop("type")
        if kind not in TASKS and ":" not in kind:
            raise ArtefactError(f"{path}: contains a model for {kind}, which this elman does not know; upgrade elman")
        task = find_task(kind)
        earlier = {name: value for name, value in task.earlier.items() if name in task.__struct_fields__}
        return task(**earlier | settings), Training(**saved.model["training"])
    except (ConfigError, KeyError, TypeError) as error:
        raise ArtefactError(f"{path}: its settings cannot be used: {error}") from None
