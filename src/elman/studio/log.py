"""The log of a run, read as it grows: the events of `elman train --json`, thinned for the width of a screen."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

POINTS = 1000
"""The points of a curve at which two neighbours become one."""

AVERAGED = ("loss", "gradient_norm", "learning_rate", "speed")
"""The values of a step that a point has the means of."""


@dataclass
class Curve:
    """Means of equally many steps; when there are too many, neighbours are joined."""

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    means: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in AVERAGED})
    stride: int = 1
    _waiting: list[dict[str, Any]] = field(default_factory=list)

    def add(self, step: dict[str, Any]) -> None:
        """Adds a step, as its event reports it."""
        self._waiting.append(step)
        if len(self._waiting) < self.stride:
            return
        group, self._waiting = self._waiting, []
        self.steps.append(group[-1]["step"])
        self.seconds.append(group[-1]["seconds"])
        for name, values in self.means.items():
            known = [one[name] for one in group if one.get(name) is not None]
            values.append(sum(known) / len(known) if known else float("nan"))
        if len(self.steps) >= POINTS:
            self._join()

    def cut(self, step: int) -> None:
        """Drops what lies after a step, from which the run goes on."""
        kept = sum(one <= step for one in self.steps)
        for values in (self.steps, self.seconds, *self.means.values()):
            del values[kept:]
        self._waiting.clear()

    def _join(self) -> None:
        self.stride *= 2
        self.steps, self.seconds = self.steps[1::2], self.seconds[1::2]
        for name, values in self.means.items():
            self.means[name] = [(a + b) / 2 for a, b in zip(values[::2], values[1::2], strict=False)]


class Log:
    """The events of a run, from the file that they are written to."""

    def __init__(self, path: Path):
        self._path, self._offset, self._rest, self._lock = path, 0, b"", threading.Lock()
        self.version = 0
        """A number that grows with what is known."""
        self.curve, self.last = Curve(), dict[str, Any]()
        self.evaluations, self.notes = list[dict[str, Any]](), list[str]()
        self.started, self.judged = dict[str, Any](), dict[str, Any]()
        self.work, self.reason, self.lines = "reading the data", "", list[str]()

    def update(self) -> None:
        """Reads what was written since."""
        with self._lock:
            try:
                with self._path.open("rb") as file:
                    file.seek(self._offset)
                    new = file.read()
            except OSError:
                return
            self._offset += len(new)
            *lines, self._rest = (self._rest + new).split(b"\n")
            for line in lines:
                self._take(line)

    def begin(self) -> None:
        """Marks that the run is started again."""
        with self._lock:
            self.reason, self.work = "", "reading the data"
            self.version += 1

    def values(self) -> dict[str, Any]:
        """All that is known, as plain values."""
        with self._lock:
            curve = {"step": self.curve.steps, "seconds": self.curve.seconds, **self.curve.means}
            return {
                "version": self.version,
                "curve": {name: [*values] for name, values in curve.items()},
                "evaluations": [*self.evaluations],
                "notes": [*self.notes],
                "started": self.started,
                "judged": self.judged,
                "last": self.last,
                "work": self.work,
                "lines": self.lines[-400:],
            }

    def _take(self, line: bytes) -> None:
        self.version += 1
        try:
            event = msgspec.json.decode(line, type=dict[str, Any])
            kind = event.pop("event")
        except (msgspec.MsgspecError, KeyError):
            self.lines.append(line.decode(errors="replace"))
            return
        match kind:
            case "stepped":
                if event["step"] <= self.last.get("step", 0):  # the run goes on from a state that was saved earlier
                    self._forget(event["step"] - 1)
                self.curve.add(event)
                self.last, self.work = event, "training"
            case "evaluated":
                self.evaluations.append(event)
            case "noted" | "prepared" | "savefailed":
                self.notes.append(event["message"])
            case "started":
                self.started, self.reason = event, ""
            case "compiling":
                self.work = f"compiling {event['what']}"
            case "judged":
                self.judged = event
            case "finished":
                self.reason, self.work = event.get("reason", "done"), ""

    def _forget(self, step: int) -> None:
        self.curve.cut(step)
        self.evaluations = [one for one in self.evaluations if one["step"] <= step]
