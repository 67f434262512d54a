"""The loaded models of a studio: the last few are kept, and a model that was saved anew is loaded anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, TypeVar

from elman import artefact
from elman._errors import ConfigError
from elman.tasks.fitted import Fitted

KEPT = 4
"""The models that stay loaded."""

SomeFitted = TypeVar("SomeFitted", bound=Fitted)


class Models:
    """Models by their places."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[int, Fitted[Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, place: Path) -> Fitted[Any]:
        """The model at a place.

        Raises:
            ArtefactError: no model, or one that is damaged, newer, or needs a module that is not trusted.
        """
        from elman.tasks.load import load

        with self._lock:
            try:
                version = (place / artefact.WEIGHTS).stat().st_mtime_ns
            except OSError:
                version = 0
            kept = self._kept.get(place)
            if kept is None or kept[0] != version:
                self._kept[place] = version, load(place)
            self._kept.move_to_end(place)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[place][1]


def of_kind(fitted: Fitted[Any], kind: type[SomeFitted], *, use: str) -> SomeFitted:
    """The model as one of a kind.

    Raises:
        ConfigError: it is of another kind.
    """
    if not isinstance(fitted, kind):
        raise ConfigError(f"a model for {type(fitted.task).__name__} {use}")
    return fitted
