"""Zoneout around a cell with a native kernel: which numbers keep their old values."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from elman._types import Carry
from elman.cells import Cell, Wrapper, Zoneout
from elman.cells._wrapper import with_key

Rates = tuple[float, ...]
"""The share of its old value that each part of a carry keeps."""


def unwrap_zoneout(cell: Cell) -> tuple[Cell, Zoneout | None]:
    """Returns the cell inside zoneout, and the zoneout; the cell itself and None if there is none."""
    return (cell.inner.core, cell) if type(cell) is Zoneout else (cell, None)


def zones_of(zoneout: Zoneout, batch: int, time: int) -> tuple[Rates, Carry | None]:
    """The rates of a call without noise, or none and the masks (batch, time, hidden) of one with noise."""
    kept = zoneout.kept(batch, time)
    if kept is None:
        return tuple(map(float, zoneout.rates())), None
    return (), jax.tree.map(lambda mask: jnp.swapaxes(mask, 0, 1), kept)


def with_zones(inner: Cell, rates: Rates, masks: Carry | None) -> Cell:
    """The cell that `scan` runs for a call with these rates and masks."""
    if masks is not None:
        return _Drawn(with_key(Zoneout(inner, rate=0.0), jr.key(0)), masks)
    structure = jax.tree.structure(jax.eval_shape(inner.init_carry))
    return Zoneout(inner, rate=structure.unflatten(rates)) if rates else inner


class _Drawn(Wrapper):
    """Zoneout with masks that were drawn before."""

    masks: Any

    def __init__(self, inner: Zoneout, masks: Carry):
        super().__init__(inner)
        self.masks = masks

    def project(self, xs: Float[Array, "time batch feature"]) -> Any:
        """The projection of the cell inside zoneout, and the masks."""
        inner: Any = self.inner
        return inner.inner.project(xs), jax.tree.map(lambda mask: jnp.swapaxes(mask, 0, 1), self.masks)
