"""The recurrent language model: it predicts the next token from all previous ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._module import Module
from elman._types import Carry
from elman.cells import Cell
from elman.layers import Dense, Embedding, Stack
from elman.layers.chain import Chain, Dropout, dense, stack_parts
from elman.layers.graph import Graph, Input
from elman.ops.dropout import variational_dropout

EMBEDDING_DEVIATION = 1.0
"""With Adam a weight moves by about the learning rate, whatever its gradient; so the larger the vectors, the more a
step of the input kernel changes. `docs/benchmarks.md` has what 0.3, 1 and 2 gave."""


class TiedHead(Module):
    """A head that shares its weights with the embedding (Press and Wolf, 2017) and adds only a bias."""

    bias: Float[Array, " vocab"]

    def __init__(self, vocab: int):
        self.bias = jnp.zeros(vocab)

    def __call__(
        self, hidden: Float[Array, "batch time feature"], table: Float[Array, "vocab feature"]
    ) -> Float[Array, "batch time vocab"]:
        """The logits, hidden table^T + b."""
        with jax.named_scope("output"):
            return hidden @ table.T + self.bias


class LanguageModel(Module):
    """embedding -> dropout -> recurrent layers -> logits of the next token.

    With `tied`, the last layer has the embedding's width and the head shares the embedding's weights.
    """

    embedding: Embedding
    layers: Stack
    head: Dense | TiedHead
    input_dropout: float = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        *,
        vocab: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        tied: bool = False,
        key: PRNGKeyArray,
    ):
        embedding_key, head_key, *cell_keys = jr.split(key, 2 + num_layers)
        cells, size = [], embedding_size
        for layer, cell_key in enumerate(cell_keys, start=1):
            wanted = embedding_size if tied and layer == num_layers else hidden_size
            cells.append(cell(size, wanted, key=cell_key))
            size = cells[-1].hidden_size
        # A tied table is the head's kernel too, whose logits should begin small.
        deviation = 0.3 if tied else EMBEDDING_DEVIATION
        self.embedding = Embedding(vocab, embedding_size, deviation=deviation, key=embedding_key)
        self.layers = Stack(tuple(cells), layer_norm=layer_norm, residual=residual, dropout=dropout)
        self.head = TiedHead(vocab) if tied else Dense(size, vocab, key=head_key)
        self.input_dropout = input_dropout

    def init_carry(self, batch: int) -> tuple[Carry, ...]:
        """The state before the first token of `batch` texts."""
        return self.layers.init_carry(batch)

    def __call__(
        self,
        ids: Int[Array, "batch time"],
        carry: tuple[Carry, ...],
        *,
        lengths: Int[Array, " batch"] | None = None,
        key: PRNGKeyArray | None = None,
    ) -> tuple[tuple[Carry, ...], Float[Array, "batch time vocab"]]:
        """The last state, and the logits of the token after each of `ids`; `key=None` means no dropout."""
        input_key, layers_key = (None, None) if key is None else jr.split(key)
        xs = variational_dropout(self.embedding(ids), self.input_dropout, key=input_key)
        carry, hidden = self.layers(xs, carry, lengths=lengths, key=layers_key)
        return carry, self._logits(hidden)

    def activations(
        self, ids: Int[Array, "batch time"], carry: tuple[Carry, ...]
    ) -> list[tuple[str, Float[Array, "batch time _"]]]:
        """The outputs of each part of the model, by name, in the order of computation."""
        xs = self.embedding(ids)
        _, outputs = self.layers.outputs(xs, carry)
        layers = [(f"layers.cells.{layer}", ys) for layer, ys in enumerate(outputs)]
        return [("embedding", xs), *layers, ("head", self._logits(outputs[-1]))]

    def as_chain(self) -> Chain:
        """The network as layers one after the other; a tied head has the embedding's weights as its own."""
        dropout = {"input_dropout": Dropout(self.input_dropout)} if self.input_dropout else {}
        tied = isinstance(self.head, TiedHead)
        head = dense(self.embedding.table.T, self.head.bias) if tied else self.head
        return Chain({"embedding": self.embedding, **dropout, **stack_parts(self.layers), "head": head})

    def graphs(self) -> dict[str, Graph]:
        """Reads tokens from a state on, and gives the logits of the token after each."""

        def read(state: Any, tokens: Array, lengths: Array) -> tuple[Any, dict[str, Array]]:
            state, logits = self(tokens, state, lengths=lengths)
            return state, {"logits": logits}

        inputs = {"tokens": Input(("batch", "time"), len(self.embedding.table)), "lengths": Input(("batch",), "time")}
        return {"model": Graph(read, inputs, self.init_carry)}

    def _logits(self, hidden: Array) -> Array:
        return self.head(hidden, self.embedding.table) if isinstance(self.head, TiedHead) else self.head(hidden)
