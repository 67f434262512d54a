"""The list of lessons, with their paths.

A checkout has the scripts at its root, in `lessons/`, where a reader looks for them. A wheel has them inside the
package, in `elman/lessons/scripts`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from elman._errors import ConfigError, nearest

_CARRIED = Path(__file__).parent / "scripts"
_CHECKOUT = Path(__file__).parents[3] / "lessons"


class Lesson(NamedTuple):
    """A lesson's script: `name` is its file name without the extension, such as "01_three_characters"; `title` its
    first heading."""

    name: str
    title: str
    path: Path


def lessons() -> list[Lesson]:
    """All lessons, in reading order.

    Raises:
        ConfigError: an installation without lessons.

    >>> first = lessons()[0]
    >>> first.name, first.title
    ('01_three_characters', 'Three characters, and the fourth')
    """
    folder = _CARRIED if _CARRIED.is_dir() else _CHECKOUT
    scripts = sorted(folder.glob("[0-9][0-9]_*.py"))
    if not scripts:
        raise ConfigError(f"no lessons in {folder}; install elman again, or run them from a checkout")
    return [Lesson(script.stem, _title(script), script) for script in scripts]


def find_lesson(name: str) -> Lesson:
    """Finds a lesson by its number, or by its name with or without the number.

    Raises:
        ConfigError: an unknown lesson; the message names the nearest.

    >>> find_lesson("three_characters") == find_lesson("1") == find_lesson("01_three_characters")
    True
    """
    known = {}
    for lesson in lessons():
        number, topic = lesson.name.split("_", 1)
        known |= dict.fromkeys((lesson.name, number, str(int(number)), topic), lesson)
    if name not in known:
        raise ConfigError(f"no lesson {name!r}{nearest(name, known)}; elman lesson lists them")
    return known[name]


def _title(script: Path) -> str:
    """The script's first heading."""
    return next(line for line in script.read_text("utf-8").splitlines() if line.startswith("# # "))[4:]
