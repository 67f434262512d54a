"""Parses stamps with separators, such as 2016-07-01 05:00, 1/31/2024, 2016Q3 and 2016-W05."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

import numpy as np

from elman._errors import DataError
from elman._types import StampKind
from elman.formats.frequency import Stamps, last_days
from elman.formats.stamp_forms import StampForm, zone_called
from elman.formats.stamp_kinds import NUMBER, week_of

_TAIL = (
    r"(?:(?P<T>T| +)(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?P<f>[.,]\d+)?)?"
    r"(?P<z>\s*(?:Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?)?"
)
_FORMS = tuple(
    re.compile(pattern + _TAIL, re.ASCII)
    for pattern in (
        r"(?P<Y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?:[-/.](?P<d>\d{1,2}))?",
        r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<Y>\d{4})",
    )
)
_QUARTER = re.compile(
    r"(?P<Y>\d{4})(?P<s>[- ]?)(?P<Q>[Qq])(?P<q>[1-4])|(?P<Q2>[Qq])(?P<q2>[1-4])(?P<s2>[-/ ]?)(?P<Y2>\d{4})",
    re.ASCII,
)
_WEEK = re.compile(r"(?P<G>\d{4})(?P<s>-?)W(?P<V>\d{2})(?:-?(?P<u>[1-7]))?", re.ASCII)
_SHAPES = str.maketrans("23456789", "11111111")


class WrittenTime(NamedTuple):
    """The fields of a time as written, with its offset from UTC in seconds; None where it has none."""

    year: int
    month: int
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    offset: int | None = None
    fraction: float = 0.0
    """The part of a second."""
    between: str = ""
    """The character between day, month and year where the year comes last; `month` is then the first of them."""


class StampColumn(NamedTuple):
    """A column of stamps, and the form in which they are written."""

    stamps: Stamps
    form: StampForm = StampForm()
    note: str = ""
    """A sentence for people on what the stamps were taken for, where digits alone may be several things."""


def parse_times(
    texts: Sequence[str], places: Sequence[str], zone: str, kind: StampKind | None, known: StampKind | None
) -> StampColumn:
    """Parses a column of stamps with separators; see `stamps.parse_stamps`.

    >>> column = parse_times(["31.1.2024", "1.2.2024"], ["line 2", "line 3"], "", None, None)
    >>> column.form.write(column.stamps[1])
    '1.2.2024'

    Raises:
        DataError: as `stamps.parse_stamps`.
        ConfigError: a zone that Python does not know.
    """
    numbers = [bool(NUMBER.fullmatch(text)) for text in texts]
    if 2 * sum(numbers) > len(texts):  # the few others are wrong
        at = numbers.index(False) if not all(numbers) else 0
        raise _not_a_stamp(texts[at], places[at])
    written = [_written(text, place) for text, place in zip(texts, places, strict=True)]
    for time, text, place in zip(written, texts, places, strict=True):
        if time.fraction:
            raise DataError(
                f"{place}: {text!r} has a fraction of a second; number such rows with whole numbers instead"
            )
    written, order = _settle_order(written, texts, places, kind, known)
    written = _past_days(written)
    check_days(written, texts, places)
    form = StampForm(order, _pattern(texts, order), zone)
    if not zone:
        _check_no_zone(written, texts, places)
        return StampColumn(seconds_of(written), form)
    return StampColumn(_in_utc(seconds_of(written), written, texts, places, zone), form)


def order_of_times(texts: Sequence[str], places: Sequence[str]) -> list[tuple[float, ...]]:
    """Keys by which stamps are ordered, with parts of seconds.

    >>> order_of_times(["1970-01-02 00:00:00.5"], ["line 2"])
    [(86400.0, 0.5)]

    Raises:
        DataError: a text that is no stamp.
    """
    written, _ = _settle_order(
        [_written(text, place) for text, place in zip(texts, places, strict=True)], texts, places
    )
    written = _past_days(written)
    check_days(written, texts, places)
    offsets = [time.offset for time in written]
    if None in offsets and any(offset is not None for offset in offsets):
        place = places[offsets.index(None)]
        raise DataError(
            f"{place}: {texts[offsets.index(None)]!r} names no time zone, and others do; expected one of both"
        )
    seconds = seconds_of(written).astype(np.int64).tolist()
    return [(float(second - (time.offset or 0)), time.fraction) for second, time in zip(seconds, written, strict=True)]


def week_in(digits: str, place: str, *, day: int = 1) -> WrittenTime:
    """A day of a week of digits such as 202405, from 1 for Monday.

    >>> week_in("202405", "line 2")[:3]
    (2024, 1, 29)

    Raises:
        DataError: the year has no such week.
    """
    try:
        date = week_of(digits) + timedelta(days=day - 1)
    except (ValueError, OverflowError):
        raise DataError(
            f"{place}: {digits[:4]} has no week {digits[4:]}; expected weeks of ISO 8601, 01 to 52 or 53"
        ) from None
    return WrittenTime(date.year, date.month, date.day)


def _past_days(written: Sequence[WrittenTime]) -> list[WrittenTime]:
    """The times, with 24:00 as the beginning of the next day (ISO 8601)."""
    return [_next_day(time) if time[3:6] == (24, 0, 0) and not time.fraction else time for time in written]


def _next_day(time: WrittenTime) -> WrittenTime:
    try:
        day = datetime(*time[:3]) + timedelta(days=1)
    except (ValueError, OverflowError):
        return time  # `check_days` refuses it
    return time._replace(year=day.year, month=day.month, day=day.day, hour=0)


def check_days(written: Sequence[WrittenTime], texts: Sequence[str], places: Sequence[str]) -> None:
    """Refuses times that do not exist, such as 30 February.

    >>> check_days([WrittenTime(2024, 2, 29)], ["2024-02-29"], ["line 2"])

    Raises:
        DataError: such a time, with its place.
    """
    fields = np.array([time[:6] for time in written], np.int64).reshape(-1, 6)
    year, month, day, hour, minute, second = fields.T
    right = (year > 0) & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    months = ((year - 1970) * 12 + np.where(right, month, 1) - 1).astype("datetime64[M]")
    right &= day <= (last_days(months) - months.astype("datetime64[s]")).astype(np.int64) // 86_400 + 1
    wrong = np.flatnonzero(~right)
    if len(wrong):
        raise DataError(
            f"{places[wrong[0]]}: there is no such time as {texts[wrong[0]]!r}; expected year, month and day, as in "
            "2016-07-31 23:00:00"
        )


def seconds_of(written: Sequence[WrittenTime]) -> Stamps:
    """The stamps of written times, without their offsets.

    >>> seconds_of([WrittenTime(2024, 2, 29)]).astype(str).tolist()
    ['2024-02-29T00:00:00']
    """
    fields = np.array([time[:6] for time in written], np.int64).reshape(-1, 6)
    year, month, day, hour, minute, second = fields.T
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[s]")
    return months + ((day - 1) * 86_400 + hour * 3600 + minute * 60 + second).astype("timedelta64[s]")


def _written(text: str, place: str) -> WrittenTime:
    if quarter := _QUARTER.fullmatch(text):
        return WrittenTime(int(quarter["Y"] or quarter["Y2"]), 3 * int(quarter["q"] or quarter["q2"]) - 2)
    if week := _WEEK.fullmatch(text):
        return week_in(week["G"] + week["V"], place, day=int(week["u"] or 1))
    match = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if not match:
        raise _not_a_stamp(text, place)
    part = match.groupdict()
    clock = (int(part[name] or 0) for name in "HMS")
    fraction = float(f"0.{(part['f'] or '0')[1:] or 0}")
    first, second = (part["m"], part["d"]) if "m" in part else (part["a"], part["b"])
    between = "" if "m" in part else part["s"]
    return WrittenTime(int(part["Y"]), int(first), int(second or 1), *clock, _offset(part["z"]), fraction, between)


def _not_a_stamp(text: str, place: str) -> DataError:
    return DataError(
        f"{place}: expected a time such as 2016-07-01 or 2016-07-01 05:00:00, or a whole number; got {text[:40]!r}"
        + ("" if text else ": write the row's time, or leave the row out")
    )


def _offset(text: str | None) -> int | None:
    text = (text or "").strip()
    if not text:
        return None
    if text[0] not in "+-":
        return 0
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    return (60 * hours + minutes) * (-60 if text[0] == "-" else 60)


def _settle_order(
    written: list[WrittenTime],
    texts: Sequence[str],
    places: Sequence[str],
    kind: StampKind | None = None,
    known: StampKind | None = None,
) -> tuple[list[WrittenTime], StampKind]:
    """Puts day and month in their fields, where the year comes last. With dots the day is first; with others, a number
    above 12 shows which it is."""
    open_ = [at for at, time in enumerate(written) if time.between]
    if not open_:
        return written, "times"
    days_first = [at for at in open_ if written[at].month > 12 or written[at].between == "."]
    months_first = [at for at in open_ if written[at].day > 12 and written[at].between != "."]
    order = kind if kind in ("day-first", "month-first") else None
    if order is None and days_first and months_first:
        at, other = months_first[0], days_first[0]
        raise DataError(
            f"{places[at]}: {texts[at]!r} has the month first, and {texts[other]!r} in {places[other]} the day; "
            "expected one order"
        )
    if order is None and (days_first or months_first):
        order = "day-first" if days_first else "month-first"
    if order is None and known in ("day-first", "month-first"):
        order = known
    if order is None:
        raise DataError(
            f"{places[open_[0]]}: {texts[open_[0]]!r} may have the day or the month first, and so may all others; say "
            "which with --stamps day-first or month-first"
        )
    if order == "day-first":
        return [time._replace(month=time.day, day=time.month) if time.between else time for time in written], order
    return written, order


def _pattern(texts: Sequence[str], order: StampKind) -> str:
    """The pattern of stamps with separators: the most detailed of them, where they differ. Months, days and hours have
    leading zeros unless some stamp lacks one; where none shows it, they are like each other."""
    shapes = {text.translate(_SHAPES): text for text in texts}
    patterns = [_pattern_of(text, order) for text in shapes.values()]
    bare = {letter for letter in "mdH" if any(f"%1{letter}" in pattern for pattern in patterns)}
    padded = {letter for letter in "mdH" if any(f"%2{letter}" in pattern for pattern in patterns)}
    chosen = max(patterns, key=lambda pattern: pattern.count("%"))
    for letter in "mdH":
        is_bare = letter in bare or (letter not in padded and bare)
        for width in ("1", "2"):
            chosen = chosen.replace(f"%{width}{letter}", f"%{letter}")
        chosen = chosen.replace(f"%{letter}", f"%1{letter}") if is_bare else chosen
    return chosen


def _pattern_of(text: str, order: StampKind) -> str:
    if quarter := _QUARTER.fullmatch(text):
        if quarter["Y"]:
            return f"%Y{quarter['s']}{quarter['Q']}%q"
        return f"{quarter['Q2']}%q{quarter['s2']}%Y"
    if week := _WEEK.fullmatch(text):
        return f"%G{week['s']}W%V" + (f"{week['s']}%u" if week["u"] else "")
    match = next(filter(None, (form.fullmatch(text) for form in _FORMS)))
    part, between = match.groupdict(), match["s"]

    def field(letter: str, digits: str | None) -> list[str]:
        width = "1" if len(digits or "") == 1 else "2" if (digits or "").startswith("0") else ""
        return [] if digits is None else [f"%{width}{letter}"]

    if "m" in part:
        day = ["%Y", *field("m", part["m"]), *field("d", part["d"])]
    else:
        day = [*field("d", part["a"]), *field("m", part["b"]), "%Y"]
        day = day if order == "day-first" else [*field("m", part["a"]), *field("d", part["b"]), "%Y"]
    clock = [*field("H", part["H"]), *([] if part["M"] is None else ["%M"]), *([] if part["S"] is None else ["%S"])]
    ending = part["z"] or ""
    if ending.strip()[:1] in ("+", "-"):
        ending = ending[: len(ending) - len(ending.lstrip())] + "%z"
    return between.join(day) + (part["T"] or "") + ":".join(clock) + (part["f"] or "") + ending


def _check_no_zone(written: Sequence[WrittenTime], texts: Sequence[str], places: Sequence[str]) -> None:
    for time, text, place in zip(written, texts, places, strict=True):
        if time.offset is not None:
            some = " and others name none" if any(other.offset is None for other in written) else ""
            raise DataError(
                f"{place}: {text!r} names its time zone{some}; expected times of one clock: convert all to UTC with "
                "--zone UTC, or write them without"
            )


def _in_utc(
    stamps: Stamps, written: Sequence[WrittenTime], texts: Sequence[str], places: Sequence[str], zone: str
) -> Stamps:
    local = zone_called(zone)
    offsets = [
        _local_offset(time, local, text, place, zone) if time.offset is None else time.offset
        for time, text, place in zip(written, texts, places, strict=True)
    ]
    return stamps - np.array(offsets, "timedelta64[s]")


def _local_offset(time: WrittenTime, zone: tzinfo, text: str, place: str, name: str) -> int:
    early = datetime(*time[:6], tzinfo=zone)
    offset, late = (early.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if offset != late:
        what = "comes twice" if offset > late else "does not exist"
        raise DataError(
            f"{place}: {text!r} {what} in {name}, where the clock changes; expected times with their offset "
            "from UTC, such as +02:00, or times in UTC"
        )
    return int(offset.total_seconds())
