import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.formats import line_ends
from elman.formats.files import File, lines, text_of
from elman.formats.line_ends import LineEnds, normal_line_ends
from elman.formats.place import Place
from elman.formats.sources import open_sources
from elman.formats.table import read_table
from elman.tasks.seq2seq.reading import read_pairs

# Characters at which `str.splitlines`, `str.split` or universal newlines cut, and which end no line.
INSIDE = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029"
TEXTS = st.text(st.sampled_from(f"ab \r\n{INSIDE}"))


def expected(text):
    return re.split("\r\n|\n", text) if "\n" in text else text.split("\r")


@given(TEXTS)
def test_lines_end_at_line_feeds_and_without_any_at_carriage_returns(text):
    assert normal_line_ends(text).split("\n") == expected(text)


@given(TEXTS, st.lists(st.integers(0, 20)))
def test_lines_do_not_depend_on_where_the_text_is_cut_into_pieces(text, cuts):
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    ends = LineEnds()
    result = [ends.feed(text[start:stop]) for start, stop in zip(places, places[1:], strict=False)]
    assert "".join([*result, ends.feed("", final=True)]) == normal_line_ends(text)


def test_a_long_text_without_line_feeds_does_not_wait_for_its_end(monkeypatch):
    monkeypatch.setattr(line_ends, "MOST_WAITING", 5)
    ends = LineEnds()
    assert [ends.feed("one\r"), ends.feed("two\r"), ends.feed("\nthree\r4")] == ["", "one\ntwo", "\nthree\n4"]


@given(st.lists(st.text(st.sampled_from(f"ab,\"'\r{INSIDE}"), min_size=1).map("x{}x".format), min_size=2, max_size=5))
def test_every_reader_finds_the_same_lines(tmp_path_factory, rows):
    folder = tmp_path_factory.getbasetemp()
    plain = folder / "plain.txt"
    plain.write_bytes("".join(f"{row}\n" for row in rows).encode())
    assert lines(text_of(File("plain.txt", ("plain.txt",), plain.read_bytes()))) == rows
    assert [line for source in open_sources(plain) for line in source.lines()] == rows
    assert list(Place(str(plain)).lines) == rows
    tables = {
        "tsv": "".join(f"{row}\t1\n" for row in ["text", *rows]),
        "jsonl": "".join(json.dumps({"text": row}, ensure_ascii=False) + "\n" for row in rows),
        "csv": "".join('"{}",1\n'.format(row.replace('"', '""')) for row in ["text", *rows]),
    }
    for suffix, text in tables.items():
        file = File("t", (f"t.{suffix}",), text.encode())
        assert [row.values["text"] for row in read_table(file, columns=["text"])] == rows


def test_a_carriage_return_in_a_field_of_csv_needs_no_quotes():
    file = File("t.csv", ("t.csv",), b'id,text\r\n1,a\rb\r\n2,"c\rd"\r\n')
    assert [row.values["text"] for row in read_table(file, columns=["text"])] == ["a\rb", "c\rd"]
    mac = File("t.csv", ("t.csv",), b"id,text\r1,a\r2,b\r")
    assert [(row.line, row.values["text"]) for row in read_table(mac, columns=["text"])] == [(2, "a"), (3, "b")]


@pytest.mark.parametrize("inside", [*INSIDE, "\r"])
def test_a_control_character_in_a_line_moves_no_pair(tmp_path, inside):
    sides = {"en": [f"item {n}" for n in range(9)], "de": [f"Stück {n}" for n in range(9)]}
    sides["en"][3] = f"item{inside}3"
    for side, texts in sides.items():
        (tmp_path / f"a.{side}").write_bytes("".join(f"{text}\n" for text in texts).encode())
    pairs = read_pairs(tmp_path / "a.en", tmp_path / "a.de")
    assert [(pair.source, *pair.targets) for pair in pairs] == list(zip(*sides.values(), strict=True))
