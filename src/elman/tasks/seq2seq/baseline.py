"""The source itself and the most frequent answer, beside which answers are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from elman.tasks.baseline import Baseline, Compared
from elman.tasks.data import Data
from elman.tasks.seq2seq.metrics import Seq2SeqMetrics

LONGEST = 40
"""The most characters of an answer in the name of a baseline."""


PERCENT = 100
"""The scale of chrF."""


def copies(data: Data, *, corpus: bool) -> Sequence[Baseline]:
    """Two baselines: the source as the answer, and the most frequent target of the training part for every source. They
    give no probabilities. `corpus` measures BLEU and chrF."""
    pairs = data.validation.examples
    targets = Counter(target for pair in data.train.examples for target in pair.targets)
    frequent = min(targets, key=lambda target: (-targets[target], target))
    shown = frequent if len(frequent) <= LONGEST else f"{frequent[: LONGEST - 1]}…"
    rules = {"a copy of the source": [pair.source for pair in pairs], f"always {shown!r}": [frequent] * len(pairs)}
    unit, sentences = data.codec.answer_unit, data.codec.sentences
    split = list if unit == "character" else str.split
    tokens = sum(len(split(pair.targets[0])) for pair in pairs)
    baselines = []
    for name, answers in rules.items():
        metrics = Seq2SeqMetrics.of(
            answers,
            [pair.targets for pair in pairs],
            nats=float("nan"),
            unit=unit,
            sentences=sentences,
            corpus=corpus,
        )
        one = Baseline.of(name, metrics, **_compared(metrics, tokens), count=len(pairs), text=metrics.answers_text)
        baselines.append(replace(one, margin=PERCENT * one.margin) if one.measure == "chrf" else one)
    return baselines


def _compared(metrics: Seq2SeqMetrics, tokens: int) -> dict[str, Any]:
    """The measures by which a model is compared: those that choose its weights, as far as a rule has them, then those
    of the tokens, where few answers are right as a whole."""
    if not metrics.sentences:
        others = [Compared.of("token_accuracy", tokens, rising=True), Compared.of("token_error_rate", tokens)]
        return {"measure": "exact_accuracy", "rising": True, "others": others}
    if metrics.chrf is not None:
        return {"measure": "chrf", "rising": True}
    return {"measure": "token_error_rate", "rising": False}
