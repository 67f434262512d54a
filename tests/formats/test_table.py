import csv
import gzip
import json
import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import ConfigError, DataError
from elman.formats.files import File, read_files
from elman.formats.lines import Lines, in_groups
from elman.formats.rows import write_object, write_row
from elman.formats.table import Table, read_table

ROWS = [("one, two", "a"), ('say "three"', "b"), ("line\nend — é", "a")]


def table(path, columns=("text", "label"), **options):
    (file,) = read_files(path)
    return [(row.line, *row.values.values()) for row in read_table(file, columns=columns, **options)]


def write_csv(path, encoding="utf-8"):
    with open(path, "w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("id", "label", "text"), *((n, label, text) for n, (text, label) in enumerate(ROWS))])


def test_csv_comes_as_the_csv_module_wrote_it(tmp_path):
    write_csv(tmp_path / "a.csv")
    assert table(tmp_path / "a.csv") == [(2, *ROWS[0]), (3, *ROWS[1]), (5, *ROWS[2])]


def test_compressed_tables_and_a_byte_order_mark(tmp_path):
    write_csv(tmp_path / "a.csv", "utf-8-sig")
    raw = (tmp_path / "a.csv").read_bytes()
    (tmp_path / "b.CSV.gz").write_bytes(gzip.compress(raw))
    (tmp_path / "c.csv.xz").write_bytes(lzma.compress(raw))
    assert table(tmp_path / "a.csv") == table(tmp_path / "b.CSV.gz") == table(tmp_path / "c.csv.xz")
    assert table(tmp_path / "a.csv", ("id", "text"))[0] == (2, "0", "one, two")


def test_quotes_in_a_tsv_are_text(tmp_path):
    (tmp_path / "a.tsv").write_text('text\tlabel\n"half\ta\nwhole"\tb\n')
    assert table(tmp_path / "a.tsv") == [(2, '"half', "a"), (3, 'whole"', "b")]


def test_json_lines_keep_the_words_and_numbers_as_they_are_written(tmp_path):
    objects = [{"text": "line\nend — é", "label": 1, "other": [1]}, {"label": True, "text": None}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, objects)))
    assert table(tmp_path / "a.jsonl") == [(1, "line\nend — é", "1"), (2, "", "true")]


def test_another_encoding(tmp_path):
    (tmp_path / "a.tsv").write_bytes("text\tlabel\none\ta\ncafé\tb\n".encode("latin-1"))
    assert table(tmp_path / "a.tsv", encoding="latin-1")[1] == (3, "café", "b")
    with pytest.raises(DataError, match=r"a\.tsv, line 3: not UTF-8 \(byte 0xe9\); .*--encoding latin-1"):
        table(tmp_path / "a.tsv")
    with pytest.raises(ConfigError, match="encoding: Python knows no 'latin-one'"):
        table(tmp_path / "a.tsv", encoding="latin-one")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "txt,label\n1,2\n", r"a\.csv: no column 'text'; did you mean 'txt'\?; there are txt, label"),
        ("a.tsv", 'text\tlabel\n"a\nb"\tc\n', r"a\.tsv, line 2: 1 column; .* quotes are text in TSV: save .* as CSV"),
        ("a.csv", "text,label\na,b\na\n", r"a\.csv, line 3: 1 column; expected 2, as in the head \(text, label\)"),
        ("a.csv", 'text,label\n"a"b,c\n', r"a\.csv, line 2: not CSV"),
        ("a.csv", 'text,label\n"a,c\n', r"a\.csv, line 2: not CSV"),
        ("a.csv", 'text,label\nx,y\n"a,c\n1,2\n', r"a\.csv, line 4: not CSV \(.*, in the row that begins at line 3\)"),
        ("a.csv", "text,label,text\na,b,c\n", r"a\.csv: 2 columns are named 'text'; give each its own name"),
        ("a.csv", "text;label\na;b\n", r"a\.csv: expected commas between columns; got the head 'text;label'"),
        ("a.csv", "", r"a\.csv: empty; expected a head"),
        ("a.tsv", "text\tlabel\na\tb\tc\n", r"a\.tsv, line 2: 3 columns; expected 2"),
        ("a.jsonl", '{"text": 1}\n', r"a\.jsonl, line 1: no column 'label'; there are text"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text":\n', r"a\.jsonl, line 2: expected a JSON object"),
        ("a.jsonl", "[1]\n", r"a\.jsonl, line 1: expected a JSON object"),
        ("a.jsonl", '{"text": ["a"], "label": 1}\n', r"a\.jsonl, line 1: text is nested"),
        ("a.csv", "text,label\na\0,b\n", r"a\.csv: a binary file \(a zero at character 12\)"),
        ("a.txt", "text,label\n", r"a\.txt: expected a table, a file ending in \.csv, \.tsv"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        table(tmp_path / name)


ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
FIELD = ANY.filter(lambda text: "\r\n" not in text)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n\r"))


def read_back(name, rows):
    file = File(name, (name,), "".join(f"{row}\n" for row in rows).encode())
    return [row.values for row in read_table(file, columns=("a", "b"))]


@given(st.lists(st.tuples(FIELD, FIELD)))
def test_a_row_of_csv_reads_back(rows):
    written = [write_row(("a", "b")), *map(write_row, rows)]
    assert read_back("t.csv", written) == [{"a": a, "b": b} for a, b in rows]


@given(st.lists(st.tuples(PLAIN, PLAIN.filter(bool)), min_size=1))
def test_a_row_of_tsv_reads_back(rows):
    written = [write_row(row, ".tsv") for row in [("a", "b"), *rows]]
    assert read_back("t.tsv", written) == [{"a": a, "b": b} for a, b in rows]


@given(st.dictionaries(FIELD, FIELD | st.integers() | st.none()), FIELD, st.floats(width=32))
def test_a_line_of_json_reads_back_with_more_values(values, text, number):
    values |= {"c": 1.5}
    written = write_object(json.dumps(values), {"a": text, "b": np.float32(number)})
    again = json.loads(written, parse_constant=pytest.fail)
    expected = float(number) if np.isfinite(number) else None
    assert again == values | {"a": text, "b": pytest.approx(expected, rel=1e-7, abs=0) if expected else expected}
    if expected is not None:
        assert np.float32(again["b"]) == np.float32(number)


@pytest.mark.parametrize(
    ("form", "text", "values"),
    [
        (
            ".csv",
            'text\none\n"a"b\ntwo\n\n"three\nlines"\na,b\n\nfour',
            ["one", "!", "two", "three\nlines", "!", "four"],
        ),
        (".tsv", "text\tid\none\t1\na\n\ntwo\t2", ["one", "!", "", "two"]),
        (".jsonl", '{"text": "one"}\n{"text": ["a"]}\n\n[]\n{"id": 1}\n{"text": null}', ["one", "!", "", "!", "!", ""]),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_between_the_others(form, text, values):
    lines = Lines("t", iter([text]))
    rows = Table(lines, form, ["text"])
    result = [one for group in in_groups(lines, lambda: rows) for one in group]
    assert ["!" if isinstance(one, DataError) else one.values["text"] for one in result] == values
