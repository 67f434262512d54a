"""Cells by name: lookup, construction and checks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from elman import cells
from elman._errors import ConfigError, nearest
from elman._trust import find_named, may_call
from elman.cells._cell import Cell
from elman.cells._linear import LinearCell
from elman.cells._wrapper import Wrapper


def find_cell(name: str) -> Callable[..., Cell]:
    """Finds a cell of elman by its class name, any cell by `module:Class`, or by `module:function` a function that
    builds one, such as a wrapped cell.

    >>> find_cell("LSTM").__name__
    'LSTM'

    Raises:
        ConfigError: no such module, class or function, or a class that is no `Cell`.
        ArtefactError: a saved model names a module or a function that is not trusted.
    """
    module_name, _, class_name = name.rpartition(":")
    builder: Any = find_named(name) if module_name else getattr(cells, name, None)
    if _is_cell(builder):
        return builder
    if module_name and not isinstance(builder, type) and may_call(name, builder):
        return builder
    module = sys.modules[module_name] if module_name else cells
    known = known_cells(module)
    expected = ", ".join(known) or "a subclass of elman.Cell, or a function that builds one"
    if module_name == "__main__":
        expected = "the class to be defined before the model is loaded, or kept in a module of its own"
    if callable(builder) and not isinstance(builder, type):
        expected += f"; a saved model's function also needs --trust {name}"
    own = "" if module_name else ", or module:Class (or module:function) for your own"
    raise ConfigError(f"no cell {name!r}{nearest(class_name, known)}; expected {expected}{own}")


def known_cells(module: ModuleType = cells) -> list[str]:
    """The names of the cells in `module`, elman's own or a user's.

    >>> "LSTM" in known_cells()
    True
    """
    return sorted(name for name, kind in vars(module).items() if _is_cell(kind))


def build_cell(kind: Callable[..., Cell], input_size: int, hidden_size: int, *, key: PRNGKeyArray) -> Cell:
    """Builds `kind(input_size, hidden_size, key=key)` and tries one step.

    Raises:
        ConfigError: a cell that cannot be built, has a leaf that is no weight, or whose step breaks the contract.
    """
    name = getattr(kind, "__name__", "given")
    try:
        cell = kind(input_size, hidden_size, key=key)
    except (TypeError, AttributeError) as error:
        raise ConfigError(
            f"cell {name}: cannot be built as {name}(input_size, hidden_size, key=key): {error}"
        ) from None
    if not isinstance(cell, Cell):
        raise ConfigError(f"cell {name}: builds a {type(cell).__name__}; expected an elman.Cell")
    for path, leaf in jax.tree_util.tree_leaves_with_path(cell):
        if not (isinstance(leaf, jax.Array) and leaf.dtype in (jnp.float32, jnp.float64)):
            field = jax.tree_util.keystr(path, simple=True, separator=".")
            came = leaf.dtype if isinstance(leaf, jax.Array) else repr(leaf)
            raise ConfigError(
                f"cell {name}: {field} is {came}; expected an array of float32 or float64, or a static equinox.field"
            )

    def trial(cell: Cell) -> tuple:
        carry = cell.init_carry()
        projected = cell.project(jnp.zeros((1, 1, cell.input_size)))
        return carry, cell.step(carry, jax.tree.map(lambda leaf: leaf[0, 0], projected))

    try:
        before, (after, output) = jax.eval_shape(trial, cell)
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"cell {name}: its step cannot run: {error}") from None
    if jax.tree.structure(before) != jax.tree.structure(after) or str(before) != str(after):
        raise ConfigError(f"cell {name}: step gives the carry {after}; expected {before}, as init_carry does")
    if getattr(output, "shape", None) != (cell.hidden_size,):
        raise ConfigError(f"cell {name}: step outputs {output}; expected shape ({cell.hidden_size},), its hidden_size")
    return cell


def first_cell(model: Any) -> Cell:
    """The first recurrent cell of a model."""
    leaves = jax.tree.leaves(model, is_leaf=lambda part: isinstance(part, Cell))
    return next(leaf for leaf in leaves if isinstance(leaf, Cell))


def _is_cell(kind: object) -> bool:
    """True if `kind` is a class that is built from sizes; elman's wrappers are built from a cell."""
    if not (isinstance(kind, type) and issubclass(kind, Cell)):
        return False
    return kind not in (Cell, LinearCell) and not (
        issubclass(kind, Wrapper) and kind.__module__.startswith("elman.cells.")
    )
