"""A stack of recurrent layers."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._module import Module
from elman._types import Carry
from elman.layers.norm import LayerNorm
from elman.layers.recurrent import Recurrent, run, start
from elman.ops.dropout import variational_dropout
from elman.recurrence.unroll import Engine


class Stack(Module):
    """A stack of recurrent layers. Each is a norm (optional), then a cell unrolled over time or a `Bidirectional`, then
    a residual connection (optional, if the widths agree), then variational dropout. The carry is a tuple, one
    entry per layer.
    """

    cells: tuple[Any, ...]  # each a Recurrent
    norms: tuple[LayerNorm, ...] | None
    residual: bool = eqx.field(static=True)
    dropout: float = eqx.field(static=True)

    def __init__(
        self, cells: tuple[Recurrent, ...], *, layer_norm: bool = False, residual: bool = False, dropout: float = 0.0
    ):
        self.cells, self.residual, self.dropout = cells, residual, dropout
        self.norms = tuple(LayerNorm(cell.input_size) for cell in cells) if layer_norm else None

    def init_carry(self, batch: int) -> tuple[Carry, ...]:
        """The start state of every layer for `batch` sequences."""
        return tuple(start(cell, batch) for cell in self.cells)

    def __call__(
        self,
        xs: Float[Array, "batch time feature"],
        carry: tuple[Carry, ...],
        *,
        lengths: Int[Array, " batch"] | None = None,
        engine: Engine = "auto",
        key: PRNGKeyArray | None = None,
    ) -> tuple[tuple[Carry, ...], Float[Array, "batch time hidden"]]:
        """Runs the stack; returns the last carry and the top layer's outputs; `key=None` means no dropout."""
        carry, outputs = self.outputs(xs, carry, lengths=lengths, engine=engine, key=key)
        return carry, outputs[-1]

    def outputs(
        self,
        xs: Any,
        carry: tuple[Carry, ...],
        *,
        lengths: Any = None,
        engine: Engine = "auto",
        key: PRNGKeyArray | None = None,
    ) -> tuple[tuple[Carry, ...], list[Float[Array, "batch time hidden"]]]:
        """Runs the stack; returns the last carry and every layer's output."""
        keys = [None] * len(self.cells) if key is None else list(jax.random.split(key, len(self.cells)))
        last, outputs = [], []
        for layer, cell in enumerate(self.cells):
            layer_key = keys[layer]
            noise, dropout = (None, None) if layer_key is None else jax.random.split(layer_key)
            inputs = xs if self.norms is None else self.norms[layer](xs)
            layer_carry, ys = run(cell, inputs, carry[layer], lengths=lengths, engine=engine, key=noise)
            if self.residual and ys.shape == xs.shape:
                ys = ys + xs
            xs = variational_dropout(ys, self.dropout, key=dropout)
            last.append(layer_carry)
            outputs.append(xs)
        return tuple(last), outputs
