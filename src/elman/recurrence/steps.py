"""The mask of a batch's real steps, the resets of its state, and the direction of time."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Shaped

from elman._types import Padding


class Steps(NamedTuple):
    """The lengths, padding, resets and direction of a batch; cells never see them."""

    lengths: Int[Array, " batch"] | None = None
    padding: Padding = "right"
    resets: Bool[Array, "batch time"] | None = None
    reverse: bool = False

    def valid(self, time: int) -> Bool[Array, "batch time"] | None:
        """The mask, True at real steps and False at padding; None if every step is real."""
        if self.lengths is None:
            return None
        places = jnp.arange(time)
        if self.padding == "left":
            places = places[::-1]
        return places < self.lengths[:, None]


class Holes(NamedTuple):
    """The order that brings the real steps of each sequence to its front, and their numbers: any mask becomes lengths.

    >>> holes = Holes.of(jnp.array([[True, False, True]]))
    >>> packed = holes.pack(jnp.array([[1, 2, 3]]))
    >>> packed.tolist(), holes.lengths.tolist(), holes.spread(packed).tolist()
    ([[1, 3, 2]], [2], [[1, 2, 3]])
    """

    order: Int[Array, "batch time"]
    lengths: Int[Array, " batch"]

    @classmethod
    def of(cls, mask: Bool[Array, "batch time"]) -> Holes:
        """The order for a mask that is True at real steps."""
        return cls(jnp.argsort(~mask, axis=1, stable=True), mask.sum(axis=1, dtype=jnp.int32))

    def pack(self, xs: Shaped[Array, "batch time *feature"]) -> Shaped[Array, "batch time *feature"]:
        """The real steps of each sequence in their order, then the others."""
        return _taken(xs, self.order)

    def spread(self, xs: Shaped[Array, "batch time *feature"]) -> Shaped[Array, "batch time *feature"]:
        """The reverse of `pack`."""
        return _taken(xs, jnp.argsort(self.order, axis=1))


def _taken(xs: Array, places: Array) -> Array:
    return jnp.take_along_axis(xs, places.reshape(places.shape + (1,) * (xs.ndim - 2)), axis=1)
