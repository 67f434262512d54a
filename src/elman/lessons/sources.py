"""The data of the lessons: real files if they exist, otherwise the text that every installation has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from elman._errors import quantity
from elman.formats.text import TextSource

_BESIDE = Path(__file__).parents[4] / "shared" / "data"
"""The data folder that may be beside a checkout."""


def data_file(name: str) -> Path | None:
    """The path of a file such as "text/nietzsche.txt" in the data folder, which is the one that `ELMAN_DATA` names, or
    `shared/data` beside the checkout; None if the file does not exist."""
    for folder in (os.environ.get("ELMAN_DATA"), _BESIDE):
        if folder and (path := Path(folder) / name).exists():
            return path
    return None


class LessonText(NamedTuple):
    """A text with a line on its source; `is_source` is true for the text that the printed figures are for."""

    characters: str
    note: str
    is_source: bool


def lesson_text() -> LessonText:
    """The text of the first lessons: Nietzsche's works, or the help texts of Python if the file does not exist."""
    path = data_file("text/nietzsche.txt")
    source = TextSource.embedded() if path is None else TextSource.open(path)
    characters = "".join(source.characters())
    note = f"{source.name if path is None else path.name}: {quantity(len(characters), 'character')}"
    if path is None:
        note += (
            "; figures differ from those of the lesson, which reads nietzsche.txt in the folder that ELMAN_DATA names"
        )
    return LessonText(characters, note, path is not None)
