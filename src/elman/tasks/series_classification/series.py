"""Numeric series with their classes, as files and tables have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import DataError
from elman._show import brief, brief_table
from elman.formats.numbers import number_of

Missing = Literal["error", "interpolate"]
"""Ways of treating missing values: an error, or linear interpolation."""


class Series(NamedTuple):
    """One series, its class ("" where the file has none), and the file and line where it begins, for messages."""

    values: Float[np.ndarray, "time channel"]
    label: str = ""
    place: str = "the series"

    __repr__, _repr_html_ = brief, brief_table


class SeriesFile(NamedTuple):
    """The series of one file."""

    channels: tuple[str, ...]
    """Names of the channels; "1", "2" and so on for `.ts` files, which name none."""
    series: tuple[Series, ...]
    names: tuple[str, ...]
    """The names of the series; `.ts` files number them from 1 on."""
    errors: dict[str, DataError]
    """The errors of series that cannot be read, by name, where they are kept; such a series has no steps."""


class Trial:
    """Reads series after series; it keeps the errors, or raises the first."""

    def __init__(self, keep_errors: bool):
        self.keep_errors, self.errors = keep_errors, dict[str, DataError]()

    def __call__(self, read: Callable[[], Series], name: str, place: str) -> Series:
        try:
            return read()
        except DataError as error:
            if not self.keep_errors:
                raise
            self.errors[name] = error
            return Series(np.zeros((0, 0), np.float32), "", place)


def numbers_of(
    channels: Sequence[Sequence[str]], places: Sequence[str], names: Sequence[str], missing: Missing
) -> Float[np.ndarray, "time channel"]:
    """The texts of each channel as numbers; `places` names each step and `names` each channel in messages.

    Raises:
        DataError: a text that is no number, or a missing value that is not to be interpolated.
    """
    values = np.array(
        [
            [number_of(text, f"{place}, {name}") for text, place in zip(channel, places, strict=True)]
            for channel, name in zip(channels, names, strict=True)
        ],
        np.float64,
    )
    gaps = np.isnan(values)
    if gaps.any():
        channel, step = np.argwhere(gaps)[0]
        where = f"{places[step]}, {names[channel]}"
        if missing == "error":
            raise DataError(
                f"{where}: the value of step {step + 1} is missing ({channels[channel][step].strip()!r}); leave the "
                "series out, or fill gaps linearly with --missing interpolate"
            )
        for row, absent, name in zip(values, gaps, names, strict=True):
            if absent.all():
                raise DataError(f"{places[0]}, {name}: all values are missing; leave the series or the channel out")
            row[absent] = np.interp(np.flatnonzero(absent), np.flatnonzero(~absent), row[~absent])
    return values.T.astype(np.float32)
