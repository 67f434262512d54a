"""Encodes numeric series as arrays, and names their channels and classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from jaxtyping import Float

from elman._errors import DataError
from elman._show import Shown, brief, brief_table
from elman.tasks.classification.batches import Inputs
from elman.tasks.scaler import Scaler
from elman.tasks.series_classification.reading import Series
from elman.words._vocabulary import joined


class EncodedSeries(NamedTuple):
    """A series, scaled as the training part, and the index of its class."""

    values: Float[np.ndarray, "time channel"]
    label: int

    __repr__, _repr_html_ = brief, brief_table


class SeriesCodec(Shown, msgspec.Struct, frozen=True, tag="series"):
    """Scales series, and names their channels and classes.

    >>> codec = SeriesCodec(("x",), ("down", "up"), Scaler((2.0,), (0.5,)))
    >>> codec.encode(np.array([[2.0], [3.0]])).tolist()
    [[0.0], [2.0]]
    """

    channels: tuple[str, ...]
    labels: tuple[str, ...]
    scaler: Scaler

    def __post_init__(self) -> None:
        self.scaler.check(len(self.channels), "channels")

    def grown(self, other: SeriesCodec) -> SeriesCodec:
        """This codec with the labels of another one that it lacks; series are scaled as before."""
        return msgspec.structs.replace(self, labels=joined(self.labels, other.labels))

    @property
    def unit(self) -> str:
        """series"""
        return "series"

    @property
    def several(self) -> bool:
        """False: a series has one class."""
        return False

    def unknown_words(self, series: Iterable[EncodedSeries]) -> float | None:
        """None: a series has no words."""
        return None

    def encode(self, values: Float[np.ndarray, "time channel"], *, place: str = "the series") -> np.ndarray:
        """The scaled values in float32; messages name the series as `place`.

        Raises:
            DataError: another number of channels, no step, or a value that is not finite.
        """
        check_values(values, self.channels, place)
        with np.errstate(over="ignore"):  # the next check refuses overflow
            scaled = self.scaler.encode(values)
        check_values(scaled, self.channels, f"{place}, scaled")
        return scaled

    def example(self, series: Series) -> EncodedSeries:
        """A series with its class, encoded.

        Raises:
            DataError: as `encode`.
        """
        return EncodedSeries(self.encode(series.values, place=series.place), self.labels.index(series.label))

    def size(self, series: EncodedSeries) -> int:
        """The number of steps, by which series of similar length are batched."""
        return len(series.values)

    def inputs(self, series: Sequence[EncodedSeries], *, rows: int, length: int) -> Inputs:
        """Series of at most `length` steps as padded arrays of `rows` rows."""
        values, steps = np.zeros((rows, length, len(self.channels)), np.float32), np.zeros(rows, np.int32)
        for row, one in enumerate(series):
            values[row, : len(one.values)], steps[row] = one.values, len(one.values)
        return Inputs(values, steps, None)

    def trial(self, random: np.random.Generator) -> EncodedSeries:
        """A series of random numbers, with which a model can be checked."""
        return EncodedSeries(random.normal(size=(random.integers(1, 20), len(self.channels))).astype(np.float32), 0)


def check_values(values: np.ndarray, channels: Sequence[str], place: str) -> None:
    """Refuses values that are not a series of these channels.

    Raises:
        DataError: another number of channels, no step, or a value that is not finite.
    """
    if values.ndim != 2 or values.shape[1] != len(channels) or not len(values):
        raise DataError(
            f"{place}: expected values of shape (steps, {len(channels)}), as many channels as the others have; "
            f"got {values.shape}"
        )
    if not np.isfinite(values).all():
        step, channel = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"{place}: step {step + 1} of channel {channels[channel]} is {values[step, channel]}; expected finite "
            "numbers: fill the gap, or leave the series out"
        )
