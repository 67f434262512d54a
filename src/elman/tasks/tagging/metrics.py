"""Measures of a tagger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from elman._types import Whole
from elman.metrics.saved import restore
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.reading import TaggedWords
from elman.tasks.tagging.span_scores import SpanScores

MISTAKES = 10
"""Most kinds of mistakes that a report names."""


@dataclass(frozen=True)
class TaggingMetrics:
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
        unseen, mistakes = Counter[str](), Counter[tuple[str, str]]()
        for ours, theirs in zip(predictions, truth, strict=True):
            words += len(theirs)
            unseen.update(tag for tag in theirs if tag not in known)
            wrong = [(tag, ours) for tag, ours in zip(theirs, ours, strict=True) if tag != ours]
            mistakes.update(wrong)
            right += len(theirs) - len(wrong)
        return cls(
            accuracy=right / max(words, 1),
            nats_per_word=nats_per_word,
            words=words,
            spans=SpanScores.of(predictions, truth, scheme=codec.spans) if codec.spans else None,
            unseen=tuple(unseen.most_common()),
            mistakes=tuple((*pair, times) for pair, times in mistakes.most_common(MISTAKES)),
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

    def report(self) -> str:
        """The line of `str()`, the spans in the form of conlleval, unseen tags, and the most frequent mistakes."""
        lines = [f"{self}, over {self.words:,} words"]
        if self.spans is not None:
            lines.append(str(self.spans))
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
