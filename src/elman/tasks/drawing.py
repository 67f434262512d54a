"""Figures and their files, for the pictures of all tasks: fonts for many scripts, names that fit, and errors."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from elman._errors import ConfigError, DataError

FONTS = (
    "DejaVu Sans",
    *(
        f"Noto Sans {script}"
        for script in ("CJK SC", "CJK JP", "Devanagari", "Bengali", "Tamil", "Thai", "Arabic", "Hebrew")
    ),
    *("Arial Unicode MS", "Unifont"),
)
"""Fonts that together have most scripts, the first one with a character being used; those that are there."""

LONGEST = 28
"""The most characters of a name in a picture."""


PAGE, INK = "#121212", "#e8e8e8"
"""The colours of a dark page and of what is written on it."""

_DARK: ContextVar[bool] = ContextVar("dark", default=False)


@contextmanager
def dark_pictures(dark: bool = True) -> Generator[None]:
    """Draws the pictures that are saved in its body for a dark page."""
    token = _DARK.set(dark)
    try:
        yield
    finally:
        _DARK.reset(token)


def new_figure(width: float, height: float) -> Any:
    """A matplotlib figure of this size in inches, which arranges its parts itself.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("drawing needs matplotlib: pip install 'elman[plot]'") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: str | Path, *, dpi: int = 150) -> None:
    """Writes a figure in the format of the path's extension, such as `.png`, `.svg` or `.pdf`. In SVG, text stays text.

    Warns where no installed font has a character.

    Raises:
        ConfigError: matplotlib does not know the format.
        DataError: the file cannot be written.
    """
    from matplotlib import font_manager, rc_context

    if _DARK.get():
        _darken(figure)
    there = {font.name for font in font_manager.fontManager.ttflist}
    fonts = [font for font in FONTS if font in there]
    with rc_context({"font.family": fonts, "svg.fonttype": "none"}), warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            figure.savefig(path, dpi=dpi)
        except ValueError as error:
            raise ConfigError(f"{path}: cannot be drawn: {error}") from None
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror})") from None
    missing = dict.fromkeys(found[1] for one in heard if (found := re.match(r"Glyph (\d+)", str(one.message))))
    if missing and Path(path).suffix != ".svg":
        some = " ".join(chr(int(code)) for code in list(missing)[:5])
        warnings.warn(f"{path}: no installed font has {some}; draw to .svg, or install the Noto fonts", stacklevel=2)


def _darken(figure: Any) -> None:
    """Gives a figure a dark page; what is black on it becomes light."""
    from matplotlib.colors import to_hex
    from matplotlib.lines import Line2D
    from matplotlib.spines import Spine
    from matplotlib.text import Text

    figure.set_facecolor(PAGE)
    for axes in figure.axes:
        axes.set_facecolor(PAGE)
        axes.tick_params(which="both", colors=INK)
    for one in [*figure.findobj(Line2D), *figure.findobj(Text)]:
        if to_hex(one.get_color()) == "#000000":
            one.set_color(INK)
    for spine in figure.findobj(Spine):
        spine.set_edgecolor(INK)


def label(text: str, longest: int = LONGEST) -> str:
    r"""A name as it stands in a picture: shortened in its middle, and without the sign that begins a formula.

    >>> label("a$b"), label("Donaudampfschifffahrtsgesellschaftskapitän")
    ('a\\$b', 'Donaudampfschi…schaftskapitän')
    """
    half = longest // 2
    short = text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"
    return short.replace("$", r"\$")
