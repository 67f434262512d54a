"""Wrappers that add a learned start state, a residual connection or a norm to a cell; they nest in any order.

cell = Residual(Normalised(LearnedStart(LSTM(64, 64, key=key))))
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from elman._errors import ConfigError
from elman._types import Carry
from elman.cells._cell import Cell
from elman.cells._wrapper import Outside, Wrapper
from elman.ops.normalisation import layer_norm


class LearnedStart(Wrapper):
    """A learned start state: a weight that starts as the inner cell's start state. It keeps the fast engines.

    >>> from elman.cells import GRU
    >>> cell = LearnedStart(GRU(3, 2, key=jax.random.key(0)))
    >>> cell.start.tolist(), type(cell.core).__name__
    ([0.0, 0.0], 'GRU')
    """

    start: Carry

    def __init__(self, inner: Cell):
        super().__init__(inner)
        self.start = jax.tree.map(jnp.array, inner.init_carry())

    def init_carry(self) -> Carry:
        """The learned start state."""
        return self.start

    @property
    def core(self) -> Cell:
        """The inner cell's core."""
        return self.inner.core


class Residual(Outside):
    """A residual connection, y + x: the input is added to the output, so that layers stack deep (He et al., 2016).

    The inner cell keeps its fast engine. `Stack(..., residual=True)` does the same for every layer.

    Raises:
        ConfigError: a cell whose output is wider or narrower than its input.

    >>> from elman.cells import GRU
    >>> inner = GRU(2, 2, key=jax.random.key(0))
    >>> cell, xs = Residual(inner), jnp.ones((1, 1, 2))
    >>> _, y = inner.step(inner.init_carry(), inner.project(xs)[0, 0])
    >>> _, added = cell.step(cell.init_carry(), jax.tree.map(lambda leaf: leaf[0, 0], cell.project(xs)))
    >>> bool((added == y + 1).all())
    True
    """

    def __init__(self, inner: Cell):
        if inner.input_size != inner.hidden_size:
            raise ConfigError(
                f"Residual: expected a cell as wide as its input; got input_size {inner.input_size} and hidden_size "
                f"{inner.hidden_size}"
            )
        super().__init__(inner)

    def after(
        self, ys: Float[Array, "*steps hidden"], xs: Float[Array, "*steps feature"]
    ) -> Float[Array, "*steps hidden"]:
        """The inner cell's outputs plus the inputs."""
        return ys + xs


class Normalised(Outside):
    """Layer norm of the cell's input (Ba et al., 2016).

    The norm is on the input, not the output: so the state is unchanged, a residual connection around the cell stays an
    identity (Xiong et al., 2020, on the place of a norm), all steps are normalised at once before the recurrence, and
    the inner cell keeps its fast engine.

    >>> from elman.cells import GRU
    >>> cell = Normalised(GRU(3, 2, key=jax.random.key(0)))
    >>> xs = jax.random.normal(jax.random.key(1), (1, 1, 3))
    >>> bool(jnp.allclose(cell.project(xs)[0], cell.project(5 * xs + 7)[0], atol=1e-4))
    True
    """

    scale: Float[Array, " feature"]
    shift: Float[Array, " feature"]

    def __init__(self, inner: Cell):
        super().__init__(inner)
        self.scale, self.shift = jnp.ones(inner.input_size), jnp.zeros(inner.input_size)

    def before(self, xs: Float[Array, "*steps feature"]) -> Float[Array, "*steps feature"]:
        """The inputs, normalised."""
        return layer_norm(xs, self.scale, self.shift)
