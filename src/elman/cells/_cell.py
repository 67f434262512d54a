"""The base class of cells: one step of a recurrence, without batch and without time."""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from elman._module import Module
from elman._types import Carry


class Cell(Module):
    """One recurrent step: an immutable module, built as `Cell(input_size, hidden_size, key=key)`.

    A new cell needs `init_carry` and `step`. Write `project` if a part of the step needs only the input: it then runs
    once for all steps, as one large product, before the recurrence starts. `gates` names the arrays that `elman.tap`
    returns beside the carry.

    ```python
    class Fading(elman.Cell):
        kernel: jax.Array
        decay: jax.Array

        def __init__(self, input_size, hidden_size, *, key):
            self.input_size, self.hidden_size = input_size, hidden_size
            self.kernel = jax.random.normal(key, (input_size, hidden_size)) * input_size**-0.5
            self.decay = jnp.zeros(hidden_size)

        def init_carry(self):
            return jnp.zeros(self.hidden_size)

        def step(self, h, x):
            h = jax.nn.sigmoid(self.decay) * h + jnp.tanh(x @ self.kernel)
            return h, h
    ```
    """

    input_size: int = eqx.field(static=True)
    hidden_size: int = eqx.field(static=True)

    @abc.abstractmethod
    def init_carry(self) -> Carry:
        """The state before the first step: arrays without a batch axis."""

    @abc.abstractmethod
    def step(self, carry: Any, x: Any, /) -> tuple[Carry, Float[Array, " hidden"]]:
        """The state after one step, and the step's output. `x` is one step of what `project` returned."""

    def project(self, xs: Float[Array, "time batch feature"]) -> Any:
        """The part of every step that depends only on the input."""
        return xs

    def gates(self, carry: Any, x: Any, /) -> Any:
        """The gates of one step: a NamedTuple of arrays, which `step` best computes through this method."""
        return ()

    def sample(self, key: PRNGKeyArray | None) -> Cell:
        """The cell for one pass: with noise drawn from `key` for training, or without noise for None."""
        return self

    @property
    def core(self) -> Cell:
        """The cell that projects and steps: itself, or the inner cell of a wrapper that changes neither. Engines go by
        its class."""
        return self
