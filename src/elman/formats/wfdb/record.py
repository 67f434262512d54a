"""Reads and writes WFDB records and annotations, the format of PhysioNet (Goldberger et al., 2000).

Signals come in physical units, NaN where the file marks a sample as missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import DataError, ShapeError
from elman._show import brief, brief_table
from elman.formats.edf import Edf, read_edf
from elman.formats.names import EDF, HEADER, ending
from elman.formats.wfdb import signals as formats
from elman.formats.wfdb.annotations import (
    FARTHEST,
    NOTE,
    SYMBOLS,
    Annotations,
    decode_annotations,
    encode_annotations,
)
from elman.formats.wfdb.header import UNITS, Header, Signal, write_header
from elman.formats.wfdb.places import RecordFolder, record_folders
from elman.formats.wfdb.samples import header_of, samples_of

_FINEST = 1e12  # steps a unit
_MOST_BASELINE = 1 << 31  # which other programs keep in 32 bits


class Scale(NamedTuple):
    """The scale of a converter, whose numbers are `value * gain + baseline`."""

    gain: float
    baseline: int = 0


class Record(NamedTuple):
    """Signals that were recorded together."""

    name: str
    signals: Float[np.ndarray, "time lead"]
    """The samples in `units`, float32; NaN where one is missing."""
    rate: float
    """Samples a second."""
    leads: tuple[str, ...]
    units: tuple[str, ...] = ()
    """The unit of each lead; mV for all where empty."""
    comments: tuple[str, ...] = ()
    """The notes on the record, such as age and sex, as its file has them."""
    place: str = "the record"
    """The path of the record, for messages."""
    frame_rate: float | None = None
    """The rate at which annotation files count that give none; None where it is `rate`."""
    patient: str = ""
    """The patient's code or name in an EDF file."""
    marks: Annotations | None = None
    """The annotations in an EDF+ file; None for records with annotation files."""

    __repr__, _repr_html_ = brief, brief_table


def read_record(place: str | Path) -> Record:
    """Reads one record. `place` is its name without an ending, one of its files, a folder that holds only this record,
    or a record in an archive (`ludb.tar.xz/ludb/data/1`); or an EDF or BDF file. The segments of a record are
    joined; a lead is NaN in segments without it. Where leads have different rates (several samples in a frame), the
    record has the highest, and samples of the others are repeated.

    Raises:
        DataError: a header that disagrees with its files (says which, and by how many samples), a wrong checksum, an
            unknown format, a rate of 0, a missing file, or several records.

    >>> import tempfile
    >>> record = Record("a", np.array([[0.5], [np.nan], [-0.25]], np.float32), 250.0, ("II",))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_record(Path(folder, "a"), record)
    ...     read_record(Path(folder, "a")).signals.tolist()
    [[0.5], [nan], [-0.25]]
    """
    records = [(shelf, name) for shelf, names in record_folders(place) for name in whole_records(shelf, names)]
    if len(records) != 1:
        few = ", ".join(name for _, name in records[:5])
        raise DataError(f"{place}: {len(records)} records ({few}{', ...' if len(records) > 5 else ''}); expected one")
    return record_of(*records[0])


def read_annotations(place: str | Path, extension: str = "atr") -> Annotations:
    """Reads the annotations of a record from its file with this ending.

    Raises:
        DataError: a missing file, or one that is not an annotation file.
    """
    records = [(shelf, name) for shelf, names in record_folders(place) for name in names]
    if len(records) != 1:
        raise DataError(f"{place}: {len(records)} records; expected one")
    return annotations_of(*records[0], extension)


def write_record(
    place: str | Path, record: Record, *, format: formats.Writable = 16, scales: Sequence[Scale] | None = None
) -> None:
    """Writes a header and one signal file.

    Args:
        place: the path without ending; its last part is the record's name.
        record: the record, whose signals are rounded to whole steps of the converter.
        format: 16 has 65,535 steps; 212 has 4,095, in three quarters of the bytes; 24 and 32 have more.
        scales: the scale of each lead; None takes the finest of 1, 2, 5, 10, ... steps a unit that all values fit.

    Raises:
        DataError: values that do not fit these scales, or infinite ones.
        ShapeError: a number of names, units or scales other than that of leads.
    """
    place, width = Path(place), record.signals.shape[1]
    units = record.units or (UNITS,) * width
    for what, values in (("leads", record.leads), ("units", units), ("scales", scales)):
        if values is not None and len(values) != width:
            raise ShapeError(f"{len(values)} {what} for {width} signals; expected one each")
    formats.check_writable(format, str(place))
    if len(place.name.split()) != 1:
        raise DataError(f"{place}: a header cannot hold a name with blanks; name the record otherwise")
    signals, columns = [], []
    for index, (lead, values) in enumerate(zip(record.leads, record.signals.T.astype(np.float64), strict=True)):
        where = f"{place}, lead {lead}"
        scale = scales[index] if scales else _finest(values, format, where)
        columns.append(_steps(values, format, scale, where))
        described = Signal(
            f"{place.name}.dat", format, lead, *scale, units[index], resolution=formats.FORMATS[format].bits
        )
        first, total = int(columns[-1][:1].sum()), formats.checksum(columns[-1])
        signals.append(described._replace(initial=first, checksum=total))
    header = Header(place.name, record.rate, len(record.signals), tuple(signals), comments=record.comments)
    numbers = np.stack(columns, axis=1) if columns else np.zeros((0, 0), np.int64)
    place.with_name(f"{place.name}.dat").write_bytes(formats.encode(numbers.reshape(-1), format))
    place.with_name(f"{place.name}{HEADER}").write_text(write_header(header), encoding="utf-8")


def write_annotations(place: str | Path, extension: str, annotations: Annotations) -> None:
    """Writes the annotations of the record at `place`, a path without ending.

    Raises:
        DataError: annotations that are out of order, or that the format cannot hold.
    """
    place = Path(place)
    place.with_name(f"{place.name}.{extension}").write_bytes(encode_annotations(annotations))


def whole_records(shelf: RecordFolder, names: Sequence[str]) -> Iterator[str]:
    """The records that are not segments of others on the shelf. One whose header cannot be read is among them, as is
    one that has segments and is named as a segment, which is damaged: `record_of` says why."""
    parts = dict[str, set[str]]()
    for name in (name for name in names if len(names) > 1 and not _is_edf(shelf, name)):
        with suppress(DataError):
            parts[name] = {segment.name for segment in header_of(shelf, name).segments}
    segments = set[str]().union(*parts.values())
    yield from (name for name in names if parts.get(name) or name not in segments)


def record_of(shelf: RecordFolder, name: str) -> Record:
    """Reads a record of a shelf; see `read_record`.

    Raises:
        DataError: see `read_record`.
    """
    place = f"{shelf.name}/{name}"
    if _is_edf(shelf, name):
        return _record_of_edf(read_edf(shelf.read(name), place), Path(name).stem, place)
    header = header_of(shelf, name)
    values, described, frame = samples_of(shelf, header, place)
    leads, units = tuple(signal.lead for signal in described), tuple(signal.units for signal in described)
    rate = header.rate * frame
    return Record(name, values, rate, leads, units, header.comments, place, header.rate if frame > 1 else None)


def annotations_of(shelf: RecordFolder, name: str, extension: str) -> Annotations:
    """Reads the annotations of a record of a shelf.

    Raises:
        DataError: see `read_annotations`.
    """
    file = f"{name}.{extension}"
    if _is_edf(shelf, name) and not shelf.find(file):
        file = f"{Path(name).stem}.{extension}"
    return decode_annotations(shelf.read(file), f"{shelf.name}/{file}")


def _is_edf(shelf: RecordFolder, name: str) -> bool:
    return ending(name) in EDF and not shelf.find(f"{name}{HEADER}")


def _record_of_edf(edf: Edf, name: str, place: str) -> Record:
    """The record of an EDF file, whose annotations of one symbol of WFDB are marks of that kind, and others notes."""
    samples = np.clip(np.rint([mark.onset * edf.rate for mark in edf.marks]), -FARTHEST, FARTHEST).astype(np.int64)
    kinds = [mark.text if mark.text in SYMBOLS.values() else NOTE for mark in edf.marks]
    notes = tuple("" if mark.text == kind else mark.text for mark, kind in zip(edf.marks, kinds, strict=True))
    marks = Annotations.of(samples, tuple(kinds), rate=edf.rate)._replace(notes=notes) if len(samples) else None
    return Record(name, edf.values, edf.rate, edf.labels, edf.units, edf.comments, place, None, edf.patient, marks)


def _finest(values: np.ndarray, format: int, place: str) -> Scale:
    """The scale with the largest gain of 1, 2, 5, 10, ... with which the values fit the format."""
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if not np.isfinite([low, high]).all():
        raise DataError(f"{place}: infinite values; expected finite ones, or NaN where a sample is missing")
    far = max(abs(low), abs(high)) > 2 * (high - low)  # then a baseline of 0 would waste the steps around 0
    middle = (low + high) / 2 if far else 0.0
    reach = max(high - middle, middle - low)
    most = (_limit(format) - 1) / reach if reach > 0 else _FINEST if middle else 1000.0
    most = min(most, _FINEST, _MOST_BASELINE / abs(middle) if middle else _FINEST)
    power = 10.0 ** np.floor(np.log10(most))
    gain = float(max(step * power for step in (1, 2, 5) if step * power <= most))
    return Scale(gain, -round(middle * gain))


def _limit(format: int) -> int:
    """The largest number of a format, whose opposite is a number too."""
    return (1 << (formats.FORMATS[format].bits - 1)) - 1


def _steps(values: np.ndarray, format: int, scale: Scale, place: str) -> np.ndarray:
    """The values in steps of the converter."""
    missing, limit = np.isnan(values), _limit(format)
    steps = np.rint(np.where(missing, 0.0, values) * scale.gain) + scale.baseline
    if not (np.abs(steps[~missing]) <= limit).all():
        raise DataError(
            f"{place}: values from {np.nanmin(values):g} to {np.nanmax(values):g} do not fit format {format} with a "
            f"gain of {scale.gain:g} and a baseline of {scale.baseline}; take a smaller gain, or leave the scales out"
        )
    return np.where(missing, -limit - 1, steps).astype(np.int64)
