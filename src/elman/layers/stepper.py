"""Streams: a recurrent cell or a stack, one step after the other, with little around each step."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from elman._errors import ConfigError, ShapeError
from elman._show import Shown
from elman._types import Carry, WeightFormat
from elman.cells import Cell
from elman.layers.pack import pack, unpacked
from elman.layers.stack import Stack
from elman.recurrence import start_carry
from elman.recurrence.native.packed import PackedCell
from elman.recurrence.native.steps import Layer, Network

State = Float[np.ndarray, " state"] | Float[Array, " state"]

_FLOAT = np.dtype(np.float32)


class Stepper(Shown):
    """A cell or a stack for streams: NumPy arrays go in and come out, and one native call makes a step of all layers
    with packed weights. The state is one array, which `carry` and `state` translate; the stepper itself keeps none, so
    one serves any number of streams, also in several threads.

    >>> import elman
    >>> stepper = Stepper(elman.LSTM(3, 4, key=jax.random.key(0)))
    >>> state = stepper.start()
    >>> for x in np.ones((5, 1, 3), np.float32):
    ...     state, y = stepper.step(state, x)
    >>> y.shape, stepper.carry(state).c.shape
    ((1, 4), (1, 4))
    """

    def __init__(self, model: Cell | Stack, *, weights: WeightFormat = "float32"):
        """Packs the weights, in the format `weights`, unless the model is packed already.

        Raises:
            ConfigError: a cell without a kernel for packed weights, or a part that the native steps do not have.
        """
        if not isinstance(model, Cell | Stack):
            raise ConfigError(f"expected a cell or a Stack, whose steps are one call; got {type(model).__name__}")
        cells: tuple[Any, ...] = (model,) if isinstance(model, Cell) else model.cells
        residual = isinstance(model, Stack) and model.residual
        if isinstance(model, Stack) and model.norms is not None:
            raise ConfigError("a stepper has no layer norms; step this stack by jax.jit(stack.__call__)")
        if not all(isinstance(cell, Cell) for cell in cells):
            raise ConfigError("a bidirectional layer reads from both ends, so it has no next step")
        if not any(isinstance(cell.core, PackedCell) for cell in cells):
            cells = pack(cells, weights)
        if refused := unpacked(cells):
            reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            raise ConfigError(
                f"not every layer has a native step ({reasons}); step this model by jax.jit(elman.unroll)"
            )
        self.cells = cells
        self._network = Network([Layer(cell.core, residual and cell.input_size == cell.hidden_size) for cell in cells])
        self._alone = isinstance(model, Cell)
        self._size = self._network.state_size(1)

    def start(self, batch: int = 1) -> State:
        """The state before the first step of `batch` sequences side by side."""
        return self.state(tuple(start_carry(cell, batch) for cell in self.cells))

    def step(
        self, state: State, x: Float[np.ndarray, "batch feature"] | Float[Array, "batch feature"]
    ) -> tuple[State, Float[np.ndarray, "batch hidden"]]:
        """The state after the step with the inputs `x`, and the outputs of the last layer.

        Raises:
            ShapeError: inputs or a state of another shape.
        """
        if x.ndim != 2 or x.shape[1] != self._network.features or not len(x):
            raise ShapeError(
                f"x: expected {self._network.features} features of each of one or more sequences; got shape {x.shape}"
            )
        if state.shape != (len(x) * self._size,):
            raise ShapeError(
                f"state: expected {len(x)} x {self._size} numbers, as of start({len(x)}); got {state.shape}"
            )
        if x.dtype is not _FLOAT or state.dtype is not _FLOAT:
            state, x = _plain(state), _plain(x)
        try:
            return self._network.step(state, x)
        except (TypeError, ValueError):
            return self._network.step(_plain(state), _plain(x))

    def carry(self, state: State) -> Carry:
        """The state as the carry that `elman.unroll` takes, or of a stack the tuple of its layers' carries."""
        structure = jax.eval_shape(lambda: tuple(start_carry(cell, 1) for cell in self.cells))
        batch, at, leaves = len(state) // self._size, 0, []
        for leaf in jax.tree.leaves(structure):
            size = batch * leaf.shape[1]
            leaves.append(state[at : at + size].reshape(batch, -1))
            at += size
        carry = jax.tree.unflatten(jax.tree.structure(structure), leaves)
        return carry[0] if self._alone else carry

    def state(self, carry: Any) -> State:
        """The state for a carry of `elman.unroll`, or of a stack."""
        return np.concatenate([np.asarray(leaf, np.float32).ravel() for leaf in jax.tree.leaves(carry)])


def _plain(array: Any) -> np.ndarray:
    """A copy in plain memory."""
    return np.array(array, np.float32, order="C")
