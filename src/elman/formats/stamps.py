"""Parses the stamps of the rows of a time series, times or whole numbers.

Times are those of one clock, to the second; whole numbers count steps. What stamps of digits alone are is inferred from
the whole column; see `stamp_kinds`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from elman._errors import DataError
from elman._types import StampKind
from elman.formats.frequency import Frequency, Stamps
from elman.formats.stamp_forms import EPOCH_UNITS, SPREADSHEET_ORIGINS, StampForm, show
from elman.formats.stamp_kinds import (
    NUMBER,
    date_not_read,
    infer_kind,
    is_of_kind,
    may_be_spreadsheet,
    spreadsheet_seconds,
)
from elman.formats.stamp_texts import StampColumn, WrittenTime, check_days, parse_times, seconds_of, week_in

TIMES = ("ds", "datetime", "date_time", "timestamp", "date", "time", "stamp", "day", "week", "month", "quarter", "year")
"""Names of a column of stamps, in upper or lower case; the first that a table has is taken."""

_TEXT_KINDS = ("times", "day-first", "month-first")
_LONGEST = 18
"""The most digits of whole numbers that count: their differences have 64 bits."""
_FURTHEST = 62_000_000_000
"""Seconds before or after 1970 that lie within the years 0001 to 9999."""


def parse_stamps(
    texts: Sequence[str],
    places: Sequence[str],
    *,
    zone: str = "",
    kind: StampKind | None = None,
    known: StampKind | None = None,
    name: str = "",
) -> StampColumn:
    """Parses a column of stamps. Times are ISO 8601, also with slashes: 1749-01, 2016-07-01 00:00, 2016Q3, 2016-W05.

    Args:
        texts: the fields of the column.
        places: the file and line of each field, for messages.
        zone: time zone of stamps that name none, such as Europe/Berlin; with it, all become UTC.
        kind: the kind of all stamps; without it, it is inferred.
        known: the kind of earlier stamps of the same series, which these have too if they can.
        name: the name of the column, which may tell the kind.

    Raises:
        DataError: a text that is not a stamp of the kind, a date that does not exist, dates of which day and month
            cannot be told apart, or, without `zone`, a stamp that names its time zone.
        ConfigError: a zone that Python does not know.

    >>> parse_stamps(["1749-01", "1749-02"], ["line 2", "line 3"]).stamps.tolist()
    [datetime.datetime(1749, 1, 1, 0, 0), datetime.datetime(1749, 2, 1, 0, 0)]
    >>> column = parse_stamps(["202411", "202412"], ["line 2", "line 3"])
    >>> column.form.write(np.datetime64("2025-01-01")), column.note
    ('202501', 'stamps such as 202411 are taken as dates (2024-11-01); --stamps numbers or weeks takes them otherwise')
    """
    firsts: dict[str, int] = {}
    order = [firsts.setdefault(text.strip(), len(firsts)) for text in texts]
    if len(firsts) < len(texts):  # parallel series repeat their stamps: each is parsed once
        place_of = dict(zip(reversed(order), reversed(places), strict=True))
        places = [place_of[number] for number in range(len(firsts))]
        column = parse_stamps([*firsts], places, zone=zone, kind=kind, known=known, name=name)
        return column._replace(stamps=column.stamps[order])
    texts = [*firsts]
    if kind in _TEXT_KINDS or (kind is None and not _are_numbers(texts)):
        return parse_times(texts, places, zone, kind, known)
    if kind is not None:
        return _parse_numbers(texts, places, kind)
    kind = infer_kind(texts, name)
    if known is None and kind in ("numbers", "weeks") and (unread := date_not_read(texts, name)):
        order, written = unread
        raise DataError(
            f"{places[0]}: {texts[0]} seems to be a date, {order}, which is not read; write it as {written}, or take "
            f"the stamps as they are with --stamps {kind}"
        )
    if known and known not in _TEXT_KINDS:
        return _parse_numbers(texts, places, _kind_beside(known, kind, texts))
    return _parse_numbers(texts, places, kind)._replace(note=_note(texts, places, kind))


def check_ascending(stamps: Stamps, places: Sequence[str], *, name: str) -> None:
    """Refuses stamps of one series that are repeated or out of order.

    >>> check_ascending(np.array([1, 2, 4]), ["line 2", "line 3", "line 4"], name="a")

    Raises:
        DataError: a repeated stamp or one out of order, with its place.
    """
    wrong = np.flatnonzero(stamps[1:] <= stamps[:-1])
    if not len(wrong):
        return
    at = int(wrong[0]) + 1
    if stamps[at] == stamps[at - 1]:
        raise DataError(
            f"{places[at]}: {show(stamps[at])} of {name!r} is there already, in {places[at - 1]}; expected each "
            "stamp once: leave one out, name the column of the series, if the rows are of several, with "
            "--series-column, or take means with --resample and the step, such as 1h"
        )
    raise DataError(
        f"{places[at]}: {show(stamps[at])} of {name!r} comes after {show(stamps[at - 1])}; expected the "
        "rows of a series in order of time: sort them by the column of stamps, or name the column of the series, if "
        "the rows are of several, with --series-column"
    )


def check_even(stamps: Stamps, places: Sequence[str], frequency: Frequency, *, name: str) -> None:
    """Refuses stamps, ascending, that do not lie on even steps.

    >>> hour = Frequency.parse("1h")
    >>> check_even(np.array(["2016-07-01T00", "2016-07-01T03"], "datetime64[s]"), ["line 2", "line 3"], hour, name="a")

    Raises:
        DataError: a stamp between the steps, with its place.
    """
    at = frequency.first_off(stamps)
    if at is None:
        return
    if frequency.open:
        raise DataError(
            f"{places[at]}: {show(stamps[at])} of {name!r} lies on no step of {frequency}, the calendar that the "
            "earlier rows show; mend the stamp, or train with every step, such as with --step 1d"
        )
    raise DataError(
        f"{places[at]}: {show(stamps[at])} of {name!r} is not a whole number of steps of {frequency} "
        f"after {show(stamps[0])}; expected even steps: mend the stamp, or take means over even steps "
        f"with --resample {frequency if frequency.unit != 'step' else 'and the step, such as 1h'}"
    )


def _are_numbers(texts: Sequence[str]) -> bool:
    """True for stamps that are numbers: whole ones, or days of a spreadsheet."""
    if not all(map(NUMBER.fullmatch, texts)):
        return False
    return all(float(text).is_integer() for text in texts) or may_be_spreadsheet(texts)


def _kind_beside(known: StampKind, inferred: StampKind, texts: Sequence[str]) -> StampKind:
    """The kind of stamps that follow others of a known kind: that, unless they can only be times of another kind."""
    if known == "numbers" or inferred == "numbers":
        return known
    if known in EPOCH_UNITS:
        return inferred
    return known if all(is_of_kind(text, known) for text in texts) else inferred


def _note(texts: Sequence[str], places: Sequence[str], kind: StampKind) -> str:
    """A sentence on what stamps of digits alone are taken for, where it is not plain."""
    first = texts[0]
    if kind == "numbers" and not may_be_spreadsheet(texts):
        return ""
    day = show(_parse_numbers([first], places[:1], "spreadsheet" if kind == "numbers" else kind).stamps[0])
    if kind == "numbers":
        return (
            f"stamps such as {first} are taken as numbers that count; --stamps spreadsheet takes them as days ({day})"
        )
    word = "days of a spreadsheet" if kind == "spreadsheet" else f"{kind} since 1970" if kind in EPOCH_UNITS else kind
    other = "numbers or weeks" if kind == "dates" and len(first) == 6 else "numbers"
    return f"stamps such as {first} are taken as {word} ({day}); --stamps {other} takes them otherwise"


def _parse_numbers(texts: Sequence[str], places: Sequence[str], kind: StampKind) -> StampColumn:
    """Stamps of digits alone, all of one kind."""
    in_days = kind in SPREADSHEET_ORIGINS
    for text, place in zip(texts, places, strict=True):
        if not NUMBER.fullmatch(text) or not (in_days or float(text).is_integer()):
            expected = "a number of days" if in_days else "a whole number"
            raise DataError(f"{place}: expected {expected}, since stamps are {kind}; got {text[:40]!r}")
    if kind in ("dates", "weeks"):
        return _parse_dates(texts, places, kind)
    zeros = texts[0][texts[0].find(".") :] if all("." in text for text in texts) else ""
    if in_days:
        seconds = [spreadsheet_seconds(text, place, kind) for text, place in zip(texts, places, strict=True)]
        return StampColumn(
            np.array(seconds, "datetime64[s]"), StampForm(kind, f"%n{'' if zeros.strip('.0') else zeros}")
        )
    values = [int(text.partition(".")[0]) for text in texts]
    if kind in EPOCH_UNITS:
        return StampColumn(_epoch_times(values, places, kind), StampForm(kind, f"%n{zeros}"))
    for value, place in zip(values, places, strict=True):
        if abs(value) >= 10**_LONGEST:
            raise DataError(f"{place}: expected a whole number of {_LONGEST} digits at most; got {value}")
    padded = min((len(text) for text in texts if text[0] == "0" and len(text) > 1), default=0)
    form = StampForm("numbers", f"%{padded if 0 < padded < 10 else ''}n{zeros}")
    return StampColumn(np.array(values, np.int64), form)


def _epoch_times(values: Sequence[int], places: Sequence[str], kind: StampKind) -> Stamps:
    units = EPOCH_UNITS[kind]
    for value, place in zip(values, places, strict=True):
        if value % units:
            raise DataError(f"{place}: {value} has a fraction of a second; read such stamps with --stamps numbers")
        if not -_FURTHEST < value // units < _FURTHEST:
            raise DataError(f"{place}: expected {kind} since 1970, of the years 0001 to 9999; got {value}")
    return np.array([value // units for value in values], "datetime64[s]")


def _parse_dates(texts: Sequence[str], places: Sequence[str], kind: StampKind) -> StampColumn:
    """Dates or weeks of digits alone."""
    lengths = (6,) if kind == "weeks" else (6, 8, 10, 12, 14)
    length = len(texts[0]) if len(texts[0]) in lengths else lengths[0]
    written = []
    for text, place in zip(texts, places, strict=True):
        if len(text) != length or not text.isdecimal():
            raise DataError(
                f"{place}: expected {length} digits, since stamps are {kind}; got {text[:40]!r}: mend it, or read the "
                "stamps with --stamps numbers"
            )
        if kind == "weeks":
            written.append(week_in(text, place))
            continue
        month, *rest = (int(text[at : at + 2]) for at in range(4, length, 2))
        day, hour, minute, second = (*rest, *(1, 0, 0, 0)[len(rest) :])
        written.append(WrittenTime(int(text[:4]), month, day, hour, minute, second))
    check_days(written, texts, places)
    pattern = "%G%V" if kind == "weeks" else "%Y%m%d%H%M%S"[: length - 2]
    return StampColumn(seconds_of(written), StampForm(kind, pattern))
