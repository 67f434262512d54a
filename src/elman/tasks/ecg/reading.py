"""Reads annotated ECGs: LUDB (Kalyakulina et al., 2020), the QT Database (Laguna et al., 1997), MIT-BIH (Moody and
Mark, 2001), and records that are annotated in the same ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elman._errors import DataError, quantity
from elman.formats.frames import table_or_files
from elman.formats.wfdb.annotations import FARTHEST, NOTE, Annotations
from elman.formats.wfdb.places import RecordFolder, record_folders
from elman.formats.wfdb.record import Record, annotations_of, record_of, whole_records
from elman.tasks.ecg.faults import find_faults, unreadable
from elman.tasks.ecg.marks import (
    AnnotatedEvents,
    annotated_beats,
    annotated_waves,
    check_within,
    flutter_mask,
    has_waves,
    in_runs,
    span_mask,
    without_t,
)
from elman.tasks.ecg.strip import Strip, strips_of

WAVES, BEATS = "q1c", "atr"
"""Endings of annotation files with the waves of some beats, and with every beat."""

NAMED = 24
"""The most damaged records that a message names."""

MIT_RATE = 360.0
_MIT = range(100, 235)
_SAME_PATIENT = {"202": "201"}


def records_of(places: Sequence[Any]) -> tuple[str | Path, ...]:
    """The places of annotated records.

    Raises:
        DataError: a table in memory, which has no annotations.
    """
    table, files = table_or_files(places)
    if table is not None:
        raise DataError("a table has no annotations to learn from or to measure with; expected records of WFDB")
    return files


def read_strips(*places: str | Path) -> tuple[Strip, ...]:
    """Reads the leads of annotated records. The annotation files beside each header determine what is known:

    - a file for each lead, such as `1.ii` (LUDB): all waves of that lead from the first to the last, and its beats
      without their kinds;
    - `.q1c` (QT Database): the waves of some beats, the same for all leads;
    - `.atr` (MIT-BIH, and beside `.q1c`): every beat with its kind; and the waves, where it has onsets and ends;
    - none, and an EDF+ file with annotations whose texts are WFDB's symbols: as `.atr`.

    Where a lead is unreadable (`ecg_faults.unreadable`), nothing of it counts as known, whatever other leads show.

    Args:
        places: see `read_record`; folders and archives may hold any number of records.

    Raises:
        DataError: no annotated record, annotations outside their record, or damaged files; names all such records.
    """
    return read_annotated(*places).complete("mend them, or name the others alone")


class AnnotatedRecords(NamedTuple):
    """The leads of the records of places, and the errors of records that cannot be read, by name."""

    strips: tuple[Strip, ...]
    errors: dict[str, DataError]
    count: int
    """The number of records, those included."""

    def complete(self, mend: str) -> tuple[Strip, ...]:
        """The leads, where all records can be read; `mend` says what to do where several cannot.

        Raises:
            DataError: records that cannot be read; names all of them, as far as a line can.
        """
        if not self.errors:
            return self.strips
        first = next(iter(self.errors.values()))
        if self.count == 1:
            raise first
        raise DataError(f"{self._damaged()} cannot be read; {mend} ({first})")

    def describe_left_out(self) -> str:
        """A sentence on the records that cannot be read."""
        return f"{self._damaged()} left out, since they cannot be read ({next(iter(self.errors.values()))})"

    def _damaged(self) -> str:
        listed = ", ".join([*self.errors][:NAMED]) + (", ..." if len(self.errors) > NAMED else "")
        return f"{len(self.errors):,} of {quantity(self.count, 'record')}, {listed},"


def read_annotated(*places: str | Path) -> AnnotatedRecords:
    """Reads annotated records as `read_strips` does, and keeps the errors of those that cannot be read.

    Raises:
        DataError: a place that cannot be read, or no annotated record among those that can.
    """
    strips, bare, errors, count = list[Strip](), list[str](), dict[str, DataError](), 0
    for shelf, names in record_folders(*places):
        for name in whole_records(shelf, names):
            count += 1
            try:
                ready = [_readable(strip) for strip in _strips(shelf, name)]
            except DataError as error:
                errors[f"{shelf.name}/{name}" if name in errors else name] = error
                continue
            strips += ready
            bare += [] if ready else [f"{shelf.name}/{name}"]
    if not strips and not errors:
        raise DataError(
            f"{bare[0]}: no annotations; expected {BEATS} (beats), {WAVES} (waves) or a file for each lead such as .ii "
            "beside the header, or an EDF+ file with marks such as N and V"
        )
    return AnnotatedRecords(tuple(strips), errors, count)


def _strips(shelf: RecordFolder, name: str) -> Iterator[Strip]:
    record, endings = record_of(shelf, name), shelf.endings[name]
    marks = partial(_annotations, shelf, name, record)
    leads = strips_of(record, patient=_patient(record, endings))
    if any(strip.lead.lower() in endings for strip in leads):
        for strip in leads:
            if strip.lead.lower() in endings:
                yield _of_waves(strip, annotated_waves(marks(strip.lead.lower())).kindless)
    elif WAVES in endings:
        waves, beats = marks(WAVES), marks(BEATS) if BEATS in endings else None
        yield from (_of_some_beats(strip, waves, beats) for strip in leads)
    elif BEATS in endings:
        annotations = marks(BEATS)
        yield from (_of_all(strip, annotations) for strip in leads)
    elif record.marks and (annotated_beats(record.marks) or has_waves(record.marks)):
        check_within(record.marks.without(NOTE), len(record.signals), record.place)
        yield from (_of_all(strip, record.marks) for strip in leads)


def _annotations(shelf: RecordFolder, name: str, record: Record, ending: str) -> Annotations:
    """Reads the annotations of a record, converted to its sampling rate."""
    annotations = annotations_of(shelf, name, ending)
    rate = annotations.rate or record.frame_rate or record.rate
    if rate != record.rate:
        moved = np.clip(np.rint(annotations.samples * (record.rate / rate)), -FARTHEST, FARTHEST)
        annotations = annotations._replace(samples=moved.astype(np.int64))
    check_within(annotations, len(record.signals), f"{record.place}.{ending}")
    return annotations._replace(rate=record.rate)


def _of_all(strip: Strip, annotations: Annotations) -> Strip:
    """The strip with annotations of every beat: their waves, where they have onsets and ends, or else their kinds."""
    if has_waves(annotations):
        return _of_waves(strip, annotated_waves(annotations))
    return _of_beats(strip, annotations)


def _of_waves(strip: Strip, marked: AnnotatedEvents) -> Strip:
    """The strip with its waves, of which all from the first to the last are annotated."""
    length = len(strip.signal)
    if not marked.waves:
        return strip
    known = span_mask(min(wave.onset for wave in marked.waves), max(wave.end for wave in marked.waves), length)
    known &= ~_unclear(marked, length)
    complexes = [wave for wave in marked.waves if wave.kind == "QRS"]
    beats_known = span_mask(complexes[0].onset, complexes[-1].end, length) if complexes else np.zeros(length, bool)
    return strip._replace(waves=marked.waves, beats=marked.complexes, known=known, beats_known=beats_known)


def _of_some_beats(strip: Strip, annotations: Annotations, every: Annotations | None) -> Strip:
    """The strip with the waves of some beats, and with all beats where `every` annotates them."""
    marked, length = annotated_waves(annotations), len(strip.signal)
    beats = None if every is None else annotated_beats(every)
    known = in_runs(marked, beats, length) & ~without_t(marked, length)
    if every is None:
        beats_known = in_runs(marked.without_p_and_t, None, length)
        return strip._replace(waves=marked.waves, beats=marked.kindless.complexes, known=known, beats_known=beats_known)
    return _of_beats(strip, every)._replace(waves=marked.waves, known=known)


def _of_beats(strip: Strip, annotations: Annotations) -> Strip:
    beats_known = ~flutter_mask(annotations, len(strip.signal))
    return strip._replace(beats=annotated_beats(annotations), beats_known=beats_known)


def _readable(strip: Strip) -> Strip:
    bad = unreadable(find_faults(strip), len(strip.signal))
    return strip._replace(known=strip.known & ~bad, beats_known=strip.beats_known & ~bad) if bad.any() else strip


def _unclear(marked: AnnotatedEvents, length: int) -> np.ndarray:
    mask = np.zeros(length, bool)
    for first, last in marked.unclear:
        mask |= span_mask(first, last, length)
    return mask


def _patient(record: Record, endings: frozenset[str]) -> str:
    """The patient's name, as an EDF file has it, or after the record's. Some records of the QT Database are pieces of
    MIT-BIH's, two of which are of one patient."""
    if record.patient:
        return record.patient
    number = record.name.removeprefix("sel")
    is_piece = WAVES in endings and number != record.name
    if number.isdecimal() and int(number) in _MIT and (is_piece or record.rate == MIT_RATE):
        return f"mitdb {_SAME_PATIENT.get(number, number)}"
    database = "qtdb" if is_piece else "ludb" if any(lead.lower() in endings for lead in record.leads) else "record"
    return f"{database} {record.name}"
