"""What a model finds in leads, and how good it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from elman.data.ecg import Strip
from elman.data.ecg_batches import filled
from elman.data.ecg_codec import KINDS, WAVES, EcgCodec
from elman.decoding.waves import Detection, Segment, find_beats, find_waves
from elman.measures.beats import BeatScores
from elman.measures.ecg import Delineation
from elman.models.segmenter import Segmenter
from elman.tasks._ecg_chances import Chances, all_chances
from elman.tasks.ecg_metrics import EcgMetrics


def found_waves(signal: Float[np.ndarray, " time"], chances: Chances, codec: EcgCodec) -> list[Segment]:
    """The waves of a lead."""
    return find_waves(signal, chances.waves, names=WAVES, rate=codec.rate)


def found_beats(chances: Chances, codec: EcgCodec) -> list[Detection]:
    """The beats of a lead, of the kinds that the model learned; of kind "" where it learned none."""
    names = tuple(kind if kind in codec.kinds else "" for kind in KINDS)
    beats = find_beats(chances.beats, names=names, rate=codec.rate)
    return beats if codec.kinds else [beat._replace(kind="") for beat in beats]


def joined(chances: Sequence[Chances]) -> Chances:
    """The mean over leads that were recorded together."""
    return Chances(*(np.mean(heads, axis=0) for heads in zip(*chances, strict=True)))


def measured(model: Segmenter, strips: Sequence[Strip], codec: EcgCodec, *, together: bool = False) -> EcgMetrics:
    """The scores of each lead by itself, or with what is found in all leads of its record together, added up."""
    signals = [filled(strip.signal) for strip in strips]
    chances = all_chances(model, codec, signals)
    if together:
        chances = _shared(chances, [strip.record for strip in strips])
    if not codec.kinds:  # a model that learned none is not measured by them
        strips = [strip._replace(beats=tuple(beat._replace(kind="") for beat in strip.beats)) for strip in strips]
    waves, beats = Delineation.none(), BeatScores.none()
    for strip, signal, own in zip(strips, signals, chances, strict=True):
        found = found_waves(signal, own, codec)
        waves += Delineation.of(strip.waves, found, rate=codec.rate, known=strip.known)
        beats += BeatScores.of(strip.beats, found_beats(own, codec), rate=codec.rate, known=strip.beats_known)
    return EcgMetrics(waves=waves, beats=beats, leads=len(strips))


def _shared(chances: Sequence[Chances], records: Sequence[str]) -> list[Chances]:
    """For each lead the mean over those of its record."""
    groups: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        groups.setdefault(record, []).append(place)
    means = {record: joined([chances[place] for place in places]) for record, places in groups.items()}
    return [means[record] for record in records]
