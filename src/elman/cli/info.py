"""`elman info`."""

from __future__ import annotations

import platform
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from elman._cache import cache_folder
from elman._errors import byte_size
from elman._terminal import say
from elman.cli._names import typed
from elman.cli._parse import call
from elman.tasks.registry import option_name

if TYPE_CHECKING:
    from elman.artefact import Arrays, Contents
    from elman.tasks.task import Task

EMPTY = (None, "", (), [])
"""Values of settings that say nothing."""


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "info", arguments)


def main(model: tyro.conf.Positional[Path | None] = None, /) -> int:
    """Describe a saved model, or, without one, this installation and its engines. A module of your own is only
    imported with --trust.

    Args:
        model: A saved model.
    """
    say("\n".join(_installation() if model is None else _model(model)))
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
        return [*_described(path, saved), *_sizes(path, saved), f"engine not known: {error}", *_table(saved.weights)]
    engine = f"engine {' because '.join(engine_for(first_cell(fitted.model)))}"
    table = _table(artefact.named_arrays(fitted.model))
    return [*_described(path, saved), *_sizes(path, saved), engine, *table]


def _described(path: Path, saved: Contents) -> list[str]:
    """The lines on an artefact's contents that need nothing of a user's own."""
    from elman._trust import Untrusted
    from elman.tasks.load import parts_of
    from elman.training.state import saved_run

    try:
        task, training, codec, measures = parts_of(path, saved, remembered=False)
    except Untrusted:
        task = saved.model["task"]
        return [f"{path}: {', '.join(f'{name} {value}' for name, value in task.items() if value not in EMPTY)}"]
    fitted = task.fitted_class(task=task, codec=codec, model=None, training=training, measures=measures)
    trained = f"trained for {training.budget}"
    run = None if saved.state is None else saved_run(path, saved.state)
    if run is not None and not run.complete:
        trained = f"stopped at step {run.progress.step:,} of a training for {training.budget}; --resume continues it"
    before = measures.get("start_from") or (run.start_from if run is not None else "")
    return [
        f"{path}: {option_name(task.to_builtins()['type'])}{_options(task)}",
        f"knows {fitted.summary}; {trained}{f', from the weights of {before}' if before else ''}",
        f"validation: {fitted.validation or 'not yet measured'}",
        *(f"baseline, {baseline}" for baseline in fitted.baselines),
        *fitted.verdicts,
    ]


def _options(task: Task) -> str:
    """The settings that are not the defaults, as options of `elman train`."""
    defaults = type(task)()
    options = []
    for name in task.__struct_fields__:
        value = getattr(task, name)
        if value == getattr(defaults, name):
            continue
        if isinstance(value, bool):
            options.append(typed(name if value else f"no_{name}"))
        else:
            options.append(shlex.join([typed(name), *map(str, value if isinstance(value, tuple) else (value,))]))
    return f", with {' '.join(options)}" if options else ", with the default settings"


def _sizes(path: Path, saved: Contents) -> list[str]:
    """The line on the bytes of an artefact; a copy without the state of its training is the one to deploy."""
    sizes = {file: file.stat().st_size for file in path.rglob("*") if file.is_file()}
    line = f"size: {byte_size(sum(sizes.values()))}"
    if saved.state is None:
        return [line]
    kept = sum(size for file, size in sizes.items() if file.parent != path)
    copy = f"elman.load({str(path)!r}).save('small.elman')"
    return [f'{line}, of which {byte_size(kept)} serve --resume; a copy without: python -c "import elman; {copy}"']


def _table(arrays: Arrays) -> list[str]:
    width = max(map(len, arrays))
    rows = [f"  {name:<{width}}  {'x'.join(map(str, a.shape)):>10}  {a.size:>12,}" for name, a in arrays.items()]
    return [*rows, f"  {'total':<{width}}  {'':>10}  {sum(a.size for a in arrays.values()):>12,}"]
