"""Recognition of the task that files are for: each task in the registry is asked, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from elman.formats.place import Place
from elman.tasks.registry import TASKS, find_settings, option_name


class Recognition(NamedTuple):
    """The task that files are for, and why."""

    task: str
    reason: str
    """The mark that the task knows the files by; empty where they have none of any task."""
    others: dict[str, str]
    """The marks of other tasks that the files have too, by the tasks' names."""

    def __str__(self) -> str:
        others = " or ".join(f"--task {option_name(name)} ({reason})" for name, reason in self.others.items())
        return f"taken as data for {option_name(self.task)} ({self.reason}); choose another with {others}"


def recognise(*arguments: str) -> Recognition:
    """Recognises the task that files are for, by their names, by the beginning of files, and by the members of folders
    and archives; an archive of one file is for what the file is for. The first task of the registry that recognises
    them is taken; where none does, the first that accepts them.

    >>> [recognise(name).task for name in ("a.txt", "b.CONLLU.xz", "c.csv", "sums", "d.ts.gz", "100.hea")]
    ['LanguageModelling', 'Tagging', 'Classification', 'Seq2Seq', 'SeriesClassification', 'Ecg']
    >>> recognise("a.en", "a.fr").task, recognise().task
    ('Seq2Seq', 'LanguageModelling')
    """
    places, kinds = [Place(each).alone for each in arguments], {name: find_settings(name) for name in TASKS}
    for name, kind in kinds.items():
        if kind.is_generated(*arguments):
            return Recognition(name, "generated data", {})
    marks = {name: kind.recognises(places) for name, kind in kinds.items()}
    marks = {name: mark for name, mark in marks.items() if mark}
    task = next(iter(marks), None) or _first_to_accept(places)
    return Recognition(task, marks.pop(task, ""), marks)


def _first_to_accept(places: Sequence[Place]) -> str:
    return next(name for name in TASKS if find_settings(name).accepts(places))
