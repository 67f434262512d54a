from typing import Any

import numpy as np
import pytest

from elman import ConfigError, DataError
from elman.formats.frequency import Frequency
from elman.tasks.forecasting.grid import SeriesRows, aggregate, on_grid

HOUR = Frequency.parse("1h")


def rows(stamps, *columns, kind="datetime64[s]"):
    places = tuple(f"line {n + 2}" for n in range(len(stamps)))
    return SeriesRows("a", np.array(stamps, kind), np.array(columns, np.float64).T, places)


def test_steps_without_a_row_are_gaps():
    grid = on_grid(rows(["2020-01-01T00", "2020-01-01T01", "2020-01-01T04"], [1, np.nan, 3], [4, 5, 6]), HOUR)
    nan = np.nan
    np.testing.assert_array_equal(grid.values, [[1, 4], [nan, 5], [nan, nan], [nan, nan], [3, 6]])
    assert grid.rows.tolist() == [0, 1, -1, -1, 2]
    assert (np.diff(grid.stamps) == np.timedelta64(1, "h")).all()


def test_stamps_so_far_from_each_other_that_one_must_be_wrong_are_refused():
    stamps = [*(f"2020-01-01T{hour:02}" for hour in range(24)), "2920-01-02T00"]
    with pytest.raises(DataError, match=r"line 26: 2920-01-02 of 'a' comes after 2020-01-01 23:00:00, [\d,]+ steps"):
        on_grid(rows(stamps, np.arange(25)), HOUR)


def test_rows_of_a_step_become_one():
    stamps = ["2020-01-01T01:59", "2020-01-01T00:10", "2020-01-01T00:50", "2020-01-01T03:00", "2020-01-01T00:20"]
    mine = rows(stamps, [1, 2, 3, np.nan, 7], [np.nan, 1, np.nan, 5, 2])
    expected: dict[Any, list[list[float]]] = {
        "mean": [[4, 1.5], [1, np.nan], [np.nan, 5]],
        "sum": [[12, 1.5], [1, np.nan], [np.nan, 5]],
        "last": [[3, 2], [1, np.nan], [np.nan, 5]],
    }
    for by, values in expected.items():
        result = aggregate(mine, HOUR, by, summed=1)
        np.testing.assert_array_equal(result.values, values)
        assert result.stamps.tolist() == rows(["2020-01-01T00", "2020-01-01T01", "2020-01-01T03"]).stamps.tolist()
        assert result.places == ("line 3", "line 2", "line 5")
    assert aggregate(mine, HOUR, "sum").values.tolist()[0] == [12, 3]


def test_whole_numbers_have_no_hours():
    with pytest.raises(ConfigError, match="resample: the stamps of 'a' are whole numbers; expected times for 1h"):
        aggregate(rows([1, 2], [3, 4], kind=np.int64), HOUR, "mean")
