"""The mask of a batch's real steps, the resets of its state, and the direction of time."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

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
