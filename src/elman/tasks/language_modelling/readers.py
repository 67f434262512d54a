"""Language models as readers: their outputs at each token are the inputs of a classifier or a tagger (Dai and Le, 2015;
Peters et al., 2017; Howard and Ruder, 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from elman._module import Module
from elman.layers import Embedding, Stack
from elman.ops.dropout import variational_dropout
from elman.tasks.language_modelling.model import LanguageModel


class LanguageReader(Module):
    """The embedding and the recurrent layers of a language model that reads forwards or backwards."""

    embedding: Embedding
    layers: Stack
    input_dropout: float = eqx.field(static=True)
    reverse: bool = eqx.field(static=True)

    def __init__(self, model: LanguageModel, *, reverse: bool):
        """`reverse`: `model` was trained to read backwards."""
        self.embedding, self.layers = model.embedding, model.layers
        self.input_dropout, self.reverse = model.input_dropout, reverse

    @property
    def hidden_size(self) -> int:
        """Features of an output."""
        return self.layers.cells[-1].hidden_size

    def __call__(
        self,
        ids: Int[Array, "batch time"],
        *,
        lengths: Int[Array, " batch"],
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "batch time hidden"]:
        """The top layer's output at every token, zero at padding. Every sequence starts from the initial state."""
        input_key, layers_key = (None, None) if key is None else jr.split(key)
        xs = self.embedding(reverse_sequences(ids, lengths) if self.reverse else ids)
        xs = variational_dropout(xs, self.input_dropout, key=input_key)
        _, ys = self.layers(xs, self.layers.init_carry(ids.shape[0]), lengths=lengths, key=layers_key)
        return reverse_sequences(ys, lengths) if self.reverse else ys


class LanguageReaders(Module):
    """Readers of the same tokens with concatenated outputs; those that read forwards come first."""

    readers: tuple[LanguageReader, ...]

    def __init__(self, readers: Sequence[LanguageReader]):
        self.readers = tuple(sorted(readers, key=lambda reader: reader.reverse))

    @property
    def vocab(self) -> int:
        """The number of tokens that the readers know."""
        return len(self.readers[0].embedding.table)

    @property
    def forward_size(self) -> int:
        """Features of an output that come from readers that read forwards."""
        return sum(reader.hidden_size for reader in self.readers if not reader.reverse)

    @property
    def hidden_size(self) -> int:
        """Features of an output."""
        return sum(reader.hidden_size for reader in self.readers)

    def __call__(
        self,
        ids: Int[Array, "batch time"],
        *,
        lengths: Int[Array, " batch"],
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "batch time hidden"]:
        """The concatenated outputs of all readers at every token; `key=None` means no dropout."""
        keys = [None] * len(self.readers) if key is None else list(jr.split(key, len(self.readers)))
        read = [reader(ids, lengths=lengths, key=k) for reader, k in zip(self.readers, keys, strict=True)]
        return jnp.concatenate(read, axis=-1)

    def depths(self) -> dict[str, int]:
        """The depth of each part below the outputs, by its name in this model: 1 for the top layers."""
        depths = {}
        for number, reader in enumerate(self.readers):
            count = len(reader.layers.cells)
            for layer in range(count):
                parts = ("cells",) if reader.layers.norms is None else ("cells", "norms")
                depths |= {f"readers.{number}.layers.{part}.{layer}": count - layer for part in parts}
            depths[f"readers.{number}.embedding"] = count + 1
        return depths


def reverse_sequences(xs: Array, lengths: Int[Array, " batch"]) -> Array:
    """Reverses each sequence in time; padding beyond `lengths` stays where it is.

    >>> reverse_sequences(jnp.array([[1, 2, 3, 0], [4, 5, 0, 0]]), jnp.array([3, 2])).tolist()
    [[3, 2, 1, 0], [5, 4, 0, 0]]
    """
    time, ends = jnp.arange(xs.shape[1]), lengths[:, None]
    places = jnp.where(time < ends, ends - 1 - time, time)
    return jnp.take_along_axis(xs, places.reshape(places.shape + (1,) * (xs.ndim - 2)), axis=1)
