"""The events of training, for reporters and for the code that saves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elman.training.state import TrainState


@dataclass(frozen=True)
class Noted:
    """A sentence on what was concluded from the data or left out of them; each is reported before training."""

    message: str


@dataclass(frozen=True)
class Prepared:
    """The model starts from weights that are not random; `message` says from which."""

    message: str


@dataclass(frozen=True)
class Started:
    """Training begins, or continues after `state.progress.step` steps."""

    state: TrainState
    parameters: int
    size: int
    """The number of elements of the training part."""
    unit: str
    """The name of these elements."""
    loss_unit: str
    """The unit that the loss is averaged over and that the speed counts."""
    budget: str
    engine: str
    """The engine that runs the recurrent layers, and why."""


@dataclass(frozen=True)
class Compiling:
    """A part of training runs for the first time, and waits until its program is compiled or read from the cache."""

    what: str
    """The part: "the training step" or "the evaluation"."""


@dataclass(frozen=True)
class Stepped:
    """One optimiser step was made."""

    step: int
    epoch: float
    spent: float
    """The share of the budget used up, 0 to 1."""
    loss: float
    """The loss in nats per `Started.loss_unit`."""
    gradient_norm: float
    learning_rate: float
    speed: float
    """The recent speed, in `Started.loss_unit` per second."""
    seconds: float


@dataclass(frozen=True)
class Evaluated:
    """The validation part was measured, from the initial state."""

    step: int
    spent: float
    metrics: Any
    is_best: bool
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """A good moment to save `state`."""

    state: TrainState


@dataclass(frozen=True)
class SaveFailed:
    """A state could not be saved; training continues, and the next checkpoint tries again."""

    message: str


@dataclass(frozen=True)
class Finished:
    """Training is over. The reason is "done" (the budget is spent), "early" (patience ran out) or "interrupted"."""

    state: TrainState
    reason: str


Event = Noted | Prepared | Started | Compiling | Stepped | Evaluated | Checkpoint | SaveFailed | Finished
