"""A sample of what a model can do, in a few lines, whatever its task."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from elman._config import Config
from elman.tasks.fitted import Fitted, Predictor, TextGenerator

CHARACTERS, LINES = 280, 12


def sample_of(fitted: Fitted[Any], files: Sequence[str]) -> str:
    """Text that a language model writes, or the first answers of another model to its own training files.

    Raises:
        ElmanError: files that cannot be read any more.
    """
    if isinstance(fitted, TextGenerator):
        return "".join(fitted.stream(length=CHARACTERS, temperature=0.8, seed=1))
    if not isinstance(fitted, Predictor):
        return str(fitted.validation)
    settings = type(fitted.task)
    given: Any = {"with_input": True} if "with_input" in (settings.options or Config).__struct_fields__ else {}
    options = (settings.options or Config)(**given)
    places = files if fitted.needs_input else ()
    return "\n".join(islice((str(line) for line in fitted.output(*places, options=options)), LINES))
