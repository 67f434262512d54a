"""The cells that have native kernels, as the kernels know them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from elman.cells import GRU, LSTM, Cell, Elman, PeepholeLSTM, ProjectedLSTM, ResetBeforeGRU

WEIGHTS = ("kernel", "recurrent_kernel", "bias", "extra")
"""The weights in the kernels' order; the last is one that other cells do not have."""


class Kernel(NamedTuple):
    """The description of a cell for the kernels: `kernels/layer.h` has the blocks, `kernels/binding.cc` the order."""

    kind: int
    """The number of `Kind`."""
    gates: int
    """The blocks of columns in a weight."""
    kept: str
    """A letter for each block that the backward pass needs of a step, besides its outputs; a gate has its name."""
    extra: str | None = None
    """The name of the weight that other cells do not have."""
    packs: bool = True
    """Whether there is a kernel for packed weights."""
    zones: bool = False
    """Whether the kernel takes zoneout."""

    @property
    def weights(self) -> tuple[str, ...]:
        """The names of the cell's weights, in the order of `WEIGHTS`."""
        return (*WEIGHTS[:3], self.extra) if self.extra else WEIGHTS[:3]

    def memory(self, cell: Cell) -> int:
        """The units of a gate."""
        return len(cell.projection) if isinstance(cell, ProjectedLSTM) else cell.hidden_size


# By a cell's class and its activation, if it has one.
KERNELS = {
    (Elman, "tanh"): Kernel(0, 1, "", zones=True),
    (Elman, "relu"): Kernel(1, 1, ""),
    (GRU, None): Kernel(2, 3, "rznq", "recurrent_bias", zones=True),
    (LSTM, None): Kernel(3, 4, "ifgo", zones=True),
    (PeepholeLSTM, None): Kernel(4, 4, "ifgo", "peepholes"),
    (ResetBeforeGRU, "tanh"): Kernel(5, 3, "rznm", packs=False),
    (ResetBeforeGRU, "sigmoid"): Kernel(6, 3, "rznm", packs=False),
    (ResetBeforeGRU, "relu"): Kernel(7, 3, "rznm", packs=False),
    (ProjectedLSTM, None): Kernel(8, 4, "ifgom", "projection", packs=False),
}


def kernel_of(cell: Cell) -> Kernel | None:
    """The kernel of a cell. A subclass may step differently, so it has none."""
    return KERNELS.get((type(cell), getattr(cell, "activation", None)))


def described(cell: Cell) -> Kernel:
    """The kernel of a cell that has one."""
    kernel = kernel_of(cell)
    assert kernel, "`refusal` comes first"
    return kernel


def irregularity(cell: Cell) -> str | None:
    """The reason why the kernels, which read plain memory, cannot take a cell's weights; None if they can."""
    kernel, hidden, memory = described(cell), cell.hidden_size, described(cell).memory(cell)
    columns = kernel.gates * memory
    extras: dict[Any, tuple[int, ...]] = {"peepholes": (3 * hidden,), "projection": (memory, hidden)}
    shapes = ((cell.input_size, columns), (hidden, columns), (columns,), extras.get(kernel.extra, (hidden,)))
    for name, shape in zip(kernel.weights, shapes, strict=False):
        weight = getattr(cell, name)
        if jnp.shape(weight) != shape:
            return f"{name} has shape {jnp.shape(weight)}; the native kernel takes {shape}"
    dtypes = {str(jnp.result_type(getattr(cell, name))) for name in kernel.weights}
    if dtypes not in ({"float32"}, {"float64"}):
        return f"the native kernels are for weights of float32 or float64; these are {', '.join(sorted(dtypes))}"
    return None
