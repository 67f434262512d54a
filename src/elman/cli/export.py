"""`elman export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from elman._config import Several
from elman._errors import ConfigError
from elman._terminal import say
from elman.cli._parse import call

if TYPE_CHECKING:
    from elman.interop.export import Library
    from elman.tasks.fitted import Fitted
else:
    from typing import Literal

    Library = Literal["keras", "pytorch", "onnx", "c"]


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "export", arguments)


def main(
    model: tyro.conf.Positional[Path],
    /,
    to: Library,
    out: Path | None = None,
    int8: bool = False,
    name: str = "model",
    on: Annotated[tuple[str, ...], Several()] = (),
    force: bool = False,
) -> int:
    """Write a saved model for another library, after both have computed the same.

    Args:
        model: A saved model.
        to: The library.
        out: The folder to write, by default the model's name and the library's.
        int8: For ONNX and C: weights of 8 bits, a quarter of the size.
        name: For C: the name of its files, and the prefix of what they declare.
        on: With --int8: data to measure the model on before and after.
        force: Overwrite an earlier export.
    """
    if on and not int8:
        raise ConfigError("--on: measures what --int8 costs; without it, nothing changes")

    from elman.interop.export import export
    from elman.tasks.load import load

    named = model if model.name else model.absolute()  # the current folder is `.`
    folder, fitted = named.with_name(f"{named.stem}-{to}") if out is None else out, load(model)
    files = export(fitted, folder, to=to, int8=int8, name=name, force=force, show=say)
    if int8:
        _show_loss(fitted, on)
    say(f"{folder}: {', '.join(files)}")
    return 0


def _show_loss(fitted: Fitted, on: tuple[str, ...]) -> None:
    """Shows the measures with the weights of 32 bits and with those of 8."""
    from elman.interop.int8 import round_weights

    if not on:
        say("int8: what the rounding costs is not measured; name data with --on FILE")
        return
    part = fitted.read(*on)
    for name, one in (("float32", fitted), ("int8", replace(fitted, model=round_weights(fitted.model)))):
        say(f"{name}: {one.evaluate(part)}")
