"""Times of the day without dates, such as 23:50, which begin a new day past midnight; and the order of steps by them,
by numbers or by stamps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from elman._errors import DataError
from elman.formats.stamp_forms import StampForm
from elman.formats.stamp_texts import StampColumn, order_of_times

DAY = 86_400.0
"""Seconds of a day."""

_FIRST = np.datetime64("2000-01-03T00:00:00", "s")
"""The day of the first row, since stamps have dates: a Monday."""

_CLOCK = re.compile(r"(\d{1,4}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?", re.ASCII)
_OF_DAY = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?|24:00(?::00)?", re.ASCII)


def are_times_of_day(texts: Iterable[str]) -> bool:
    """True for times such as 9:57 or 23:50:00, of which there is one or more.

    >>> are_times_of_day(["23:50", "0:05"]), are_times_of_day(["61:05"]), are_times_of_day([])
    (True, False, False)
    """
    texts = list(texts)
    return bool(texts) and all(_OF_DAY.fullmatch(text.strip()) for text in texts)


def parse_times_of_day(texts: Sequence[str], places: Sequence[str], series: Sequence[str], *, zone: str) -> StampColumn:
    """The stamps of times of the day. In each series a new day begins where the time goes back by more than two of its
    usual steps; where it goes back by less, rows are out of order.

    Args:
        texts: times as `are_times_of_day` knows them.
        places: the file and line of each, for messages.
        series: the name of each row's series.
        zone: a time zone, which needs dates.

    Raises:
        DataError: a zone.

    >>> column = parse_times_of_day(["23:50", "23:55", "00:00"], ["", "", ""], ["a", "a", "a"], zone="")
    >>> (column.stamps - column.stamps[0]).astype(int).tolist(), column.form.write(column.stamps[2])
    ([0, 300, 600], '00:00')
    """
    if zone:
        raise DataError(f"{places[0]}: {texts[0]!r} has no date, which a time zone needs; write date and time")
    seconds = np.array([_seconds(text.strip()) for text in texts])
    for rows in _rows_of(series).values():
        steps = np.diff(seconds[rows])
        usual = np.median(steps[steps > 0]) if (steps > 0).any() else DAY / 4
        seconds[rows] += DAY * np.concatenate([[0], np.cumsum(steps < -2 * usual)])
    hour = "%1H" if any(text.strip()[1] == ":" for text in texts) else "%H"
    pattern = f"{hour}:%M" + (":%S" if any(text.count(":") > 1 for text in texts) else "")
    note = f"times such as {texts[0].strip()} have no date: a new day begins where they go back"
    return StampColumn(_FIRST + seconds.astype("timedelta64[s]"), StampForm(pattern=pattern), note)


def parse_order(texts: Sequence[str], places: Sequence[str], series: Sequence[str]) -> list[tuple[float, ...]]:
    """Keys by which the steps of series are ordered: numbers, times such as 9:57 or 61:05.3, or stamps. Where the rows
    of a series have times of the day in order but for one step back, as past midnight, those after it come last.

    Args:
        texts: the fields that tell the order.
        places: the file and line of each, for messages.
        series: the name of each row's series.

    >>> parse_order(["9:57", "10:02"], ["", ""], ["a", "a"])
    [(597.0, 0.0), (602.0, 0.0)]
    >>> parse_order(["23:55", "00:00"], ["", ""], ["a", "a"])
    [(1435.0, 0.0), (1440.0, 0.0)]

    Raises:
        DataError: a text that is none of these.
    """
    texts = [text.strip() for text in texts]
    clocks = [_CLOCK.fullmatch(text) for text in texts]
    if all(clocks):
        fields = (clock.groups(default="0") for clock in clocks if clock)
        keys = [(60.0 * int(hour) + int(minute), float(f"{second}.{part}")) for hour, minute, second, part in fields]
        return _past_midnight(keys, series)
    if numbers := _finite_numbers(texts):
        return [(number,) for number in numbers]
    return order_of_times(texts, places)


def _past_midnight(keys: list[tuple[float, float]], series: Sequence[str]) -> list[tuple[float, ...]]:
    """The keys, minutes and seconds, with those past midnight after the others."""
    ordered: list[tuple[float, ...]] = list(keys)
    for rows in _rows_of(series).values():
        own = [60 * minutes + seconds for minutes, seconds in map(keys.__getitem__, rows)]
        back = [at for at in range(1, len(own)) if own[at] < own[at - 1]]
        if len(back) == 1 and max(own) < DAY and own[back[0]] + DAY - own[back[0] - 1] < own[0] - own[-1]:
            for row in rows[back[0] :]:
                ordered[row] = (keys[row][0] + DAY / 60, keys[row][1])
    return ordered


def _rows_of(series: Sequence[str]) -> dict[str, list[int]]:
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(series):
        rows_of.setdefault(name, []).append(row)
    return rows_of


def _seconds(text: str) -> float:
    hour, minute, second = (int(part) for part in f"{text}:0".split(":")[:3])
    return 3600.0 * hour + 60.0 * minute + second


def _finite_numbers(texts: Sequence[str]) -> list[float]:
    """The texts as numbers; none where one is no finite number."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return []
    return numbers if all(map(np.isfinite, numbers)) else []
