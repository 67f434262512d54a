"""The table of tasks: a task is a class `NAME` in `PACKAGE.task` with settings `NAMESettings` in `PACKAGE.settings`.

The command line's help reads settings alone, so importing this module, or finding settings, does not import jax.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from elman._errors import ConfigError, nearest
from elman._trust import find_named
from elman.tasks.settings import TaskSettings

if TYPE_CHECKING:
    from elman.tasks.task import Task

TASKS = {
    "Ecg": "elman.tasks.ecg",
    "Tagging": "elman.tasks.tagging",
    "SeriesClassification": "elman.tasks.series_classification",
    "Forecasting": "elman.tasks.forecasting",
    "Classification": "elman.tasks.classification",
    "Seq2Seq": "elman.tasks.seq2seq",
    "LanguageModelling": "elman.tasks.language_modelling",
}
"""The package of each task. Where the marks of several tasks are found in files, the first is taken."""


def find_task(name: str) -> type[Task]:
    """The class of a task: one of elman's by its name, anyone's by `module:Class`.

    >>> find_task("Tagging").__name__
    'Tagging'

    Raises:
        ConfigError: no such task, or one that cannot be imported.
        ArtefactError: a saved model names a module that is not trusted.
    """
    if ":" not in name:
        return _own(name, "task", name)
    from elman.tasks.task import Task  # imports jax, and so does any task

    return _imported(name, Task)


def find_settings(name: str) -> type[TaskSettings]:
    """The class of the settings of a task, which for anyone's task is the class of the task; see `find_task`.

    >>> find_settings("Tagging").__name__
    'TaggingSettings'

    Raises:
        ConfigError: no such task, or one that cannot be imported.
        ArtefactError: a saved model names a module that is not trusted.
    """
    return _imported(name, TaskSettings) if ":" in name else _own(name, "settings", f"{name}Settings")


def option_name(name: str) -> str:
    """The name of a task in options.

    >>> option_name("SeriesClassification")
    'series-classification'
    """
    return name if ":" in name else re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower()


def task_called(option: str) -> str:
    """The name of the task that an option names; see `option_name`.

    >>> task_called("seq2seq")
    'Seq2Seq'

    Raises:
        ConfigError: no such task.
    """
    names = {option_name(name): name for name in TASKS}
    if option not in names and ":" not in option:
        expected = f"{', '.join(names)}, or module:Class for your own"
        raise ConfigError(f"task: expected {expected}; got {option!r}{nearest(option, names)}")
    return names.get(option, option)


def _own(name: str, module: str, kind: str) -> Any:
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}{nearest(name, TASKS)}; expected {', '.join(TASKS)}, or module:Class")
    return getattr(import_module(f"{TASKS[name]}.{module}"), kind)


def _imported(name: str, kind: type) -> Any:
    value = find_named(name)
    if not (isinstance(value, type) and issubclass(value, kind)):
        raise ConfigError(f"task {name}: expected a subclass of elman.tasks.task.Task; got {value!r}")
    return value
