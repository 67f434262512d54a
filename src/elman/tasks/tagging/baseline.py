"""The most frequent tag of each word, beside which a tagger is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer

from elman.tasks.baseline import Baseline
from elman.tasks.data import Data
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.metrics import TaggingMetrics
from elman.tasks.tagging.reading import TaggedWords


def frequent_tags(data: Data) -> Baseline:
    """For each word the tag that it has most often in the training part; for a word that is not there, the most
    frequent tag of all. The probabilities are those shares, with one more tag for each word that is dealt out as the
    tags of all words are, each counted once more."""
    codec, train, validation = data.codec, data.train.examples, data.validation.examples
    words, asked = _word_ids(train, codec), _word_ids(validation, codec)
    counts = np.zeros((len(codec.words), len(codec.tags)))
    np.add.at(counts, (np.concatenate(words), codec.tag_ids([tag for one in train for tag in one.tags])), 1)
    every = counts.sum(axis=0)
    best = np.where(counts.any(axis=1), counts.argmax(axis=1), every.argmax())
    shares = (counts + (every + 1) / (every.sum() + len(every))) / (counts.sum(axis=1, keepdims=True) + 1)
    predictions = [[codec.tags[tag] for tag in best[ids]] for ids in asked]
    truth = codec.tag_ids([tag for one in validation for tag in one.tags])
    nats = -np.log(shares[np.concatenate(asked), truth])[truth >= 0]
    metrics = TaggingMetrics.of(predictions, validation, codec, nats_per_word=float(nats.sum() / max(len(nats), 1)))
    spans = metrics.spans
    measure, count = ("accuracy", metrics.words) if spans is None else ("f1", sum(spans.truth))
    return Baseline.of("the most frequent tag of each word", metrics, measure=measure, rising=True, count=count)


def _word_ids(sentences: Sequence[TaggedWords], codec: TagCodec) -> list[Integer[np.ndarray, " time"]]:
    """The ids of the words of each sentence; each different word is looked up once."""
    places = {word: place for place, word in enumerate({word for one in sentences for word in one.words})}
    ids = codec.word_ids([*places])
    return [ids[[places[word] for word in one.words]] for one in sentences]


def same_for_all(metrics: TaggingMetrics) -> Sequence[str]:
    """The verdict on a tagger that has one tag for every word, or marks no span, though there are several, or some."""
    if metrics.spans is not None:
        return ["marks no span"] if sum(metrics.spans.truth) and not sum(metrics.spans.found) else []
    return ["predicts one tag only, for every word"] if metrics.different == 1 and metrics.accuracy < 1 else []
