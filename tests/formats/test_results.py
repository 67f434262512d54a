import csv
import io
import json

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import ConfigError, DataError
from elman.formats.results import WIDTH, ResultTable, concatenate, shorten_text, text_width
from elman.formats.stamp_forms import StampForm

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_files_read_back_as_they_were(rows):
    texts, numbers = map(list, zip(*rows, strict=True))
    table = ResultTable.of({"text": texts, "p": np.array(numbers)})
    head, *read = csv.reader(io.StringIO(table.to_csv(), newline=""))
    assert head == ["text", "p"]
    assert [(text, float(number)) for text, number in read] == rows
    objects = [json.loads(line) for line in table.lines(".jsonl")]
    assert [(one["text"], one["p"]) for one in objects] == rows


def test_it_is_written_by_the_ending_of_a_file(tmp_path):
    table = ResultTable.of({"label": ["a", None], "p": np.array([0.1, np.nan], np.float32)})
    table.save(tmp_path / "t.csv")
    table.save(tmp_path / "t.jsonl")
    assert (tmp_path / "t.csv").read_bytes() == b"label,p\na,0.1\n,\n"
    assert (tmp_path / "t.jsonl").read_text() == '{"label":"a","p":0.1}\n{"label":null,"p":null}\n'
    with pytest.raises(ConfigError, match=r"t.xlsx: expected a table to write, a file ending in .csv, .jsonl"):
        table.save(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match=r"t.csv: cannot be written \(No such file"):
        table.save(tmp_path / "none" / "t.csv")


def test_long_texts_are_shortened_to_a_line():
    table = ResultTable.of({"place": ["line 1"], "text": ["long " * 50], "other": ["日本語" * 40], "p": [0.5]})
    head, row = str(table).split("\n")
    assert text_width(row) == WIDTH
    assert head.split() == ["place", "text", "other", "p"]
    assert row.startswith("line 1  long long")
    assert row.endswith("  0.5")
    assert shorten_text("a\u0301b", 2) == "a\u0301b"  # an accent of its own takes no column


def test_only_the_ends_of_a_long_table_are_shown():
    lines = str(ResultTable.of({"n": np.arange(100)})).split("\n")
    assert [line.strip() for line in lines] == ["n", *"01234", "...", *map(str, range(95, 100))]


def test_stamps_have_their_form_and_other_numbers_none():
    form = StampForm("numbers", "%4n")
    table = ResultTable(("ds", "count"), (np.array([7]), np.array([7])), form)
    assert table.to_csv() == "ds,count\n0007,7\n"


def test_frames_of_pandas_have_the_index_and_the_zone():
    stamps = np.array(["2024-03-31T00:00:00"], "datetime64[s]")
    table = ResultTable(("ds", "elman"), (stamps, np.array([1.5])), StampForm(zone="Europe/Berlin"))
    frame = table.to_pandas()
    assert frame["ds"].tolist() == [pandas.Timestamp("2024-03-31 01:00", tz="Europe/Berlin")]
    both = ResultTable.of({"elman": ["a", None]}, index=pandas.Index([7, 3], name="id"))
    expected = pandas.DataFrame({"elman": ["a", None]}, index=pandas.Index([7, 3], name="id"))
    pandas.testing.assert_frame_equal(both.to_pandas(), expected, check_dtype=False)
    assert both.head(1).to_pandas().index.tolist() == [7]


def test_columns_are_asked_for_by_name():
    table = concatenate([ResultTable.of({"a": [1]}), ResultTable.of({"a": [2]})])
    assert [*table] == [(1,), (2,)]
    with pytest.raises(DataError, match="no column 'b'; there are a"):
        table["b"]
