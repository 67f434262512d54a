"""`elman predict`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import tyro

from elman._config import Config, fields
from elman._errors import ConfigError
from elman._terminal import fold_table, say, width_of
from elman._types import WeightFormat
from elman.cli._parse import FirstLook, call
from elman.cli._weights import in_format, say_cost
from elman.tasks.output import Output, Picture, Remark, Row, Warning
from elman.tasks.registry import TASKS, find_settings, option_name


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(_command(_options(arguments)), "predict", arguments)


def _options(arguments: list[str]) -> Config:
    """The prediction options of the model that the arguments name; none if there is no model."""
    kinds = [find_settings(name).options or Config for name in TASKS]
    names = FirstLook.at(arguments, *kinds).files
    return (_options_of(Path(names[0])) if names else Config)()


def _options_of(model: Path) -> type[Config]:
    """The prediction options of a model: by the name of its task, which one of elman's own has; that of anyone else is
    imported, after the model was checked. None where there is no name, so that `load` will refuse the model."""
    from elman import artefact  # imports NumPy, which help without a model does not need

    try:
        kind = artefact.peek(model)["task"]["type"]
    except (LookupError, TypeError):
        return Config
    if isinstance(kind, str) and kind in TASKS:
        return find_settings(kind).options or Config
    if isinstance(kind, str) and ":" in kind:
        from elman.tasks.load import parts_of  # imports jax, as any task does

        return type(parts_of(model, artefact.read(model)).task).options or Config
    return Config


def _command(default: Config) -> Callable[..., int]:
    def main(
        model: tyro.conf.Positional[Path],
        files: tyro.conf.Positional[tuple[str, ...]] = (),
        /,
        weights: WeightFormat = "float32",
        prediction: Any = default,
    ) -> int:
        """Predict an answer for each input, in one line of output. The options that --help shows depend on the model.

        Args:
            model: A saved model.
            files: Files, folders and archives of inputs, as train reads them; - or none is standard input.
            weights: Format of the weights: bfloat16 and int8 are rounded, and faster for few inputs at once.
            prediction: Options of the model's task.
        """
        from elman.tasks.fitted import Predictor, TextGenerator
        from elman.tasks.load import load

        fitted = load(model)
        if not isinstance(fitted, Predictor):
            mend = f"; run elman generate {model}" if isinstance(fitted, TextGenerator) else ""
            raise ConfigError(f"{model}: the model answers no inputs{mend}")
        fitted = in_format(fitted, weights)
        say_cost("predict", model, weights)
        items = fitted.output(*(files or (("-",) if fitted.needs_input else ())), options=prediction)
        _show(_blocks(items, width_of(sys.stdout)))
        return 0

    main.__annotations__["prediction"] = type(default)
    if type(default) is Config:
        main.__doc__ = f"{main.__doc__}".replace(
            "depend on the model.", f"depend on the model.\n\n        {_by_task()}", 1
        )
    return main


def _show(items: Iterable[Output]) -> None:
    for item in items:
        match item:
            case Remark():
                say(item)
            case str():
                print(item, flush=True)
            case Warning():
                say(item.text, sys.stderr)
            case Picture():
                item.save()


def _blocks(items: Iterable[Output], width: int | None) -> Iterator[Output]:
    """The items with each table folded into the columns that a terminal has room for."""
    for is_row, group in groupby(items, lambda item: width is not None and isinstance(item, Row)):
        if is_row:
            yield from fold_table([str(item) for item in group], width)
        else:
            yield from group


def _by_task() -> str:
    """The names of the options for the models of each task."""
    options = {option_name(task): find_settings(task).options for task in TASKS}
    lists = (
        f"for {task}: " + ", ".join("--" + name.replace("_", "-") for name in fields(kind))
        for task, kind in options.items()
        if kind is not None
    )
    return "\n\n        ".join(lists)  # indented as the docstring is
