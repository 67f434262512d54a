"""Standardises channels: subtracts each channel's mean and divides by its standard deviation."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from elman._errors import DataError
from elman._show import Shown

Values = Float[np.ndarray, "_ channel"]


class Scaler(Shown, msgspec.Struct, frozen=True):
    """The mean and standard deviation of each channel over all steps of the training series.

    >>> scaler = Scaler.of([np.array([[1.0, 5.0], [3.0, 5.0]])])
    >>> scaler.mean, scaler.std
    ((2.0, 5.0), (1.0, 1.0))
    >>> scaler.encode(np.array([[4.0, 6.0]])).tolist()
    [[2.0, 1.0]]
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    """The standard deviations; 1 for a constant channel, which is only shifted."""

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not all(std > 0 for std in self.std):
            raise ValueError("expected a mean and a positive standard deviation for each channel")

    def check(self, channels: int, what: str) -> None:
        """Refuses another number of channels; `what` names them.

        Raises:
            ValueError: the message has the numbers.
        """
        if len(self.mean) != channels:
            raise ValueError(f"expected a scaler of {channels} {what}; got one of {len(self.mean)}")

    @classmethod
    def of(cls, series: Sequence[Values]) -> Scaler:
        """The scaler of these series.

        Raises:
            DataError: no series.
        """
        if not series:
            raise DataError("no series to scale by; expected at least one to train on")
        steps = np.concatenate([one.astype(np.float64) for one in series])
        mean, std = steps.mean(axis=0), steps.std(axis=0)
        # Rounding may give equal numbers a tiny deviation, and division by it would blow them up.
        constant = std <= 1e-9 * np.abs(mean)
        return cls(tuple(mean.tolist()), tuple(np.where(constant, 1.0, std).tolist()))

    def encode(self, values: Values) -> Values:
        """The scaled values (values - mean) / std, in float32."""
        return ((values - np.array(self.mean)) / np.array(self.std)).astype(np.float32)

    def decode(self, values: Values) -> Values:
        """The original values of scaled ones: the inverse of `encode`, up to rounding."""
        return (values * np.array(self.std) + np.array(self.mean)).astype(np.float32)
