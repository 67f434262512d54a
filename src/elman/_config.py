"""Typed, frozen settings: one class defines the API, the command line's help and the saved JSON."""

from __future__ import annotations

import math
from abc import ABCMeta
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, get_type_hints

import msgspec

from elman._errors import ConfigError, nearest


class Converter(NamedTuple):
    """A mark in a field's type, `Annotated[T, Converted(function)]`: `function` turns what was given into a `T`."""

    function: Callable[[Any], Any]


class Several:
    """A mark in a field's type: on the command line the option takes all words up to the next option."""


class _NearestName(msgspec.StructMeta, ABCMeta):
    """The metaclass of settings: an unknown keyword is an error that names the nearest option."""

    def __call__(cls, /, *args: Any, **settings: Any) -> Any:
        known = cls.__struct_fields__  # type: ignore[attr-defined]
        for name in settings:
            if name not in known:
                raise ConfigError(f"{cls.__name__} has no option {name!r}{nearest(name, known)}")
        return super().__call__(*args, **settings)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, metaclass=_NearestName):
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
            except msgspec.ValidationError as error:
                expected = str(error).split(" - at ")[0].replace("Expected", "expected")
                raise ConfigError(f"{name}: {expected}; got {value!r}") from None
            if isinstance(value, list):  # JSON has no tuples
                msgspec.structs.force_setattr(self, name, converted)

    def to_builtins(self) -> dict[str, Any]:
        """The settings as a dictionary of plain values, ready for JSON; `Config(**values)` restores them."""
        return msgspec.to_builtins(self)


@cache
def hints_of(config: type[Config]) -> dict[str, Any]:
    """The types of a class's fields, with their marks."""
    return get_type_hints(config, include_extras=True)
