"""From a cell's name to its class."""

from __future__ import annotations

import importlib

from elman import cells
from elman._errors import ConfigError, nearest
from elman.cells._cell import Cell


def find_cell(name: str) -> type[Cell]:
    """A cell of elman by its class name, or anyone's by `module:Class`.

    >>> find_cell("LSTM").__name__
    'LSTM'

    Raises:
        ConfigError: no such module or class, or a class that is no `Cell`.
    """
    module_name, _, class_name = name.rpartition(":")
    if module_name:
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise ConfigError(
                f"cell {name!r}: cannot import {module_name!r} ({error}); expected module:Class"
            ) from None
    else:
        module = cells
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Cell) and found is not Cell):
        known = [n for n, kind in vars(module).items() if isinstance(kind, type) and issubclass(kind, Cell)]
        known = sorted(n for n in known if n != "Cell")
        expected = ", ".join(known) or "a subclass of elman.Cell"
        if module_name == "__main__":
            expected = "the class to be defined before the model is loaded, or kept in a module of its own"
        own = "" if module_name else ", or module:Class for your own"
        raise ConfigError(f"no cell {name!r}{nearest(class_name, known)}; expected {expected}{own}")
    return found
