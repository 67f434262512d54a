"""The events of training, for reporters and for the code that saves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elman._show import Shown
from elman.tasks.baseline import Baseline
from elman.tasks.data import Data
from elman.training.profile import Profile
from elman.training.state import TrainState
from elman.training.step_memory import StepMemory
from elman.training.times import Times


@dataclass(frozen=True)
class Noted:
    """A sentence on what was concluded from the data or left out of them, before training, or on how it was stopped."""

    message: str


@dataclass(frozen=True)
class Prepared:
    """The model starts from weights that are not random; `message` says from which."""

    message: str


@dataclass(frozen=True)
class Started(Shown):
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
    data: Data


@dataclass(frozen=True)
class Compiling:
    """A part of training runs for the first time, and waits until its program is compiled or read from the cache."""

    what: str
    """The part: "the training step" or "the evaluation"."""


@dataclass(frozen=True)
class Compiled(Shown):
    """The training step is compiled, and its memory is known."""

    memory: StepMemory


@dataclass(frozen=True)
class Profiled(Shown):
    """Some steps were measured."""

    profile: Profile


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
class Evaluated(Shown):
    """The validation part was measured, from the initial state."""

    step: int
    spent: float
    metrics: Any
    is_best: bool
    seconds: float
    training_loss: float
    """The mean loss of the steps since the evaluation before, in nats per `Started.loss_unit`; NaN before the first
    step."""
    learning_rate: float
    fitted: Any
    """The model as it is now, not the best one; the next step reuses its memory."""


@dataclass(frozen=True)
class Checkpoint(Shown):
    """A good moment to save `state`."""

    state: TrainState


@dataclass(frozen=True)
class SaveFailed:
    """A state could not be saved; training continues, and the next checkpoint tries again."""

    message: str


@dataclass(frozen=True)
class Judged(Shown):
    """The result of a whole training, beside rules that need none."""

    step: int
    """The step whose weights are kept."""
    steps: int
    """The number of steps made."""
    validation: Any
    """The measures of the validation part at `step`."""
    baselines: tuple[Baseline, ...]
    """The measures of the rules."""
    verdicts: tuple[str, ...]
    """Sentences on a model that is worse than it might be."""


@dataclass(frozen=True)
class Finished(Shown):
    """Training is over. The reason is "done" (the budget is spent), "early" (patience ran out) or "interrupted"."""

    state: TrainState
    reason: str
    times: Times


Event = (
    Noted
    | Prepared
    | Started
    | Compiling
    | Compiled
    | Profiled
    | Stepped
    | Evaluated
    | Checkpoint
    | SaveFailed
    | Finished
    | Judged
)
