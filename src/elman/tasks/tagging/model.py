"""The recurrent tagger: bidirectional layers over each word's vector and spelling, and a score for every tag (Ling et
al., 2015; Lample et al., 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from elman._module import Module
from elman.cells import Cell
from elman.layers import Bidirectional, Dense, Embedding, Stack
from elman.layers.crf import TagChain
from elman.layers.graph import Graph, Input
from elman.layers.recurrent import final, make_layers, run
from elman.ops.dropout import variational_dropout
from elman.tasks.language_modelling.readers import LanguageReaders


class Speller(Module):
    """Computes a word's vector from its letters: the last outputs of a cell that reads forwards and of one that reads
    backwards.
    """

    letters: Embedding
    reader: Bidirectional

    def __init__(self, cell: Callable[..., Cell], *, letters: int, size: int, hidden_size: int, key: PRNGKeyArray):
        """`hidden_size` units for each of the two cells."""
        letters_key, ahead_key, back_key = jr.split(key, 3)
        self.letters = Embedding(letters, size, key=letters_key)
        self.reader = Bidirectional(cell(size, hidden_size, key=ahead_key), cell(size, hidden_size, key=back_key))

    def __call__(
        self,
        letters: Int[Array, "spelling letter"],
        counts: Int[Array, " spelling"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "spelling feature"]:
        """The vectors of words given by their letters; zeros for words without letters."""
        _, ys = run(self.reader, self.letters(letters), lengths=counts, key=key)
        return final(self.reader, ys, lengths=counts)


class TaggingModel(Module):
    """(word vector, spelling) -> dropout -> bidirectional layers -> scores of tags. Language models may compute the
    word vectors, which then depend on the context (Peters et al., 2017).

    `chain` scores transitions between tags; `elman.ops.crf` combines them with the scores of tags.
    """

    embedding: Embedding | LanguageReaders
    speller: Speller
    layers: Stack
    head: Dense
    chain: TagChain
    input_dropout: float = eqx.field(static=True)

    def __init__(
        self,
        cell: Callable[..., Cell],
        *,
        words: int,
        letters: int,
        tags: int,
        embedding_size: int,
        letter_size: int,
        letter_hidden_size: int,
        hidden_size: int,
        num_layers: int,
        crf: bool,
        allowed: Bool[np.ndarray, "before after"] | None = None,
        readers: LanguageReaders | None = None,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        key: PRNGKeyArray,
    ):
        """`hidden_size` and `letter_hidden_size` are for each direction; `readers` replace the embedding."""
        embedding_key, speller_key, head_key, *layer_keys = jr.split(key, 3 + num_layers)
        self.embedding = Embedding(words, embedding_size, key=embedding_key) if readers is None else readers
        self.speller = Speller(cell, letters=letters, size=letter_size, hidden_size=letter_hidden_size, key=speller_key)
        word_size = embedding_size if readers is None else readers.hidden_size
        size = word_size + self.speller.reader.hidden_size
        layers = make_layers(cell, size, hidden_size, bidirectional=True, keys=layer_keys)
        self.layers = Stack(layers, dropout=dropout)
        self.head = Dense(layers[-1].hidden_size, tags, key=head_key)
        self.chain = TagChain(tags, learned=crf, allowed=allowed)
        self.input_dropout = input_dropout

    def __call__(
        self,
        words: Int[Array, "batch time"],
        spellings: Int[Array, "batch time"],
        letters: Int[Array, "spelling letter"],
        letter_counts: Int[Array, " spelling"],
        lengths: Int[Array, " batch"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "batch time tag"]:
        """The scores of every tag for every word. `spellings` gives each word's row in `letters`; `key=None` means no
        dropout.
        """
        return self.activations(words, spellings, letters, letter_counts, lengths, key=key)[-1][1]

    def graphs(self) -> dict[str, Graph]:
        """Reads sentences, with the letters of their distinct words, and gives the scores of tags; the best sequence of
        tags also needs the transitions of the codec."""

        def read(state: Any, words: Any, spellings: Any, letters: Any, letter_counts: Any, lengths: Any) -> Any:
            return state, {"scores": self(words, spellings, letters, letter_counts, lengths)}

        readers = isinstance(self.embedding, LanguageReaders)
        vocab = self.embedding.vocab if readers else len(self.embedding.table)
        inputs = {
            "words": Input(("batch", "time"), vocab),
            "spellings": Input(("batch", "time"), "spelling"),
            "letters": Input(("spelling", "letter"), len(self.speller.letters.table)),
            "letter_counts": Input(("spelling",), "letter"),
            "lengths": Input(("batch",), "time"),
        }
        return {"model": Graph(read, inputs)}

    def activations(
        self,
        words: Int[Array, "batch time"],
        spellings: Int[Array, "batch time"],
        letters: Int[Array, "spelling letter"],
        letter_counts: Int[Array, " spelling"],
        lengths: Int[Array, " batch"],
        *,
        key: PRNGKeyArray | None = None,
    ) -> list[tuple[str, Array]]:
        """The outputs of each part of the model, by name, in the order of computation; the scores come last."""
        speller_key, input_key, layers_key = (None, None, None) if key is None else jr.split(key, 3)
        if isinstance(self.embedding, LanguageReaders):
            readers_key = None if key is None else jr.fold_in(key, 1)
            vectors = self.embedding(words, lengths=lengths, key=readers_key)
        else:
            vectors = self.embedding(words)
        spelt = self.speller(letters, letter_counts, key=speller_key)
        xs = jnp.concatenate([vectors, spelt[spellings]], axis=-1)
        xs = variational_dropout(xs, self.input_dropout, key=input_key)
        _, outputs = self.layers.outputs(xs, self.layers.init_carry(words.shape[0]), lengths=lengths, key=layers_key)
        layers = [(f"layers.cells.{layer}", ys) for layer, ys in enumerate(outputs)]
        return [("embedding", vectors), ("speller", spelt), *layers, ("head", self.head(outputs[-1]))]
