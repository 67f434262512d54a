"""The loss and the measures that the classification tasks share."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from elman.tasks.checks import check_part
from elman.tasks.classification.batches import ClassBatch
from elman.tasks.classification.logits import all_logits
from elman.tasks.classification.metrics import ClassificationMetrics
from elman.tasks.data import Part


def class_loss(model: Any, batch: ClassBatch, *, smoothing: float, key: PRNGKeyArray | None) -> tuple[Any, Any]:
    """(nats, sequences): cross-entropy summed over the batch, each sequence multiplied by its weight. In training, with
    a key, a share `smoothing` of each target is spread over all classes (label smoothing)."""
    *inputs, labels, weights = jax.tree.map(jnp.asarray, batch)
    logits = model(*inputs, key=key)
    classes = logits.shape[-1]
    spread = 0.0 if key is None else smoothing
    wanted = (1 - spread) * jax.nn.one_hot(labels, classes) + spread / classes
    nats = -(wanted * jax.nn.log_softmax(logits)).sum(axis=-1)
    return jnp.sum(jnp.where(weights > 0, nats * weights, 0.0)), jnp.sum(weights)


def class_metrics(model: Any, part: Part, codec: Any, *, temperature: float | None) -> ClassificationMetrics:
    """The measures of a model on a part; without a temperature, the one that fits the part best is used.

    Raises:
        DataError: an empty part.
    """
    check_part(part)
    logits = all_logits(model, part.examples, codec)
    truth = np.array([example.label for example in part.examples])
    return ClassificationMetrics.of(logits, truth, labels=codec.labels, unit=codec.unit, temperature=temperature)
