from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import ConfigError, DataError
from elman.formats.frequency import Frequency
from elman.formats.stamps import check_ascending, check_even, parse_stamps
from elman.formats.steps import infer_step


def parsed(*texts, zone=""):
    return parse_stamps(texts, [f"line {n + 2}" for n in range(len(texts))], zone=zone).stamps


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
        ("2015-12-31 24:00", "2016-01-01T00:00:00"),
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
        (["1.5"], "line 2: expected a time"),
        (["2016-02-30"], "line 2: there is no such time as '2016-02-30'"),
        (["2016-13-01"], "no such time"),
        (["2016-00-01"], "no such time"),
        (["2016-01-01 24:01"], "no such time"),
        (["2016-01-01 24:00:00.5"], "has a fraction"),
        (["9999-12-31 24:00"], "no such time"),
        (["20160230"], "no such time as '20160230'"),
        (["2016-01-01 10:00:00.5"], "line 2: .* has a fraction of a second; number such rows with whole numbers"),
        (["2016-01-01T10:00Z"], "line 2: .* names its time zone; .* convert all to UTC with --zone UTC"),
        (["2016-01-01T10:00+02:00", "2016-01-01T11:00"], "line 2: .* names its time zone and others name none"),
    ],
)
def test_what_is_no_stamp_is_refused(texts, message):
    with pytest.raises(DataError, match=message):
        parsed(*texts)


def test_with_a_zone_all_times_become_utc():
    result = parsed(
        "2016-07-01T12:00+02:00", "2016-07-01 12:00-0530", "2016-07-01T12:00Z", "2016-07-01 12:00", zone="UTC"
    )
    assert result.tolist() == times("2016-07-01T10", "2016-07-01T17:30", "2016-07-01T12", "2016-07-01T12").tolist()


def test_times_of_a_place_become_utc_over_the_change_of_clocks():
    result = parsed("2016-03-27 01:59:59", "2016-03-27 03:00:00", "2016-10-30 03:00", zone="Europe/Berlin")
    assert result.tolist() == times("2016-03-27T00:59:59", "2016-03-27T01:00:00", "2016-10-30T02:00").tolist()
    with pytest.raises(DataError, match=r"line 2: '2016-10-30 02:30' comes twice in Europe/Berlin"):
        parsed("2016-10-30 02:30", zone="Europe/Berlin")
    with pytest.raises(DataError, match=r"line 2: '2016-03-27 02:30' does not exist in Europe/Berlin"):
        parsed("2016-03-27 02:30", zone="Europe/Berlin")


def test_a_zone_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="zone: Python knows no 'Mars/Base'"):
        parsed("2016-07-01", zone="Mars/Base")


def test_stamps_twice_or_out_of_order_are_refused():
    places = ["line 2", "line 3", "line 4"]
    with pytest.raises(DataError, match="line 4: 2016-07-02 of 'a' is there already, in line 3; .*--resample"):
        check_ascending(times("2016-07-01", "2016-07-02", "2016-07-02"), places, name="a")
    with pytest.raises(
        DataError, match="line 3: 3 of 'a' comes after 4; .*sort them by the column of stamps.*--series-column"
    ):
        check_ascending(np.array([4, 3, 5]), places, name="a")


def test_uneven_stamps_are_refused():
    stamps = times("2016-07-01T00:00", "2016-07-01T01:00", "2016-07-01T02:05", "2016-07-01T03:00", "2016-07-01T04:00")
    with pytest.raises(
        DataError, match="line 4: 2016-07-01 02:05:00 of 'a' is not a whole number of steps of 1h after 2016-07-01"
    ):
        check_even(stamps, [f"line {n}" for n in range(2, 7)], infer_step([stamps]), name="a")
    months = times("2016-01-15", "2016-02-15", "2016-03-16", "2016-04-15")
    assert Frequency("month").first_off(months) == 2
