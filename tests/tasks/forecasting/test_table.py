import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from elman.formats.files import File
from elman.formats.numbers import number_of
from elman.formats.results import ResultTable
from elman.formats.table import read_table
from elman.tasks.forecasting.table import level_names

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
NUMBERS = st.floats(min_value=-3e38, max_value=3e38)


def read_back(table):
    """The rows of the written table, with numbers for forecasts."""
    file = File("t.csv", ("t.csv",), table.to_csv().encode())
    for row in read_table(file, columns=table.columns):
        name, stamp, *values = row.values.values()
        yield name, stamp, *(number_of(value, "here") for value in values)


@given(st.lists(st.tuples(NAMES.filter(lambda name: "\r\n" not in name), NUMBERS, NUMBERS), min_size=1))
def test_what_is_written_reads_back(rows):
    names, *values = zip(*rows, strict=True)
    values = (np.array(column, float) for column in values)
    table = ResultTable(
        ("unique_id", "ds", "elman", "elman-lo-80"), (np.array(names, dtype=object), np.arange(len(rows)), *values)
    )
    assert [*read_back(table)] == [(name, str(n), *both) for n, (name, *both) in enumerate(rows)]


def test_a_high_level_keeps_its_small_changes():
    values = 1234567890 + np.arange(7) / 10
    table = ResultTable(("unique_id", "ds", "elman"), (np.array(["a"] * 7), np.arange(7), values))
    assert [row[2] for row in read_back(table)] == values.tolist()
    assert "1234567890.6" in str(table)


def test_levels_have_all_their_figures():
    assert level_names("elman", [99.99999]) == ("elman-lo-99.99999", "elman-hi-99.99999")
