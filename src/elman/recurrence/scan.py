"""The engine that runs any cell: `jax.lax.scan` over the batched step, differentiated by JAX.

It stands for this loop over one sequence:

    for x, valid, reset in zip(xs, valids, resets):
        carry = cell.init_carry() if reset else carry
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


def scan(
    cell: Cell, projected: Any, carry: Carry, *, start: Carry, steps: Steps, wanted: tuple[str, ...] = ()
) -> tuple[Carry, Float[Array, "time batch hidden"], dict[str, Any]]:
    """Runs `cell` over time-major `projected`. `start` is the batched carry that a reset returns to; `wanted` names
    what is returned of each step besides its output: "carry", and gates of the cell.
    """
    time = jax.tree.leaves(projected)[0].shape[0]
    valid = _time_first(steps.valid(time))
    resets = _time_first(steps.resets)

    def step(carry: Carry, x: Any) -> tuple[Carry, Array, dict[str, Array]]:
        new, y = cell.step(carry, x)
        # The gates are computed in `step` too; XLA merges the two.
        gates = cell.gates(carry, x) if wanted else ()
        return new, y, {name: getattr(gates, name) for name in wanted if name != "carry"}

    step = jax.vmap(step)

    def body(carry: Carry, now: tuple) -> tuple[Carry, Any]:
        x, valid_now, reset_now = now
        if reset_now is not None:
            carry = _select(reset_now, start, carry)
        new, y, tapped = step(carry, x)
        if valid_now is not None:
            new = _select(valid_now, new, carry)
            y, tapped = _select(valid_now, (y, tapped), jax.tree.map(jnp.zeros_like, (y, tapped)))
        if "carry" in wanted:
            tapped["carry"] = new
        return new, (y, tapped)

    carry, (ys, tapped) = jax.lax.scan(body, carry, (projected, valid, resets), reverse=steps.reverse)
    return carry, ys, tapped


def _time_first(mask: Bool[Array, "batch time"] | None) -> Bool[Array, "time batch"] | None:
    return None if mask is None else jnp.swapaxes(mask, 0, 1)


def _select(rows: Bool[Array, " batch"], chosen: Carry, other: Carry) -> Carry:
    def pick(a: Array, b: Array) -> Array:
        return jnp.where(rows.reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, chosen, other)
