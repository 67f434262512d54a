"""Measures of a model on ECGs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from elman.formats.results import ResultTable
from elman.tasks.answers import NAME
from elman.tasks.ecg.batches import fill_gaps
from elman.tasks.ecg.beat_scores import BeatScores
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.delineation import WINDOW_MS, Delineation, inside_known
from elman.tasks.ecg.detected import UNLEARNED
from elman.tasks.ecg.leads import join_leads
from elman.tasks.ecg.matching import match_events
from elman.tasks.ecg.metrics import EcgMetrics
from elman.tasks.ecg.model import Segmenter
from elman.tasks.ecg.probabilities import LabelProbabilities, label_probabilities
from elman.tasks.ecg.strip import Beat, Strip
from elman.tasks.ecg.unlearned import unlearned_kinds
from elman.tasks.ecg.waves import Detection, WaveSegment, find_beats, find_waves, heartbeats

AT_ONCE = 1 << 22
"""Most samples whose probabilities are in memory at once."""


def measure_leads(model: Segmenter, strips: Sequence[Strip], codec: EcgCodec, *, together: bool = False) -> EcgMetrics:
    """The summed scores of a model on leads, each read by itself or, with `together`, from the joined probabilities of
    all leads of its record. A beat's place is that of its R peak."""
    waves, beats, unlearned = Delineation.none(), BeatScores.none(), Counter[str]()
    for one in _read_leads(model, strips, codec, together=together):
        waves += Delineation.of(one.strip.waves, one.waves, rate=codec.rate, known=one.strip.known)
        beats += BeatScores.of(one.truth, one.beats, rate=codec.rate, known=one.strip.beats_known)
        unlearned += unlearned_kinds(one.strip.beats, codec.kinds)
    return EcgMetrics(waves=waves, beats=beats, leads=len(strips), unlearned=dict(unlearned))


def beat_mistakes(model: Segmenter, strips: Sequence[Strip], codec: EcgCodec) -> ResultTable:
    """The beats that a model misses in each lead, adds, or takes for another kind, in the order of records, leads and
    time. Beats are matched as in `BeatScores`; a kind that is not annotated is no mistake, nor is any where the
    model learned none; the one of a beat whose kind it cannot tell is "-"."""
    rows = list[tuple]()
    for one in _read_leads(model, strips, codec):
        strip, truth, beats = one.strip, sorted(one.truth, key=lambda beat: beat.sample), one.beats
        times, own = (np.array([beat.sample for beat in each], np.int64) for each in (truth, beats))
        inside, own_inside = (inside_known(each, strip.beats_known) for each in (times, own))
        pairs = match_events(times, own, window=WINDOW_MS * codec.rate / 1000)
        partner, alone = dict(pairs.tolist()), set(range(len(beats))) - {*pairs[:, 1].tolist()}
        found: list[tuple] = [
            (beat.sample, beat.kind, None, "missed", np.nan)
            if place not in partner
            else (beat.sample, beat.kind, _shown(beats[partner[place]]), "kind", beats[partner[place]].confidence)
            for place, beat in enumerate(truth)
            if inside[place] and not _is_right(beat.kind, partner.get(place), beats)
        ]
        found += [
            (beats[n].sample, None, _shown(beats[n]), "added", beats[n].confidence) for n in alone if own_inside[n]
        ]
        for sample, kind, detected, mistake, sure in sorted(found, key=lambda row: row[0]):
            rows.append((strip.record, strip.lead, sample / codec.rate, mistake, kind, detected, sure))
    names = "record", "lead", "seconds", "mistake", "kind", NAME, f"{NAME}-confidence"
    columns = [*zip(*rows, strict=True)] or [()] * len(names)
    return ResultTable.of(dict(zip(names, columns, strict=True)))


def _is_right(kind: str, partner: int | None, beats: Sequence[Detection]) -> bool:
    return partner is not None and (not kind or beats[partner].kind == kind)


def _shown(beat: Detection) -> str:
    return beat.kind or UNLEARNED


class _LeadAnswer(NamedTuple):
    """A lead with what a model found in it."""

    strip: Strip
    waves: Sequence[WaveSegment]
    beats: list[Detection]
    """The beats, at their R peaks."""
    truth: Sequence[Beat]
    """The true beats; without kinds, if the model learned none."""


def _read_leads(
    model: Segmenter, strips: Sequence[Strip], codec: EcgCodec, *, together: bool = False
) -> Iterator[_LeadAnswer]:
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
                Detection(beat.qrs.peak, beat.kind.replace(UNLEARNED, ""), beat.confidence)
                for beat in heartbeats(signal, waves_of_lead, detected, rate=codec.rate)
            ]
            # A model that learned no kinds is not measured on them.
            truth = strip.beats if codec.kinds else [beat._replace(kind="") for beat in strip.beats]
            yield _LeadAnswer(strip, waves_of_lead, at_r, truth)


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
