"""The whole state of training between two steps, from which a resumed run continues bit for bit.

The random state and the place in the data are not stored: the key of a step is folded from the seed and the step's
number, and the batch is the step's number within its epoch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of a training state."""

    step: int = 0
    seconds: float = 0.0
    evaluations: int = 0
    stale_evaluations: int = 0
    best_step: int = 0
    best_objective: float | None = None
    """The objective on the validation part at the best step; None before the first evaluation."""


class TrainState(NamedTuple):
    """The arrays and numbers of a training between two steps."""

    model: Any
    optimiser: Any
    carry: Any
    best: Any
    """The model of the best evaluation so far."""
    progress: Progress

    def arrays(self) -> dict[str, Any]:
        """The arrays of the state, by name, without the best model."""
        return {"model": self.model, "optimiser": self.optimiser, "carry": self.carry}
