"""Types and checks of the settings that tasks share. Importing this module does not import jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from elman._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elman.cells import Cell

    CellName = str | Callable[..., Cell]
else:
    CellName = str

SUBWORDS = 8000
"""Default number of sub-words to learn."""

Count = Annotated[int, Meta(ge=1, lt=2**20)]
Rate = Annotated[float, Meta(ge=0, lt=1)]
VocabularySize = Annotated[int, Meta(ge=300, lt=2**20)] | None
Size = Annotated[float, Meta(ge=0)]
"""The size of a part of the data: below 1 a share, from 1 on a number."""


def cell_name(cell: Any) -> str:
    """The name in settings of a cell's class, or of a function that builds one: elman's own name, or its import path.

    >>> cell_name(elman.GRU)
    'GRU'

    Raises:
        ConfigError: a class or function that cannot be imported by name.
    """
    name = getattr(cell, "__qualname__", None)
    if name is None or "<" in name:
        raise ConfigError(
            f"cell {name or cell!r}: cannot be found again when the model is loaded; use a class or a function of a "
            "module"
        )
    return name if cell.__module__.startswith("elman.cells.") else f"{cell.__module__}:{name}"


def check_parts(validation: float, test: float, unit: str) -> None:
    """Refuses parts that leave nothing to train on, or are not a whole number of `unit`.

    Raises:
        ConfigError: the message names the part.
    """
    if sum(part for part in (validation, test) if part < 1) >= 1:
        raise ConfigError(f"validation {validation} and test {test} leave nothing to train on")
    for name, part in (("validation", validation), ("test", test)):
        if part > 1 and part != int(part):
            raise ConfigError(f"{name}: expected a share below 1 or a whole number of {unit}; got {part}")


def check_vocabulary(*kinds: str | None, size: int | None, min_count: int) -> None:
    """Refuses a number of sub-words for other tokens, and a `min_count` for tokens that are not words; a kind is None
    where the data decide.

    Raises:
        ConfigError: the message names the kinds of tokens.
    """
    there = " and ".join(dict.fromkeys(kind for kind in kinds if kind))
    if min_count > 1 and not {"words", None} & set(kinds):
        raise ConfigError(f"min_count: belongs to words; {there} are all kept")
    if size is not None and "subwords" not in kinds:
        raise ConfigError(f"vocabulary_size: belongs to subwords; {there} are all kept")
