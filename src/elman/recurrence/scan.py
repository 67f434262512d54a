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


def scan(
    cell: Cell,
    projected: Any,
    carry: Carry,
    *,
    start: Carry,
    valid: Bool[Array, "time batch"] | None,
    resets: Bool[Array, "time batch"] | None,
    reverse: bool,
) -> tuple[Carry, Float[Array, "time batch hidden"]]:
    """Runs `cell` over time-major `projected`. `start` is the batched carry that a reset returns to."""

    step = jax.vmap(cell.step)

    def body(carry: Carry, now: tuple) -> tuple[Carry, Any]:
        x, valid_now, reset_now = now
        if reset_now is not None:
            carry = _select(reset_now, start, carry)
        new, y = step(carry, x)
        if valid_now is not None:
            new, y = _select(valid_now, new, carry), _select(valid_now, y, jnp.zeros_like(y))
        return new, y

    return jax.lax.scan(body, carry, (projected, valid, resets), reverse=reverse)


def _select(rows: Bool[Array, " batch"], chosen: Carry, other: Carry) -> Carry:
    def pick(a: Array, b: Array) -> Array:
        return jnp.where(rows.reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, chosen, other)
