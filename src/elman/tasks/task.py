"""The base class of tasks: data, model, loss and measures, bound by settings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar, runtime_checkable

import jax
import msgspec
import numpy as np
from jaxtyping import PRNGKeyArray

from elman._types import Carry
from elman.formats.frames import AnyFrame
from elman.tasks.baseline import Baseline
from elman.tasks.building import new_model, shapes_of
from elman.tasks.checks import check_part, check_read, check_validation
from elman.tasks.data import Data
from elman.tasks.evaluation import MeanLoss, total_loss
from elman.tasks.growth import Growth
from elman.tasks.items import Items
from elman.tasks.settings import TaskSettings

if TYPE_CHECKING:
    from elman.tasks.fitted import Fitted

F = TypeVar("F", bound="Fitted[Any]", covariant=True)
"""The `Fitted` that a task becomes by training."""


@runtime_checkable
class Batches(Protocol):
    """Training batches: `len()` an epoch, `at(step)` for any step counted over all epochs, the same in any order."""

    def __len__(self) -> int: ...
    def at(self, step: int) -> Any:
        """The batch of a step."""
        ...


@runtime_checkable
class Metrics(Protocol):
    """The measures of a model on a part, in the units of the field; `str()` is a line for people."""

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> Self:
        """The measures that `to_builtins` turned into plain values."""
        ...

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights; smaller is better."""
        ...

    def report(self) -> str:
        """All measures, in one line or many."""
        ...

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        ...


class Task(TaskSettings, Generic[F], frozen=True, kw_only=True):
    """Base class of all tasks: frozen settings, and the steps from a file to a loss.

    A batch is a tuple of arrays whose first axis is rows. The sum and count of a loss are over real tokens or examples,
    without padding.
    """

    fitted_class: ClassVar[Any]
    """The subclass of `Fitted` that training makes of this task."""
    codec_class: ClassVar[Any]
    """The class of its codecs, as `msgspec.convert` takes it."""
    metrics_class: ClassVar[Any] = MeanLoss
    """The class of its measures; by default the mean loss."""

    @abstractmethod
    def read(self, *places: str | Path | AnyFrame) -> Data:
        """The data at `places`, files or one table in memory, split into parts.

        Raises:
            DataError: a file that is missing or malformed, or too little data.
        """

    def configure(self, data: Data) -> Any:
        """This task with the settings that depend on the data filled in; most tasks have none.

        Raises:
            DataError: `data` is not what `read` returns, or its validation part is empty.
        """
        check_read(data, self.codec_class)
        check_validation(data)
        return self

    @abstractmethod
    def network(self, codec: Any, *, key: PRNGKeyArray) -> Any:
        """The model for the vocabulary, classes or channels of `codec`, a frozen value, with random weights."""

    def build(self, codec: Any, *, key: PRNGKeyArray) -> Any:
        """A new model: `network`, run as one compiled program."""
        return new_model(self, codec, key)

    def shapes(self, codec: Any) -> Any:
        """The model of `network` with shapes in place of arrays; nothing is computed."""
        return shapes_of(self, codec)

    def initialise(self, model: Any, codec: Any) -> tuple[Any, str]:
        """A new model with its pretrained weights, if there are any, and a line on them for people.

        Raises:
            DataError: the weights cannot be read.
        """
        return model, ""

    def for_new_data(self, codec: Any) -> Self:
        """This task of a saved model as it reads other data: without the files that only its own training needed."""
        return self

    def grow(self, codec: Any, data: Data) -> Growth:
        """The codec of a saved model, grown by what it lacks of the data that it goes on with, and sentences that say
        so. What it has keeps its number. By default it stays as it is.

        Raises:
            DataError: data that the model cannot go on with.
        """
        return Growth(codec)

    def unknown_rows(self, codec: Any) -> Mapping[str, int]:
        """The row of the unknown token in embeddings, by the name of the part. The rows of new tokens are copies of it;
        those of other parts are means."""
        return {}

    @abstractmethod
    def batches(self, part: Any, *, seed: int) -> Batches:
        """The training batches of a part."""

    def evaluation_batches(self, part: Any) -> Batches:
        """The batches of an epoch in which nothing is random, to measure a model and to look into it."""
        return self.batches(part, seed=0)

    def work(self, batch: Any) -> int:
        """The steps of recurrent layers in a batch, all rows together, by which a budget in minutes chooses the size of
        batches; by default those of the longest array with rows and steps."""
        shapes = [np.shape(array) for array in jax.tree.leaves(batch)]
        return max(shape[0] * shape[1] for shape in shapes if len(shape) > 1)

    def init_carry(self, model: Any, batch: int) -> Carry:
        """The state before the first batch of an epoch, which `loss` passes on from batch to batch; () by default."""
        return ()

    @abstractmethod
    def loss(
        self, model: Any, carry: Carry, batch: Any, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((sum, count), carry): the loss summed over the batch in nats; `key=None` means no dropout or noise."""

    def rates(self, model: Any, epoch: int) -> Mapping[str, float]:
        """Factors of the learning rate for parts of the model in an epoch, counted from 0; 0 freezes a part. The names
        are those of the saved weights, such as "embedding" or "layers.cells.0"; all other parts have the factor 1."""
        return {}

    def activations(self, model: Any, carry: Carry, batch: Any) -> list[tuple[str, Any]]:
        """The outputs of each part of the model, by name, in the order of computation. They show where numbers first
        become NaN or infinite."""
        return []

    def evaluate(self, model: Any, part: Any, codec: Any) -> Metrics:
        """Measures the model on the whole of a part; by default the mean loss of `evaluation_batches`.

        Raises:
            DataError: an empty part.
        """
        check_part(part)
        total, count = total_loss(self, model, self.evaluation_batches(part))
        return self.metrics_class(total / count, int(count), self.loss_unit(codec))

    def items(self, part: Any) -> Items:
        """The inputs of a part as a model reads them, by which evaluation recognises those that training had; by
        default the examples."""
        examples = getattr(part, "examples", ())
        return Items(examples, "example", len(examples))

    def baselines(self, data: Data) -> Sequence[Baseline]:
        """The measures of rules that need no training on the validation part; none by default. They are taken before
        each training, so they take little time."""
        return ()

    def verdicts(self, metrics: Any) -> Sequence[str]:
        """Sentences on answers that nobody wants, which measures show, such as one class for everything."""
        return ()

    @abstractmethod
    def loss_unit(self, codec: Any) -> str:
        """The unit that the loss is averaged over, such as "character", "word" or "text"."""

    @classmethod
    def codec_from(cls, values: dict[str, Any]) -> Any:
        """The codec that `msgspec.to_builtins` turned into plain values."""
        return msgspec.convert(values, cls.codec_class)

    @classmethod
    def metrics_from(cls, values: dict[str, Any]) -> Metrics:
        """The measures that `to_builtins` turned into plain values."""
        return cls.metrics_class.from_builtins(values)

    def check_saved(self, codec: Any, metrics: Metrics | None) -> None:
        """Refuses a codec and measures that cannot be of one saved model with these settings.

        Raises:
            ConfigError: names what does not fit.
        """

    @property
    def imports(self) -> tuple[str, ...]:
        """The import paths of the user's own task and cells."""
        return tuple(name for name in (_name(type(self)), *self.cells) if ":" in name)

    def to_builtins(self) -> dict[str, Any]:
        """The settings as plain values, and as "type" the name that the registry finds the task by."""
        return {"type": _name(type(self)), **super().to_builtins()}


def _name(kind: type[Task]) -> str:
    own = kind.__module__.startswith("elman.tasks.")
    return kind.__name__ if own else f"{kind.__module__}:{kind.__qualname__}"
