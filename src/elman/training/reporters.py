"""Reports of training, for people and programs: a progress bar, plain lines, or JSON lines."""

from __future__ import annotations

import math
import sys
import time
from html import escape
from typing import Any, Protocol, TextIO

import msgspec

from elman._errors import quantity
from elman._notebook import Display, notebook
from elman._terminal import fold, is_plain, say
from elman.training.curve import learning_curve
from elman.training.events import (
    Checkpoint,
    Compiled,
    Compiling,
    Evaluated,
    Event,
    Finished,
    Judged,
    Noted,
    Prepared,
    Profiled,
    SaveFailed,
    Started,
    Stepped,
)
from elman.training.history import Evaluation, History
from elman.training.times import duration

_INDENT = 6 * " "
"""The start of the lines that follow from a fold, below the share of an evaluation."""

_BAR = 18
"""The columns that the share and the bar take on a terminal, with the spaces around them."""

UPDATE_SECONDS = 0.5
"""The least seconds between two updates of a notebook, whose server refuses floods of messages."""


class Reporter(Protocol):
    """A function that receives the events of a training run."""

    def __call__(self, event: Event) -> None: ...
    def close(self) -> None:
        """Ends the report, however the run has ended."""
        ...


class Quiet(Reporter):
    """Shows only what was concluded from the data, failures to save, and the verdicts on the model."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Noted | SaveFailed | Judged) and (text := _sentence(event)):
            say(text, sys.stderr, indent=_INDENT)

    def close(self) -> None: ...


class Lines(Reporter):
    """Prints one plain line per evaluation."""

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stderr

    def __call__(self, event: Event) -> None:
        if text := _sentence(event):
            say(text, self._stream, indent=_INDENT)

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
            TextColumn("{task.description}", markup=False),
            console=self._console,
        )
        self._line = _ProgressLine()
        self._task = self._bar.add_task(self._line.text, total=1.0)
        self._bar.start()

    def __call__(self, event: Event) -> None:
        if self._line.changes(event):
            text = self._line.text_in(self._console.width - _BAR)
            self._bar.update(self._task, completed=self._line.spent, description=text)
        if text := _sentence(event):
            text = fold(text, self._console.width, indent=_INDENT)
            self._console.print(text, highlight=False, markup=False, emoji=False)

    def close(self) -> None:
        self._bar.stop()


class Notebook(Reporter):
    """One line in a notebook that is updated, with the learning curve below it; evaluations are lines of their own."""

    def __init__(self) -> None:
        self._line, self._history, self._step = _ProgressLine(), History(), 0
        self._display, self._updated = Display(**self._shown()), time.monotonic()

    def __call__(self, event: Event) -> None:
        changed, now = self._line.changes(event), time.monotonic()
        if isinstance(event, Evaluated):
            self._history = History((*self._history, Evaluation.of(event)))
        if isinstance(event, Stepped):
            self._step = event.step
        if isinstance(event, Evaluated | Compiling) or (changed and now - self._updated >= UPDATE_SECONDS):
            self._display.update(**self._shown())
            self._updated = now
        if text := _sentence(event):
            print(text, flush=True)

    def close(self) -> None:
        self._display.update(**self._shown())

    def _shown(self) -> dict[str, str]:
        line = f"{self._line.spent:.0%}  step {self._step:,}  {self._line.text}"
        bar = f'<progress value="{self._line.spent:.3f}" max="1"></progress>'
        return {"text": line, "html": f"{bar} {escape(line)}<div>{learning_curve(self._history)}</div>"}


class _ProgressLine:
    """The line of a training: its loss in units with names, its speed and the time left."""

    spent = 0.0

    def __init__(self) -> None:
        self._parts = {"work": "building the model"}
        self._loss_unit, self._loss, self._began = "token", 0.0, (0.0, 0.0)

    @property
    def text(self) -> str:
        """The whole line."""
        return "  ".join(self._parts.values())

    def text_in(self, room: int) -> str:
        """The line with its less important parts left out until it has `room` characters."""
        parts = dict(self._parts)
        for name in ("bits", "epoch", "speed", "loss", "left"):
            if len(text := "  ".join(parts.values())) <= room or len(parts) == 1:
                return text
            parts.pop(name, None)
        return "  ".join(parts.values())

    def changes(self, event: Event) -> bool:
        """Takes an event, and returns True if it changes the line."""
        if isinstance(event, Started):
            self._loss_unit, self._began = event.loss_unit, (0.0, event.state.progress.seconds)
        if isinstance(event, Compiling):
            known = self._parts if "epoch" in self._parts else {}
            self._parts = known | {"work": f"compiling {event.what}"}
        if isinstance(event, Stepped):
            self._loss += (event.loss - self._loss) * (0.05 if self._loss else 1.0)
            self._parts, self.spent = self._described(event), event.spent
        return isinstance(event, Compiling | Stepped)

    def _described(self, event: Stepped) -> dict[str, str]:
        if event.spent and not self._began[0]:
            self._began = (event.spent, event.seconds)
        share, seconds = event.spent - self._began[0], event.seconds - self._began[1]
        unit = "char" if self._loss_unit == "character" else self._loss_unit
        parts = {"epoch": f"epoch {event.epoch:.1f}", "loss": f"{self._loss:.3f} nats/{unit}"}
        if unit in ("char", "byte"):
            parts["bits"] = f"{self._loss / math.log(2):.3f} bits/{unit}"
        parts["speed"] = f"{event.speed:,.0f} {unit}/s"
        if share > 0:
            parts["left"] = f"{duration(seconds / share * (1 - event.spent))} left"
        return parts


class Several(Reporter):
    """Several reporters, each of which receives every event."""

    def __init__(self, *reporters: Reporter):
        self._reporters = reporters

    def __call__(self, event: Event) -> None:
        for reporter in self._reporters:
            reporter(event)

    def close(self) -> None:
        for reporter in self._reporters:
            reporter.close()


def default_reporter() -> Reporter:
    """A `Notebook` in a notebook, a `Bar` on a terminal, else `Lines`: in a file, a pipe, or without a cursor."""
    if notebook() is not None:
        return Notebook()
    return Bar() if sys.stderr.isatty() and not is_plain(sys.stderr) else Lines()


def _sentence(event: Event) -> str:
    match event:
        case Started():
            return (
                f"{quantity(event.parameters, 'weight')}; {event.data.sizes}; for {event.budget}; engine {event.engine}"
            )
        case Evaluated():
            best = ", the best so far" if event.is_best else ""
            share = f"{event.spent:4.0%}, {duration(event.seconds)}, step {event.step}"
            return f"{share}: validation {event.metrics}{best}"
        case Noted() | Prepared() | SaveFailed():
            return event.message
        case Compiled(memory=memory):
            return str(memory)
        case Profiled(profile=profile):
            return str(profile)
        case Judged():
            return "\n".join(event.verdicts)
        case Finished(reason="early"):
            return f"stopped early: no better evaluation since step {event.state.progress.best_step}"
    return ""


def _values(event: Event) -> dict[str, Any]:
    name = {"event": type(event).__name__.lower()}
    match event:
        case Evaluated():
            others = {field: value for field, value in vars(event).items() if field not in ("metrics", "fitted")}
            return name | others | event.metrics.to_builtins()
        case Compiled(memory=memory):
            return name | vars(memory) | {"total": memory.total}
        case Profiled(profile=profile):
            return name | vars(profile)
        case Judged():
            return name | msgspec.to_builtins(vars(event) | {"validation": event.validation.to_builtins()})
        case Checkpoint() | Finished():
            reason = {"reason": event.reason} if isinstance(event, Finished) else {}
            return name | msgspec.to_builtins(event.state.progress) | reason
    return name | {field: value for field, value in vars(event).items() if field not in ("state", "data")}
