"""A trained model with all that its use needs: weights, codec, settings and measures."""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import jax
import msgspec
import numpy as np

from elman import artefact
from elman._errors import DataError
from elman._types import Unknown
from elman.tasks.data import Data
from elman.tasks.task import Metrics, Task
from elman.training.settings import Training

M = TypeVar("M", bound=Metrics, covariant=True)
"""The type of a task's measures."""


@dataclass(frozen=True)
class Warning:
    """A sentence on the input or the answers that is no answer itself."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A picture of answers, which is drawn when it is saved."""

    path: Path
    """The file, whose ending names the format."""
    draw: Callable[[Path], None]
    """The function that draws it into a file."""

    def save(self) -> None:
        """Draws the picture into its file.

        Raises:
            ConfigError: matplotlib is not installed, or does not know the format.
            DataError: answers that a picture has no room for, or a file that cannot be written.
        """
        self.draw(self.path)


Output = str | Warning | Picture
"""A line, without its end; a warning; or a picture."""


@dataclass(frozen=True)
class Fitted(ABC, Generic[M]):
    """A trained model of any task; `fit` and `load` return one."""

    task: Task
    codec: Any
    model: Any
    training: Training = field(default_factory=Training)
    measures: dict[str, Any] = field(default_factory=dict)
    """The results of training: step, seconds, and the measures of the validation part."""

    @property
    def validation(self) -> M | None:
        """The measures of the validation part at the best step; None before the first evaluation."""
        values = self.measures.get("validation")
        return None if values is None else cast(M, self.task.metrics_from(values))

    def remember(self, data: Data) -> Self:
        """Returns this model with what it stores of its training data; most models store nothing."""
        return self

    def restore(self, memory: artefact.SavedState) -> Self:
        """Returns this model with the memory that its artefact stores."""
        return self

    @abstractmethod
    def read(self, *places: str | Path) -> Any:
        """Reads whole files with this model's codec, for `evaluate`.

        Raises:
            DataError: a file that does not exist, is malformed, or is too short.
        """

    @property
    @abstractmethod
    def summary(self) -> str:
        """The contents of the codec in words, such as "57 characters"."""

    @abstractmethod
    def differences(self) -> dict[str, float]:
        """The largest difference of log-probability between two ways to compute the same, by the ways' name; for
        `elman.verify`."""

    def evaluate(self, part: Any) -> M:
        """Measures a part of the data.

        Raises:
            DataError: a part that is empty, too short, or was read with another codec.
        """
        codec = getattr(part, "codec", None)
        if codec is None or not isinstance(part, Sized):
            raise DataError(
                f"expected a part of the data, such as data.test or fitted.read(path); got {type(part).__name__}"
            )
        if codec != self.codec:
            raise DataError("the part was numbered with another vocabulary; read it with fitted.read(path)")
        return self.measure(part)

    def measure(self, part: Any) -> M:
        """The measures of a part that is known to fit, with what training fitted, such as a temperature."""
        return cast(M, self.task.evaluate(self.model, part, self.codec))

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the artefact directory `path`.

        Raises:
            ArtefactError: the path exists (unless `force` and it is an artefact), or cannot be written.
        """
        artefact.refuse_existing(Path(path), force=force)
        artefact.write(Path(path), self.contents())

    def contents(self) -> artefact.Contents:
        """The contents of the artefact, as plain values and arrays."""
        versions = {"elman": version("elman"), "jax": jax.__version__, "python": platform.python_version()}
        return artefact.Contents(
            model={
                "task": self.task.to_builtins(),
                "training": self.training.to_builtins(),
                "measures": self.measures,
                "versions": versions,
            },
            codec=msgspec.to_builtins(self.codec),
            weights=artefact.named_arrays(self.model),
        )


class Predictor(Fitted[M]):
    """A trained model that predicts for each input by itself."""

    needs_input: ClassVar[bool] = True
    """True if `output` without places would have nothing to answer; False if the model remembers its series."""

    @abstractmethod
    def output(self, *places: str, options: Any) -> Iterator[Output]:
        """Yields what `elman predict` gives out for files, as soon as it is known: lines of answers, warnings, and
        pictures if the options ask for them. "-" is standard input.

        Args:
            places: files of inputs.
            options: a value of the task's `options`.

        Raises:
            DataError: an input that cannot be read, after the answers to those before it.
        """


class TextGenerator(Fitted[M]):
    """A trained model that writes text."""

    @abstractmethod
    def read(self, *places: str | Path, unknown: Unknown = "error") -> Any:
        """Reads whole files with this model's codec, for `evaluate`.

        Raises:
            DataError: a file that does not exist, is malformed, or is too short.
            VocabularyError: a token that the model does not know, unless `unknown="skip"` leaves it out.
        """

    @abstractmethod
    def stream(
        self, prime: str = "", *, length: int = 200, stop: str = "", unknown: Unknown = "error", **sampling: Any
    ) -> Iterator[str]:
        """Yields text that continues `prime`, piece by piece, as it is generated."""

    @abstractmethod
    def samples(
        self,
        prime: str = "",
        *,
        count: int,
        length: int = 200,
        stop: str = "",
        unknown: Unknown = "error",
        **sampling: Any,
    ) -> list[str]:
        """Generates several texts that continue `prime`, in one batch."""


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest absolute difference of two arrays; infinite if any is NaN."""
    worst = np.abs(a - b).max()
    return float(worst) if np.isfinite(worst) else float("inf")
