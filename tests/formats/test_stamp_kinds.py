from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.stamp_kinds import infer_kind
from elman.formats.stamps import parse_stamps


def read(texts, **options):
    return parse_stamps(texts, [f"line {n + 2}" for n in range(len(texts))], **options)


@pytest.mark.parametrize(
    ("texts", "name", "kind"),
    [
        (["202212", "202301"], "", "dates"),
        ([*(f"2022{month:02}" for month in range(1, 13)), "202213"], "", "dates"),  # the last is a slip
        (["202253", "202301"], "", "numbers"),  # 2022 has no week 53
        (["202252", "202301"], "", "weeks"),
        (["202201", "202202"], "week", "dates"),
        (["202213", "202214"], "week", "weeks"),
        ([str(number) for number in range(202290, 202320)], "", "numbers"),
        (["20240131", "20240201"], "", "dates"),
        (["10000101", "10000102"], "", "numbers"),
        (["1871", "1872"], "year", "numbers"),
        (["1", "2", "3"], "date", "numbers"),
        (["1704067200", "1704153600"], "", "seconds"),
        (["1704067200123", "1704067200623"], "", "numbers"),  # parts of seconds count
        (["45292", "45293", "45294"], "", "numbers"),
        (["45292", "45293", "45294"], "Date", "spreadsheet"),
        (["45292.25", "45292.5"], "", "spreadsheet"),
        (["45292", "45323", "45352"], "", "spreadsheet"),
        ([str(45292 + day) for day in range(60) if day % 7 < 5], "", "spreadsheet"),
        (["10000", "10001"], "date", "numbers"),
        (["-482302590", "-482302530"], "", "numbers"),
    ],
)
def test_what_digits_alone_are(texts, name, kind):
    assert infer_kind(texts, name) == kind


@given(st.integers(0, 10**9), st.integers(1, 1000), st.integers(20, 60))
def test_numbers_go_on_by_their_step_whatever_they_are_taken_for(first, step, count):
    """Only dates and weeks of digits go on otherwise, and few evenly spaced numbers are all such dates."""
    texts = [str(first + n * step) for n in range(count)]
    column = read(texts)
    assert [column.form.write(stamp) for stamp in column.stamps] == texts


DAYS = [date(2024, 12, 30) + timedelta(days=n) for n in range(4)]


@pytest.mark.parametrize(
    ("form", "order"),
    [("%y%m%d", "YYMMDD"), ("%d%m%Y", "DDMMYYYY"), ("%m%d%Y", "MMDDYYYY"), ("%Y%j", "YYYYDDD")],
)
def test_dates_of_digits_in_other_orders_are_no_numbers(form, order):
    texts = [day.strftime(form) for day in DAYS]
    with pytest.raises(DataError, match=rf"line 2: {texts[0]} seems to be a date, {order}.*; write it as 20241230"):
        read(texts)
    with pytest.raises(DataError, match=order):  # the name shows what steps do not
        read([day.strftime(form).lstrip("0") for day in DAYS[1:]], name="date")
    assert read(texts, kind="numbers").stamps.tolist() == [*map(int, texts)]


def test_quarters_of_digits_are_no_numbers():
    with pytest.raises(DataError, match="line 2: 20243 seems to be a date, YYYYQ.*; write it as 2024Q3"):
        read(["20243", "20244", "20251"])


@pytest.mark.parametrize("texts", [["240130", "240131"], ["20243", "20244"], ["240131", "240201", "240299"]])
def test_numbers_that_may_be_dates_but_do_not_show_it_count(texts):
    assert read(texts).stamps.tolist() == [*map(int, texts)]


@pytest.mark.parametrize(
    ("texts", "options", "taken", "other"),
    [
        (["202412", "202501"], {}, "202412 are taken as dates (2024-12-01)", "numbers or weeks takes them otherwise"),
        (["1704067200"], {}, "1704067200 are taken as seconds since 1970 (2024-01-01)", "numbers takes them otherwise"),
        (["45292"], {}, "45292 are taken as numbers that count", "spreadsheet takes them as days (2024-01-01)"),
        (["45292"], {"name": "date"}, "45292 are taken as days of a spreadsheet (2024-01-01)",
         "numbers takes them otherwise"),
    ],
)  # fmt: skip
def test_what_may_be_several_things_is_said(texts, options, taken, other):
    assert read(texts, **options).note == f"stamps such as {taken}; --stamps {other}"


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["202412", "202501"], {"kind": "numbers"}),
        (["202412"], {"known": "dates"}),
        (["1871", "1872"], {}),
        (["2024-12", "2025-01"], {}),
    ],
)
def test_what_is_plain_or_settled_is_not(texts, options):
    assert not read(texts, **options).note


def test_an_option_decides():
    assert read(["202412", "202501"], kind="numbers").stamps.tolist() == [202412, 202501]
    assert str(read(["202412"], kind="weeks").stamps[0]) == "2024-03-18T00:00:00"
    assert str(read(["45292"], kind="spreadsheet").stamps[0]) == "2024-01-01T00:00:00"
    assert str(read(["-86400"], kind="seconds").stamps[0]) == "1969-12-31T00:00:00"


@pytest.mark.parametrize(
    ("texts", "known", "kind"),
    [
        (["202501"], "numbers", "numbers"),
        (["202501"], "weeks", "weeks"),
        (["20250101"], "weeks", "dates"),
        (["1704067200000"], "seconds", "milliseconds"),
        (["3600"], "seconds", "seconds"),
        (["45292"], "spreadsheet", "spreadsheet"),
        (["2025-01"], "dates", "times"),
        (["1/2/2025"], "month-first", "month-first"),
    ],
)
def test_what_is_known_of_earlier_stamps_settles_what_later_ones_are(texts, known, kind):
    assert read(texts, known=known).form.kind == kind


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (["202412", "202413"], {"known": "dates"}, "line 3: there is no such time as '202413'"),
        (["202412", "2024"], {"kind": "dates"}, "line 3: expected 6 digits, since stamps are dates; got '2024'"),
        (["202453"], {"kind": "weeks"}, "line 2: 2024 has no week 53"),
        (["2024-01"], {"kind": "dates"}, "line 2: expected a whole number, since stamps are dates; got '2024-01'"),
        (["60"], {"kind": "spreadsheet"}, "line 2: 60 is no day of a spreadsheet from March 1900 to 9999"),
        (["1704067200500"], {"kind": "milliseconds"}, "has a fraction of a second; .*--stamps numbers"),
        (["9" * 19], {"kind": "seconds"}, "line 2: expected seconds since 1970, of the years 0001 to 9999"),
        (["1", "9" * 19], {}, "line 3: expected a whole number of 18 digits at most"),
        (["1", "9" * 5000], {}, "line 2: expected a time|line 3: expected a time"),
        (["5", "6", "noon"], {}, "line 4: expected a time such as .*; got 'noon'"),
    ],
)
def test_stamps_that_are_not_of_the_kind(texts, options, message):
    with pytest.raises(DataError, match=message) as error:
        read(texts, **options)
    assert len(str(error.value)) < 300
