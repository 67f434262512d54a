"""Whether a lesson runs as a notebook."""

from __future__ import annotations

import sys
from types import ModuleType


def notebook() -> ModuleType | None:
    """IPython, where it runs this script; None where there is no notebook.

    >>> notebook() is None
    True
    """
    found = sys.modules.get("IPython")
    return found if found is not None and found.get_ipython() is not None else None
