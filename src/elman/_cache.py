"""The user's cache folder: numbered texts and compiled programs, which can be deleted whenever no training runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """The folder `$XDG_CACHE_HOME/elman/<name>`, by default below `~/.cache`; it is created if it is missing.

    >>> cache_folder("tokens").name
    'tokens'
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "elman" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
