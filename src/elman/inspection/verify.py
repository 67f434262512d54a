"""Verification of saved models: every file is whole, and the model computes the same however its input is cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elman import artefact
from elman._show import Shown
from elman._trust import Untrusted, trusting
from elman.tasks.load import errors_named, from_saved
from elman.training.state import saved_run

TOLERANCE = 1e-4
"""The largest difference allowed between log-probabilities; float32 rounding over a hundred steps stays far below."""


@dataclass(frozen=True)
class Verification(Shown):
    """The result of verifying a saved model."""

    files: int
    """The number of files whose checksums are right."""
    differences: dict[str, float]
    """The largest difference of log-probability between two ways to compute the same, by the ways' name."""
    untrusted: str = ""
    """The reason why nothing was computed: the module that the model needs."""

    @property
    def agrees(self) -> bool:
        """True if all differences are numbers within 1e-4."""
        return all(difference <= TOLERANCE for difference in self.differences.values())


def verify(path: str | Path, *, trust: str | Iterable[str] = ()) -> Verification:
    """Checks the artefact at `path`: every checksum and every field, then that the model gives the same
    log-probabilities however its input is cut (a language model) or batched (other models).

    It imports no module of a user's own cell or task that is not named in `trust`; without it, nothing is computed.

    Raises:
        ArtefactError: a damaged file; the message names it.

    >>> import tempfile
    >>> task = elman.LanguageModelling(hidden_size=8, batch_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     elman.fit(task, task.read_text("hello world. " * 200), steps=2).save(folder + "/hello.elman")
    ...     verify(folder + "/hello.elman").agrees
    True
    """
    files = artefact.check(Path(path))
    saved = artefact.parse(Path(path), files, with_state=True)
    if saved.state is not None:
        saved_run(Path(path), saved.state)
    try:
        with trusting(trust):
            fitted = from_saved(Path(path), saved, remembered=False)
    except Untrusted as error:
        return Verification(files=len(files), differences={}, untrusted=str(error))
    with errors_named(Path(path)):  # such as numbers that overflow
        return Verification(files=len(files), differences=fitted.differences())
