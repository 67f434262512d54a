"""The whole state of training between two steps, from which a resumed run continues bit for bit.

The random state and the place in the data are not stored: the key of a step is folded from the seed and the step's
number, and the batch is the step's number within its epoch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from elman import artefact
from elman._show import Shown, brief, brief_table
from elman._types import Whole
from elman.tasks.load import errors_named


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of a training state."""

    step: Whole = 0
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    evaluations: Whole = 0
    stale_evaluations: Whole = 0
    best_step: Whole = 0
    best_objective: float | None = None
    """The objective on the validation part at the best step; None before the first evaluation."""
    loss_sum: float = 0.0
    """The sum of the loss over the steps since the last evaluation, in nats."""
    loss_count: float = 0.0
    """The number of terms of that sum."""
    learning_rate: float = 0.0
    """The learning rate of the last step."""
    warmth: float = 1.0
    """The share of the warm-up that the last step had reached."""
    passes: float = 1.0
    """The times that the training part was read; 1 where an earlier elman did not count them."""
    first_step: Whole = 0
    """The steps before the budget began: those of the complete run that it extends."""
    first_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """The seconds before the budget began."""

    def extended(self) -> Progress:
        """The numbers of a complete run at the beginning of another budget."""
        begun = {"first_step": self.step, "first_seconds": self.seconds, "evaluations": 0, "stale_evaluations": 0}
        return msgspec.structs.replace(self, **begun)


class SavedRun(Shown, msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of a run in its artefact, beside the arrays."""

    progress: Progress
    source: str
    """The name of the data."""
    places: tuple[str, ...]
    """The places from which the data can be read again."""
    fingerprint: Any
    """The hashes of the data, which depend on the version of elman; see `Fingerprint.check`."""
    complete: bool = False
    """The budget is spent, or patience ran out."""
    start_from: str = ""
    """The name of the model that the run started from."""


def saved_run(path: Path, state: artefact.SavedState) -> SavedRun:
    """The run whose state the artefact at `path` holds.

    Raises:
        ArtefactError: values that no run saves; the message names the file and the field.
    """
    with errors_named(path / artefact.STATE):
        return msgspec.convert(state.values, SavedRun)


class TrainState(NamedTuple):
    """The arrays and numbers of a training between two steps."""

    model: Any
    optimiser: Any
    carry: Any
    best: Any
    """The model of the best evaluation so far."""
    progress: Progress

    __repr__, _repr_html_ = brief, brief_table

    def arrays(self) -> dict[str, Any]:
        """The arrays of the state, by name, without the best model."""
        return {"model": self.model, "optimiser": self.optimiser, "carry": self.carry}
