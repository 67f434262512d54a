"""`elman evaluate`."""

from __future__ import annotations

from pathlib import Path

import msgspec
import tyro

from elman._errors import ConfigError
from elman._types import Unknown
from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "evaluate", arguments)


def main(
    model: tyro.conf.Positional[Path],
    files: tyro.conf.Positional[tuple[str, ...]],
    /,
    unknown: Unknown = "error",
    json: bool = False,
) -> int:
    """Measure a model on held-out data: a text, or inputs with their answers.

    Args:
        model: A saved model.
        files: Files or folders in the format of its training data; - is standard input.
        unknown: For a language model: skip leaves out characters that it does not know.
        json: Print JSON.
    """
    if not files:
        raise ConfigError("expected the data to measure on: a file, a folder, or - for standard input")

    from elman.tasks.fitted import TextGenerator
    from elman.tasks.load import load

    fitted = load(model)
    if isinstance(fitted, TextGenerator):
        part = fitted.read(*files, unknown=unknown)
    elif unknown == "error":
        part = fitted.read(*files)
    else:
        raise ConfigError("--unknown belongs to language models; leave it out")
    metrics = fitted.evaluate(part)
    print(msgspec.json.encode(metrics.to_builtins()).decode() if json else metrics.report())
    return 0
