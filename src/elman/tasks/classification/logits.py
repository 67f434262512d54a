"""A classifier's logits for any number of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from elman.tasks.classification.batches import ClassBatches, ClassCodec

ROWS = 64
"""Sequences in one batch."""


def all_logits(model: Any, examples: Sequence[Any], codec: ClassCodec) -> Float[np.ndarray, "example classes"]:
    """The logits of each sequence, in order, without noise. Apart from rounding, they do not depend on the batches."""
    rows = min(ROWS, 1 << max(0, len(examples) - 1).bit_length())  # a power of two, so that few shapes are compiled
    batches = ClassBatches(examples, codec, batch_size=rows, shuffle=False)
    logits = np.zeros((len(examples), len(codec.labels)), np.float32)
    for step in range(len(batches)):
        indices, batch = batches.indices(step), batches.at(step)
        logits[indices] = np.asarray(_logits(model, batch.values, batch.outer, batch.inner))[: len(indices)]
    return logits


@jax.jit
def _logits(model: Any, values: Any, outer: Any, inner: Any) -> Any:
    return model(values, outer, inner)
