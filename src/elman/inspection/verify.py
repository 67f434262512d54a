"""Verification of saved models: every file is whole, and the model computes the same however its input is cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elman import artefact
from elman.tasks.load import from_saved

TOLERANCE = 1e-4
"""The largest difference allowed between log-probabilities; float32 rounding over a hundred steps stays far below."""


@dataclass(frozen=True)
class Verification:
    """The result of verifying a saved model."""

    files: int
    """The number of files whose checksums are right."""
    differences: dict[str, float]
    """The largest difference of log-probability between two ways to compute the same, by the ways' name."""

    @property
    def agrees(self) -> bool:
        """True if all differences are numbers within 1e-4."""
        return all(difference <= TOLERANCE for difference in self.differences.values())


def verify(path: str | Path) -> Verification:
    """Checks the artefact at `path`: every checksum, then that the model gives the same log-probabilities
    however its input is cut (a language model) or batched (other models).

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
    fitted = from_saved(Path(path), artefact.parse(Path(path), files))
    return Verification(files=len(files), differences=fitted.differences())
