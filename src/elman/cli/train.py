"""`elman train`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import tyro

from elman._errors import ConfigError, Interrupted
from elman._terminal import say
from elman.cli._parse import FirstLook, call
from elman.formats.names import plain_name
from elman.tasks.registry import TASKS, find_settings, find_task, option_name, task_called
from elman.tasks.settings import PretrainedSettings, TaskSettings
from elman.training.settings import BUDGETS, Training, training_defaults

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted
    from elman.training.begin import Origin
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
    start_from: tuple[str, ...]
    """The places of the models to start from."""
    json: bool
    lines: bool
    plot: bool
    tensorboard: Path | None
    profile: Path | None
    task: Any
    """The settings of the task; in the end, the task."""
    training: Training
    origin: Origin | None = None
    """The model to go on with."""


def run(arguments: list[str]) -> int:
    """Trains and saves a model; returns the exit code."""
    from elman.training.stop import stop_requests

    began = time.monotonic()
    with stop_requests(end=_end) as stop:
        options = _options(arguments)
        if options.json and options.lines:
            raise ConfigError("--json and --lines exclude each other; choose one")
        from elman.artefact import claim, refuse_existing
        from elman.training.begin import refuse_overwriting

        refuse_overwriting(options.place, options.start_from)
        with claim(options.place):
            if not options.resume:
                refuse_existing(options.place, force=options.force)
            try:
                fitted = _fit(options, stop)
            except Interrupted as stopped:
                _draw(stopped.fitted, options)
                raise
            _draw(fitted, options)
    if not options.json:
        steps = f"at step {fitted.measures['step']:,} of {fitted.measures['steps']:,}"
        say(f"{options.place}: validation {fitted.validation} {steps}")
        for baseline in fitted.baselines:
            say(f"baseline, {baseline}")
        say(", and it ".join(filter(None, [f"it knows {fitted.summary}", fitted.reach])))
        say(_times(fitted, time.monotonic() - began))
    return 0


def _times(fitted: Fitted, whole: float) -> str:
    """The seconds of a command that has trained, by what they went to."""
    from elman.training.times import Times

    budget = fitted.training.budget if fitted.training.minutes else ""
    return Times(**fitted.measures["times"]).describe(whole, budget=budget)


def _fit(options: Options, stop: Stop) -> Fitted:
    from elman.training import reporters
    from elman.training.fit import fit

    with stop.unwinding():
        data = options.task.read(*options.files)
    if options.plot:
        from elman.tasks.drawing import new_figure

        new_figure(1, 1)  # which refuses before training where there is no matplotlib
    report = reporters.Json() if options.json else reporters.Lines() if options.lines else None
    also = []
    if options.tensorboard is not None:
        from elman.inspection.tensorboard import TensorBoard

        also.append(TensorBoard(options.tensorboard))
    return fit(
        options.task,
        data,
        out=options.place,
        force=options.force,
        resume=options.resume,
        start_from=options.origin,
        report=report,
        also=also,
        profile=options.profile,
        **options.training.to_builtins(),
    )


def _draw(fitted: Fitted | None, options: Options) -> None:
    """Draws the learning curves beside a saved model, where that is asked for and there is an evaluation."""
    if not options.plot or fitted is None or not len(fitted.history):
        return
    from elman.inspection.pictures import draw_histories

    place = options.place
    draw_histories({place.name: fitted.history}, place.with_name(f"{place.stem}.curves.svg"))


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
    if "resume" in look.options:
        return _resumed(look, arguments)
    if "from" in look.options and "help" not in look.options:
        return _started(look, arguments)
    return _begun(look, arguments, _kind(look))


def _begun(look: FirstLook, arguments: list[str], name: str) -> Options:
    """The options of a new model, which may start from language models."""
    kind = find_settings(name)
    defaults = Training(**training_defaults(kind.training, {*BUDGETS} & {*look.options}))
    chosen = call(reader(kind(), defaults), "train", arguments)
    models = {"start_from": chosen.start_from} if chosen.start_from else {}
    return chosen._replace(task=find_task(name)(**msgspec.structs.asdict(chosen.task) | models))


def _started(look: FirstLook, arguments: list[str]) -> Options:
    """The options of a training that starts from a saved model: one of the same task, whose settings are the defaults,
    or language models."""
    from elman.training.begin import check_origin, origin_of

    origin = origin_of(look.options["from"])
    before = origin.fitted.task
    own = type(before)
    name = _kind(look) if own.foundation or "task" in look.options else ""
    kind = find_task(name) if name else own
    if own.foundation and issubclass(kind, PretrainedSettings):
        return _begun(look, arguments, name)
    task = before.for_new_data(origin.fitted.codec) if kind is own else kind()
    check_origin(task, origin)
    defaults = origin.fitted.training.to_builtins()
    training = Training(**training_defaults(defaults, {*BUDGETS} & {*look.options}))
    chosen = call(reader(task, training), "train", arguments)
    if len(chosen.start_from) > 1:
        raise ConfigError(f"start_from: expected one model to go on with; got {len(chosen.start_from)}")
    check_origin(chosen.task, origin)
    return chosen._replace(origin=origin)


def _resumed(look: FirstLook, arguments: list[str]) -> Options:
    """The options of a run that goes on, whose settings are the defaults."""
    from elman.training.begin import read_run, refuse_complete

    place = Path(look.options.get("out") or _default_place(look.files))
    saved, task, training = read_run(place)
    refuse_complete(saved, place, look.options)
    typed = {*BUDGETS} & {*look.options} if saved.complete else {}
    defaults = Training(**training_defaults(training.to_builtins(), typed))
    again = call(reader(task, defaults), "train", arguments)
    if again.start_from:
        raise ConfigError("start_from: --resume goes on with the run as it began; choose one of the two")
    if "task" in look.options and find_task(task_called(look.options["task"])) is not type(task):
        raise ConfigError(f"task: {place} is a model for {type(task).__name__}; train another with another --out")
    return again._replace(place=place, files=again.files or saved.places)


def _kind(look: FirstLook) -> str:
    """The name of the task that the command line names, or that the files are for."""
    return task_called(look.options["task"]) if "task" in look.options else _recognise(look.files)


def _look(arguments: list[str]) -> FirstLook:
    """The files and options before the task is known; where it is named, which settings are flags is that task's."""
    command = reader(TaskSettings(), Training())
    look = FirstLook.at(arguments, command, *map(find_settings, TASKS))
    named = look.options.get("task")
    return FirstLook.at(arguments, command, find_settings(task_called(named))) if named else look


def _recognise(files: Sequence[str]) -> str:
    from elman.tasks.recognition import recognise  # what looks into files would slow the help

    recognition = recognise(*files)
    if recognition.others:
        say(f"elman train: {', '.join(files)}: {recognition}", sys.stderr)
    return recognition.task


def reader(settings: TaskSettings, training: Training) -> Callable[..., Options]:
    """The command with the options of `settings` and `training`, whose values are the defaults."""

    def read(
        files: tyro.conf.Positional[tuple[str, ...]] = (),
        /,
        task: Annotated[str | None, tyro.conf.arg(metavar="TASK", help=KINDS)] = None,
        out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        force: bool = False,
        resume: bool = False,
        start_from: Annotated[tuple[str, ...], tyro.conf.arg(name="from", metavar="MODEL")] = (),
        json: bool = False,
        lines: bool = False,
        plot: bool = False,
        tensorboard: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
        profile: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,
        model: Any = settings,
        training: Training = training,
    ) -> Options:
        """Train a model and save it.

        Args:
            files: Files or folders; - is standard input; none is the embedded default text.
            out: Path of the saved model; by default the first file's name with .elman, in this folder.
            force: Overwrite an existing model.
            resume: Continue a training that was stopped, with its data and its options; a budget such as --minutes 10
                extends one that is complete.
            start_from: A saved model of the same task to go on with on these files, whose options are the defaults; a
                classifier or a tagger may also start from language models.
            json: Print one JSON object per event on standard output.
            lines: Print one plain line per evaluation instead of the progress bar.
            plot: Draw the learning curves beside the saved model, such as model.curves.svg.
            tensorboard: Write losses, histograms, samples and settings for TensorBoard into this folder.
            profile: Write a table of where the time of a step goes: input, embedding, recurrence, output, loss,
                optimiser, copies.
            model: Data and model.
            training: Budget, optimiser and schedule.
        """
        place = out or _default_place(files)
        shown = (json, lines, plot, tensorboard, profile)
        return Options(files, place, force, resume, start_from, *shown, model, training)

    read.__annotations__["model"] = type(settings)
    read.__doc__ = f"{read.__doc__}".replace("save it.", f"save it. {_whose(settings)}", 1)
    return read


def _whose(settings: TaskSettings) -> str:
    """A sentence on the task whose options help shows, and on how those of others are shown."""
    name = option_name(type(settings).__name__.removesuffix("Settings"))
    other = "forecasting" if name != "forecasting" else "tagging"
    return (
        f"The model options below are those of {name}; a file, or the name of a task as in elman train --task {other} "
        "--help, shows those of another task."
    )


def _default_place(files: Sequence[str]) -> Path:
    if not files or files[0] == "-":
        return Path("model.elman")
    name = Path(files[0]).resolve().name
    return Path(Path(plain_name(name)).stem + ".elman")
