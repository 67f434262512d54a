"""The most frequent class or labels for every text or series, beside which a classifier is measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from elman.tasks.baseline import Baseline, Compared
from elman.tasks.classification.batches import label_matrix
from elman.tasks.classification.label_metrics import LabelMetrics
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.data import Data


def majority(data: Data, *, balance: float) -> Baseline:
    """The most frequent class of the training part for every example, with the shares of the classes as probabilities,
    after each was counted once more. Where classes are balanced in training, the nats are not compared."""
    codec, labels = data.codec, np.array([example.label for example in data.train.examples])
    counts = np.bincount(labels, minlength=len(codec.labels)) + 1
    truth = np.array([example.label for example in data.validation.examples])
    metrics = ClassificationMetrics.of(
        np.tile(np.log(counts / counts.sum()), (len(truth), 1)),
        truth,
        labels=codec.labels,
        unit=codec.unit,
        temperature=1.0,
    )
    name, compared = f"always {codec.labels[counts.argmax()]}", _compared("accuracy", codec.unit, len(truth), balance)
    return Baseline.of(name, metrics, **compared, count=len(truth))


def frequent_labels(data: Data, *, balance: float) -> Baseline:
    """The labels of the training part for every example with which their F1 is the largest there, and their shares as
    probabilities, after each was counted once more with and once without."""
    codec, several = data.codec, [example.label for example in data.train.examples]
    known = [label for label in chain.from_iterable(several) if label >= 0]
    counts = np.bincount(known, minlength=len(codec.labels))
    order = np.argsort(-counts, kind="stable")
    f1 = np.cumsum(counts[order]) / (len(several) * np.arange(1, len(order) + 1) + counts.sum())
    chosen = sorted(order[: f1.argmax() + 1].tolist())
    shares = (counts + 1) / (len(several) + 2)
    truth = [example.label for example in data.validation.examples]
    metrics = LabelMetrics.of(
        np.tile(np.log(shares / (1 - shares)), (len(truth), 1)),
        label_matrix(truth, len(codec.labels)) > 0,
        labels=codec.labels,
        unit=codec.unit,
        unknown=np.array([labels.count(-1) for labels in truth]),
        thresholds=tuple(0.0 if place in chosen else 1.0 for place in range(len(codec.labels))),
    )
    name = f"always {' and '.join(codec.labels[place] for place in chosen)}"
    return Baseline.of(name, metrics, **_compared("micro_f1", codec.unit, len(truth), balance), count=len(truth))


def _compared(answers: str, unit: str, count: int, balance: float) -> dict[str, Any]:
    """The measures by which a model is compared: the nats that choose its weights, then that of its answers."""
    return {} if balance else {"measure": f"nats_per_{unit}", "others": [Compared.of(answers, count, rising=True)]}


def same_for_all(metrics: ClassificationMetrics | LabelMetrics) -> Sequence[str]:
    """The verdict on a classifier whose answer is the same for every example, though their classes differ."""
    if isinstance(metrics, LabelMetrics):
        alike = all(count in (0, metrics.count) for count in metrics.predicted)
        varied = any(0 < count < metrics.count for count in metrics.true)
        return [f"predicts the same labels for every {metrics.unit}"] if alike and varied else []
    counts = np.array(metrics.confusion.counts)
    [*predicted], classes = np.flatnonzero(counts.sum(axis=0)), np.count_nonzero(counts.sum(axis=1))
    if len(predicted) > 1 or classes < 2:
        return []
    return [f"predicts one class only: {metrics.confusion.labels[predicted[0]]} for every {metrics.unit}"]
