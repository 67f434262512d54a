"""The engine for Elman, GRU and LSTM with hand-derived back-propagation through time.

Automatic differentiation of a scan adds to the gradient of the recurrent kernel U at every step: T products and T sums
the size of U. Here the backward loop carries only the state's gradient and stores each step's gradient dz before the
non-linearity; one product over all steps then gives dU = sum_t h_{t-1}^T dz_t. The gates are saved in the forward
pass, so nothing is computed twice.

In the backward loops, `dh` and `dc` are gradients of the loss by the state after step t, and d<gate> the gradient
before the gate's non-linearity: sigmoid' = s (1 - s), tanh' = 1 - t^2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from elman._types import Carry
from elman.cells import GRU, LSTM, Cell, Elman, LSTMCarry
from elman.ops.activations import sigmoid
from elman.ops.by_hand import ByHand
from elman.recurrence.steps import Steps

Gates = Float[Array, "time batch gates"]
Outputs = Float[Array, "time batch hidden"]


def refusal(cell: Cell, *, masked: bool, tapped: bool) -> str | None:
    """The reason why this engine cannot serve a call; None if it can."""
    if type(cell) not in (Elman, GRU, LSTM):  # exactly these classes: a subclass may step differently
        return f"{type(cell).__name__} has no hand-derived backward pass"
    if masked:
        return "the hand-derived backward pass takes no lengths and no resets"
    return "the hand-derived backward pass keeps no gates to tap" if tapped else None


def run(
    cell: Cell, xs: Float[Array, "batch time feature"], carry: Carry, *, start: Carry, steps: Steps, wanted: tuple = ()
) -> tuple[Carry, Float[Array, "batch time hidden"], dict[str, Any]]:
    """Runs a layer; see `recurrence.scan.run` for the arguments."""
    a = cell.project(jnp.swapaxes(xs, 0, 1))
    a = jnp.flip(a, 0) if steps.reverse else a
    match cell:
        case LSTM():
            carry, ys = _lstm((cell.recurrent_kernel,), carry, a)
        case GRU():
            carry, ys = _gru((cell.recurrent_kernel, cell.recurrent_bias), carry, a)
        case Elman():
            carry, ys = (_elman_tanh if cell.activation == "tanh" else _elman_relu)((cell.recurrent_kernel,), carry, a)
    return carry, jnp.swapaxes(jnp.flip(ys, 0) if steps.reverse else ys, 0, 1), {}


def _hand_derived(forward: Callable, backward: Callable) -> Callable:
    """Returns a function (weights, carry, a) -> (carry, ys) whose gradient is `backward`."""

    rule = ByHand(
        plain=lambda _, *arguments: forward(*arguments)[0],
        forward=lambda _, *arguments: forward(*arguments),
        backward=lambda _, arguments, saved, gradients: backward(saved, gradients),
    )
    return partial(rule, None)


def _before(first: Float[Array, "batch hidden"], states: Outputs) -> Outputs:
    """The state before each step."""
    return jnp.concatenate([first[None], states[:-1]])


def _kernel_gradient(h_before: Outputs, dz: Gates) -> Float[Array, "hidden gates"]:
    return jnp.einsum("tbh,tbg->hg", h_before, dz)


# LSTM


def _lstm_forward(weights: tuple, carry: LSTMCarry, a: Gates) -> tuple[Any, Any]:
    (U,) = weights

    def step(carry: LSTMCarry, a: Array) -> tuple[LSTMCarry, tuple]:
        i, f, g, o = jnp.split(a + carry.h @ U, 4, axis=-1)
        i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
        c = f * carry.c + i * g
        h = o * jnp.tanh(c)
        return LSTMCarry(h, c), (h, c, i, f, g, o)

    last, saved = jax.lax.scan(step, carry, a)
    return (last, saved[0]), (U, carry, saved)


def _lstm_backward(residuals: tuple, gradients: tuple) -> tuple:
    U, first, (hs, cs, i, f, g, o) = residuals
    last, dys = gradients

    def step(after: tuple, now: tuple) -> tuple[tuple, Array]:
        dh, dc = after
        dy, i, f, g, o, c, c_before = now
        dh = dh + dy
        tanh_c = jnp.tanh(c)
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        di, df, dg, do = (
            dc * g * i * (1 - i),
            dc * c_before * f * (1 - f),
            dc * i * (1 - g * g),
            dh * tanh_c * o * (1 - o),
        )
        dz = jnp.concatenate([di, df, dg, do], axis=-1)
        return (dz @ U.T, dc * f), dz

    sequence = (dys, i, f, g, o, cs, _before(first.c, cs))
    (dh, dc), dz = jax.lax.scan(step, (last.h, last.c), sequence, reverse=True)
    return (_kernel_gradient(_before(first.h, hs), dz),), LSTMCarry(dh, dc), dz


_lstm = _hand_derived(_lstm_forward, _lstm_backward)


# GRU


def _gru_forward(weights: tuple, h: Array, a: Gates) -> tuple[Any, Any]:
    U, recurrent_bias = weights

    def step(h: Array, a: Array) -> tuple[Array, tuple]:
        a_r, a_z, a_n = jnp.split(a, 3, axis=-1)
        u_r, u_z, u_n = jnp.split(h @ U, 3, axis=-1)
        r, z, u_n = sigmoid(a_r + u_r), sigmoid(a_z + u_z), u_n + recurrent_bias
        n = jnp.tanh(a_n + r * u_n)
        h = (1 - z) * n + z * h
        return h, (h, r, z, n, u_n)

    last, saved = jax.lax.scan(step, h, a)
    return (last, saved[0]), (U, h, saved)


def _gru_backward(residuals: tuple, gradients: tuple) -> tuple:
    U, first, (hs, r, z, n, u_n) = residuals
    last, dys = gradients
    hs_before = _before(first, hs)

    def step(dh: Array, now: tuple) -> tuple[Array, tuple]:
        dy, r, z, n, u_n, h_before = now
        dh = dh + dy
        dn = dh * (1 - z) * (1 - n * n)
        dr, dz = dn * u_n * r * (1 - r), dh * (h_before - n) * z * (1 - z)
        through_kernel = jnp.concatenate([dr, dz, dn * r], axis=-1)
        return dh * z + through_kernel @ U.T, (through_kernel, dn)

    dh, (through_kernel, dn) = jax.lax.scan(step, last, (dys, r, z, n, u_n, hs_before), reverse=True)
    d_gates, d_candidate = jnp.split(through_kernel, [2 * first.shape[-1]], axis=-1)
    d_weights = (_kernel_gradient(hs_before, through_kernel), d_candidate.sum((0, 1)))
    return d_weights, dh, jnp.concatenate([d_gates, dn], axis=-1)


_gru = _hand_derived(_gru_forward, _gru_backward)


# Elman


def _elman_forward(activation: Callable, weights: tuple, h: Array, a: Gates) -> tuple[Any, Any]:
    (U,) = weights

    def step(h: Array, a: Array) -> tuple[Array, Array]:
        h = activation(a + h @ U)
        return h, h

    last, hs = jax.lax.scan(step, h, a)
    return (last, hs), (U, h, hs)


def _elman_backward(slope: Callable, residuals: tuple, gradients: tuple) -> tuple:
    U, first, hs = residuals
    last, dys = gradients

    def step(dh: Array, now: tuple) -> tuple[Array, Array]:
        dy, h = now
        dz = (dh + dy) * slope(h)
        return dz @ U.T, dz

    dh, dz = jax.lax.scan(step, last, (dys, hs), reverse=True)
    return (_kernel_gradient(_before(first, hs), dz),), dh, dz


# The derivative of each activation, as a function of its value h.
_elman_tanh = _hand_derived(partial(_elman_forward, jnp.tanh), partial(_elman_backward, lambda h: 1 - h * h))
_elman_relu = _hand_derived(
    partial(_elman_forward, jax.nn.relu), partial(_elman_backward, lambda h: (h > 0).astype(h.dtype))
)
