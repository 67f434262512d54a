"""Parsing of a command's options with tyro: a function's signature and docstring define the options and help."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial, wraps
from types import ModuleType
from typing import Any, TypeVar, get_args, get_type_hints

import tyro

from elman.tasks.registry import TASKS, find_settings

Result = TypeVar("Result")


def call(function: Callable[..., Result], name: str, arguments: list[str]) -> Result:
    """Calls `function` with `arguments`, parsed by tyro; help and usage errors exit. `--from` stands for
    `--start-from`, since `from` cannot be a name in Python."""
    arguments = [re.sub("^--from(?=$|=)", "--start-from", argument) for argument in arguments]
    style = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff, tyro.conf.UseAppendAction)

    @wraps(function)
    def bound(*args: Any, **options: Any) -> Callable[[], Result]:
        return partial(function, *args, **options)

    with _defaults_trusted():
        command = tyro.cli(bound, prog=f"elman {name}", args=arguments, config=style)
    return command()


@contextmanager
def _defaults_trusted() -> Generator[None]:
    """Replaces typeguard, which tyro uses to check the types of defaults. Settings have checked them already, and the
    import of typeguard would take a third of the time of `--help`."""
    if "typeguard" in sys.modules:
        yield
        return
    stand_in = ModuleType("typeguard")
    vars(stand_in).update(check_type=lambda value, kind: value, TypeCheckError=TypeError)
    sys.modules["typeguard"] = stand_in
    try:
        yield
    finally:
        del sys.modules["typeguard"]


def positionals(arguments: list[str]) -> list[str]:
    """The arguments that are neither options nor values of options, before the command's options are known.

    >>> positionals(["a.txt", "--lower", "b.txt", "--no-bidirectional", "--minutes", "5", "--seed=1", "-"])
    ['a.txt', 'b.txt', '-']
    """
    found, flags, rest = [], _flags(), iter(arguments)
    for argument in rest:
        if not argument.startswith("--"):
            found.append(argument)
        elif "=" not in argument and argument[2:].replace("-", "_") not in flags:
            next(rest, None)
    return [argument for argument in found if argument == "-" or not argument.startswith("-")]


def value_of(option: str, arguments: list[str]) -> str | None:
    """The value of an option such as "--out"; None if the arguments lack it.

    >>> value_of("--out", ["--out", "a"]), value_of("--out", ["--out=b"]), value_of("--out", ["c"])
    ('a', 'b', None)
    """
    for place, argument in enumerate(arguments):
        if argument == option:
            return next(iter(arguments[place + 1 :]), None)
        if argument.startswith(option + "="):
            return argument.removeprefix(option + "=")
    return None


def _flags() -> set[str]:
    """The names of the options that take no value."""
    tasks = [find_settings(name) for name in TASKS]
    settings = [*tasks, *(task.options for task in tasks if task.options)]
    flags = {name for kind in settings for name, type_ in get_type_hints(kind).items() if _is_flag(type_)}
    flags |= {f"no_{name}" for name in flags}  # turns off a flag that is on by default
    return flags | {"force", "resume", "json", "lines", "help"}


def _is_flag(kind: Any) -> bool:
    return kind is bool or bool in get_args(kind)
