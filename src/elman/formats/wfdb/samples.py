"""Reads the samples of WFDB records from their signal files, in physical units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from elman._errors import DataError, excerpt, quantity
from elman.formats.compression import check_expansion
from elman.formats.files import File, text_of
from elman.formats.names import HEADER
from elman.formats.wfdb import signals as formats
from elman.formats.wfdb.header import NO_FILE, Header, Signal, read_header
from elman.formats.wfdb.places import RecordFolder


class Samples(NamedTuple):
    """The samples of a record."""

    values: Float[np.ndarray, "time lead"]
    """The samples, float32; NaN where one is missing."""
    signals: tuple[Signal, ...]
    """The description of each lead."""
    frame: int
    """Samples of each lead in a frame of the header."""


def header_of(shelf: RecordFolder, name: str) -> Header:
    """Reads the header of a record on a shelf.

    Raises:
        DataError: a missing or malformed header.
    """
    file, place = f"{name}{HEADER}", f"{shelf.name}/{name}{HEADER}"
    content = shelf.read(file)
    try:
        content.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:  # old records may have comments in Latin-1
        encoding = "latin-1"
    return read_header(text_of(File(place, (file,), content), encoding), place)


def samples_of(shelf: RecordFolder, header: Header, place: str) -> Samples:
    """Reads the samples that a header describes. All leads have the rate of the one with the most samples in a frame;
    samples of others are repeated, as WFDB does with high resolution.

    Args:
        shelf: the folder of the record.
        header: its header.
        place: the record's path, for messages.

    Raises:
        DataError: a header that disagrees with its files, a wrong checksum, or an unknown format.
    """
    if header.segments:
        return _join(shelf, header, f"{place}{HEADER}")
    finest = _finest(header.signals)
    return Samples(_read(shelf, header, finest, f"{place}{HEADER}"), header.signals, finest)


def _finest(signals: Sequence[Signal]) -> int:
    return max((signal.frame for signal in signals), default=1)


def _read(shelf: RecordFolder, header: Header, finest: int, place: str) -> Float[np.ndarray, "time lead"]:
    """The leads of a record in one piece, with `finest` samples in a frame; those without a file are NaN."""
    by_file: dict[str, list[int]] = {}
    for index, signal in enumerate(header.signals):
        by_file.setdefault(signal.file, []).append(index)
    by_file.pop(NO_FILE, None)
    columns: dict[int, np.ndarray] = {}
    for file, indices in by_file.items():
        own = [header.signals[index] for index in indices]
        columns |= dict(zip(indices, _of_file(shelf, file, own, header.frames, place), strict=True))
    lengths = {header.signals[index].file: len(column) for index, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{excerpt(file)} has {length:,}" for file, length in list(lengths.items())[:3])
        raise DataError(f"{place}: expected as many samples in each file; {listed}")
    frames = next(iter(lengths.values()), header.frames or 0)
    values = _missing(frames * finest, len(header.signals), _stored(header.signals, frames), place)
    for index, column in columns.items():
        values[:, index] = column[:, np.arange(finest) * column.shape[1] // finest].reshape(-1) if frames else 0.0
    return values


def _stored(signals: Sequence[Signal], frames: int) -> int:
    """The bytes of the signals in files."""
    return sum(formats.size(one.format, frames * one.frame) for one in signals if one.file != NO_FILE)


def _missing(length: int, leads: int, stored: int, place: str) -> Float[np.ndarray, "time lead"]:
    """Missing samples, not many more than the record has in files: a header can promise any number of them."""
    check_expansion(4 * length * max(leads, 1), stored, place)
    return np.full((length, leads), np.nan, np.float32)


def _of_file(
    shelf: RecordFolder, file: str, own: list[Signal], frames: int | None, place: str
) -> Iterator[Float[np.ndarray, "time frame"]]:
    """The leads of one signal file, in physical units."""
    for signal in own:
        formats.check_format(signal.format, _lead(signal, place))
    format, width = own[0].format, sum(signal.frame for signal in own)
    if any((signal.format, signal.offset) != (format, own[0].offset) for signal in own):
        raise DataError(f"{place}: the leads in {excerpt(file)} have different formats or offsets; expected the same")
    content = shelf.read(file, wanted_by=place)[own[0].offset :]
    there = formats.count(format, len(content)) // width
    if frames is not None and formats.size(format, frames * width) <= len(content):
        filled = formats.filled_size(format, frames * width)
        there = frames if len(content) <= filled else there
    if frames is not None and there != frames:
        raise DataError(
            f"{shelf.name}/{excerpt(file)[1:-1]}: {quantity(there, 'sample')} of each lead; the header "
            f"{PurePosixPath(place).name} says {frames:,}: {abs(there - frames):,} too "
            f"{'many' if there > frames else 'few'}; fetch the record again, or correct the header"
        )
    numbers = formats.decode(content, format, there * width).reshape(there, width)
    return (_physical(signal, part, place) for signal, part in zip(own, _split_frames(numbers, own), strict=True))


def _split_frames(numbers: Integer[np.ndarray, "time number"], own: list[Signal]) -> list[np.ndarray]:
    """The numbers of each lead, with an axis for its samples in a frame."""
    ends = np.cumsum([signal.frame for signal in own])
    return np.split(numbers, ends[:-1], axis=1)


def _physical(signal: Signal, numbers: Integer[np.ndarray, "time frame"], place: str) -> np.ndarray:
    if signal.format == formats.DIFFERENCES:
        before = signal.zero if signal.initial is None else signal.initial
        numbers = before + np.cumsum(numbers, dtype=np.int64).reshape(numbers.shape)
    _check_sum(signal, numbers, place)
    values = (numbers.astype(np.float64) - signal.baseline) / signal.gain
    if (invalid := formats.invalid(signal.format)) is not None:
        values[numbers == invalid] = np.nan
    shifted = np.full(values.shape, np.nan, np.float32)
    shifted[: max(len(values) - signal.skew, 0)] = values[signal.skew :]
    return shifted


def _check_sum(signal: Signal, numbers: np.ndarray, place: str) -> None:
    """Compares the sum of a lead's samples with the header's. Some programs write 0 for a sum they do not know."""
    if not signal.checksum:
        return
    total = formats.checksum(numbers.reshape(-1))
    if (signal.checksum - total) % 0x10000:
        raise DataError(
            f"{_lead(signal, place)}: the samples in {excerpt(signal.file)} have the checksum {total}; the header says "
            f"{signal.checksum}: the file was changed or damaged; fetch the record again, or write 0 as the checksum "
            "to read it as it is"
        )


def _lead(signal: Signal, place: str) -> str:
    return f"{place}, lead {signal.lead[:40]}" if signal.lead else place


def _join(shelf: RecordFolder, header: Header, place: str) -> Samples:
    """The leads of a record in pieces, as its layout or its first piece describes them."""
    pieces = header.segments[1:] if header.has_layout else header.segments
    names = {segment.name for segment in pieces} - {NO_FILE}
    headers = {name: header_of(shelf, name) for name in sorted(names)}
    if header.has_layout:
        described = header_of(shelf, header.segments[0].name).signals
    else:
        described = next((headers[segment.name].signals for segment in pieces if segment.name in headers), ())
    finest = max(_finest(signals) for signals in (described, *(each.signals for each in headers.values())))
    read, start, stored = [], 0, 0
    for segment in pieces:
        if segment.name in headers:
            own, where = headers[segment.name], f"{shelf.name}/{segment.name}{HEADER}"
            if own.frames not in (None, segment.frames) or own.rate != header.rate or own.segments:
                raise DataError(
                    f"{where}: {own.frames} samples at {own.rate:g} Hz; {PurePosixPath(place).name} says "
                    f"{segment.frames} at {header.rate:g}: correct the header"
                )
            columns = _columns(own.signals, described, header.has_layout, where, place)
            read.append((start, columns, _read(shelf, own._replace(frames=segment.frames), finest, where)))
            stored += _stored(own.signals, segment.frames)
        start += segment.frames * finest
    values = _missing(start, len(described), stored, place)
    for start, columns, samples in read:
        values[start : start + len(samples), columns] = samples
    return Samples(values, described, finest)


def _columns(own: Sequence[Signal], described: Sequence[Signal], by_name: bool, place: str, whole: str) -> list[int]:
    """The column of each lead of a piece: by name, leads of the same name in their order, or by its place."""
    by_lead: dict[str, list[int]] = defaultdict(list)
    for index, signal in enumerate(described):
        by_lead[signal.lead].append(index)
    columns = []
    for index, signal in enumerate(own):
        places = by_lead[signal.lead] if by_name else [index] if index < len(described) else []
        if not places:
            raise DataError(f"{place}: lead {excerpt(signal.lead)} is not among those of {PurePosixPath(whole).name}")
        columns.append(places.pop(0))
        if (unit := described[columns[-1]].units) != signal.units:
            raise DataError(
                f"{place}: lead {excerpt(signal.lead)} is in {excerpt(signal.units)}, and in {excerpt(unit)} in other "
                "pieces; expected one unit: correct the headers"
            )
    return columns
