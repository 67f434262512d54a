"""Base classes, types and checks of the settings that tasks share. Importing this module does not import jax."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from msgspec import Meta

from elman._config import Config, Converter, Hidden, Several, hints_of
from elman._errors import ConfigError
from elman._types import NormalForm

SUBWORDS = 8000
"""Default number of sub-words to learn."""

Count = Annotated[int, Meta(ge=1, lt=2**20)]
Layers = Annotated[int, Meta(ge=1, le=100)]
Rate = Annotated[float, Meta(ge=0, lt=1)]
VocabularySize = Annotated[int, Meta(ge=300, lt=2**20)] | None
Size = Annotated[float, Meta(ge=0)]
"""The size of a part of the data: below 1 a share, from 1 on a number."""


def cell_name(cell: Any) -> str:
    """The name in settings of a cell's class, or of a function that builds one: elman's own name, or its import path.

    >>> cell_name(elman.GRU)
    'GRU'

    Raises:
        ConfigError: a class or function that cannot be imported by name.
    """
    name = getattr(cell, "__qualname__", None)
    if name is None or "<" in name:
        raise ConfigError(
            f"cell {name or cell!r}: cannot be found again when the model is loaded; use a class or a function of a "
            "module"
        )
    return name if cell.__module__.startswith("elman.cells.") else f"{cell.__module__}:{name}"


def _name_of(cell: Any) -> Any:
    return cell_name(cell) if callable(cell) else cell


_TO_NAME = Converter(_name_of)


def _tuple_of(places: Any) -> Any:
    return ((places,) if places else ()) if isinstance(places, str) else places


def _absolute(places: Any) -> Any:
    return tuple(str(Path(place).absolute()) for place in _tuple_of(places))


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elman.cells import Cell
    from elman.formats.place import Place

    CellName = str | Callable[..., Cell]
    Places = ValidationFiles = str | tuple[str, ...]
else:
    CellName = Annotated[str, _TO_NAME]
    Places = Annotated[tuple[str, ...], Converter(_tuple_of)]
    ValidationFiles = Annotated[tuple[str, ...], Converter(_absolute), Several()]


def check_parts(validation: float, test: float, unit: str) -> None:
    """Refuses parts that leave nothing to train on, or are not a whole number of `unit`.

    Raises:
        ConfigError: the message names the part.
    """
    if sum(part for part in (validation, test) if part < 1) >= 1:
        raise ConfigError(f"validation {validation} and test {test} leave nothing to train on")
    for name, part in (("validation", validation), ("test", test)):
        if part > 1 and part != int(part):
            raise ConfigError(f"{name}: expected a share below 1 or a whole number of {unit}; got {part}")


def check_vocabulary(*kinds: str | None, size: int | None, min_count: int) -> None:
    """Refuses a number of sub-words for other tokens, and a `min_count` for tokens that are not words; a kind is None
    where the data decide.

    Raises:
        ConfigError: the message names the kinds of tokens.
    """
    there = " and ".join(dict.fromkeys(kind for kind in kinds if kind))
    if min_count > 1 and not {"words", None} & set(kinds):
        raise ConfigError(f"min_count: belongs to words; {there} are all kept")
    if size is not None and not {"subwords", None} & set(kinds):
        raise ConfigError(f"vocabulary_size: belongs to subwords; {there} are all kept")


OnError = Literal["fail", "skip", "blank"]
"""The treatment of an input that cannot be read: the end, the next answer, or a blank answer."""


OnUnreadable = Literal["fail", "skip"]
"""The treatment of a record that cannot be read where answers are measured: the end, or the next record."""


class Stream(Config, frozen=True, kw_only=True):
    """Option of `elman predict` for inputs of which some cannot be read."""

    on_error: OnError = "fail"
    """Treatment of an input that cannot be read, whose number is always written to standard error: the end (fail), the
    answer to the next input (skip), or a blank answer (blank)."""


class Answering(Stream, frozen=True, kw_only=True):
    """Options of `elman predict` for inputs that are answered one by one."""

    with_input: bool = False
    """Write each input beside its answer: a table with more columns for a table; for lines, the line after the answer,
    and a tab between them; for files, the file's name."""


class BatchSizes(NamedTuple):
    """The sizes of a batch among which a training chooses where the user does not."""

    name: str
    """The setting that has the size, or None where it is to be chosen."""
    usual: int
    least: int
    """The size below which a short budget does not go."""


class TaskSettings(Config, frozen=True, kw_only=True):
    """Base class of the settings of tasks."""

    earlier: ClassVar[dict[str, Any]] = {"normal_form": "none"}
    """Values of these settings for models that were saved before they existed, where those differ from the defaults."""
    training: ClassVar[dict[str, Any]] = {}
    """Settings of `Training` that suit this task better than the general defaults."""
    fixed: ClassVar[tuple[str, ...]] = ()
    """Settings that a model keeps where it goes on with new data, beside its cell and all that change the shapes of its
    weights."""
    foundation: ClassVar[bool] = False
    """True if models of other tasks may start from its models."""
    batch_sizes: ClassVar[BatchSizes | None] = None
    """The sizes of a batch where the budget chooses it; None where it does not."""
    options: ClassVar[type[Config] | None] = None
    """The options of `elman predict`; None where it has none."""
    generated: ClassVar[tuple[str, ...]] = ()
    """Names of generated data that `read` takes in place of a file."""

    @property
    def in_batch(self) -> int:
        """The size of a batch, in what the task counts; the usual one before a training has chosen it."""
        assert self.batch_sizes is not None, "the task has its own setting"
        return getattr(self, self.batch_sizes.name) or self.batch_sizes.usual

    @property
    def cells(self) -> tuple[str, ...]:
        """The names of cells among the settings."""
        hints = hints_of(type(self))
        return tuple(
            getattr(self, name)
            for name in self.__struct_fields__
            if _TO_NAME in getattr(hints[name], "__metadata__", ())
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The places of saved models among the settings."""
        return ()

    @classmethod
    def is_generated(cls, *places: str | Path) -> bool:
        """True for the name of generated data alone, unless there is a file of this name."""
        return len(places) == 1 and str(places[0]) in cls.generated and not Path(places[0]).exists()

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark by which files are known to be for this task, in words; empty where they have none."""
        return ""

    @classmethod
    def accepts(cls, places: Sequence[Place]) -> bool:
        """True if files that no task recognises are tried with this one."""
        return False


class PretrainedSettings(TaskSettings, frozen=True, kw_only=True):
    """Base class of the settings of tasks that may start from pretrained weights."""

    vectors: str = ""
    """A file of word vectors to start from: fastText .bin or .vec, word2vec or GloVe, also .gz or .xz. The embedding
    then has their width."""
    vectors_train: Literal["frozen", "trained"] | Annotated[int, Meta(ge=1)] = "trained"
    """Training of those vectors: frozen, trained, or frozen for a number of epochs."""
    vectors_rate: Annotated[float, Meta(gt=0)] | None = None
    """Factor of the learning rate for those vectors, whose values are larger than random initial ones (5)."""
    vectors_words: Annotated[int, Meta(ge=0)] = 50_000
    """Words of that file, the most frequent first, that the model keeps even if the training texts do not have them."""
    start_from: Annotated[Places, Hidden()] = ()
    """Language models to start from: their vocabulary, embedding and layers. The outputs of several, such as one that
    reads forwards and one trained with --reverse, are concatenated. On the command line it is --from."""
    thaw_epochs: Annotated[int, Meta(ge=0)] = 1
    """Epochs until one more layer of the language models is trained, from the top; 0 trains all from the start."""
    normal_form: NormalForm = "NFC"
    """Normal form of Unicode in which words, labels and word vectors are compared; none leaves their spelling as it
    is."""
    layer_rate: Annotated[float, Meta(gt=0, le=1)] = 0.4
    """Learning rate of a layer of the language models, as a share of that of the layer above."""

    def __post_init__(self) -> None:
        Config.__post_init__(self)
        if self.vectors_train != "trained" and not self.vectors:
            raise ConfigError(f"vectors_train: {self.vectors_train} needs word vectors; name their file with vectors")
        if self.vectors_rate is not None and not self.vectors:
            raise ConfigError(f"vectors_rate: {self.vectors_rate:g} needs word vectors; name their file with vectors")
        if self.vectors and self.start_from:
            raise ConfigError("vectors and start_from: a language model has its own word vectors; choose one")

    @property
    def models(self) -> tuple[str, ...]:
        """The places of the language models."""
        return tuple(self.start_from)
