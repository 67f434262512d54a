"""Measures of predicted classes: accuracy, precision, recall, F1 and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from elman._errors import DataError, ShapeError
from elman._show import Shown, table
from elman._types import Whole
from elman.formats.rows import field_text

LONGEST_HEAD = 12
"""Most characters of a label in a column's head."""


def accuracy(predicted: Integer[np.ndarray, " example"], truth: Integer[np.ndarray, " example"]) -> float:
    """The share of examples whose predicted class is the true one.

    >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
    0.75

    Raises:
        ShapeError: arrays of different length.
        DataError: no example.
    """
    check_examples(predicted, truth)
    return float((predicted == truth).mean())


def negative_log_likelihood(
    logits: Float[np.ndarray, "example classes"], truth: Integer[np.ndarray, " example"]
) -> float:
    """The mean of -log p(true class), in nats; `logits` are log-probabilities up to a constant in each row.

    >>> round(negative_log_likelihood(np.log(np.array([[0.2, 0.7, 0.1]])), np.array([1])), 6)
    0.356675

    Raises:
        ShapeError: arrays of different length.
        DataError: no example.
    """
    check_examples(logits, truth)
    return float(-log_softmax(logits)[np.arange(len(truth)), truth].mean())


def check_examples(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Refuses different numbers of predictions and true classes, and empty arrays.

    Raises:
        ShapeError: arrays of different length.
        DataError: no example.
    """
    if len(predicted) != len(truth):
        raise ShapeError(f"expected as many predictions as true classes; got {len(predicted)} and {len(truth)}")
    if not len(truth):
        raise DataError("no example to measure; expected at least one")


def log_softmax(logits: Float[np.ndarray, "example classes"]) -> Float[np.ndarray, "example classes"]:
    """Log-probabilities, in float64.

    >>> np.exp(log_softmax(np.array([[0.0, 0.0]]))).tolist()
    [[0.5, 0.5]]
    """
    centred = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return centred - np.log(np.exp(centred).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Confusion(Shown):
    """A confusion matrix: counts of examples by true and predicted class; printed, a table.

    >>> truth, predicted = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 1])
    >>> confusion = Confusion.of(predicted, truth, labels=("ham", "spam"))
    >>> print(confusion)
          predicted
    true  ham  spam   precision  recall      F1  support
    ham     2     1      100.0%   66.7%   80.0%        3
    spam    0     2       66.7%  100.0%   80.0%        2
    >>> round(confusion.accuracy, 3), round(confusion.macro_f1, 3)
    (0.8, 0.8)
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[Whole, ...], ...]
    """The counts: a row for each true class, a column for each predicted one."""

    def __post_init__(self) -> None:
        size = len(self.labels)
        if not size or len(self.counts) != size or any(len(row) != size for row in self.counts):
            raise ValueError(f"confusion: expected {size} rows of {size} counts, as many as labels")

    @classmethod
    def of(
        cls,
        predicted: Integer[np.ndarray, " example"],
        truth: Integer[np.ndarray, " example"],
        *,
        labels: Sequence[str],
    ) -> Confusion:
        """The confusion matrix of predictions; classes are places in `labels`.

        Raises:
            ShapeError: arrays of different length.
            DataError: no example, or a class that has no label.
        """
        check_examples(predicted, truth)
        size = len(labels)
        for name, classes in (("predicted", predicted), ("truth", truth)):
            if classes.min() < 0 or classes.max() >= size:
                worst = classes.min() if classes.min() < 0 else classes.max()
                raise DataError(f"{name}: expected classes 0 to {size - 1}, one for each label; got {worst}")
        pairs = truth.astype(np.int64) * size + predicted
        counts = np.bincount(pairs, minlength=size * size).reshape(size, size)
        return cls(tuple(labels), tuple(map(tuple, counts.tolist())))

    @property
    def accuracy(self) -> float:
        """The share of right predictions."""
        counts = np.array(self.counts)
        return float(np.trace(counts) / counts.sum())

    @property
    def precision(self) -> Float[np.ndarray, " classes"]:
        """The share of right predictions among those of each class; 0 without any."""
        counts = np.array(self.counts)
        return _share(np.diag(counts), counts.sum(axis=0))

    @property
    def recall(self) -> Float[np.ndarray, " classes"]:
        """The share of right predictions among the examples of each class; 0 without any."""
        counts = np.array(self.counts)
        return _share(np.diag(counts), counts.sum(axis=1))

    @property
    def f1(self) -> Float[np.ndarray, " classes"]:
        """The harmonic mean of precision and recall of each class."""
        counts = np.array(self.counts)
        return _share(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))

    @property
    def macro_f1(self) -> float:
        """The unweighted mean F1 of the classes that occur in the truth or in the predictions."""
        counts = np.array(self.counts)
        occurs = counts.sum(axis=0) + counts.sum(axis=1) > 0
        return float(self.f1[occurs].mean())

    def _repr_html_(self) -> str:
        heads = ("true", *self.labels, "precision", "recall", "F1")
        shares = zip(self.precision, self.recall, self.f1, strict=True)
        rows = [
            (label, *(f"{count:,}" for count in row), *(f"{share:.1%}" for share in own))
            for label, row, own in zip(self.labels, self.counts, shares, strict=True)
        ]
        return table(rows, head=heads, caption="predicted")

    def __str__(self) -> str:
        labels = list(map(field_text, self.labels))
        heads = [label if len(label) <= LONGEST_HEAD else label[: LONGEST_HEAD - 1] + "…" for label in labels]
        widths = [max(len(head), *(len(f"{row[i]:,}") for row in self.counts)) for i, head in enumerate(heads)]
        first = max(len("true"), *map(len, labels))
        columns = "".join(f"  {head:>{width}}" for head, width in zip(heads, widths, strict=True))
        lines = [f"{'':{first}}  predicted", f"{'true':{first}}{columns}   precision  recall      F1  support"]
        for label, row, *shares in zip(labels, self.counts, self.precision, self.recall, self.f1, strict=True):
            numbers = "".join(f"  {number:>{width},}" for number, width in zip(row, widths, strict=True))
            percent = "{:>12.1%}{:>8.1%}{:>8.1%}".format(*shares)
            lines.append(f"{label:{first}}{numbers}{percent}{sum(row):>9,}")
        return "\n".join(lines)


def _share(right: np.ndarray, all: np.ndarray) -> np.ndarray:
    return right / np.maximum(all, 1)
