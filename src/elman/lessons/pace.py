"""Full or short: a lesson run for its figures takes minutes, one run by the tests seconds."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any, TypeVar

Value = TypeVar("Value")

PACE = "ELMAN_LESSON"
"""The environment variable that says "short"; anything else is full."""


def pace(*, full: Value, short: Value) -> Value:
    """What a script takes when it runs in full, or in short.

    >>> epochs = pace(full=12, short=1)
    """
    return short if os.environ.get(PACE) == "short" else full


def run(path: Path, *, short: bool = False) -> dict[str, Any]:
    """Runs a script from top to bottom, and returns the names that it leaves."""
    before = os.environ.get(PACE)
    if short:
        os.environ[PACE] = "short"
    try:
        return runpy.run_path(str(path), run_name="__main__")
    finally:
        if before is None:
            os.environ.pop(PACE, None)
        else:
            os.environ[PACE] = before
