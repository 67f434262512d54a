"""A look at a model: the model, the input that is looked at, and what is kept between two looks."""

from __future__ import annotations

import base64
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from elman import artefact
from elman._errors import DataError
from elman.studio.folder import Folder
from elman.tasks.fitted import Fitted

KEPT = 12
"""The results that are kept."""

Value = TypeVar("Value")


class Kept:
    """The last results, by name."""

    def __init__(self) -> None:
        self._values, self._lock = OrderedDict[Hashable, Any](), threading.Lock()

    def put(self, value: Any) -> str:
        """Keeps a value, and returns its new name."""
        name = secrets.token_urlsafe(8)
        self._store(name, value)
        return name

    def get(self, name: Hashable) -> Any:
        """The value of a name.

        Raises:
            DataError: it is not kept any more.
        """
        with self._lock:
            if name not in self._values:
                raise DataError("this is not kept any more; look again")
            self._values.move_to_end(name)
            return self._values[name]

    def once(self, name: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a name, which is made if it is not kept."""
        try:
            return self.get(name)
        except DataError:
            value = make()
            self._store(name, value)
            return value

    def _store(self, name: Hashable, value: Any) -> None:
        with self._lock:
            self._values[name] = value
            while len(self._values) > KEPT:
                self._values.popitem(last=False)


class Look(NamedTuple):
    """A model that is looked at."""

    fitted: Fitted[Any]
    place: Path
    folder: Folder
    kept: Kept

    def inputs(self, text: str, files: tuple[str, ...]) -> Any:
        """The input of the model: a text, or a part of the data from files.

        Raises:
            DataError: neither, or files that cannot be read.
        """
        if text:
            return text
        need_input(text, files)
        return self.fitted.read(*self.places(files))

    def places(self, files: tuple[str, ...]) -> list[str]:
        """The places of files in the folder.

        Raises:
            Outside, DataError: as for `Folder.existing`.
        """
        return [str(self.folder.existing(file)) for file in files]

    def version(self, files: tuple[str, ...]) -> Hashable:
        """A mark of the model and of files as they are now: none that has changed since has the same.

        Raises:
            Outside, DataError: as for `Folder.existing`.
        """
        places = self.place / artefact.WEIGHTS, *map(self.folder.existing, files)
        return tuple((place, place.stat().st_mtime_ns) for place in places)


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text, or files in the form of the training data."""

    text: str = ""
    files: tuple[str, ...] = ()


def need_input(text: str, files: tuple[str, ...]) -> None:
    """Checks that there is something to read.

    Raises:
        DataError: neither a text nor a file.
    """
    if not text and not files:
        raise DataError("expected a text to read, or a file")


def packed(values: np.ndarray) -> dict[str, Any]:
    """A matrix for a picture, in 255 steps from its least to its largest value."""
    known = np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    steps = np.rint((known - low) / max(high - low, 1e-12) * 255).astype(np.uint8)
    return {"shape": known.shape, "low": low, "high": high, "data": base64.b64encode(steps.tobytes()).decode()}
