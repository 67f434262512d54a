"""Notes of attention weights while a function runs, to see what a model attends to."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from jaxtyping import Array, Float


class AttentionNote(NamedTuple):
    """The weights of one call of attention."""

    name: str
    """ "attention", or "pooling" where a whole sequence becomes one vector."""
    weights: Float[Array, "batch head target source"]


_NOTES: ContextVar[list[AttentionNote] | None] = ContextVar("notes", default=None)


@contextmanager
def attention_noted() -> Generator[list[AttentionNote]]:
    """Gives a list that fills with the weights of every attention that is computed in its body.

    >>> import jax.numpy as jnp
    >>> from elman.layers import DotAttention
    >>> states = jnp.ones((2, 5, 3))
    >>> with attention_noted() as notes:
    ...     attended = DotAttention()(states[:, :4], states, states)
    >>> notes[0].name, notes[0].weights.shape
    ('attention', (2, 1, 4, 5))
    """
    notes = list[AttentionNote]()
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def note_attention(name: str, weights: Float[Array, "batch head target source"]) -> None:
    """Adds weights to the list of `attention_noted`, if there is one."""
    if (notes := _NOTES.get()) is not None:
        notes.append(AttentionNote(name, weights))
