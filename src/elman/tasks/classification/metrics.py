"""Measures of a classifier and of the calibration of its probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Integer
from msgspec import Meta

from elman._errors import quantity
from elman.metrics.calibration import apply_temperature, expected_calibration_error, fit_temperature
from elman.metrics.classification import Confusion, negative_log_likelihood
from elman.metrics.saved import restore

MOST_CLASSES = 40
"""Most classes of which a report shows the confusion matrix."""


@dataclass(frozen=True)
class ClassificationMetrics:
    """Measures of a classifier on one part. A temperature divides the logits, which calibrates the probabilities and
    leaves the predicted classes as they are (Guo et al., 2017).

    >>> logits, truth = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])), np.array([0, 0, 1, 1])
    >>> metrics = ClassificationMetrics.of(logits, truth, labels=("ham", "spam"), unit="text")
    >>> metrics.accuracy, round(metrics.macro_f1, 3), metrics.count
    (0.75, 0.733, 4)
    """

    nats: float
    """Mean cross-entropy at the temperature, per text or series."""
    accuracy: float
    macro_f1: float
    """The unweighted mean of the classes' F1."""
    temperature: Annotated[float, Meta(gt=0)]
    uncalibrated: float
    """Expected calibration error at temperature 1."""
    calibrated: float
    """Expected calibration error at the temperature."""
    confusion: Confusion
    unit: str

    @classmethod
    def of(
        cls,
        logits: Float[np.ndarray, "example classes"],
        truth: Integer[np.ndarray, " example"],
        *,
        labels: tuple[str, ...],
        unit: str,
        temperature: float | None = None,
    ) -> ClassificationMetrics:
        """The measures of a model's logits; without a temperature, the one that fits this part best is used.

        Raises:
            DataError: no example.
        """
        confusion = Confusion.of(logits.argmax(axis=1), truth, labels=labels)
        temperature = fit_temperature(logits, truth) if temperature is None else temperature
        return cls(
            nats=negative_log_likelihood(logits / temperature, truth),
            accuracy=confusion.accuracy,
            macro_f1=confusion.macro_f1,
            temperature=temperature,
            uncalibrated=expected_calibration_error(apply_temperature(logits, 1.0), truth),
            calibrated=expected_calibration_error(apply_temperature(logits, temperature), truth),
            confusion=confusion,
            unit=unit,
        )

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> ClassificationMetrics:
        """The measures that `to_builtins` turned into plain values."""
        fields = {
            "nats": values.get(f"nats_per_{values.get('unit')}"),
            "uncalibrated": values.get("calibration_error_uncalibrated"),
            "calibrated": values.get("calibration_error"),
            "confusion": {"labels": values.get("labels"), "counts": values.get("confusion")},
        }
        return restore(cls, {**values, **fields})

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: nats at the temperature. Like accuracy it ignores overconfidence,
        but it varies smoothly."""
        return self.nats

    @property
    def count(self) -> int:
        """The number of texts or series."""
        return int(np.sum(self.confusion.counts))

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        return {
            f"nats_per_{self.unit}": self.nats,
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "temperature": self.temperature,
            "calibration_error_uncalibrated": self.uncalibrated,
            "calibration_error": self.calibrated,
            "labels": list(self.confusion.labels),
            "confusion": [list(row) for row in self.confusion.counts],
            "unit": self.unit,
        }

    def report(self) -> str:
        """The line of `str()`, the calibration errors, and the confusion matrix."""
        calibration = (
            f"calibration error {self.uncalibrated:.1%}, at temperature {self.temperature:.2f} {self.calibrated:.1%}"
        )
        lines = [f"{self}, over {quantity(self.count, self.unit)}", calibration]
        return "\n".join([*lines, *([str(self.confusion)] if len(self.confusion.labels) <= MOST_CLASSES else [])])

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.2%}, macro-F1 {self.macro_f1:.2%}, {self.nats:.4f} nats per {self.unit}"
