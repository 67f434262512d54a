"""The base of trained classifiers of texts and series: calibrated probabilities, and predictions that may abstain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from elman.formats.numbers import number_text
from elman.formats.rows import Cell, cell_text
from elman.metrics.calibration import apply_temperature
from elman.metrics.classification import log_softmax
from elman.tasks.answers import NAME, Answer
from elman.tasks.classification.label_metrics import HALF, LabelMetrics, log_sigmoid
from elman.tasks.classification.labels import LabelForm
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.loss import class_metrics, label_metrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.classification.settings import ClassPrediction
from elman.tasks.data import Part
from elman.tasks.fitted import Predictor, largest_difference


class Prediction(NamedTuple):
    """The predicted class of one text or series, with probabilities."""

    label: str | None
    """The likeliest class; None where its probability is below the threshold."""
    probability: float
    """The probability of `label`, or of the likeliest class where it is None."""
    probabilities: dict[str, float]
    """The probability of every class, likeliest first."""
    labels: tuple[str, ...]
    """The predicted labels, likeliest first: `label` or none, or several where a text may have several."""

    def answer(self, options: ClassPrediction, form: LabelForm = LabelForm()) -> Answer:
        """The answer that `elman predict` writes: the label, empty where the model abstains, and its probability;
        `form` writes several labels.

        >>> Prediction("a", 0.75, {"b": 0.25, "a": 0.75}, ("a",)).answer(ClassPrediction(probabilities=True)).fields
        ('a', 'b=0.25', 'a=0.75')
        """
        probabilities = {name: np.float32(probability) for name, probability in self.probabilities.items()}
        label: str | None = self.label
        sure: Cell = np.float32(self.probability)
        if form.several:
            label = form.write(self.labels)
            sure = form.separator.join(number_text(probabilities[name]) for name in self.labels)
        if not options.probabilities and not options.top_k:
            return Answer((label or "", cell_text(sure)), {NAME: label, f"{NAME}-probability": sure})
        likeliest = list(probabilities.items())[: options.top_k or None]
        shown = [f"{name}={number_text(share)}" for name, share in likeliest]
        columns = {f"{NAME}-{name}": dict(likeliest).get(name) for name in sorted(probabilities)}
        return Answer((label or "", *shown), {NAME: label, **columns})


@dataclass(frozen=True)
class ClassPredictor(Predictor[ClassificationMetrics | LabelMetrics]):
    """A trained model that predicts classes. The temperature of its probabilities, or the thresholds of several labels,
    are fitted on the validation part."""

    @property
    def temperature(self) -> float:
        """The number that divides the logits; 1 before the first evaluation, and for several labels."""
        return self.validation.temperature if isinstance(self.validation, ClassificationMetrics) else 1.0

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The probability from which each label is predicted where there may be several; 0.5 before the first
        evaluation."""
        fitted = self.validation
        return fitted.thresholds if isinstance(fitted, LabelMetrics) else (HALF,) * len(self.codec.labels)

    def measure(self, part: Part) -> ClassificationMetrics | LabelMetrics:
        """The measures of a part at the model's temperature or thresholds."""
        if self.codec.several:
            return label_metrics(self.model, part, self.codec, thresholds=self.thresholds)
        return class_metrics(self.model, part, self.codec, temperature=self.temperature)

    def differences(self) -> dict[str, float]:
        """The largest difference when each of 8 random inputs is read alone and in a batch with the others."""
        random = np.random.default_rng(0)
        examples = [self.codec.trial(random) for _ in range(8)]
        log = log_sigmoid if self.codec.several else log_softmax
        together = log(all_logits(self.model, examples, self.codec))
        alone = [log(all_logits(self.model, [example], self.codec)) for example in examples]
        return {"alone or beside others": largest_difference(together, np.concatenate(alone))}

    def _blank(self, options: ClassPrediction) -> Answer:
        """The answer to an input that has nothing to classify."""
        answer = Prediction(None, 0.0, dict.fromkeys(self.codec.labels, 0.0), ()).answer(options)
        return Answer(("",) * len(answer.fields), dict.fromkeys(answer.columns))

    def _predictions(self, examples: Sequence[Any], threshold: float | None) -> Iterator[Prediction]:
        """The predictions for encoded examples; without a threshold, the best class always, or the labels that reach
        their own thresholds."""
        logits, several = all_logits(self.model, examples, self.codec), self.codec.several
        probabilities = np.exp(log_sigmoid(logits)) if several else apply_temperature(logits, self.temperature)
        usual = self.thresholds if several else (0.0,) * len(self.codec.labels)
        least = np.array(usual if threshold is None else (threshold,) * len(usual))
        return (_prediction(row, self.codec.labels, least, most=None if several else 1) for row in probabilities)


def _prediction(
    row: Float[np.ndarray, " classes"],
    labels: Sequence[str],
    thresholds: Float[np.ndarray, " classes"],
    *,
    most: int | None,
) -> Prediction:
    order = np.argsort(-row, kind="stable")
    probabilities = {labels[place]: float(row[place]) for place in order}
    predicted = tuple(labels[place] for place in order if row[place] >= thresholds[place])[:most]
    best = predicted[0] if predicted else None
    return Prediction(best, probabilities[best or labels[order[0]]], probabilities, predicted)
