"""The settings of training: budget, optimiser and schedule. Importing this module does not import jax."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated, Any, Literal

from msgspec import Meta

from elman._config import Config
from elman._errors import ConfigError

Positive = Annotated[float, Meta(gt=0)]

BUDGETS = ("minutes", "epochs", "steps")
"""The names of the settings for the budget."""


USUAL_EPOCHS, LEAST_STEPS = 10, 500
"""The passes over the training part where no budget is set, and the fewest steps then: ten passes over a short series
or a few texts would be a handful."""


WARMUP_STEPS, WARMUP_SHARE = 50, 0.2
"""The steps in which the learning rate rises unless a setting says otherwise, and the largest share of the budget."""


class Training(Config, frozen=True, kw_only=True):
    """The settings of a training: budget, optimiser and schedule. With a budget in steps or epochs, the same seed gives
    the same weights on the same machine; with one in minutes, the schedule follows the clock.

    >>> Training(minutes=5).budget, Training(steps=1).budget, Training().budget
    ('5 minutes', '1 step', '10 epochs, at least 500 steps')
    """

    minutes: Positive | None = None
    """Budget in minutes."""
    epochs: Positive | None = None
    """Budget in passes over the training part (if no budget is set 10, or as many as make 500 steps)."""
    steps: Annotated[int, Meta(ge=1)] | None = None
    """Budget in optimiser steps."""
    optimiser: Literal["adamw", "muon", "sgd"] = "adamw"
    """AdamW; Muon for the matrices with AdamW for the rest; SGD with momentum."""
    learning_rate: Positive | None = None
    """Peak learning rate (adamw 0.005, muon 0.02, sgd 1)."""
    momentum: Annotated[float, Meta(ge=0, lt=1)] | None = None
    """Momentum of SGD (0.9); 0 is plain gradient descent."""
    weight_decay: Annotated[float, Meta(ge=0)] = 0.0
    """Share of each matrix subtracted per unit of learning rate."""
    warmup_steps: Annotated[int, Meta(ge=0)] | None = None
    """Number of steps in which the learning rate rises to its peak (50, or a fifth of the budget if that is less)."""
    hold: Annotated[float, Meta(ge=0, lt=1)] = 0.2
    """Share of the budget before the learning rate falls from its peak."""
    decay: Literal["linear", "cosine", "none"] = "linear"
    """Shape of the learning rate's fall to zero over the rest of the budget."""
    clip: Annotated[float, Meta(ge=0)] = 1.0
    """Largest norm of the whole gradient; 0 does not clip."""
    evaluations: Annotated[int, Meta(ge=1)] = 10
    """Number of measurements of the validation part over the budget; the best weights are kept."""
    patience: Annotated[int, Meta(ge=0)] = 0
    """Number of evaluations without a better one after which training stops; 0 never stops it."""
    checkpoint_seconds: Positive = 30.0
    """Seconds from one saved state to the next, so that a killed run can be resumed."""
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of all randomness."""

    def __post_init__(self) -> None:
        Config.__post_init__(self)
        budgets = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise ConfigError(f"one budget at a time: got {' and '.join(budgets)}")
        if self.momentum is not None and self.optimiser != "sgd":
            raise ConfigError(f"momentum: belongs to sgd; {self.optimiser} has its own")

    @property
    def budget(self) -> str:
        """The budget in words."""
        name = next((name for name in BUDGETS if getattr(self, name) is not None), None)
        if name is None:
            return f"{USUAL_EPOCHS} epochs, at least {LEAST_STEPS} steps"
        size = getattr(self, name)
        return f"{size} {name.removesuffix('s') if size == 1 else name}".replace(".0 ", " ")

    @property
    def peak_rate(self) -> float:
        """The learning rate after warm-up."""
        return self.learning_rate or {"adamw": 0.005, "muon": 0.02, "sgd": 1.0}[self.optimiser]

    def total_steps(self, steps_per_epoch: int) -> int | None:
        """The budget in steps; None if it is in minutes."""
        if self.minutes is not None:
            return None
        if self.steps is None and self.epochs is None:
            return max(LEAST_STEPS, USUAL_EPOCHS * steps_per_epoch)
        return self.steps or max(1, math.ceil((self.epochs or USUAL_EPOCHS) * steps_per_epoch))

    def spent(self, *, step: int, seconds: float, steps_per_epoch: int) -> float:
        """The share of the budget used up, 0 to 1."""
        total = self.total_steps(steps_per_epoch)
        share = step / total if total is not None else seconds / (60 * (self.minutes or 1))
        return min(1.0, share)

    def rate(self, *, step: int, spent: float, first: int = 0) -> float:
        """The learning rate of a step. `first` is the step where the budget began, if it extends a complete run: the
        rate rises again, unless there is no decay, so that it never fell.

        >>> schedule = Training(steps=100, learning_rate=1.0, warmup_steps=10)
        >>> [round(schedule.rate(step=s, spent=s / 100), 3) for s in (0, 9, 20, 60, 100)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
        """
        fallen = max(0.0, spent - self.hold) / (1 - self.hold)
        left = {"linear": 1 - fallen, "cosine": (1 + math.cos(math.pi * fallen)) / 2, "none": 1.0}[self.decay]
        return self.peak_rate * self.warmth(step=step, spent=spent, first=first) * left

    def warmth(self, *, step: int, spent: float, first: int = 0) -> float:
        """The share of the warm-up that a step has reached, 0 to 1; `first` as for `rate`.

        >>> Training(steps=100, warmup_steps=10).warmth(step=4, spent=0.04), Training(steps=1).warmth(step=0, spent=0)
        (0.5, 0.02)
        """
        goes_on = first > 0 and self.decay == "none"
        begun = step if goes_on else step - first
        shares = [1.0] if self.warmup_steps == 0 else [(begun + 1) / (self.warmup_steps or WARMUP_STEPS)]
        if self.warmup_steps is None:
            shares.append(1.0 if goes_on else spent / WARMUP_SHARE)
        return min(1.0, max(shares))


def training_defaults(defaults: dict[str, Any], budgets: Collection[str]) -> dict[str, Any]:
    """The default settings of a task, without their budget if the user gives one.

    >>> training_defaults({"epochs": 60, "learning_rate": 0.01}, {"minutes"})
    {'learning_rate': 0.01}
    """
    return {name: value for name, value in defaults.items() if name not in BUDGETS or not {*BUDGETS} & {*budgets}}
