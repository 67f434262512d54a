"""The forms in which the stamps of time series are written: texts with separators, digits alone, counts of seconds or
of days. A stamp is written in the form in which the others were read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np

from elman._errors import ConfigError
from elman._show import Shown
from elman._types import StampKind
from elman.formats.frequency import Stamp

EPOCH_UNITS: dict[StampKind, int] = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
"""Units since 1970 in a second, by the kind of stamps."""

SPREADSHEET_ORIGINS: dict[StampKind, np.datetime64] = {
    "spreadsheet": np.datetime64("1899-12-30T00:00:00", "s"),  # valid from 1 March 1900 on: 1900 has a day too many
    "spreadsheet-1904": np.datetime64("1904-01-01T00:00:00", "s"),
}
"""Day 0 of the days of spreadsheets, by the kind of stamps."""

UTC_NAMES = ("Z", "UTC", "GMT")
"""Names of the zone of times in UTC, at the end of a stamp."""

_TOKEN = re.compile("%([0-9]?)([A-Za-z])")
_WIDTHS = {"Y": 4, "G": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "V": 2}
"""The digits of each field of a pattern; 1 for the others."""


class StampForm(Shown, msgspec.Struct, frozen=True):
    """The form of stamps.

    >>> StampForm("dates", "%Y%m").write(np.datetime64("2025-01-01")), StampForm().write(np.datetime64("2025-01-01"))
    ('202501', '2025-01-01')
    >>> StampForm("numbers", "%4n").write(7), StampForm("seconds").write(np.datetime64("1970-01-02"))
    ('0007', '86400')
    """

    kind: StampKind = "times"
    pattern: Annotated[str, msgspec.Meta(max_length=80)] = ""
    """The stamp with fields such as %Y, %1m (without a leading zero), %q for the quarter and %n for a number; without
    one, times are written as `show` does."""
    zone: str = ""
    """The time zone in which times without offset are written; empty where times are those of one clock."""
    by_clock: bool = False
    """Stamps are what the clocks of the zone show; else they are times in UTC."""

    def write(self, stamp: Stamp) -> str:
        """A stamp as text.

        Raises:
            ConfigError: a time zone that Python does not know.
        """
        if not isinstance(stamp, np.datetime64):
            return self._expand({"n": int(stamp)}, self.pattern or "%n")
        stamp = stamp.astype("datetime64[s]")
        seconds = int(stamp.astype(np.int64))
        if self.kind in EPOCH_UNITS:
            return self._expand({"n": seconds * EPOCH_UNITS[self.kind]}, self.pattern or "%n")
        if self.kind in SPREADSHEET_ORIGINS:
            days = int((stamp - SPREADSHEET_ORIGINS[self.kind]).astype(np.int64)) / 86_400
            return f"{days:.15g}" if days % 1 else self._expand({"n": int(days)}, self.pattern or "%n")
        time = stamp.tolist()
        return self._write_time(time) if self.pattern and isinstance(time, datetime) else show(stamp)

    def _write_time(self, time: datetime) -> str:
        """A time, converted from UTC where the form has a zone. Where the clock shows it twice, its offset follows."""
        pattern, offset = self.pattern, timedelta()
        if self.by_clock and self.zone:
            local = time.replace(tzinfo=zone_called(self.zone))
            offset = local.utcoffset() or offset
            if _names_utc(pattern):
                time = local.astimezone(UTC)
        elif self.zone and not _names_utc(pattern) and 1 < time.year < 9999:
            local = time.replace(tzinfo=UTC).astimezone(zone_called(self.zone))
            offset, time = local.utcoffset() or offset, local.replace(tzinfo=None)
            twice = {local.replace(fold=fold).utcoffset() for fold in (0, 1)}
            pattern += "%z" if len(twice) > 1 and "%z" not in pattern else ""
        year, week, day = time.isocalendar()
        minutes = round(offset.total_seconds()) // 60
        return self._expand(
            {
                "Y": time.year, "m": time.month, "d": time.day, "q": (time.month + 2) // 3, "G": year, "V": week,
                "u": day, "H": time.hour, "M": time.minute, "S": time.second,
                "z": f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}",
            },
            pattern,
        )  # fmt: skip

    def _expand(self, fields: dict[str, int | str], pattern: str) -> str:
        def field(match: re.Match[str]) -> str:
            value = fields.get(match[2], "")
            return f"{value:0{match[1] or _WIDTHS.get(match[2], 1)}}" if isinstance(value, int) else value

        return _TOKEN.sub(field, pattern)


def _names_utc(pattern: str) -> bool:
    return pattern.upper().endswith(UTC_NAMES) and not pattern.endswith("%z")


def show(stamp: Stamp) -> str:
    """A stamp as text, without the time of day at midnight.

    >>> [show(stamp) for stamp in (np.datetime64("2016-07-01T05:00"), np.datetime64("2016-07-01"), np.int64(7))]
    ['2016-07-01 05:00:00', '2016-07-01', '7']
    """
    if not isinstance(stamp, np.datetime64):
        return str(stamp)
    return str(stamp.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")


def zone_called(name: str) -> tzinfo:
    """The time zone of a name.

    Raises:
        ConfigError: a zone that Python does not know.
    """
    if name.upper() in UTC_NAMES:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"zone: Python knows no {name[:40]!r}; expected UTC, Europe/Berlin, America/New_York, ..."
        ) from None
