"""The recurrent classifier: one class for a whole sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._errors import ConfigError
from elman._module import Module
from elman.cells import Cell
from elman.layers import Dense, Embedding, Stack
from elman.layers.chain import Chain, Dropout, stack_parts
from elman.layers.conv import TimeConvolution
from elman.layers.graph import Graph, Input
from elman.layers.pooling import Pooling, PoolingName, make_pooling
from elman.layers.recurrent import make_layers, run
from elman.ops.dropout import variational_dropout
from elman.tasks.language_modelling.readers import LanguageReaders

Tokens = Int[Array, "batch *piece time"]
Numbers = Float[Array, "batch time channel"]


class Reader(Module):
    """A recurrent layer and a pooling that make one vector of each piece, such as a word's characters."""

    layer: Any  # a Recurrent
    pooling: Pooling

    def __call__(
        self,
        xs: Float[Array, "pieces time feature"],
        *,
        lengths: Int[Array, " pieces"] | None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "pieces hidden"]:
        """The vectors of pieces. Each piece starts from the initial state; one of length 0 gives zeros."""
        _, ys = run(self.layer, xs, lengths=lengths, key=key)
        return self.pooling(ys, lengths=lengths)


class ClassificationModel(Module):
    """embedding -> dropout -> (convolution) -> (a reader of pieces) -> recurrent layers -> pooling -> logits.

    The embedding is a table of token vectors, or a linear map of each step's channels for numeric series; language
    models may replace it.

    >>> import jax, jax.numpy as jnp
    >>> from elman.cells import LSTM
    >>> model = ClassificationModel(LSTM, vocab=10, classes=3, embedding_size=4, hidden_size=5, key=jax.random.key(0))
    >>> model(jnp.ones((2, 6), int), jnp.array([6, 2])).shape
    (2, 3)
    """

    embedding: Embedding | Dense | LanguageReaders
    convolution: TimeConvolution | None
    reader: Reader | None
    layers: Stack
    pooling: Pooling
    head: Dense
    input_dropout: float = eqx.field(static=True)
    word_dropout: float = eqx.field(static=True)
    unknown: int = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        *,
        vocab: int = 0,
        channels: int = 0,
        classes: int,
        embedding_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = True,
        pooling: PoolingName = "max",
        convolution: int = 0,
        convolution_pool: int = 1,
        piece_size: int = 0,
        input_dropout: float = 0.0,
        word_dropout: float = 0.0,
        dropout: float = 0.0,
        unknown: int = 0,
        readers: LanguageReaders | None = None,
        key: PRNGKeyArray,
    ):
        """`vocab`: tokens, or 0 for series of `channels`; `convolution`: width of a convolution before the layers, 0
        for none, max-pooled over every `convolution_pool` steps; `piece_size`: units of the layer that reads a piece,
        0 where sequences are not in pieces; `word_dropout`: the share of ids that become `unknown` in training, so
        that the unknown word's vector is learned too; `readers`: language models that replace the embedding, with
        dropout of their own."""
        keys = jr.split(key, 6)

        size = embedding_size if readers is None else readers.hidden_size
        if readers is not None:
            self.embedding = readers
        else:
            self.embedding = Embedding(vocab, size, key=keys[0]) if vocab else Dense(channels, size, key=keys[0])
        self.convolution = None
        if convolution:
            self.convolution = TimeConvolution(size, size, width=convolution, pool=convolution_pool, key=keys[1])
        self.reader = None
        if piece_size:
            (below,) = make_layers(cell, size, piece_size, bidirectional=bidirectional, keys=[keys[2]])
            self.reader = Reader(below, make_pooling(pooling, below, key=jr.fold_in(keys[2], 1)))
            size = below.hidden_size
        layer_keys = jr.split(keys[3], num_layers)
        layers = make_layers(cell, size, hidden_size, bidirectional=bidirectional, keys=layer_keys)
        self.layers = Stack(layers, dropout=dropout)
        self.pooling = make_pooling(pooling, layers[-1], key=keys[4])
        self.head = Dense(layers[-1].hidden_size, classes, key=keys[5])
        self.input_dropout, self.word_dropout, self.unknown = input_dropout, word_dropout, unknown

    def __call__(
        self,
        values: Tokens | Numbers,
        outer: Int[Array, " batch"],
        inner: Int[Array, "batch piece"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "batch classes"]:
        """The logits; `key=None` means no dropout.

        Args:
            values: tokens, tokens of pieces, or the values of a series.
            outer: length of each sequence, in steps or in pieces.
            inner: length of each piece, in tokens; 0 for padding.
            key: for dropout and the noise of cells.
        """
        return self.activations(values, outer, inner, key=key)[-1][1]

    def activations(
        self,
        values: Tokens | Numbers,
        outer: Int[Array, " batch"],
        inner: Int[Array, "batch piece"] | None = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> list[tuple[str, Array]]:
        """The outputs of each part of the model, by name, in the order of computation; the logits come last."""
        word_key, input_key, reader_key, layers_key = (None,) * 4 if key is None else jr.split(key, 4)
        steps = outer if inner is None else inner.reshape(-1)
        flat = values if inner is None else values.reshape(steps.shape[0], values.shape[2])
        xs = self._embed(self._with_unknown(flat, word_key), steps, input_key)
        outputs_by_name = [("embedding", xs)]
        if self.convolution is not None:
            xs, steps = self.convolution(xs, lengths=steps)
            outputs_by_name.append(("convolution", xs))
        if self.reader is not None:
            xs = self.reader(xs, lengths=steps, key=reader_key).reshape(*values.shape[:2], -1)
            outputs_by_name.append(("reader", xs))
            steps = outer
        _, outputs = self.layers.outputs(xs, self.layers.init_carry(xs.shape[0]), lengths=steps, key=layers_key)
        outputs_by_name += [(f"layers.cells.{layer}", ys) for layer, ys in enumerate(outputs)]
        pooled = self.pooling(outputs[-1], lengths=steps)
        return [*outputs_by_name, ("pooling", pooled), ("head", self.head(pooled))]

    def as_chain(self) -> Chain:
        """The network as layers one after the other.

        Raises:
            ConfigError: a network that reads pieces, starts from language models or has a convolution.
        """
        others = {"a convolution": self.convolution, "a reader of pieces": self.reader}
        others["language models"] = self.embedding if isinstance(self.embedding, LanguageReaders) else None
        if names := [name for name, part in others.items() if part is not None]:
            raise ConfigError(f"the network has {' and '.join(names)}, so it is no row of layers; export it to ONNX")
        dropout = {"input_dropout": Dropout(self.input_dropout)} if self.input_dropout else {}
        layers = stack_parts(self.layers)
        return Chain({"embedding": self.embedding, **dropout, **layers, "pooling": self.pooling, "head": self.head})

    def graphs(self) -> dict[str, Graph]:
        """Reads sequences, or pieces of tokens with the length of each, and gives the logits of the classes."""

        def read(state: Any, values: Array, lengths: Array, piece_lengths: Any = None) -> tuple[Any, dict[str, Array]]:
            return state, {"logits": self(values, lengths, piece_lengths)}

        lengths = {"lengths": Input(("batch",), "time" if self.reader is None else "piece")}
        if isinstance(self.embedding, Dense):
            return {"model": Graph(read, {"values": Input(("batch", "time", len(self.embedding.kernel))), **lengths})}
        readers = isinstance(self.embedding, LanguageReaders)
        vocab = self.embedding.vocab if readers else len(self.embedding.table)
        if self.reader is None:
            return {"model": Graph(read, {"values": Input(("batch", "time"), vocab), **lengths})}
        pieces = {"piece_lengths": Input(("batch", "piece"), "time")}
        return {"model": Graph(read, {"values": Input(("batch", "piece", "time"), vocab), **lengths, **pieces})}

    def _embed(self, values: Array, lengths: Array, key: PRNGKeyArray | None) -> Float[Array, "batch time feature"]:
        if isinstance(self.embedding, LanguageReaders):
            return self.embedding(values, lengths=lengths, key=key)
        return variational_dropout(self.embedding(values), self.input_dropout, key=key)

    def _with_unknown(self, ids: Array, key: PRNGKeyArray | None) -> Array:
        if key is None or not self.word_dropout:
            return ids
        return jnp.where(jr.bernoulli(key, self.word_dropout, ids.shape), self.unknown, ids)
