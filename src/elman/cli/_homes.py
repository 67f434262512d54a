"""The commands and the tasks to which an option belongs."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import Parameter, signature
from types import ModuleType

from elman._config import Config, fields
from elman.cli._names import WRITTEN
from elman.cli.main import COMMANDS, module_of
from elman.tasks.registry import TASKS, find_settings, option_name
from elman.tasks.settings import TaskSettings
from elman.training.settings import Training


def homes_of(option: str) -> str:
    """The commands that have an option, with the tasks where it is not for all; empty for an unknown one.

    >>> homes_of("level"), homes_of("prime"), homes_of("patience"), homes_of("resume"), homes_of("levl")
    ('elman predict (forecasting)', 'elman generate', 'elman train', 'elman train', '')
    """
    return ", ".join(dict.fromkeys(_homes(option)))


def _homes(option: str) -> Iterator[str]:
    kinds = {option_name(task): find_settings(task) for task in TASKS}
    tasks = [task for task, kind in kinds.items() if option in fields(kind)]
    answers = [task for task, kind in kinds.items() if kind.options is not None and option in fields(kind.options)]
    if option in fields(Training) or len(tasks) == len(kinds):
        yield "elman train"
    elif tasks:
        yield f"elman train ({', '.join(tasks)})"
    if answers:
        yield f"elman predict ({', '.join(answers)})"
    for command in COMMANDS:
        main = _main(module_of(command))
        if main is not None and option in _options_of(main):
            yield f"elman {command}"


def _main(module: ModuleType) -> object:
    """The function of a command, with the options that it has for all tasks; None where it has none."""
    reader = getattr(module, "reader", None)
    return getattr(module, "main", None) if reader is None else reader(TaskSettings(), Training())


def _options_of(main: object) -> set[str]:
    """The names of the options of a command whose function is `main`."""
    names = set[str]()
    for name, one in signature(main).parameters.items():  # ty: ignore[invalid-argument-type] - a function
        if isinstance(one.default, Config):
            names.update(fields(type(one.default)))
        elif one.kind is not Parameter.POSITIONAL_ONLY:
            names.update((name, WRITTEN.get(name, name)))
    return names
