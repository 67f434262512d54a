"""A session of an ECG model: it reads leads piece by piece, and says the beats as soon as they are certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import jax
import msgspec
import numpy as np
from numpy.typing import ArrayLike

from elman import artefact
from elman._errors import ArtefactError, ConfigError, DataError
from elman.tasks.ecg.detected import DetectedBeat
from elman.tasks.ecg.stream import EcgStream, StreamState
from elman.tasks.plain import plain_array
from elman.tasks.session import Session

if TYPE_CHECKING:
    from elman.tasks.ecg.fitted import EcgReader


class _Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of a state that are no arrays."""

    rate: float
    leads: int


class EcgSession(Session["EcgReader"]):
    """Leads that an ECG model reads as they come. The beats are those that `predict` finds in the whole record."""

    def __init__(self, fitted: EcgReader, stream: EcgStream, state: StreamState | None = None):
        super().__init__(fitted)
        self.stream, self.state = stream, state or stream.start()
        self.changes: list[str] = []
        """A line for each lead that could no longer be read after the last samples, or could be read again."""

    @property
    def position(self) -> int:
        """The number of samples so far."""
        return self.state.resamplers[0].seen

    def feed(self, new: ArrayLike) -> list[DetectedBeat]:
        """Reads the next samples in mV, (time, lead), or (time,) of one lead, with NaN for missing ones; returns the
        beats that are certain by now.

        Raises:
            DataError: what is no such array, or samples of another number of leads.
        """
        try:
            samples = np.asarray(new, np.float64)
        except (TypeError, ValueError):
            raise DataError("samples: expected numbers in mV, a row for each time with one for each lead") from None
        samples = samples[:, None] if samples.ndim == 1 and self.stream.leads == 1 else samples
        if np.isinf(samples).any():
            raise DataError("samples: expected numbers in mV, NaN for missing ones; got an infinite one")
        before = self.state
        if not samples.size:
            return []
        self.state, beats = self.stream.step(before, samples)
        self.changes = self.stream.changes(before, self.state)
        return beats

    def finish(self) -> list[DetectedBeat]:
        """The last beats, if no more samples come. The session stays where it is."""
        return self.stream.finish(self.state) if self.position else []

    def feed_plain(self, new: Any) -> list[dict[str, Any]]:
        """Reads the next samples, lists of numbers and None for missing ones; returns the beats as plain values."""
        return [beat.plain for beat in self.feed(plain_array(new, "samples"))]

    def rest_plain(self) -> list[dict[str, Any]]:
        """The last beats as plain values."""
        return [beat.plain for beat in self.finish()]

    def fork(self) -> Self:
        """Returns a session in the same state, which goes on by itself."""
        return type(self)(self.fitted, self.stream, self.state)

    def contents(self) -> artefact.SavedState:
        """The state, as plain values and arrays."""
        values = _Values(self.stream.rate, self.stream.leads)
        return artefact.SavedState(msgspec.to_builtins(values), artefact.named_arrays(self.state))

    @classmethod
    def restored(cls, fitted: EcgReader, saved: artefact.SavedState) -> EcgSession:
        """The session in a saved state.

        Raises:
            ArtefactError: values or arrays that make no state of this model.
        """
        try:
            values = msgspec.convert(saved.values, _Values)
            start = fitted.new_session(rate=values.rate, leads=values.leads)
        except (msgspec.ValidationError, ConfigError) as error:
            raise ArtefactError(f"the session: its values are not what elman writes ({error})") from None
        return cls(fitted, start.stream, _filled(start.state, saved.arrays))


def _filled(start: StreamState, arrays: artefact.Arrays) -> StreamState:
    """A state with saved arrays. Where one is empty at the start, its length may be any."""
    plain = artefact.named_arrays(start)
    lengths = {
        name: array.shape if array.ndim == plain[name].ndim else () for name, array in arrays.items() if name in plain
    }
    shapes = {
        name: jax.ShapeDtypeStruct(
            tuple(own or there for own, there in zip(array.shape, lengths.get(name, array.shape), strict=False)),
            array.dtype,
        )
        for name, array in plain.items()
    }
    filled = artefact.fill(shapes, arrays, what="the session", put=np.asarray)
    kinds = jax.tree.map(type, start)
    structure = jax.tree.structure(start)
    leaves = [
        kind(filled[name]) if kind in (int, float) else filled[name]
        for name, kind in zip(plain, jax.tree.leaves(kinds), strict=True)
    ]
    return jax.tree.unflatten(structure, leaves)
