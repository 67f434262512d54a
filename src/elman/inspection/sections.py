"""The parts of a report on a model as titles, tables and sentences, for a terminal or for a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from elman._errors import byte_size, quantity
from elman.inspection.answers import Answers, Calibration
from elman.inspection.gradients import CellGradients, Saliency
from elman.inspection.layers import Layer
from elman.inspection.matching import Matches, UnitStates
from elman.inspection.memory import Memory
from elman.inspection.record import Record
from elman.inspection.units import Unit
from elman.inspection.watched import example_with_steps
from elman.tasks.fitted import Fitted

WORST = 8
"""The most wrong answers, which are shown."""
PLACES = 9
"""The steps, evenly spaced, at which gradients are shown."""
SALIENT = 8
"""The steps that matter most, which are shown."""
AGREEING = 0.5
"""The correlation below which a comment says which of two measures to go by."""
CONTEXT = 16
"""The characters on each side of a match that are shown."""


class Section(NamedTuple):
    """A part of a report: a table, and sentences below it."""

    title: str
    head: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    notes: Sequence[str] = ()


def parts_section(parts: Sequence[Layer]) -> Section:
    """The parts of a model, with their sizes and times."""
    rows = [
        (
            part.name,
            part.kind,
            " x ".join(map(str, part.shape)) or "-",
            f"{part.weights:,}",
            byte_size(part.weight_bytes + part.output_bytes),
            "-" if math.isnan(part.seconds) else f"{1000 * part.seconds:.2f} ms",
        )
        for part in parts
    ]
    head = ("part", "kind", "output", "weights", "memory", "time")
    whole = f"{sum(part.weights for part in parts):,} weights in all"
    return Section("parts: their outputs, weights, memory of both, and forward pass", head, rows, [whole])


def model_section(fitted: Fitted[Any]) -> Section:
    """The training of a model: what it knows, its settings and its evaluations."""
    rows = [
        (f"{one.step:,}", f"{one.seconds / 60:.1f}", f"{one.training_loss:.4f}", f"{one.objective:.4f}")
        for one in fitted.history
    ]
    notes = [*repr(fitted).split("\n"), *fitted.verdicts]
    head = ("step", "minutes", "training loss", "validation objective")
    return Section("training", head if rows else (), rows, notes)


def answers_section(seen: Answers, *, count: int = WORST) -> Section:
    """The answers that are most wrong."""
    order = np.argsort(-seen.loss, kind="stable")[:count].tolist()
    rows = [
        (
            str(place + 1),
            repr(seen.items[place]),
            repr(seen.right[place]),
            f"{seen.loss[place]:.3f}",
            "-" if math.isnan(seen.entropy[place]) else f"{seen.entropy[place]:.3f}",
            answer_text(seen, place),
        )
        for place in order
    ]
    mean = f"mean loss {seen.loss.mean():.4f} over {len(seen.loss):,}" if len(seen.loss) else "none is known"
    head = ("item", "at", "right", "loss", "entropy", "answers")
    return Section(f"answers: {seen.question}, {mean}; the most wrong", head, rows)


def answer_text(seen: Answers, place: int) -> str:
    """The likeliest answers at an item with their probabilities, or the quantiles of a forecast."""
    pairs = zip(seen.choices[place], seen.probabilities[place].tolist(), strict=True)
    return ", ".join(f"{choice!r} {share:.0%}" for choice, share in pairs)


def calibration_section(measured: Calibration) -> Section:
    """The shares of right answers by confidence."""
    rows = [(f"{one.confidence:.3f}", f"{one.accuracy:.3f}", f"{one.count:,}") for one in measured.bins]
    title = f"calibration: {measured.question}, error {measured.error:.4f} over {measured.count:,}"
    return Section(title, ("confidence", "right", "number"), rows)


def gates_section(seen: Record) -> Section:
    """The ranges of gates."""
    rows = []
    for cell in seen:
        values = {
            gate: (f"{mean:.2f}", f"{low:.0%}", f"{high:.0%}") for gate, (mean, low, high) in cell.saturation().items()
        }
        for gate, shares in (values or {"none": ("-", "-", "-")}).items():
            rows.append((cell.name, cell.kind, str(cell.outputs.shape[-1]), gate, *shares))
    head = ("cell", "kind", "units", "gate", "mean", "low", "high")
    return Section("gates: their mean, and the share of values at the ends of their range", head, rows)


def memory_section(cells: Sequence[Memory]) -> Section:
    """The reach of the cells' memory, and what mends it."""
    notes, verdicts = [], dict[str, list[str]]()
    for cell in cells:
        norms = (f"{norm:.2g} at {lag}" for lag, norm in zip(cell.lags.tolist(), cell.norms, strict=True))
        slow = max(cell.time_constants, key=lambda name: np.median(cell.time_constants[name]))
        quick, middle, most = np.quantile(cell.time_constants[slow], (0.1, 0.5, 0.9), method="nearest")
        spread = f"eight units in ten: {quick:.1f} to {most:.1f}"
        constants = f"a change of {slow} falls to 1/e in {middle:.1f} steps ({spread})"
        notes.append(f"{cell.name}: {', '.join(norms)}; {constants}")
        verdicts.setdefault(cell.verdict, []).append(cell.name)
    for verdict, names in verdicts.items():
        advice = next(cell.advice for cell in cells if cell.verdict == verdict)
        notes.append(f"{verdict}: {', '.join(names)}: {advice}")
    return Section("memory: the norm of the Jacobian of the state by lag, and how units forget", notes=notes)


def gradients_section(cells: Sequence[CellGradients]) -> Section:
    """The gradient of the loss through time."""
    notes = []
    for cell in cells:
        example = int(cell.valid.any(axis=1).argmax())
        places = np.flatnonzero(cell.valid[example])
        places = np.unique(places[np.linspace(0, len(places) - 1, PLACES).round().astype(int)]) if len(places) else []
        notes.append(f"{cell.name}: " + ", ".join(f"{cell.norms[example, at]:.2g} at {at + 1}" for at in places))
    return Section("gradient of the loss: the norm of dL/ds_t at steps of the first example", notes=notes)


def saliency_section(part: Saliency) -> Section:
    """The inputs that matter most."""
    example = example_with_steps(part.valid)
    without, slopes = part.occlusion[example], part.gradient[example]
    places = np.flatnonzero(part.measured[example])
    order = places[np.argsort(-np.abs(without[places]), kind="stable")[:SALIENT]]
    names = part.steps if example == 0 and len(part.steps) >= part.valid[0].sum() else ()
    rows = [
        (str(at + 1), repr(names[at]) if names else "", f"{without[at]:+.4f}", f"{slopes[at]:+.4f}")
        for at in order.tolist()
    ]
    agreement = f"the two agree with a correlation of {part.agreement:.2f}"
    if part.agreement < AGREEING:
        agreement += ": go by the change without the input, since the loss is far from linear in it here"
    title = f"inputs that matter most to the loss, as {part.name} reads them"
    return Section(title, ("step", "input", "without it", "to first order"), rows, [agreement])


def units_section(chosen: Sequence[Unit]) -> Section:
    """Units that follow a property."""
    rows = [
        (
            one.cell,
            f"{one.state}[{one.number}]",
            f"{one.score:.3f}",
            "higher" if one.sign > 0 else "lower",
            f"{one.ablation:+.4f}",
        )
        for one in chosen
    ]
    meaning = "score: 1 if the unit tells the matches from the rest, 0.5 or less if it does not"
    head = ("cell", "unit", "score", "with it", "loss if held at its mean")
    title = "units that follow the pattern best, scored on the half of the steps that did not choose them"
    return Section(title, head, rows, [meaning])


def matches_section(states: UnitStates, seen: Matches) -> Section:
    """The stretches at which the units of a marked one are on."""
    numbers = ", ".join(map(str, seen.units[:20])) + (", ..." if len(seen.units) > 20 else "")
    rows = [
        (
            f"{one.start + 1:,}",
            str(len(one.units)),
            one.text if states.numbered else f"{one.before[-CONTEXT:]!r} {one.text!r} {one.after[:CONTEXT]!r}",
        )
        for one in seen.places
    ]
    after = ", ".join(f"{token!r} {share:.0%}" for token, share in list(seen.follows.items())[:8])
    notes = [
        f"{quantity(len(seen.units), 'unit')} of {states.state} in {states.cell} above {states.threshold:g} over the "
        f"whole stretch: {numbers}",
        f"there are {quantity(seen.total, 'such place')}"
        if states.numbered
        else f"what follows at {quantity(seen.total, 'such place')}: {after or 'nothing'}",
    ]
    head = ("token", "units", "steps" if states.numbered else "text")
    return Section("where the same units are on", head, rows, notes)
