"""What a task is: data, model, loss and measures bound by settings, which are the API, the options and the saved JSON.

The command line's help reads these modules, so what takes long to import is imported by the methods that need it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from elman._config import Config

if TYPE_CHECKING:
    from jaxtyping import PRNGKeyArray

    from elman._types import Carry
    from elman.data.examples import Data
    from elman.fitted._fitted import Fitted

F = TypeVar("F", bound="Fitted[Any]", covariant=True)
"""The `Fitted` that a task becomes by training."""


class Batches(Protocol):
    """Training batches: `len()` an epoch, `at(step)` for any step counted over all epochs, the same in any order."""

    def __len__(self) -> int: ...
    def at(self, step: int) -> Any: ...


class Metrics(Protocol):
    """How good a model is on a part, in the units of the field; `str()` is a line for people."""

    @property
    def objective(self) -> float:
        """What picks the best weights; smaller is better."""
        ...

    def report(self) -> str:
        """All there is to say, in one line or many."""
        ...

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        ...


class Task(Config, Generic[F], frozen=True, kw_only=True):
    """Base of all tasks: frozen settings, and the way from a file to a loss.

    A batch is a tuple of arrays whose first axis is rows. The sum and count of a loss are over real tokens or examples.
    """

    training: ClassVar[dict[str, Any]] = {}
    """Settings of `Training` that suit this task better than the general ones."""
    options: ClassVar[type[Config] | None] = None
    """The options of `elman predict`; None for a task that predicts otherwise."""

    @abstractmethod
    def read(self, *places: str | Path) -> Data:
        """The data at `places`, split into parts.

        Raises:
            DataError: a file that is missing, malformed or not enough.
        """

    @abstractmethod
    def settled(self, data: Data) -> Any:
        """This task with the settings that depend on the data filled in.

        Raises:
            DataError: something else than `read` returns.
        """

    @abstractmethod
    def network(self, codec: Any, *, key: PRNGKeyArray) -> Any:
        """The model for what `codec`, a frozen value, knows, with random weights."""

    def build(self, codec: Any, *, key: PRNGKeyArray) -> Any:
        """A new model: `network` as one compiled program."""
        from elman.tasks._building import new_model

        return new_model(self, codec, key)

    def shapes(self, codec: Any) -> Any:
        """`network` with shapes in place of arrays, for which nothing is computed."""
        from elman.tasks._building import shapes_of

        return shapes_of(self, codec)

    def begun(self, model: Any, codec: Any) -> tuple[Any, str]:
        """A new model with the weights that it starts from, where those are not random, and a line on them for people.

        Raises:
            DataError: they cannot be read.
        """
        return model, ""

    @abstractmethod
    def batches(self, part: Any, *, seed: int) -> Batches:
        """The training batches of a part."""

    def init_carry(self, model: Any, batch: int) -> Carry:
        """What goes from one batch to the next of an epoch, before its first; nothing, unless a task says so."""
        return ()

    @abstractmethod
    def loss(
        self, model: Any, carry: Carry, batch: Any, *, key: PRNGKeyArray | None = None
    ) -> tuple[tuple[Any, Any], Carry]:
        """((sum, count), carry): the loss summed over the batch in nats; `key=None` means without noise."""

    def rates(self, model: Any, epoch: int) -> Mapping[str, float]:
        """What multiplies the learning rate of parts of the model in an epoch, counted from 0; 0 freezes a part. The
        names are those of the saved weights, such as "embedding" or "layers.cells.0"; all other parts have 1."""
        return {}

    def activations(self, model: Any, carry: Carry, batch: Any) -> list[tuple[str, Any]]:
        """What each part of the model puts out, by name, in the order of computation: where numbers go wrong is sought
        there."""
        return []

    @abstractmethod
    def evaluate(self, model: Any, part: Any, codec: Any) -> Metrics:
        """Measures the whole of a part."""

    @abstractmethod
    def counted(self, codec: Any) -> str:
        """What the loss is averaged over: "character", "word", "text"."""

    @staticmethod
    @abstractmethod
    def codec_from(values: dict[str, Any]) -> Any:
        """The codec that `msgspec.to_builtins` turned into plain values."""

    @staticmethod
    @abstractmethod
    def metrics_from(values: dict[str, Any]) -> Metrics:
        """The measures that `to_builtins` turned into plain values."""
