"""Detection of a notebook, and a display in it that is updated."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def notebook() -> ModuleType | None:
    """The module IPython if a kernel runs this process, as in Jupyter; None otherwise, and in a terminal.

    >>> notebook() is None
    True
    """
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return module if getattr(shell, "kernel", None) is not None else None


class Display:
    """A place in a notebook's output, whose content is replaced."""

    def __init__(self, *, text: str, html: str):
        self._handle = sys.modules["IPython"].display.display(_content(text, html), raw=True, display_id=True)

    def update(self, *, text: str, html: str) -> None:
        """Shows a text, or HTML where that can be shown."""
        self._handle.update(_content(text, html), raw=True)


def _content(text: str, html: str) -> dict[str, Any]:
    return {"text/plain": text, "text/html": html}
