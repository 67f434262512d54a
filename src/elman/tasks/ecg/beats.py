"""Beats of leads that were recorded together, decoded as their probabilities come: by lead, and for all together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from elman.tasks.ecg import beat_stream
from elman.tasks.ecg.beat_stream import BeatStream
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.detected import DetectedBeat, DetectedWave
from elman.tasks.ecg.leads import join_leads
from elman.tasks.ecg.waves import Heartbeat, WaveSegment


class LeadBeats(NamedTuple):
    """The decoding state of every lead, and last that of all leads together."""

    streams: tuple[BeatStream, ...]

    @classmethod
    def start(cls, leads: int) -> LeadBeats:
        """The state before the first sample."""
        return cls((beat_stream.start(len(WAVES), 1 + len(KINDS)),) * (leads + 1))

    def read(
        self,
        signals: Float[np.ndarray, "lead time"],
        labels: Float[np.ndarray, "lead time labels"],
        broken: Bool[np.ndarray, "lead time"],
        codec: EcgCodec,
        *,
        ended: bool,
    ) -> tuple[LeadBeats, list[list[Heartbeat]]]:
        """Reads the next samples, without those of broken leads; returns the new state and the beats certain by now."""
        heads = [labels[..., : len(WAVES)], labels[..., len(WAVES) :]]
        if codec.waves is False:
            heads[0] = np.broadcast_to(np.eye(len(WAVES))[0], heads[0].shape)
        alone = [np.where(broken[..., None], np.arange(head.shape[-1]) == 0, head) for head in heads]
        together = [join_leads(head, ~broken)[None] for head in heads]
        labels = np.concatenate([np.concatenate(pair) for pair in zip(alone, together, strict=True)], axis=-1)
        first = np.take_along_axis(signals, broken.argmin(axis=0)[None], axis=0)  # the first lead that is sound
        signals = np.concatenate([signals, first])
        kinds = tuple(kind if kind in codec.kinds else "" for kind in KINDS)
        streams, new = [], []
        for stream, signal, own in zip(self.streams, signals, labels, strict=True):
            waves, beats = own[:, : len(WAVES)], own[:, len(WAVES) :]
            stream, more = beat_stream.read(
                stream, signal, waves, beats, names=WAVES, kinds=kinds, rate=codec.rate, ended=ended
            )
            streams.append(stream)
            new.append(more)
        return LeadBeats(tuple(streams)), new


def at_rate(beat: Heartbeat, share: float) -> DetectedBeat:
    """Converts a beat to another sampling rate, `share` times as high.

    >>> beat = Heartbeat("N", 0.9, WaveSegment("QRS", 45, 50, 56, 0.9), None, 53, None, None)
    >>> at_rate(beat, 2.0).qrs.end, at_rate(beat, 2.0).s
    (112, 106)
    """

    def wave(one: WaveSegment) -> DetectedWave:
        return DetectedWave(one.kind, *(round(place * share) for place in one[1:4]), one.confidence)

    def point(sample: int | None) -> int | None:
        return None if sample is None else round(sample * share)

    p, t = (None if one is None else wave(one) for one in (beat.p, beat.t))
    return DetectedBeat(beat.kind, wave(beat.qrs), point(beat.q), point(beat.s), p, t)
