"""The attention of a trained model: how much each step of the input counts for each answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError
from elman._show import Shown
from elman.layers.notes import attention_noted
from elman.tasks.fitted import Fitted


@dataclass(frozen=True)
class Attention(Shown):
    """The attention weights over the first example, as the model computes them: in the order in which it reads."""

    name: str
    """ "attention" of a decoder, or "pooling" where a whole sequence becomes one vector."""
    targets: tuple[str, ...]
    """The tokens that are written, the last, empty, being the end; () for a pooling."""
    sources: tuple[str, ...]
    """The names of the steps that are attended to; () if they have none."""
    weights: Float[np.ndarray, "head target source"]
    """Each row over the sources sums to 1, up to 1e-6."""


def attention(fitted: Fitted[Any], inputs: Any) -> tuple[Attention, ...]:
    """The attention weights of a model over the first of some inputs, in the order in which they are computed.

    Args:
        fitted: a trained model of any task.
        inputs: a part of the data, or of most tasks an input as `predict` takes it; see `Fitted.examples`.

    Raises:
        ConfigError: a model without attention.
        DataError: inputs that the model does not take.

    >>> task = elman.Classification(embedding_size=4, hidden_size=4, pooling="attention")
    >>> fitted = elman.fit(task, task.read_texts([("so good", "pos"), ("so bad", "neg")] * 10), steps=2)
    >>> [seen] = attention(fitted, "a good film")
    >>> seen.name, seen.sources, seen.weights.shape, round(float(seen.weights.sum()), 4)
    ('pooling', ('<unk>', 'good', '<unk>'), (1, 1, 3), 1.0)
    """
    examples, names = fitted.examples(inputs), list[str]()

    @jax.jit
    def run(model: Any, batch: Any) -> list[Any]:
        carry = fitted.task.init_carry(model, len(jax.tree.leaves(batch)[0]))
        with attention_noted() as notes:
            fitted.task.loss(model, carry, jax.tree.map(jnp.asarray, batch))
        names[:] = [note.name for note in notes]
        return [note.weights[0] for note in notes]

    weights = [np.asarray(one) for one in run(fitted.model, examples.batch)]
    if not weights:
        raise ConfigError(
            f"this model for {type(fitted.task).__name__} has no attention; a connection such as 'additive', or the "
            "pooling 'attention', has"
        )
    read, written = (examples.steps.get(name, ()) for name in ("encoder", "decoder"))
    counts, seen = Counter[str](), list[Attention]()
    for name, one in zip(names, weights, strict=True):
        counts[name] += 1
        sources = read or examples.steps.get("layers", ())
        sources = sources if len(sources) <= one.shape[-1] else ()
        targets = (*written[1:], "") if written and name == "attention" else ()
        one = one[:, : len(targets) or None, : len(sources) or None]
        seen.append(Attention(name if counts[name] == 1 else f"{name} ({counts[name]})", targets, sources, one))
    return tuple(seen)
