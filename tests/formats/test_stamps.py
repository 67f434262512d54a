from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import ConfigError, DataError
from elman.formats.stamps import Frequency, check_ascending, check_even, parse_stamps, show


def parsed(*texts, zone=""):
    return parse_stamps(texts, [f"line {n + 2}" for n in range(len(texts))], zone=zone)


def times(*texts):
    return np.array(texts, "datetime64[s]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1749-01", "1749-01-01T00:00:00"),
        ("2016-07-01", "2016-07-01T00:00:00"),
        ("2016/7/1", "2016-07-01T00:00:00"),
        ("2016-07-01 05:00", "2016-07-01T05:00:00"),
        ("2016-07-01T05:04:03", "2016-07-01T05:04:03"),
        ("2016-07-01 05:04:03.000", "2016-07-01T05:04:03"),
        ("2016Q3", "2016-07-01T00:00:00"),
        ("2016-q4", "2016-10-01T00:00:00"),
        ("19580329", "1958-03-29T00:00:00"),
        ("2016-02-29", "2016-02-29T00:00:00"),
        ("0099-12-31", "0099-12-31T00:00:00"),
    ],
)
def test_times(text, expected):
    assert parsed(text) == times(expected)


@given(st.lists(st.datetimes(datetime(1000, 1, 1), datetime(2999, 1, 1)), min_size=1, max_size=5))
def test_times_are_those_of_the_standard_library(moments):
    moments = [moment.replace(microsecond=0) for moment in moments]
    assert parsed(*(moment.isoformat(" ") for moment in moments)).tolist() == moments


def test_whole_numbers_count_unless_all_are_dates_of_eight_figures():
    assert parsed("1700", "1701", "-3").tolist() == [1700, 1701, -3]
    assert parsed("19580329", "7").tolist() == [19580329, 7]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["2016-07-01", "noon"], "line 3: expected a time such as .* or a whole number; got 'noon'"),
        (["2016-07-01", ""], "line 3: .*; got '': write the row's time, or leave the row out"),
        (["2016-07-01", "5"], "line 3: expected a time"),
        (["01.02.2016"], "line 2: expected a time"),
        (["1.5"], "line 2: expected a time"),
        (["2016-02-30"], "line 2: there is no such time as '2016-02-30'"),
        (["2016-13-01"], "no such time"),
        (["2016-00-01"], "no such time"),
        (["2016-01-01 24:00"], "no such time"),
        (["20160230"], "no such time as '2016-02-30'"),
        (["2016-01-01 10:00:00.5"], "line 2: .* has a fraction of a second; number such rows with whole numbers"),
        (["2016-01-01T10:00Z"], "line 2: .* names its time zone; .* convert all to UTC with --zone UTC"),
        (["2016-01-01T10:00+02:00", "2016-01-01T11:00"], "line 2: .* names its time zone and others name none"),
    ],
)
def test_what_is_no_stamp_is_refused(texts, message):
    with pytest.raises(DataError, match=message):
        parsed(*texts)


def test_with_a_zone_all_times_become_utc():
    found = parsed(
        "2016-07-01T12:00+02:00", "2016-07-01 12:00-0530", "2016-07-01T12:00Z", "2016-07-01 12:00", zone="UTC"
    )
    assert found.tolist() == times("2016-07-01T10", "2016-07-01T17:30", "2016-07-01T12", "2016-07-01T12").tolist()


def test_times_of_a_place_become_utc_over_the_change_of_clocks():
    found = parsed("2016-03-27 01:59:59", "2016-03-27 03:00:00", "2016-10-30 03:00", zone="Europe/Berlin")
    assert found.tolist() == times("2016-03-27T00:59:59", "2016-03-27T01:00:00", "2016-10-30T02:00").tolist()
    with pytest.raises(DataError, match=r"line 2: '2016-10-30 02:30' comes twice in Europe/Berlin"):
        parsed("2016-10-30 02:30", zone="Europe/Berlin")
    with pytest.raises(DataError, match=r"line 2: '2016-03-27 02:30' does not exist in Europe/Berlin"):
        parsed("2016-03-27 02:30", zone="Europe/Berlin")


def test_a_zone_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="zone: Python knows no 'Mars/Base'"):
        parsed("2016-07-01", zone="Mars/Base")


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
    frequency = Frequency.of([times(*stamps)])
    assert str(frequency) == expected
    assert frequency.first_off(times(*stamps)) is None
    steps = frequency.from_first(times(*stamps)[0], 100)
    assert steps[frequency.places(times(*stamps))].tolist() == times(*stamps).tolist()


def test_whole_numbers_have_steps_too():
    frequency = Frequency.of([np.array([1700, 1702, 1706])])
    assert (str(frequency), frequency.after(1706, 2).tolist()) == ("2", [1708, 1710])


def test_the_step_is_that_of_all_series():
    hours = [times("2016-07-01T00", "2016-07-01T02"), times("2016-07-01T00", "2016-07-01T01"), times("2016-07-01T00")]
    assert str(Frequency.of(hours)) == "1h"
    with pytest.raises(DataError, match="one row a series does not tell the step of time; expected two rows or more"):
        Frequency.of(hours[2:])


def test_months_go_on_at_their_ends_and_elsewhere():
    ends = Frequency.of([times("2015-12-31", "2016-01-31", "2016-02-29")])
    assert ends.after(times("2016-02-29")[0], 2).tolist() == times("2016-03-31", "2016-04-30").tolist()
    assert ends.month_end
    tenths = Frequency.of([times("2015-12-10T06", "2016-01-10T06")])
    assert tenths.after(times("2016-01-10T06")[0], 2).tolist() == times("2016-02-10T06", "2016-03-10T06").tolist()


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


def test_stamps_twice_or_out_of_order_are_refused():
    places = ["line 2", "line 3", "line 4"]
    with pytest.raises(DataError, match="line 4: 2016-07-02 of 'a' is there already, in line 3; .*--resample"):
        check_ascending(times("2016-07-01", "2016-07-02", "2016-07-02"), places, name="a")
    with pytest.raises(DataError, match="line 3: 3 of 'a' comes after 4; .*sort them by the column of stamps"):
        check_ascending(np.array([4, 3, 5]), places, name="a")


def test_uneven_stamps_are_refused():
    stamps = times("2016-07-01T00:00", "2016-07-01T01:00", "2016-07-01T02:05", "2016-07-01T03:00", "2016-07-01T04:00")
    with pytest.raises(
        DataError, match="line 4: 2016-07-01 02:05:00 of 'a' is not a whole number of steps of 1h after 2016-07-01"
    ):
        check_even(stamps, [f"line {n}" for n in range(2, 7)], Frequency.of([stamps]), name="a")
    months = times("2016-01-15", "2016-02-15", "2016-03-16", "2016-04-15")
    assert Frequency("month").first_off(months) == 2


def test_stamps_are_shown_as_people_write_them():
    assert [show(stamp) for stamp in (times("2016-07-01")[0], times("2016-07-01T05")[0], np.int64(5), 6)] == [
        *("2016-07-01", "2016-07-01 05:00:00", "5", "6")
    ]
