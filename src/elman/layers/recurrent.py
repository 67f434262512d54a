"""A recurrent layer: a cell unrolled from the first step to the last, or two cells from both ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._types import Carry, Padding
from elman.cells import Cell
from elman.layers.bidirectional import Bidirectional
from elman.recurrence import start_carry, unroll
from elman.recurrence.unroll import Engine

Recurrent = Cell | Bidirectional


def make_layers(
    cell: Callable[..., Cell], input_size: int, hidden_size: int, *, bidirectional: bool, keys: Iterable[PRNGKeyArray]
) -> tuple[Recurrent, ...]:
    """Builds stacked layers, one for each key, of cells built by `cell(input_size, hidden_size, key=key)`; a
    bidirectional layer has two cells.

    >>> import jax
    >>> from elman.cells import GRU
    >>> layers = make_layers(GRU, 3, 4, bidirectional=True, keys=jax.random.split(jax.random.key(0)))
    >>> [(layer.input_size, layer.hidden_size) for layer in layers]
    [(3, 8), (8, 8)]
    """
    layers = list[Recurrent]()
    for key in keys:
        if bidirectional:
            ahead, back = jr.split(key)
            layers.append(
                Bidirectional(cell(input_size, hidden_size, key=ahead), cell(input_size, hidden_size, key=back))
            )
        else:
            layers.append(cell(input_size, hidden_size, key=key))
        input_size = layers[-1].hidden_size
    return tuple(layers)


def start(layer: Recurrent, batch: int) -> Carry:
    """The start state of `layer` for `batch` sequences."""
    return layer.init_carry(batch) if isinstance(layer, Bidirectional) else start_carry(layer, batch)


def run(
    layer: Recurrent,
    xs: Float[Array, "batch time feature"],
    carry: Any = None,
    *,
    lengths: Int[Array, " batch"] | None = None,
    padding: Padding = "right",
    engine: Engine = "auto",
    key: PRNGKeyArray | None = None,
) -> tuple[Carry, Float[Array, "batch time hidden"]]:
    """Runs `layer`; returns the last carry and the output at every step, zero at padding; `key=None` means no noise."""
    if isinstance(layer, Bidirectional):
        return layer(xs, carry, lengths=lengths, padding=padding, engine=engine, key=key)
    carry, ys = unroll(layer.sample(key), xs, carry, lengths=lengths, padding=padding, engine=engine)
    return carry, ys


def final(
    layer: Recurrent,
    ys: Float[Array, "batch time hidden"],
    *,
    lengths: Int[Array, " batch"] | None = None,
    padding: Padding = "right",
) -> Float[Array, "batch hidden"]:
    """The final output of each sequence: of the last step, or of the first for a backward cell; zeros for an empty
    sequence.

    >>> import jax
    >>> from elman.cells import GRU
    >>> cell = GRU(3, 4, key=jax.random.key(0))
    >>> carry, ys = run(cell, jnp.ones((2, 5, 3)), lengths=jnp.array([5, 2]))
    >>> bool((final(cell, ys, lengths=jnp.array([5, 2])) == carry).all())
    True
    """
    forward_size = layer.forward.hidden_size if isinstance(layer, Bidirectional) else layer.hidden_size
    return ends(ys, forward_size, lengths=lengths, padding=padding)


def ends(
    ys: Float[Array, "batch time hidden"],
    forward_size: int,
    *,
    lengths: Int[Array, " batch"] | None = None,
    padding: Padding = "right",
) -> Float[Array, "batch hidden"]:
    """The first `forward_size` features at the last step, then the others at the first; zeros for an empty sequence.

    >>> ends(jnp.array([[[1, 10], [2, 20], [3, 30.0]]]), 1, lengths=jnp.array([2])).tolist()
    [[2.0, 10.0]]
    """
    time = ys.shape[1]
    count = jnp.full(len(ys), time) if lengths is None else lengths
    first, last = jnp.zeros_like(count), count - 1
    if padding == "left":
        first, last = time - count, jnp.full_like(count, time - 1)
    # An empty sequence has index -1 or `time`; clipped, it is padding, whose output is zero.
    both = [jnp.take_along_axis(ys, place.clip(0, time - 1)[:, None, None], axis=1)[:, 0] for place in (last, first)]
    return jnp.concatenate([both[0][:, :forward_size], both[1][:, forward_size:]], axis=-1)
