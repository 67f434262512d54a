"""Heartbeats as they become certain, in a signal that comes piece by piece: what `heartbeats` finds in the whole.

A beat is certain when its T wave can no longer come or the next QRS complex has ended, a little later than that, since
what follows may still join what was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from elman.decoding.waves import T_REACH_MS, Heartbeat, Segment, find_beats, find_waves, heartbeats

MARGIN_MS = 300
"""More than runs of samples can change by what comes so much later."""

KEPT_MS = 2000
"""Kept of what is before a beat that was told."""

LONGEST_MS = 30_000
"""Kept where there is no beat."""


class BeatStream(NamedTuple):
    """What is kept of a signal: its last samples, with their probabilities."""

    signal: Float[np.ndarray, " time"]
    waves: Float[np.ndarray, "time label"]
    beats: Float[np.ndarray, "time label"]
    first: int
    """The number of the first sample that is kept."""
    told: int
    """The R of the last beat that was told; -1 before there is one."""


def start(wave_labels: int, beat_labels: int) -> BeatStream:
    """Before the first sample."""
    return BeatStream(np.zeros(0), np.zeros((0, wave_labels)), np.zeros((0, beat_labels)), 0, -1)


def read(
    stream: BeatStream,
    signal: Float[np.ndarray, " time"],
    waves: Float[np.ndarray, "time label"],
    beats: Float[np.ndarray, "time label"],
    *,
    names: Sequence[str],
    kinds: Sequence[str],
    rate: float,
    ended: bool = False,
) -> tuple[BeatStream, list[Heartbeat]]:
    """The next samples with their probabilities, and the beats that are certain now, in samples from the first of all.
    With `ended`, nothing comes after these. The other arguments are those of `find_waves` and `find_beats`.
    """
    signal = np.concatenate([stream.signal, signal])
    waves, beats = np.concatenate([stream.waves, waves]), np.concatenate([stream.beats, beats])
    found = heartbeats(
        signal,
        find_waves(signal, waves, names=names, rate=rate),
        find_beats(beats, names=kinds, rate=rate),
        rate=rate,
    )
    new = [beat for beat in found if stream.first + beat.qrs.peak > stream.told]
    certain = len(new) if ended else _certain(new, len(signal), rate)
    told = [_moved(beat, stream.first) for beat in new[:certain]]
    last = told[-1].qrs.peak if told else stream.told
    keep = max(last - stream.first, 0) - round(KEPT_MS * rate / 1000)
    keep = max(keep, len(signal) - round(LONGEST_MS * rate / 1000), 0)
    return BeatStream(signal[keep:], waves[keep:], beats[keep:], stream.first + keep, last), told


def _certain(beats: Sequence[Heartbeat], length: int, rate: float) -> int:
    """How many of the beats no later sample can change."""
    margin, reach = MARGIN_MS * rate / 1000, T_REACH_MS * rate / 1000
    count = 0
    for place, beat in enumerate(beats):
        after = beats[place + 1].qrs.end if place + 1 < len(beats) else length
        if min(after, beat.qrs.peak + reach) + margin > length:
            break
        count += 1
    return count


def _moved(beat: Heartbeat, by: int) -> Heartbeat:
    def wave(one: Segment | None) -> Segment | None:
        return one and one._replace(onset=one.onset + by, peak=one.peak + by, end=one.end + by)

    def point(sample: int | None) -> int | None:
        return None if sample is None else sample + by

    qrs = beat.qrs._replace(onset=beat.qrs.onset + by, peak=beat.qrs.peak + by, end=beat.qrs.end + by)
    return beat._replace(qrs=qrs, q=point(beat.q), s=point(beat.s), p=wave(beat.p), t=wave(beat.t))
