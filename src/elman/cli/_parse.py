"""Parsing of a command's options with tyro: a function's signature and docstring define the options and help."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial, wraps
from types import ModuleType
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

import tyro

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


class FirstLook(NamedTuple):
    """A command line as it is understood before the options are known that depend on it: files and options, unchecked.

    >>> from elman.tasks.registry import find_settings
    >>> look = FirstLook.at(["a.txt", "--lower", "b.txt", "--minutes", "5", "--seed=1", "-"], find_settings("Tagging"))
    >>> look.files, look.options
    (('a.txt', 'b.txt', '-'), {'lower': '', 'minutes': '5', 'seed': '1'})
    """

    files: tuple[str, ...]
    options: dict[str, str]
    """The values by the options' names in Python; empty texts for flags."""

    @classmethod
    def at(cls, arguments: Iterable[str], *kinds: Callable[..., Any]) -> FirstLook:
        """Looks at a command line whose options may be the fields of some settings or the parameters of functions. All
        of them take a value but those of type bool."""
        hints = [get_type_hints(kind).items() for kind in kinds]
        flags = {name for group in hints for name, type_ in group if _is_flag(type_)}
        flags |= {"help", *(f"no_{name}" for name in flags)}  # --no-lower turns off a flag that is on by default
        files, options, waiting = [], dict[str, str](), ""
        for argument in arguments:
            if argument.startswith("--"):
                name, has_value, value = argument.removeprefix("--").partition("=")
                name = name.replace("-", "_")
                options[name] = value
                waiting = "" if has_value or name in flags else name
            elif waiting:
                options[waiting], waiting = argument, ""
            elif argument == "-" or not argument.startswith("-"):
                files.append(argument)
        return cls(tuple(files), options)


def _is_flag(kind: Any) -> bool:
    return kind is bool or bool in get_args(kind)
