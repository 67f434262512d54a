"""An ECG as the page shows it: a window of its leads, with the waves and beats that the model found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from elman._errors import DataError
from elman.formats.files import read_files
from elman.formats.names import SAMPLES, ending
from elman.formats.wfdb.places import record_folders
from elman.formats.wfdb.record import record_of, whole_records
from elman.studio.look import Look
from elman.studio.models import of_kind
from elman.tasks.ecg.fitted import EcgReader, RecordBeats
from elman.tasks.ecg.text import read_ecg_table

WIDEST = 60.0
"""The most seconds of a window."""


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A window of a record."""

    file: str
    start: float = 0.0
    seconds: float = 10.0
    points: Annotated[int, msgspec.Meta(ge=2)] = 2000
    """The most points of a lead's line."""
    lead: str = ""
    """The lead whose waves are shown; by default the first."""


def see_strip(look: Look, wish: Window) -> dict[str, Any]:
    """The signals of a window, in mV, with the waves of one lead and the beats of all together."""
    reader = of_kind(look.fitted, EcgReader, use="reads no ECG")
    place = look.folder.existing(wish.file)
    seen: RecordBeats = look.kept.once(("ecg", look.version((wish.file,))), lambda: _read(reader, place))
    if wish.lead and wish.lead not in seen.strips:
        raise DataError(f"no lead {wish.lead!r}; there are {', '.join(seen.strips)}")
    rate, length = seen.rate, max(len(strip.signal) for strip in seen.strips.values())
    start = int(min(max(0.0, wish.start) * rate, length))
    stop = min(length, start + int(min(max(wish.seconds, 0.5), WIDEST) * rate))
    lead = wish.lead or next(iter(seen.strips))
    waves = [wave for beat in seen.leads[lead] for wave in beat.waves if wave.end >= start and wave.onset < stop]
    return {
        "name": seen.name,
        "seconds": length / rate,
        "start": start / rate,
        "stop": stop / rate,
        "lead": lead,
        "leads": {own: _line(strip.signal[start:stop], wish.points) for own, strip in seen.strips.items()},
        "waves": [
            {
                "kind": one.kind,
                "onset": one.onset / rate,
                "peak": one.peak / rate,
                "end": one.end / rate,
                "sure": one.confidence,
            }
            for one in waves
        ],
        "beats": [{"at": b.sample / rate, "kind": b.kind} for b in seen.beats if start <= b.sample < stop],
        "faults": [str(one) for one in seen.faults],
        "summary": seen.table().summary(),
    }


def _read(reader: EcgReader, place: Path) -> RecordBeats:
    """The beats of the first record of a place.

    Raises:
        DataError: no record, or one that cannot be read.
    """
    if ending(str(place)) in SAMPLES:
        for file in read_files(str(place)):
            return reader.predict(read_ecg_table(file, rate=None))
    for shelf, names in record_folders(str(place)):
        for name in whole_records(shelf, names):
            return reader.predict(record_of(shelf, name))
    raise DataError(f"{place.name}: no record of an ECG")


def _line(signal: np.ndarray, points: int) -> list[float | None]:
    """A signal of at most so many points: where there are more, the least and the largest of each group in turn."""
    if len(signal) > points:
        size = -(-len(signal) // (points // 2))
        padded = np.pad(signal, (0, -len(signal) % size), constant_values=np.nan).reshape(-1, size)
        with np.errstate(all="ignore"):
            least, most = np.fmin.reduce(padded, axis=1), np.fmax.reduce(padded, axis=1)
        signal = np.stack([least, most], axis=1).ravel()
    return [None if np.isnan(value) else round(float(value), 4) for value in signal]
