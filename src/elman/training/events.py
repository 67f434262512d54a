"""What happens in training, for reporters and for the code that saves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elman.training.state import TrainState


@dataclass(frozen=True)
class Prepared:
    """What the model starts from, where that is not chance."""

    message: str


@dataclass(frozen=True)
class Started:
    """Training begins, or goes on after `state.progress.step` steps."""

    state: TrainState
    parameters: int
    size: int
    """Elements of the training part."""
    unit: str
    """What such an element is called."""
    counted: str
    """What the loss is averaged over and the speed counts."""
    budget: str
    engine: str
    """The engine that runs the recurrent layers, and why."""


@dataclass(frozen=True)
class Compiling:
    """Something is done for the first time in this run, which waits for its program to be compiled or read."""

    what: str
    """"the training step", "the evaluation"."""


@dataclass(frozen=True)
class Stepped:
    """One optimiser step was made."""

    step: int
    epoch: float
    spent: float
    """Share of the budget used up, 0 to 1."""
    loss: float
    """Nats per `Started.counted`."""
    gradient_norm: float
    learning_rate: float
    speed: float
    """`Started.counted` per second, of late."""
    seconds: float


@dataclass(frozen=True)
class Evaluated:
    """The validation part was measured with a fresh carry."""

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
    """A state could not be saved; training goes on, and the next checkpoint tries again."""

    message: str


@dataclass(frozen=True)
class Finished:
    """Training is over: the budget is spent, patience ran out ("early"), or someone stopped it ("interrupted")."""

    state: TrainState
    reason: str


Event = Prepared | Started | Compiling | Stepped | Evaluated | Checkpoint | SaveFailed | Finished
