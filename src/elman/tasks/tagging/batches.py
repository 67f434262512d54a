"""Batches of tagged sentences: the ids of words, and the letters of each distinct word of a batch once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman.tasks.buckets import BucketBatch, Buckets, pad
from elman.tasks.tagging.codec import LETTERS, TagCodec
from elman.tasks.tagging.reading import TaggedWords

EVALUATION_WORDS = 4096
"""Words in a batch of evaluation, padding included."""


class TagBatch(NamedTuple):
    """The arrays of a batch of sentences. `spellings` gives each word's row in `letters`; row 0 is the empty word of
    padding."""

    words: Integer[np.ndarray, "batch time"]
    spellings: Integer[np.ndarray, "batch time"]
    letters: Integer[np.ndarray, "spelling letter"]
    letter_counts: Integer[np.ndarray, " spelling"]
    lengths: Integer[np.ndarray, " batch"]
    tags: Integer[np.ndarray, "batch time"]
    weights: Float[np.ndarray, "batch time"]
    """The weight of each tag: 0 at padding and at tags that did not appear in training, else 1."""


class TagBatches:
    """Batches of sentences of similar length, with up to `batch_words` words and padding in each.

    >>> codec = TagCodec.of([TaggedWords(("a", "cat"), ("DET", "NOUN"))])
    >>> batches = TagBatches([TaggedWords(("a", "a", "dog"), ("DET", "DET", "VERB"))], codec, batch_words=4)
    >>> batch = batches.at(0)
    >>> batch.words.tolist(), batch.spellings.tolist(), batch.letter_counts.tolist()
    ([[2, 2, 1, 0]], [[1, 1, 2, 0]], [0, 1, 3])
    >>> batch.tags.tolist(), batch.weights.tolist()
    ([[0, 0, 0, 0]], [[1.0, 1.0, 0.0, 0.0]])
    """

    def __init__(
        self,
        sentences: Sequence[TaggedWords],
        codec: TagCodec,
        *,
        batch_words: int,
        word_dropout: float = 0.0,
        seed: int = 0,
        shuffle: bool = False,
    ):
        """Encodes the sentences and groups them by length. With `word_dropout` a, a word that appears n times in
        `sentences` is replaced by the unknown word with probability a / (a + n), so that the model learns to treat
        unknown words (Kiperwasser and Goldberg, 2016)."""
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
        """The number of batches in an epoch."""
        return len(self._buckets)

    def at(self, step: int) -> TagBatch:
        """The batch of a step, counted over all epochs; any order gives the same batches."""
        return self._batch(self._buckets.at(step), step)

    def indices(self, step: int) -> list[int]:
        """The indices of the sentences in the rows of the batch of a step."""
        return self._buckets.at(step).indices

    def _batch(self, bucket: BucketBatch, step: int) -> TagBatch:
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
    """The number of rows for the distinct words of a batch: half of its words or all, so that few shapes are
    compiled."""
    half = words // 2 + 1
    return half if spellings <= half else words + 1
