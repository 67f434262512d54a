"""The settings of reading an ECG. Importing this module does not import jax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from elman._config import Config
from elman.formats.names import EDF, HEADER, SIGNALS
from elman.tasks.settings import (
    BatchSizes,
    CellName,
    Count,
    Layers,
    OnUnreadable,
    Rate,
    Size,
    Stream,
    TaskSettings,
    check_parts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from elman.formats.place import Place

RATE = 250
"""Sampling rate of the network's inputs, in samples a second."""

LOOK_AHEAD_MS = 100
"""Default look-ahead of a causal network, in milliseconds."""

RESAMPLING_MS = 24
"""Part of the look-ahead that resampling takes, in milliseconds."""


_RECORDS = {HEADER, *EDF}
"""Endings of files by which a record is known."""


class EcgPrediction(Stream, frozen=True, kw_only=True):
    """Options of `elman predict` for ECGs. It is no medical device."""

    leads: tuple[str, ...] = ()
    """The leads to read (all)."""
    each_lead: bool = False
    """Write a table for each lead instead of one for all leads together."""
    table: Literal["text", "csv", "none"] = "text"
    """Format of the table of beats."""
    annotations: str = ""
    """A folder for WFDB annotation files (.elm), one for each record."""
    plot: str = ""
    """A picture of each record, .png or .svg; with several records, the record's name is added to the file's."""
    start: Annotated[float, Meta(ge=0)] = 0.0
    """First second to draw."""
    seconds: Annotated[float, Meta(gt=0)] = 30.0
    """Most seconds to draw."""
    stream: bool = False
    """Read lines of numbers, one in mV for each lead, as they come, and write each beat as soon as it is certain."""
    rate: Annotated[float, Meta(ge=0)] = 0.0
    """Sampling rate of a stream, or of a table without a time column, in samples a second."""


class EcgStreamOptions(Config, frozen=True, kw_only=True):
    """Options of a session of an ECG model."""

    rate: Annotated[float, Meta(ge=0, le=100_000)] = 0.0
    """Samples a second."""
    leads: Annotated[int, Meta(ge=1, le=64)] = 1
    """Leads that come together."""


class EcgSettings(TaskSettings, frozen=True, kw_only=True):
    """Settings of `Ecg`."""

    training: ClassVar[dict[str, Any]] = {"epochs": 20.0, "learning_rate": 0.006, "weight_decay": 0.01}
    batch_sizes: ClassVar[BatchSizes | None] = BatchSizes("batch_size", usual=16, least=8)
    options: ClassVar[type[Config] | None] = EcgPrediction
    fixed: ClassVar[tuple[str, ...]] = ("causal", "look_ahead_ms")
    generated: ClassVar[tuple[str, ...]] = ("ecg",)

    on_error: OnUnreadable = "fail"
    """Treatment of records that cannot be read: the end, with the names of all (fail), or leave them out (skip)."""
    validation: Size = 0.1
    """Part that chooses the best weights: a share, or from 1 on a number of patients."""
    test: Size = 0.1
    """Part that training never sees: a share, or from 1 on a number of patients."""
    split_seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Seed of the random split of patients into parts."""
    causal: bool = False
    """Read forwards only, so that a stream can be read as it comes."""
    look_ahead_ms: Annotated[int, Meta(ge=84, le=1000)] = LOOK_AHEAD_MS
    """Look-ahead of a causal network in milliseconds, of which 24 are reserved for resampling a record."""
    cell: CellName = "GRU"
    """Recurrent cell: Elman, GRU, LSTM and their kin, or module:Class or module:function for your own."""
    channels: Count = 16
    """Features of the first convolution; the second has twice, the third four times as many."""
    hidden_size: Count = 96
    """Units of a recurrent layer, in each direction."""
    num_layers: Layers = 2
    """Recurrent layers on top of each other."""
    dropout: Rate = 0.1
    """Share of each layer's outputs dropped in training, for a whole piece."""
    augmentation: Annotated[float, Meta(ge=0, le=3)] = 1.0
    """Strength of changes to the training signals: gain, polarity, baseline wander, hum, noise, tempo; 0 is none."""
    seconds: Annotated[float, Meta(ge=1, le=60)] = 8.0
    """Length of the pieces that training reads, in seconds."""
    batch_size: Count | None = None
    """Pieces in a batch (16, or down to 8 where a budget in epochs or minutes has fewer than 1,000 steps)."""

    def __post_init__(self) -> None:
        TaskSettings.__post_init__(self)
        check_parts(self.validation, self.test, "patients")

    @property
    def delay(self) -> int:
        """The delay of a causal network's answers, in samples; 0 for one that is not causal."""
        return ((self.look_ahead_ms - RESAMPLING_MS) * RATE // 1000 - 3) // 4 * 4 if self.causal else 0

    @classmethod
    def recognises(cls, places: Sequence[Place]) -> str:
        """The mark of WFDB records and EDF files: their headers, or the ending of a file of one."""
        for place in places:
            inside = {file.suffix for file in place.members} & _RECORDS
            if inside:
                return f"{_named(inside)} in it"
            if place.suffix in (HEADER, *SIGNALS):
                return f"{place.suffix} is the ending of a WFDB record"
            if place.suffix in EDF:
                return f"{place.suffix} is the ending of an EDF file"
            beside = place.endings_beside & (_RECORDS if not place.exists else {HEADER})
            if beside:
                return f"{_named(beside)} beside it"
            if place.archive and (inside := {file.suffix for file in place.archive.members} & _RECORDS):
                return f"{_named(inside)} in the archive"
        return ""


def _named(endings: Set[str]) -> str:
    """WFDB headers or EDF files, and the verb to lie."""
    return f"WFDB headers ({HEADER}) are" if HEADER in endings else f"EDF files ({', '.join(sorted(endings))}) are"
