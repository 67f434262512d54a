"""Generates data with exact answers, for a first try without files: sums, dates in words, sentences with tags.

The same seed gives the same examples.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TypeVar

import numpy as np

from elman._errors import DataError
from elman.data.pairs import Pair
from elman.data.tagged import Tagged

Example = TypeVar("Example")

PATIENCE = 1000
"""The number of draws without a new example after which there are taken to be no more."""

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
    random, found = np.random.default_rng(seed), dict[tuple[int, int], Pair]()
    while len(found) < count:
        for a, b in _numbers(random, digits, max(1000, count // 4)):
            found.setdefault((min(a, b), max(a, b)), Pair(f"{a}+{b}", (str(a + b),)))
            if len(found) == count:
                break
    return list(found.values())


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

    return _different(draw, count, key=lambda pair: pair.source, what="dates in words")


def sentences(count: int, *, seed: int = 0) -> list[Tagged]:
    """Generates `count` different sentences of a toy grammar, with the part of speech of every word (as in Universal
    Dependencies). Many words have two, which only their neighbours distinguish: a watch, to watch.

    Raises:
        DataError: more sentences than the grammar has.

    >>> sentence = sentences(2)[0]
    >>> " ".join(f"{word}/{tag}" for word, tag in zip(sentence.words, sentence.tags))
    'Will/PROPN can/AUX water/VERB that/DET walk/NOUN fast/ADV ./PUNCT'
    """
    random = np.random.default_rng(seed)

    def draw() -> Tagged:
        words, tags = zip(*_sentence(random), strict=True)
        return Tagged(words, tags)

    return _different(draw, count, key=lambda tagged: tagged, what="sentences")


def _different(
    draw: Callable[[], Example], count: int, *, key: Callable[[Example], object], what: str
) -> list[Example]:
    found: dict[object, Example] = {}
    stale = 0
    while len(found) < count:
        before, example = len(found), draw()
        found.setdefault(key(example), example)
        stale = 0 if len(found) > before else stale + 1
        if stale > PATIENCE:
            raise DataError(f"there are about {len(found):,} {what}; got a request for {count:,}")
    return list(found.values())


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


# Sentences

_BOTH = ("watch", "dream", "fish", "cook", "walk", "play", "water", "book", "paint", "plan", "light", "answer")
_NOUNS = ("dog", "teacher", "river", "garden", "letter", "child", *_BOTH)
_VERBS = ("see", "help", "follow", *_BOTH)
_ADJECTIVES = ("old", "green", "quiet", "happy", "light", "strange")
_ADVERBS = ("often", "never", "quietly", "here", "fast")
_MODALS = ("can", "will", "must", "may")
_NAMES = ("Ada", "Will", "May", "Grace", "Tomas")
_PLACES = ("in", "near", "behind", "for", "like")
_DETERMINERS = {False: ("the", "a", "this", "that"), True: ("the", "these", "those", "some")}
_PRONOUNS = {False: ("she", "he", "it", "that"), True: ("they", "we", "these")}
_PLURALS = {"child": "children"}

Word = tuple[str, str]


def _sentence(random: np.random.Generator) -> Iterator[Word]:
    yield from _clause(random)
    if random.random() < 0.25:
        yield ("and", "CCONJ")
        yield from _clause(random)
    yield (".", "PUNCT")


def _clause(random: np.random.Generator) -> Iterator[Word]:
    plural = bool(random.random() < 0.5)
    yield from _subject(random, plural)
    modal = random.random() < 0.3
    if modal:
        yield (_one(random, _MODALS), "AUX")
    if random.random() < 0.25:
        yield (_one(random, _ADVERBS[:3]), "ADV")
    verb = _one(random, _VERBS)
    yield (verb if modal or plural else _with_s(verb), "VERB")
    if random.random() < 0.7:
        yield from _phrase(random, bool(random.random() < 0.5))
    if random.random() < 0.3:
        yield (_one(random, _PLACES), "ADP")
        yield from _phrase(random, bool(random.random() < 0.5))
    if random.random() < 0.2:
        yield (_one(random, _ADVERBS[3:]), "ADV")


def _subject(random: np.random.Generator, plural: bool) -> Iterator[Word]:
    chance = random.random()
    if chance < 0.2:
        yield (_one(random, _PRONOUNS[plural]), "PRON")
    elif chance < 0.4 and not plural:
        yield (_one(random, _NAMES), "PROPN")
    else:
        yield from _phrase(random, plural)


def _phrase(random: np.random.Generator, plural: bool) -> Iterator[Word]:
    yield (_one(random, _DETERMINERS[plural]), "DET")
    while random.random() < 0.3:
        yield (_one(random, _ADJECTIVES), "ADJ")
    noun = _one(random, _NOUNS)
    yield (_PLURALS.get(noun, _with_s(noun)) if plural else noun, "NOUN")


def _one(random: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[random.integers(len(words))]


def _with_s(word: str) -> str:
    return word + ("es" if word.endswith(("ch", "sh")) else "s")
