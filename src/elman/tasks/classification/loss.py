"""The loss and the measures that the classification tasks share."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from elman.tasks.checks import check_part
from elman.tasks.classification.batches import ClassBatch, label_matrix
from elman.tasks.classification.label_metrics import LabelMetrics
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.data import Part


def class_loss(model: Any, batch: ClassBatch, *, smoothing: float, key: PRNGKeyArray | None) -> tuple[Any, Any]:
    """(nats, sequences): cross-entropy summed over the batch, each sequence multiplied by its weight; where a sequence
    may have several labels, the binary cross-entropies of all labels are summed. In training, with a key, a share
    `smoothing` of each target is spread over all classes, or over a label and its absence (label smoothing)."""
    *inputs, labels, weights = jax.tree.map(jnp.asarray, batch)
    logits = model(*inputs, key=key)
    spread = 0.0 if key is None else smoothing
    if labels.ndim == 2:
        nats = (jax.nn.softplus(logits) - ((1 - spread) * labels + spread / 2) * logits).sum(axis=-1)
    else:
        classes = logits.shape[-1]
        wanted = (1 - spread) * jax.nn.one_hot(labels, classes) + spread / classes
        nats = -(wanted * jax.nn.log_softmax(logits)).sum(axis=-1)
    return jnp.sum(jnp.where(weights > 0, nats * weights, 0.0)), jnp.sum(weights)


def class_metrics(
    model: Any, part: Part, codec: Any, *, temperature: float | None, threshold: float | None = None
) -> ClassificationMetrics:
    """The measures of a model on a part; without a temperature, the one that fits the part best is used. With a
    threshold the answers that reach it are counted too.

    Raises:
        DataError: an empty part.
    """
    check_part(part)
    logits = all_logits(model, part.examples, codec)
    truth = np.array([example.label for example in part.examples])
    return ClassificationMetrics.of(
        logits,
        truth,
        labels=codec.labels,
        unit=codec.unit,
        temperature=temperature,
        unknown_words=codec.unknown_words(part.examples),
        threshold=threshold,
    )


def label_metrics(model: Any, part: Part, codec: Any, *, thresholds: tuple[float, ...] | None) -> LabelMetrics:
    """The measures of a model that predicts several labels on a part; without thresholds, those that fit the part best
    are used.

    Raises:
        DataError: an empty part.
    """
    check_part(part)
    logits, labels = all_logits(model, part.examples, codec), [example.label for example in part.examples]
    return LabelMetrics.of(
        logits,
        label_matrix(labels, len(codec.labels)) > 0,
        labels=codec.labels,
        unit=codec.unit,
        unknown=np.array([several.count(-1) for several in labels]),
        thresholds=thresholds,
        unknown_words=codec.unknown_words(part.examples),
    )
