import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.frequency import Frequency
from elman.formats.steps import infer_step, infer_steps, recurring_steps


def times(*texts):
    return np.array(texts, "datetime64[s]")


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (["2016-07-01T00", "2016-07-01T01", "2016-07-01T05"], "1h"),
        (["2016-07-01T00:00", "2016-07-01T00:15", "2016-07-01T00:30"], "15min"),
        (["2016-07-01T00:00:00", "2016-07-01T00:00:10"], "10s"),
        (["2016-07-01", "2016-07-04", "2016-07-05", "2016-07-06"], "1d"),
        (["1958-03-29", "1958-04-05", "1958-04-19"], "1w"),
        (["2016-07-01", "2016-08-01", "2016-11-01"], "1mo"),
        (["2016-07-15T12", "2016-08-15T12", "2016-11-15T12"], "1mo"),
        (["2016-01-31", "2016-02-29", "2016-03-31", "2016-04-30"], "1mo"),
        (["2015-02-28", "2016-02-29", "2017-02-28"], "1y"),
        (["2016-01-01", "2016-04-01", "2016-07-01"], "1q"),
        (["2016-01-01", "2017-01-01", "2019-01-01"], "1y"),
        (["2016-01-01", "2016-01-29", "2016-02-26"], "4w"),
        # The commonest step does not fit all: the shortest one does.
        (["2016-01-01", "2016-01-03", "2016-01-05", "2016-01-06"], "1d"),
        (["2016-07-01T00:00", "2016-07-01T00:10", "2016-07-01T00:25", "2016-07-01T00:30"], "5min"),
    ],
)
def test_the_step_is_told_from_the_stamps(stamps, expected):
    frequency = infer_step([times(*stamps)])
    assert str(frequency) == expected
    assert frequency.first_off(times(*stamps)) is None
    steps = frequency.from_first(times(*stamps)[0], 100)
    assert steps[frequency.places(times(*stamps))].tolist() == times(*stamps).tolist()


def test_whole_numbers_have_steps_too():
    frequency = infer_step([np.array([1700, 1702, 1706])])
    assert (str(frequency), frequency.after(1706, 2).tolist()) == ("2", [1708, 1710])


def test_the_step_is_that_of_all_series():
    hours = [times("2016-07-01T00", "2016-07-01T02"), times("2016-07-01T00", "2016-07-01T01"), times("2016-07-01T00")]
    assert str(infer_step(hours)) == "1h"
    with pytest.raises(DataError, match="one row a series does not tell the step of time; expected two rows or more"):
        infer_step(hours[2:])


def test_months_go_on_at_their_ends_and_elsewhere():
    ends = infer_step([times("2015-12-31", "2016-01-31", "2016-02-29")])
    assert ends.after(times("2016-02-29")[0], 2).tolist() == times("2016-03-31", "2016-04-30").tolist()
    assert ends.month_end
    tenths = infer_step([times("2015-12-10T06", "2016-01-10T06")])
    assert tenths.after(times("2016-01-10T06")[0], 2).tolist() == times("2016-02-10T06", "2016-03-10T06").tolist()


def days(first, count, keep=lambda day: True):
    """The days from the first on whose numbers in the week, from 0 for Monday, are kept."""
    every = np.datetime64(first, "D") + np.arange(count)
    week = (every.astype(int) + 3) % 7
    return every[[keep(day) for day in week]].astype("datetime64[s]")


WORKDAY = range(5)


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (days("2024-01-01", 168, WORKDAY.__contains__), "1d Mon-Fri"),
        (days("2024-01-03", 19, WORKDAY.__contains__), "1d Mon-Fri"),
        (days("2024-01-01", 100, {0, 2, 4}.__contains__), "1d Mon,Wed,Fri"),
        (days("2024-01-01", 100, {0, 1, 2, 3, 4, 6}.__contains__), "1d Mon-Fri,Sun"),
        (days("2024-01-01", 12, WORKDAY.__contains__), "1d"),  # one weekend may be chance
        (days("2024-01-01", 100), "1d"),
        (days("2024-01-01", 100)[::2], "2d"),
    ],
)
def test_days_without_rows_are_told_from_enough_weeks(stamps, expected):
    assert str(infer_steps([stamps])[0]) == expected


def test_holidays_are_gaps_and_not_holes():
    stamps = np.delete(days("2024-01-01", 168, WORKDAY.__contains__), [5, 17, 60])
    [step] = infer_steps([stamps])
    assert (str(step), step.places(stamps)[-1] + 1) == ("1d Mon-Fri", 120)


@pytest.mark.parametrize(("weeks", "expected"), [(4, "30min Mon-Fri 09:30-15:30"), (1, "30min 09:30-15:30")])
def test_trading_hours(weeks, expected):
    open_ = days("2024-01-01", 7 * weeks, WORKDAY.__contains__)
    stamps = np.concatenate([day + np.arange(19, 32) * np.timedelta64(1800, "s") for day in open_])
    [step] = infer_steps([stamps])
    assert str(step) == expected
    assert str(step.after(stamps[12], 1)[0]) == "2024-01-02T09:30:00"


def test_months_without_rows():
    months = np.arange("2015-01", "2024-07", dtype="datetime64[M]")
    stamps = months[~np.isin(months.astype(int) % 12, [6, 7])].astype("datetime64[s]")
    [step] = infer_steps([stamps])
    assert str(step) == "1mo (10 of 12 a year)"
    assert step.after(stamps[-1], 2).tolist() == times("2024-09-01", "2024-10-01").tolist()


@given(st.integers(0, 10**6), st.floats(0.3, 0.95), st.sampled_from([1, 3600, 7200, 86_400]), st.integers(20, 400))
def test_rows_that_are_missing_at_random_are_no_calendar(seed, share, step, count):
    random = np.random.default_rng(seed)
    stamps = (np.flatnonzero(random.random(count) < share) * step).astype("datetime64[s]")
    assert recurring_steps(stamps, Frequency("second", step)) == ()


def test_each_series_has_a_step_of_its_own():
    shop, depot = days("2024-01-01", 140), days("2023-03-06", 420, {0}.__contains__)
    months = np.arange("2020-01", "2024-01", dtype="datetime64[M]").astype("datetime64[s]")
    bank, few = days("2024-01-01", 100, WORKDAY.__contains__), days("2024-02-05", 4)
    result = infer_steps([shop, depot, months, bank, few])
    assert [str(step) for step in result] == ["1d", "1w", "1mo", "1d Mon-Fri", "1d"]
    alone = infer_steps([bank, few])
    assert [str(step) for step in alone] == ["1d Mon-Fri", "1d Mon-Fri"]


def test_steps_that_do_not_divide_each_other():
    quarters, tens = (times("2024-01-01")[0] + np.arange(50) * np.timedelta64(60 * n, "s") for n in (15, 10))
    assert [str(step) for step in infer_steps([quarters, tens])] == ["15min", "10min"]


def test_a_series_with_gaps_keeps_the_step_of_the_others():
    whole, gaps = days("2024-01-01", 60), days("2024-01-01", 60)[[0, 2, 4, 8, 9, 20, 40]]
    assert [str(step) for step in infer_steps([whole, gaps])] == ["1d", "1d"]
