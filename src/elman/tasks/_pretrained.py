"""Tasks that may start from what others learned: vectors of words, or the layers of language models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from msgspec import Meta

from elman._errors import ConfigError
from elman.tasks._task import Task

if TYPE_CHECKING:
    from elman.data.vectors import Vectors


class KnownWords(NamedTuple):
    """The words that rows of an embedding stand for."""

    words: tuple[str, ...]
    first: int
    """The row of the first; those before it stand for no word."""
    added: int
    """How many, at the end, were not in the training part but came with vectors."""


class Pretrained(Task, frozen=True, kw_only=True):
    """Settings for pretrained weights, and what follows from them. Words are the rows of the model's `embedding`."""

    vectors: str = ""
    """A file of word vectors to start from: fastText .bin or .vec, word2vec or GloVe, also .gz or .xz. The embedding
    then has their width."""
    vectors_train: Literal["frozen", "trained"] | Annotated[int, Meta(ge=1)] = "trained"
    """Whether those vectors are trained: frozen, trained, or after so many epochs."""
    vectors_words: Annotated[int, Meta(ge=0)] = 50_000
    """Words of that file that the model keeps though no text to train on has them, the most frequent first."""

    def __post_init__(self) -> None:
        Task.__post_init__(self)
        if self.vectors_train != "trained" and not self.vectors:
            raise ConfigError(f"vectors_train: {self.vectors_train} is for vectors; name their file with vectors")

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

    def begun(self, model: Any, codec: Any) -> tuple[Any, str]:
        """`model` with the vectors of its words, and how many were found. Other words keep their random start."""
        if not self.vectors:
            return model, ""
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

    def rates(self, epoch: int) -> Mapping[str, float]:
        """Vectors that are not trained yet have the rate 0."""
        waits = self.vectors_train == "frozen" or (isinstance(self.vectors_train, int) and epoch < self.vectors_train)
        return {"embedding": 0.0} if self.vectors and waits else {}


def _opened(place: str) -> Vectors:
    """The file, which stays indexed as long as it does not change."""
    path = Path(place)
    return _indexed(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=1)
def _indexed(path: Path, changed: int) -> Vectors:
    from elman.data.vector_files import open_vectors

    return open_vectors(path)
