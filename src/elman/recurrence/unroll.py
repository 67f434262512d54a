"""The one entry to recurrence: a cell over a batch of sequences."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from elman._errors import ConfigError, ShapeError
from elman._types import Carry
from elman.cells import Cell
from elman.recurrence.fused import fused, serves
from elman.recurrence.scan import scan

Engine = Literal["auto", "scan", "fused"]


def unroll(
    cell: Cell,
    xs: Float[Array, "batch time feature"],
    carry: Carry | None = None,
    *,
    lengths: Int[Array, " batch"] | None = None,
    resets: Bool[Array, "batch time"] | None = None,
    reverse: bool = False,
    engine: Engine = "auto",
) -> tuple[Carry, Float[Array, "batch time hidden"]]:
    """Runs `cell` along time and returns the last carry and every step's output.

    Args:
        cell: any `Cell`.
        xs: inputs, of `cell.input_size` features.
        carry: the state to go on from, each leaf with a leading batch axis; None starts from `cell.init_carry()`.
        lengths: valid steps of each sequence, the padding behind them. Padded steps hold the carry and put out zeros.
        resets: True restarts the state from `cell.init_carry()` before that step and cuts the gradient there.
        reverse: from the last step to the first; outputs keep their places.
        engine: "scan" runs any cell; "fused" serves Elman, GRU and LSTM without lengths and resets, with a backward
            pass derived by hand; "auto" takes it where it fits.

    Raises:
        ShapeError: arrays that do not fit the cell or each other.
        ConfigError: an engine that cannot serve this call.

    >>> from elman.cells import LSTM
    >>> cell, xs = LSTM(3, 4, key=jax.random.key(0)), jnp.ones((2, 5, 3))
    >>> carry, ys = unroll(cell, xs)
    >>> half, _ = unroll(cell, xs[:, :2])
    >>> again, _ = unroll(cell, xs[:, 2:], half)
    >>> bool(jnp.allclose(carry.c, again.c, atol=1e-6)), ys.shape
    (True, (2, 5, 4))
    """
    _check_shapes(cell, xs, lengths, resets)
    batch, time = xs.shape[:2]
    start = start_carry(cell, batch)
    carry = start if carry is None else carry
    _check_carry(cell, carry, start)

    chosen, reason = engine_for(cell, lengths=lengths is not None, resets=resets is not None)
    if engine == "fused" and chosen != "fused":
        raise ConfigError(f"engine 'fused' cannot serve this call: {reason}; use engine='scan' or 'auto'")
    if engine not in ("auto", "scan", "fused"):
        raise ConfigError(f"unknown engine {engine!r}; expected 'auto', 'scan' or 'fused'")

    valid = None if lengths is None else (jnp.arange(time)[:, None] < lengths[None, :])
    xs = jnp.swapaxes(xs, 0, 1)
    if valid is not None:  # padding may hold anything; zeros keep the masked steps' gradients finite
        xs = jnp.where(valid[..., None], xs, 0)
    projected = cell.project(xs)
    if chosen == "fused" and engine != "scan":
        carry, ys = fused(cell, projected, carry, reverse=reverse)
    else:
        resets = None if resets is None else jnp.swapaxes(resets, 0, 1)
        carry, ys = scan(cell, projected, carry, start=start, valid=valid, resets=resets, reverse=reverse)
    return carry, jnp.swapaxes(ys, 0, 1)


def engine_for(cell: Cell, *, lengths: bool = False, resets: bool = False) -> tuple[Engine, str]:
    """The engine that `engine="auto"` takes, and why.

    >>> from elman.cells import GRU
    >>> engine_for(GRU(3, 4, key=jax.random.key(0)))
    ('fused', 'GRU has a hand-derived backward pass')
    """
    name = type(cell).__name__
    if not serves(cell):
        return "scan", f"{name} has no hand-derived backward pass"
    if lengths or resets:
        return "scan", "the hand-derived backward pass takes no lengths and no resets"
    return "fused", f"{name} has a hand-derived backward pass"


def start_carry(cell: Cell, batch: int) -> Carry:
    """`cell.init_carry()` for each of `batch` sequences."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *jnp.shape(leaf))), cell.init_carry())


def _check_shapes(cell: Cell, xs: Array, lengths: Array | None, resets: Array | None) -> None:
    if xs.ndim != 3:
        raise ShapeError(f"inputs: expected three axes (batch, time, feature); got shape {xs.shape}")
    batch, time, feature = xs.shape
    if feature != cell.input_size:
        raise ShapeError(f"inputs: expected {cell.input_size} features, the cell's input_size; got shape {xs.shape}")
    if batch == 0 or time == 0:
        raise ShapeError(f"inputs: expected at least one sequence and one step; got shape {xs.shape}")
    if lengths is not None and lengths.shape != (batch,):
        raise ShapeError(f"lengths: expected one per sequence, shape {(batch,)}; got {lengths.shape}")
    if resets is not None and resets.shape != (batch, time):
        raise ShapeError(f"resets: expected one per step, shape {(batch, time)}; got {resets.shape}")


def _check_carry(cell: Cell, carry: Carry, start: Carry) -> None:
    got, expected = _shapes(carry), _shapes(start)
    if jax.tree.structure(carry) != jax.tree.structure(start) or got != expected:
        raise ShapeError(f"carry: expected that of {type(cell).__name__}, {expected} (batch, hidden); got {got}")


def _shapes(carry: Carry) -> str:
    return str(jax.tree.map(lambda leaf: tuple(leaf.shape), carry))
