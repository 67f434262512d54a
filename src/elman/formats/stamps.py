"""Parses the stamps of the rows of a time series, times or whole numbers, and infers the even steps between them.

Times are those of one clock, to the second; whole numbers count steps. A column of eight-digit numbers such as 19580329
is one of dates; other whole numbers, such as years, count steps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np

from elman._errors import ConfigError, DataError

TIMES = ("ds", "datetime", "date_time", "timestamp", "date", "time", "stamp", "day", "week", "month", "quarter", "year")
"""Names of a column of stamps, in upper or lower case; the first that a table has is taken."""

Stamp = np.datetime64 | np.integer | int
Stamps = np.ndarray
"""datetime64[s], or int64 where whole numbers count the steps; one axis, time."""

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
MONTHS = {"mo": 1, "q": 3, "y": 12}

_SEASONS = (60, 86_400, 604_800, 52 * 604_800)

_TIME = re.compile(
    r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?\s*"
    r"(Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_QUARTER = re.compile(r"(\d{4})-?[Qq]([1-4])")
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_EIGHT = re.compile(r"[12]\d{7}")
_WRITTEN = re.compile(r"(\d*)\s*([A-Za-z]+)")


class Frequency(msgspec.Struct, frozen=True):
    """The step from one row to the next, as a number of seconds, of months or of whole numbers.

    >>> hour = Frequency.parse("1h")
    >>> str(hour), hour.season, hour.after(np.datetime64("2016-07-01T23:00:00"), 2).tolist()
    ('1h', 24, [datetime.datetime(2016, 7, 2, 0, 0), datetime.datetime(2016, 7, 2, 1, 0)])
    """

    unit: Literal["step", "second", "month"]
    count: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] = 1
    month_end: bool = False
    """True where stamps are the last days of their months."""

    @classmethod
    def parse(cls, text: str) -> Frequency:
        """Parses a step such as `15min`, `1h`, `d`, `2w`, `1mo`, `1q` or `1y`.

        Raises:
            ConfigError: another text.
        """
        match = _WRITTEN.fullmatch(text.strip())
        count, unit = (int(match[1] or 1), match[2].lower()) if match else (0, "")
        if count < 1 or unit not in SECONDS | MONTHS:
            raise ConfigError(
                f"{text!r}: expected a step of time: a number and {', '.join(SECONDS | MONTHS)}, such as 1h or 15min"
            )
        if unit in SECONDS:
            return cls("second", count * SECONDS[unit])
        return cls("month", count * MONTHS[unit])

    @classmethod
    def of(cls, series: Iterable[Stamps]) -> Frequency:
        """The step of ascending stamps: the commonest one, or the shortest where not all stamps lie on such steps.

        Raises:
            DataError: no series has two stamps.
        """
        series = [stamps for stamps in series if len(stamps) > 1]
        if not series:
            raise DataError("one row a series does not tell the step of time; expected two rows or more")
        candidates = _candidates(series)
        fitting = (one for one in candidates if all(one.first_off(stamps) is None for stamps in series))
        return next(fitting, candidates[0])

    @property
    def season(self) -> int:
        """The number of steps in the usual season of such data: a day for hours, a week for days, a year for weeks,
        months and quarters; 1 where there is none.

        >>> [Frequency.parse(text).season for text in ("15min", "1d", "1w", "1mo", "1q", "1y")]
        [96, 7, 52, 12, 4, 1]
        """
        if self.unit == "step":
            return 1
        if self.unit == "month":
            return max(1, 12 // self.count)
        longer = (seconds for seconds in _SEASONS if self.count < seconds)
        return next(longer, self.count) // self.count

    def after(self, stamp: Stamp, count: int) -> Stamps:
        """The `count` stamps that follow `stamp`."""
        return self.from_first(stamp, count + 1)[1:]

    def from_first(self, stamp: Stamp, count: int) -> Stamps:
        """The `count` stamps that begin with `stamp`."""
        steps = np.arange(count, dtype=np.int64) * self.count
        if self.unit == "step":
            return np.asarray(stamp, np.int64) + steps
        first = np.asarray(stamp, "datetime64[s]")[()]
        if self.unit == "second":
            return first + steps.astype("timedelta64[s]")
        month = first.astype("datetime64[M]")
        months = month + steps.astype("timedelta64[M]")
        if self.month_end:
            return _last_days(months) + (first - _last_days(month[None])[0])
        return months.astype("datetime64[s]") + (first - month.astype("datetime64[s]"))

    def places(self, stamps: Stamps) -> np.ndarray:
        """The number of steps from the first stamp to each; valid only where `first_off` returns None."""
        return self._distances(stamps) // self.count

    def first_off(self, stamps: Stamps) -> int | None:
        """The index of the first stamp that is not a whole number of steps after the first; None where all are."""
        places = self._distances(stamps)
        even = places % self.count == 0
        if self.unit == "month":
            even &= (_last_days(stamps.astype("datetime64[M]")) == _days(stamps)) if self.month_end else _late(stamps)
        wrong = np.flatnonzero(~even)
        return int(wrong[0]) if len(wrong) else None

    def floor(self, stamps: Stamps) -> Stamps:
        """The beginning of the step that each stamp lies in: steps of hours count from midnight, weeks begin on
        Mondays, months on the first, and years in January."""
        if self.unit == "step":
            return stamps // self.count * self.count
        if self.unit == "month":
            months = stamps.astype("datetime64[M]").astype(np.int64)
            return (months // self.count * self.count).astype("datetime64[M]").astype("datetime64[s]")
        origin = np.datetime64("1970-01-05T00:00:00", "s")  # a Monday
        seconds = (stamps - origin).astype(np.int64)
        return origin + (seconds // self.count * self.count).astype("timedelta64[s]")

    def _distances(self, stamps: Stamps) -> np.ndarray:
        if self.unit == "month":
            stamps = stamps.astype("datetime64[M]")
        return (stamps - stamps[:1]).astype(np.int64)

    def __str__(self) -> str:
        if self.unit == "step":
            return str(self.count)
        units = MONTHS if self.unit == "month" else SECONDS
        name = next(name for name in reversed(units) if self.count % units[name] == 0)
        return f"{self.count // units[name]}{name}"


def parse_stamps(texts: Sequence[str], places: Sequence[str], *, zone: str = "") -> Stamps:
    """Parses a column of stamps. Times are ISO 8601, also with slashes: 1749-01, 2016-07-01 00:00, 2016Q3.

    Args:
        texts: the fields of the column.
        places: the file and line of each field, for messages.
        zone: time zone of stamps that name none, such as Europe/Berlin; with it, all become UTC.

    Raises:
        DataError: a text that is neither a time nor a whole number, a date that does not exist, or, without `zone`, a
            stamp that names its time zone.
        ConfigError: a zone that Python does not know.

    >>> parse_stamps(["1749-01", "1749-02"], ["line 2", "line 3"]).tolist()
    [datetime.datetime(1749, 1, 1, 0, 0), datetime.datetime(1749, 2, 1, 0, 0)]
    >>> parse_stamps(["1700", "1701"], ["line 2", "line 3"]).tolist()
    [1700, 1701]
    """
    firsts: dict[str, int] = {}
    order = [firsts.setdefault(text.strip(), len(firsts)) for text in texts]
    if len(firsts) < len(texts):  # parallel series repeat their stamps: each is parsed once
        place_of = dict(zip(reversed(order), reversed(places), strict=True))
        return parse_stamps([*firsts], [place_of[number] for number in range(len(firsts))], zone=zone)[order]
    texts = [*firsts]
    if texts and all(_EIGHT.fullmatch(text) for text in texts):
        texts = [f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in texts]
    elif all(_WHOLE.fullmatch(text) for text in texts):
        return np.array([int(text) for text in texts], np.int64)
    written = [_written(text, place) for text, place in zip(texts, places, strict=True)]
    _check_days(written, texts, places)
    stamps = _seconds(written)
    if not zone:
        _check_no_zone(written, texts, places)
        return stamps
    return _in_utc(stamps, written, texts, places, zone)


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
            f"{places[at]}: {show(stamps[at])} of {name!r} is there already, in {places[at - 1]}; expected each stamp "
            "once: leave one out, or take their mean with --resample and the step, such as 1h"
        )
    raise DataError(
        f"{places[at]}: {show(stamps[at])} of {name!r} comes after {show(stamps[at - 1])}; expected the rows of a "
        "series in order of time: sort them by the column of stamps"
    )


def check_even(stamps: Stamps, places: Sequence[str], frequency: Frequency, *, name: str) -> None:
    """Refuses stamps, ascending, that do not lie on even steps.

    >>> hour = Frequency.parse("1h")
    >>> check_even(np.array(["2016-07-01T00", "2016-07-01T03"], "datetime64[s]"), ["line 2", "line 3"], hour, name="a")

    Raises:
        DataError: a stamp between the steps, with its place.
    """
    at = frequency.first_off(stamps)
    if at is not None:
        raise DataError(
            f"{places[at]}: {show(stamps[at])} of {name!r} is not a whole number of steps of {frequency} "
            f"after {show(stamps[0])}; expected even steps: mend the stamp, or take means over even steps "
            f"with --resample {frequency if frequency.unit != 'step' else 'and the step, such as 1h'}"
        )


def show(stamp: Stamp) -> str:
    """A stamp as text, without the time of day at midnight.

    >>> show(np.datetime64("2016-07-01T05:00:00")), show(np.datetime64("2016-07-01T00:00:00")), show(np.int64(7))
    ('2016-07-01 05:00:00', '2016-07-01', '7')
    """
    if not isinstance(stamp, np.datetime64):
        return str(stamp)
    return str(stamp.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")


class _Written(NamedTuple):
    """The fields of a time as written, with its offset from UTC in seconds; None where it has none."""

    year: int
    month: int
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    offset: int | None = None


def _written(text: str, place: str) -> _Written:
    if quarter := _QUARTER.fullmatch(text):
        return _Written(int(quarter[1]), 3 * int(quarter[2]) - 2)
    match = _TIME.fullmatch(text)
    if not match:
        raise DataError(
            f"{place}: expected a time such as 2016-07-01 or 2016-07-01 05:00:00, or a whole number; got {text[:40]!r}"
            + ("" if text else ": write the row's time, or leave the row out")
        )
    if match[7] and match[7].strip("0"):
        raise DataError(f"{place}: {text!r} has a fraction of a second; number such rows with whole numbers instead")
    year, month, day, hour, minute, second = (
        int(part or least) for part, least in zip(match.groups(), (0, 1, 1, 0, 0, 0), strict=False)
    )
    return _Written(year, month, day, hour, minute, second, _offset(match[8]))


def _offset(text: str | None) -> int | None:
    if text is None:
        return None
    if text[0] not in "+-":
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    return (60 * hours + minutes) * (-60 if text[0] == "-" else 60)


def _check_days(written: Sequence[_Written], texts: Sequence[str], places: Sequence[str]) -> None:
    fields = np.array([time[:6] for time in written], np.int64).reshape(-1, 6)
    year, month, day, hour, minute, second = fields.T
    right = (year > 0) & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60) & (second < 60)
    months = ((year - 1970) * 12 + np.where(right, month, 1) - 1).astype("datetime64[M]")
    right &= day <= (_last_days(months) - months.astype("datetime64[s]")).astype(np.int64) // 86_400 + 1
    wrong = np.flatnonzero(~right)
    if len(wrong):
        raise DataError(
            f"{places[wrong[0]]}: there is no such time as {texts[wrong[0]]!r}; expected year, month and day, as in "
            "2016-07-31 23:00:00"
        )


def _seconds(written: Sequence[_Written]) -> Stamps:
    fields = np.array([time[:6] for time in written], np.int64).reshape(-1, 6)
    year, month, day, hour, minute, second = fields.T
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[s]")
    return months + ((day - 1) * 86_400 + hour * 3600 + minute * 60 + second).astype("timedelta64[s]")


def _check_no_zone(written: Sequence[_Written], texts: Sequence[str], places: Sequence[str]) -> None:
    for time, text, place in zip(written, texts, places, strict=True):
        if time.offset is not None:
            some = " and others name none" if any(other.offset is None for other in written) else ""
            raise DataError(
                f"{place}: {text!r} names its time zone{some}; expected times of one clock: convert all to UTC with "
                "--zone UTC, or write them without"
            )


def _in_utc(
    stamps: Stamps, written: Sequence[_Written], texts: Sequence[str], places: Sequence[str], zone: str
) -> Stamps:
    local = _zone(zone)
    offsets = [
        _local_offset(time, local, text, place, zone) if time.offset is None else time.offset
        for time, text, place in zip(written, texts, places, strict=True)
    ]
    return stamps - np.array(offsets, "timedelta64[s]")


def _zone(name: str) -> tzinfo:
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"zone: Python knows no {name!r}; expected UTC, Europe/Berlin, America/New_York, ..."
        ) from None


def _local_offset(time: _Written, zone: tzinfo, text: str, place: str, name: str) -> int:
    early = datetime(*time[:6], tzinfo=zone)
    offset, late = (early.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if offset != late:
        what = "comes twice" if offset > late else "does not exist"
        raise DataError(
            f"{place}: {text!r} {what} in {name}, where the clock changes; expected times with their offset "
            "from UTC, such as +02:00, or times in UTC"
        )
    return int(offset.total_seconds())


def _candidates(series: Sequence[Stamps]) -> list[Frequency]:
    """The possible steps of the series, likeliest first."""
    whole = not np.issubdtype(series[0].dtype, np.datetime64)
    seconds = np.concatenate([np.diff(stamps).astype(np.int64) for stamps in series])
    found = []
    if not whole and seconds.min() >= 28 * 86_400:
        months = np.concatenate([np.diff(stamps.astype("datetime64[M]")).astype(np.int64) for stamps in series])
        lengths = _commonest_and_least(months[months > 0]) if (months > 0).any() else []
        found = [Frequency("month", count, end) for count in lengths for end in (False, True)]
        found = [one for one in found if all(one.first_off(stamps) is None for stamps in series)]
    return found + [Frequency("step" if whole else "second", count) for count in _commonest_and_least(seconds)]


def _commonest_and_least(steps: np.ndarray) -> list[int]:
    counts = Counter(steps.tolist())
    most = max(counts.values())
    return [min(step for step, count in counts.items() if count == most), min(counts)]


def _late(stamps: Stamps) -> np.ndarray:
    """The mask of stamps as late in their month as the first stamp is, provided every month is so long."""
    late = stamps - stamps.astype("datetime64[M]").astype("datetime64[s]")
    return (late == late[:1]) & (late < np.timedelta64(28, "D"))


def _days(stamps: Stamps) -> Stamps:
    """The stamps minus the first stamp's time of day."""
    return stamps - (stamps[:1] - stamps[:1].astype("datetime64[D]").astype("datetime64[s]"))


def _last_days(months: np.ndarray) -> Stamps:
    """Midnight before the last day of each month."""
    return (months + np.timedelta64(1, "M")).astype("datetime64[s]") - np.timedelta64(86_400, "s")
