"""Measures of a model on ECGs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from elman.tasks.ecg.batches import fill_gaps
from elman.tasks.ecg.beat_scores import BeatScores
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.delineation import Delineation
from elman.tasks.ecg.leads import join_leads
from elman.tasks.ecg.metrics import EcgMetrics
from elman.tasks.ecg.model import Segmenter
from elman.tasks.ecg.probabilities import LabelProbabilities, label_probabilities
from elman.tasks.ecg.strip import Strip
from elman.tasks.ecg.waves import Detection, find_beats, find_waves, heartbeats

AT_ONCE = 1 << 22
"""Most samples whose probabilities are in memory at once."""


def measure_leads(model: Segmenter, strips: Sequence[Strip], codec: EcgCodec, *, together: bool = False) -> EcgMetrics:
    """The summed scores of a model on leads, each read by itself or, with `together`, from the joined probabilities of
    all leads of its record. A beat's place is that of its R peak."""
    waves, beats = Delineation.none(), BeatScores.none()
    kinds = tuple(kind if kind in codec.kinds else "" for kind in KINDS)
    for group in _by_record(strips):
        signals = [fill_gaps(strip.signal) for strip in group]
        probabilities = label_probabilities(model, codec, signals)
        if together:
            probabilities = _share(probabilities, [strip.record for strip in group])
        for strip, signal, own in zip(group, signals, probabilities, strict=True):
            waves_of_lead = find_waves(signal, own.waves, names=WAVES, rate=codec.rate)
            detected = find_beats(own.beats, names=kinds, rate=codec.rate)
            at_r = [
                Detection(beat.qrs.peak, beat.kind if codec.kinds else "", beat.confidence)
                for beat in heartbeats(signal, waves_of_lead, detected, rate=codec.rate)
            ]
            # A model that learned no kinds is not measured on them.
            truth = strip.beats if codec.kinds else [beat._replace(kind="") for beat in strip.beats]
            waves += Delineation.of(strip.waves, waves_of_lead, rate=codec.rate, known=strip.known)
            beats += BeatScores.of(truth, at_r, rate=codec.rate, known=strip.beats_known)
    return EcgMetrics(waves=waves, beats=beats, leads=len(strips))


def _by_record(strips: Sequence[Strip]) -> Iterator[list[Strip]]:
    """Groups strips by record into groups of at most `AT_ONCE` samples, or of one record."""
    records: dict[str, list[Strip]] = {}
    for strip in strips:
        records.setdefault(strip.record, []).append(strip)
    group = list[Strip]()
    for own in records.values():
        if group and sum(len(strip.signal) for strip in (*group, *own)) > AT_ONCE:
            yield group
            group = []
        group += own
    if group:
        yield group


def _share(probabilities: Sequence[LabelProbabilities], records: Sequence[str]) -> list[LabelProbabilities]:
    """The probabilities of all leads of a record joined, for each lead."""
    means = dict[str, LabelProbabilities]()
    for record in dict.fromkeys(records):
        own = [one for one, name in zip(probabilities, records, strict=True) if name == record]
        sound = np.ones((len(own), len(own[0].waves)), bool)
        means[record] = LabelProbabilities(*(join_leads(np.stack(head), sound) for head in zip(*own, strict=True)))
    return [means[record] for record in records]
