"""`elman lesson`."""

from __future__ import annotations

import io
import sys

import tyro

from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "lesson", arguments, loads=False)


def main(name: tyro.conf.Positional[str | None] = None, /, short: bool = False, seed: int = 0) -> int:
    """Run a lesson from top to bottom; without a name, list them in reading order.

    Args:
        name: A lesson, such as 01_three_characters, three_characters or 1.
        short: Run for seconds instead of minutes, with figures that mean little.
        seed: Seed of the initial weights and the order of examples, in the lessons that use one.
    """
    from elman.lessons.catalogue import find_lesson, lessons  # here, since these import NumPy, which help does not need
    from elman.lessons.pace import run as run_script
    from elman.lessons.pictures import FOLDER

    if name is None:
        catalogue = lessons()
        width = max(len(lesson.name) for lesson in catalogue)
        print("\n".join(f"{lesson.name:<{width}}  {lesson.title}" for lesson in catalogue))
        print(f"\nRun one with elman lesson {catalogue[0].name}; pictures go to lesson-pictures/.")
        return 0
    lesson = find_lesson(name)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file or a pipe shows progress as well
        sys.stdout.reconfigure(line_buffering=True)
    print(f"{lesson.title}: {lesson.path}\n")
    run_script(lesson.path, short=short, seed=seed)
    print(f"\nPictures are in {FOLDER}/.")
    return 0
