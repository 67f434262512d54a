"""A stream of ECG samples, and its beats as they become certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

from elman._errors import ConfigError, DataError
from elman.data.ecg_codec import EcgCodec, EcgState
from elman.data.ecg_faults import FLAT_FOR, FLAT_WITHIN
from elman.data.found_beats import FoundBeat
from elman.data.resample import Resampler
from elman.data.resample import State as ResamplerState
from elman.fitted._ecg_beats import LeadBeats, at_rate
from elman.models.segmenter import STRIDE, Segmenter
from elman.tasks._ecg_chances import read

SIZES = (1024, 64, 4)
"""Samples that the network reads at once: few sizes are few shapes to compile."""


class StreamState(NamedTuple):
    """What is kept of a stream; it does not grow."""

    resamplers: tuple[ResamplerState, ...]
    features: EcgState
    waiting: Float[np.ndarray, "lead few feature"]
    """What the network has not read yet, since it makes no step."""
    recent: Float[np.ndarray, "lead time"]
    """The last seconds, to see whether a lead is flat."""
    unanswered: Float[np.ndarray, "lead time"]
    """The samples whose probabilities have not come yet, at the network's rate; NaN where a lead cannot be read."""
    carry: Any
    heard: int
    """Samples that came, at the network's rate."""
    silent: int
    """How many of the next probabilities are for what was before the first sample."""
    beats: LeadBeats


@dataclass(frozen=True)
class EcgStream:
    """Reads leads that come together, piece by piece: `start`, then `step` for each piece, then `finish`. The beats are
    those of all leads together, and what `predict` finds in the whole.
    """

    model: Segmenter
    codec: EcgCodec
    rate: float
    """Samples a second of what comes."""
    leads: int

    def __post_init__(self) -> None:
        if not self.model.causal:
            raise ConfigError("this model reads from both ends; for a stream, train one with --causal (causal=True)")

    @property
    def look_ahead(self) -> float:
        """The most seconds of signal after a sample that its probabilities need: those of the change of rate, and those
        of the network."""
        return self._resampler.delay + self.model.look_ahead / self.codec.rate

    def start(self) -> StreamState:
        """Before the first sample."""
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

    def step(self, state: StreamState, samples: Float[np.ndarray, "time lead"]) -> tuple[StreamState, list[FoundBeat]]:
        """The next samples in mV, NaN where there is none, and the beats that are certain now.

        Raises:
            DataError: another number of leads.
        """
        if samples.ndim != 2 or samples.shape[1] != self.leads:
            raise DataError(f"samples: expected {self.leads} numbers a line, one for each lead; got {samples.shape}")
        found = [self._resampler.step(one, lead) for one, lead in zip(state.resamplers, samples.T, strict=True)]
        state = state._replace(resamplers=tuple(one for one, _ in found))
        return self._answered(self._heard(state, np.stack([new for _, new in found])), ended=False)

    def finish(self, state: StreamState) -> list[FoundBeat]:
        """The beats that were not certain as long as more could come."""
        state = self._heard(state, np.stack([self._resampler.finish(one) for one in state.resamplers]))
        zeros = -state.waiting.shape[1] % STRIDE + self.model.delay
        state = state._replace(waiting=np.pad(state.waiting, [(0, 0), (0, zeros), (0, 0)]))
        return self._answered(state, ended=True)[1]

    def changes(self, before: StreamState, after: StreamState) -> list[str]:
        """In words, which leads can no longer be read after a step, and which can again."""
        seconds = after.heard / self.codec.rate
        return [
            f"lead {lead}: {'nothing to read' if now else 'readable again'} at {seconds:.2f} s"
            for lead, (was, now) in enumerate(zip(_broken(before), _broken(after), strict=True), start=1)
            if was != now
        ]

    @property
    def _resampler(self) -> Resampler:
        return Resampler(self.rate, self.codec.rate)

    def _heard(self, state: StreamState, signals: np.ndarray) -> StreamState:
        """With samples at the network's rate; a lead cannot be read where it is missing or has long not moved."""
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

    def _answered(self, state: StreamState, *, ended: bool) -> tuple[StreamState, list[FoundBeat]]:
        """After all steps that the network can make."""
        carry, waiting, labels = state.carry, state.waiting, list[np.ndarray]()
        for size in SIZES:
            while waiting.shape[1] >= size:
                carry, heads = read(self.model, carry, waiting[:, :size])
                labels.append(np.concatenate(heads, axis=-1))
                waiting = waiting[:, size:]
        state = state._replace(carry=carry, waiting=waiting)
        if not labels and not ended:
            return state, []
        return self._found(state, np.concatenate(labels, axis=1), ended=ended)

    def _found(self, state: StreamState, labels: np.ndarray, *, ended: bool) -> tuple[StreamState, list[FoundBeat]]:
        silent = min(state.silent, labels.shape[1])
        labels = labels[:, silent:][:, : state.unanswered.shape[1]]
        signals, rest = np.split(state.unanswered, [labels.shape[1]], axis=1)
        broken = np.isnan(signals)
        beats, found = state.beats.read(np.nan_to_num(signals), labels, broken, self.codec, ended=ended)
        state = state._replace(silent=state.silent - silent, unanswered=rest, beats=beats)
        return state, [at_rate(beat, self.rate / self.codec.rate) for beat in found[-1]]


def _broken(state: StreamState) -> list[bool]:
    """Which leads cannot be read at present."""
    return [bool(np.isnan(lead[-1:]).any()) for lead in state.unanswered]
