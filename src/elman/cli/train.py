"""`elman train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from elman._errors import ArtefactError
from elman.tasks.language_modelling import LanguageModelling
from elman.training.settings import Training


def main(
    files: tyro.conf.Positional[tuple[str, ...]] = (),
    /,
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None,
    force: bool = False,
    resume: bool = False,
    json: bool = False,
    lines: bool = False,
    task: LanguageModelling = LanguageModelling(),
    training: Training = Training(),
) -> int:
    """Train a model on text and save it.

    Args:
        files: Text files (.txt, .gz, .xz) or folders; - is standard input; none is the embedded default text.
        out: Where the model is saved; by default the first file's name with .elman, here.
        force: Overwrite a model that is there.
        resume: Go on with a training that was stopped.
        json: One JSON object per event on standard output.
        lines: One plain line per evaluation instead of the progress bar.
        task: Data and model.
        training: Budget, optimiser and schedule.
    """
    place = out or _default_place(files)
    if place.exists() and not (force or resume):
        raise ArtefactError(
            f"{place}: exists; --resume goes on with it, --force overwrites it, --out names another place"
        )

    from elman.fitting import fit
    from elman.training import reporters

    data = task.read(*files)
    report = reporters.Json() if json else reporters.Lines() if lines else reporters.default_reporter()
    settings = training.to_builtins()
    fitted = fit(task, data, out=place, force=force, resume=resume, report=report, **settings)
    if not json:
        print(f"{place}: validation {fitted.validation} at step {fitted.measures['step']}")
    return 0


def _default_place(files: tuple[str, ...]) -> Path:
    name = Path(files[0]).name.split(".")[0] if files and files[0] != "-" else ""
    return Path(f"{name or 'model'}.elman")
