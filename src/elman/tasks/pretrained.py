"""The base class of tasks that may start from pretrained weights: word vectors, or the layers of language models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import equinox as eqx
import jax.numpy as jnp
import msgspec

from elman._trust import remember
from elman._types import NormalForm
from elman.formats.vectors.files import open_vectors
from elman.formats.vectors.vectors import Vectors, match
from elman.tasks.language_modelling.readers import LanguageReaders
from elman.tasks.language_modelling.start import LanguageModels, open_language_models, start_readers
from elman.tasks.settings import PretrainedSettings
from elman.tasks.task import F, Task

VECTORS_RATE = 5.0
"""The default `vectors_rate`, chosen on the validation part of SST-2 with GloVe vectors (docs/benchmarks.md)."""


class KnownWords(NamedTuple):
    """The words of the rows of an embedding table."""

    words: tuple[str, ...]
    first: int
    """The row of the first word; the rows before it belong to no word."""
    added: int
    """The number of words, at the end, that come from the vectors' file and not from the training part."""


class Pretrained(PretrainedSettings, Task[F], frozen=True, kw_only=True):
    """Base class of tasks that may start from pretrained weights, which fill the part of the model called `embedding`:
    a table, or language models that read the text."""

    @abstractmethod
    def known_words(self, codec: Any) -> KnownWords:
        """The words of a codec."""

    def more_words(self) -> list[str]:
        """The words of the vectors' file that the model keeps, the most frequent first; none without vectors.

        Raises:
            DataError: a file that cannot be read.
        """
        return list(islice(self._open().words(), self.vectors_words)) if self.vectors else []

    def word_size(self, otherwise: int) -> int:
        """The embedding size: that of the vectors, or `otherwise` without vectors.

        Raises:
            DataError: a file that cannot be read.
        """
        return self._open().width if self.vectors else otherwise

    def language_models(self) -> LanguageModels | None:
        """The language models of `start_from`; None if it is empty.

        Raises:
            ArtefactError: not an artefact, or a damaged one.
            ConfigError: a model of another task, or several models of different vocabularies.
        """
        if not self.start_from:
            return None
        return open_language_models(tuple(self.start_from))

    def initialise(self, model: Any, codec: Any) -> tuple[Any, str]:
        """A new model with the weights of the language models, or with word vectors, and a line on them for people.
        Words without vectors keep their random weights."""
        if self.start_from:
            return self._with_language_models(model)
        return self._with_vectors(model, codec) if self.vectors else (model, "")

    def for_new_data(self, codec: Any) -> Self:
        """This task of a saved model as it reads other data: the model has its word vectors and language models, whose
        weights are trained like all others."""
        reading = self.reading_of(codec) if self.start_from else {}
        return msgspec.structs.replace(
            self, start_from=(), vectors="", vectors_train="trained", vectors_rate=None, **reading
        )

    @abstractmethod
    def reading_of(self, codec: Any) -> dict[str, Any]:
        """The settings by which the codec of a model that started from language models reads: theirs."""

    def unknown_rows(self, codec: Any) -> Mapping[str, int]:
        """The row of the unknown word in the embedding, or in the embeddings of language models."""
        return {"embedding": self.known_words(codec).first - 1}

    def rates(self, model: Any, epoch: int) -> Mapping[str, float]:
        """Factors of the learning rate: `vectors_rate` for word vectors, 0 while they are frozen; language models thaw
        from the top."""
        if self.start_from:
            return self._thaw_rates(model.embedding, epoch)
        waits = self.vectors_train == "frozen" or (isinstance(self.vectors_train, int) and epoch < self.vectors_train)
        return {"embedding": 0.0 if waits else self.vectors_rate or VECTORS_RATE} if self.vectors else {}

    def _open(self) -> Vectors:
        """Opens the file of word vectors; its index is cached as long as the file does not change."""
        path = Path(self.vectors)
        return _indexed(path, self.normal_form, path.stat().st_mtime_ns if path.is_file() else 0)

    def _with_language_models(self, model: Any) -> tuple[Any, str]:
        models = open_language_models(tuple(self.start_from))
        remember(models.imports)
        started = eqx.tree_at(lambda tree: tree.embedding, model, start_readers(model.embedding, models))
        known = f"{models.vocabulary.size:,} {models.vocabulary.kind}"
        return started, f"{', '.join(self.start_from)}: {known} and the layers that read them"

    def _with_vectors(self, model: Any, codec: Any) -> tuple[Any, str]:
        known, vectors = self.known_words(codec), self._open()
        table = jnp.asarray(model.embedding.table)
        matched = match(vectors, known.words)
        rows = table[known.first :]
        table = table.at[known.first :].set(jnp.where(matched.found[:, None], matched.matrix, rows))
        in_training = matched.first(len(known.words) - known.added)
        more = f", and {known.added:,} more of its words" if known.added else ""
        return eqx.tree_at(lambda tree: tree.embedding.table, model, table), f"{self.vectors}: {in_training}{more}"

    def _thaw_rates(self, readers: LanguageReaders, epoch: int) -> Mapping[str, float]:
        return {
            f"embedding.{part}": self.layer_rate**depth if epoch >= depth * self.thaw_epochs else 0.0
            for part, depth in readers.depths().items()
        }


@lru_cache(maxsize=1)
def _indexed(path: Path, form: NormalForm, changed: int) -> Vectors:
    return open_vectors(path, normal_form=form)
