"""`elman info`."""

from __future__ import annotations

import platform
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from elman._cache import cache_folder
from elman.cli._parse import call

if TYPE_CHECKING:
    from elman.artefact import Arrays, Contents


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "info", arguments)


def main(model: tyro.conf.Positional[Path | None] = None, /) -> int:
    """Describe a saved model, or, without one, this installation and its engines. A module of your own is only
    imported with --trust.

    Args:
        model: A saved model.
    """
    print("\n".join(_installation() if model is None else _model(model)))
    return 0


def _installation() -> list[str]:
    import equinox as eqx
    import jax

    import elman
    from elman.cells.find import find_cell, known_cells
    from elman.recurrence import engine_for

    build = partial(eqx.filter_eval_shape, key=jax.random.key(0))  # computes no weights, which takes seconds
    cells = {name: build(find_cell(name), 4, 4) for name in known_cells()}
    engines = {name: engine_for(cell) for name, cell in cells.items()}
    width = max(map(len, engines))
    devices = ", ".join(str(device) for device in jax.devices())
    return [
        f"elman {elman.__version__}, Python {platform.python_version()}, jax {jax.__version__}",
        f"devices: {devices}",
        f"cache: {_cache()}",
        "engines:",
        *[f"  {name:<{width}}  {engine:<8}  {reason}" for name, (engine, reason) in engines.items()],
    ]


def _cache() -> str:
    try:
        return str(cache_folder("jax").parent)
    except OSError as error:
        return f"none: {error.filename} cannot be made ({error.strerror})"


def _model(path: Path) -> list[str]:
    from elman import artefact
    from elman._trust import Untrusted
    from elman.cells.find import first_cell
    from elman.recurrence import engine_for
    from elman.tasks.load import from_saved

    saved = artefact.read(path, with_state=True)
    try:
        fitted = from_saved(path, saved, remembered=False)
    except Untrusted as error:
        return [*_described(path, saved), f"engine not known: {error}", *_table(saved.weights)]
    engine = f"engine {' because '.join(engine_for(first_cell(fitted.model)))}"
    return [*_described(path, saved), engine, *_table(artefact.named_arrays(fitted.model))]


def _described(path: Path, saved: Contents) -> list[str]:
    """The lines on an artefact's contents that need nothing of a user's own."""
    from elman._trust import Untrusted
    from elman.tasks.load import parts_of
    from elman.training.state import saved_run

    try:
        task, training, codec, measures = parts_of(path, saved, remembered=False)
    except Untrusted:
        return [f"{path}: {_listed(saved.model['task'])}"]
    fitted = task.fitted_class(task=task, codec=codec, model=None, training=training, measures=measures)
    trained = f"trained for {training.budget}"
    if saved.state is not None:
        step = saved_run(path, saved.state).progress.step
        trained = f"stopped at step {step:,} of a training for {training.budget}; --resume continues it"
    return [
        f"{path}: {_listed(task.to_builtins())}",
        f"knows {fitted.summary}; {trained}",
        f"validation: {fitted.validation or 'not yet measured'}",
    ]


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _table(arrays: Arrays) -> list[str]:
    width = max(map(len, arrays))
    rows = [f"  {name:<{width}}  {'x'.join(map(str, a.shape)):>10}  {a.size:>12,}" for name, a in arrays.items()]
    return [*rows, f"  {'total':<{width}}  {'':>10}  {sum(a.size for a in arrays.values()):>12,}"]
