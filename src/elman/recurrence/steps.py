"""Which steps of a batch count, where the state restarts, and which way time runs."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from elman._types import Padding


class Steps(NamedTuple):
    """The one home of lengths, padding, resets and direction; cells never see them."""

    lengths: Int[Array, " batch"] | None = None
    padding: Padding = "right"
    resets: Bool[Array, "batch time"] | None = None
    reverse: bool = False

    def valid(self, time: int) -> Bool[Array, "batch time"] | None:
        """True at real steps, False at padding; None where every step is real."""
        if self.lengths is None:
            return None
        places = jnp.arange(time)
        if self.padding == "left":
            places = places[::-1]
        return places < self.lengths[:, None]
