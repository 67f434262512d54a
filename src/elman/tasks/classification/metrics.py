"""Measures of a classifier and of the calibration of its probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Integer
from msgspec import Meta

from elman._errors import quantity
from elman.formats.results import WIDTH, ResultTable, text_width
from elman.metrics.calibration import apply_temperature, expected_calibration_error, fit_temperature
from elman.metrics.classification import Confusion, negative_log_likelihood
from elman.metrics.measures import Measures, scores_of
from elman.metrics.saved import restore

MOST_CLASSES, SHARE_FIGURES = 40, 3
"""Most classes of which a report shows the confusion matrix or the scores, and the figures of these."""


@dataclass(frozen=True)
class ClassificationMetrics(Measures):
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
    unknown_words: float | None = None
    """The share of the texts' words that are not in the vocabulary; None where none can be unknown."""
    threshold: float | None = None
    """The probability below which the model abstains; None where it always answers, as the other measures count."""
    answered: int = 0
    """The number of examples that reach the threshold."""
    answered_right: int = 0
    """The number of these with the right answer."""

    @classmethod
    def of(
        cls,
        logits: Float[np.ndarray, "example classes"],
        truth: Integer[np.ndarray, " example"],
        *,
        labels: tuple[str, ...],
        unit: str,
        temperature: float | None = None,
        unknown_words: float | None = None,
        threshold: float | None = None,
    ) -> ClassificationMetrics:
        """The measures of a model's logits; without a temperature, the one that fits this part best is used. With a
        threshold the answers that reach it are counted too.

        Raises:
            DataError: no example.
        """
        confusion = Confusion.of(logits.argmax(axis=1), truth, labels=labels)
        temperature = fit_temperature(logits, truth) if temperature is None else temperature
        probabilities = apply_temperature(logits, temperature)
        answers = probabilities.max(axis=1) >= (2.0 if threshold is None else threshold)
        return cls(
            nats=negative_log_likelihood(logits / temperature, truth),
            accuracy=confusion.accuracy,
            macro_f1=confusion.macro_f1,
            temperature=temperature,
            uncalibrated=expected_calibration_error(apply_temperature(logits, 1.0), truth),
            calibrated=expected_calibration_error(probabilities, truth),
            confusion=confusion,
            unit=unit,
            unknown_words=unknown_words,
            threshold=threshold,
            answered=int(answers.sum()),
            answered_right=int((answers & (logits.argmax(axis=1) == truth)).sum()),
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

    @property
    def _is_small(self) -> bool:
        return len(self.confusion.labels) <= MOST_CLASSES

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        sure = {name: getattr(self, name) for name in ("threshold", "answered", "answered_right")}
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
            "unknown_words": self.unknown_words,
            **({} if self.threshold is None else sure),
        }

    def scores(self) -> ResultTable:
        """Precision, recall and F1 of each class, with the numbers of its examples and of its predictions."""
        counts = np.array(self.confusion.counts)
        return scores_of({"class": self.confusion.labels}, np.diag(counts), counts.sum(axis=0), counts.sum(axis=1))

    def report(self) -> str:
        """The line of `str()`, the calibration errors, the share of unknown words, and the confusion matrix, or where
        it is too wide for a page the scores of each class."""
        calibration = (
            f"calibration error {self.calibrated:.1%} (without the temperature of {self.temperature:.2f}: "
            f"{self.uncalibrated:.1%})"
        )
        lines = [f"{self}, over {quantity(self.count, self.unit)}", calibration]
        lines += [] if self.unknown_words is None else [f"unknown words: {self.unknown_words:.1%}"]
        if self.threshold is not None:
            right = f", {self.answered_right / self.answered:.2%} of them right" if self.answered else ""
            lines.append(f"at threshold {self.threshold:g}: {self.answered / self.count:.2%} answered{right}")
        matrix = str(self.confusion) if self._is_small else ""
        if matrix and max(map(text_width, matrix.split("\n"))) <= WIDTH:
            return "\n".join([*lines, matrix])
        lines.append(self.scores().head(MOST_CLASSES).text(figures=SHARE_FIGURES))
        more = len(self.confusion.labels) - MOST_CLASSES
        return "\n".join([*lines, *([f"and {more:,} more; --scores shows all"] if more > 0 else [])])

    def _repr_html_(self) -> str:
        return super()._repr_html_() + (self.confusion._repr_html_() if self._is_small else "")

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.2%}, macro-F1 {self.macro_f1:.2%}, {self.nats:.4f} nats per {self.unit}"
