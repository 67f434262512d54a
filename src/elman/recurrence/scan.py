"""The engine that runs any cell: `jax.lax.scan` over the batched step, differentiated by JAX.

It is equivalent to this loop over one sequence:

    for x, valid, reset in zip(xs, valids, resets):
        if valid and reset:
            carry = cell.init_carry()
        new, y = cell.step(carry, x)
        carry, y = (new, y) if valid else (carry, 0)
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from elman._types import Carry
from elman.cells import Cell
from elman.recurrence.steps import Steps


def refusal(cell: Cell, *, masked: bool, tapped: bool) -> str | None:
    """The reason why this engine cannot serve a call: None, since it always can."""
    return None


def run(
    cell: Cell,
    xs: Float[Array, "batch time feature"],
    carry: Carry,
    *,
    start: Carry,
    steps: Steps,
    wanted: tuple[str, ...] = (),
) -> tuple[Carry, Float[Array, "batch time hidden"], dict[str, Any]]:
    """Runs a layer; returns the last carry, every step's output, and the taps named in `wanted`: "carry" and gates.

    `start` is the batched carry that a reset returns to.
    """
    valid = steps.valid(xs.shape[1])
    if valid is not None:  # padding may hold anything; zeros keep the masked steps' gradients finite
        xs = jnp.where(valid[..., None], xs, 0)

    def step(carry: Carry, x: Any) -> tuple[Carry, Array, dict[str, Array]]:
        new, y = cell.step(carry, x)
        # The gates are computed in `step` too; XLA merges the two.
        gates = cell.gates(carry, x) if wanted else ()
        return new, y, {name: getattr(gates, name) for name in wanted if name != "carry"}

    def body(carry: Carry, now: tuple) -> tuple[Carry, Any]:
        x, valid_now, reset_now = now
        if reset_now is not None:
            carry = _select(reset_now if valid_now is None else reset_now & valid_now, start, carry)
        new, y, tapped = jax.vmap(step)(carry, x)
        if valid_now is not None:
            new = _select(valid_now, new, carry)
            y, tapped = _select(valid_now, (y, tapped), jax.tree.map(jnp.zeros_like, (y, tapped)))
        if "carry" in wanted:
            tapped["carry"] = new
        return new, (y, tapped)

    time_first = jax.tree.map(lambda mask: jnp.swapaxes(mask, 0, 1), (valid, steps.resets))
    projected = cell.project(jnp.swapaxes(xs, 0, 1))
    carry, (ys, tapped) = jax.lax.scan(body, carry, (projected, *time_first), reverse=steps.reverse)
    ys, tapped = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), (ys, tapped))
    return carry, ys, tapped


def _select(rows: Bool[Array, " batch"], chosen: Carry, other: Carry) -> Carry:
    def pick(a: Array, b: Array) -> Array:
        return jnp.where(rows.reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, chosen, other)
