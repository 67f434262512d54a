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
    """Measure a model on a whole text, every token but the first counted once.

    Args:
        model: A saved model.
        files: Text files or folders; - is standard input.
        unknown: skip leaves out characters that the model does not know.
        json: Print JSON.
    """
    if not files:
        raise ConfigError("expected the text to measure on: a file, a folder, or - for standard input")

    from elman.fitted import load

    fitted = load(model)
    metrics = fitted.evaluate(fitted.read(*files, unknown=unknown))
    if json:
        print(msgspec.json.encode(metrics.to_builtins()).decode())
    else:
        print(f"{metrics}, over {metrics.tokens:,} {metrics.unit}s")
    return 0
