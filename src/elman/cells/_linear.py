"""Cells whose state is linear in itself, so that all steps can be taken at once."""

from __future__ import annotations

import abc
from typing import Any

from jaxtyping import Array, Float, Inexact

from elman.cells._cell import Cell


class LinearCell(Cell):
    """A cell of the form

        h_t = a(x_t) h_{t-1} + b(x_t)        y_t = show(h_t, x_t)

    with elementwise a and b that do not depend on h. Such a cell defines `init_carry` (one array, real or complex),
    `coefficients` and `show`; its `step` follows, and the engine "parallel" computes a, b and y of all steps at once.

    ```python
    class Leaky(elman.LinearCell):
        kernel: jax.Array
        decay: jax.Array

        def __init__(self, input_size, hidden_size, *, key):
            self.input_size, self.hidden_size = input_size, hidden_size
            self.kernel = jax.random.normal(key, (input_size, hidden_size)) * input_size**-0.5
            self.decay = jnp.zeros(hidden_size)

        def init_carry(self):
            return jnp.zeros(self.hidden_size)

        def coefficients(self, x):
            return jax.nn.sigmoid(self.decay), x @ self.kernel

        def show(self, h, x):
            return jnp.tanh(h)
    ```
    """

    @abc.abstractmethod
    def coefficients(self, x: Any, /) -> tuple[Inexact[Array, "*#state"], Inexact[Array, "*#state"]]:
        """The factor a of the state and the summand b. `x` is one step of what `project` returned."""

    @abc.abstractmethod
    def show(self, h: Any, x: Any, /) -> Float[Array, " hidden"]:
        """The output of a step that ends in the state `h`."""

    def step(self, h: Inexact[Array, "*state"], x: Any) -> tuple[Inexact[Array, "*state"], Float[Array, " hidden"]]:
        """One step: h = a h + b."""
        a, b = self.coefficients(x)
        h = a * h + b
        return h, self.show(h, x)
