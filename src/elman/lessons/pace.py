"""How a lesson is run: in full for its figures, which takes minutes, or in short by the tests; and from which seed."""

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
"""The environment variable that says "short"; anything else is full."""

SEED = "ELMAN_LESSON_SEED"
"""The environment variable with another seed than 0."""


@overload
def pace(*, full: dict[str, Any], short: dict[str, Any]) -> dict[str, Any]: ...
@overload
def pace(*, full: Value, short: Value) -> Value: ...
def pace(*, full: Any, short: Any) -> Any:
    """What a script takes when it runs in full, or in short.

    >>> epochs = pace(full=12, short=1)
    """
    return short if os.environ.get(PACE) == "short" else full


def seed() -> int:
    """The number that a script draws its start and its order of examples from: 0, or what `elman lesson --seed` says.

    >>> seed()
    0
    """
    return int(os.environ.get(SEED, "0"))


def run(path: Path, *, short: bool = False, seed: int = 0) -> dict[str, Any]:
    """Runs a script from top to bottom, and returns the names that it leaves.

    Raises:
        ConfigError: another seed than 0 for a script that does not ask for one.
    """
    if seed and "seed()" not in path.read_text("utf-8"):
        raise ConfigError(f"{path.stem} draws nothing from a seed; leave the seed out")
    said = {PACE: "short"} if short else {}
    with _environment(said | {SEED: str(seed)}):
        return runpy.run_path(str(path), run_name="__main__")


@contextmanager
def _environment(said: dict[str, str]) -> Generator[None]:
    """The environment with what is said, and as it was afterwards."""
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
