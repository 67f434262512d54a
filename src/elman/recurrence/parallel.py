"""The engine for linear cells: a, b and the outputs of all steps at once, and the recurrence h = a h + b in between.

Padding and resets are coefficients too: a padded step has a = 1 and b = 0, and a step before which the state restarts
from h_0 has a = 0 and b = a h_0 + b, which cuts the gradient and hands it to h_0.

It costs the memory of a, b and h for all steps. Its gain on 2 busy cores, forward and backward in float32, median ms
of this engine against `scan` (`benchmarks/linear_recurrence.py`):

| batch x time, inputs to units | MinGRU | RGLRU | LRU |
|---|---|---|---|
| 1 x 65,536, 16 to 16 | 21, 77 | 50, 260 | 65, 97 |
| 1 x 65,536, 64 to 64 | 154, 202 | 306, 545 | 312, 402 |
| 64 x 64, 128 to 256 | 29, 50 | 88, 121 | 118, 118 |
| 16 x 200, 100 to 1,024 | 189, 235 | 296, 377 | 478, 834 |
| 32 x 8, 64 to 256 | 1.3, 1.4 | 1.8, 2.0 | 3.3, 3.9 |

Below four steps the two are alike, so it serves them too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact

from elman.cells import Cell, LinearCell
from elman.ops.linear_recurrence import linear_recurrence
from elman.recurrence.steps import Steps

State = Inexact[Array, "batch *state"]
States = Inexact[Array, "time batch *state"]


def refusal(cell: Cell, *, masked: bool, tapped: bool) -> str | None:
    """The reason why this engine cannot serve a call; None if it can."""
    if not isinstance(cell, LinearCell):
        return f"{type(cell).__name__} is no LinearCell"
    if type(cell).step is not LinearCell.step:
        return f"{type(cell).__name__} has a step of its own beside its coefficients"
    return None


def run(
    cell: LinearCell,
    xs: Float[Array, "batch time feature"],
    carry: State,
    *,
    start: State,
    steps: Steps,
    wanted: tuple[str, ...] = (),
) -> tuple[State, Float[Array, "batch time hidden"], dict[str, Any]]:
    """Runs a layer; returns the last carry, every step's output, and the taps named in `wanted`: "carry" and gates.

    `start` is the batched carry that a reset returns to.
    """
    valid, resets = [None if mask is None else mask.T for mask in (steps.valid(xs.shape[1]), steps.resets)]
    xs = jnp.swapaxes(xs, 0, 1)
    if valid is not None:  # padding may hold anything; zeros keep the masked steps' gradients finite
        xs = _where(valid, xs, 0)
    projected = cell.project(xs)
    a, b = _coefficients(cell, projected, carry.shape[1:])
    if valid is not None:
        a, b = _where(valid, a, 1), _where(valid, b, 0)
    if resets is not None:
        resets = resets if valid is None else resets & valid
        a, b = _where(resets, 0, a), _where(resets, a * start + b, b)
    hs = linear_recurrence(a, b, carry, reverse=steps.reverse)
    ys = _all_steps(cell.show)(hs, projected)
    names = [name for name in wanted if name != "carry"]
    gates = _all_steps(cell.gates)(_before(hs, carry, start, resets, steps), projected) if names else ()
    tapped = {name: getattr(gates, name) for name in names}
    if valid is not None:
        ys, tapped = jax.tree.map(lambda leaf: _where(valid, leaf, 0), (ys, tapped))
    if "carry" in wanted:
        tapped["carry"] = hs
    ys, tapped = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), (ys, tapped))
    return hs[0 if steps.reverse else -1], ys, tapped


def _coefficients(cell: LinearCell, projected: Any, state: tuple[int, ...]) -> tuple[Array, Array]:
    """The coefficients a and b of all steps. An `a` that does not depend on the input has a single step for all, which
    saves a third of what the recurrence has to read."""

    def part(index: int) -> Callable:
        return jax.vmap(lambda x: jnp.broadcast_to(cell.coefficients(x)[index], state))

    try:
        a = jax.vmap(part(0), out_axes=None)(projected)[None]
    except ValueError:  # raised by vmap if the value differs from step to step
        a = jax.vmap(part(0))(projected)
    return a, jax.vmap(part(1))(projected)


def _before(hs: States, carry: State, start: State, resets: Any, steps: Steps) -> States:
    """The state before each step."""
    before = jnp.concatenate([hs[1:], carry[None]] if steps.reverse else [carry[None], hs[:-1]])
    return before if resets is None else _where(resets, start, before)


def _all_steps(function: Callable) -> Callable:
    return jax.vmap(jax.vmap(function))


def _where(mask: Bool[Array, "time batch"], chosen: Any, other: Any) -> Array:
    axes = max(jnp.ndim(chosen), jnp.ndim(other)) - 2
    return jnp.where(mask.reshape(*mask.shape, *(1,) * axes), chosen, other)
