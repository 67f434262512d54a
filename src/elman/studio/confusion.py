"""The confusion matrix of a classifier on files, whose cells open their examples."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from elman._errors import ConfigError, DataError
from elman.metrics.calibration import apply_temperature
from elman.metrics.classification import Confusion
from elman.studio.look import Input, Look
from elman.studio.models import of_kind
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.predictor import ClassPredictor

SHOWN = 50
"""The examples of a cell that are shown, the surest first."""


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cell of a matrix that was counted."""

    kept: str
    truth: int
    predicted: int


def see_confusion(look: Look, wish: Input) -> dict[str, Any]:
    """The counts of examples by true and predicted class."""
    model = of_kind(look.fitted, ClassPredictor, use="predicts no classes")
    if model.codec.several:
        raise ConfigError("a text may have several labels here, so that no class is confused with another")
    part = look.inputs("", wish.files)
    shares = apply_temperature(all_logits(model.model, part.examples, model.codec), model.temperature)
    truth = np.array([example.label for example in part.examples])
    confusion = Confusion.of(shares.argmax(axis=1), truth, labels=model.codec.labels)
    kept = look.kept.put((part.records, truth, shares))
    return {"kept": kept, "labels": confusion.labels, "counts": confusion.counts, "accuracy": confusion.accuracy}


def see_cell(look: Look, wish: Cell) -> dict[str, Any]:
    """The examples of a cell, those of which the model was surest first.

    Raises:
        DataError: no such class, or a matrix that is not kept any more.
    """
    records, truth, shares = look.kept.get(wish.kept)
    if not 0 <= wish.predicted < shares.shape[1]:
        raise DataError(f"class {wish.predicted}: expected 0 to {shares.shape[1] - 1}")
    predicted = shares.argmax(axis=1)
    places = np.flatnonzero((truth == wish.truth) & (predicted == wish.predicted))
    order = places[np.argsort(-shares[places, wish.predicted], kind="stable")]
    examples = [
        {
            "place": str(getattr(records[at], "place", at + 1)).replace(f"{look.folder.path}/", ""),
            "text": str(getattr(records[at], "text", "")),
            "values": _channel(records[at]),
            "share": float(shares[at, wish.predicted]),
        }
        for at in order[:SHOWN].tolist()
    ]
    return {"total": len(order), "examples": examples}


def _channel(record: Any) -> Any:
    """The first channel of a series; nothing of a text."""
    values = getattr(record, "values", None)
    return None if values is None or callable(values) else np.round(np.asarray(values)[:, 0], 5)
