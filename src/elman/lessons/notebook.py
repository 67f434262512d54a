"""Detection of a notebook."""

from __future__ import annotations

import sys
from types import ModuleType


def notebook() -> ModuleType | None:
    """The module IPython if a notebook runs this script; None otherwise.

    >>> notebook() is None
    True
    """
    module = sys.modules.get("IPython")
    return module if module is not None and module.get_ipython() is not None else None
