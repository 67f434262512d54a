"""The learning curve of a history as a picture in SVG, which notebooks and browsers draw themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman.training.history import History

WIDTH, HEIGHT = 360, 190
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 24, 34
"""The margins around a panel's axes."""

COLOURS = ("#0072b2", "#d55e00")
"""Colours that colour-blind people tell apart (Okabe and Ito, 2008)."""

MOST = 300
"""The most points of a line."""

Points = Sequence[tuple[float, float]]


def learning_curve(history: History) -> str:
    """The loss of training and the measure of the validation part, by step; in one panel where both are nats. Empty
    where there is no evaluation.

    >>> from elman.training.history import Evaluation, History
    >>> kept = dict(seconds=1.0, learning_rate=0.1, training_loss=2.0)
    >>> one = [Evaluation(step=n, objective=1 / n, measures={"nats_per_word": 1 / n}, **kept) for n in (1, 2)]
    >>> picture = learning_curve(History(tuple(one)))
    >>> picture.count("<polyline"), "validation" in picture, learning_curve(History())
    (2, True, '')
    """
    if history.best is None:
        return ""
    training = [(one.step, one.training_loss) for one in history]
    nats = next((name for name in history.best.measures if name.startswith("nats_per_")), None)
    if nats is not None:
        validation = [(one.step, one.measures.get(nats, math.nan)) for one in history]
        panels = {nats.replace("_", " "): {"training": training, "validation": validation}}
    else:
        objective = [(one.step, one.objective) for one in history]
        panels = {"loss in nats": {"training": training}, "objective (less is better)": {"validation": objective}}
    drawn = [
        _panel(name, lines, best=history.best.step, left=place * WIDTH)
        for place, (name, lines) in enumerate(panels.items())
    ]
    width = WIDTH * len(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        f'role="img" aria-label="learning curve" font-family="sans-serif" font-size="11" fill="currentColor">'
        f"{''.join(drawn)}</svg>"
    )


def _panel(title: str, lines: Mapping[str, Points], *, best: int, left: int) -> str:
    """Axes with their title and lines, each named in its colour; a dot is at the best evaluation."""
    points = [point for line in lines.values() for point in line if math.isfinite(point[1])]
    steps, values = zip(*points, strict=True) if points else ((0.0,), (0.0,))
    low, high = min(values), max(values)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    first, last = min(steps), max(max(steps), min(steps) + 1)

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / (last - first)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    parts = [f'<text x="{LEFT}" y="14" font-weight="bold">{escape(title)}</text>']
    for share in (0, 0.5, 1):
        value = low + share * (high - low)
        parts.append(
            f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity="0.2"/>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    below = HEIGHT - BOTTOM + 16
    parts.append(f'<text x="{LEFT}" y="{below}">{first:,}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{below}" text-anchor="middle">step</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{below}" text-anchor="end">{last:,}</text>')
    for place, (name, line) in enumerate(lines.items()):
        colour = COLOURS[name == "validation"]
        known = [(step, value) for step, value in line[:: -(-len(line) // MOST)] if math.isfinite(value)]
        path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in known)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        dots = known if len(known) == 1 else [point for point in line if name == "validation" and point[0] == best]
        parts += [f'<circle cx="{x(step):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>' for step, value in dots]
        parts.append(f'<text x="{WIDTH - RIGHT - 130 + 65 * place}" y="14" fill="{colour}">{escape(name)}</text>')
    return f'<g transform="translate({left})">{"".join(parts)}</g>'
