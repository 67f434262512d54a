"""Kinds of settings that tasks share. Importing this module does not import jax."""

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

Count = Annotated[int, Meta(ge=1, lt=2**20)]
Rate = Annotated[float, Meta(ge=0, lt=1)]


def cell_name(cell: Any) -> str:
    """The name by which a class or function of cells is found again.

    >>> cell_name(elman.GRU)
    'GRU'

    Raises:
        ConfigError: it has none.
    """
    name = getattr(cell, "__qualname__", None)
    if name is None or "<" in name:
        raise ConfigError(
            f"cell {name or cell!r}: cannot be found again when the model is loaded; give a class or a function of a "
            "module"
        )
    return name if cell.__module__.startswith("elman.cells.") else f"{cell.__module__}:{name}"
