"""Pictures of attention: the weights of the input tokens for each token of an answer."""

from __future__ import annotations

from pathlib import Path

from elman.tasks.drawing import label, new_figure, save_figure
from elman.tasks.seq2seq.fitted import AttentionMap

CELL, LEAST, WIDEST = 0.35, 0.14, 16
"""The side of a square in inches, its least, and the width of a map from which squares become smaller."""


def draw_attention(attention: AttentionMap, path: str | Path) -> None:
    """Draws a map of attention to a file, in the format of its extension, such as `.png` or `.svg`. The input runs from
    left to right, the answer from top to bottom, and a darker square is a larger weight. Needs matplotlib.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.
        DataError: the file cannot be written.

    >>> import tempfile
    >>> attention = AttentionMap(source=("a", "b"), target=("x", ""), weights=np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw_attention(attention, folder + "/map.svg")
    ...     "<svg" in Path(folder, "map.svg").read_text()
    True
    """
    rows, columns = attention.weights.shape
    cell = max(LEAST, min(CELL, WIDEST / columns))  # inches
    figure = new_figure(2.5 + cell * columns, 1.8 + cell * rows)
    axes = figure.add_subplot()
    image = axes.imshow(attention.weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    size = min(10.0, 72 * cell * 0.8)  # points, so that the names of neighbours do not touch
    source, target = ([_readable(token) for token in side] for side in (attention.source, attention.target))
    upright = max(map(len, source)) < 3
    axes.set_xticks(range(columns), source, rotation=0 if upright else 90, fontsize=size)
    axes.set_yticks(range(rows), target, fontsize=size)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("input")
    axes.set_ylabel("answer")
    figure.colorbar(image, ax=axes, label="weight", fraction=0.05, aspect=30)
    save_figure(figure, path)


def _readable(token: str) -> str:
    """A token as visible text: the end as a word, a space as a mark; a dollar sign does not begin a formula."""
    return {"": "end", " ": "␣"}.get(token, label(token))
