"""Whether a saved model is whole, and computes the same however its input is cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from elman import artefact
from elman.fitted import Fitted, from_saved

TOLERANCE = 1e-4
"""Largest difference allowed between log-probabilities: float32 rounding over a hundred steps stays far below."""

_STEPS, _CHUNK = 96, 7


@dataclass(frozen=True)
class Verification:
    """What was found."""

    files: int
    """Files whose checksums are right."""
    chunked: float
    """Largest difference of log-probabilities between the text read whole and in pieces of 7 tokens."""
    stepwise: float
    """The same between the whole and one token at a time."""

    @property
    def agrees(self) -> bool:
        """Whether both differences are finite and within 1e-4."""
        return max(self.chunked, self.stepwise) <= TOLERANCE


def verify(path: str | Path) -> Verification:
    """Checks the artefact at `path`: every checksum, then that evaluation of 96 random tokens gives the same
    log-probabilities read whole, in chunks, and step by step.

    Raises:
        ArtefactError: a damaged file, named.

    >>> import tempfile
    >>> task = elman.LanguageModelling(hidden_size=8, batch_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     elman.fit(task, task.read_text("hello world. " * 200), steps=2).save(folder + "/hello.elman")
    ...     verify(folder + "/hello.elman").agrees
    True
    """
    files = artefact.check(Path(path))
    fitted = from_saved(Path(path), artefact.parse(Path(path), files))
    ids = np.random.default_rng(0).integers(1, fitted.codec.size, (2, _STEPS)).astype(np.int32)
    whole = _log_probabilities(fitted, ids, _STEPS)
    return Verification(
        files=len(files),
        chunked=_difference(whole, _log_probabilities(fitted, ids, _CHUNK)),
        stepwise=_difference(whole, _log_probabilities(fitted, ids, 1)),
    )


def _log_probabilities(fitted: Fitted, ids: np.ndarray, size: int) -> np.ndarray:
    read = jax.jit(fitted.model.__call__)
    carry, pieces = fitted.model.init_carry(len(ids)), []
    for start in range(0, ids.shape[1], size):
        carry, logits = read(ids[:, start : start + size], carry)
        pieces.append(jax.nn.log_softmax(logits))
    return np.concatenate(pieces, axis=1)


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    worst = np.abs(a - b).max()
    return float(worst) if np.isfinite(worst) else float("inf")
