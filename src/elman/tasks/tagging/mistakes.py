"""The mistakes of a tagger as a table: wrong tags, or where tags mark spans, wrong spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from elman.formats.results import ResultTable
from elman.tasks.answers import NAME
from elman.tasks.tagging.codec import TagCodec
from elman.tasks.tagging.metrics import UNKNOWN
from elman.tasks.tagging.reading import TaggedWords
from elman.tasks.tagging.spans import Span


class AnsweredSpan(NamedTuple):
    """A predicted span with its probability."""

    span: Span
    probability: float


def tag_mistakes(
    sentences: Sequence[TaggedWords],
    answers: Sequence[Sequence[str]],
    probabilities: Sequence[Float[np.ndarray, "_ tag"]],
    codec: TagCodec,
) -> ResultTable:
    """The words with a wrong tag, those with the surest answers first. A word is unknown if it is not in the
    vocabulary."""
    places = {tag: place for place, tag in enumerate(codec.tags)}
    rows = []
    for sentence, tags, shares in zip(sentences, answers, probabilities, strict=True):
        known = codec.word_ids(sentence.words) != UNKNOWN
        text = " ".join(sentence.words)
        for n, (word, right, own) in enumerate(zip(sentence.words, sentence.tags, tags, strict=True)):
            if right != own:
                is_known = "known" if known[n] else "unknown"
                sure, share = float(shares[n, places[own]]), float(shares[n, places[right]]) if right in places else 0.0
                rows.append((sentence.place, text, n + 1, word, is_known, right, own, sure, share))
    rows.sort(key=lambda row: -row[-2])
    names = "place", "sentence", "number", "word", "vocabulary", "tag", NAME, f"{NAME}-probability", "tag-probability"
    return _table(names, rows)


def span_mistakes(
    sentences: Sequence[TaggedWords], answers: Sequence[Sequence[AnsweredSpan]], codec: TagCodec
) -> ResultTable:
    """The spans that were missed, added, or predicted with another label or other bounds; those with the surest answers
    first, and the missed ones last."""
    scheme = codec.spans
    assert scheme is not None, "tags that mark no spans"
    rows = []
    for sentence, own in zip(sentences, answers, strict=True):
        words = sentence.words
        for right, answered in _pairs(scheme.spans(sentence.tags), own):
            rows.append(
                (
                    sentence.place,
                    " ".join(words),
                    _kind(right, answered),
                    *(_shown(right, words)),
                    *(_shown(None if answered is None else answered.span, words)),
                    np.nan if answered is None else answered.probability,
                )
            )
    rows.sort(key=lambda row: -np.nan_to_num(row[-1], nan=-1.0))
    names = "place", "sentence", "mistake", "span", "label", f"{NAME}-span", NAME, f"{NAME}-probability"
    return _table(names, rows)


def _pairs(truth: Sequence[Span], answers: Sequence[AnsweredSpan]) -> Iterator[tuple[Span | None, AnsweredSpan | None]]:
    """Pairs each true span that was not predicted with the wrong one that shares the most words with it, if any."""
    predicted = {one.span for one in answers}
    wrong = [one for one in answers if one.span not in {*truth}]
    for span in truth:
        if span in predicted:
            continue
        partner = max(wrong, key=lambda one: _shared(span, one.span), default=None)
        if partner is not None and _shared(span, partner.span) > 0:
            wrong.remove(partner)
            yield span, partner
        else:
            yield span, None
    yield from ((None, one) for one in wrong)


def _shared(one: Span, other: Span) -> int:
    return min(one.stop, other.stop) - max(one.start, other.start)


def _kind(right: Span | None, answered: AnsweredSpan | None) -> str:
    if right is None or answered is None:
        return "added" if right is None else "missed"
    same = right[1:] == answered.span[1:]
    return "label" if same else "bounds" if right.label == answered.span.label else "label and bounds"


def _shown(span: Span | None, words: Sequence[str]) -> tuple[str | None, str | None]:
    return (None, None) if span is None else (" ".join(words[span.start : span.stop]), span.label)


def _table(names: Sequence[str], rows: Sequence[tuple]) -> ResultTable:
    columns = [*zip(*rows, strict=True)] or [()] * len(names)
    return ResultTable.of(dict(zip(names, columns, strict=True)))
