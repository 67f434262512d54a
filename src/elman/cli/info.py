"""`elman info`."""

from __future__ import annotations

import platform
from functools import partial
from pathlib import Path

import tyro

from elman._cache import cache_folder
from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "info", arguments)


def main(model: tyro.conf.Positional[Path | None] = None, /) -> int:
    """Describe a saved model, or, without one, this installation and its engines.

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
    from elman.artefact import named_arrays, read
    from elman.cells.find import first_cell
    from elman.recurrence import engine_for
    from elman.tasks.load import from_saved

    saved = read(path, with_state=True)
    fitted = from_saved(path, saved)
    trained = f"trained for {fitted.training.budget}"
    if saved.state is not None:
        step = saved.state.values["progress"]["step"]
        trained = f"stopped at step {step:,} of a training for {fitted.training.budget}; --resume continues it"
    arrays = named_arrays(fitted.model)
    width = max(map(len, arrays))
    rows = [f"  {name:<{width}}  {'x'.join(map(str, a.shape)):>10}  {a.size:>12,}" for name, a in arrays.items()]
    settings = ", ".join(f"{name} {value}" for name, value in fitted.task.to_builtins().items())
    return [
        f"{path}: {settings}",
        f"knows {fitted.summary}; {trained}",
        f"validation: {fitted.validation or 'not yet measured'}",
        f"engine {' because '.join(engine_for(first_cell(fitted.model)))}",
        *rows,
        f"  {'total':<{width}}  {'':>10}  {sum(a.size for a in arrays.values()):>12,}",
    ]
