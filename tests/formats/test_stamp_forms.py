"""Stamps are written in the form in which they were read: values, and round trips of any stamps in any form."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.formats.stamp_forms import StampForm, show
from elman.formats.stamps import parse_stamps
from elman.formats.steps import infer_step


def read(texts, **options):
    return parse_stamps(texts, [f"line {n + 2}" for n in range(len(texts))], **options)


SERIES = [
    (["202410", "202411", "202412"], ["202501", "202502"]),
    (["20240228", "20240229"], ["20240301", "20240302"]),
    (["2024123122", "2024123123"], ["2025010100", "2025010101"]),
    (["202412312358", "202412312359"], ["202501010000", "202501010001"]),
    (["2024Q3", "2024Q4"], ["2025Q1", "2025Q2"]),
    (["Q4 2023", "Q1 2024"], ["Q2 2024", "Q3 2024"]),
    (["2020-W52", "2020-W53"], ["2021-W01", "2021-W02"]),
    (["2020W52", "2020W53"], ["2021W01", "2021W02"]),
    (["2020-W53-5", "2020-W53-6"], ["2020-W53-7", "2021-W01-1"]),
    (["202052", "202053", "202101"], ["202102", "202103"]),
    (["1704067200", "1704070800"], ["1704074400", "1704078000"]),
    (["1704067200.0", "1704070800.0"], ["1704074400.0", "1704078000.0"]),
    (["1704067200000", "1704070800000"], ["1704074400000", "1704078000000"]),
    (["1704067200000000000", "1704070800000000000"], ["1704074400000000000", "1704078000000000000"]),
    (["45292.5", "45292.75"], ["45293", "45293.25"]),
    (["45292.0416666667", "45292.0833333333"], ["45292.125", "45292.1666666667"]),
    (["45322", "45351", "45382"], ["45412", "45443"]),  # the last days of months
    (["1871", "1872"], ["1873", "1874"]),
    (["007", "008"], ["009", "010"]),
    (["1949-11", "1949-12"], ["1950-01", "1950-02"]),
    (["2016/7/30", "2016/7/31"], ["2016/8/1", "2016/8/2"]),
    (["30.12.2024", "31.12.2024"], ["01.01.2025", "02.01.2025"]),
    (["12/30/2024", "12/31/2024"], ["01/01/2025", "01/02/2025"]),
    (["30/12/2024 9:00", "30/12/2024 10:00"], ["30/12/2024 11:00", "30/12/2024 12:00"]),
    (["2016-07-01 22:00:00", "2016-07-01 23:00:00"], ["2016-07-02 00:00:00", "2016-07-02 01:00:00"]),
    (["2016-07-01", "2016-07-01 12:00:00"], ["2016-07-02 00:00:00", "2016-07-02 12:00:00"]),
    (["2016-07-01T05:00:00.000", "2016-07-01T06:00:00.000"], ["2016-07-01T07:00:00.000", "2016-07-01T08:00:00.000"]),
]


@pytest.mark.parametrize(("texts", "following"), SERIES, ids=[texts[0] for texts, _ in SERIES])
def test_the_next_stamps_have_the_form_of_those_before(texts, following):
    column = read(texts)
    after = infer_step([column.stamps]).after(column.stamps[-1], 2)
    assert [column.form.write(stamp) for stamp in after] == following
    if len(set(map(len, texts))) == 1:
        assert [column.form.write(stamp) for stamp in column.stamps] == texts
    again = read([*texts, *following], known=column.form.kind)
    assert again.stamps[-2:].tolist() == after.tolist()


FORMS = {
    "%Y%m%d": ("dates", 86_400), "%Y-%m-%d": ("times", 86_400), "%d.%m.%Y": ("day-first", 86_400),
    "%G-W%V-%u": ("times", 86_400), "%Y/%1m/%1d %1H:%M": ("times", 60), "%Y-%m-%dT%H:%M:%SZ": ("times", 1),
    "%1m/%1d/%Y %H:%M": ("month-first", 60),
}  # fmt: skip


@pytest.mark.parametrize("pattern", FORMS)
@given(st.lists(st.integers(0, 4 * 10**9), min_size=1, max_size=4, unique=True))
def test_any_times_are_read_and_written_in_any_form(pattern, seconds):
    kind, unit = FORMS[pattern]
    stamps = np.array([second // unit * unit for second in seconds], "datetime64[s]")
    form = StampForm(kind, pattern, "UTC" if pattern.endswith("Z") else "")  # ty: ignore[invalid-argument-type]
    texts = [form.write(stamp) for stamp in stamps]
    column = read(texts, kind=kind, zone=form.zone)
    assert column.stamps.tolist() == stamps.tolist()
    assert [column.form.write(stamp) for stamp in stamps] == texts


@pytest.mark.parametrize("kind", ["seconds", "milliseconds", "microseconds", "nanoseconds", "spreadsheet",
                                  "spreadsheet-1904"])  # fmt: skip
@given(st.lists(st.datetimes(datetime(1905, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=4, unique=True))
def test_any_times_are_read_and_written_as_numbers(kind, moments):
    stamps = np.array([moment.replace(microsecond=0) for moment in moments], "datetime64[s]")
    texts = [StampForm(kind).write(stamp) for stamp in stamps]
    assert read(texts, kind=kind).stamps.tolist() == stamps.tolist()


@given(st.datetimes(datetime(1980, 1, 1), datetime(2035, 1, 1)))
def test_times_of_a_place_are_written_as_its_clocks_show_them(moment):
    moment, berlin = moment.replace(microsecond=0), ZoneInfo("Europe/Berlin")
    text = StampForm("times", "%Y-%m-%d %H:%M:%S", "Europe/Berlin").write(np.datetime64(moment))
    local = moment.replace(tzinfo=UTC).astimezone(berlin)
    assert text.startswith(local.strftime("%Y-%m-%d %H:%M:%S"))
    assert read([text], zone="Europe/Berlin").stamps.tolist() == [moment]


def test_the_days_of_spreadsheets():
    """Day 61 is 1 March 1900, since day 60 is a 29 February that there never was; 45292 is 1 January 2024."""
    assert read(["61", "45292"], kind="spreadsheet").stamps.astype("datetime64[D]").astype(str).tolist() == [
        "1900-03-01", "2024-01-01"
    ]  # fmt: skip
    assert str(read(["43830"], kind="spreadsheet-1904").stamps[0]) == "2024-01-01T00:00:00"


def test_stamps_are_shown_as_people_write_them():
    stamps = np.datetime64("2016-07-01", "s"), np.datetime64("2016-07-01T05", "s"), np.int64(5), 6
    assert [show(stamp) for stamp in stamps] == ["2016-07-01", "2016-07-01 05:00:00", "5", "6"]


def test_patterns_of_others_are_harmless():
    stamp = np.datetime64("2016-07-01", "s")
    assert StampForm("times", "%9999Y {0} %x %").write(stamp) == "%9999Y {0}  %"
    assert StampForm("times", "%Y").write(np.datetime64("12016-07-01", "s")) == "12016-07-01"
