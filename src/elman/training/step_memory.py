"""The memory of a training step, from its compiled program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from elman._errors import byte_size
from elman._show import Shown


@dataclass(frozen=True)
class StepMemory(Shown):
    """The bytes of a training step; weights and the optimiser's state are replaced in place."""

    weights: int
    optimiser: int
    batch: int
    """The batch, and the state that goes on to the next one."""
    between: int
    """Bytes of the values that the step computes on its way: activations, gates and gradients."""

    @property
    def total(self) -> int:
        """All bytes together."""
        return self.weights + self.optimiser + self.batch + self.between

    def __str__(self) -> str:
        parts = {"weights": self.weights, "optimiser": self.optimiser, "batch": self.batch, "between": self.between}
        listed = ", ".join(f"{name} {byte_size(count)}" for name, count in parts.items())
        return f"a step takes {byte_size(self.total)} of memory: {listed}"


def step_memory(program: Any, arguments: tuple) -> StepMemory:
    """The memory of a step, compiled as `program`, with `arguments`: model, optimiser state, carry, batch and so on.

    >>> add = jax.jit(lambda model, state, carry, batch: (model + batch, state, carry))
    >>> arguments = jax.numpy.ones(1000), (), (), jax.numpy.ones(1000)
    >>> str(step_memory(add.lower(*arguments).compile(), arguments))
    'a step takes 12.0 kB of memory: weights 4.0 kB, optimiser 0.0 kB, batch 4.0 kB, between 4.0 kB'
    """
    model, optimiser, *rest = arguments
    sizes = [sum(leaf.nbytes for leaf in jax.tree.leaves(one)) for one in (model, optimiser, rest)]
    found = program.memory_analysis()
    whole = found.argument_size_in_bytes + found.output_size_in_bytes + found.temp_size_in_bytes
    return StepMemory(*sizes, max(0, whole - found.alias_size_in_bytes - sum(sizes)))
