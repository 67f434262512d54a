import gzip
import io
import re
import sys

import numpy as np
import pytest

from elman import DataError
from elman.formats.files import File, read_files
from elman.tasks.series_classification.reading import ColumnRoles, read_series, read_series_parts


def file_of(text, name="x.ts"):
    return File(name, (name,), text.encode())


def read(text, name="x.ts", **options):
    return read_series(file_of(text, name), **options)


HEAD = "@problemName x\n@univariate false\n@dimensions 2\n@equalLength false\n@classLabel true a b\n@data\n"


@pytest.mark.parametrize(
    ("name", "counts", "channels", "lengths"),
    [("JapaneseVowels", (270, 370), 12, (7, 29)), ("BasicMotions", (40, 40), 6, (100, 100))],
)
def test_the_real_files_have_the_published_sizes(name, counts, channels, lengths, data_folder):
    folder = data_folder / "classification" / "multivariate"
    parts = [read_series(file) for part in ("TRAIN", "TEST") for file in read_files(folder / f"{name}_{part}.ts.xz")]
    every = [one for part in parts for one in part.series]
    assert tuple(len(part.series) for part in parts) == counts
    assert {one.values.shape[1] for one in every} == {len(parts[0].channels)} == {channels}
    assert (min(len(one.values) for one in every), max(len(one.values) for one in every)) == lengths
    assert {one.values.dtype for one in every} == {np.dtype(np.float32)}


def test_the_first_series_is_the_first_line(data_folder):
    (file,) = read_files(data_folder / "classification" / "multivariate" / "JapaneseVowels_TRAIN.ts.xz")
    records = read_series(file).series
    lines = file.content.decode().split("@data\n")[1].splitlines()
    for one, line in ((records[0], lines[0]), (records[-1], lines[-1])):
        *channels, label = line.split(":")
        assert one.label == label
        np.testing.assert_allclose(one.values.T, [[float(x) for x in channel.split(",")] for channel in channels])
    assert records[0].place.endswith("JapaneseVowels_TRAIN.ts.xz, line 16")


def test_comments_empty_lines_and_line_ends_do_not_matter(tmp_path):
    text = "# a comment\r\n\r\n@Dimension 2\r\n@CLASSLABEL True a b\r\n@Data\r\n# another\r\n1, 2:3,4 : a \r\n\r\n5:6:b"
    (tmp_path / "x.ts.gz").write_bytes(gzip.compress(text.encode()))
    records = read_series(*read_files(tmp_path / "x.ts.gz")).series
    assert [(one.values.tolist(), one.label) for one in records] == [([[1, 3], [2, 4]], "a"), ([[5, 6]], "b")]


def test_a_file_without_classes_serves_where_none_are_needed():
    text = "@univariate true\n@classLabel false\n@data\n1,2,3\n"
    assert read(text, labelled=False).series[0].values.tolist() == [[1], [2], [3]]
    with pytest.raises(DataError, match=r"x\.ts, line 4: the series has no class"):
        read(text)


def test_gaps_are_filled_by_straight_lines_where_this_is_asked_for():
    text = HEAD + "1,?,NaN,4,?:?,?,5,6,7:a\n"
    values = read(text, missing="interpolate").series[0].values
    assert values.T.tolist() == [[1, 2, 3, 4, 4], [5, 5, 5, 6, 7]]
    with pytest.raises(DataError, match=r"line 7, channel 1: .*step 2 is missing \('\?'\).*--missing interpolate"):
        read(text)
    with pytest.raises(DataError, match="line 7, channel 2: all values are missing"):
        read(HEAD + "1,2:?,?:a\n", missing="interpolate")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "1,2:3,4:a\n1,2:3:a\n", "line 8: channel 2 has 1 value, channel 1 has 2"),
        (HEAD + "1,2:3,4:5,6:a\n", "line 7: 3 channels; the head says 2"),
        (HEAD + "1,2:a\n", "line 7: 1 channel; the head says 2"),
        (HEAD + "1,2:3,4:c\n", "line 7: class 'c' is not among those of @classLabel: a b"),
        (HEAD + "1,2,3\n", "line 7: no class; expected it after the last colon"),
        (HEAD + "1,x:3,4:a\n", "line 7, channel 1: expected a number.*got 'x'"),
        (HEAD + "1,inf:3,4:a\n", r"line 7, channel 1: expected a finite number, of 3.4e\+38 at most; got 'inf'"),
        (HEAD + "1,1e39:3,4:a\n", r"line 7, channel 1: expected a finite number, .*; got '1e39'"),
        (HEAD + "1,2:3,nan:a\n", r"line 7, channel 2: the value of step 2 is missing \('nan'\)"),
        (HEAD, "no series in it"),
        (HEAD.replace("@data\n", ""), "no @data"),
        (HEAD.replace("@data\n", "") + "1:2:a", "line 6: expected a line with @"),
        ("@classLabel true\n@data\n1:2:a\n1:a\n", "line 4: 1 channel; the head says 2"),
        ("@univariate true\n@classLabel true a\n@data\n1:2:a\n", "line 4: 2 channels; the head says 1"),
        ("@seriesLength 2\n@classLabel true a\n@data\n1,2,3:a\n", "line 4: 3 steps; expected 2"),
        ("@equalLength true\n@classLabel true a\n@data\n1,2:a\n1:a\n", "line 5: 1 step; expected 2"),
        ("@dimensions two\n@data\n", "line 1, @dimensions: expected a whole number from 1 on; got 'two'"),
        (
            f"@seriesLength {'9' * 5000}\n@data\n",
            "line 1, @seriesLength: expected a whole number from 1 on; got '9{40}'",
        ),
        ("@\n@data\n", "no series in it"),
        ("@targetLabel true\n@data\n", "line 1: the file is for regression"),
        ("@timeStamps true\n@data\n", "line 1: time stamps are not read"),
    ],
)
def test_malformed_files_are_named_with_the_line(text, message):
    with pytest.raises(DataError, match=rf"x\.ts.*{message}"):
        read(text)


LONG = "series,time,x,y,label\nq,2,3,30,a\nq,1,1,10,a\nr,1,5,50,b\nq,10,4,40,a\n"


def test_a_table_in_long_form_has_a_series_for_each_name_in_order_of_time():
    result = read(LONG, "a.csv")
    assert result.channels == ("x", "y")
    assert [(one.label, one.values.tolist()) for one in result.series] == [
        ("a", [[1, 10], [3, 30], [4, 40]]),
        ("b", [[5, 50]]),
    ]
    assert result.series[1].place == "a.csv, line 4"


def test_columns_go_by_other_names_and_orders():
    text = "kind\tday\tid\tb\ta\tnote\nk\t2024-01-02\t7\t2\t1\tx\nk\t2024-01-01\t7\t4\t3\ty\n"
    result = read(text, "a.tsv", columns=ColumnRoles(series="id", time="day", values=("a", "b"), label="kind"))
    assert (result.channels, result.series[0].values.tolist()) == (("a", "b"), [[3, 4], [1, 2]])


def test_rows_without_a_time_keep_their_order():
    text = '{"series": 1, "v": 2, "label": "a"}\n{"series": 1, "v": 1.5, "label": "a"}\n'
    assert read(text, "a.jsonl").series[0].values.tolist() == [[2], [1.5]]


def test_a_table_without_labels_serves_where_none_are_needed():
    text = "series,v\n1,2\n"
    assert read(text, "a.csv", labelled=False).series[0].label == ""
    with pytest.raises(DataError, match=r"a\.csv: no column 'label'; there are series, v"):
        read(text, "a.csv")


def test_gaps_of_a_table():
    text = "series,v,label\n1,1,a\n1,,a\n1,NA,a\n1,4,a\n"
    assert read(text, "a.csv", missing="interpolate").series[0].values.ravel().tolist() == [1, 2, 3, 4]
    with pytest.raises(DataError, match=r"a\.csv, line 3, v: the value of step 2 is missing \(''\)"):
        read(text, "a.csv")


@pytest.mark.parametrize("name", ["X_TRAIN.tsv", "X_TRAIN.txt", "X_TRAIN.csv"])
def test_a_line_of_the_ucr_archive_is_a_class_and_a_series_that_missing_values_fill_up(name):
    text = "  1 0.5 -2e-1 3\n\n -1 4 5 NaN\r\n"
    text = {"tsv": text.strip().replace(" ", "\t"), "csv": text.strip().replace(" ", ",")}.get(name[-3:], text)
    found = read(text.replace("\n\t", "\n").replace("\n,", "\n"), name)
    assert [(one.label, one.values.ravel().tolist()) for one in found.series] == [
        ("1", [0.5, np.float32(-0.2), 3.0]),
        ("-1", [4.0, 5.0]),
    ]
    assert (found.channels, found.names) == (("1",), ("1", "2"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1\t2\tNaN\t3", "x.tsv, line 2, value: the value of step 2 is missing ('NaN')"),
        ("1\t2\tx", "x.tsv, line 2, value: expected a number; got 'x'"),
        ("1\tNaN\tNaN", "x.tsv, line 2: a class without values"),
    ],
)
def test_damaged_lines_of_the_ucr_archive_are_named(line, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read(f"1\t2\t3\n{line}\n", "x.tsv")


def test_a_class_may_hold_tabs_and_line_ends():
    texts = {
        "a.csv": 'series,v,label\n1,2,"a\tb"\n2,3,"c\nd"\n',
        "a.tsv": 'series\tv\tlabel\n1\t2\t["a\\tb"]\n2\t3\t["c\\nd"]\n',
        "a.ts": '@classLabel true ["a\\tb"] ["c\\nd"]\n@data\n2:["a\\tb"]\n3:["c\\nd"]\n',
    }
    for name, text in texts.items():
        assert [one.label for one in read(text, name).series] == ["a\tb", "c\nd"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sries,v,label\n1,2,a\n", r"no column 'series'; did you mean 'sries'\?; there are sries, v, label"),
        (
            "series,v,label\n1,2,a\n1,3,b\n",
            "line 3: label 'b'; expected 'a', as in a.csv, line 2 of",
        ),
        ("series,time,v,label\n1,1,2,a\n1,1.0,2,a\n", "line 3: time '1.0' of '1' is already in a.csv, line 2"),
        ("series,v,label\n1,x,a\n", "line 2, v: expected a number; got 'x'; say which columns are channels"),
        ("series,v,label\n1,2,a\n1,x,a\n", "line 3, v: expected a number; got 'x'$"),
        ("series,label\n1,a\n", "no column with values; there are series, label"),
        ("series,v,label\n1,2,\n", "line 2: the series has no class"),
        ("series,v,label\n", "no series in it"),
        ("", "empty; expected a head"),
    ],
)
def test_malformed_tables_are_named_with_the_line(text, message):
    with pytest.raises(DataError, match=rf"a\.csv.*{message}"):
        read(text, "a.csv")


def test_other_files_are_refused():
    with pytest.raises(DataError, match=r"a\.txt: expected series, a file ending in \.ts, \.csv"):
        read("1,2", "a.txt")


def test_files_are_the_parts_that_their_names_tell(tmp_path):
    for name in ("TRAIN", "dev", "TEST"):
        (tmp_path / f"x_{name}.ts").write_text(HEAD + "1,2:3,4:a\n" * (1 + len(name)))
    records = read_series_parts(tmp_path)
    assert [len(part) for part in (records.train, records.validation, records.test)] == [6, 4, 5]
    assert records.channels == ("1", "2")
    alone = read_series_parts(tmp_path / "x_TEST.ts")
    assert (len(alone.train), len(alone.test)) == (5, 0)


def test_files_of_other_channels_are_named(tmp_path):
    (tmp_path / "train.csv").write_text("series,x,label\n1,2,a\n")
    (tmp_path / "test.csv").write_text("series,y,label\n1,2,a\n")
    with pytest.raises(DataError, match=r"t\w+\.csv: channels \w; expected \w, as in .*t\w+\.csv"):
        read_series_parts(tmp_path)


@pytest.mark.parametrize(("text", "channels"), [(HEAD + "1:2:a\n", ("1", "2")), ("series,x,label\n1,2,a\n", ("x",))])
def test_standard_input_is_told_by_its_beginning(text, channels, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert read_series_parts("-").channels == channels


@pytest.mark.parametrize(
    "times",
    [["9:57", "9:59", "10:00", "10:02"], ["2024-9-8", "2024-9-9", "2024-9-10", "2024-10-1"], ["2", "9", "10", "11"]],
)
def test_steps_are_ordered_by_time_whatever_their_letters(times, tmp_path):
    order = [2, 0, 3, 1]
    rows = [f"{series},{times[place]},{place + 10 * series},up" for series in (0, 1) for place in order]
    (tmp_path / "a.csv").write_text("series,time,value,label\n" + "\n".join(rows) + "\n")
    records = read_series_parts(tmp_path / "a.csv").train
    assert [one.values.ravel().tolist() for one in records] == [[0, 1, 2, 3], [10, 11, 12, 13]]


def test_times_without_an_order_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("series,time,value,label\n0,t2,1,up\n0,t10,2,up\n")
    with pytest.raises(DataError, match="a.csv, line 2, time: expected a time such as .* or a whole number; got 't2'"):
        read_series_parts(tmp_path / "a.csv")
