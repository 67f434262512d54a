"""Reports of training, for people and programs: a progress bar, plain lines, or JSON lines."""

from __future__ import annotations

import math
import sys
from typing import Any, Protocol, TextIO

import msgspec

from elman._errors import quantity
from elman.training.events import (
    Checkpoint,
    Compiling,
    Evaluated,
    Event,
    Finished,
    Noted,
    Prepared,
    SaveFailed,
    Started,
    Stepped,
)


class Reporter(Protocol):
    """A function that receives the events of a training run."""

    def __call__(self, event: Event) -> None: ...
    def close(self) -> None:
        """Ends the report, however the run has ended."""
        ...


class Quiet(Reporter):
    """Shows only what was concluded from the data, and failures to save."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Noted | SaveFailed):
            print(event.message, file=sys.stderr, flush=True)

    def close(self) -> None: ...


class Lines(Reporter):
    """Prints one plain line per evaluation."""

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stderr

    def __call__(self, event: Event) -> None:
        if text := _sentence(event):
            print(text, file=self._stream, flush=True)

    def close(self) -> None: ...


class Json(Reporter):
    """Prints one JSON object per event: its name as "event", and its values."""

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stdout

    def __call__(self, event: Event) -> None:
        print(msgspec.json.encode(_values(event)).decode(), file=self._stream, flush=True)

    def close(self) -> None: ...


class Bar(Reporter):
    """A progress bar with loss, speed and time left; evaluations stay above it as lines."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f}%"),
            BarColumn(bar_width=10),
            TextColumn("{task.description}"),
            console=self._console,
        )
        self._shown = ""
        self._task = self._bar.add_task("building the model", total=1.0)
        self._loss_unit, self._loss, self._began = "token", 0.0, (0.0, 0.0)
        self._bar.start()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._loss_unit, self._began = event.loss_unit, (0.0, event.state.progress.seconds)
        if isinstance(event, Compiling):
            self._bar.update(self._task, description=f"{self._shown}  compiling {event.what}".strip())
        if isinstance(event, Stepped):
            self._loss += (event.loss - self._loss) * (0.05 if self._loss else 1.0)
            self._shown = self._description(event)
            self._bar.update(self._task, completed=event.spent, description=self._shown)
        if text := _sentence(event):
            self._console.print(text, highlight=False, markup=False)

    def close(self) -> None:
        self._bar.stop()

    def _description(self, event: Stepped) -> str:
        if event.spent and not self._began[0]:
            self._began = (event.spent, event.seconds)
        share, seconds = event.spent - self._began[0], event.seconds - self._began[1]
        left = f"  {_duration(seconds / share * (1 - event.spent))} left" if share > 0 else ""
        unit = "char" if self._loss_unit == "character" else self._loss_unit
        bits = f"  {self._loss / math.log(2):.3f} bits/{unit}" if unit in ("char", "byte") else ""
        speed = f"  {event.speed:,.0f} {unit}/s"
        return f"epoch {event.epoch:.1f}  {self._loss:.3f} nats{bits}{speed}{left}"


def default_reporter() -> Reporter:
    """A `Bar` if standard error is a terminal, `Quiet` otherwise."""
    return Bar() if sys.stderr.isatty() else Quiet()


def _sentence(event: Event) -> str:
    match event:
        case Started():
            return (
                f"{event.parameters:,} weights, {quantity(event.size, event.unit)} to train on, for {event.budget}; "
                f"engine {event.engine}"
            )
        case Evaluated():
            best = ", the best so far" if event.is_best else ""
            share = f"{event.spent:4.0%}, {_duration(event.seconds)}, step {event.step}"
            return f"{share}: validation {event.metrics}{best}"
        case Noted() | Prepared() | SaveFailed():
            return event.message
        case Finished(reason="early"):
            return f"stopped early: no better evaluation since step {event.state.progress.best_step}"
    return ""


def _values(event: Event) -> dict[str, Any]:
    name = {"event": type(event).__name__.lower()}
    match event:
        case Evaluated():
            measures = {"step": event.step, "spent": event.spent, "is_best": event.is_best, "seconds": event.seconds}
            return name | measures | event.metrics.to_builtins()
        case Checkpoint() | Finished():
            reason = {"reason": event.reason} if isinstance(event, Finished) else {}
            return name | msgspec.to_builtins(event.state.progress) | reason
    return name | {field: value for field, value in vars(event).items() if field != "state"}


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
