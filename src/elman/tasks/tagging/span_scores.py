"""Measures of predicted spans, which are right if label, first and last token are those of a true span; in the report
of conlleval, the script of the CoNLL-2000 shared task (Tjong Kim Sang and Buchholz, 2000).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from elman._errors import DataError, quantity
from elman._show import Shown
from elman._types import Whole
from elman.tasks.tagging.spans import IOB2, Scheme


@dataclass(frozen=True)
class SpanScores(Shown):
    """Counts of spans by label; printed, the report of conlleval.

    The numbers are conlleval's, for ill-formed tags too; in schemes whose marks end spans, they are seqeval's.

    >>> truth, found = [["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "B-LOC", "O"]]
    >>> print(SpanScores.of(found, truth))
    processed 4 tokens with 2 phrases; found: 2 phrases; correct: 1.
    accuracy:  50.00%; precision:  50.00%; recall:  50.00%; FB1:  50.00
                  LOC: precision:   0.00%; recall:   0.00%; FB1:   0.00  1
                  PER: precision: 100.00%; recall: 100.00%; FB1: 100.00  1
    """

    labels: tuple[str, ...]
    correct: tuple[Whole, ...]
    """The number of right spans of each label."""
    found: tuple[Whole, ...]
    truth: tuple[Whole, ...]
    correct_tags: Whole
    tokens: Annotated[int, Meta(ge=1, lt=2**53)]

    def __post_init__(self) -> None:
        if not len(self.labels) == len(self.correct) == len(self.found) == len(self.truth):
            raise ValueError(f"spans: expected counts for {len(self.labels)} labels")

    @classmethod
    def of(
        cls, predicted: Sequence[Sequence[str]], truth: Sequence[Sequence[str]], *, scheme: Scheme = IOB2
    ) -> SpanScores:
        """The scores of predicted tags, sequence by sequence.

        Raises:
            DataError: numbers of sequences or tags that differ from those of `truth`, or no tag.
        """
        if len(predicted) != len(truth):
            raise DataError(f"expected tags for {len(truth)} sequences; got {len(predicted)}")
        correct, marked, there = Counter[str](), Counter[str](), Counter[str]()
        correct_tags = tokens = 0
        for number, (ours, right) in enumerate(zip(predicted, truth, strict=True), start=1):
            if len(ours) != len(right):
                raise DataError(f"sequence {number}: expected {quantity(len(right), 'tag')}; got {len(ours)}")
            our_spans, right_spans = scheme.spans(ours), scheme.spans(right)
            marked.update(span.label for span in our_spans)
            there.update(span.label for span in right_spans)
            correct.update(span.label for span in set(our_spans) & set(right_spans))
            correct_tags += sum(one == other for one, other in zip(ours, right, strict=True))
            tokens += len(right)
        if not tokens:
            raise DataError("no tag to measure; expected at least one")
        labels = tuple(sorted(marked.keys() | there.keys()))
        correct_of, found_of, truth_of = (tuple(n[label] for label in labels) for n in (correct, marked, there))
        return cls(labels, correct_of, found_of, truth_of, correct_tags, tokens)

    @property
    def accuracy(self) -> float:
        """The share of right tags."""
        return self.correct_tags / self.tokens

    @property
    def precision(self) -> float:
        """The share of predicted spans that are right, over all labels; 0 without any."""
        return sum(self.correct) / max(sum(self.found), 1)

    @property
    def recall(self) -> float:
        """The share of true spans that were found, over all labels; 0 without any."""
        return sum(self.correct) / max(sum(self.truth), 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, over all labels."""
        return 2 * sum(self.correct) / max(sum(self.found) + sum(self.truth), 1)

    def by_label(self) -> dict[str, SpanScores]:
        """The scores of each label by itself; the counts of tags and tokens are those of all labels."""
        return {
            label: SpanScores((label,), (correct,), (predicted,), (truth,), self.correct_tags, self.tokens)
            for label, correct, predicted, truth in zip(self.labels, self.correct, self.found, self.truth, strict=True)
        }

    def __str__(self) -> str:
        lines = [
            f"processed {self.tokens} tokens with {sum(self.truth)} phrases; "
            f"found: {sum(self.found)} phrases; correct: {sum(self.correct)}.",
            f"accuracy: {100 * self.accuracy:6.2f}%; {_report(self)}",
        ]
        lines += [f"{label:>17}: {_report(one)}  {one.found[0]}" for label, one in self.by_label().items()]
        return "\n".join(lines)


def _report(scores: SpanScores) -> str:
    shares = 100 * scores.precision, 100 * scores.recall, 100 * scores.f1
    return "precision: {:6.2f}%; recall: {:6.2f}%; FB1: {:6.2f}".format(*shares)
