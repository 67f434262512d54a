"""`elman train`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import tyro

from elman._errors import ConfigError
from elman.cli._parse import call
from elman.tasks.language_modelling import LanguageModelling
from elman.training.settings import Training


class Options(NamedTuple):
    """What the command line asks for."""

    files: tuple[str, ...]
    place: Path
    force: bool
    resume: bool
    json: bool
    lines: bool
    task: LanguageModelling
    training: Training


def run(arguments: list[str]) -> int:
    """Trains and saves; returns the exit code."""
    options = call(read, "train", arguments)
    if options.json and options.lines:
        raise ConfigError("json and lines both say how to report; choose one")
    if options.resume:
        options = _as_saved(options, arguments)
    else:
        from elman.artefact import refuse_existing

        refuse_existing(options.place, force=options.force)

    from elman.fitting import fit
    from elman.training import reporters

    data = options.task.read(*options.files)
    report = reporters.Json() if options.json else reporters.Lines() if options.lines else None
    settings = options.training.to_builtins()
    fitted = fit(
        options.task,
        data,
        out=options.place,
        force=options.force,
        resume=options.resume,
        report=report,
        **settings,
    )
    if not options.json:
        print(f"{options.place}: validation {fitted.validation} at step {fitted.measures['step']}")
    return 0


def read(
    files: tyro.conf.Positional[tuple[str, ...]] = (),
    /,
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
    force: bool = False,
    resume: bool = False,
    json: bool = False,
    lines: bool = False,
    task: LanguageModelling = LanguageModelling(),
    training: Training = Training(),
) -> Options:
    """Train a model on text and save it.

    Args:
        files: Text files (.txt, .gz, .xz) or folders; - is standard input; none is the embedded default text.
        out: Where the model is saved; by default the first file's name with .elman, here.
        force: Overwrite a model that is there.
        resume: Go on with a training that was stopped, with its text and its options.
        json: One JSON object per event on standard output.
        lines: One plain line per evaluation instead of the progress bar.
        task: Data and model.
        training: Budget, optimiser and schedule.
    """
    return Options(files, out or _default_place(files), force, resume, json, lines, task, training)


def _as_saved(options: Options, arguments: list[str]) -> Options:
    """The arguments read again, with the text and the options of the run to be resumed as defaults."""
    from elman.fitting import unfinished

    saved, task, training = unfinished(options.place)
    again = call(partial(read, task=task, training=training), "train", arguments)
    return again._replace(place=options.place, files=again.files or tuple(saved["places"]))


def _default_place(files: tuple[str, ...]) -> Path:
    if not files or files[0] == "-":
        return Path("model.elman")
    name = Path(files[0]).resolve().name
    return Path(Path(name.removesuffix(".gz").removesuffix(".xz")).stem + ".elman")
