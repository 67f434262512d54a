"""Reads and writes WFDB records and annotations, the format of PhysioNet (Goldberger et al., 2000).

Signals come in physical units, NaN where the file marks a sample as missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman._errors import DataError, ShapeError
from elman.formats.files import File, text_of
from elman.formats.wfdb import signals as formats
from elman.formats.wfdb.annotations import Annotations, decode_annotations, encode_annotations
from elman.formats.wfdb.header import NO_FILE, UNITS, Header, Signal, read_header, write_header
from elman.formats.wfdb.places import HEADER, RecordFolder, record_folders

Format = Literal[16, 212]


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
    place: str = "the record"
    """The path of the record, for messages."""


def read_record(place: str | Path) -> Record:
    """Reads one record. `place` is its name without an ending, one of its files, a folder that holds only this record,
    or a record in a tar archive (`ludb.tar.xz/ludb/data/1`). The segments of a record are joined; a lead is NaN in
    segments without it. Several samples of a lead in one frame are averaged.

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
    found = [(shelf, name) for shelf, names in record_folders(place) for name in whole_records(shelf, names)]
    if len(found) != 1:
        few = ", ".join(name for _, name in found[:5])
        raise DataError(f"{place}: {len(found)} records ({few}{', ...' if len(found) > 5 else ''}); expected one")
    return record_of(*found[0])


def read_annotations(place: str | Path, extension: str = "atr") -> Annotations:
    """Reads the annotations of a record from its file with this ending.

    Raises:
        DataError: a missing file, or one that is not an annotation file.
    """
    ((shelf, names),) = record_folders(place)
    if len(names) != 1:
        raise DataError(f"{place}: {len(names)} records; expected one")
    return annotations_of(shelf, names[0], extension)


def write_record(
    place: str | Path, record: Record, *, format: Format = 16, scales: Sequence[Scale] | None = None
) -> None:
    """Writes a header and one signal file.

    Args:
        place: the path without ending; its last part is the record's name.
        record: the record, whose signals are rounded to whole steps of the converter.
        format: 16 has 65,535 steps; 212 has 4,095, in three quarters of the bytes.
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
    formats.check_format(format, str(place))
    signals, columns = [], []
    for index, (lead, values) in enumerate(zip(record.leads, record.signals.T.astype(np.float64), strict=True)):
        where = f"{place}, lead {lead}"
        scale = scales[index] if scales else _finest(values, format, where)
        columns.append(_steps(values, format, scale, where))
        described = Signal(f"{place.name}.dat", format, lead, *scale, units[index], resolution=formats.BITS[format])
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
    """The records that are not segments of others on the shelf.

    Raises:
        DataError: a header that cannot be read.
    """
    headers = [_header(shelf, name) for name in names] if len(names) > 1 else []
    parts = {segment.name for header in headers for segment in header.segments}
    yield from (name for name in names if name not in parts)


def record_of(shelf: RecordFolder, name: str) -> Record:
    """Reads a record of a shelf; see `read_record`.

    Raises:
        DataError: see `read_record`.
    """
    header, place = _header(shelf, name), f"{shelf.name}/{name}"
    if header.segments:
        values, described = _join_signals(shelf, header, place)
    else:
        values, described = _signals(shelf, header, f"{place}{HEADER}"), header.signals
    leads, units = tuple(signal.lead for signal in described), tuple(signal.units for signal in described)
    return Record(name, values, header.rate, leads, units, header.comments, place)


def annotations_of(shelf: RecordFolder, name: str, extension: str) -> Annotations:
    """Reads the annotations of a record of a shelf.

    Raises:
        DataError: see `read_annotations`.
    """
    file = f"{name}.{extension}"
    return decode_annotations(shelf.read(file), f"{shelf.name}/{file}")


def _header(shelf: RecordFolder, name: str) -> Header:
    file, place = f"{name}{HEADER}", f"{shelf.name}/{name}{HEADER}"
    content = shelf.read(file)
    try:
        content.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:  # old records may have comments in Latin-1
        encoding = "latin-1"
    return read_header(text_of(File(place, (file,), content), encoding), place)


def _signals(shelf: RecordFolder, header: Header, place: str) -> Float[np.ndarray, "time lead"]:
    """The leads of a record in one piece."""
    by_file: dict[str, list[int]] = {}
    for index, signal in enumerate(header.signals):
        by_file.setdefault(signal.file, []).append(index)
    columns: dict[int, np.ndarray] = {}
    for file, indices in by_file.items():
        own = [header.signals[index] for index in indices]
        columns |= dict(zip(indices, _of_file(shelf, file, own, header.frames, place), strict=True))
    lengths = {header.signals[index].file: len(column) for index, column in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{file} has {length:,}" for file, length in lengths.items())
        raise DataError(f"{place}: expected as many samples in each file; {said}")
    frames = next(iter(lengths.values()), header.frames or 0)
    return np.stack([columns[index] for index in range(len(columns))], axis=1) if columns else np.zeros((frames, 0))


def _of_file(shelf: RecordFolder, file: str, own: list[Signal], frames: int | None, place: str) -> Iterator[np.ndarray]:
    """The leads of one signal file, in physical units."""
    if file == NO_FILE:
        return iter([np.full(frames or 0, np.nan, np.float32)] * len(own))
    for signal in own:
        formats.check_format(signal.format, f"{place}, lead {signal.lead}")
    format, width = own[0].format, sum(signal.frame for signal in own)
    if any((signal.format, signal.offset) != (format, own[0].offset) for signal in own):
        raise DataError(f"{place}: the leads in {file} have different formats or offsets; expected the same")
    content = shelf.read(file, wanted_by=place)[own[0].offset :]
    there = formats.count(format, len(content)) // width
    if frames is not None and there != frames:
        raise DataError(
            f"{shelf.name}/{file}: {there:,} samples of each lead; the header {place} says {frames:,}: "
            f"{abs(there - frames):,} too {'many' if there > frames else 'few'}; fetch the record again, or correct "
            "the header"
        )
    numbers = formats.decode(content[: formats.size(format, there * width)], format).reshape(there, width)
    return (_physical(signal, part, place) for signal, part in zip(own, _split_frames(numbers, own), strict=True))


def _split_frames(numbers: Integer[np.ndarray, "time number"], own: list[Signal]) -> list[np.ndarray]:
    """The numbers of each lead, with an axis for its samples in a frame."""
    ends = np.cumsum([signal.frame for signal in own])
    return np.split(numbers, ends[:-1], axis=1)


def _physical(signal: Signal, numbers: Integer[np.ndarray, "time frame"], place: str) -> np.ndarray:
    total = formats.checksum(numbers.reshape(-1))
    if signal.checksum is not None and (signal.checksum - total) % 0x10000:
        raise DataError(
            f"{place}, lead {signal.lead}: the samples in {signal.file} have the checksum {total}; "
            f"the header says {signal.checksum}: the file was changed or damaged; fetch the record again"
        )
    values = (numbers.astype(np.float64) - signal.baseline) / signal.gain
    values[numbers == formats.invalid(signal.format)] = np.nan
    frames = values.mean(axis=1)
    shifted = np.full(len(frames), np.nan)
    shifted[: max(len(frames) - signal.skew, 0)] = frames[signal.skew :]
    return shifted.astype(np.float32)


def _join_signals(shelf: RecordFolder, header: Header, place: str) -> tuple[np.ndarray, tuple[Signal, ...]]:
    """The leads of a record in pieces, and the signal lines that describe them."""
    pieces = header.segments[1:] if header.has_layout else header.segments
    known = [(segment, None if segment.name == NO_FILE else _header(shelf, segment.name)) for segment in pieces]
    if header.has_layout:
        described = _header(shelf, header.segments[0].name).signals
    else:
        described = next((found.signals for _, found in known if found), ())
    places = {signal.lead: index for index, signal in enumerate(described)}
    values = np.full((sum(segment.frames for segment in pieces), len(described)), np.nan, np.float32)
    start = 0
    for segment, found in known:
        if found:
            own = f"{shelf.name}/{segment.name}{HEADER}"
            if found.frames not in (None, segment.frames) or found.rate != header.rate or found.segments:
                raise DataError(
                    f"{own}: {found.frames} samples at {found.rate:g} Hz; {place}{HEADER} says {segment.frames} at "
                    f"{header.rate:g}: correct the header"
                )
            inner = _signals(shelf, found, own)
            for index, signal in enumerate(found.signals):
                at = places.get(signal.lead) if header.has_layout else index
                if at is None or at >= len(described):
                    raise DataError(f"{own}: lead {signal.lead!r} is not among those of {place}{HEADER}")
                values[start : start + segment.frames, at] = inner[:, index]
        start += segment.frames
    return values, described


def _finest(values: np.ndarray, format: int, place: str) -> Scale:
    """The scale with the largest gain of 1, 2, 5, 10, ... with which the values fit the format."""
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if not np.isfinite([low, high]).all():
        raise DataError(f"{place}: infinite values; expected finite ones, or NaN where a sample is missing")
    far = max(abs(low), abs(high)) > 2 * (high - low)  # then a baseline of 0 would waste the steps around 0
    middle = (low + high) / 2 if far else 0.0
    reach = max(high - middle, middle - low)
    most = (-formats.invalid(format) - 2) / reach if reach > 0 else 1000.0
    power = 10.0 ** np.floor(np.log10(most))
    gain = float(max(step * power for step in (1, 2, 5) if step * power <= most))
    return Scale(gain, -round(middle * gain))


def _steps(values: np.ndarray, format: int, scale: Scale, place: str) -> np.ndarray:
    """The values in steps of the converter."""
    missing, limit = np.isnan(values), -formats.invalid(format) - 1
    steps = np.rint(np.where(missing, 0.0, values) * scale.gain) + scale.baseline
    if not (np.abs(steps[~missing]) <= limit).all():
        raise DataError(
            f"{place}: values from {np.nanmin(values):g} to {np.nanmax(values):g} do not fit format {format} with a "
            f"gain of {scale.gain:g} and a baseline of {scale.baseline}; take a smaller gain, or leave the scales out"
        )
    return np.where(missing, formats.invalid(format), steps).astype(np.int64)
