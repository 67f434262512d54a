"""Reports of training for TensorBoard, which shows them while a model is trained, beside those of other runs:
`tensorboard --logdir FOLDER`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, DataError
from elman.artefact import named_arrays
from elman.inspection.answers import answers
from elman.inspection.projector import write_projector
from elman.inspection.sections import answer_text
from elman.inspection.watched import watched_loss
from elman.inspection.words import word_vectors
from elman.metrics.saved import single_numbers
from elman.recurrence import tap
from elman.tasks.fitted import Fitted, TextGenerator
from elman.training.events import Evaluated, Event, Finished, Started, Stepped
from elman.training.reporters import Reporter

EVERY = 10
"""The steps from one report of the training loss to the next."""
LOOKED_AT = 200
"""The most tokens of a text whose gates and gradients are reported."""
SAMPLE = 200
"""The tokens of a sample text."""
SHOWN = 20
"""The most items whose answers are reported."""


class TensorBoard(Reporter):
    """A reporter that writes files for TensorBoard: losses, speed and measures; histograms of gates and gradients over
    the first example or batch of the validation part; sample texts, or answers to that example; the settings; and the
    vectors of words.

    A run that goes on writes into its folder too. Needs tensorboardX.

    >>> import tempfile
    >>> task = elman.LanguageModelling(hidden_size=8, embedding_size=4, num_layers=1, batch_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fitted = elman.fit(task, task.read_text("hello world. " * 200), steps=2, report=TensorBoard(folder))
    ...     any(path.name.startswith("events.") for path in Path(folder).iterdir())
    True
    """

    def __init__(self, folder: str | Path):
        """Args:
            folder: the folder to write to; it is made if it does not exist.

        Raises:
            ConfigError: tensorboardX is not installed.
            DataError: the folder cannot be written to.
        """
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ConfigError("reports for TensorBoard need tensorboardX: pip install 'elman[tensorboard]'") from None
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer: Any = SummaryWriter(str(self._folder))
        except OSError as error:
            raise DataError(f"{folder}: cannot be written to ({error.strerror})") from None
        self._data: Any = None
        self._unit = "token"
        self._fitted: Fitted[Any] | None = None
        self._look: _Look | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._data, self._unit = event.data, event.loss_unit
                self._writer.add_text(
                    "about", f"{event.parameters:,} weights; {event.budget}; engine {event.engine}", 0
                )
            case Stepped() if event.step % EVERY == 0 or event.step == 1:
                values = {
                    f"loss_per_{self._unit}": event.loss,
                    "gradient_norm": event.gradient_norm,
                    "learning_rate": event.learning_rate,
                    f"{self._unit}s_per_second": event.speed,
                }
                self._scalars("training", values, event.step)
            case Evaluated():
                self._fitted = event.fitted
                self._scalars("validation", single_numbers(event.metrics.to_builtins()), event.step)
                self._histograms(event.fitted, event.step)
                self._text(event.fitted, event.step)
            case Finished() if self._fitted is not None:
                self._finish(replace(self._fitted, model=event.state.best), event)
        self._writer.flush()

    def close(self) -> None:
        """Closes the files."""
        self._writer.close()

    def _scalars(self, group: str, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def _histograms(self, fitted: Fitted[Any], step: int) -> None:
        self._look = self._look or _Look(fitted, self._data.validation)
        gates, slopes = self._look(fitted.model)
        for group, arrays in {"gates": gates, "gradients": slopes}.items():
            for name, values in arrays.items():
                if values.size and np.isfinite(values).all():
                    self._writer.add_histogram(f"{group}/{name}", values.ravel(), step)

    def _text(self, fitted: Fitted[Any], step: int) -> None:
        try:
            if isinstance(fitted, TextGenerator):
                sample = fitted.samples(count=1, length=SAMPLE)[0]
                self._writer.add_text("sample", _quoted(sample), step)
                return
            for seen in answers(fitted, self._data.validation, count=3):
                rows = [
                    f"| {_cell(seen.items[place])} | {_cell(seen.right[place])} | {_cell(answer_text(seen, place))} |"
                    for place in range(min(SHOWN, len(seen.items)))
                ]
                table = "\n".join(["| at | right | answers |", "|---|---|---|", *rows])
                self._writer.add_text(f"answers/{seen.question}", table, step)
        except ConfigError:  # a model that reads from the end, or a task that names no questions
            return

    def _finish(self, fitted: Fitted[Any], event: Finished) -> None:
        settings = {**fitted.task.to_builtins(), **fitted.training.to_builtins()}
        plain = {
            name: value if isinstance(value, bool | int | float) else str(value) for name, value in settings.items()
        }
        best = event.state.progress.best_objective
        measures = {} if best is None else {"best/objective": float(best)}
        self._writer.add_hparams(plain, measures, name="settings", global_step=event.state.progress.step)
        try:
            vectors = word_vectors(fitted)
        except ConfigError:  # a model that reads no words
            return
        write_projector(vectors, self._folder, force=True)


class _Look:
    """The gates of all cells and the gradients of all weights over one batch, as one program for any weights."""

    def __init__(self, fitted: Fitted[Any], part: Any):
        examples, names = fitted.examples(part, longest=LOOKED_AT), list[str]()

        def watch(number: int, cell: Any, xs: Any, carry: Any, steps: Any) -> Any:
            last, ys, seen = tap(cell, xs, carry, **steps._asdict())
            seen.pop("carry")
            return (last, ys), (seen, steps.valid(xs.shape[1]))

        @jax.jit
        def look(model: Any, batch: Any) -> Any:
            def loss(model: Any) -> tuple[Any, Any]:
                value, calls, kept = watched_loss(fitted.task, model, batch, watch)
                names[:] = [call.name for call in calls]
                return value, kept

            slopes, kept = jax.grad(loss, has_aux=True)(model)
            return slopes, kept

        self._run, self._batch, self._names = look, jax.tree.map(jnp.asarray, examples.batch), names

    def __call__(self, model: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        slopes, kept = self._run(model, self._batch)
        gates = {}
        for name, (seen, valid) in zip(self._names, kept, strict=True):
            for gate, values in seen.items():
                array = np.asarray(values)
                gates[f"{name}/{gate}"] = array if valid is None else array[np.asarray(valid)]
        return gates, named_arrays(slopes)


def _quoted(text: str) -> str:
    """A text that Markdown leaves as it is."""
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _cell(text: str) -> str:
    """A text in a table of Markdown."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "⏎") or "end"
