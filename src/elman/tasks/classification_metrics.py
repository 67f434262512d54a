"""How well a model tells classes apart, and whether its probabilities can be taken at their word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from elman._errors import counted
from elman.measures.calibration import expected_calibration_error, fit_temperature, scaled
from elman.measures.classification import Confusion, negative_log_likelihood

MOST_CLASSES = 40
"""More classes are not shown as a table."""


@dataclass(frozen=True)
class ClassificationMetrics:
    """Measures of one part. A temperature divides the logits, so that the probabilities become honest and the
    classes stay what they are (Guo et al., 2017).

    >>> logits, truth = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])), np.array([0, 0, 1, 1])
    >>> metrics = ClassificationMetrics.of(logits, truth, labels=("ham", "spam"), unit="text")
    >>> metrics.accuracy, round(metrics.macro_f1, 3), metrics.count
    (0.75, 0.733, 4)
    """

    nats: float
    """Mean cross-entropy at the temperature, per text or series."""
    accuracy: float
    macro_f1: float
    """The mean F1 of the classes, each weighing the same."""
    temperature: float
    uncalibrated: float
    """Expected calibration error as the model is."""
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
        """The measures of a model's answers; without a temperature, with the one that fits this part best.

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
            uncalibrated=expected_calibration_error(scaled(logits, 1.0), truth),
            calibrated=expected_calibration_error(scaled(logits, temperature), truth),
            confusion=confusion,
            unit=unit,
        )

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> ClassificationMetrics:
        """The measures that `to_builtins` turned into plain values."""
        confusion = Confusion(tuple(values["labels"]), tuple(map(tuple, values["confusion"])))
        unit = values["unit"]
        return cls(
            nats=values[f"nats_per_{unit}"],
            accuracy=values["accuracy"],
            macro_f1=values["macro_f1"],
            temperature=values["temperature"],
            uncalibrated=values["calibration_error_uncalibrated"],
            calibrated=values["calibration_error"],
            confusion=confusion,
            unit=unit,
        )

    @property
    def objective(self) -> float:
        """Nats at the temperature: like accuracy it does not mind a model that is too sure, but it moves smoothly."""
        return self.nats

    @property
    def count(self) -> int:
        """Texts or series."""
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
        """The line, what the probabilities are worth, and the confusion matrix."""
        honesty = (
            f"calibration error {self.uncalibrated:.1%}, at temperature {self.temperature:.2f} {self.calibrated:.1%}"
        )
        lines = [f"{self}, over {counted(self.count, self.unit)}", honesty]
        return "\n".join([*lines, *([str(self.confusion)] if len(self.confusion.labels) <= MOST_CLASSES else [])])

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.2%}, macro-F1 {self.macro_f1:.2%}, {self.nats:.4f} nats per {self.unit}"
