"""The option `--weights`: a model whose weights are stored in fewer bits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from elman._terminal import say
from elman._types import WeightFormat

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted

SomeFitted = TypeVar("SomeFitted", bound="Fitted")


def in_format(fitted: SomeFitted, weights: WeightFormat) -> SomeFitted:
    """The model with weights in a format; says which cells keep theirs, and why.

    Raises:
        ConfigError: a model of which no cell can be packed.
    """
    if weights == "float32":
        return fitted
    from elman.layers.pack import unpacked  # imports JAX, which help does not need

    packed = fitted.packed(weights)
    for name, reason in unpacked(packed.model).items():
        say(f"elman: {name} keeps its weights in float32: {reason}", sys.stderr)
    return packed


def say_cost(command: str, model: Path, weights: WeightFormat) -> None:
    """Says how to measure the loss in quality, where there is one."""
    if weights != "float32":
        measure = f"elman evaluate {model} FILE --weights {weights}"
        say(f"elman {command}: weights in {weights}; {measure} measures what that costs", sys.stderr)
