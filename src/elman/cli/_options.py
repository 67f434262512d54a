"""Settings as the options of a command: how tyro shows the fields of a `Config` in help."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import tyro
from tyro.constructors import StructConstructorSpec, StructFieldSpec, StructTypeInfo

from elman._config import Config, field_texts, fields

VALUES = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}
"""The words that stand in help for the values of a type."""

RULES = tyro.constructors.ConstructorRegistry()
"""The rules by which tyro reads elman's settings."""


@RULES.struct_rule
def read_settings(info: StructTypeInfo) -> StructConstructorSpec | None:
    """The options that the fields of settings are; None for other types."""
    if not (isinstance(info.type, type) and issubclass(info.type, Config)):
        return None
    defaults = info.default if isinstance(info.default, info.type) else info.type()
    hints, texts = get_type_hints(info.type, include_extras=True), field_texts(info.type)
    specs = (
        StructFieldSpec(name, option(hints[name], value), value, texts.get(name, ""))
        for name, value in ((name, getattr(defaults, name)) for name in fields(info.type))
    )
    return StructConstructorSpec(instantiate=partial(msgspec.structs.replace, defaults), fields=tuple(specs))


def option(kind: Any, default: Any, metavar: str | None = None, text: str | None = None) -> Any:
    """The type of an option with its look in help: a name for its values, its text if that is no field's, and its
    default unless that is empty."""
    bare, *marks = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    look = tyro.conf.arg(
        help=text,
        metavar=metavar or (None if bare is bool else value_name(bare)),
        help_behavior_hint="" if default in (None, "", ()) or default is False else f"(default: {_written(default)})",
    )
    return Annotated[bare, look, *marks]  # ty: ignore[invalid-type-form]


def positional_name(name: str, kind: Any, *, needed: bool) -> str:
    """The name in help of a positional parameter: in capitals, singular where it takes several words, and in brackets
    where it may be left out.

    >>> positional_name("files", tuple[str, ...], needed=False)
    '[FILE ...]'
    """
    many = tuple in map(get_origin, (kind, *get_args(kind)))
    label = f"{name.removesuffix('s').upper()} ..." if many else name.upper()
    return label if needed else f"[{label}]"


def value_name(kind: Any) -> str:
    """The name in help of the values of a type.

    >>> value_name(Literal["frozen", "trained"] | Annotated[int, "from 1"] | None)
    '{frozen,trained}|N'
    """
    parts = [part for part in get_args(kind) if part not in (NoneType, ...)]
    if get_origin(kind) is Annotated:
        return value_name(parts[0])
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, parts)) + "}"
    return "|".join(dict.fromkeys(map(value_name, parts))) if parts else VALUES.get(kind, kind.__name__.upper())


def _written(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
