from datetime import datetime, timedelta

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import ConfigError
from elman.formats.frequency import Frequency


def times(*texts):
    return np.array(texts, "datetime64[s]")


@given(st.sampled_from(["1s", "15min", "1h", "1d", "1w"]), st.integers(0, 10**9), st.integers(1, 50))
def test_steps_of_seconds_are_those_of_the_standard_library(step, start, count):
    frequency, first = Frequency.parse(step), datetime(1990, 1, 1) + timedelta(seconds=start)
    expected = [first + n * timedelta(seconds=frequency.count) for n in range(1, count + 1)]
    assert frequency.after(np.datetime64(first), count).tolist() == expected


@pytest.mark.parametrize(
    ("step", "stamp", "expected"),
    [
        ("1h", "2016-07-06T05:59:59", "2016-07-06T05"),
        ("1d", "2016-07-06T05:59:59", "2016-07-06"),
        ("1w", "2016-07-06T05", "2016-07-04"),  # a Monday
        ("1w", "1969-12-31T05", "1969-12-29"),
        ("1mo", "2016-07-06T05", "2016-07-01"),
        ("1q", "2016-09-06T05", "2016-07-01"),
        ("1y", "2016-09-06T05", "2016-01-01"),
        ("1y", "1969-09-06T05", "1969-01-01"),
    ],
)
def test_the_step_that_a_time_lies_in(step, stamp, expected):
    assert Frequency.parse(step).floor(times(stamp)) == times(expected)


@pytest.mark.parametrize("text", ["", "1", "h1", "0h", "1m", "1.5h", "-1h", "1 fortnight"])
def test_what_is_no_step_is_refused(text):
    with pytest.raises(
        ConfigError, match="expected a step of time: a number and s, min, h, d, w, mo, q, y, such as 1h"
    ):
        Frequency.parse(text)


WORKDAYS = Frequency("second", 86_400, open=((0, 4 * 86_400),))
HOURS = Frequency("second", 1800, open=tuple((day * 86_400 + 34_200, day * 86_400 + 55_800) for day in range(5)))
CALENDARS = [
    pytest.param(WORKDAYS, "B", {}, id="Monday to Friday"),
    pytest.param(
        Frequency("second", 86_400, open=((0, 86_400), (3 * 86_400, 3 * 86_400))),
        "C", {"weekmask": "Mon Tue Thu"}, id="three days of the week",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("frequency", "rule", "options"), CALENDARS)
@given(st.dates(datetime(1900, 1, 1).date(), datetime(2100, 1, 1).date()), st.integers(1, 40))
def test_calendars_of_days_are_those_of_pandas(frequency, rule, options, date, count):
    expected = pandas.bdate_range(date, periods=count, freq=rule, **options).to_numpy().astype("datetime64[s]")
    assert frequency.from_first(expected[0], count).tolist() == expected.tolist()
    assert frequency.places(expected).tolist() == [*range(count)]
    assert frequency.first_off(expected) is None
    outside = expected[0] - np.timedelta64(1, "D")
    there = len(pandas.bdate_range(outside.item(), outside.item(), freq=rule, **options))
    assert (frequency.first_off(np.array([outside])) is None) == bool(there)


@given(st.integers(0, 3000), st.integers(1, 60))
def test_trading_hours_go_on_from_day_to_day(start, count):
    days = pandas.bdate_range("2024-01-01", periods=400)
    every = np.concatenate([day.to_numpy() + np.arange(19, 32) * np.timedelta64(30, "m") for day in days])
    every = every.astype("datetime64[s]")
    assert HOURS.from_first(every[start], count).tolist() == every[start : start + count].tolist()
    chosen = every[start : start + 3 * count : 3]
    assert HOURS.places(chosen).tolist() == [*range(0, 3 * len(chosen), 3)]
    assert HOURS.first_off(np.append(chosen, every[12] + np.timedelta64(30, "m"))) == len(chosen)


def test_calendars_in_words_and_their_seasons():
    months = Frequency("month", 1, open=((0, 5), (8, 11)))
    uneven = Frequency("second", 3600, open=((0, 3600), (86_400, 86_400)))
    shop = Frequency("second", 3600, open=tuple((day * 86_400 + 28_800, day * 86_400 + 68_400) for day in range(7)))
    assert [str(one) for one in (WORKDAYS, HOURS, months, uneven, shop)] == [
        "1d Mon-Fri", "30min Mon-Fri 09:30-15:30", "1mo (10 of 12 a year)", "1h (3 of 168 a week)", "1h 08:00-19:00"
    ]  # fmt: skip
    assert [one.season for one in (WORKDAYS, HOURS, months, shop)] == [5, 13, 10, 12]
    assert months.after(times("2024-06-01")[0], 2).tolist() == times("2024-09-01", "2024-10-01").tolist()


def test_a_calendar_of_month_ends():
    ends = Frequency("month", 1, True, open=((0, 5), (8, 11)))
    assert ends.after(times("2024-05-31")[0], 3).tolist() == times("2024-06-30", "2024-09-30", "2024-10-31").tolist()
    assert ends.first_off(times("2024-05-31", "2024-07-31")) == 1
