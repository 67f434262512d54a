"""The user's cache folder: numbered texts and compiled programs, which can be deleted whenever no training runs."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """The folder `$XDG_CACHE_HOME/elman/<name>`, by default below `~/.cache`; it is created if it is missing.

    >>> cache_folder("tokens").name
    'tokens'

    Raises:
        OSError: a folder that cannot be created, or a user without a home folder.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "elman" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry for this user, as in many containers
        raise OSError(errno.ENOENT, "there is no home folder", "~") from None
