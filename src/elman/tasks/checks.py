"""Checks of the data that tasks train and measure on."""

from __future__ import annotations

from typing import Any

from elman._errors import DataError, plural, quantity
from elman.tasks.data import Data


def check_read(data: Any, codec: Any) -> None:
    """Refuses data that this task did not read.

    Raises:
        DataError: not a `Data`, or one whose codec is not of class `codec`.
    """
    if not isinstance(data, Data) or not isinstance(data.codec, codec):
        kind = f"data of {type(data.codec).__name__}" if isinstance(data, Data) else type(data).__name__
        raise DataError(f"data: expected what task.read returns; got {kind}")


def check_validation(data: Data) -> None:
    """Refuses data without a validation part.

    Raises:
        DataError: the validation part is empty.
    """
    if not len(data.validation):
        raise DataError(
            f"{data.source}: {quantity(len(data.train), data.unit)} to train on and none to validate with; the best "
            f"weights are chosen by it: use more {plural(data.unit)}, or a larger validation"
        )


def check_part(part: Any) -> None:
    """Refuses a part on which nothing can be measured.

    Raises:
        DataError: an empty part.
    """
    if not len(part):
        raise DataError(f"{part.name}: nothing to measure on; name a file with data, or split with a larger share")
