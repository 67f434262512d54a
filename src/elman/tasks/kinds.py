"""The names of all tasks, whose modules are imported on demand."""

from __future__ import annotations

import re
from importlib import import_module

from elman._errors import one_of
from elman.tasks._task import Task

TASKS = {
    "Classification": "elman.tasks.classification",
    "Ecg": "elman.tasks.ecg",
    "Forecasting": "elman.tasks.forecasting",
    "LanguageModelling": "elman.tasks.language_modelling",
    "Seq2Seq": "elman.tasks.seq2seq",
    "SeriesClassification": "elman.tasks.series_classification",
    "Tagging": "elman.tasks.tagging",
}
"""The module of each task."""

NAMES = {re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower(): name for name in TASKS}
"""The class name of each task by its name in options, such as "language-modelling"."""


def find_task(name: str) -> type[Task]:
    """The class of the task called `name`.

    >>> find_task("LanguageModelling").__name__
    'LanguageModelling'

    Raises:
        ConfigError: no such task.
    """
    one_of("task", name, TASKS)
    return getattr(import_module(TASKS[name]), name)
