"""The whole state of training between two steps, from which a resumed run continues bit for bit.

The random state and the place in the data are not stored: the key of a step is folded from the seed and the step's
number, and the batch is the step's number within its epoch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from elman import artefact
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


class SavedRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of an unfinished run in its artefact, beside the arrays."""

    progress: Progress
    source: str
    """The name of the data."""
    places: tuple[str, ...]
    """The places from which the data can be read again."""
    fingerprint: Any
    """The hashes of the data, which depend on the version of elman; see `Fingerprint.check`."""


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

    def arrays(self) -> dict[str, Any]:
        """The arrays of the state, by name, without the best model."""
        return {"model": self.model, "optimiser": self.optimiser, "carry": self.carry}
