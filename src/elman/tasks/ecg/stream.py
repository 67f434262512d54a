"""Streams of ECG samples, with beats as soon as they are certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

from elman._errors import ConfigError, DataError
from elman._show import Shown
from elman.tasks.ecg.beats import LeadBeats, at_rate
from elman.tasks.ecg.codec import EcgCodec, EcgState
from elman.tasks.ecg.detected import DetectedBeat
from elman.tasks.ecg.faults import FLAT_FOR, FLAT_WITHIN
from elman.tasks.ecg.model import STRIDE, Segmenter
from elman.tasks.ecg.probabilities import read
from elman.tasks.ecg.resample import Resampler
from elman.tasks.ecg.resample import ResamplerState as ResamplerState

SIZES = (1024, 64, 4)
"""The numbers of samples that the network reads at once; few sizes are few shapes to compile."""


class StreamState(NamedTuple):
    """The state of a stream; its size does not grow."""

    resamplers: tuple[ResamplerState, ...]
    features: EcgState
    waiting: Float[np.ndarray, "lead few feature"]
    """The features that the network has not read yet, since they do not fill one of its steps."""
    recent: Float[np.ndarray, "lead time"]
    """The last seconds of signal, to detect a flat lead."""
    unanswered: Float[np.ndarray, "lead time"]
    """The samples that have no probabilities yet, at the network's rate; NaN where a lead cannot be read."""
    carry: Any
    heard: int
    """The number of samples so far, at the network's rate."""
    silent: int
    """The number of the next probabilities to discard, since they belong to times before the first sample."""
    beats: LeadBeats


@dataclass(frozen=True)
class EcgStream(Shown):
    """Reads several leads together, piece by piece: `start`, then `step` for each piece, then `finish`. The beats are
    those of all leads together, the same as `predict` finds in the whole record.
    """

    model: Segmenter
    codec: EcgCodec
    rate: float
    """The sampling rate of the stream, in Hz."""
    leads: int

    def __post_init__(self) -> None:
        if not self.model.causal:
            raise ConfigError("this model reads from both ends; for a stream, train one with --causal (causal=True)")

    @property
    def look_ahead(self) -> float:
        """The look-ahead in seconds: the most signal after a sample that its probabilities need, for the resampling
        and for the network."""
        return self._resampler.delay + self.model.look_ahead / self.codec.rate

    def start(self) -> StreamState:
        """The state before the first sample."""
        return StreamState(
            resamplers=(self._resampler.start(),) * self.leads,
            features=self.codec.start(self.leads),
            waiting=np.zeros((self.leads, 0, self.codec.FEATURES), np.float32),
            recent=np.full((self.leads, round(FLAT_FOR * self.codec.rate)), np.nan),
            unanswered=np.zeros((self.leads, 0)),
            carry=self.model.init_carry(self.leads),
            heard=0,
            silent=self.model.delay,
            beats=LeadBeats.start(self.leads),
        )

    def step(
        self, state: StreamState, samples: Float[np.ndarray, "time lead"]
    ) -> tuple[StreamState, list[DetectedBeat]]:
        """Reads the next samples, in mV, with NaN for missing ones; returns the state and the beats certain by now.

        Raises:
            DataError: samples of another number of leads.
        """
        if samples.ndim != 2 or samples.shape[1] != self.leads:
            raise DataError(f"samples: expected {self.leads} numbers a line, one for each lead; got {samples.shape}")
        resampled = [self._resampler.step(one, lead) for one, lead in zip(state.resamplers, samples.T, strict=True)]
        state = state._replace(resamplers=tuple(one for one, _ in resampled))
        return self._run_network(self._append(state, np.stack([new for _, new in resampled])), ended=False)

    def finish(self, state: StreamState) -> list[DetectedBeat]:
        """The last beats, which were not certain as long as more samples could come."""
        state = self._append(state, np.stack([self._resampler.finish(one) for one in state.resamplers]))
        zeros = -state.waiting.shape[1] % STRIDE + self.model.delay
        state = state._replace(waiting=np.pad(state.waiting, [(0, 0), (0, zeros), (0, 0)]))
        return self._run_network(state, ended=True)[1]

    def changes(self, before: StreamState, after: StreamState) -> list[str]:
        """A line for each lead that can no longer be read after a step, or that can be read again."""
        seconds = after.heard / self.codec.rate
        return [
            f"lead {lead}: {'nothing to read' if now else 'readable again'} at {seconds:.2f} s"
            for lead, (was, now) in enumerate(zip(_broken(before), _broken(after), strict=True), start=1)
            if was != now
        ]

    @property
    def _resampler(self) -> Resampler:
        return Resampler(self.rate, self.codec.rate)

    def _append(self, state: StreamState, signals: np.ndarray) -> StreamState:
        """Adds samples at the network's rate; a lead cannot be read where it is missing or has long been flat."""
        features, more = self.codec.features(state.features, signals)
        length = state.recent.shape[1]
        both = np.concatenate([state.recent, signals], axis=1)
        windows = sliding_window_view(both, length, axis=1)[:, 1:]
        still = windows.max(axis=-1) - windows.min(axis=-1) <= FLAT_WITHIN
        return state._replace(
            features=features,
            waiting=np.concatenate([state.waiting, more], axis=1),
            recent=both[:, both.shape[1] - length :],
            unanswered=np.concatenate([state.unanswered, np.where(still, np.nan, signals)], axis=1),
            heard=state.heard + signals.shape[1],
        )

    def _run_network(self, state: StreamState, *, ended: bool) -> tuple[StreamState, list[DetectedBeat]]:
        """Runs the network on all steps that are complete; returns the new state and the beats certain by now."""
        carry, waiting, labels = state.carry, state.waiting, list[np.ndarray]()
        for size in SIZES:
            while waiting.shape[1] >= size:
                carry, heads = read(self.model, carry, waiting[:, :size])
                labels.append(np.concatenate(heads, axis=-1))
                waiting = waiting[:, size:]
        state = state._replace(carry=carry, waiting=waiting)
        if not labels and not ended:
            return state, []
        return self._find_beats(state, np.concatenate(labels, axis=1), ended=ended)

    def _find_beats(
        self, state: StreamState, labels: np.ndarray, *, ended: bool
    ) -> tuple[StreamState, list[DetectedBeat]]:
        silent = min(state.silent, labels.shape[1])
        labels = labels[:, silent:][:, : state.unanswered.shape[1]]
        signals, rest = np.split(state.unanswered, [labels.shape[1]], axis=1)
        broken = np.isnan(signals)
        beats, new_beats = state.beats.read(np.nan_to_num(signals), labels, broken, self.codec, ended=ended)
        state = state._replace(silent=state.silent - silent, unanswered=rest, beats=beats)
        return state, [at_rate(beat, float(1 / self._resampler.ratio)) for beat in new_beats[-1]]


def _broken(state: StreamState) -> list[bool]:
    """A mask of the leads that cannot be read at present."""
    return [bool(np.isnan(lead[-1:]).any()) for lead in state.unanswered]
