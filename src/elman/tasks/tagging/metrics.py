"""Measures of a tagger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from elman._errors import quantity
from elman._types import Whole
from elman.formats.results import ResultTable
from elman.metrics.measures import Measures, scores_of
from elman.metrics.saved import restore
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.reading import TaggedWords
from elman.tasks.tagging.span_scores import SpanScores

MISTAKES, MOST_TAGS, SHARE_FIGURES = 10, 40, 3
"""Most kinds of mistakes that a report names, most tags whose scores it shows, and the figures of these."""

UNKNOWN = 1
"""The id of words that are not in the vocabulary."""


@dataclass(frozen=True)
class TaggingMetrics(Measures):
    """Measures of a tagger's tags and, where tags mark spans, of its spans.

    >>> metrics = TaggingMetrics(accuracy=0.955, nats_per_word=0.2, words=1000, mistakes=(("NOUN", "PROPN", 12),))
    >>> print(metrics.report())
    accuracy 95.50%, 0.2000 nats per word, over 1,000 words
    most frequent mistakes: NOUN taken for PROPN 12
    """

    accuracy: float
    """Share of words whose tag is right; a tag that does not occur in the training part never is."""
    nats_per_word: float
    """Mean -log p(right tag), without tags that do not occur in the training part."""
    words: Whole
    spans: SpanScores | None = None
    unseen: tuple[tuple[str, int], ...] = ()
    """Tags that do not occur in the training part, with their counts in this part."""
    mistakes: tuple[tuple[str, str, int], ...] = ()
    """The most frequent mistakes: right tag, predicted tag, count."""
    different: Whole = 0
    """The number of different tags that are predicted; 0 where an earlier elman measured."""
    tags: tuple[tuple[str, int, int, int], ...] = ()
    """For each tag: its name, and the numbers of words for which it is right and predicted, predicted, and right; none
    in models that were saved before they were counted."""
    unknown: Whole = 0
    """The number of words that are not in the vocabulary."""
    unknown_right: Whole = 0
    """The number of these whose tag is right."""

    @classmethod
    def of(
        cls,
        predictions: Sequence[Sequence[str]],
        sentences: Sequence[TaggedWords],
        codec: TagCodec,
        *,
        nats_per_word: float,
    ) -> TaggingMetrics:
        """The measures of the predicted tags `found` of `sentences`."""
        truth = [sentence.tags for sentence in sentences]
        known, right, words = set(codec.tags), 0, 0
        both, predicted, true = Counter[str](), Counter[str](), Counter[str]()
        unknown = unknown_right = 0
        unseen, mistakes = Counter[str](), Counter[tuple[str, str]]()
        for ours, theirs in zip(predictions, truth, strict=True):
            words += len(theirs)
            unseen.update(tag for tag in theirs if tag not in known)
            wrong = [(tag, ours) for tag, ours in zip(theirs, ours, strict=True) if tag != ours]
            mistakes.update(wrong)
            right += len(theirs) - len(wrong)
            predicted.update(ours)
            true.update(theirs)
            both.update(tag for tag, own in zip(theirs, ours, strict=True) if tag == own)
        for sentence, ours in zip(sentences, predictions, strict=True):
            is_unknown = codec.word_ids(sentence.words) == UNKNOWN
            unknown += int(is_unknown.sum())
            answers = zip(ours, sentence.tags, is_unknown.tolist(), strict=True)
            unknown_right += sum(own == tag for own, tag, one in answers if one)
        return cls(
            accuracy=right / max(words, 1),
            nats_per_word=nats_per_word,
            words=words,
            spans=SpanScores.of(predictions, truth, scheme=codec.spans) if codec.spans else None,
            unseen=tuple(unseen.most_common()),
            mistakes=tuple((*pair, times) for pair, times in mistakes.most_common(MISTAKES)),
            different=len({tag for tags in predictions for tag in tags}),
            tags=tuple((tag, both[tag], predicted[tag], true[tag]) for tag in sorted({*predicted, *true})),
            unknown=unknown,
            unknown_right=unknown_right,
        )

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> TaggingMetrics:
        """The measures that `to_builtins` turned into plain values."""
        return restore(cls, values)

    def to_builtins(self) -> dict[str, Any]:
        """Plain values; where tags mark spans, also `precision`, `recall` and `f1` of whole spans."""
        values = msgspec.json.decode(msgspec.json.encode(self))
        if self.spans is None:
            return values
        return values | {"precision": self.spans.precision, "recall": self.spans.recall, "f1": self.spans.f1}

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: 1 - F1 of spans, or the share of wrong tags."""
        return 1 - (self.accuracy if self.spans is None else self.spans.f1)

    def scores(self) -> ResultTable:
        """Precision, recall and F1 of each label of spans, and of each tag, with the numbers of its words or spans and
        of its predictions."""
        rows = [("tag", *row) for row in self.tags]
        if (spans := self.spans) is not None:
            counts = zip(spans.labels, spans.correct, spans.found, spans.truth, strict=True)
            rows = [*(("span", *row) for row in counts), *rows]
        kinds, names, right, predicted, true = zip(*rows, strict=True) if rows else ((),) * 5
        return scores_of({"of": kinds, "name": names}, right, predicted, true)

    def report(self) -> str:
        """The line of `str()`, the spans in the form of conlleval, unseen tags, and the most frequent mistakes."""
        lines = [f"{self}, over {quantity(self.words, 'word')}"]
        if self.unknown:
            share, right = self.unknown / max(self.words, 1), self.unknown_right / self.unknown
            lines.append(f"unknown words: {share:.1%}, of which {right:.1%} have the right tag")
        if self.spans is not None:
            lines.append(str(self.spans))
        elif 0 < len(self.tags) <= MOST_TAGS:
            lines.append(self.scores().without("of").text(figures=SHARE_FIGURES))
        if self.unseen:
            lines.append(
                "not there in training, so always wrong: " + ", ".join(f"{tag} {n:,}" for tag, n in self.unseen)
            )
        if self.mistakes:
            mistakes = ", ".join(f"{tag} taken for {ours} {times:,}" for tag, ours, times in self.mistakes)
            lines.append(f"most frequent mistakes: {mistakes}")
        return "\n".join(lines)

    def __str__(self) -> str:
        line = f"accuracy {self.accuracy:.2%}, {self.nats_per_word:.4f} nats per word"
        return line if self.spans is None else f"F1 {self.spans.f1:.2%}, {line}"
