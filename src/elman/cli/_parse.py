"""Parsing of a command's options with tyro: a function's signature and docstring define the options and help."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from types import ModuleType
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_type_hints

import tyro

from elman._config import Config, Several
from elman._errors import ConfigError, nearest
from elman.cli._options import RULES, fields, option, positional_name

Result = TypeVar("Result")


Trust = Annotated[
    tuple[str, ...],
    tyro.conf.arg(
        metavar="MODULE",
        help="Module that the saved model may import for its cell or task, though you have not trained with it on this "
        "machine; module:function for a function that builds a cell.",
    ),
]


def call(function: Callable[..., Result], name: str, arguments: list[str], *, loads: bool = True) -> Result:
    """Calls `function` with `arguments`, parsed by tyro; help and usage errors exit. `--from` stands for
    `--start-from`, since `from` cannot be a name in Python. A command that loads models has `--trust`, whose modules
    are trusted since before the command was called.

    Raises:
        ConfigError: an option that the command does not have; the message names the nearest.
    """
    arguments = [re.sub("^--from(?=$|=)", "--start-from", argument) for argument in arguments]
    style = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff, tyro.conf.UseAppendAction)

    @wraps(function)
    def bound(*args: Any, **options: Any) -> Callable[[], Result]:
        options.pop("trust", None)
        return partial(function, *args, **options)

    hints, parameters = get_type_hints(function, include_extras=True), dict(signature(function).parameters)
    if loads:
        hints["trust"] = Trust
        parameters["trust"] = Parameter("trust", Parameter.KEYWORD_ONLY, default=())
    settings = {key: type(one.default) for key, one in parameters.items() if isinstance(one.default, Config)}
    arguments = spread(arguments, *settings.values())
    names = {key for key, one in parameters.items() if one.kind is not Parameter.POSITIONAL_ONLY} - settings.keys()
    _check_names(
        name, FirstLook.at(arguments, function, *settings.values()), names.union(*map(fields, settings.values()))
    )
    looks = {key: _look(one, hints[key]) for key, one in parameters.items() if key not in settings}
    bound.__annotations__ = hints | looks
    del bound.__wrapped__  # from which tyro would take the types
    vars(bound)["__signature__"] = Signature(
        [one.replace(annotation=bound.__annotations__[key]) for key, one in parameters.items()]
    )
    with _defaults_trusted():
        command = tyro.cli(bound, prog=f"elman {name}", args=arguments, config=style, registry=RULES)
    return command()


def _check_names(command: str, look: FirstLook, known: set[str]) -> None:
    for name in look.options:
        if name.removeprefix("no_") not in {"help", *known}:
            hint = nearest(name.replace("_", "-"), sorted(f"--{one.replace('_', '-')}" for one in known))
            raise ConfigError(f"no option --{name.replace('_', '-')}{hint or f'; elman {command} --help shows all'}")


def _look(parameter: Parameter, kind: Any) -> Any:
    needed = parameter.default is Parameter.empty
    default = None if needed else parameter.default
    if parameter.kind is Parameter.POSITIONAL_ONLY:
        return option(kind, default, positional_name(parameter.name, kind, needed=needed))
    return option(kind, default)


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
        arguments = spread(arguments, *kinds)
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


def spread(arguments: Iterable[str], *kinds: Callable[..., Any]) -> list[str]:
    """The command line with an option before each of its values, for the options that take several.

    >>> from elman.tasks.registry import find_settings
    >>> spread(["a.de", "a.en", "--valid", "b.de", "b.en", "--lower"], find_settings("Seq2Seq"))
    ['a.de', 'a.en', '--valid', 'b.de', '--valid', 'b.en', '--lower']
    """
    several = {
        f"--{name.replace('_', '-')}"
        for kind in kinds
        for name, type_ in get_type_hints(kind, include_extras=True).items()
        if any(isinstance(mark, Several) for mark in getattr(type_, "__metadata__", ()))
    }
    words, option, full = list[str](), "", False
    for word in arguments:
        if word.startswith("--"):
            option, full = (word if word in several else ""), False
        elif option and full:
            words.append(option)
        full = bool(option) and not word.startswith("--")
        words.append(word)
    return words


def _is_flag(kind: Any) -> bool:
    return kind is bool or bool in get_args(kind)
