"""`elman train`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import tyro

from elman._errors import ConfigError
from elman.cli._parse import FirstLook, call
from elman.formats.names import plain_name
from elman.tasks.registry import TASKS, find_settings, find_task, option_name, task_called
from elman.tasks.settings import TaskSettings
from elman.training.settings import BUDGETS, Training, training_defaults

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted
    from elman.training.stop import Stop

KINDS = (
    f"{', '.join(sorted(map(option_name, TASKS)))}, or module:Class for your own; by default recognised from the "
    "files. The options below are those of the task."
)
"""The help of `--task`."""


class Options(NamedTuple):
    """The parsed command line of `elman train`."""

    files: tuple[str, ...]
    place: Path
    force: bool
    resume: bool
    json: bool
    lines: bool
    task: Any
    """The settings of the task; in the end, the task."""
    training: Training


def run(arguments: list[str]) -> int:
    """Trains and saves a model; returns the exit code."""
    from elman.training.stop import stop_requests

    with stop_requests(end=_end) as stop:
        options = _options(arguments)
        if options.json and options.lines:
            raise ConfigError("--json and --lines exclude each other; choose one")
        from elman.artefact import claim, refuse_existing

        with claim(options.place):
            if not options.resume:
                refuse_existing(options.place, force=options.force)
            fitted = _fit(options, stop)
    if not options.json:
        print(f"{options.place}: validation {fitted.validation} at step {fitted.measures['step']}")
    return 0


def _fit(options: Options, stop: Stop) -> Fitted:
    from elman.training import reporters
    from elman.training.fit import fit

    with stop.unwinding():
        data = options.task.read(*options.files)
    report = reporters.Json() if options.json else reporters.Lines() if options.lines else None
    return fit(
        options.task,
        data,
        out=options.place,
        force=options.force,
        resume=options.resume,
        report=report,
        **options.training.to_builtins(),
    )


def _end(number: int, message: str) -> None:
    from elman._lock import release_all

    cursor = "\r\x1b[?25h" if sys.stderr.isatty() else ""  # which the progress bar has hidden
    with suppress(OSError):
        sys.stderr.write(f"{cursor}elman train: {message}\n")
        sys.stderr.flush()
    release_all()
    os._exit(128 + number)


def _options(arguments: list[str]) -> Options:
    look = _look(arguments)
    if "resume" not in look.options:
        name = task_called(look.options["task"]) if "task" in look.options else _recognise(look.files)
        kind = find_settings(name)
        defaults = Training(**training_defaults(kind.training, {*BUDGETS} & {*look.options}))
        chosen = call(_reader(kind(), defaults), "train", arguments)
        return chosen._replace(task=find_task(name)(**msgspec.structs.asdict(chosen.task)))
    from elman.training.fit import read_unfinished

    place = Path(look.options.get("out") or _default_place(look.files))
    saved, task, training = read_unfinished(place)
    again = call(_reader(task, training), "train", arguments)
    if "task" in look.options and find_task(task_called(look.options["task"])) is not type(task):
        raise ConfigError(f"task: {place} is a model for {type(task).__name__}; train another with another --out")
    return again._replace(place=place, files=again.files or saved.places)


def _look(arguments: list[str]) -> FirstLook:
    """The files and options before the task is known; where it is named, which settings are flags is that task's."""
    command = _reader(TaskSettings(), Training())
    look = FirstLook.at(arguments, command, *map(find_settings, TASKS))
    named = look.options.get("task")
    return FirstLook.at(arguments, command, find_settings(task_called(named))) if named else look


def _recognise(files: Sequence[str]) -> str:
    from elman.tasks.recognition import recognise  # what looks into files would slow the help

    recognition = recognise(*files)
    if recognition.others:
        print(f"elman train: {', '.join(files)}: {recognition}", file=sys.stderr)
    return recognition.task


def _reader(settings: TaskSettings, training: Training) -> Callable[..., Options]:
    """The command with the options of `settings` and `training`, whose values are the defaults."""

    def read(
        files: tyro.conf.Positional[tuple[str, ...]] = (),
        /,
        task: Annotated[str | None, tyro.conf.arg(metavar="TASK", help=KINDS)] = None,
        out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        force: bool = False,
        resume: bool = False,
        json: bool = False,
        lines: bool = False,
        model: Any = settings,
        training: Training = training,
    ) -> Options:
        """Train a model and save it.

        Args:
            files: Files or folders; - is standard input; none is the embedded default text.
            out: Path of the saved model; by default the first file's name with .elman, in this folder.
            force: Overwrite an existing model.
            resume: Continue a training that was stopped, with its data and its options.
            json: Print one JSON object per event on standard output.
            lines: Print one plain line per evaluation instead of the progress bar.
            model: Data and model.
            training: Budget, optimiser and schedule.
        """
        return Options(files, out or _default_place(files), force, resume, json, lines, model, training)

    read.__annotations__["model"] = type(settings)
    return read


def _default_place(files: Sequence[str]) -> Path:
    if not files or files[0] == "-":
        return Path("model.elman")
    name = Path(files[0]).resolve().name
    return Path(Path(plain_name(name)).stem + ".elman")
