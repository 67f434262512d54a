import random

import msgspec
import pytest

from elman import DataError
from elman.tasks.tagging.span_scores import SpanScores
from elman.tasks.tagging.spans import Scheme


def test_the_report_is_that_of_conlleval():
    """Three names of which the second's label and the third's end are wrong; worked out by hand."""
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "I-ORG", "I-ORG", "O", "O"]]
    result = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-ORG", "I-ORG", "O", "O", "O"]]
    scores = SpanScores.of(result, truth)
    assert str(scores) == (
        "processed 10 tokens with 3 phrases; found: 3 phrases; correct: 1.\n"
        "accuracy:  80.00%; precision:  33.33%; recall:  33.33%; FB1:  33.33\n"
        "              LOC: precision:   0.00%; recall:   0.00%; FB1:   0.00  0\n"
        "              ORG: precision:   0.00%; recall:   0.00%; FB1:   0.00  2\n"
        "              PER: precision: 100.00%; recall: 100.00%; FB1: 100.00  1"
    )
    assert msgspec.convert(msgspec.to_builtins(scores), SpanScores) == scores


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_random_tags_have_the_scores_of_sets_of_spans(scheme):
    draw = random.Random(0)

    def sentence():
        """Tags, and the spans they were made from."""
        tags, spans = [], set()
        while len(tags) < 30:
            label, length = draw.choice([None, "PER", "LOC"]), draw.choice([1, 1, 2, 3])
            if label is None:
                tags.append("O")
                continue
            spans.add((label, len(tags), len(tags) + length))
            own = ["B"] + ["I"] * (length - 1)
            if scheme == "BIOES":
                own[-1] = "E" if length > 1 else "S"
            tags += [f"{prefix}-{label}" for prefix in own]
        return tags[:30], spans

    def cut(spans):
        return {(label, start, min(stop, 30)) for label, start, stop in spans}

    pairs = [(sentence(), sentence()) for _ in range(50)]
    scores = SpanScores.of([ours[0] for ours, _ in pairs], [right[0] for _, right in pairs], scheme=Scheme(scheme))
    correct = sum(len(cut(ours[1]) & cut(right[1])) for ours, right in pairs)
    result, truth = sum(len(ours[1]) for ours, _ in pairs), sum(len(right[1]) for _, right in pairs)
    assert (scores.precision, scores.recall) == (correct / result, correct / truth)
    assert scores.f1 == pytest.approx(2 / (result / correct + truth / correct))
    assert scores.accuracy == sum(a == b for x, y in pairs for a, b in zip(x[0], y[0], strict=True)) / 1500
    only = scores.by_label()["PER"]
    assert only.f1 != scores.f1
    assert sum(sum(one.correct) for one in scores.by_label().values()) == correct


def test_a_span_without_a_beginning_counts_as_in_conlleval():
    scores = SpanScores.of([["I-PER", "O"], ["B-PER", "I-LOC"]], [["B-PER", "O"], ["B-PER", "I-PER"]])
    assert (scores.labels, scores.found, scores.correct) == (("LOC", "PER"), (1, 2), (0, 1))


def test_the_same_spans_have_the_same_scores_in_all_schemes():
    tags = {
        "IOB2": ("B-A I-A O B-B O", "B-A I-A O B-A O"),
        "IOB1": ("I-A I-A O I-B O", "I-A I-A O I-A O"),
        "BIOES": ("B-A E-A O S-B O", "B-A E-A O S-A O"),
        "BILOU": ("B-A L-A O U-B O", "B-A L-A O U-A O"),
        "BMES": ("B-A E-A O S-B O", "B-A E-A O S-A O"),
    }
    reports = {str(SpanScores.of([a.split()], [b.split()], scheme=Scheme(name))) for name, (a, b) in tags.items()}  # ty: ignore[invalid-argument-type]
    assert len(reports) == 1
    assert "found: 2 phrases; correct: 1" in reports.pop()


def test_no_span_at_all_is_no_error():
    scores = SpanScores.of([["O"]], [["O"]])
    assert (scores.accuracy, scores.precision, scores.recall, scores.f1) == (1.0, 0.0, 0.0, 0.0)


def test_sequences_that_do_not_fit_are_named():
    with pytest.raises(DataError, match="expected tags for 2 sequences; got 1"):
        SpanScores.of([["O"]], [["O"], ["O"]])
    with pytest.raises(DataError, match="sequence 2: expected 1 tag; got 2"):
        SpanScores.of([["O"], ["O", "O"]], [["O"], ["O"]])
    with pytest.raises(DataError, match="no tag to measure"):
        SpanScores.of([[]], [[]])
