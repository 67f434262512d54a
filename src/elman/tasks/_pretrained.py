"""Tasks that may start from what others learned: vectors of words, or the layers of language models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from elman._errors import ConfigError
from elman.tasks._task import F, Task

if TYPE_CHECKING:
    from elman.data.vectors import Vectors
    from elman.models.readers import LanguageReaders
    from elman.tasks._language_models import LanguageModels

    Places = str | tuple[str, ...]
else:
    Places = tuple[str, ...]


VECTORS_RATE = 5.0
"""Chosen on the validation part of SST-2 with GloVe vectors (docs/benchmarks.md)."""


class KnownWords(NamedTuple):
    """The words that rows of an embedding stand for."""

    words: tuple[str, ...]
    first: int
    """The row of the first; those before it stand for no word."""
    added: int
    """How many, at the end, were not in the training part but came with vectors."""


class Pretrained(Task[F], frozen=True, kw_only=True):
    """Settings for pretrained weights, and what follows from them. They are for the part of the model that is called
    `embedding`: a table, or language models that read the text."""

    vectors: str = ""
    """A file of word vectors to start from: fastText .bin or .vec, word2vec or GloVe, also .gz or .xz. The embedding
    then has their width."""
    vectors_train: Literal["frozen", "trained"] | Annotated[int, Meta(ge=1)] = "trained"
    """Whether those vectors are trained: frozen, trained, or after so many epochs."""
    vectors_rate: Annotated[float, Meta(gt=0)] | None = None
    """Multiple of the learning rate for those vectors, whose numbers are large beside a random start (5)."""
    vectors_words: Annotated[int, Meta(ge=0)] = 50_000
    """Words of that file that the model keeps though no text to train on has them, the most frequent first."""
    start_from: Places = ()
    """Language models to start from (--from for short): their vocabulary, embedding and layers. Of several, such as one
    that reads from the front and one trained with --reverse, the outputs are taken side by side."""
    thaw_epochs: Annotated[int, Meta(ge=0)] = 1
    """Epochs until one more layer of the language models is trained, from the top; 0 trains all from the start."""
    layer_rate: Annotated[float, Meta(gt=0, le=1)] = 0.4
    """What the learning rate of a layer of the language models is, as a share of that of the layer above."""

    def __post_init__(self) -> None:
        if isinstance(self.start_from, str):
            msgspec.structs.force_setattr(self, "start_from", (self.start_from,) if self.start_from else ())
        Task.__post_init__(self)
        if self.vectors_train != "trained" and not self.vectors:
            raise ConfigError(f"vectors_train: {self.vectors_train} is for vectors; name their file with vectors")
        if self.vectors_rate is not None and not self.vectors:
            raise ConfigError(f"vectors_rate: {self.vectors_rate:g} is for vectors; name their file with vectors")
        if self.vectors and self.start_from:
            raise ConfigError("vectors and start_from: a language model has vectors of its own; choose one")

    @abstractmethod
    def known_words(self, codec: Any) -> KnownWords:
        """The words of a codec."""

    def more_words(self) -> list[str]:
        """The words that the vectors bring, the most frequent first; none without vectors.

        Raises:
            DataError: a file that cannot be read.
        """
        return list(islice(_opened(self.vectors).words(), self.vectors_words)) if self.vectors else []

    def word_size(self, otherwise: int) -> int:
        """Features of a word: those of the vectors where there are some.

        Raises:
            DataError: a file that cannot be read.
        """
        return _opened(self.vectors).width if self.vectors else otherwise

    def language_models(self) -> LanguageModels | None:
        """What to start from; None where nothing was named.

        Raises:
            ArtefactError: not an artefact, or a damaged one.
            ConfigError: no language model, or several of different vocabularies.
        """
        if not self.start_from:
            return None
        from elman.tasks._language_models import open_language_models

        return open_language_models(tuple(self.start_from))

    def begun(self, model: Any, codec: Any) -> tuple[Any, str]:
        """`model` with the weights of the language models, or with the vectors of its words and how many were found.
        Other words keep their random start."""
        if self.start_from:
            return self._with_language_models(model)
        return self._with_vectors(model, codec) if self.vectors else (model, "")

    def rates(self, model: Any, epoch: int) -> Mapping[str, float]:
        """Vectors have a rate of their own, 0 while they are not trained; language models thaw from the top."""
        if self.start_from:
            return self._thawed(model.embedding, epoch)
        waits = self.vectors_train == "frozen" or (isinstance(self.vectors_train, int) and epoch < self.vectors_train)
        return {"embedding": 0.0 if waits else self.vectors_rate or VECTORS_RATE} if self.vectors else {}

    def _with_language_models(self, model: Any) -> tuple[Any, str]:
        import equinox as eqx

        from elman.tasks._language_models import open_language_models, start_readers

        models = open_language_models(tuple(self.start_from))
        started = eqx.tree_at(lambda tree: tree.embedding, model, start_readers(model.embedding, models))
        known = f"{models.vocabulary.size:,} {models.vocabulary.unit}s"
        return started, f"{', '.join(self.start_from)}: {known} and the layers that read them"

    def _with_vectors(self, model: Any, codec: Any) -> tuple[Any, str]:
        import equinox as eqx
        import jax.numpy as jnp

        from elman.data.vectors import match

        known, vectors = self.known_words(codec), _opened(self.vectors)
        table = jnp.asarray(model.embedding.table)
        matched = match(vectors, known.words)
        rows = table[known.first :]
        table = table.at[known.first :].set(jnp.where(matched.found[:, None], matched.matrix, rows))
        seen = matched.first(len(known.words) - known.added)
        more = f", and {known.added:,} more of its words" if known.added else ""
        return eqx.tree_at(lambda tree: tree.embedding.table, model, table), f"{self.vectors}: {seen}{more}"

    def _thawed(self, readers: LanguageReaders, epoch: int) -> Mapping[str, float]:
        return {
            f"embedding.{part}": self.layer_rate**depth if epoch >= depth * self.thaw_epochs else 0.0
            for part, depth in readers.depths().items()
        }


def _opened(place: str) -> Vectors:
    """The file, which stays indexed as long as it does not change."""
    path = Path(place)
    return _indexed(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=1)
def _indexed(path: Path, changed: int) -> Vectors:
    from elman.data.vector_files import open_vectors

    return open_vectors(path)
