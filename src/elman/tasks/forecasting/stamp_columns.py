"""The columns of a table that hold the stamps of its rows: one, or several together, such as a date and a time of day.

| columns | a stamp |
|---|---|
| `ds`, `date`, `timestamp` or the like, or a first column without a name that does not count rows | the field |
| `year`, `month`, and `day`, `hour`, ... as far as they are there | 2024-01-31 05:00 |
| `year` and `quarter`, or `year` and `week` | 2024Q1, 2024-W05 |
| `date` and `time` | both, with a space between |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from elman._errors import DataError
from elman._types import StampKind
from elman.formats.clocks import are_times_of_day, parse_times_of_day
from elman.formats.frequency import Stamps
from elman.formats.stamp_kinds import NUMBER, infer_kind
from elman.formats.stamp_texts import StampColumn
from elman.formats.stamps import TIMES, parse_stamps

PARTS = ("year", "month", "day", "hour", "minute", "second")
"""Columns that together form a stamp, where at least the first two are present."""

_TOGETHER = {("year", "quarter"): "{}Q{}", ("year", "week"): "{}-W{:0>2}", ("date", "time"): "{} {}"}
"""Other columns that do so, and how."""

_UNNAMED = re.compile(r"(unnamed: ?\d+)?", re.IGNORECASE)
"""The name of a column that has none, as of the index of a data frame: empty, or what pandas makes of that."""


def is_unnamed(name: str) -> bool:
    """True for the name of a column that has none.

    >>> is_unnamed(""), is_unnamed("Unnamed: 0"), is_unnamed("y")
    (True, True, False)
    """
    return bool(_UNNAMED.fullmatch(name))


def stamp_columns(there: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that form the stamps; none where the rows are only counted.

    >>> stamp_columns(["Date", "y"]), stamp_columns(["year", "month", "y"]), stamp_columns(["", "y"])
    (('Date',), ('year', 'month'), ('',))
    """
    by_name = {name.lower(): name for name in reversed(there)}
    if "ds" not in by_name:
        if {*PARTS[:2]} <= {*by_name}:
            last = next((n for n, part in enumerate(PARTS) if part not in by_name), len(PARTS))
            return tuple(by_name[part] for part in PARTS[:last])
        for names in _TOGETHER:
            if {*names} <= {*by_name}:
                return tuple(by_name[name] for name in names)
    known = next(((by_name[name],) for name in TIMES if name in by_name), ())
    return known or ((there[0],) if len(there) > 1 and is_unnamed(there[0]) else ())


def read_stamps(
    fields: Sequence[Sequence[str]],
    names: Sequence[str],
    places: Sequence[str],
    series: Sequence[str],
    *,
    kind: StampKind | None,
    known: StampKind | None,
    zone: str,
) -> StampColumn:
    """The stamps of the rows of a table; without columns of them, rows are counted by series.

    Args:
        fields: the fields of each of the columns.
        names: the names of the columns, as `stamp_columns` gives them.
        places: the file and line of each row, for messages.
        series: the name of each row's series.
        kind, known, zone: as for `parse_stamps`.

    Raises:
        DataError: as `parse_stamps`; or several columns that form no stamp.

    >>> column = read_stamps([["31/12/2024"], ["5:30"]], ["date", "time"], ["a.csv, line 2"], ["a"],
    ...     kind=None, known=None, zone="")
    >>> column.stamps.tolist(), column.form.pattern
    ([datetime.datetime(2024, 12, 31, 5, 30)], '%1d/%1m/%Y %1H:%M')
    """
    if not names or (is_unnamed(names[0]) and kind is None and _number_rows(fields[0])):
        return StampColumn(_counted(series))
    if len(names) > 1:
        return _joined(fields, names, places, kind=kind, known=known, zone=zone)
    if kind is None and are_times_of_day(fields[0]):
        return parse_times_of_day(fields[0], places, series, zone=zone)
    return parse_stamps(fields[0], places, zone=zone, kind=kind, known=known, name=names[0])


def _number_rows(texts: Sequence[str]) -> bool:
    """True for numbers that say no more than the place of a row."""
    return all(map(NUMBER.fullmatch, texts)) and infer_kind(texts) == "numbers"


def _joined(
    fields: Sequence[Sequence[str]],
    names: Sequence[str],
    places: Sequence[str],
    *,
    kind: StampKind | None,
    known: StampKind | None,
    zone: str,
) -> StampColumn:
    """The stamps of several columns."""
    rows = zip(*fields, strict=True)
    form = _TOGETHER.get(tuple(name.lower() for name in names))
    if names[0].lower() == "date":
        other = next((n for n, text in enumerate(fields[1]) if not are_times_of_day([text])), None)
        if other is not None:
            raise DataError(
                f"{places[other]}, {names[1]}: expected a time of the day such as 09:30, beside the column {names[0]}; "
                f"got {fields[1][other][:40]!r}: name the column of the stamps, such as with --time-column {names[0]}"
            )
        texts = [f"{date.strip()} {time.strip()}" for date, time in rows]
        return parse_stamps(texts, places, zone=zone, kind=kind, known=known)
    numbers = [_whole(parts, names, place) for parts, place in zip(rows, places, strict=True)]
    if form:
        return parse_stamps([form.format(*parts) for parts in numbers], places, zone=zone)
    texts = []
    for year, month, *rest in numbers:
        day, *clock = (*rest, *(1, 0, 0, 0)[len(rest) :])
        texts.append(f"{year:04}-{month:02}-{day:02} {':'.join(f'{part:02}' for part in clock)}")
    column = parse_stamps(texts, places, zone=zone)
    pattern = "%Y-%m-%d %H:%M:%S"[: {2: 5, 3: 8, 4: 14, 5: 14}.get(len(names))]
    return column._replace(form=msgspec.structs.replace(column.form, pattern=pattern))


def _whole(parts: Sequence[str], names: Sequence[str], place: str) -> list[int]:
    for part, name in zip(parts, names, strict=True):
        if not (part.strip().isdecimal() and part.isascii() and len(part.strip()) < 5):
            raise DataError(f"{place}, {name}: expected a whole number; got {part[:40]!r}")
    return [int(part.strip()) for part in parts]


def _counted(names: Sequence[str]) -> Stamps:
    """The number of each row among those of its series, from 0."""
    counts: Counter[str] = Counter()
    numbers = []
    for name in map(str.strip, names):
        numbers.append(counts[name])
        counts[name] += 1
    return np.array(numbers, np.int64)
