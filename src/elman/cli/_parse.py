"""Parsing of a command's options with tyro: a function's signature and docstring define the options and help."""

from __future__ import annotations

import inspect
import io
import os
import re
import shutil
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, redirect_stdout
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from types import ModuleType
from typing import Annotated, Any, NamedTuple, TextIO, TypeVar, get_args, get_type_hints

import tyro

from elman._config import Config, Several, fields
from elman._errors import ConfigError, nearest
from elman._terminal import fold
from elman.cli._names import WRITTEN, typed
from elman.cli._options import RULES, option, positional_name

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
    """Calls `function` with `arguments`, parsed by tyro; help and usage errors exit. A command that loads models has
    `--trust`, whose modules are trusted since before the command was called.

    Raises:
        ConfigError: an option that the command does not have; the message names the nearest.
    """
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
    options = {key for key, one in parameters.items() if one.kind is not Parameter.POSITIONAL_ONLY} - settings.keys()
    names = {WRITTEN.get(key, key) for key in options}
    _check_names(
        name, FirstLook.at(arguments, function, *settings.values()), names.union(*map(fields, settings.values()))
    )
    texts = _parameter_texts(function)
    looks = {key: _look(one, hints[key], texts.get(key)) for key, one in parameters.items() if key not in settings}
    bound.__annotations__ = hints | looks
    del bound.__wrapped__  # from which tyro would take the types
    vars(bound)["__signature__"] = Signature(
        [one.replace(annotation=bound.__annotations__[key]) for key, one in parameters.items()]
    )
    tyro._experimental_options["ansi_codes"] = not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    text = fold(_description(function), width, indent="  ")  # tyro joins lines that begin with letters
    with _defaults_trusted(), redirect_stdout(_UsageFolded(sys.stdout, width)):
        command = tyro.cli(bound, prog=f"elman {name}", description=text, args=arguments, config=style, registry=RULES)
    return command()


def _description(function: Callable[..., Any]) -> str:
    """The docstring of a command up to its parameters, a paragraph a line."""
    text = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _parameter_texts(function: Callable[..., Any]) -> dict[str, str]:
    """The texts of a docstring on the parameters, on one line each; tyro would keep the ends of its lines."""
    texts, name = dict[str, str](), ""
    for line in (inspect.getdoc(function) or "").partition("\n\nArgs:\n")[2].split("\n"):
        if not line.startswith(_DEEPER):
            name, _, line = line.partition(":")
        name = name.strip()
        texts[name] = f"{texts.get(name, '')} {line.strip()}".strip()
    return texts


_DEEPER = " " * 8
"""The indentation of the lines of a parameter after its first."""


def _check_names(command: str, look: FirstLook, known: set[str]) -> None:
    for name in look.options:
        bare = name.removeprefix("no_")
        if bare not in {"help", *known}:
            from elman.cli._homes import homes_of  # imports all commands

            written, homes = name.replace("_", "-"), homes_of(WRITTEN.get(bare, bare))
            called = f"; it is {typed(bare)}" if bare in WRITTEN else ""
            hint = f"{called}; it belongs to {homes}" if homes and homes != f"elman {command}" else called
            hint = hint or nearest(written, sorted(map(typed, known))) or f"; elman {command} --help shows all"
            raise ConfigError(f"no option --{written}{hint}")


def _look(parameter: Parameter, kind: Any, text: str | None) -> Any:
    needed = parameter.default is Parameter.empty
    default = None if needed else parameter.default
    if parameter.kind is Parameter.POSITIONAL_ONLY:
        return option(kind, default, positional_name(parameter.name, kind, needed=needed), text)
    return option(kind, default, text=text)


class _UsageFolded(io.TextIOBase):
    """A stream that folds the line of usage between options, which tyro writes in one piece; all else it passes on."""

    def __init__(self, stream: TextIO, width: int):
        self._stream, self._width = stream, width

    def write(self, text: str, /) -> int:
        first, end, rest = text.partition("\n")
        plain = _STYLE.sub("", first)
        if plain.startswith("usage: ") and len(plain) >= self._width:
            whole = _BRACKETS.sub(lambda match: match[0].replace(" ", "\xa0"), plain)
            first = fold(whole, self._width, indent="  ").replace("\xa0", " ")
        self._stream.write(first + end + rest)
        return len(text)

    @property
    def encoding(self) -> str:  # ty: ignore[incompatible-property-override] - by which tyro chooses its frames
        return self._stream.encoding

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


_STYLE, _BRACKETS = re.compile("\x1b\\[[0-9;]*m"), re.compile(r"\[[^\]]+\]")


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
