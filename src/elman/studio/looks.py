"""The looks at a model that the page can ask for, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from elman.studio import confusion, inside, language, series, strip
from elman.studio.look import Input

LOOKS: dict[str, tuple[type[Any], Callable[..., Any]]] = {
    "gates": (Input, inside.see_gates),
    "gradient": (Input, inside.see_gradient),
    "array": (inside.Array, inside.see_array),
    "units": (inside.Pattern, inside.find_units),
    "corpus": (inside.Stretch, inside.see_corpus),
    "alike": (inside.Stretch, inside.find_alike),
    "tags": (Input, language.see_tags),
    "translation": (Input, language.see_translation),
    "classes": (Input, language.see_classes),
    "lines": (Input, language.see_lines),
    "forecast": (series.Forecast, series.see_forecast),
    "strip": (strip.Window, strip.see_strip),
    "confusion": (Input, confusion.see_confusion),
    "cell": (confusion.Cell, confusion.see_cell),
}
"""The type of a wish, and the function that meets it."""
