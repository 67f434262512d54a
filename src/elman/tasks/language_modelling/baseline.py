"""Counts of tokens, pairs and triples (n-grams), beside which a language model is measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Integer

from elman.tasks.baseline import Baseline
from elman.tasks.data import Data
from elman.tasks.language_modelling.metrics import LanguageMetrics
from elman.words.streams import Tokens

AT_MOST = 500_000
"""Most tokens that are counted: the last of the training part."""

NAMES = ("frequencies of {}s", "frequencies of pairs of {}s", "frequencies of triples of {}s")
"""The names of the counts by the number of tokens in a group."""

PAIRS_ALONE = 1_000
"""The size of a vocabulary from which triples are too rare to count."""


def ngrams(data: Data, *, reverse: bool) -> Iterator[Baseline]:
    """Yields the baselines of groups of one, two and, in a small vocabulary, three tokens."""
    codec = data.codec
    train, validation = (_read(part.tokens, reverse=reverse) for part in (data.train, data.validation))
    for order in range(1, 3 if codec.size >= PAIRS_ALONE else 4):
        nats = float(-np.log(probabilities(train, validation, codec.size, order=order)).mean())
        metrics = LanguageMetrics(nats_per_token=nats, tokens=len(validation) - 1, unit=codec.unit)
        name = NAMES[order - 1].format(codec.unit)
        yield Baseline.of(name, metrics, measure="nats_per_token", count=metrics.tokens)


def probabilities(
    train: Integer[np.ndarray, " train"], text: Integer[np.ndarray, " text"], size: int, *, order: int
) -> Float[np.ndarray, " text-1"]:
    """The probability of each token of `text` but the first, given up to `order` - 1 tokens before it.

        p(c | a b) = (n(a b c) + d(a b) p(c | b)) / (n(a b) + d(a b)),  p(c) = (n(c) + 1) / (n + size)

    d counts the different tokens after `a b` (Witten and Bell, 1991).

    >>> probabilities(np.array([1, 2, 1, 2, 1]), np.array([1, 2, 2]), 3, order=1).round(3).tolist()
    [0.375, 0.375]
    """
    counts = np.bincount(train, minlength=size) + 1
    chances = (counts / counts.sum())[text[1:]]
    train, text = train.astype(np.uint64), text.astype(np.uint64)
    for length in range(2, order + 1):
        if len(text) < length or len(train) < length:
            break
        groups, asked = _groups(train, length, size), _groups(text, length, size)
        kinds, counts = np.unique(groups, return_counts=True)
        before, first, different = np.unique(kinds // np.uint64(size), return_index=True, return_counts=True)
        sums = np.add.reduceat(counts, first)
        whole, known = _at(asked, kinds, counts), _at(asked // np.uint64(size), before, sums)
        new, shorter = _at(asked // np.uint64(size), before, different), chances[length - 2 :]
        chances[length - 2 :] = np.where(known > 0, (whole + new * shorter) / np.maximum(known + new, 1), shorter)
    return chances


def _read(tokens: Tokens, *, reverse: bool) -> Integer[np.ndarray, " time"]:
    ids = tokens[max(0, len(tokens) - AT_MOST) :]
    return ids[::-1] if reverse else ids


def _groups(ids: Integer[np.ndarray, " time"], length: int, size: int) -> Integer[np.ndarray, " group"]:
    """A number for each group of consecutive tokens."""
    codes = np.zeros(len(ids) - length + 1, np.uint64)
    for place in range(length):
        codes = codes * np.uint64(size) + ids[place : place + len(codes)]
    return codes


def _at(
    asked: Integer[np.ndarray, " asked"], keys: Integer[np.ndarray, " key"], values: Integer[np.ndarray, " key"]
) -> Integer[np.ndarray, " asked"]:
    """The values of ascending keys; 0 for one that is not there."""
    places = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[places] == asked, values[places], 0)
