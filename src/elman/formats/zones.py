"""The clocks of time zones, and the hours in which they change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from elman.formats.frequency import CYCLES, SECONDS, Frequency, Stamps
from elman.formats.stamp_forms import zone_called

_MINUTE = timedelta(minutes=1)


def clock_times(stamps: Stamps, zone: str) -> Stamps:
    """Times in UTC as the clocks of a zone show them.

    >>> midnights = np.array(["2024-03-30T23:00", "2024-03-31T22:00"], "datetime64[s]")
    >>> clock_times(midnights, "Europe/Berlin").astype(str).tolist()
    ['2024-03-31T00:00:00', '2024-04-01T00:00:00']

    Raises:
        ConfigError: a zone that Python does not know.
    """
    clock = zone_called(zone)
    moments, order = np.unique(stamps.astype("datetime64[s]"), return_inverse=True)
    local = [moment.replace(tzinfo=UTC).astimezone(clock).replace(tzinfo=None) for moment in moments.tolist()]
    return np.array(local, "datetime64[s]")[order]


def change_meets(calendar: Frequency, stamps: Stamps, zone: str) -> bool:
    """True if a step of a calendar lies in an hour that the clocks of a zone show twice or not at all, in the years
    around the last of these times in UTC.

    >>> hours = tuple((day * 86_400 + 9 * 3600, day * 86_400 + 17 * 3600) for day in range(5))
    >>> trading = Frequency("second", 3600, open=hours)
    >>> last = np.array(["2024-06-03T07:00"], "datetime64[s]")
    >>> change_meets(trading, last, "Europe/Berlin"), change_meets(Frequency.parse("1h"), last, "Europe/Berlin")
    (False, True)
    """
    for first, width in _changes(stamps[-1].astype("datetime64[s]").tolist(), zone):
        if not calendar.open:
            return True
        at = int(calendar.positions(np.array([first], "datetime64[s]"))[0])
        if ((calendar.slots - at) % CYCLES["second"] < width).any():
            return True
    return False


def _changes(around: datetime, zone: str) -> Iterator[tuple[datetime, int]]:
    """Yields the beginning, on the clock, of each stretch that clocks show twice or not at all, and its seconds."""
    clock = zone_called(zone)

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(clock).utcoffset() or timedelta()

    if not 3 < around.year < 9997:
        return
    day = datetime(around.year - 1, 1, 1, tzinfo=UTC)
    while day.year < around.year + 2:
        after = day + timedelta(days=1)
        if (before := offset(day)) != (later := offset(after)):
            moment = day
            while offset(moment) == before:
                moment += _MINUTE
            yield (moment + min(before, later)).replace(tzinfo=None), abs(round((later - before).total_seconds()))
        day = after


def is_of_the_clock(step: Frequency) -> bool:
    """True for steps that the clock gives whatever its changes: days, weeks, months and longer ones."""
    return step.unit == "month" or (step.unit == "second" and step.count % SECONDS["d"] == 0)
