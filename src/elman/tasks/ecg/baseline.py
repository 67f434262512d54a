"""The most frequent kind for every beat, beside which the kinds of beats are measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from elman.tasks.baseline import CHANCE, Baseline
from elman.tasks.data import Data, Part
from elman.tasks.ecg.beat_scores import KINDS, NONE
from elman.tasks.ecg.delineation import inside_known
from elman.tasks.ecg.metrics import EcgMetrics


def frequent_kind(data: Data) -> Sequence[Baseline]:
    """The most frequent kind of the training part for every beat of known kind, if some are known. There is no such
    rule for places of waves and beats."""
    train, validation = (_kinds(part) for part in (data.train, data.validation))
    if not train or not validation:
        return []
    kind = max(KINDS, key=lambda one: train[one])
    share, count = validation[kind] / validation.total(), validation.total()
    return [
        Baseline(
            name=f"every beat {kind}",
            measures={"beats.accuracy": share},
            measure="beats.accuracy",
            rising=True,
            margin=CHANCE / count,
            text=f"kinds right {share:.2%}",
        )
    ]


def nothing_detected(metrics: EcgMetrics) -> Sequence[str]:
    """The verdicts on waves or beats of which none is found, and on one kind for every beat, though there are some, or
    several."""
    waves = {"P wave": metrics.waves.p, "QRS complex": metrics.waves.qrs, "T wave": metrics.waves.t}
    points = {name: wave.peak for name, wave in waves.items()} | {"beat": metrics.beats.detection}
    verdicts = [f"finds no {name}" for name, point in points.items() if point.truth and not point.found]
    pairs = [row[:NONE] for row in metrics.beats.counts[:NONE]]
    used = [kind for kind, column in zip(KINDS, zip(*pairs, strict=True), strict=True) if sum(column)]
    if len(used) == 1 and sum(map(any, pairs)) > 1:
        verdicts.append(f"predicts one kind only: {used[0]} for every beat")
    return verdicts


def _kinds(part: Part) -> Counter[str]:
    kinds = Counter[str]()
    for strip in part.examples:
        inside = inside_known(np.array([beat.sample for beat in strip.beats], np.int64), strip.beats_known)
        kinds.update(beat.kind for beat, known in zip(strip.beats, inside, strict=True) if known and beat.kind)
    return kinds
