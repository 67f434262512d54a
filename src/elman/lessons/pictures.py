"""Pictures of the lessons: written to files, and shown if the script runs as a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elman._errors import ConfigError
from elman._notebook import notebook

FOLDER = Path("lesson-pictures")
"""The folder of the pictures, relative to the folder in which a lesson runs."""


def figure(rows: int = 1, columns: int = 1, *, width: float = 6.0, height: float = 3.6) -> tuple[Any, Any]:
    """A matplotlib figure and its axes; each of the axes has `width` and `height` in inches.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("the lessons draw with matplotlib: pip install 'elman[plot]'") from None
    drawing = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return drawing, drawing.subplots(rows, columns)


def show(figure: Any, name: str) -> None:
    """Writes a figure to `lesson-pictures/NAME.png`, and shows it in a notebook."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.png"
    figure.savefig(path, dpi=120)
    shown = notebook()
    if shown is not None:
        shown.display.display(shown.display.Image(filename=str(path)))


def legend_above(axes: Any, *, columns: int = 2) -> None:
    """Adds a legend above the axes, where it hides no curve; the title of the axes goes above it."""
    title = axes.get_title()
    axes.set_title("")
    axes.legend(
        title=title or None, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, frameon=False,
        fontsize="small",
    )  # fmt: skip


def draw_losses(losses: Sequence[float], name: str) -> None:
    """Draws the losses of training by epoch."""
    drawing, axes = figure()
    axes.plot(range(1, len(losses) + 1), losses, marker=".")
    axes.set_xlim(0.5, len(losses) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss, nats per character")
    show(drawing, name)


def draw_steps(inputs: Sequence[str], outputs: Sequence[str], name: str, *, start: str = "") -> None:
    """Draws an unrolled recurrent network: arrows lead from each input to a hidden state (green), from each state to
    the next (orange) and, where `outputs` is not "", to an output (blue). `start` is an input before the first."""
    columns = [start, *inputs] if start else list(inputs)
    drawing, axes = figure(width=1.0 + 1.0 * len(columns), height=3.2)

    def box(place: int, row: int, label: str) -> None:
        axes.text(place, row, label, ha="center", va="center", bbox={"boxstyle": "round", "fc": "white", "ec": "0.5"})

    def arrow(begin: tuple[int, int], end: tuple[int, int], colour: str) -> None:
        free = 12 if begin[0] == end[0] else 22  # points from the middle of a box to its edge
        way = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": free, "shrinkB": free}
        axes.annotate("", xy=end, xytext=begin, arrowprops=way)

    for place, label in enumerate(columns):
        box(place, 0, label)
        box(place, 1, "state")
        arrow((place, 0), (place, 1), "tab:green")
        if place:
            arrow((place - 1, 1), (place, 1), "tab:orange")
    for place, label in enumerate(outputs, start=len(columns) - len(outputs)):
        if label:
            box(place, 2, label)
            arrow((place, 1), (place, 2), "tab:blue")
    axes.set_xlim(-0.7, len(columns) - 0.3)
    axes.set_ylim(-0.5, 2.5)
    axes.axis("off")
    show(drawing, name)
