"""Pictures of attention: the weights of the input tokens for each token of an answer."""

from __future__ import annotations

from pathlib import Path

from elman._errors import ConfigError
from elman.tasks.seq2seq.fitted import AttentionMap


def draw_attention(found: AttentionMap, path: str | Path) -> None:
    """Draws a map of attention to a file, in the format of its extension, such as `.png` or `.svg`. The input runs from
    left to right, the answer from top to bottom, and a darker square is a larger weight. Needs matplotlib.

    Raises:
        ConfigError: matplotlib is not installed, or does not know the format.

    >>> import tempfile
    >>> found = AttentionMap(source=("a", "b"), target=("x", ""), weights=np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw_attention(found, folder + "/map.svg")
    ...     "<svg" in Path(folder, "map.svg").read_text()
    True
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("drawing needs matplotlib: pip install 'elman[plot]'") from None
    rows, columns = found.weights.shape
    figure = Figure(figsize=(1 + 0.35 * columns, 1 + 0.35 * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(found.weights, cmap="Greys", vmin=0, vmax=1)
    axes.set_xticks(range(columns), [_readable(token) for token in found.source])
    axes.set_yticks(range(rows), [_readable(token) for token in found.target])
    axes.xaxis.tick_top()
    try:
        figure.savefig(path)
    except ValueError as error:
        raise ConfigError(f"{path}: cannot be drawn: {error}") from None


def _readable(token: str) -> str:
    """A token as visible text: the end as a word, a space as a mark; a dollar sign does not begin a formula."""
    return {"": "end", " ": "␣"}.get(token, token.replace("$", r"\$"))
