"""The step of time from one row of a series to the next, and the calendar of steps that have rows: all of them, Monday
to Friday, trading hours, or the months of a school year.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
import numpy as np
from jaxtyping import Integer

from elman._errors import ConfigError
from elman._show import Shown

Stamp = np.datetime64 | np.integer | int
Stamps = np.ndarray
"""datetime64[s], or int64 where whole numbers count the steps; one axis, time."""

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
MONTHS = {"mo": 1, "q": 3, "y": 12}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

CYCLES = {"second": SECONDS["w"], "month": MONTHS["y"]}
"""The length of the cycle in which steps without rows may recur, by the unit: a week, or a year of months."""

_DAY = SECONDS["d"]
_MONDAY = np.datetime64("1970-01-05T00:00:00", "s")
_SEASONS = (60, _DAY, SECONDS["w"], 52 * SECONDS["w"])
_WRITTEN = re.compile(r"(\d{0,6})\s*([A-Za-z]+)")


class Frequency(Shown, msgspec.Struct, frozen=True):
    """The step from one row to the next, as a number of seconds, of months or of whole numbers.

    >>> hour = Frequency.parse("1h")
    >>> str(hour), hour.season, hour.after(np.datetime64("2016-07-01T23:00:00"), 2).tolist()
    ('1h', 24, [datetime.datetime(2016, 7, 2, 0, 0), datetime.datetime(2016, 7, 2, 1, 0)])
    >>> workday = Frequency("second", 86_400, open=((0, 4 * 86_400),))
    >>> str(workday), workday.season, workday.after(np.datetime64("2024-06-14", "s"), 1).astype(str).tolist()
    ('1d Mon-Fri', 5, ['2024-06-17T00:00:00'])
    """

    unit: Literal["step", "second", "month"]
    count: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] = 1
    month_end: bool = False
    """True where stamps are the last days of their months."""
    open: tuple[tuple[int, int], ...] = ()
    """The runs of steps that there are in each cycle, from the first to the last of a run: in seconds since Monday at
    midnight, or in months since January. Empty where all steps are there."""

    def __post_init__(self) -> None:
        edges = [edge for run in self.open for edge in run]
        cycle = CYCLES.get(self.unit, 0)
        if edges and not (
            edges[0] >= 0
            and edges[-1] < cycle
            and cycle % self.count == 0
            and edges == sorted(edges)
            and len({edge % self.count for edge in edges}) == 1
        ):
            raise ValueError(f"open: expected ascending runs of steps within a cycle; got {str(self.open)[:60]}")

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
                f"{text[:40]!r}: expected a step of time: a number and {', '.join(SECONDS | MONTHS)}, such as 1h or "
                "15min"
            )
        if unit in SECONDS:
            return cls("second", count * SECONDS[unit])
        return cls("month", count * MONTHS[unit])

    @property
    def season(self) -> int:
        """The number of steps in the usual season of such data: a day for hours, a week for days, a year for weeks,
        months and quarters; 1 where there is none. Steps without rows do not count.

        >>> [Frequency.parse(text).season for text in ("15min", "1d", "1w", "1mo", "1q", "1y")]
        [96, 7, 52, 12, 4, 1]
        """
        if self.unit == "step":
            return 1
        if self.unit == "month":
            return len(self.slots) if self.open else max(1, 12 // self.count)
        season = next((seconds for seconds in _SEASONS if self.count < seconds), self.count)
        if self.open and season >= _DAY:
            days = np.bincount(self.slots // _DAY)
            return int(days.max() if season == _DAY else days.sum())
        return season // self.count

    @property
    def slots(self) -> Integer[np.ndarray, " slot"]:
        """The steps of a cycle that have rows, as distances from its beginning, for a calendar with holes."""
        return np.concatenate([np.arange(first, last + 1, self.count) for first, last in self.open])

    @property
    def seconds(self) -> float:
        """The length of the step in seconds; that of a month is the mean."""
        return self.count * {"step": 1, "second": 1, "month": 365.2425 * _DAY / 12}[self.unit]

    def after(self, stamp: Stamp, count: int) -> Stamps:
        """The `count` stamps that follow `stamp`."""
        return self.from_first(stamp, count + 1)[1:]

    def from_first(self, stamp: Stamp, count: int) -> Stamps:
        """The `count` stamps that begin with `stamp`."""
        first, steps = np.asarray(stamp)[None], np.arange(count, dtype=np.int64)
        position = self.positions(first)
        if self.open:
            slots = self.slots
            cycle, slot = np.divmod(self._number(position, slots) + steps, len(slots))
            positions = cycle * CYCLES[self.unit] + slots[slot]
        else:
            positions = position + steps * self.count
        if self.unit == "step":
            return positions
        if self.unit == "second":
            return _MONDAY + positions.astype("timedelta64[s]")
        first, month = first.astype("datetime64[s]"), first.astype("datetime64[M]")
        months = positions.astype("datetime64[M]")
        if self.month_end:
            return last_days(months) + (first - last_days(month))
        return months.astype("datetime64[s]") + (first - month.astype("datetime64[s]"))

    def places(self, stamps: Stamps) -> np.ndarray:
        """The number of steps from the first stamp to each; valid only where `first_off` returns None."""
        positions = self.positions(stamps)
        numbers = self._number(positions, self.slots) if self.open else positions // self.count
        return numbers - numbers[:1]

    def first_off(self, stamps: Stamps) -> int | None:
        """The index of the first stamp that is not a whole number of steps after the first, or that lies where the
        calendar has no step; None where all are steps."""
        positions = self.positions(stamps)
        if self.open:
            even = np.isin(positions % CYCLES[self.unit], self.slots)
        else:
            even = (positions - positions[:1]) % self.count == 0
        if self.unit == "month":
            even &= (last_days(stamps.astype("datetime64[M]")) == _days(stamps)) if self.month_end else _late(stamps)
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
        return _MONDAY + (self.positions(stamps) // self.count * self.count).astype("timedelta64[s]")

    def positions(self, stamps: Stamps) -> Integer[np.ndarray, " time"]:
        """The distances of stamps from the beginning of a cycle: in whole numbers, in seconds since a Monday, or in
        months since a January."""
        if self.unit == "step":
            return stamps.astype(np.int64)
        if self.unit == "month":
            return stamps.astype("datetime64[M]").astype(np.int64)
        return (stamps.astype("datetime64[s]") - _MONDAY).astype(np.int64)

    def _number(self, positions: np.ndarray, slots: np.ndarray) -> np.ndarray:
        """The numbers of steps with rows before positions."""
        cycle, place = np.divmod(positions, CYCLES[self.unit])
        return cycle * len(slots) + np.searchsorted(slots, place)

    def __str__(self) -> str:
        if self.unit == "step":
            return str(self.count)
        units = MONTHS if self.unit == "month" else SECONDS
        name = next(name for name in reversed(units) if self.count % units[name] == 0)
        step = f"{self.count // units[name]}{name}"
        return f"{step} {self._calendar()}" if self.open else step

    def _calendar(self) -> str:
        """The calendar in words: days of the week and times of the day, or the number of steps in a cycle."""
        slots, cycle = self.slots, CYCLES[self.unit]
        if self.unit == "month":
            return f"({len(slots)} of {cycle // self.count} a year)"
        days = [slots[slots // _DAY == day] % _DAY for day in range(7)]
        there = [day for day, times in enumerate(days) if len(times)]
        if any(len(days[day]) != len(days[there[0]]) or (days[day] != days[there[0]]).any() for day in there):
            return f"({len(slots)} of {cycle // self.count} a week)"
        times = days[there[0]]
        words = [] if len(there) == 7 else [_day_names(there)]
        if self.count < _DAY:
            if (np.diff(times) != self.count).any():
                words.append(f"({len(times)} of {_DAY // self.count} a day)")
            else:
                words.append(f"{_clock(int(times[0]))}-{_clock(int(times[-1]))}")
        return " ".join(words)


def last_days(months: np.ndarray) -> Stamps:
    """Midnight before the last day of each month.

    >>> last_days(np.array(["2024-02"], "datetime64[M]")).astype("datetime64[D]").astype(str).tolist()
    ['2024-02-29']
    """
    return (months + np.timedelta64(1, "M")).astype("datetime64[s]") - np.timedelta64(_DAY, "s")


def _late(stamps: Stamps) -> np.ndarray:
    """The mask of stamps as late in their month as the first stamp is, provided every month is so long."""
    late = stamps - stamps.astype("datetime64[M]").astype("datetime64[s]")
    return (late == late[:1]) & (late < np.timedelta64(28, "D"))


def _days(stamps: Stamps) -> Stamps:
    """The stamps minus the first stamp's time of day."""
    return stamps - (stamps[:1] - stamps[:1].astype("datetime64[D]").astype("datetime64[s]"))


def _day_names(days: list[int]) -> str:
    """The names of days, with a dash for three or more in a row: Mon-Thu,Sat."""
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(
        f"{DAYS[run[0]]}-{DAYS[run[-1]]}" if len(run) > 2 else ",".join(DAYS[day] for day in run) for run in runs
    )


def _clock(seconds: int) -> str:
    hour, rest = divmod(seconds, 3600)
    return f"{hour:02}:{rest // 60:02}" + (f":{rest % 60:02}" if rest % 60 else "")
