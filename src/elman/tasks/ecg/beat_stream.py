"""Detection of heartbeats in a signal that comes piece by piece: the beats that `heartbeats` finds in the whole signal.

A beat is certain a little after its T wave can no longer come or the next QRS complex has ended: until then, later
samples may still join runs that were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from elman.tasks.ecg.waves import T_REACH_MS, Heartbeat, WaveSegment, find_beats, find_waves, heartbeats

MARGIN_MS = 300
"""Time in milliseconds after which later samples can no longer change a run."""

KEPT_MS = 2000
"""Time in milliseconds that is kept before the last beat returned."""

LONGEST_MS = 30_000
"""Time in milliseconds that is kept where there is no beat."""


class BeatStream(NamedTuple):
    """The state of a stream: its last samples, with their probabilities."""

    signal: Float[np.ndarray, " time"]
    waves: Float[np.ndarray, "time label"]
    beats: Float[np.ndarray, "time kind"]
    first: int
    """The place in the whole signal of the first sample kept."""
    last_peak: int
    """The R peak of the last beat returned; -1 before the first."""


def start(wave_labels: int, beat_labels: int) -> BeatStream:
    """The state of a stream before the first sample."""
    return BeatStream(np.zeros(0), np.zeros((0, wave_labels)), np.zeros((0, beat_labels)), 0, -1)


def read(
    stream: BeatStream,
    signal: Float[np.ndarray, " time"],
    waves: Float[np.ndarray, "time label"],
    beats: Float[np.ndarray, "time kind"],
    *,
    names: Sequence[str],
    kinds: Sequence[str],
    rate: float,
    ended: bool = False,
) -> tuple[BeatStream, list[Heartbeat]]:
    """Reads the next samples with their probabilities: returns the new state and the beats that are now certain, whose
    samples count from the start of the stream. `ended` says that no samples follow. The other arguments are those of
    `find_waves` and `find_beats`.
    """
    signal = np.concatenate([stream.signal, signal])
    waves, beats = np.concatenate([stream.waves, waves]), np.concatenate([stream.beats, beats])
    candidates = heartbeats(
        signal,
        find_waves(signal, waves, names=names, rate=rate),
        find_beats(beats, names=kinds, rate=rate),
        rate=rate,
    )
    new = [beat for beat in candidates if stream.first + beat.qrs.peak > stream.last_peak]
    certain = len(new) if ended else _certain(new, len(signal), rate)
    returned = [_shift(beat, stream.first) for beat in new[:certain]]
    last = returned[-1].qrs.peak if returned else stream.last_peak
    keep = max(last - stream.first, 0) - round(KEPT_MS * rate / 1000)
    keep = max(keep, len(signal) - round(LONGEST_MS * rate / 1000), 0)
    return BeatStream(signal[keep:], waves[keep:], beats[keep:], stream.first + keep, last), returned


def _certain(beats: Sequence[Heartbeat], length: int, rate: float) -> int:
    """The number of beats that no later sample can change."""
    margin, reach = MARGIN_MS * rate / 1000, T_REACH_MS * rate / 1000
    count = 0
    for place, beat in enumerate(beats):
        after = beats[place + 1].qrs.end if place + 1 < len(beats) else length
        if min(after, beat.qrs.peak + reach) + margin > length:
            break
        count += 1
    return count


def _shift(beat: Heartbeat, by: int) -> Heartbeat:
    def wave(one: WaveSegment | None) -> WaveSegment | None:
        return one and one._replace(onset=one.onset + by, peak=one.peak + by, end=one.end + by)

    def point(sample: int | None) -> int | None:
        return None if sample is None else sample + by

    qrs = beat.qrs._replace(onset=beat.qrs.onset + by, peak=beat.qrs.peak + by, end=beat.qrs.end + by)
    return beat._replace(qrs=qrs, q=point(beat.q), s=point(beat.s), p=wave(beat.p), t=wave(beat.t))
