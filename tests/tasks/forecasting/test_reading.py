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
