"""Measures of answers to inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elman._errors import DataError, quantity
from elman._types import Whole
from elman.metrics.measures import Measures
from elman.metrics.saved import restore
from elman.tasks.seq2seq.scores import SequenceScores, bleu, chrf


@dataclass(frozen=True)
class Seq2SeqMetrics(Measures):
    """Measures of the answers of greedy search. Where several answers are right, the nearest one counts.

    >>> metrics = Seq2SeqMetrics(
    ...     nats_per_token=0.05, exact_accuracy=0.9, token_accuracy=0.97, token_error_rate=0.02, answers=50, unit="word"
    ... )
    >>> str(metrics)
    '0.0500 nats per word, 90.00% exact, 97.00% of words right, word error rate 2.00%'
    """

    nats_per_token: float
    """Mean -log p of the tokens of all right answers and their ends, each given the right tokens before it."""
    exact_accuracy: float
    """Share of answers that are right in every token."""
    token_accuracy: float
    """Share of places that hold the right token."""
    token_error_rate: float
    """Insertions, deletions and substitutions of tokens, divided by the number of tokens of the right answers."""
    answers: Whole
    unit: str
    """Kind of token: "character" or "word"."""
    bleu: float | None = None
    """sacreBLEU's BLEU, if `corpus` is set."""
    chrf: float | None = None
    signatures: tuple[str, ...] = ()
    """sacreBLEU's scores with the signatures of their settings."""
    token: str = ""
    """Kind of token of the loss, where it is another than `unit`: a sentence is written by subwords."""
    sentences: bool = False
    """The answers are sentences, few of which are exactly those of a person: chrF or the loss chooses the weights."""
    different: Whole = 0
    """The number of different answers; 0 where an earlier elman measured."""

    @classmethod
    def of(
        cls,
        answers: Sequence[str],
        references: Sequence[Sequence[str]],
        *,
        nats: float,
        unit: str,
        token: str = "",
        corpus: bool = False,
        sentences: bool = False,
    ) -> Seq2SeqMetrics:
        """The measures of answers against one or more right answers for each; `corpus` adds BLEU and chrF.

        Raises:
            DataError: no answer.
            ConfigError: `corpus` is set and sacreBLEU is not installed.
        """
        if not answers:
            raise DataError("no pair to measure on; expected at least one")
        split = list if unit == "character" else str.split
        scores = SequenceScores.of(
            [split(answer) for answer in answers], [[split(one) for one in several] for several in references]
        )
        scored = [bleu(answers, references), chrf(answers, references)] if corpus else []
        return cls(
            nats_per_token=nats,
            exact_accuracy=scores.exact_accuracy,
            token_accuracy=scores.token_accuracy,
            token_error_rate=scores.token_error_rate,
            answers=len(answers),
            unit=unit,
            bleu=scored[0].value if scored else None,
            chrf=scored[1].value if scored else None,
            signatures=tuple(map(str, scored)),
            token=token,
            sentences=sentences,
            different=len({*answers}),
        )

    @classmethod
    def from_builtins(cls, values: dict[str, Any]) -> Seq2SeqMetrics:
        """The measures that `to_builtins` turned into plain values."""
        return restore(cls, values)

    @property
    def objective(self) -> float:
        """The measure that chooses the best weights: the share of wrong answers, of which the loss breaks ties. For
        sentences it is 1 - chrF, or the loss where sacreBLEU is not installed: early in training the word error rate is
        least for the shortest answers."""
        if not self.sentences:
            return 1 - self.exact_accuracy + 1e-4 * self.nats_per_token
        return self.nats_per_token if self.chrf is None else 1 - self.chrf / 100

    def report(self) -> str:
        """The line of `str()`, the number of answers, and sacreBLEU's scores with their signatures."""
        return "\n".join([f"{self}, over {quantity(self.answers, 'answer')}", *self.signatures])

    def to_builtins(self) -> dict[str, Any]:
        """Plain values, each with its unit in its name."""
        return asdict(self) | {"signatures": list(self.signatures)}

    def __str__(self) -> str:
        nats = f"{self.nats_per_token:.4f} nats per {self.token or self.unit}"
        return f"{self.answers_text}, {nats}" if self.sentences else f"{nats}, {self.answers_text}"

    @property
    def answers_text(self) -> str:
        """The measures of the answers by themselves, in words."""
        named = (("BLEU", self.bleu), ("chrF", self.chrf))
        corpus = [f"{name} {value:.1f}" for name, value in named if value is not None]
        errors = f"{self.unit} error rate {self.token_error_rate:.2%}"
        if self.sentences:
            return ", ".join([*corpus, errors])
        right = f"{self.exact_accuracy:.2%} exact, {self.token_accuracy:.2%} of {self.unit}s right"
        return ", ".join([right, errors, *corpus])
