"""Tables of prices by day, with any name of a table or a text, with and without a head, are series to forecast."""

import numpy as np
import pytest

from elman import DataError
from elman.tasks.forecasting.histories import read_histories
from elman.tasks.recognition import recognise

PRICES = [f"2024-01-{day:02},{50 + day % 3}.5" for day in range(1, 29)]
HEAD = "Date,Close"


@pytest.mark.parametrize("name", ["a.csv", "a.us.txt", "a"])
@pytest.mark.parametrize("head", [[HEAD], []])
def test_prices_by_day_are_no_text(name, head, tmp_path):
    place = tmp_path / name
    place.write_text("\n".join([*head, *PRICES]) + "\n")
    result = recognise(str(place))
    assert (result.task, result.reason) == ("Forecasting", "there are stamps or names of series, and numbers")
    if name.endswith(".txt"):
        assert "--task language-modelling (.txt is the ending of plain text)" in str(result)
    [one] = read_histories(place).histories
    assert one.values[:3, 0].tolist() == [51.5, 52.5, 50.5]
    assert str(one.stamps[-1]) == "2024-01-28T00:00:00"


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("date price\n2024-01-31 0.5\n2024-02-01 7\n", "2024-01-31"),
        ("2024-01-31  0.5\n2024-02-01  7\n", "2024-01-31"),
        ("Date;Time;y\n31/01/2024;23:30;0,5\n1/2/2024;00:00;7\n", "2024-01-31T23:30"),
        ("2024-01-31\t23:30\t0.5\n2024-02-01\t00:00\t7\n", "2024-01-31T23:30"),
    ],
)
def test_prices_with_semicolons_or_spaces_are_no_text(text, first, name, tmp_path):
    (tmp_path / name).write_text(text)
    if name == "a.txt" or ";" in text:
        assert recognise(str(tmp_path / name)).task == "Forecasting"
        [one] = read_histories(tmp_path / name).histories
        assert (one.stamps[0], one.values.ravel().tolist()) == (np.datetime64(first), [0.5, 7])
        (tmp_path / f"b{name[1:]}").write_text(text)
        names = [one.name for one in read_histories(tmp_path).histories]
        assert [each.partition("/")[0].removesuffix(".txt") for each in names] == ["a", "b"]


@pytest.mark.parametrize("rows", ["2024-01-01;1.250\n2024-01-02;900\n", "2024-01-01;1.250,5\n2024-01-02;1,5\n"])
def test_thousands_are_not_taken_for_decimals(rows, tmp_path):
    (tmp_path / "a.csv").write_text("ds;y\n" + rows)
    with pytest.raises(DataError, match=r"expected (commas between columns|a number; got '1.250,5')"):
        read_histories(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("Date,Symbol,Close\n2024-01-01,AAPL,5\n", "Forecasting"),
        ("1/13/2024,5\n1/14/2024,6\n", "Forecasting"),
        ("Hello, world\nhow are you\n", "LanguageModelling"),
        ("date,stars,review\n2024-01-01,5,so good a film\n", "LanguageModelling"),
    ],
)
def test_texts_are_no_prices(text, task, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    assert recognise(str(tmp_path / "a.txt")).task == task


def test_lines_of_a_table_without_a_head_are_counted_as_the_file_has_them(tmp_path):
    place = tmp_path / "a.csv"
    place.write_text("2024-01-01,5\n2024-01-02,6\n2024-01-03,x\n")
    with pytest.raises(DataError, match="a.csv, line 3, y: expected a number; got 'x'"):
        read_histories(place)
    place.write_text("2024-01-01,5\n2024-01-02,6\n2024-01-03,7\n")
    assert "line 1 has values and no names" in read_histories(place).notes[0]


def test_what_was_inferred_and_left_out_is_said(tmp_path):
    days = np.datetime64("2024-01-01") + np.arange(60)
    days = days[(np.arange(60) % 7 < 5) & (np.arange(60) != 16)]
    (tmp_path / "a.csv").write_text("ds,y\n" + "".join(f"{day},1\n" for day in days))
    records = read_histories(tmp_path / "a.csv")
    assert records.notes == (
        "steps of 1d Mon-Fri: no row lies outside of this calendar, and no forecast will; --step 1d takes steps "
        "without a row as missing instead",
        "1 step of 44 without a row, which count as missing",
    )
    every = read_histories(tmp_path / "a.csv", step="1d")
    assert len(every.histories[0].values) == 60
    assert every.notes == ("17 steps of 60 without a row, which count as missing",)


def test_parts_of_a_series_are_joined_in_the_order_of_time(tmp_path):
    """part10 comes before part2 by its letters."""
    for part in (2, 10):
        (tmp_path / f"part{part}.csv").write_text(f"unique_id,ds,y\na,{part},5\na,{part + 1},6\n")
    assert read_histories(tmp_path).histories[0].stamps[[0, -1]].tolist() == [2, 11]


@pytest.mark.parametrize(
    ("head", "rows", "written"),
    [
        (",y", "2024-02-28,1\n2024-02-29,2", ["2024-02-28", "2024-02-29"]),  # the index of a data frame
        ("Unnamed: 0,y", "20240228,1\n20240229,2", ["20240228", "20240229"]),
        ("date,time,y", "31/12/2024,23:30,1\n01/01/2025,0:00,2", ["31/12/2024 23:30", "01/01/2025 0:00"]),
        ("Year,Quarter,y", "2024,4,1\n2025,1,2", ["2024Q4", "2025Q1"]),
        ("y,year,week", "1,2024,9\n2,2024,10", ["2024-W09", "2024-W10"]),
        (",y", "7,1\n9,2", ["0", "1"]),  # numbers of rows
    ],
)
def test_stamps_are_in_a_column_without_a_name_or_in_two(head, rows, written, tmp_path):
    (tmp_path / "a.csv").write_text(f"{head}\n{rows}\n")
    found = read_histories(tmp_path / "a.csv")
    [one] = found.histories
    assert [found.form.write(stamp) for stamp in one.stamps] == written
    assert one.values.ravel().tolist() == [1, 2]


def test_a_column_without_a_name_is_no_series(tmp_path):
    (tmp_path / "a.csv").write_text("Unnamed: 0,date,a,b\n0,2024-01-01,1,2\n1,2024-01-02,3,4\n")
    assert [one.name for one in read_histories(tmp_path / "a.csv").histories] == ["a", "b"]


@pytest.mark.parametrize(
    ("table", "task"),
    [
        (",y\n2024-01-01,5\n", "Forecasting"),
        (",x,y\n1,5,6\n", "Classification"),
        (",y\nfine film,5\n", "Classification"),
    ],
)
def test_a_column_without_a_name_shows_series_by_its_dates(table, task, tmp_path):
    (tmp_path / "a.csv").write_text(table)
    assert recognise(str(tmp_path / "a.csv")).task == task


def test_a_time_beside_a_date_that_is_none_of_the_day(tmp_path):
    (tmp_path / "a.csv").write_text("date,time,y\n2024-01-01,0.5,1\n")
    with pytest.raises(DataError, match="line 2, time: expected a time of the day.*--time-column date"):
        read_histories(tmp_path / "a.csv")
