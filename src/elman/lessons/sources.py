"""The data of the lessons: real files where they are, else what every installation has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from elman.data.text import TextSource

_BESIDE = Path(__file__).parents[4] / "shared" / "data"
"""The folder of data that may lie beside a checkout."""


def data_file(name: str) -> Path | None:
    """A file such as "text/nietzsche.txt" of the data folder, which is the one that `ELMAN_DATA` names, or
    `shared/data` beside the checkout; None where there is none."""
    for folder in (os.environ.get("ELMAN_DATA"), _BESIDE):
        if folder and (found := Path(folder) / name).exists():
            return found
    return None


class LessonText(NamedTuple):
    """A text, and a line on where it is from; `is_source` where it is the one that the printed figures are for."""

    characters: str
    note: str
    is_source: bool


def lesson_text() -> LessonText:
    """Nietzsche's works, as the first lessons have them, or the help texts of Python."""
    path = data_file("text/nietzsche.txt")
    source = TextSource.embedded() if path is None else TextSource.open(path)
    characters = "".join(source.characters())
    note = f"{source.name if path is None else path.name}: {len(characters):,} characters"
    if path is None:
        note += (
            "; figures differ from those of the lesson, which reads nietzsche.txt in the folder that ELMAN_DATA names"
        )
    return LessonText(characters, note, path is not None)
