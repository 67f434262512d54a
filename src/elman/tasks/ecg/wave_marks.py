"""Converts beats to WFDB annotations, as experts and delineators write them: `( p ) ( N ) ( t )`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman.formats.wfdb.annotations import Annotations
from elman.tasks.ecg.detected import UNLEARNED, DetectedBeat

NUMBERS = {"P": 0, "QRS": 1, "T": 2}
"""The number of each wave in the field `num` of its brackets, as in the QT Database."""


UNCLASSIFIED = "Q"
"""WFDB's symbol of a beat that cannot be classified, which stands for - in annotations."""


def wave_marks(leads: Sequence[Sequence[DetectedBeat]]) -> Annotations:
    """The annotations of the beats of one lead or several, in the order of time: brackets at onsets and ends; `p`, the
    kind of beat and `t` at peaks. The field `chan` is the index of the lead.

    >>> from elman.tasks.ecg.detected import DetectedWave
    >>> qrs, t = DetectedWave("QRS", 180, 200, 220, 0.99), DetectedWave("T", 300, 350, 390, 0.9)
    >>> marks = wave_marks([[DetectedBeat("V", qrs, None, None, None, t)]])
    >>> list(zip(marks.samples.tolist(), marks.symbols, strict=True))
    [(180, '('), (200, 'V'), (220, ')'), (300, '('), (350, 't'), (390, ')')]
    """
    marks = [mark for place, beats in enumerate(leads) for beat in beats for mark in _marks(beat, place)]
    marks.sort(key=lambda mark: mark[0])
    samples, symbols, channels, numbers = zip(*marks, strict=True) if marks else ((),) * 4
    return Annotations(
        np.array(samples, np.int64),
        symbols,
        np.zeros(len(marks), np.int64),
        np.array(channels, np.int64),
        np.array(numbers, np.int64),
        ("",) * len(marks),
    )


def _marks(beat: DetectedBeat, channel: int) -> list[tuple[int, str, int, int]]:
    symbols = {"P": "p", "QRS": UNCLASSIFIED if beat.symbol == UNLEARNED else beat.symbol, "T": "t"}
    if not beat.has_waves:
        return [(beat.sample, symbols["QRS"], channel, 0)]
    marks = []
    for wave in beat.waves:
        number = NUMBERS[wave.kind]
        marks += [(wave.onset, "(", channel, number), (wave.peak, symbols[wave.kind], channel, 0)]
        marks += [(wave.end, ")", channel, number)]
    return marks
