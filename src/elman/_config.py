"""Typed, frozen settings: one class defines the API, the command line's help and the saved JSON."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from abc import ABCMeta
from collections.abc import Callable
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from elman._errors import ConfigError, nearest
from elman._show import Shown


class Converter(NamedTuple):
    """A mark in a field's type, `Annotated[T, Converted(function)]`: `function` turns what was given into a `T`."""

    function: Callable[[Any], Any]


class Several:
    """A mark in a field's type: on the command line the option takes all words up to the next option."""


class Hidden:
    """A mark in a field's type: on the command line it is no option of the settings."""


class _NearestName(msgspec.StructMeta, ABCMeta):
    """The metaclass of settings: an unknown keyword is an error that names the nearest option."""

    def __call__(cls, /, *args: Any, **settings: Any) -> Any:
        known = cls.__struct_fields__  # type: ignore[attr-defined]
        for name in settings:
            if name not in known:
                raise ConfigError(f"{cls.__name__} has no option {name!r}{nearest(name, known)}")
        return super().__call__(*args, **settings)


class Config(
    Shown,
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    repr_omit_defaults=True,
    metaclass=_NearestName,
):
    """Base class of all settings. Ranges are part of the field types and are checked once, here.

    Raises:
        ConfigError: an unknown option (names the nearest) or a value outside its range.
    """

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for name in self.__struct_fields__:
            value, kind = getattr(self, name), hints[name]
            for mark in getattr(kind, "__metadata__", ()):
                if isinstance(mark, Converter):
                    value = mark.function(value)
                    msgspec.structs.force_setattr(self, name, value)
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{name}: expected a finite number; got {value!r}")
            try:
                converted = msgspec.convert(value, kind)
            except msgspec.ValidationError:
                raise ConfigError(f"{name}: expected {in_words(kind)}; got {value!r}") from None
            if isinstance(value, list):  # JSON has no tuples
                msgspec.structs.force_setattr(self, name, converted)

    def to_builtins(self) -> dict[str, Any]:
        """The settings as a dictionary of plain values, ready for JSON; `Config(**values)` restores them."""
        return msgspec.to_builtins(self)


@cache
def hints_of(config: type[Config]) -> dict[str, Any]:
    """The types of a class's fields, with their marks."""
    return get_type_hints(config, include_extras=True)


def fields(settings: type[Config]) -> tuple[str, ...]:
    """The names of the fields of settings that are options."""
    hints = hints_of(settings)
    return tuple(
        name
        for name in settings.__struct_fields__
        if not any(isinstance(mark, Hidden) for mark in getattr(hints[name], "__metadata__", ()))
    )


@cache
def field_texts(settings: type[Config]) -> dict[str, str]:
    """The docstrings below the fields of settings, on one line each, by the fields' names.

    >>> from elman.training.settings import Training
    >>> field_texts(Training)["steps"]
    'Budget in optimiser steps.'
    """
    texts: dict[str, str] = {}
    for kind in reversed(settings.__mro__):
        if kind is not Config and issubclass(kind, Config):
            (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
            assert isinstance(body, ast.ClassDef)
            for field, below in zip(body.body, body.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                    texts[ast.unparse(field.target)] = " ".join(ast.literal_eval(below.value).split())
    return texts


_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}
_BOUNDS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}


def in_words(kind: Any) -> str:
    """The values of a type in words.

    >>> in_words(Annotated[float, msgspec.Meta(ge=0, lt=1)] | None)
    'a number of at least 0 and below 1'
    >>> in_words(Literal["frozen", "trained"]), in_words(tuple[str, ...])
    ("'frozen' or 'trained'", 'a sequence, each a text')
    """
    parts = [part for part in get_args(kind) if part not in (NoneType, ...)]
    if get_origin(kind) is Annotated:
        bounds = (
            f"{word} {_bound(mark, name)}" for mark in parts[1:] for name, word in _BOUNDS.items() if _bound(mark, name)
        )
        return " ".join([in_words(parts[0]), " and ".join(bounds)]).strip()
    if get_origin(kind) is Literal:
        *others, last = map(repr, parts)
        return f"{', '.join(others)} or {last}" if others else last
    if get_origin(kind) is tuple:
        return f"a sequence, each {in_words(parts[0])}"
    if parts:
        *others, last = map(in_words, parts)
        return f"{', '.join(others)}, or {last}" if others else last
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _bound(mark: Any, name: str) -> str:
    value = getattr(mark, name, None) if isinstance(mark, msgspec.Meta) else None
    return "" if value is None else f"{value:,}"
