"""A first look at files: the task that elman takes them for, their first rows, and what it finds in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from elman._errors import InputError
from elman.formats.place import Place
from elman.studio import choices
from elman.studio.folder import Folder
from elman.tasks.data import Data, Part
from elman.tasks.recognition import recognise
from elman.tasks.registry import find_task, option_name, task_called

ROWS, COLUMNS, LONGEST = 12, 12, 200
"""The rows and columns that are shown, and the most characters of a cell."""

CLASSES = 60
"""The classes that are counted one by one."""


def first_look(folder: Folder, paths: Sequence[str]) -> dict[str, Any]:
    """The task that files are for and why, and their first rows; nothing is read beyond their beginning.

    Raises:
        DataError: a file that is not there.
        Outside: a path out of the folder.
    """
    places = [folder.existing(path) for path in paths]
    recognition = recognise(*map(str, places))
    look = next((each for each in _openings(places) if each), {"columns": [], "rows": []})
    return {
        "task": option_name(recognition.task),
        "reason": recognition.reason or "no task has a mark for it, and this one takes anything",
        "others": {option_name(name): reason for name, reason in recognition.others.items()},
        "bytes": sum(place.stat().st_size for place in places),
        **look,
    }


def whole_look(folder: Folder, paths: Sequence[str], task: str, chosen: dict[str, str]) -> dict[str, Any]:
    """The parts, classes and notes that reading the whole files gives, or the fault that the reader names."""
    places = [str(folder.existing(path)) for path in paths]
    try:
        data = find_task(task_called(task))(**choices.values(task, chosen)).read(*places)
    except InputError as error:
        return {"fault": str(error).replace(f"{folder.path}/", "")}
    return {
        "parts": {name: len(getattr(data, name)) for name in ("train", "validation", "test")},
        "unit": data.unit,
        "notes": list(data.notes),
        "classes": _classes(data),
        "gaps": _gaps(data),
    }


def _openings(places: Sequence[Any]) -> Any:
    for place in places:
        for file in Place(str(place)).alone.files[:1]:
            if file.columns:
                names = list(file.columns[:COLUMNS])
                yield {"columns": names, "rows": [[_cut(row.get(n, "")) for n in names] for row in file.rows[:ROWS]]}
            elif file.lines:
                yield {"columns": [], "rows": [[_cut(line)] for line in file.lines[:ROWS]]}


def _cut(text: Any) -> str:
    text = str(text)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _classes(data: Data[Any]) -> dict[str, int]:
    """The classes or tags of the training part with their counts, the most frequent first."""
    part = data.train
    if not isinstance(part, Part):
        return {}
    counts = Counter[str]()
    for record in part.records:
        label = getattr(record, "tags", None) or getattr(record, "label", None)
        counts.update([label] if isinstance(label, str) else [str(one) for one in label or ()])
    if not counts and (labels := getattr(data.codec, "labels", None)):
        for example in part.examples:
            number = getattr(example, "label", None)
            counts.update(labels[n] for n in (number if isinstance(number, tuple) else (number,)) if n is not None)
    return dict(counts.most_common(CLASSES))


def _gaps(data: Data[Any]) -> list[dict[str, Any]]:
    """The missing values of series, by series."""
    gaps = []
    for history in getattr(data.train, "histories", ()):
        missing = int(np.isnan(history.values).sum())
        gaps.append({"series": history.name, "rows": len(history.values), "missing": missing})
    return gaps[:CLASSES]
