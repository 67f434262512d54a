import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.clocks import parse_order
from elman.formats.stamps import parse_stamps


def read(texts, **options):
    return parse_stamps(texts, [f"line {n + 2}" for n in range(len(texts))], **options)


def order(texts):
    keys = parse_order(texts, [f"line {n + 2}" for n in range(len(texts))], ["a"] * len(texts))
    return [texts[place] for place in sorted(range(len(texts)), key=keys.__getitem__)]


def test_times_past_midnight_come_last():
    """Where the rows are in order but for one step back, which leaves a shorter gap than the rest of the day."""
    for texts in (["23:50", "23:55", "00:00", "00:05"], ["22:00:00.5", "23:59:59.9", "0:00:00.1"]):
        assert order(texts) == texts
    keys = parse_order(["23:55", "9:00", "00:00", "8:00"], [""] * 4, ["a", "b", "a", "b"])
    assert keys == [(1435.0, 0.0), (540.0, 0.0), (1440.0, 0.0), (480.0, 0.0)]


@pytest.mark.parametrize(
    "texts",
    [
        ["9:57", "9:59", "10:00", "10:02"],
        ["0:59:59.9", "1:00:00", "10:00:00", "25:00:00"],
        ["2024-9-8", "2024-9-10", "2024-10-1"],
        ["2", "9.5", "10", "1e3"],
        ["31.12.2023", "1.1.2024", "2.1.2024"],
        ["12/31/2023", "1/1/2024", "1/13/2024"],
        ["2023-12-31T23:59:59.5", "2023-12-31T23:59:59.75", "2024-01-01"],
        ["2024-01-01T10:00+02:00", "2024-01-01T09:00Z", "2024-01-01T10:00-01:00"],
        ["2023Q4", "2024Q1"],
        ["2023-W52", "2024-W01", "2024-W10"],
    ],
)
def test_steps_are_ordered_by_time_and_number(texts):
    for mixed in itertools.islice(itertools.permutations(texts), 24):
        assert order([*mixed]) == texts


@given(st.lists(st.times(), min_size=3, max_size=6, unique=True))
def test_times_of_the_day_are_ordered_as_those_of_the_standard_library(moments):
    """But for those that are in order except for one step back, which may pass midnight."""
    assume(sum(later < earlier for earlier, later in zip(moments, [*moments[1:], moments[0]], strict=True)) > 1)
    texts = [f"{one.hour}:{one.minute:02}:{one.second:02}.{one.microsecond:06}" for one in moments]
    assert order(texts) == [text for _, text in sorted(zip(moments, texts, strict=True))]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["t2", "t10"], "line 2: expected a time .* or a whole number; got 't2'"),
        (["1", "nan"], "line 3: expected a time|line 2: expected a time"),
        (["2024-01-01T00:00Z", "2024-01-01T00:00"], "line 3: .* names no time zone, and others do"),
        (["1/2/2024", "1/3/2024"], "may have the day or the month first, .*--stamps day-first or month-first"),
    ],
)
def test_what_has_no_order_is_refused(texts, message):
    with pytest.raises(DataError, match=message):
        order(texts)


def test_dates_whose_day_and_month_cannot_be_told_apart():
    with pytest.raises(DataError, match="line 2: '1/2/2024' may have the day or the month first, and so may all"):
        read(["1/2/2024", "1/3/2024"])
    with pytest.raises(DataError, match="line 3: '1/13/2024' has the month first, and '13/1/2024' in line 2 the day"):
        read(["13/1/2024", "1/13/2024"])
    assert str(read(["1/2/2024"], kind="day-first").stamps[0]) == "2024-02-01T00:00:00"
    assert str(read(["1/2/2024"], kind="month-first").stamps[0]) == "2024-01-02T00:00:00"
    assert str(read(["1.2.2024"]).stamps[0]) == "2024-02-01T00:00:00"
    with pytest.raises(DataError, match="there is no such time as '13/14/2024'"):
        read(["13/14/2024"], kind="day-first")


def test_weeks_that_a_year_does_not_have():
    with pytest.raises(DataError, match="line 2: 2021 has no week 53; expected weeks of ISO 8601"):
        read(["2021-W53"])
    assert str(read(["2020-W01"]).stamps[0]) == "2019-12-30T00:00:00"


@given(st.lists(st.text("0123456789-/:.WQTZ+ ", max_size=24), min_size=1, max_size=3))
def test_any_texts_are_stamps_or_refused(texts):
    for reader in (read, order):
        said = ""
        try:
            reader(texts)
        except DataError as error:
            said = str(error)
        assert len(said.splitlines()) < 2
        assert len(said) < 300
