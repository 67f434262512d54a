"""Generates pairs with exact answers, for a first try without files: sums, and dates in words.

The same seed gives the same examples.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from elman._errors import DataError
from elman.tasks.distinct import distinct
from elman.tasks.seq2seq.reading import Pair

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)


def sums(digits: int, count: int, *, seed: int = 0) -> list[Pair]:
    """Generates `count` different sums of two numbers of up to `digits` digits: `535+61` -> `596`.

    As in Keras' example of addition (2015): each number has one to `digits` digits, all lengths equally likely, and
    `a+b` and `b+a` are one sum, which appears in one order only.

    Raises:
        DataError: more sums than exist.

    >>> sums(3, 3)
    [Pair(source='169+75', targets=('244',)), Pair(source='30+2', targets=('32',)), Pair(source='2+8', targets=('10',))]
    """
    available = how_many_sums(digits)
    if count > available:
        raise DataError(f"there are {available:,} sums of up to {digits} digits; got a request for {count:,}")
    random, pairs = np.random.default_rng(seed), dict[tuple[int, int], Pair]()
    while len(pairs) < count:
        for a, b in _numbers(random, digits, max(1000, count // 4)):
            pairs.setdefault((min(a, b), max(a, b)), Pair(f"{a}+{b}", (str(a + b),)))
            if len(pairs) == count:
                break
    return list(pairs.values())


def how_many_sums(digits: int) -> int:
    """The number of different sums of two numbers of up to `digits` digits.

    >>> how_many_sums(1)
    55
    """
    return 10**digits * (10**digits + 1) // 2


def dates(count: int, *, seed: int = 0) -> list[Pair]:
    """Generates `count` different dates in words, from 1900 to 2099, each with its form in ISO 8601.

    Raises:
        DataError: more dates in words than exist.

    >>> dates(2)[0]
    Pair(source='Saturday the 15th of February 2070', targets=('2070-02-15',))
    """
    random, days = np.random.default_rng(seed), (LAST_DAY - FIRST_DAY).days + 1

    def draw() -> Pair:
        day = FIRST_DAY + timedelta(days=int(random.integers(days)))
        return Pair(_said(day, random), (day.isoformat(),))

    return distinct(draw, count, key=lambda pair: pair.source, what="dates in words")


# Sums


def _numbers(random: np.random.Generator, digits: int, count: int) -> Iterator[tuple[int, int]]:
    lengths = random.integers(1, digits + 1, (count, 2))
    figures = random.integers(ord("0"), ord("9") + 1, (count, 2, digits), dtype=np.uint8)
    for (first, second), (a, b) in zip(lengths.tolist(), figures, strict=True):
        yield int(a[:first].tobytes()), int(b[:second].tobytes())


# Dates

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    **{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"},
    **{"twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"},
}
_SHAPES = (
    "the {ordinal} of {month}, {year}",
    "{month} the {ordinal}, {year}",
    "{month} {day}, {year}",
    "{day} {month} {year}",
    "{weekday}, {month} {day} {year}",
    "{weekday} the {ordinal} of {month} {year}",
    "on the {ordinal} of {month} in {year}",
    "the {ordinal} day of {month} {year}",
)


def _said(day: date, random: np.random.Generator) -> str:
    """A date in a random one of its forms in words."""

    def one_of(*ways: str) -> str:
        return ways[random.integers(len(ways))]

    month, weekday = calendar.month_name[day.month], calendar.day_name[day.weekday()]
    return one_of(*_SHAPES).format(
        ordinal=one_of(_ordinal(day.day), f"{day.day}{_suffix(day.day)}"),
        day=one_of(str(day.day), f"{day.day}{_suffix(day.day)}"),
        month=one_of(month, month[:3]),
        weekday=one_of(weekday, weekday[:3]),
        year=one_of(str(day.year), *_year(day.year)),
    )


def _number(value: int) -> str:
    """A number from 0 to 99 in words."""
    if value < 20:
        return _ONES[value]
    return _TENS[value // 10] + (f"-{_ONES[value % 10]}" if value % 10 else "")


def _ordinal(value: int) -> str:
    *head, last = _number(value).split("-")
    return "-".join([*head, _ORDINALS.get(last, last + "th")])


def _suffix(value: int) -> str:
    return "th" if 11 <= value <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


def _year(year: int) -> tuple[str, ...]:
    century, rest = divmod(year, 100)
    if century == 20:
        thousand = ("two thousand",) if rest == 0 else (f"two thousand {_number(rest)}",)
        also = f"two thousand and {_number(rest)}"
        pair = f"twenty {_number(rest)}"
        return (*thousand, *((also,) if rest else ()), *((pair,) if rest > 9 else ()))
    if rest == 0:
        return (f"{_number(century)} hundred",)
    return (f"{_number(century)} oh {_ONES[rest]}" if rest < 10 else f"{_number(century)} {_number(rest)}",)
