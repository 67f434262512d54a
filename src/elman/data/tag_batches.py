"""Batches of tagged sentences: words by id, and each distinct word of a batch spelt out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman.data.buckets import Bucketed, Buckets, pad
from elman.data.tag_codec import LETTERS, TagCodec
from elman.data.tagged import Tagged


class TagBatch(NamedTuple):
    """Sentences as arrays. `spellings` gives, for every word, its row in `letters`; row 0 is an empty word, which
    padding has."""

    words: Integer[np.ndarray, "batch time"]
    spellings: Integer[np.ndarray, "batch time"]
    letters: Integer[np.ndarray, "spelling letter"]
    letter_counts: Integer[np.ndarray, " spelling"]
    lengths: Integer[np.ndarray, " batch"]
    tags: Integer[np.ndarray, "batch time"]
    weights: Float[np.ndarray, "batch time"]
    """0 at padding and where the tag was not there in training."""


class TagBatches:
    """Sentences in batches of like length, `batch_words` words and padding in each.

    >>> codec = TagCodec.of([Tagged(("a", "cat"), ("DET", "NOUN"))])
    >>> batches = TagBatches([Tagged(("a", "a", "dog"), ("DET", "DET", "VERB"))], codec, batch_words=4)
    >>> batch = batches.at(0)
    >>> batch.words.tolist(), batch.spellings.tolist(), batch.letter_counts.tolist()
    ([[2, 2, 1, 0]], [[1, 1, 2, 0]], [0, 1, 3])
    >>> batch.tags.tolist(), batch.weights.tolist()
    ([[0, 0, 0, 0]], [[1.0, 1.0, 0.0, 0.0]])
    """

    def __init__(
        self,
        sentences: Sequence[Tagged],
        codec: TagCodec,
        *,
        batch_words: int,
        word_dropout: float = 0.0,
        seed: int = 0,
        shuffle: bool = False,
    ):
        """With `word_dropout` a, a word that is n times in `sentences` is taken for an unknown one with probability
        a / (a + n), so that the model learns what to make of those (Kiperwasser and Goldberg, 2016)."""
        self._seed = seed
        self._buckets = Buckets(
            [len(sentence.words) for sentence in sentences], batch_tokens=batch_words, seed=seed, shuffle=shuffle
        )
        forms = {word: place for place, word in enumerate(sorted({w for s in sentences for w in s.words}))}
        self._letters, self._letter_counts = pad([codec.letter_ids(w) for w in forms], rows=len(forms), length=LETTERS)
        self._forms = [np.array([forms[word] for word in sentence.words], np.int32) for sentence in sentences]
        self._words = [codec.word_ids(sentence.words) for sentence in sentences]
        self._tags = [codec.tag_ids(sentence.tags) for sentence in sentences]
        counts = Counter[int]()
        for ids in self._words:
            counts.update(ids.tolist())
        self._doubt = np.zeros(len(codec.words), np.float32)
        if word_dropout:
            seen = np.array([counts[word] for word in range(len(codec.words))])
            self._doubt = (word_dropout / (word_dropout + seen)).astype(np.float32)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._buckets)

    def at(self, step: int) -> TagBatch:
        """The batch of a step, counted over all epochs; any order gives the same batches."""
        return self._batch(self._buckets.at(step), step)

    def indices(self, step: int) -> list[int]:
        """Which sentences the rows of that batch are."""
        return self._buckets.at(step).indices

    def _batch(self, bucket: Bucketed, step: int) -> TagBatch:
        words, lengths = pad([self._words[i] for i in bucket.indices], rows=bucket.rows, length=bucket.length)
        tags, _ = pad([self._tags[i] for i in bucket.indices], rows=bucket.rows, length=bucket.length)
        forms, _ = pad([self._forms[i] + 1 for i in bucket.indices], rows=bucket.rows, length=bucket.length)
        doubt = self._doubt[words]
        if doubt.any():
            words = np.where(np.random.default_rng((self._seed, step)).random(doubt.shape) < doubt, 1, words)
        real = np.arange(bucket.length) < lengths[:, None]
        present, spellings = np.unique(np.concatenate([[0], forms.ravel()]), return_inverse=True)
        count = _rows(len(present), forms.size)
        letters, letter_counts = np.zeros((count, LETTERS), np.int32), np.zeros(count, np.int32)
        letters[1 : len(present)] = self._letters[present[1:] - 1]
        letter_counts[1 : len(present)] = self._letter_counts[present[1:] - 1]
        return TagBatch(
            words=np.where(real, words, 0).astype(np.int32),
            spellings=spellings[1:].reshape(forms.shape).astype(np.int32),
            letters=letters,
            letter_counts=letter_counts,
            lengths=lengths,
            tags=np.maximum(tags, 0),
            weights=(real & (tags >= 0)).astype(np.float32),
        )


def _rows(spellings: int, words: int) -> int:
    """Rows for the distinct words of a batch: a half of its words, or all; few sizes are few shapes to compile."""
    half = words // 2 + 1
    return half if spellings <= half else words + 1
