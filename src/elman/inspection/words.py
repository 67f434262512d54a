"""The vectors that a model has learned for the words (characters, ...) that it reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman._errors import ConfigError
from elman._types import NormalForm
from elman.formats.vectors.vectors import WordVectors
from elman.tasks.classification.codec import TextCodec
from elman.tasks.fitted import Fitted
from elman.tasks.language_modelling.readers import LanguageReaders
from elman.tasks.tagging.codec import TagCodec
from elman.words._vocabulary import form_of
from elman.words.vocabulary import Vocabulary


def word_vectors(fitted: Fitted) -> WordVectors:
    """The embedding of a trained model, with its words. A space before a word is removed; of equal words only the
    first, the most frequent, counts. For a model with pretrained language models, the embedding of the first of these.

    >>> task = elman.LanguageModelling(vocabulary="words", hidden_size=4, embedding_size=3, batch_size=4)
    >>> fitted = elman.fit(task, task.read_text("the cat sat on the mat . " * 100), steps=1, evaluations=1)
    >>> word_vectors(fitted).vector("cat").shape, len(word_vectors(fitted).neighbours("cat", 2))
    ((3,), 2)

    Raises:
        ConfigError: a model without an embedding of words.
    """
    tokens = _tokens(fitted.codec)
    if tokens is None:
        raise ConfigError(f"a model for {type(fitted.task).__name__} of this kind has no vectors of words")
    embedding = fitted.model.embedding
    if isinstance(embedding, LanguageReaders):
        embedding = embedding.readers[0].embedding
    rows = {token: row for row, token in reversed(list(enumerate(tokens))) if token}
    order = sorted(rows, key=lambda token: rows[token])
    table = np.asarray(embedding.table)[[rows[token] for token in order]]
    return WordVectors("the model", order, table, _form(fitted.codec))


def _form(codec: Any) -> NormalForm:
    """The normal form in which the model reads words."""
    return form_of(codec.reading.normal_form if isinstance(codec, TextCodec) else codec.normal_form)


def _tokens(codec: Any) -> list[str] | None:
    match codec:
        case TextCodec():
            return _tokens(codec.vocabulary)
        case TagCodec():
            return ["", "", *codec.words[2:]]
        case Vocabulary():
            tokens = [codec.token(row) for row in range(codec.size)]
            return [token.removeprefix(" ") if token.strip() else token for token in tokens]
    return None
