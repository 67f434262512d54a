"""`elman predict`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import tyro

from elman._config import Config
from elman._errors import ConfigError
from elman.cli._parse import FirstLook, call
from elman.tasks.registry import TASKS, find_settings


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(_command(_options(arguments)), "predict", arguments)


def _options(arguments: list[str]) -> Config:
    """The prediction options of the model that the arguments name; none if there is no model."""
    kinds = [find_settings(name).options or Config for name in TASKS]
    names = FirstLook.at(arguments, *kinds).files
    kind = _kind(Path(names[0])) if names else None
    if kind is None:
        return Config()
    if ":" not in kind:
        return (find_settings(kind).options or Config)()
    from elman import artefact
    from elman.tasks.load import parts_of  # these import jax, and so does a task of the user's own

    model = Path(names[0])
    return (type(parts_of(model, artefact.read(model)).task).options or Config)()


def _kind(model: Path) -> str | None:
    """The name of a model's task; None where there is none, so that `load` will refuse the model."""
    try:
        kind = msgspec.json.decode((model / "model.json").read_bytes())["task"]["type"]
    except (OSError, msgspec.MsgspecError, LookupError, TypeError, RecursionError):
        return None
    return kind if isinstance(kind, str) and (":" in kind or kind in TASKS) else None


def _command(default: Config) -> Callable[..., int]:
    def main(
        model: tyro.conf.Positional[Path],
        files: tyro.conf.Positional[tuple[str, ...]] = (),
        /,
        prediction: Any = default,
    ) -> int:
        """Predict an answer for each input, in one line of output. The options that --help shows depend on the model.

        Args:
            model: A saved model.
            files: Files of inputs; - or none is standard input.
            prediction: Options of the model's task.
        """
        from elman.tasks.fitted import Picture, Predictor, TextGenerator, Warning
        from elman.tasks.load import load

        fitted = load(model)
        if not isinstance(fitted, Predictor):
            mend = f"; run elman generate {model}" if isinstance(fitted, TextGenerator) else ""
            raise ConfigError(f"{model}: the model answers no inputs{mend}")
        for item in fitted.output(*(files or (("-",) if fitted.needs_input else ())), options=prediction):
            match item:
                case str():
                    print(item, flush=True)
                case Warning():
                    print(item.text, file=sys.stderr)
                case Picture():
                    item.save()
        return 0

    main.__annotations__["prediction"] = type(default)
    return main
