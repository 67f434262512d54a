"""Measures of answers that are sequences, against one or more references each: exact answers, tokens, edits
(Levenshtein, 1966), and the corpus scores BLEU (Papineni et al., 2002) and chrF (Popović, 2015) as sacreBLEU computes
them (Post, 2018).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer

from elman._errors import ConfigError, DataError, quantity
from elman._show import Shown

Tokens = Sequence[Hashable]
"""A string, whose tokens are its characters, or a sequence of words, phones or numbers."""

AT_ONCE = 1 << 18
"""Most entries of the table of a group of pairs whose distances are computed together."""


@dataclass(frozen=True)
class SequenceScores(Shown):
    """Counts of right answers, right tokens and edits.

    Of several references of an answer, the nearest counts: the one with the fewest edits, and of those the longest.

    >>> scores = SequenceScores.of(["1069", "12", ""], [["1069"], ["123", "12"], ["7"]])
    >>> round(scores.exact_accuracy, 3), round(scores.token_accuracy, 3), round(scores.token_error_rate, 3)
    (0.667, 0.857, 0.143)
    """

    exact: int
    """The number of answers that equal a reference."""
    answers: int
    right_tokens: int
    """The number of tokens that equal the reference's token at the same place."""
    compared_tokens: int
    """The number of places in the longer of answer and reference."""
    edits: int
    """The number of insertions, deletions and substitutions of tokens."""
    reference_tokens: int

    @classmethod
    def of(cls, answers: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> SequenceScores:
        """The scores of answers with one or more references each.

        Raises:
            DataError: more or fewer answers than references, none, or an answer without a reference.
        """
        nearest = nearest_references(answers, references)
        chosen = [several[one.place] for several, one in zip(references, nearest, strict=True)]
        edits = [one.edits for one in nearest]
        pairs = list(zip(answers, chosen, strict=True))
        return cls(
            exact=edits.count(0),
            answers=len(answers),
            right_tokens=sum(sum(map(_same, *pair)) for pair in pairs),
            compared_tokens=sum(max(map(len, pair)) for pair in pairs),
            edits=sum(edits),
            reference_tokens=sum(map(len, chosen)),
        )

    @property
    def exact_accuracy(self) -> float:
        """The share of answers that are right in every token."""
        return self.exact / self.answers

    @property
    def token_accuracy(self) -> float:
        """The share of places that hold the right token; missing and surplus tokens count as wrong."""
        return self.right_tokens / max(self.compared_tokens, 1)

    @property
    def token_error_rate(self) -> float:
        """The number of edits divided by that of the references' tokens: the word error rate for words, the phone error
        rate for phones. Above 1 where answers are much too long."""
        return self.edits / max(self.reference_tokens, 1)


class NearestReference(NamedTuple):
    """The place of the reference nearest to an answer among its references, and the edits that turn one into the
    other."""

    place: int
    edits: int


def nearest_references(answers: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[NearestReference]:
    """The reference nearest to each answer: the one with the fewest edits, and of those the longest.

    >>> nearest_references(["12"], [["123", "12"]])
    [NearestReference(place=1, edits=0)]

    Raises:
        DataError: more or fewer answers than references, none, or an answer without a reference.
    """
    _check(answers, references)
    owners = [number for number, several in enumerate(references) for _ in several]
    candidates = [reference for several in references for reference in several]
    distances = iter(edit_distances([answers[owner] for owner in owners], candidates).tolist())
    edits = [[next(distances) for _ in several] for several in references]
    places = [
        min(range(len(own)), key=lambda place, own=own, several=several: (own[place], -len(several[place])))
        for own, several in zip(edits, references, strict=True)
    ]
    return [NearestReference(place, own[place]) for place, own in zip(places, edits, strict=True)]


def edit_distance(one: Tokens, other: Tokens) -> int:
    """The least number of insertions, deletions and substitutions of tokens that turn `one` into `other`.

    >>> edit_distance("kitten", "sitting"), edit_distance(["K", "AE1", "T"], ["K", "AE1", "T", "S"])
    (3, 1)
    """
    return int(edit_distances([one], [other])[0])


def edit_distances(ones: Sequence[Tokens], others: Sequence[Tokens]) -> Integer[np.ndarray, " pair"]:
    """The edit distances of `ones` and `others`, pair by pair; many pairs are compared at once.

    >>> edit_distances(["kitten", "", "same"], ["sitting", "abc", "same"]).tolist()
    [3, 3, 0]

    Raises:
        DataError: different numbers of `ones` and `others`.
    """
    if len(ones) != len(others):
        raise DataError(f"expected pairs; got {len(ones)} sequences and {len(others)}")
    ids: dict[Hashable, int] = {}
    numbered = [
        [np.array([ids.setdefault(token, len(ids)) for token in row], np.int32) for row in rows]
        for rows in (ones, others)
    ]
    distances = np.zeros(len(ones), np.int64)
    for group in _groups(*numbered):
        distances[group] = _distances(*([rows[place] for place in group] for rows in numbered))
    return distances


@dataclass(frozen=True)
class CorpusScore(Shown):
    """A score of sacreBLEU, from 0 to 100, with the signature of its settings.

    >>> print(CorpusScore("BLEU", 28.104, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"))
    BLEU 28.1 (nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0)
    """

    name: str
    value: float
    signature: str

    def __str__(self) -> str:
        return f"{self.name} {self.value:.1f} ({self.signature})"


def bleu(answers: Sequence[str], references: Sequence[Sequence[str]]) -> CorpusScore:
    """The BLEU of texts, which sacreBLEU splits into words itself.

    Raises:
        ConfigError: sacreBLEU is not installed.
        DataError: more or fewer answers than references, none, or an answer without a reference.
    """
    return _corpus_score("BLEU", answers, references)


def chrf(answers: Sequence[str], references: Sequence[Sequence[str]]) -> CorpusScore:
    """The chrF of texts: the F-score of character n-grams up to n = 6.

    Raises:
        ConfigError: sacreBLEU is not installed.
        DataError: more or fewer answers than references, none, or an answer without a reference.
    """
    return _corpus_score("CHRF", answers, references)


def has_sacrebleu() -> bool:
    """True where BLEU and chrF can be measured."""
    return find_spec("sacrebleu") is not None


def _corpus_score(metric: str, answers: Sequence[str], references: Sequence[Sequence[str]]) -> CorpusScore:
    _check(answers, references)
    try:
        from sacrebleu import metrics
    except ImportError:
        raise ConfigError(
            f"{metric} needs sacrebleu, which is not installed; install it with pip install 'elman[metrics]'"
        ) from None
    scorer: Any = getattr(metrics, metric)()
    most = max(map(len, references))
    # sacreBLEU takes a list for each place of a reference, with None where an answer has fewer.
    places = [[several[place] if place < len(several) else None for several in references] for place in range(most)]
    score = scorer.corpus_score(list(answers), places)
    return CorpusScore(score.name, float(score.score), str(scorer.get_signature()))


def _check(answers: Sequence, references: Sequence[Sequence]) -> None:
    if len(answers) != len(references):
        raise DataError(f"expected references for {quantity(len(answers), 'answer')}; got {len(references)}")
    if not answers:
        raise DataError("no answer to measure; expected at least one")
    for number, several in enumerate(references, start=1):
        if not len(several):
            raise DataError(f"answer {number} has no reference; expected at least one")


def _same(one: Hashable, other: Hashable) -> bool:
    return one == other


def _groups(ones: list[np.ndarray], others: list[np.ndarray]) -> Iterator[list[int]]:
    """Groups pairs of similar length, each group as large as `AT_ONCE` allows."""
    longest = [max(len(one), len(other)) for one, other in zip(ones, others, strict=True)]
    group: list[int] = []
    for place in sorted(range(len(ones)), key=longest.__getitem__):
        if group and (len(group) + 1) * (longest[place] + 1) > AT_ONCE:
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _distances(ones: list[np.ndarray], others: list[np.ndarray]) -> Integer[np.ndarray, " pair"]:
    """The edit distances of pairs, by the rows of the usual table for all pairs at once: row i holds the distances of
    the first i tokens of one sequence from every prefix of the other."""
    lengths, other_lengths = (np.array(list(map(len, rows))) for rows in (ones, others))
    left, right = _padded(ones, -1), _padded(others, -2)
    places, pairs = np.arange(right.shape[1] + 1), np.arange(len(ones))
    row = np.broadcast_to(places, (len(ones), len(places))).copy()
    distances = row[pairs, other_lengths].copy()
    for i in range(left.shape[1]):
        replaced = row[:, :-1] + (left[:, i, None] != right)
        row[:, 1:] = np.minimum(row[:, 1:] + 1, replaced)
        row[:, 0] = i + 1
        # Insertions go along the row: the least of row[k] + (j - k) over k up to j.
        row = np.minimum.accumulate(row - places, axis=1) + places
        ended = lengths == i + 1
        distances[ended] = row[pairs[ended], other_lengths[ended]]
    return distances


def _padded(rows: list[np.ndarray], filler: int) -> Integer[np.ndarray, "pair length"]:
    table = np.full((len(rows), max(map(len, rows))), filler, np.int32)
    for row, tokens in zip(table, rows, strict=True):
        row[: len(tokens)] = tokens
    return table
