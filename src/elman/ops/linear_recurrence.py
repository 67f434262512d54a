"""The elementwise linear recurrence: at each step the state is multiplied by a_t, and b_t is added.

    h_t = a_t h_{t-1} + b_t

Two such steps are one: (a, b) then (a', b') is (a' a, a' b + b'). The operation is associative, so the steps can be
taken in any grouping, in log2(T) rounds over all steps at once (Blelloch, 1990; Martin and Cundy, 2018), which is what
a GPU needs. On a CPU the rounds only move memory. There XLA makes one kernel of the plain loop, which was faster at
every shape tried, so the platform decides. Cutting time into pieces that run side by side reads them twice, and was no
faster than the loop either. `benchmarks/linear_recurrence.py` on 2 busy cores, float32, median ms:

| T x width | loop | pieces | rounds |
|---|---|---|---|
| 65,536 x 16 | 2.4 | 4.6 | 4.8 |
| 65,536 x 256 | 46 | 107 | 162 |
| 4,096 x 4,096 | 48 | 109 | 150 |
| 64 x 16,384 | 1.0 | 5.2 | 3.8 |
| 64 x 256 | 0.02 | 0.06 | 0.06 |

The gradient of the loss by h_t is itself a linear recurrence, from the last step to the first:

    s_t = dh_t + a_{t+1} s_{t+1}        da_t = s_t h_{t-1}        db_t = s_t        dh_0 = a_1 s_1

It needs only a and h: memory linear in T.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from elman.ops.by_hand import ByHand


def linear_recurrence(
    a: Inexact[Array, " steps *state"],
    b: Inexact[Array, " time *state"],
    h: Inexact[Array, "*state"],
    *,
    reverse: bool = False,
) -> Inexact[Array, " time *state"]:
    """The states after each step, from the state `h` before the first; real or complex. `a` has one entry per step, or
    one for all. `reverse` runs from the last step to the first: h_t = a_t h_{t+1} + b_t.

    >>> linear_recurrence(jnp.array([0.5, 0.5, 0.0]), jnp.ones(3), jnp.array(4.0)).tolist()
    [3.0, 2.5, 1.0]
    """
    dtype = jnp.result_type(a, b, h)
    return _RECURRENCE(reverse, a.astype(dtype), b.astype(dtype), h.astype(dtype))


def _recurrence(reverse: bool, a: Array, b: Array, h: Array) -> Array:
    loop, rounds = partial(_loop, reverse), partial(_rounds, reverse)
    return jax.lax.platform_dependent(a, b, h, cpu=loop, default=rounds)


def _forward(reverse: bool, a: Array, b: Array, h: Array) -> tuple[Array, Array]:
    hs = _recurrence(reverse, a, b, h)
    return hs, hs


def _backward(reverse: bool, arguments: tuple, hs: Array, dh: Array) -> tuple[Array, Array, Array]:
    a, _, h = arguments
    first = -1 if reverse else 0
    after = a if len(a) == 1 else _shifted(a, jnp.zeros_like(h), reverse=not reverse)
    s = _recurrence(not reverse, after, dh, jnp.zeros_like(h))
    da = s * _shifted(hs, h, reverse=reverse)
    return da.sum(0, keepdims=True) if len(a) == 1 else da, s, a[first] * s[first]


_RECURRENCE = ByHand(plain=_recurrence, forward=_forward, backward=_backward)


def _loop(reverse: bool, a: Array, b: Array, h: Array) -> Array:
    def step(h: Array, now: tuple[Array | None, Array]) -> tuple[Array, Array]:
        h = (a[0] if now[0] is None else now[0]) * h + now[1]
        return h, h

    return jax.lax.scan(step, h, (None if len(a) == 1 else a, b), reverse=reverse)[1]


def _rounds(reverse: bool, a: Array, b: Array, h: Array) -> Array:
    def both(one: tuple[Array, Array], then: tuple[Array, Array]) -> tuple[Array, Array]:
        return then[0] * one[0], then[0] * one[1] + then[1]

    first = -1 if reverse else 0
    b = b.at[first].add(a[first] * h)
    return jax.lax.associative_scan(both, (jnp.broadcast_to(a, b.shape), b), reverse=reverse)[1]


def _shifted(xs: Array, first: Array, *, reverse: bool) -> Array:
    """The entry before each step: `first`, then all of `xs` but the last."""
    return jnp.concatenate([xs[1:], first[None]] if reverse else [first[None], xs[:-1]])
