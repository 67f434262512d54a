import csv
import gzip
import io
import lzma
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas
import pytest

from elman import ConfigError, DataError
from elman.formats.frequency import Frequency
from elman.tasks.forecasting.histories import histories_of, read_histories
from elman.tasks.forecasting.reading import SeriesColumns, rows_in

LONG = "unique_id,ds,y,load,price,area\n"


@pytest.fixture
def read(tmp_path):
    def of(text, name="a.csv", **columns):
        place = tmp_path / name
        place.write_text(text)
        options = {key: columns.pop(key) for key in ("resample", "by", "zone") if key in columns}
        return read_histories(place, columns=SeriesColumns(**columns), **options)

    return of


def values(history):
    return [None if np.isnan(value) else value for value in history.values[:, 0]]


def test_long_tables_hold_series_of_different_length_with_gaps(read):
    result = read("unique_id,ds,y\nb,2020-01-01,1\na,2020-01-03,5\nb,2020-01-02,\nb,2020-01-04,4\na,2020-01-04,6\n")
    assert [(one.name, values(one)) for one in result.histories] == [("b", [1, None, None, 4]), ("a", [5, 6])]
    assert str(result.histories[1].stamps[0]) == "2020-01-03T00:00:00"
    assert str(result) == "2 series of 2 to 4 steps of 1d, 2 values missing"
    assert result.histories[1].place.endswith("a.csv, line 3")


def test_covariates_of_all_kinds_together(read):
    result = read(
        LONG + "a,1,5,1,10,7\na,2,6,,11,7\na,3,,,12,7\na,4,,,13,7\nb,2,8,2,20,9\nb,3,9,3,21,9\n",
        past=("load",),
        future=("price",),
        static=("area",),
    )
    first, second = result.histories
    assert (result.targets, result.past, result.future, result.static) == (("y",), ("load",), ("price",), ("area",))
    assert first.values.tolist() == [[5], [6]]
    np.testing.assert_array_equal(first.past, [[1], [np.nan]])
    assert first.future.ravel().tolist() == [10, 11, 12, 13]
    assert (first.static.tolist(), second.static.tolist()) == ([7], [9])
    assert first.stamps.tolist() == [1, 2]


def test_without_covariates_known_ahead_rows_at_the_end_are_gaps_like_others(read):
    assert values(read("ds,y\n1,5\n2,\n3,\n").histories[0]) == [5, None, None]


def test_wide_tables_are_series_by_column_or_one_of_many_targets(read):
    text = "date,x,y2,z\n2020-01-01,1,2,3\n2020-01-02,4,5,6\n"
    result = read(text, future=("z",))
    assert [(one.name, values(one), one.future.ravel().tolist()) for one in result.histories] == [
        ("x", [1, 4], [3, 6]),
        ("y2", [2, 5], [3, 6]),
    ]
    assert result.targets == ("y",)
    together = read(text, targets=("x", "z"))
    assert [one.name for one in together.histories] == ["x/z"]
    assert together.histories[0].values.tolist() == [[1, 3], [4, 6]]


def test_rows_without_stamps_are_counted(read):
    result = read("y\n5\n6\n\n7\n").histories[0]
    assert (result.stamps.tolist(), values(result)) == ([0, 1, 2], [5, 6, 7])


@pytest.mark.parametrize("name", ["Date", "ds", "timestamp", "Month", "YEAR"])
def test_columns_of_stamps_are_known_by_their_names(name, read):
    assert str(read(f"{name},y\n2020-01,1\n2020-02,2\n").frequency) == "1mo"


def test_stamps_in_columns_of_their_own(read):
    result = read("No,year,month,day,hour,y\n1,2010,1,9,23,5\n2,2010,1,10,0,6\n")
    assert str(result.histories[0].stamps[0]) == "2010-01-09T23:00:00"
    assert str(read("Year,Month,y\n2010,1,5\n2010,2,6\n").frequency) == "1mo"
    with pytest.raises(DataError, match="line 3, month: expected a whole number; got 'two'"):
        read("year,month,y\n2010,1,5\n2010,two,6\n")


def test_files_of_a_long_table_are_one_and_of_others_series_each(tmp_path):
    for year in (2019, 2020):
        (tmp_path / f"{year}.csv").write_text(f"unique_id,ds,y\na,{year}-12,{year}\n")
    records = read_histories(tmp_path)
    assert [(one.name, values(one)) for one in records.histories] == [("a", [2019, 2020])]
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.csv").write_text("ds,y\n1,5\n2,6\n")
    records = read_histories(tmp_path / "north", tmp_path / "south")
    assert [one.name for one in records.histories] == ["north", "south"]


def test_compressed_files_tabs_and_json_lines(tmp_path):
    text = "ds,y\n2020-01-01,5\n2020-01-02,6\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "a.csv.xz").write_bytes(lzma.compress(text.encode()))
    (tmp_path / "a.tsv").write_text(text.replace(",", "\t"))
    (tmp_path / "a.jsonl").write_text('{"ds": "2020-01-01", "y": 5}\n{"ds": "2020-01-02", "y": 6}\n')
    for name in ("a.csv.gz", "a.csv.xz", "a.tsv", "a.jsonl"):
        assert values(read_histories(tmp_path / name).histories[0]) == [5, 6]


def test_rows_are_taken_together_on_request(read):
    text = "ds,y,t\n2020-01-01 00:10,1,10\n2020-01-01 02:50,9,30\n2020-01-01 00:40,3,20\n"
    resampled = read(text, resample="1h", past=("t",))
    assert values(resampled.histories[0]) == [2, None, 9]
    assert resampled.histories[0].past[0] == 15
    resampled = read(text, resample="1h", by="sum", past=("t",))
    assert values(resampled.histories[0]) == [4, None, 9]
    assert resampled.histories[0].past[0] == 15
    assert str(resampled.frequency) == "1h"
    with pytest.raises(DataError, match="line 4: 2020-01-01 00:40:00 of 'y' comes after 2020-01-01 02:50:00"):
        read(text)


CLOCKS = {
    "past midnight": (["23:50", "23:55", "00:00", "00:05", "00:10"], "5min", ["00:15", "00:20"]),
    "to midnight": (["22:00", "23:00", "24:00", "01:00", "02:00"], "1h", ["03:00", "04:00"]),
    "without zeros": ([f"{hour % 24}:00:00" for hour in range(9, 60)], "1h", ["12:00:00", "13:00:00"]),
    "by day": (
        [f"{hour:02}:{half}" for _ in range(30) for hour in range(9, 17) for half in ("00", "30")],
        "30min 09:00-16:30",
        ["09:00", "09:30"],
    ),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_times_without_dates_go_on_past_midnight(read, name):
    texts, step, following = CLOCKS[name]
    found = read("ds,y\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts)))
    [one] = found.histories
    assert (str(one.frequency), one.values.ravel().tolist()) == (step, [*range(len(texts))])
    assert [found.form.write(stamp) for stamp in one.frequency.after(one.stamps[-1], 2)] == following
    assert "have no date: a new day begins where they go back" in found.notes[0]


def test_times_without_dates_have_each_series_own_days_and_need_order(read):
    found = read("unique_id,ds,y\na,23:00,1\nb,01:00,1\na,00:00,2\nb,02:00,2\n")
    assert [str(one.stamps[1] - one.stamps[0]) for one in found.histories] == ["3600 seconds"] * 2
    with pytest.raises(DataError, match="line 4: .* 12:05:00 of 'y' comes after .* 12:10:00"):
        read("ds,y\n12:00,1\n12:10,2\n12:05,3\n12:15,3\n")
    with pytest.raises(DataError, match="line 2: '12:00' has no date, which a time zone needs"):
        read("ds,y\n12:00,1\n12:10,2\n", zone="Europe/Berlin")


def times_of(first, hours, *, days=120, weekdays=7):
    """Times of the hours of each day, or the days, over a change of the clocks."""
    dates = (first + timedelta(days=n) for n in range(days))
    clocks = [f" {hour:02}:00" for hour in hours] or [""]
    return [f"{day}{clock}" for day in dates if day.weekday() < weekdays for clock in clocks]


DAYS = {
    "1d": (times_of(date(2024, 1, 1), []), ["2024-04-30", "2024-05-01"]),
    "1d Mon-Fri": (times_of(date(2024, 8, 1), [], weekdays=5), ["2024-11-29", "2024-12-02"]),
    "1h Mon-Fri 09:00-16:00": (
        times_of(date(2024, 1, 1), range(9, 17), weekdays=5),
        ["2024-04-30 09:00", "2024-04-30 10:00"],
    ),
    "1h Mon-Fri 00:00-23:00": (
        times_of(date(2024, 8, 1), range(24), weekdays=5),
        ["2024-11-29 00:00", "2024-11-29 01:00"],
    ),
    "1mo": ([f"2024-{month:02}" for month in range(1, 13)], ["2025-01", "2025-02"]),
}


@pytest.mark.parametrize("step", DAYS)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_days_and_calendars_follow_the_clocks_of_a_zone(read, step, zone):
    texts, following = DAYS[step]
    found = read("ds,y\n" + "".join(f"{text},{n}\n" for n, text in enumerate(texts)), zone=zone)
    [one] = found.histories
    assert (str(one.frequency), np.isnan(one.values).any()) == (step, False)
    assert [found.form.write(stamp) for stamp in one.frequency.after(one.stamps[-1], 2)] == following
    assert found.form.by_clock


def test_hours_of_all_days_are_even_in_utc_and_days_of_their_means_begin_by_the_clock(read):
    berlin = ZoneInfo("Europe/Berlin")
    hours = [datetime(2024, 3, 29, 23, tzinfo=UTC) + timedelta(hours=n) for n in range(96)]
    text = "ds,y\n" + "".join(f"{hour.astimezone(berlin).isoformat()},{n}\n" for n, hour in enumerate(hours))
    found = read(text, zone="Europe/Berlin")
    [one] = found.histories
    assert (str(one.frequency), len(one.values), found.form.by_clock) == ("1h", 96, False)
    assert found.form.write(one.stamps[26]) == "2024-03-31T03:00:00+02:00"
    [daily] = (means := read(text, zone="Europe/Berlin", resample="1d")).histories
    assert daily.values[:3].ravel().tolist() == [11.5, 35.0, 58.5]  # of 24, 23 and 24 hours
    assert means.form.write(daily.stamps[1]) == "2024-03-31T00:00:00+01:00"


def test_zones_are_refused_or_taken_to_utc(read):
    text = "ds,y\n2020-01-01T00:00+01:00,1\n2020-01-01T01:00+01:00,2\n"
    with pytest.raises(DataError, match="line 2: '2020-01-01T00:00.01:00' names its time zone"):
        read(text)
    assert str(read(text, zone="UTC").histories[0].stamps[0]) == "2019-12-31T23:00:00"


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (
            "ds,y\n2020-01-01,5\n2020-01-02,?0.2\n",
            {},
            "line 3, y: expected a number; got '.0.2'; mend the row, or leave",
        ),
        ("ds,y\n2020-01-01,5\n2020-01-01,6\n", {}, "line 3: 2020-01-01 of 'y' is there already, in .*line 2"),
        ("ds,y\n2020-01-01,5\n2020-01-02\n", {}, "line 3: 1 column; expected 2"),
        ("ds,y\n2020-01-01,5\n", {}, "line 2: one row a series does not tell the step of time"),
        ("ds,y\n", {}, "a.csv: no row in it"),
        ("", {}, "a.csv: empty"),
        ("ds,y\n2020-01-01,\n2020-01-02,\n", {}, "line 2: no value of y in 'y'; leave the series out"),
        ("ds,load\n1,2\n", {"targets": ("laod",)}, "a.csv: no column 'laod'; did you mean 'load'"),
        ("ds,load\n1,2\n", {"time": "date"}, "a.csv: no column 'date'"),
        (
            "unique_id,ds,load\na,1,2\n",
            {},
            "a.csv: no column 'y'; .*name the column to forecast, such as with --target load",
        ),
        ("ds\n1\n", {}, "a.csv: no column 'y'; there are ds"),
        ("ds,x,wind\n1,2,NW\n", {}, "line 2, wind: expected a number; got 'NW'; .* with --target"),
        ("unique_id,ds,y\n,1,2\n", {}, "line 2: unique_id is empty"),
        (
            "YEAR,JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC\n1950" + ",1" * 12,
            {},
            "a column for each month, .*write it as ds,y with lines such as 1950-01,23.11",
        ),
        (
            LONG + "a,1,5,1,10,7\na,2,6,1,10,8\n",
            {"static": ("area",)},
            "line 3: area of 'a' is 8, and 7 in .*line 2; expected one number in all rows of a series",
        ),
        (LONG + "a,1,5,1,10,\na,2,6,1,10,\n", {"static": ("area",)}, "line 2: area of 'a' is nan"),
        (
            LONG + "a,1,5,1,10,7\na,2,6,1,,7\n",
            {"future": ("price",)},
            "line 3: price of 'a' at 2 is empty; expected a covariate known ahead to have a value at every step",
        ),
        (
            LONG + "a,1,5,1,10,7\na,2,6,1,10,7\na,4,6,1,10,7\n",
            {"future": ("price",)},
            "line 3, next row: price of 'a' at 3 is missing, since there is no row of that time",
        ),
        (
            "unique_id,ds,y\na,1,5\na,2,5\nb,2020-01-01,5\n",
            {},
            "line 4: expected a time|line 2: expected a time",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(text, columns, message, read):
    with pytest.raises(DataError, match=message):
        read(text, **columns)


def test_a_column_is_one_thing(read):
    with pytest.raises(ConfigError, match="column 'x' is named for two roles"):
        read("ds,y,x\n1,2,3\n", past=("x",), future=("x",))


def test_stamps_of_two_kinds_in_files_of_one_series(tmp_path):
    (tmp_path / "a.csv").write_text("unique_id,ds,y\na,1,5\n")
    (tmp_path / "b.csv").write_text("unique_id,ds,y\na,2020-01-01,5\n")
    with pytest.raises(DataError, match="b.csv, line 2: stamps of 'a' are times in some files and whole numbers in"):
        read_histories(tmp_path)


@pytest.mark.parametrize("frame", [False, True])
def test_tables_in_memory(frame):
    columns = {
        "unique_id": ["a", "a", "b"],
        "ds": np.array(["2020-01-01", "2020-01-02", "2020-01-02"], "datetime64[ns]"),
        "y": [5, np.nan, 1 / 3],
        "load": [1, 2, None],
    }
    if frame:
        columns = pandas.DataFrame(columns)
    result = histories_of(rows_in(columns, SeriesColumns(past=("load",))))
    assert [(one.name, values(one)) for one in result.histories] == [("a", [5, None]), ("b", [1 / 3])]
    assert str(result.frequency) == "1d"
    assert result.histories[0].past.ravel().tolist() == [1, 2]
    assert np.isnan(result.histories[1].past).all()


def test_what_is_wrong_in_a_table_in_memory_is_told_by_row():
    with pytest.raises(DataError, match="the table, row 2, y: expected a number; got 'x'"):
        rows_in({"ds": [1, 2], "y": [5, "x"]}, SeriesColumns())
    with pytest.raises(DataError, match="the table: 1 row of y, and 2 of ds; expected as many"):
        rows_in({"ds": [1, 2], "y": [5]}, SeriesColumns())


def test_series_without_a_value_are_refused_unless_they_are_rows_to_come(read, tmp_path):
    text = "ds,y\n2020-01-01 00:10,\n2020-01-01 00:20,\n"
    for options in ({}, {"resample": "1h"}):
        with pytest.raises(DataError, match="line 2: no value of y in 'y'; leave the series out"):
            read(text, **options)
    records = read_histories(tmp_path / "a.csv", frequency=Frequency.parse("10min"))
    assert values(records.histories[0]) == [None, None]


def test_one_row_is_enough_where_the_step_is_known(tmp_path):
    (tmp_path / "a.csv").write_text("ds,y\n2020-01-01,5\n")
    records = read_histories(tmp_path, frequency=Frequency.parse("1h"))
    assert (str(records.frequency), values(records.histories[0])) == ("1h", [5])


def table(place):
    content = place.read_bytes()
    text = (lzma.decompress(content) if place.suffix == ".xz" else content).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("name", "target", "step", "steps", "missing"),
    [
        ("ETTh1.csv.xz", "OT", "1h", 17_420, 0),
        ("airline-passengers.csv", "Passengers", "1mo", 144, 0),
        ("monthly-sunspots.csv", "Sunspots", "1mo", 2820, 0),
        ("daily-min-temperatures.csv", "Temp", "1d", 3652, 2),  # no 31 December in leap years
        ("statsmodels-co2.csv", "co2", "1w", 2284, 59),
        ("statsmodels-nile.csv", "volume", "1", 100, 0),
        ("statsmodels-sunspots.csv", "SUNACTIVITY", "1", 309, 0),
        ("beijing-pm25.csv.xz", "pm2.5", "1h", 43_824, 2067),
    ],
)
def test_real_files(name, target, step, steps, missing, data_folder):
    place = data_folder / "timeseries" / name
    records = read_histories(place, columns=SeriesColumns(targets=(target,)))
    [one] = records.histories
    gaps = np.isnan(one.values[:, 0])
    assert (str(records.frequency), len(one.values), gaps.sum()) == (step, steps, missing)
    written = [row[target] for row in table(place)]
    assert one.values[~gaps, 0].tolist() == [float(value) for value in written if value not in ("", "NA")]


def test_the_wide_channels_of_a_real_file(data_folder):
    place = data_folder / "timeseries" / "ETTh1.csv.xz"
    records = read_histories(place)
    assert [one.name for one in records.histories] == ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    written = table(place)
    for one in records.histories:
        assert one.values[::1000, 0].tolist() == [float(row[one.name]) for row in written[::1000]]
    first = datetime(2016, 7, 1)
    assert records.histories[0].stamps.tolist() == [first + n * timedelta(hours=1) for n in range(17_420)]


def test_a_real_file_of_years_by_month_is_refused(data_folder):
    with pytest.raises(DataError, match="a column for each month, JAN, FEB"):
        read_histories(data_folder / "timeseries" / "statsmodels-elnino.csv")
