"""The time of a training step by its parts: JAX traces the operations, and scopes say which part each belongs to."""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from elman._errors import ConfigError
from elman._show import Shown

SCOPES = ("embedding", "recurrence", "output", "loss", "network", "optimiser")
"""The names of `jax.named_scope` in layers, losses and the training step; an operation belongs to the innermost."""
WAITS, STEPS = 3, 20
"""The steps before those that are measured, and the number of these."""
SLOWEST = 8
"""The operations that a profile names."""

_STEP = "elman step"
"""The mark of a step in a trace, which tells its operations from those of evaluations."""


@dataclass(frozen=True)
class Profile(Shown):
    """The time of a training step, in milliseconds of one processor; more than one may work at once."""

    steps: int
    """The number of steps measured."""
    milliseconds: float
    """The time of a step from its batch to its update."""
    parts: dict[str, float]
    """The milliseconds of each part."""
    operations: dict[str, float]
    """The milliseconds of the slowest operations, by part and name."""

    def table(self) -> str:
        """The profile as lines of name, milliseconds a step and share of the step, with tabs between them."""
        rows = [("part", "ms a step", "share")]
        rows += [_row(name, spent, self.milliseconds) for name, spent in self.parts.items()]
        rows += [_row("step", self.milliseconds, self.milliseconds)]
        rows += [_row(name, spent, self.milliseconds) for name, spent in self.operations.items()]
        return "".join("\t".join(row) + "\n" for row in rows)

    def __str__(self) -> str:
        parts = sorted(self.parts.items(), key=lambda pair: -pair[1])
        shares = ", ".join(f"{name} {spent / self.milliseconds:.0%}" for name, spent in parts if spent)
        return f"{self.milliseconds:.1f} ms a step, the mean of {self.steps}: {shares}"


class Profiler:
    """Measures some steps of a training, after the first ones, which are slower."""

    def __init__(self) -> None:
        self._seen = 0
        self._folder: tempfile.TemporaryDirectory | None = None
        self._scopes: dict[str, str] = {}
        self._shapes = set[str]()
        self._input = self._seconds = 0.0

    def begin_input(self) -> None:
        """Before the batch is made.

        Raises:
            ConfigError: JAX traces something else.
        """
        if self._seen == WAITS:
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0
            folder = tempfile.TemporaryDirectory()
            try:
                jax.profiler.start_trace(folder.name, profiler_options=options)
            except RuntimeError as error:
                folder.cleanup()
                raise ConfigError(f"profile: JAX traces something else already ({error}); end that first") from None
            self._folder = folder  # from here on the trace is this one's to end
        self._mark = jax.profiler.TraceAnnotation(_STEP)
        self._mark.__enter__()
        self._now = time.perf_counter()

    def begin_step(self, step: Any, arguments: tuple) -> None:
        """Before the step is called with `arguments`."""
        self._input += time.perf_counter() - self._now if self._folder else 0.0
        shapes = str(jax.tree.map(jax.numpy.shape, arguments[3:]))
        if shapes not in self._shapes:  # a program for each shape of batches; it is compiled here, and not again
            self._shapes.add(shapes)
            self._scopes = _scopes_of(step.lower(*arguments).compile().as_text()) | self._scopes
        self._now = time.perf_counter()

    def end_step(self) -> Profile | None:
        """After the step is done: the profile, after the last step that is measured."""
        self._seconds += time.perf_counter() - self._now if self._folder else 0.0
        self._mark.__exit__(None, None, None)
        self._seen += 1
        return self.end() if self._seen == WAITS + STEPS else None

    def end(self) -> Profile | None:
        """The profile of the steps so far; None if none was measured, or the profile was returned before."""
        if self._folder is None:
            return None
        jax.profiler.stop_trace()
        with self._folder as folder:
            spent = _operations(Path(folder))
        self._folder = None
        return self._profile(spent) if self._seen > WAITS else None

    def _profile(self, spent: Counter[str]) -> Profile:
        steps = self._seen - WAITS
        parts = dict.fromkeys(("input", *SCOPES, "copies"), 0.0)
        operations = dict[str, float]()
        parts["input"] = 1e3 * self._input / steps
        for name, nanoseconds in spent.items():
            part = "copies" if "copy" in name else self._scopes.get(name, "copies")
            milliseconds = nanoseconds / 1e6 / steps
            parts[part] += milliseconds
            operations[f"{part}: {name}"] = milliseconds
        whole = 1e3 * (self._input + self._seconds) / steps
        parts["between"] = max(0.0, whole - sum(parts.values()))
        slowest = sorted(operations, key=operations.__getitem__, reverse=True)[:SLOWEST]
        return Profile(steps, whole, parts, {name: operations[name] for name in slowest})


def _row(name: str, spent: float, whole: float) -> tuple[str, str, str]:
    return name, f"{spent:.3f}", f"{spent / whole:.1%}"


def _scopes_of(program: str) -> dict[str, str]:
    """The part that each operation of a compiled program belongs to, by the operation's name."""
    scopes = {}
    for line in program.splitlines():
        if named := re.match(r'\s*(?:ROOT )?%?([\w.-]+) = .*op_name="([^"]*)"', line):
            words = [word for word in re.findall(r"\w+", named[2]) if word in SCOPES]
            scopes[named[1]] = words[-1] if words else "network"
    return scopes


def _operations(folder: Path) -> Counter[str]:
    """The nanoseconds of each operation of the steps in a trace, without those of operations inside it."""
    spent = Counter[str]()
    for file in folder.rglob("*.xplane.pb"):
        lines = [line for plane in jax.profiler.ProfileData.from_file(str(file)).planes for line in plane.lines]
        steps = [(e.start_ns, e.end_ns) for line in lines for e in line.events if e.name == _STEP]
        for line in lines:
            spent.update(_own_times(e for e in line.events if any(begin <= e.start_ns < end for begin, end in steps)))
    return spent


def _own_times(events: Iterable[Any]) -> Counter[str]:
    spent = Counter[str]()
    around: list[tuple[float, str]] = []  # the ends and names of the operations that have begun
    operations = [(e.start_ns, e.duration_ns, e.name) for e in events if any(key == "hlo_op" for key, _ in e.stats)]
    for start, duration, name in sorted(operations, key=lambda one: (one[0], -one[1])):
        while around and around[-1][0] <= start:
            around.pop()
        if around:
            spent[around[-1][1]] -= duration
        spent[name] += duration
        around.append((start + duration, name))
    return spent
