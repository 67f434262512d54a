"""Pictures of what goes on inside models: units and gradients over time, memory by lag, answers, calibration,
attention, and the learning curves of several runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman._errors import ConfigError, DataError, nearest
from elman.inspection.answers import Answers, Calibration
from elman.inspection.attention import Attention
from elman.inspection.gradients import Gradients, Saliency
from elman.inspection.memory import EXPLODED, VANISHED, Memory
from elman.inspection.record import CellRecord
from elman.inspection.watched import example_with_steps, names_of
from elman.tasks.drawing import label, new_figure, save_figure
from elman.training.history import History

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colours that colour-blind people tell apart (Okabe and Ito, 2008)."""

STYLES = ("-", "--", ":", "-.")
"""The styles of lines, which change once the colours are used up."""

LEAST = 1e-9
"""The least norm that is drawn."""

USUAL = 0.99
"""The share of values within the scale of colours; few far ones would make all others pale."""

NAMED = 60
"""The most steps that are named by their text; more are numbered."""


def draw_cell(cell: CellRecord, path: str | Path, *, of: Sequence[str] = (), last: int = 200) -> None:
    """Draws the states and gates of a cell over the steps of the first example that has any, a unit in each row; to a
    file, in the format of its extension. Units are in the order of the step at which they first are at their largest.
    Needs matplotlib.

    Args:
        cell: a cell of `record`.
        path: the file.
        of: names of states and gates, such as ("c", "f"); all by default.
        last: the most steps, the last ones, that are drawn.

    Raises:
        ConfigError: no such state or gate; matplotlib is not installed, or does not know the format.
        DataError: no steps, or a file that cannot be written.
    """
    known = {**cell.states, **cell.gates}
    names = list(of) or list(known)
    for name in names:
        _check_known(name, known)
    example = example_with_steps(cell.valid)
    places = np.flatnonzero(cell.valid[example])[-last:]
    figure = new_figure(3 + min(0.16 * len(places), 12), 0.6 + 2 * len(names))
    panels = figure.subplots(len(names), 1, squeeze=False)[:, 0]
    for name, axes in zip(names, panels, strict=True):
        values = known[name][example, places].reshape(len(places), -1).T
        values = values[np.argsort(np.abs(values).argmax(axis=1), kind="stable")]
        signed = values.min() < 0
        most = max(1.0, float(np.quantile(np.abs(values), USUAL)))
        image = axes.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap="RdBu_r" if signed else "viridis",
            vmin=-most if signed else 0,
            vmax=most,
        )
        axes.set_ylabel(f"units of {label(name)}")
        axes.set_yticks([])
        axes.set_xticks([])
        figure.colorbar(image, ax=axes, fraction=0.03)
    _name_steps(panels[-1], names_of(cell.steps, example, places), int(places[0]))
    panels[0].set_title(f"{label(cell.name)} ({cell.kind})")
    save_figure(figure, path)


def draw_units(
    cell: CellRecord, units: Sequence[tuple[str, int]], path: str | Path, *, first: int = 0, count: int = 100
) -> None:
    """Draws single units of a cell over the steps of the first example, one above the other; to a file, in the format
    of its extension. Needs matplotlib.

    Args:
        cell: a cell of `record`.
        units: the array of the state, or the gate, of each unit and its number, such as [("c", 208)].
        path: the file.
        first, count: the first step and the number of steps that are drawn.

    Raises:
        ConfigError: no such state, gate or unit; matplotlib is not installed, or does not know the format.
        DataError: no step there, or a file that cannot be written.
    """
    known = {**cell.states, **cell.gates}
    for name, number in units:
        _check_known(name, known)
        size = known[name][0, 0].size
        if not 0 <= number < size:
            raise ConfigError(f"unit {number}: expected 0 to {size - 1}, the units of {name} in {cell.name}")
    places = np.flatnonzero(cell.valid[0])[first : first + count]
    if not len(places) or not units:
        raise DataError(f"steps: expected some units and steps to draw; got {len(units)} and {len(places)}")
    figure = new_figure(3 + min(0.12 * len(places), 12), 0.8 + 1.4 * len(units))
    panels = figure.subplots(len(units), 1, sharex=True, squeeze=False)[:, 0]
    for (name, number), axes in zip(units, panels, strict=True):
        values = known[name][0, places].reshape(len(places), -1)[:, number]
        axes.bar(range(len(values)), values, 0.9, color=[COLOURS[value < 0] for value in values.tolist()])
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set_ylabel(f"{label(name)}[{number}]")
    _name_steps(panels[-1], names_of(cell.steps, 0, places), int(places[0]), most=count)
    panels[0].set_title(f"{label(cell.name)} ({cell.kind})")
    save_figure(figure, path)


def draw_memory(memories: Mapping[str, Memory], path: str | Path) -> None:
    """Draws how much of a change is left in the state of several cells after a number of steps, down to 1e-9; to a
    file, in the format of its extension. Needs matplotlib.

    Args:
        memories: the memory of each cell, by the name that stands in the picture.
        path: the file.

    Raises:
        ConfigError: nothing to draw; matplotlib is not installed, or does not know the format.
        DataError: the file cannot be written.
    """
    if not memories:
        raise ConfigError("memories: expected one or more to draw")
    figure = new_figure(6.4, 4)
    axes = figure.add_subplot()
    for number, (name, one) in enumerate(memories.items()):
        axes.plot(
            one.lags,
            np.maximum(one.norms, LEAST),
            label=label(name),
            **_look(number),
        )
    for edge, text in ((VANISHED, "vanishing below"), (EXPLODED, "exploding above")):
        if edge == VANISHED or max(one.norms.max() for one in memories.values()) > EXPLODED:
            axes.axhline(edge, color="grey", linewidth=0.8)
            axes.annotate(text, (0.01, edge), xycoords=("axes fraction", "data"), va="top", color="grey")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(lambda lag, _: f"{lag:g}")
    axes.set_xlabel("lag (steps)")
    axes.set_ylabel("norm of the state's Jacobian")
    figure.legend(loc="outside upper center", ncols=min(4, len(memories)), frameon=False)
    save_figure(figure, path)


def draw_histories(histories: Mapping[str, History], path: str | Path, *, unit: str = "") -> None:
    """Draws the learning curves of several runs, by steps and by minutes, with a dot at the best evaluation; to a file,
    in the format of its extension. Needs matplotlib.

    Args:
        histories: the history of each run, by the name that stands in the picture.
        path: the file.
        unit: the name of the measure that chooses the best weights; by default that of the measure which it equals.

    Raises:
        ConfigError: no evaluation to draw; matplotlib is not installed, or does not know the format.
        DataError: the file cannot be written.
    """
    curves = {name: history for name, history in histories.items() if len(history)}
    if not curves:
        raise ConfigError("histories: none has an evaluation to draw")
    figure = new_figure(10, 4)
    by_step, by_time = figure.subplots(1, 2, sharey=True)
    for number, (name, history) in enumerate(curves.items()):
        look = _look(number)
        for axes, places in (
            (by_step, [one.step for one in history]),
            (by_time, [one.seconds / 60 for one in history]),
        ):
            values = [one.objective for one in history]
            axes.plot(places, values, label=label(name) if axes is by_step else None, **look)
            best = int(np.argmin(values))
            axes.plot(places[best], values[best], "o", color=look["color"])
    by_step.set_xlabel("step")
    by_time.set_xlabel("minutes of training")
    unit = unit or _objective(curves.values())
    by_step.set_ylabel(f"{label(unit.replace('_', ' '), 40)} (less is better)")
    figure.legend(loc="outside upper center", ncols=min(4, len(curves)), frameon=False)
    save_figure(figure, path)


def draw_gradients(slopes: Gradients, path: str | Path, *, last: int = 200) -> None:
    """Draws the norm of the gradient of the loss by the state of every cell, over the steps of the first example; to a
    file, in the format of its extension. Needs matplotlib.

    Args:
        slopes: the result of `gradients`.
        path: the file.
        last: the most steps, the last ones, that are drawn.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.
        DataError: the file cannot be written.
    """
    figure = new_figure(6.4, 4)
    axes = figure.add_subplot()
    for number, cell in enumerate(slopes):
        places = np.flatnonzero(cell.valid[0])[-last:]
        norms = np.maximum(cell.norms[0, places], LEAST)
        axes.plot(places + 1, norms, label=label(cell.name), **_look(number))
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(f"norm of dL/ds (nats per {label(slopes.unit)})")
    figure.legend(loc="outside upper center", ncols=min(4, len(slopes.cells)), frameon=False)
    save_figure(figure, path)


def draw_saliency(part: Saliency, path: str | Path, *, last: int = 60) -> None:
    """Draws the part of each input in the loss, by both methods, of the first example that has inputs; to a file, in
    the format of its extension. Needs matplotlib.

    Args:
        part: the result of `saliency`.
        path: the file.
        last: the most inputs, the last ones, that are drawn.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.
        DataError: the file cannot be written.
    """
    example = example_with_steps(part.valid)
    places = np.flatnonzero(part.valid[example])[-last:]
    figure = new_figure(3 + min(0.16 * len(places), 12), 3.5)
    axes = figure.add_subplot()
    across = np.arange(len(places))
    for shift, (name, values) in zip(
        (-0.2, 0.2), {"without it": part.occlusion, "to first order": part.gradient}.items(), strict=True
    ):
        axes.bar(across + shift, np.nan_to_num(values[example, places]), 0.4, label=name, color=COLOURS[shift > 0])
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_ylabel("change of the loss (nats)")
    _name_steps(axes, names_of(part.steps, example, places), int(places[0]))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    save_figure(figure, path)


def draw_answers(seen: Answers, path: str | Path, *, last: int = 60) -> None:
    """Draws the loss and the entropy of the answer at each item; to a file, in the format of its extension. Needs
    matplotlib.

    Args:
        seen: one of the results of `answers`.
        path: the file.
        last: the most items, the last ones, that are drawn.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.
        DataError: no item, or a file that cannot be written.
    """
    if not seen.items:
        raise DataError(f"{seen.question}: no item with a right answer to draw")
    figure = new_figure(3 + min(0.16 * len(seen.items[-last:]), 12), 3.5)
    axes = figure.add_subplot()
    loss, entropy = seen.loss[-last:], seen.entropy[-last:]
    unit = "nats" if np.isfinite(entropy).any() else "loss"
    axes.bar(np.arange(len(loss)), loss, color=COLOURS[5], label="loss of the right answer")
    if unit == "nats":
        axes.plot(np.arange(len(loss)), entropy, ".-", color=COLOURS[1], label="entropy of the answer")
    axes.set_ylabel(f"{unit} per {label(seen.question)}")
    _name_steps(axes, list(seen.right[-last:]), len(seen.items) - len(loss) + 1)
    axes.set_xlabel("right answer" if len(loss) <= NAMED else axes.get_xlabel())
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    save_figure(figure, path)


def draw_calibration(measured: Calibration, path: str | Path) -> None:
    """Draws how often answers of each confidence are right, beside the diagonal on which they would be as often right
    as they are sure; to a file, in the format of its extension. Needs matplotlib.

    Args:
        measured: one of the results of `calibration`.
        path: the file.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.
        DataError: the file cannot be written.
    """
    figure = new_figure(4.4, 4.4)
    axes = figure.add_subplot()
    axes.plot((0, 1), (0, 1), color="grey", linewidth=0.8)
    sizes = 10 + 150 * np.array([one.count for one in measured.bins]) / max(one.count for one in measured.bins)
    confidence, accuracy = ([getattr(one, name) for one in measured.bins] for name in ("confidence", "accuracy"))
    axes.plot(confidence, accuracy, color=COLOURS[0], linewidth=1)
    axes.scatter(confidence, accuracy, sizes, color=COLOURS[0])
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share that is right")
    axes.set_title(f"{label(measured.question)}: error {measured.error:.3f} over {measured.count:,}")
    save_figure(figure, path)


def draw_attention(seen: Attention, path: str | Path) -> None:
    """Draws a map of attention, a panel for each head: what is read from left to right, what is written from top to
    bottom; to a file, in the format of its extension. Needs matplotlib.

    Args:
        seen: one of the results of `attention`.
        path: the file.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.
        DataError: the file cannot be written.
    """
    heads, rows, columns = seen.weights.shape
    figure = new_figure(2 + min(max(2.0, 0.25 * columns), 14), heads * (1.2 + min(0.25 * rows, 10)))
    panels = figure.subplots(heads, 1, squeeze=False)[:, 0]
    for weights, axes in zip(seen.weights, panels, strict=True):
        image = axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axes.set_yticks(range(rows) if seen.targets else [], [_visible(text) for text in seen.targets])
        axes.set_xticks([])
    _name_steps(panels[-1], list(seen.sources), 0)
    panels[0].set_title(label(seen.name))
    figure.colorbar(image, ax=list(panels), label="weight", fraction=0.05)
    save_figure(figure, path)


def _check_known(name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise ConfigError(f"of: no state or gate {name!r}{nearest(name, known)}; the cell has {', '.join(known)}")


def _objective(histories: Iterable[History]) -> str:
    """The name of the measure that equals the objective at every evaluation."""
    every = [one for history in histories for one in history]
    names = [name for name in every[0].measures if all(one.measures.get(name) == one.objective for one in every)]
    return names[0] if names else "validation objective"


def _look(number: int) -> dict[str, str]:
    return {"color": COLOURS[number % 7], "linestyle": STYLES[number // 7 % 4]}


def _name_steps(axes: Any, names: Sequence[str], first: int, *, most: int = NAMED) -> None:
    """Names the steps along an axis, if they have names and are few; else they are numbered from `first`."""
    if names and len(names) <= most:
        upright = max(map(len, names)) < 3
        axes.set_xticks(range(len(names)), [_visible(name) for name in names], rotation=0 if upright else 90)
        axes.set_xlabel("step")
    else:
        axes.xaxis.set_major_locator(_whole_numbers())
        axes.set_xlabel(f"step, counted from {first}")


def _visible(text: str) -> str:
    return {" ": "␣", "\n": "⏎", "\t": "⇥", "": "end"}.get(text, label(text, 14))


def _whole_numbers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True, min_n_ticks=1)  # by default an axis of one step has tenths
