"""A bidirectional layer: two cells that read a sequence from both ends (Schuster and Paliwal, 1997; Graves and
Schmidhuber, 2005)."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from elman._errors import ConfigError
from elman._module import Module
from elman._types import Carry, Padding
from elman.cells import Cell
from elman.recurrence import start_carry, unroll
from elman.recurrence.unroll import Engine


class BidirectionalCarry(NamedTuple):
    """The forward cell's state after the last step, and the backward cell's after the first."""

    forward: Carry
    backward: Carry


class Bidirectional(Module):
    """A cell that reads each sequence from its start and one that reads it from its end, with concatenated outputs.

    With lengths, the backward cell begins at the last real step of each sequence, whichever side its padding is on.

    >>> import jax
    >>> from elman.cells import GRU, LSTM
    >>> forward_key, backward_key = jax.random.split(jax.random.key(0))
    >>> layer = Bidirectional(GRU(3, 4, key=forward_key), LSTM(3, 5, key=backward_key))
    >>> carry, ys = layer(jnp.ones((2, 6, 3)), lengths=jnp.array([6, 2]))
    >>> ys.shape, carry.forward.shape, bool((carry.backward.h == ys[:, 0, 4:]).all())
    ((2, 6, 9), (2, 4), True)
    """

    forward: Cell
    backward: Cell

    def __init__(self, forward: Cell, backward: Cell):
        """Builds the layer; its outputs are `forward`'s features, then `backward`'s.

        Raises:
            ConfigError: cells of different input sizes.
        """
        if forward.input_size != backward.input_size:
            raise ConfigError(
                f"Bidirectional: expected cells of one input_size; got {forward.input_size} and {backward.input_size}"
            )
        self.forward, self.backward = forward, backward

    @property
    def input_size(self) -> int:
        """The number of features of an input step."""
        return self.forward.input_size

    @property
    def hidden_size(self) -> int:
        """The number of features of an output: both cells' together."""
        return self.forward.hidden_size + self.backward.hidden_size

    def init_carry(self, batch: int) -> BidirectionalCarry:
        """The start states of both cells for `batch` sequences."""
        return BidirectionalCarry(start_carry(self.forward, batch), start_carry(self.backward, batch))

    def __call__(
        self,
        xs: Float[Array, "batch time feature"],
        carry: BidirectionalCarry | None = None,
        *,
        lengths: Int[Array, " batch"] | None = None,
        padding: Padding = "right",
        resets: Bool[Array, "batch time"] | None = None,
        engine: Engine = "auto",
        key: PRNGKeyArray | None = None,
    ) -> tuple[BidirectionalCarry, Float[Array, "batch time hidden"]]:
        """Runs both cells; returns the last carries, and both outputs at every step, zero at padding. The arguments are
        those of `unroll`; a reset before a step comes after it for the backward cell. `key=None` means no noise.
        """
        first, last = (None, None) if carry is None else carry
        forward_key, backward_key = (None, None) if key is None else jr.split(key)
        after = None if resets is None else jnp.roll(resets, -1, axis=1).at[:, -1].set(False)
        ahead = unroll(
            self.forward.sample(forward_key),
            xs,
            first,
            lengths=lengths,
            padding=padding,
            resets=resets,
            engine=engine,
        )
        back = unroll(
            self.backward.sample(backward_key),
            xs,
            last,
            lengths=lengths,
            padding=padding,
            resets=after,
            reverse=True,
            engine=engine,
        )
        return BidirectionalCarry(ahead[0], back[0]), jnp.concatenate([ahead[1], back[1]], axis=-1)
