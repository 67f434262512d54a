"""The answers of a model at each item of a batch, as probabilities or as quantiles, beside what is right."""

from __future__ import annotations

from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Int


class Question(NamedTuple):
    """A question that a model answers at each of several items."""

    name: str
    """The name of an answer: "character", "tag", "class"."""
    choices: tuple[str, ...]
    """The names of all that may be answered; () where the answer is a number."""
    items: tuple[str, ...] = ()
    """The names of the first example's items, such as its words; () if they have none."""


class Choices(NamedTuple):
    """The probabilities of all choices at each item of a batch, and the right one."""

    logs: Float[Array, "batch item choice"]
    """log p."""
    right: Int[Array, "batch item"]
    weights: Float[Array, "batch item"]
    """Above 0 where the right choice is known; 0 at padding."""


class Forecasts(NamedTuple):
    """Quantiles of a number at each item of a batch, and the right number."""

    quantiles: Float[Array, "batch item level"]
    """At the levels of `elman.ops.distributions.LEVELS`."""
    right: Float[Array, "batch item"]
    weights: Float[Array, "batch item"]
    """Above 0 where the right number is known; 0 at padding."""
    loss: Float[Array, "batch item"]
    """The loss of the right number, as in training."""


def token_choices(
    logits: Float[Array, "batch item choice"], right: Int[Array, "batch item"], weights: Float[Array, "batch item"]
) -> Choices:
    """The choices whose probabilities are the softmax of logits.

    >>> token_choices(jnp.zeros((1, 1, 2)), jnp.array([[1]]), jnp.ones((1, 1))).logs.round(3).tolist()
    [[[-0.6930000185966492, -0.6930000185966492]]]
    """
    return Choices(jax.nn.log_softmax(logits), right, weights)
