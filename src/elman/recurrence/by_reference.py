"""The reference engine behind `unroll`: NumPy in float64, called by JAX. Slow, for checking the other engines."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from elman._types import Carry, Padding
from elman.cells import GRU, LSTM, Cell, Elman, LSTMCarry
from elman.recurrence import reference
from elman.recurrence.steps import Steps


class _ReferenceCall(NamedTuple):
    """The static arguments of a call, which are not arrays."""

    equations: reference.Equations
    padding: Padding
    reverse: bool


def refusal(cell: Cell, *, masked: bool, tapped: bool) -> str | None:
    """The reason why this engine cannot serve a call; None if it can."""
    if type(cell) not in (Elman, GRU, LSTM):
        return f"{type(cell).__name__} has no equations in recurrence.reference"
    return "its gates and states are shown by recurrence.reference.forward" if tapped else None


def run(
    cell: Cell, xs: Float[Array, "batch time feature"], carry: Carry, *, start: Carry, steps: Steps, wanted: tuple = ()
) -> tuple[Carry, Float[Array, "batch time hidden"], dict[str, Any]]:
    """Runs a layer; see `recurrence.scan.run` for the arguments."""
    call = _ReferenceCall(_equations(cell), steps.padding, steps.reverse)
    return *_layer(call, cell, xs, carry, start, (steps.lengths, steps.resets)), {}


def _equations(cell: Cell) -> reference.Equations:
    if isinstance(cell, Elman):
        return reference.ELMAN if cell.activation == "tanh" else reference.ELMAN_RELU
    return reference.GRU if isinstance(cell, GRU) else reference.LSTM


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _layer(
    call: _ReferenceCall, cell: Cell, xs: Array, carry: Carry, start: Carry, masks: tuple
) -> tuple[Carry, Array]:
    def compute(*inputs: Any) -> tuple[Carry, np.ndarray]:
        run = _forward(call, *inputs)
        return _state(carry, run.carry, xs.dtype), run.ys.astype(xs.dtype)

    like = (carry, jax.ShapeDtypeStruct((*xs.shape[:2], cell.hidden_size), xs.dtype))
    return jax.pure_callback(compute, like, cell, xs, carry, start, masks, vmap_method="sequential")


def _layer_forward(call: _ReferenceCall, *inputs: Any) -> tuple[Any, Any]:
    return _layer(call, *inputs), inputs


def _layer_backward(call: _ReferenceCall, inputs: tuple, gradients: tuple) -> tuple:
    cell, xs, carry, start, _ = inputs

    def compute(cell: Cell, xs: Any, carry: Carry, start: Carry, masks: tuple, by_carry: Carry, by_ys: Any) -> tuple:
        run = _forward(call, cell, xs, carry, start, masks)
        by = reference.backward(run, np.asarray(by_ys, np.float64), _named(by_carry))
        paths, structure = jax.tree_util.tree_flatten_with_path(cell)
        by_cell = structure.unflatten(
            [by.weights[jax.tree_util.keystr(p, simple=True)].astype(w.dtype) for p, w in paths]
        )
        # The reference sums over the sequences, which share one start; here each has its own: the first takes the sum.
        by_start = {name: np.zeros_like(by.carry[name]) for name in by.start}
        for name, total in by.start.items():
            by_start[name][0] = total
        states = (_state(carry, state, xs.dtype) for state in (by.carry, by_start))
        return by_cell, by.xs.astype(xs.dtype), *states

    like = (cell, xs, carry, start)
    return *jax.pure_callback(compute, like, *inputs, *gradients, vmap_method="sequential"), None


_layer.defvjp(_layer_forward, _layer_backward)


def _forward(call: _ReferenceCall, cell: Cell, xs: Any, carry: Carry, start: Carry, masks: tuple) -> reference.Pass:
    lengths, resets = [None if mask is None else np.asarray(mask) for mask in masks]
    paths = jax.tree_util.tree_leaves_with_path(cell)
    weights = {jax.tree_util.keystr(path, simple=True): np.asarray(leaf) for path, leaf in paths}
    return reference.forward(
        call.equations,
        weights,
        np.asarray(xs),
        _named(carry),
        start={name: state[0] for name, state in _named(start).items()},
        lengths=lengths,
        padding=call.padding,
        resets=resets,
        reverse=call.reverse,
    )


def _named(carry: Carry) -> dict[str, np.ndarray]:
    carry = {"h": carry.h, "c": carry.c} if isinstance(carry, LSTMCarry) else {"h": carry}
    return {name: np.asarray(state, np.float64) for name, state in carry.items()}


def _state(like: Carry, named: dict[str, Any], dtype: Any) -> Carry:
    if isinstance(like, LSTMCarry):
        return LSTMCarry(named["h"].astype(dtype), named["c"].astype(dtype))
    return named["h"].astype(dtype)
