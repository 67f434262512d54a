"""The inside of a model, as the page shows it: gates, gradients through time, units, and stretches alike."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from elman._errors import DataError
from elman.inspection import gradients, memory, record, unit_states, units
from elman.inspection.matching import UnitStates
from elman.studio.look import Input, Look, packed
from elman.tasks.fitted import TextGenerator

MOST_STEPS = 240
"""The steps of a text that are shown; a longer one is cut."""

BEGINNING = 20_000
"""The tokens of a corpus that are shown for marking."""

DEEPEST = 6
"""The powers of ten that a map of gradients spans."""


class Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An array of a cell that was looked at."""

    kept: str
    cell: str
    array: str


class Pattern(Input, frozen=True, forbid_unknown_fields=True):
    """A text, and a property of its steps."""

    pattern: str = ""


class Stretch(Input, frozen=True, forbid_unknown_fields=True):
    """A corpus, and a part of it that is marked."""

    part: str = ""
    which: int = 1
    """The number of its occurrence, from 1."""
    threshold: float = 0.3
    alone: bool = False


def see_gates(look: Look, wish: Input) -> dict[str, Any]:
    """The cells over an input, with their gates and states by name; `see_array` gives one of them."""
    seen = record(look.fitted, look.inputs(wish.text[:MOST_STEPS], wish.files))
    cells = [
        {
            "name": cell.name,
            "kind": cell.kind,
            "steps": _names(cell.steps, cell.valid),
            "gates": {name: values._asdict() for name, values in cell.saturation().items()},
            "states": list(cell.states),
        }
        for cell in seen
    ]
    arrays = {
        (cell.name, name): _first(values, cell.valid)
        for cell in seen
        for name, values in {**cell.gates, **cell.states}.items()
    }
    return {"kept": look.kept.put(arrays), "loss": seen.loss, "unit": seen.unit, "cells": cells}


def see_gradient(look: Look, wish: Input) -> dict[str, Any]:
    """The gradient of the loss by step at every cell, and how far back each cell's memory reaches, with a verdict."""
    inputs = look.inputs(wish.text[:MOST_STEPS], wish.files)
    seen, memories = gradients(look.fitted, inputs), {one.name: one for one in memory(look.fitted, inputs)}
    cells = []
    for cell in seen:
        one = memories.get(cell.name)
        about = {
            "name": cell.name,
            "kind": cell.kind,
            "steps": _names(cell.steps, cell.valid),
            "states": [*cell.states],
        }
        about["norms"] = cell.norms[0][cell.valid[0]]
        if one is not None:
            about |= {"lags": one.lags, "lag_norms": one.norms, "verdict": one.verdict, "advice": one.advice}
        cells.append(about)
    arrays = {
        (cell.name, name): _logarithm(_first(values, cell.valid))
        for cell in seen
        for name, values in cell.states.items()
    }
    return {"kept": look.kept.put(arrays), "loss": seen.loss, "unit": seen.unit, "cells": cells}


def see_array(look: Look, wish: Array) -> dict[str, Any]:
    """One array of a cell, steps by units.

    Raises:
        DataError: no such array, or it is not kept any more.
    """
    arrays = look.kept.get(wish.kept)
    if (wish.cell, wish.array) not in arrays:
        raise DataError(f"no {wish.array!r} of {wish.cell!r}; there are {', '.join(map('.'.join, arrays))}")
    return packed(arrays[wish.cell, wish.array])


def find_units(look: Look, wish: Pattern) -> list[dict[str, Any]]:
    """The units that follow a pattern best."""
    seen = units(look.fitted, look.inputs(wish.text, wish.files), wish.pattern)
    return [
        {name: getattr(one, name) for name in ("cell", "state", "number", "score", "sign", "ablation")} for one in seen
    ]


def see_corpus(look: Look, wish: Stretch) -> dict[str, Any]:
    """The beginning of a corpus as the model reads it, token by token, for marking stretches of it."""
    if isinstance(look.fitted, TextGenerator):  # which names its tokens before it has read them
        examples = look.fitted.examples(look.inputs(wish.text, wish.files), longest=BEGINNING)
        [names], [separator] = examples.steps.values(), examples.separators.values()
        return {"text": separator.join(names)}
    states = _states(look, wish)
    return {"text": states.separator.join(states.tokens[:BEGINNING])}


def find_alike(look: Look, wish: Stretch) -> dict[str, Any]:
    """The units that are on over a marked stretch, the other places where they are on, and what follows there."""
    states = _states(look, wish)
    start, stop = states.stretch(wish.part, which=wish.which)
    on = states.units_over(start, stop, alone=wish.alone)
    about = {"cell": states.cell, "state": states.state, "size": states.size, "units": on}
    if not on:
        return about | {"total": 0, "places": [], "follows": {}}
    matches = states.matches(on, stop - start)
    places = [one._asdict() for one in matches.places if one.start != start]
    return about | {"total": matches.total, "places": places, "follows": matches.follows}


def _states(look: Look, wish: Stretch) -> UnitStates:
    name = "units", look.version(wish.files), wish.text, wish.threshold
    return look.kept.once(
        name, lambda: unit_states(look.fitted, look.inputs(wish.text, wish.files), threshold=wish.threshold)
    )


def _first(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The first example's real steps, by units."""
    own = values[0][valid[0]]
    return own.reshape(len(own), -1)


def _logarithm(values: np.ndarray) -> np.ndarray:
    """The powers of ten, of which those more than `DEEPEST` below the largest are cut off."""
    sizes = np.abs(values)
    return np.log10(np.maximum(sizes, max(float(sizes.max(initial=0.0)), 1e-30) * 10.0**-DEEPEST))


def _names(steps: tuple[str, ...], valid: np.ndarray) -> list[str]:
    count = int(valid[0].sum())
    return list(steps[:count]) if len(steps) >= count else [str(step + 1) for step in range(count)]
