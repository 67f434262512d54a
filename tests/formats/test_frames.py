import numpy as np
import pandas
import pytest

from elman import DataError
from elman.formats.frames import check_text, is_frame, read_frame, table_or_files
from tests.conformance.peers import peer

STAMPS = pandas.date_range("2024-01-01", periods=3)


def test_values_of_pandas():
    frame = read_frame(
        pandas.DataFrame(
            {
                "text": ["a", None, "b"],
                "kind": pandas.Categorical(["x", "y", np.nan]),
                "whole": pandas.array([1, None, 3], dtype="Int64"),
                "number": [0.5, np.nan, 1.5],
                "time": [STAMPS[0], pandas.NaT, STAMPS[2]],
            }
        )
    )
    assert frame.columns == {
        "text": ["a", None, "b"],
        "kind": ["x", "y", None],
        "whole": [1, None, 3],
        "number": [0.5, None, 1.5],
        "time": [STAMPS[0], None, STAMPS[2]],
    }
    assert (frame.levels, len(frame), frame.place(1)) == ((), 3, "the table, row 2")


@pytest.mark.parametrize(
    ("index", "levels", "times"),
    [
        (pandas.RangeIndex(3), (), ""),
        (pandas.RangeIndex(5, 8), ("index",), ""),
        (pandas.Index(["x", "y", "z"], name="id"), ("id",), ""),
        (STAMPS, ("ds",), "ds"),
        (STAMPS.rename("day"), ("day",), "day"),
        (pandas.period_range("2024Q1", periods=3, freq="Q"), ("ds",), "ds"),
        (pandas.MultiIndex.from_product([["a"], STAMPS]), ("unique_id", "ds"), "ds"),
        (pandas.MultiIndex.from_product([STAMPS, ["a"]], names=["t", None]), ("t", "unique_id"), "t"),
        (pandas.MultiIndex.from_product([["a"], [1, 2, 3]], names=["case", "step"]), ("case", "step"), "step"),
    ],
)
def test_levels_of_an_index_are_columns(index, levels, times):
    frame = read_frame(pandas.DataFrame({"y": [1, 2, 3]}, index=index))
    assert (frame.levels, frame.times, frame.own) == (levels, times, ("y",))
    for place, level in enumerate(levels):
        values = index.get_level_values(place)
        values = values.to_timestamp() if isinstance(values, pandas.PeriodIndex) else values
        assert frame.columns[level] == values.tolist()
    if levels:
        assert frame.place(0) == f"the table, row 1 (index {index[0]})"


def test_a_series_is_its_only_column():
    series = pandas.Series(["a", "b"], index=[7, 3])
    frame = read_frame(series, alone="text")
    assert (frame.own, frame.texts("whatever")) == (("text",), ["a", "b"])
    assert read_frame(series.rename("review"), alone="text").own == ("review",)


def test_texts_are_checked_by_row_and_column():
    frame = read_frame(pandas.DataFrame({"text": ["a", np.nan], "label": ["x", 5]}, index=[4, 9]))
    missing = r"the table, row 2 \(index 9\), text: no value; expected a text: fill it, or drop the row"
    with pytest.raises(DataError, match=missing):
        frame.texts("text")
    with pytest.raises(DataError, match=r"row 2 \(index 9\), label: 5 is a number; expected a text, such as '5'"):
        frame.texts("label")
    with pytest.raises(DataError, match="the table: no column 'texts'; did you mean 'text'"):
        frame.texts("texts")
    with pytest.raises(DataError, match="expected a text; got a value of type list"):
        check_text(["a"], "row 1")


def test_what_is_no_table_is_refused():
    table = {"y": [1, 2]}
    assert table_or_files([table]) == (table, ())
    assert table_or_files(["a", "b"]) == (None, ("a", "b"))
    with pytest.raises(DataError, match="expected one table in memory, or files; got 2, one of which is a table"):
        table_or_files([table, "a.csv"])
    with pytest.raises(DataError, match="expected files, or a table in memory such as a data frame; got list"):
        table_or_files([[1, 2]])
    with pytest.raises(DataError, match="expected a table in memory, such as a data frame; got int"):
        read_frame(3)
    with pytest.raises(DataError, match="the table: 1 row of z, and 2 of y; expected as many"):
        read_frame({"y": [1, 2], "z": [1]})
    with pytest.raises(DataError, match="the table: 2 columns are named 'y'; give each its own name"):
        read_frame(pandas.DataFrame([[1, 2]], columns=["y", "y"]))


class Capsule:
    """A table that shows no more of itself than Arrow's capsules."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def test_tables_of_other_libraries():
    polars, pyarrow = peer("polars"), peer("pyarrow")
    columns = {"text": ["a", None], "n": [1.5, float("nan")], "time": STAMPS[:2].to_pydatetime().tolist()}
    expected = {**columns, "n": [1.5, None]}
    tables = polars.DataFrame(columns), polars.LazyFrame(columns), pyarrow.table(columns)
    for table in (*tables, Capsule(tables[2]), Capsule(tables[0]), tables[2].to_batches()[0]):
        assert is_frame(table)
        assert read_frame(table).columns == expected
    for column in (polars.Series(["a", "b"]), pyarrow.array(["a", "b"]), pyarrow.chunked_array([["a"], ["b"]])):
        assert is_frame(column)
        assert read_frame(column, alone="text").texts("text") == ["a", "b"]
    zoned = polars.DataFrame({"ds": STAMPS.tz_localize("Europe/Berlin").to_pydatetime().tolist()})
    assert read_frame(zoned).zones == (("ds", "Europe/Berlin"),)
    arrow = pandas.DataFrame({"text": pandas.array(["a", None], dtype="string[pyarrow]")})
    assert read_frame(arrow).columns == {"text": ["a", None]}
