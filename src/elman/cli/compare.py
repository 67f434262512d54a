"""`elman compare`."""

from __future__ import annotations

from pathlib import Path

import tyro

from elman._errors import ConfigError
from elman._terminal import say
from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "compare", arguments)


def main(models: tyro.conf.Positional[tuple[Path, ...]], /, plot: Path | None = None, dark: bool = False) -> int:
    """Compare saved models: size, training, validation, and the settings in which they differ.

    Args:
        models: Saved models.
        plot: Draw their learning curves into this file, such as curves.svg.
        dark: Draw for a dark page.
    """
    if not models:
        raise ConfigError("expected one or more saved models")

    from elman.inspection.compare import compare
    from elman.tasks.load import load

    fitted = {str(model): load(model) for model in models}
    for line in compare(fitted):
        say(line, indent="    ")
    if plot is not None:
        from elman.inspection.pictures import draw_histories
        from elman.tasks.drawing import dark_pictures

        with dark_pictures(dark):
            draw_histories({name: one.history for name, one in fitted.items()}, plot)
        say(f"{plot}: the learning curves")
    return 0
