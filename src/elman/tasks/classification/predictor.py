"""The base of trained classifiers of texts and series: calibrated probabilities, and predictions that may abstain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from elman.metrics.calibration import apply_temperature
from elman.metrics.classification import log_softmax
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.loss import class_metrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.settings import ClassPrediction
from elman.tasks.data import Part
from elman.tasks.fitted import Predictor, largest_difference

ABSTAINS = "-"
"""The text that `elman predict` writes instead of a label when the model abstains."""


class Prediction(NamedTuple):
    """The predicted class of one text or series, with probabilities."""

    label: str | None
    """The likeliest class; None where its probability is below the threshold."""
    probability: float
    """The probability of the likeliest class."""
    probabilities: dict[str, float]
    """The probability of every class, likeliest first."""

    def line(self, options: ClassPrediction) -> str:
        """The line that `elman predict` writes.

        >>> Prediction("a", 0.75, {"a": 0.75, "b": 0.25}).line(ClassPrediction(probabilities=True))
        'a\\ta=0.7500\\tb=0.2500'
        """
        label, shown = ABSTAINS if self.label is None else self.label, [f"{self.probability:.4f}"]
        if options.probabilities:
            shown = [f"{name}={probability:.4f}" for name, probability in self.probabilities.items()]
        return "\t".join([label, *shown])


@dataclass(frozen=True)
class ClassPredictor(Predictor[ClassificationMetrics]):
    """A trained model that predicts classes. The temperature of its probabilities is fitted on the validation part."""

    @property
    def temperature(self) -> float:
        """The number that divides the logits; 1 before the first evaluation."""
        values = self.measures.get("validation")
        return 1.0 if values is None else ClassificationMetrics.from_builtins(values).temperature

    def measure(self, part: Part) -> ClassificationMetrics:
        """The measures of a part at the model's temperature."""
        return class_metrics(self.model, part, self.codec, temperature=self.temperature)

    def differences(self) -> dict[str, float]:
        """The largest difference when each of 8 random inputs is read alone and in a batch with the others."""
        random = np.random.default_rng(0)
        examples = [self.codec.trial(random) for _ in range(8)]
        together = log_softmax(all_logits(self.model, examples, self.codec))
        alone = [log_softmax(all_logits(self.model, [example], self.codec)) for example in examples]
        return {"alone or beside others": largest_difference(together, np.concatenate(alone))}

    def _predictions(self, examples: Sequence[Any], threshold: float) -> Iterator[Prediction]:
        """The predictions for encoded examples."""
        chances = apply_temperature(all_logits(self.model, examples, self.codec), self.temperature)
        return (_prediction(row, self.codec.labels, threshold) for row in chances)


def _prediction(chances: Float[np.ndarray, " classes"], labels: Sequence[str], threshold: float) -> Prediction:
    order = np.argsort(-chances, kind="stable")
    probabilities = {labels[place]: float(chances[place]) for place in order}
    label, probability = next(iter(probabilities.items()))
    return Prediction(label if probability >= threshold else None, probability, probabilities)
