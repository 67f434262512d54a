"""The parts that the conformance checks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path

from elman._errors import ElmanError


class CheckError(AssertionError):
    """Failed checks: `failed` has the message of each, by name."""

    def __init__(self, name: str, failed: dict[str, str], *, of: int):
        table = "".join(f"\n- {check}: {message}" for check, message in failed.items())
        super().__init__(f"{name} fails {len(failed)} of {of} checks:{table}")
        self.failed = failed


def run_checks(checks: dict[str, Callable[[Any], None]], trial: Any) -> dict[str, str]:
    """Runs the checks; returns the messages of those that failed. Any exception is a failure, reported in full for the
    first check that raises it."""
    failed, first = {}, {}
    for name, check in checks.items():
        try:
            check(trial)
        except AssertionError as error:
            failed[name] = str(error)
        except Exception as error:  # whatever the code under test raises
            kind = "" if isinstance(error, ElmanError) else f"{type(error).__name__}: "
            message = f"{kind}{str(error).strip().splitlines()[0] if str(error) else ''}"
            failed[name] = f"as {first[message]}" if message in first else message
            first.setdefault(message, name)
    return failed


def passed(name: str, checks: Sequence[str]) -> str:
    """The line that says which checks passed.

    >>> passed("Cell(3, 5)", ["values", "jit"])
    'Cell(3, 5) passes all 2 checks: values, jit'
    """
    return f"{name} passes all {len(checks)} checks: {', '.join(checks)}"


def shaken(model: Any, seed: int) -> Any:
    """The model with noise added to every weight, so that no term of an equation is zero."""
    rng = np.random.default_rng(seed + 1)

    def shake(w: Any) -> Any:
        return w + 0.3 * rng.normal(size=w.shape).astype(w.real.dtype) if eqx.is_inexact_array(w) else w

    return jax.tree.map(shake, model)


def same(got: Any, expected: Any, allowed: float, what: str = "") -> None:
    """Raises an AssertionError that names the largest difference between two trees and its place."""
    if jax.tree.structure(got) != jax.tree.structure(expected):
        raise AssertionError(f"{what}{jax.tree.structure(got)}; expected {jax.tree.structure(expected)}")
    worst, message = allowed, ""
    for (path, a), b in zip(tree_leaves_with_path(got), jax.tree.leaves(expected), strict=True):
        name, a, b = keystr(path, simple=True, separator="."), np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            raise AssertionError(f"{what}{name} has shape {a.shape}; expected {b.shape}")
        difference = np.nan_to_num(np.abs(a - b * 1.0), nan=np.inf)
        relative = difference / (1 + np.abs(b))
        if relative.size and relative.max() > worst:
            at = np.unravel_index(relative.argmax(), a.shape)
            worst = relative[at]
            place = ", ".join(map(str, at))
            message = f"{what}{name} differs by {difference[at]:.2g} at [{place}]: {a[at]:.6g} instead of {b[at]:.6g}"
    if message:
        raise AssertionError(message)
