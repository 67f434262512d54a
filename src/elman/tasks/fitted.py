"""A trained model with all that its use needs: weights, codec, settings and measures."""

from __future__ import annotations

import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import jax
import msgspec
import numpy as np

from elman import artefact
from elman._errors import ArtefactError, ConfigError, DataError, quantity
from elman._module import weights
from elman._show import WIDTH, Shown, cut, short, table
from elman._types import Carry, Unknown, WeightFormat
from elman.formats.frames import AnyFrame, is_frame
from elman.formats.results import ResultTable
from elman.layers.pack import is_packable, is_packed, pack, plain
from elman.tasks.baseline import Baseline
from elman.tasks.checks import check_part
from elman.tasks.choices import Choices, Forecasts, Question
from elman.tasks.data import Data, Part
from elman.tasks.examples import LONGEST, Examples, NamedBatch
from elman.tasks.fingerprint import digest
from elman.tasks.items import ItemHashes, Overlap
from elman.tasks.output import Output
from elman.tasks.session import Session, read_session
from elman.tasks.task import Metrics, Task
from elman.training.history import History
from elman.training.settings import Training

M = TypeVar("M", bound=Metrics, covariant=True)
"""The type of a task's measures."""


@dataclass(frozen=True)
class Fitted(Shown, ABC, Generic[M]):
    """A trained model of any task; `fit` and `load` return one."""

    reading: ClassVar[tuple[str, ...]] = ()
    """The names of the options of `read`, such as "unknown"."""

    task: Task
    codec: Any
    model: Any
    training: Training = field(default_factory=Training)
    measures: dict[str, Any] = field(default_factory=dict)
    """The results of training: the step of these weights, the steps made, the seconds, the times of the last run by
    what they went to, the measures of the validation part, the baselines and the verdicts, and the name of the model
    that it started from, if any."""
    history: History = field(default_factory=History)
    """The measures of every evaluation; none for a model that an earlier elman saved."""
    items: ItemHashes | None = None
    """Hashes of the inputs that it was trained on; None for a model that an earlier elman saved."""

    @property
    def validation(self) -> M | None:
        """The measures of the validation part at the best step; None before the first evaluation."""
        values = self.measures.get("validation")
        return None if values is None else cast(M, self.task.metrics_from(values))

    def __repr__(self) -> str:
        rows = self._rows()
        about = f"{type(self).__name__}: {rows['knows']}; {rows['weights']} weights", rows["task"], rows["training"]
        return "\n".join(cut(line, WIDTH) for line in about)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: packed weights, which are kept beside them, are laid out for this machine's processor."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def _repr_html_(self) -> str:
        return table(self._rows().items(), caption=type(self).__name__, after=self.history._repr_html_())

    def _rows(self) -> dict[str, str]:
        """The parts of the model in words, by name."""
        trained = quantity(self.measures["step"], "step") if "step" in self.measures else "no evaluation yet"
        measured = "" if self.validation is None else f"; validation {self.validation}"
        return {
            "knows": self.summary,
            "weights": f"{weights(self.model):,}",
            "task": short(self.task, WIDTH),
            "training": f"{trained}{measured}",
        }

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """The measures of rules that need no training on the validation part; none before training has ended."""
        return msgspec.convert(self.measures.get("baselines", ()), tuple[Baseline, ...])

    @property
    def verdicts(self) -> tuple[str, ...]:
        """Sentences on a model that is worse than it might be, such as "predicts one class only"."""
        return tuple(self.measures.get("verdicts", ()))

    def remember(self, data: Data) -> Self:
        """Returns this model with what it stores of its training data; most models store nothing."""
        return self

    def restore(self, memory: artefact.SavedState) -> Self:
        """Returns this model with the memory that its artefact stores."""
        return self

    @abstractmethod
    def read(self, *places: str | Path | AnyFrame) -> Any:
        """Reads whole files, or a table in memory, with this model's codec, for `evaluate`.

        Raises:
            DataError: a file that does not exist, is malformed, or is too short.
        """

    @property
    @abstractmethod
    def summary(self) -> str:
        """The contents of the codec in words, such as "57 characters"."""

    @property
    def reach(self) -> str:
        """The length of its answers in words, where training has fixed it; else empty."""
        return ""

    @abstractmethod
    def differences(self) -> dict[str, float]:
        """The largest difference of log-probability between two ways to compute the same, by the ways' name; for
        `elman.verify`."""

    def examples(self, inputs: Any, *, longest: int = LONGEST) -> Examples:
        """One batch of inputs with what is right for them, as `elman.inspection` takes it apart.

        Args:
            inputs: a part of the data, of which the first batch is taken, or the first example where that is enough;
                of most tasks also an input as `predict` takes it, for which the model's own answer counts as right.
            longest: the most steps that are taken of a text in one piece, which a language model reads.

        Raises:
            DataError: an empty part, or an input that this task does not take.
        """
        if not isinstance(inputs, Sized) or getattr(inputs, "codec", None) is None:
            raise DataError(
                f"expected a part of the data, such as data.test or fitted.read(path); got {type(inputs).__name__}"
            )
        check_part(inputs)
        return Examples(self.task.evaluation_batches(inputs).at(0), {})

    def named_batches(self, part: Any) -> Iterator[NamedBatch]:
        """Yields a part of the data in batches, with the names of the steps of each example where they have some."""
        batches = self.task.evaluation_batches(part)
        return (NamedBatch(batches.at(step)) for step in range(len(batches)))

    def questions(self, examples: Examples) -> tuple[Question, ...]:
        """The questions that the model answers at each item of examples: the next character, the tag of a word.

        Raises:
            ConfigError: a task that names none.
        """
        raise ConfigError(f"{type(self.task).__name__} names no questions that its models answer")

    def choices(self, model: Any, carry: Carry, batch: Any) -> tuple[tuple[Choices | Forecasts, ...], Carry]:
        """The answers of `model`, this one's weights, to each of `questions` at every item of a batch, and the state
        after it, as `Task.loss` passes it on. The probabilities are those of `predict`, so a temperature counts.

        Raises:
            ConfigError: a task that names no questions.
        """
        raise ConfigError(f"{type(self.task).__name__} names no questions that its models answer")

    def evaluate(self, part: Any) -> M:
        """Measures a part of the data, or a table in memory, which is read first.

        Raises:
            DataError: a part that is empty, too short, or was read with another codec.
        """
        return self.measure(self.checked(part))

    def checked(self, part: Any) -> Any:
        """A part that fits this model; a table in memory is read as one.

        Raises:
            DataError: as for `evaluate`.
        """
        part = self.read(part) if is_frame(part) else part
        codec = getattr(part, "codec", None)
        if codec is None or not isinstance(part, Sized):
            raise DataError(
                f"expected a part of the data, such as data.test or fitted.read(path); got {type(part).__name__}"
            )
        if codec != self.codec:
            raise DataError("the part was numbered with another vocabulary; read it with fitted.read(path)")
        return part

    def mistakes(self, part: Any) -> ResultTable:
        """A table of what the model gets wrong on a part of the data or on a table in memory, the worst first: the
        input, what is right, and what it answers. The columns depend on the task.

        Raises:
            ConfigError: a task that names no mistakes.
            DataError: as for `evaluate`.
        """
        part = self.checked(part)
        check_part(part)
        return self.mistakes_of(part)

    def mistakes_of(self, part: Any) -> ResultTable:
        """The mistakes on a part that is known to fit."""
        raise ConfigError(f"mistakes: {type(self.task).__name__} names none")

    def measure(self, part: Any) -> M:
        """The measures of a part that is known to fit, with what training fitted, such as a temperature."""
        return cast(M, self.task.evaluate(self.model, part, self.codec))

    def answer_rules(self) -> dict[str, Any]:
        """The values beside the network's outputs that its answers depend on, as `codec.json` of an export has them."""
        return {}

    def baselines_on(self, part: Any) -> Sequence[Baseline]:
        """The measures of rules that need no training on a part; none for rules that need the training data."""
        return ()

    def overlap(self, part: Any) -> Overlap | None:
        """The inputs of a part that training had, since measures on them say nothing of new ones; None where the
        model does not know its training data."""
        return None if self.items is None else self.items.overlap(self.task.items(part))

    def unseen(self, part: Any) -> Any:
        """The inputs of a part that training had in neither of its parts, as a part; None where the model does not know
        its training data, or the inputs of the part do not stand alone, as the steps of a text or a series."""
        mask = self.items.new(self.task.items(part)) if self.items is not None and isinstance(part, Part) else None
        return None if mask is None else part.where(mask)

    @cached_property
    def quick_model(self) -> Any:
        """The model for few inputs at once: with its weights packed, if they can be; its outputs have the same bits."""
        return pack(self.model) if is_packable(self.model) and not is_packed(self.model) else self.model

    def packed(self, weights: WeightFormat = "float32") -> Self:
        """Returns this model with weights as `elman.pack` stores them, for use: it is neither saved nor trained.

        Raises:
            ConfigError: as `elman.pack`.
        """
        return replace(self, model=pack(self.model, weights))

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the weights and the codec, in hexadecimal, by which a saved session knows its model."""
        return digest([dict(artefact.named_arrays(plain(self.model))), msgspec.to_builtins(self.codec)])

    def session(self, saved: str | Path | bytes | None = None, **options: Any) -> Session[Any]:
        """A session, in which the model reads a stream piece by piece, and writes where it can.

        Args:
            saved: the file of a session to go on from, or its bytes; by default a new session begins.
            options: those of a new session, which depend on the task.

        Raises:
            ConfigError: a model that cannot go on from a state, or an unknown or impossible option.
            ArtefactError: a saved session that is damaged, or of another model.
        """
        if saved is None:
            return self.new_session(**options)
        if options:
            raise ConfigError(f"session: a saved one has its own {', '.join(sorted(options))}; leave them out")
        return self.saved_session(read_session(saved, self))

    def plain_session(self, **options: Any) -> Session[Any]:
        """A new session, whose options are plain values, such as those of JSON. It opens no file, whatever they are.

        Raises:
            ConfigError, DataError: as for `session`, or other values.
        """
        return self.new_session(**options)

    def new_session(self, **options: Any) -> Session[Any]:
        """A session before its first input.

        Raises:
            ConfigError: as for `session`.
        """
        raise ConfigError(f"session: {self._sessionless()}")

    def saved_session(self, saved: artefact.SavedState) -> Session[Any]:
        """The session in a state that was saved with this model.

        Raises:
            ArtefactError: values or arrays that make no state of this model.
        """
        raise ArtefactError(f"session: {self._sessionless()}")

    def _sessionless(self) -> str:
        name = type(self.task).__name__
        return f"a model for {name} answers each input as a whole, so it has no state from which to go on; use predict"

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the artefact directory `path`.

        Raises:
            ArtefactError: the path exists (unless `force` and it is an artefact), or cannot be written.
        """
        artefact.refuse_existing(Path(path), force=force)
        artefact.write(Path(path), self.contents())

    def contents(self) -> artefact.Contents:
        """The contents of the artefact, as plain values and arrays.

        Raises:
            ConfigError: packed weights.
        """
        if is_packed(self.model):
            raise ConfigError("a packed model is not saved; save the model that was packed")
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
            history=self.history.to_builtins(),
            items=None if self.items is None else self.items.to_arrays(),
        )


class Predictor(Fitted[M]):
    """A trained model that predicts for each input by itself."""

    verb: ClassVar[str] = "predict"
    """The task's own word for what the model does with an input."""
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

    def answers(self, inputs: Sequence[Any], *, options: Any) -> list[dict[str, Any]]:
        """The answers to inputs as plain values, one for each, as a service sends them.

        Args:
            inputs: plain values as `predict` takes them: texts, arrays of numbers as lists, tables by column.
            options: a value of the task's `options`, of which those on files and lines change nothing.

        Raises:
            DataError: an input that cannot be read.
            ConfigError: a task that answers files alone.
        """
        raise ConfigError(f"{type(self.task).__name__} answers files, and no single inputs; run elman predict")


class TextGenerator(Fitted[M]):
    """A trained model that writes text."""

    reading: ClassVar[tuple[str, ...]] = ("unknown",)

    @abstractmethod
    def read(self, *places: str | Path | AnyFrame, unknown: Unknown = "error") -> Any:
        """Reads whole files, or a table in memory, with this model's codec, for `evaluate`.

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


def read_part(fitted: Fitted, *places: str | Path | AnyFrame, **options: Any) -> Any:
    """The part that a model reads with options of its `reading`."""
    read: Callable[..., Any] = fitted.read
    return read(*places, **options)


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest absolute difference of two arrays; infinite if any is NaN."""
    worst = np.abs(a - b).max()
    return float(worst) if np.isfinite(worst) else float("inf")
