"""Infers what stamps of digits alone are: dates, weeks, seconds since 1970, days of a spreadsheet, or plain numbers.

| digits | are | where |
|---|---|---|
| 202401, 20240131, 2024013105, ... | dates: year, month, day, hour, ... | nine of ten are dates of 1500 to 2199 |
| 202401 to 202453 | weeks of ISO 8601 | all are, and several years or the column's name show it |
| 1704067200, 1704067200000, ... | seconds, milliseconds, ... since 1970 | all are whole seconds of 1980 to 2099 |
| 45292, 45292.5 | days of a spreadsheet, from 1900 on | all are of 1970 to 2099; see below |
| others, such as years | numbers that count | |

Days of a spreadsheet show themselves by the column's name (date, day, week, month, quarter), by parts of a day, or by
months or weekends between them.

Dates of digits in other orders (240131, 31012024, 2024031 for the 31st day, 20241 for a quarter) are refused, since
they may be numbers; their column's name shows them, or steps that are even only as dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np

from elman._errors import DataError
from elman._types import StampKind
from elman.formats.frequency import Stamps
from elman.formats.stamp_forms import EPOCH_UNITS, SPREADSHEET_ORIGINS
from elman.formats.steps import infer_step, recurring_steps

NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,18})?", re.ASCII)
"""A stamp that is a number."""

_DATE = re.compile(
    r"(1[5-9]|20|21)[0-9]{2}(0[1-9]|1[0-2])"
    r"((0[1-9]|[12][0-9]|3[01])(([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9])?)?)?)?",
    re.ASCII,
)
_WEEK = re.compile(r"(1[5-9]|20|21)[0-9]{2}(0[1-9]|[1-4][0-9]|5[0-3])", re.ASCII)
_MOST = 0.9
"""The share of stamps that have to be dates for all to be taken as dates."""
_EPOCH = 315_532_800, 4_102_444_800
"""The seconds since 1970 that begin 1980 and 2100."""
_SPREADSHEET = 25_569, 73_051
"""The days of spreadsheets that begin 1970 and 2100."""
_NAMES = ("date", "day", "week", "month", "quarter")
_YEARS = 1900, 2099

_ORDERS = {
    "YYMMDD": (re.compile(r"(?P<y>\d{2})(?P<m>\d{2})(?P<d>\d{2})", re.ASCII), "%Y%m%d"),
    "DDMMYYYY": (re.compile(r"(?P<d>\d{1,2})(?P<m>\d{2})(?P<Y>\d{4})", re.ASCII), "%Y%m%d"),
    "MMDDYYYY": (re.compile(r"(?P<m>\d{1,2})(?P<d>\d{2})(?P<Y>\d{4})", re.ASCII), "%Y%m%d"),
    "YYYYDDD, with the day of the year": (re.compile(r"(?P<Y>\d{4})(?P<j>\d{3})", re.ASCII), "%Y%m%d"),
    "YYYYQ": (re.compile(r"(?P<Y>\d{4})(?P<q>[1-4])", re.ASCII), "%YQ%q"),
}
"""Orders of digits in dates that are not read, and the form to write instead."""


def infer_kind(texts: Sequence[str], name: str = "") -> StampKind:
    """The kind of stamps that are numbers.

    Args:
        texts: stamps, each once.
        name: the name of their column.

    >>> infer_kind(["202412", "202501"]), infer_kind(["1704067200", "1704070800"]), infer_kind(["1871", "1872"])
    ('dates', 'seconds', 'numbers')
    """
    if len({len(text) for text in texts}) == 1:
        if sum(map(bool, map(_DATE.fullmatch, texts))) >= _MOST * len(texts):
            return "dates"
        if all(map(_is_week, texts)) and ("week" in name.lower() or len({text[:4] for text in texts}) > 1):
            return "weeks"
    values = [float(text) for text in texts]
    if not any(value % 1 for value in values):
        whole = [int(float(text)) if "." in text else int(text) for text in texts]
        for kind, units in EPOCH_UNITS.items():
            if all(_EPOCH[0] * units <= value < _EPOCH[1] * units and value % units == 0 for value in whole):
                return kind
    if may_be_spreadsheet(texts) and (_is_named(name) or _shows_days(values)):
        return "spreadsheet"
    return "numbers"


def date_not_read(texts: Sequence[str], name: str = "") -> tuple[str, str] | None:
    """The order of the digits of dates that are not read, and the first of them as it may be written; None for numbers.

    Args:
        texts: stamps of digits alone, each once.
        name: the name of their column.

    >>> [date_not_read(texts, "date") for texts in (["240131", "240201"], ["20244", "20251"], ["240131", "240132"])]
    [('YYMMDD', '20240131'), ('YYYYQ', '2024Q4'), None]
    """
    named = name.lower() == "ds" or "time" in name.lower() or _is_named(name)
    if len(texts) < 2 or not (named or _are_uneven([*map(float, texts)])):
        return None
    for order, (form, written) in _ORDERS.items():
        dates = [*_first_dates(form, texts)]
        even = "%q" in written or not _are_uneven([day.toordinal() for day in dates])
        if len(dates) == len(texts) and even:
            return order, dates[0].strftime(written).replace("%q", str((dates[0].month + 2) // 3))
    return None


def _first_dates(form: re.Pattern[str], texts: Sequence[str]) -> Iterator[date]:
    """The dates of stamps, up to the first that is none."""
    for text in texts:
        if not (day := _date_in(form, text)):
            return
        yield day


def _are_uneven(values: Sequence[float]) -> bool:
    return len({*np.diff(values).tolist()}) > 1


def _date_in(form: re.Pattern[str], text: str) -> date | None:
    if not (match := form.fullmatch(text)):
        return None
    part = {name: int(digits) for name, digits in match.groupdict().items()}
    year = part.get("Y", 2000 + part.get("y", 0))
    month, day = part.get("m", 3 * part.get("q", 1) - 2), part.get("d", 1)
    try:
        found = date(year, month, day) + timedelta(days=part.get("j", 1) - 1)
    except ValueError:
        return None
    return found if found.year == year and _YEARS[0] <= year <= _YEARS[1] else None


def may_be_spreadsheet(texts: Sequence[str]) -> bool:
    """True for numbers that may be days of a spreadsheet from 1970 to 2099.

    >>> may_be_spreadsheet(["45292", "45293.5"]), may_be_spreadsheet(["2024"])
    (True, False)
    """
    return all(_SPREADSHEET[0] <= float(text) < _SPREADSHEET[1] for text in texts)


def is_of_kind(text: str, kind: StampKind) -> bool:
    """True for a number that may be a stamp of a kind.

    >>> is_of_kind("202413", "dates"), is_of_kind("202413", "weeks")
    (False, True)
    """
    match kind:
        case "dates":
            return bool(_DATE.fullmatch(text))
        case "weeks":
            return _is_week(text)
        case "spreadsheet" | "spreadsheet-1904":
            return bool(NUMBER.fullmatch(text)) and may_be_spreadsheet([text])
        case _:
            return bool(NUMBER.fullmatch(text)) and float(text).is_integer()


def spreadsheet_seconds(text: str, place: str, kind: StampKind) -> int:
    """The seconds since 1970 of a day of a spreadsheet. Parts of a day are rounded to the hour, the minute or the
    second that the digits stand for.

    >>> spreadsheet_seconds("25569.0417", "line 2", "spreadsheet")
    3600

    Raises:
        DataError: a day before 1 March 1900, which spreadsheets count in different ways, or a negative one.
    """
    if not (60 if kind == "spreadsheet" else -1) < float(text) < 2_958_466:  # the year 10000
        raise DataError(
            f"{place}: {text[:40]} is no day of a spreadsheet from March 1900 to 9999; write the dates as 1900-01-31"
        )
    days, _, digits = text.partition(".")
    seconds = float(f"0.{digits or 0}") * 86_400
    error = 43_200 * 10.0 ** -len(digits) + 1e-3
    units = (unit for unit in (3600, 60, 1) if abs(seconds - round(seconds / unit) * unit) <= error)
    unit = next(units, 1)
    origin = int(SPREADSHEET_ORIGINS[kind].astype(np.int64))
    return origin + int(days) * 86_400 + round(seconds / unit) * unit


def week_of(text: str) -> date:
    """The Monday of a week such as 202405.

    >>> week_of("202001")
    datetime.date(2019, 12, 30)

    Raises:
        ValueError: the year has no such week.
    """
    return date.fromisocalendar(int(text[:4]), int(text[4:]), 1)


def _is_week(text: str) -> bool:
    if not _WEEK.fullmatch(text):
        return False
    try:
        week_of(text)
    except ValueError:
        return False
    return True


def _is_named(name: str) -> bool:
    return any(word in name.lower() for word in _NAMES)


def _shows_days(values: Sequence[float]) -> bool:
    """True where numbers of days show that they are dates: by parts of days, by months, or by days without rows."""
    if any(value % 1 for value in values):
        return True
    days = np.unique(np.array(values, np.int64))
    if len(days) < 3:
        return False
    stamps: Stamps = SPREADSHEET_ORIGINS["spreadsheet"] + (days * 86_400).astype("timedelta64[s]")
    step = infer_step([stamps])
    return step.unit == "month" or bool(recurring_steps(stamps, step))
