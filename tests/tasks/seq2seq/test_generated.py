import re
from datetime import date

import pytest

from elman._errors import DataError
from elman.tasks.seq2seq.generated import dates, sums


def test_sums_are_right_and_different_up_to_order():
    pairs = sums(3, 5000, seed=1)
    seen = set()
    for source, (target,) in pairs:
        a, b = map(int, source.split("+"))
        assert a + b == int(target)
        assert str(a + b) == target
        assert f"{a}+{b}" == source
        seen.add(frozenset((a, b)) if a != b else a)
    assert len(seen) == 5000


def test_numbers_of_every_length_are_as_likely():
    sides = [side for source, _ in sums(5, 4000, seed=2) for side in source.split("+")]
    assert max(map(len, sides)) == 5
    # A number of 5 drawn digits has fewer when it begins with zeros: 0.9 / 5 are left.
    assert sum(len(side) == 5 for side in sides) / len(sides) == pytest.approx(0.18, abs=0.02)


def test_sums_of_numbers_beyond_64_bits():
    pairs = sums(40, 200)
    assert all(int(target) == sum(map(int, source.split("+"))) for source, (target,) in pairs)
    assert max(len(target) for _, (target,) in pairs) >= 40


def test_all_sums_there_are():
    assert len(sums(1, 55)) == 55
    with pytest.raises(DataError, match="there are 55 sums of up to 1 digits; got a request for 56"):
        sums(1, 56)


def test_the_seed_makes_the_data():
    assert sums(3, 10, seed=1) == sums(3, 10, seed=1) != sums(3, 10, seed=2)
    assert dates(10, seed=1) == dates(10, seed=1) != dates(10, seed=2)


MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
ORDINALS = ["zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
ORDINALS += ["eleventh", "twelfth", *(one + "th" for one in ONES[13:]), "twentieth"]
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}


def small(text):
    if text in TENS:
        return TENS[text]
    if text.rpartition("-")[0]:
        return TENS[text.split("-")[0]] + small(text.split("-")[1])
    return ONES.index(text)


def day_of(text):
    if digits := re.fullmatch(r"(\d+)(st|nd|rd|th)?", text):
        day, suffix = int(digits[1]), digits[2]
        assert suffix in (None, "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th"))
        return day
    if text in ORDINALS:
        return ORDINALS.index(text)
    head, _, last = text.rpartition("-")
    return TENS[head] + ORDINALS.index(last) if head else {"thirtieth": 30}[text]


def year_of(words):
    if words[0].isdigit():
        return int(words[0])
    if words[:2] == ["two", "thousand"]:
        rest = [word for word in words[2:] if word != "and"]
        return 2000 + (small(rest[0]) if rest else 0)
    if words[1] == "hundred":
        return 100 * small(words[0])
    return 100 * small(words[0]) + small(words[-1])


def parsed(text):
    """An independent reading of a date in words."""
    words = text.lower().replace(",", " ").split()
    month = next(i for i, word in enumerate(words) if word[:3] in MONTHS)
    weekday = next((word[:3] for word in words if word[:3] in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), None)
    left = [w for w in words[:month] if w not in ("the", "of", "on", "day") and w[:3] != weekday]
    right = [w for w in words[month + 1 :] if w not in ("the", "in")]
    day, year = (left[0], right) if left else (right[0], right[1:])
    result = date(year_of(year), MONTHS.index(words[month][:3]) + 1, day_of(day))
    assert weekday is None or result.strftime("%a").lower() == weekday
    return result.isoformat()


def test_dates_in_words_mean_what_they_say():
    pairs = dates(3000, seed=3)
    assert all(parsed(source) == target for source, (target,) in pairs)
    assert len({source for source, _ in pairs}) == 3000
