"""Measures of a classifier that predicts several labels for a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Integer

from elman._errors import quantity
from elman._types import Whole
from elman.formats.results import ResultTable
from elman.formats.rows import field_text
from elman.metrics.classification import check_examples
from elman.metrics.measures import Measures, scores_of
from elman.metrics.saved import restore

MOST_LABELS = 100
"""Most labels that a report lists."""

HALF = 0.5
"""The threshold of a label where no other is better."""


@dataclass(frozen=True)
class LabelMetrics(Measures):
    """Measures of the labels that a classifier predicts for the texts of one part: those whose probability is at least
    their threshold.

    >>> logits = np.array([[2.0, -2.0], [1.0, 3.0], [-1.0, -0.5]])
    >>> truth = np.array([[True, False], [True, True], [False, True]])
    >>> metrics = LabelMetrics.of(logits, truth, labels=("a", "b"), unit="text", thresholds=(0.5, 0.5))
    >>> metrics.right, metrics.predicted, metrics.true, round(metrics.micro_f1, 3), round(metrics.subset_accuracy, 3)
    ((2, 1), (2, 1), (2, 2), 0.857, 0.667)
    """

    nats: float
    """Mean of -log p(its labels) per text: the binary cross-entropies of all labels, summed."""
    subset_accuracy: float
    """Share of texts of which all labels are right."""
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    right: tuple[Whole, ...]
    """The number of texts of each label for which it is predicted."""
    predicted: tuple[Whole, ...]
    """The number of texts for which each label is predicted."""
    true: tuple[Whole, ...]
    """The number of texts of each label."""
    unknown: int
    """The number of labels of texts that do not occur in the training part, so that they are never predicted."""
    count: int
    unit: str
    unknown_words: float | None = None
    """The share of the texts' words that are not in the vocabulary; None where none can be unknown."""

    def __post_init__(self) -> None:
        size = len(self.labels)
        if any(len(each) != size for each in (self.thresholds, self.right, self.predicted, self.true)):
            raise ValueError(f"labels: expected thresholds and counts for {size} labels")

    @classmethod
    def of(
        cls,
        logits: Float[np.ndarray, "example labels"],
        truth: Bool[np.ndarray, "example labels"],
        *,
        labels: tuple[str, ...],
        unit: str,
        unknown: Integer[np.ndarray, " example"] | None = None,
        thresholds: tuple[float, ...] | None = None,
        unknown_words: float | None = None,
    ) -> LabelMetrics:
        """The measures of a model's logits; without thresholds, those that fit this part best are used. `unknown` is
        the number of other labels of each example.

        Raises:
            ShapeError: arrays of different length.
            DataError: no example.
        """
        check_examples(logits, truth)
        probabilities = np.exp(log_sigmoid(logits))
        if thresholds is None:
            thresholds = best_thresholds(probabilities, truth)
        others = np.zeros(len(truth), int) if unknown is None else unknown
        predicted = probabilities >= np.array(thresholds)
        return cls(
            nats=float(-log_sigmoid(np.where(truth, logits, -logits)).sum(axis=1).mean()),
            subset_accuracy=float(((predicted == truth).all(axis=1) & (others == 0)).mean()),
            labels=labels,
            thresholds=thresholds,
            right=_counts(predicted & truth),
            predicted=_counts(predicted),
            true=_counts(truth),
            unknown=int(others.sum()),
            count=len(truth),
            unit=unit,
            unknown_words=unknown_words,
        )

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> LabelMetrics:
        """The measures that `to_builtins` turned into plain values."""
        unit = values.get("unit")
        return restore(cls, {**values, "nats": values.get(f"nats_per_{unit}")})

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: the nats, which vary smoothly and need no threshold."""
        return self.nats

    @property
    def precision(self) -> Float[np.ndarray, " labels"]:
        """The share of right predictions of each label; 0 without any."""
        return _share(self.right, self.predicted)

    @property
    def recall(self) -> Float[np.ndarray, " labels"]:
        """The share of the texts of each label for which it is predicted; 0 without any."""
        return _share(self.right, self.true)

    @property
    def f1(self) -> Float[np.ndarray, " labels"]:
        """The harmonic mean of precision and recall of each label."""
        return 2 * _share(self.right, np.add(self.predicted, self.true))

    @property
    def micro_f1(self) -> float:
        """The F1 of all labels of all texts together, unknown ones too."""
        return 2 * sum(self.right) / max(sum(self.predicted) + sum(self.true) + self.unknown, 1)

    @property
    def macro_f1(self) -> float:
        """The unweighted mean F1 of the labels that occur in the truth or in the predictions."""
        occurs = np.add(self.predicted, self.true) > 0
        return float(self.f1[occurs].mean()) if occurs.any() else 0.0

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        return {
            f"nats_per_{self.unit}": self.nats,
            "micro_f1": self.micro_f1,
            "macro_f1": self.macro_f1,
            "subset_accuracy": self.subset_accuracy,
            "labels": list(self.labels),
            "thresholds": list(self.thresholds),
            "precision": self.precision.tolist(),
            "recall": self.recall.tolist(),
            "f1": self.f1.tolist(),
            "right": list(self.right),
            "predicted": list(self.predicted),
            "true": list(self.true),
            "unknown": self.unknown,
            "count": self.count,
            "unit": self.unit,
            "unknown_words": self.unknown_words,
        }

    def scores(self) -> ResultTable:
        """Precision, recall and F1 of each label, with the numbers of its texts and of its predictions."""
        names = {"label": self.labels, "threshold": np.array(self.thresholds, float)}
        return scores_of(names, self.right, self.predicted, self.true)

    def report(self) -> str:
        """The line of `str()`, and precision, recall and F1 of each label, the most frequent first."""
        order = sorted(range(len(self.labels)), key=lambda place: -self.true[place])[:MOST_LABELS]
        labels = list(map(field_text, self.labels))
        first = max([len("label"), *(len(labels[place]) for place in order)])
        lines = [f"{self}, over {quantity(self.count, self.unit)}"]
        lines += [] if self.unknown_words is None else [f"unknown words: {self.unknown_words:.1%}"]
        if self.unknown:
            lines.append(f"not there in training, so never predicted: {quantity(self.unknown, 'label')}")
        lines.append(f"{'label':{first}}  threshold  precision  recall      F1  {'true':>7}  {'predicted':>9}")
        for place in order:
            shares = (self.precision[place], self.recall[place], self.f1[place])
            lines.append(
                f"{labels[place]:{first}}  {self.thresholds[place]:9.3f}  {shares[0]:9.1%}  {shares[1]:6.1%}  "
                f"{shares[2]:6.1%}  {self.true[place]:7,}  {self.predicted[place]:9,}"
            )
        if len(order) < len(self.labels):
            lines.append(f"and {quantity(len(self.labels) - len(order), 'label')} more")
        return "\n".join(lines)

    def __str__(self) -> str:
        return (
            f"micro-F1 {self.micro_f1:.2%}, macro-F1 {self.macro_f1:.2%}, subset accuracy {self.subset_accuracy:.2%}, "
            f"{self.nats:.4f} nats per {self.unit}"
        )


def log_sigmoid(logits: Float[np.ndarray, "example labels"]) -> Float[np.ndarray, "example labels"]:
    """The log-probability of each label by itself, in float64.

    >>> np.exp(log_sigmoid(np.array([[0.0, np.log(3)]]))).round(6).tolist()
    [[0.5, 0.75]]
    """
    return -np.logaddexp(0, -logits.astype(np.float64))


def best_thresholds(
    probabilities: Float[np.ndarray, "example labels"], truth: Bool[np.ndarray, "example labels"]
) -> tuple[float, ...]:
    """The threshold of each label with which the F1 of all labels together is the largest: of several that are as good,
    the nearest to 0.5.

    The best F1 of each label by itself would be that of a label which the model cannot tell at a threshold of almost 0,
    for every text (Lipton et al., 2014). F1 = 2 right / (predicted + true) is the largest where each label makes
    2 right - F1 predicted the largest (Dinkelbach, 1967), so F1 is raised until the thresholds stay.

    >>> chances = np.array([[0.1, 0.3], [0.2, 0.1], [0.4, 0.2], [0.3, 0.2]])
    >>> best_thresholds(chances, np.array([[0, 0], [0, 0], [1, 1], [1, 0]]) > 0)
    (0.25, 0.5)
    """
    order = np.argsort(-probabilities, axis=0, kind="stable")
    edge = np.ones((1, probabilities.shape[1]))
    falling = np.concatenate([edge, np.take_along_axis(probabilities, order, axis=0), 0 * edge])
    above, below = falling[:-1], falling[1:]  # the first k examples are predicted by a threshold between these
    places = np.where((below < HALF) & (above >= HALF), HALF, (above + below) / 2)
    right = np.concatenate([0 * edge, np.cumsum(np.take_along_axis(truth, order, axis=0), axis=0)])
    predicted, labels = np.arange(len(right))[:, None], np.arange(probabilities.shape[1])
    f1, before = 0.0, -1.0
    while f1 > before:
        gain = np.where(below < above, 2 * right - f1 * predicted, -np.inf)
        nearest = np.where(gain == gain.max(axis=0), np.abs(places - HALF), np.inf).argmin(axis=0)
        before, f1 = f1, 2 * right[nearest, labels].sum() / max(nearest.sum() + truth.sum(), 1)
    return tuple(places[nearest, labels].tolist())


def _counts(mask: Bool[np.ndarray, "example labels"]) -> tuple[int, ...]:
    return tuple(mask.sum(axis=0).tolist())


def _share(part: Any, whole: Any) -> np.ndarray:
    return np.asarray(part) / np.maximum(whole, 1)
