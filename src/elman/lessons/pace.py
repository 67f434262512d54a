"""Running of lessons: in full for the figures, which takes minutes, or in short for the tests; and from a seed."""

from __future__ import annotations

import os
import runpy
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, overload

from elman._errors import ConfigError

Value = TypeVar("Value")

PACE = "ELMAN_LESSON"
"""The environment variable whose value "short" runs lessons in short; with any other value they run in full."""

SEED = "ELMAN_LESSON_SEED"
"""The environment variable for the seed; 0 without it."""


@overload
def pace(*, full: dict[str, Any], short: dict[str, Any]) -> dict[str, Any]: ...
@overload
def pace(*, full: Value, short: Value) -> Value: ...
def pace(*, full: Any, short: Any) -> Any:
    """Chooses the value `full` if the script runs in full, or `short` if it runs in short.

    >>> epochs = pace(full=12, short=1)
    """
    return short if os.environ.get(PACE) == "short" else full


def seed() -> int:
    """The seed of a script's initial weights and order of examples: 0, or the value of `elman lesson --seed`.

    >>> seed()
    0
    """
    return int(os.environ.get(SEED, "0"))


def run(path: Path, *, short: bool = False, seed: int = 0) -> dict[str, Any]:
    """Runs a script from top to bottom, and returns its global names with their values.

    Raises:
        ConfigError: a seed other than 0 for a script that does not use one.
    """
    if seed and "seed()" not in path.read_text("utf-8"):
        raise ConfigError(f"{path.stem} uses no seed; leave the seed out")
    variables = {PACE: "short"} if short else {}
    with _environment(variables | {SEED: str(seed)}):
        return runpy.run_path(str(path), run_name="__main__")


@contextmanager
def _environment(variables: dict[str, str]) -> Generator[None]:
    """Sets environment variables, and restores their former values afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
