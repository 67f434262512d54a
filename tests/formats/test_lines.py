import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman
from elman.formats.lines import Lines, in_groups
from elman.formats.sources import open_sources


def lines_of(*pieces, encoding="utf-8"):
    return Lines.decoded("the text", iter(pieces), encoding)


def every(lines):
    return [one for group in in_groups(lines, lambda: lines) for one in group]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(lambda text: text.encode())


@given(TEXT, st.lists(st.integers(0, 40)))
def test_pieces_do_not_change_the_lines(content, cuts):
    cuts = sorted({min(cut, len(content)) for cut in cuts} | {0, len(content)})
    pieces = [content[start:stop] for start, stop in zip(cuts, cuts[1:], strict=False)]
    assert [*lines_of(*pieces)] == [*lines_of(content)]


def test_only_line_feeds_end_lines_and_a_byte_order_mark_is_no_text():
    content = "\ufeffa\x85b\u2028c\x0cd\r\ne\rf\n\nlast".encode()
    assert [*lines_of(content)] == ["a\x85b\u2028c\x0cd", "e\rf", "", "last"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "shift_jis", "utf-8-sig"])
def test_lines_of_other_encodings(encoding):
    text = "eins\nzwei\n\n" if encoding != "shift_jis" else "一\n二\n\n"
    content = text.encode(encoding)
    assert [*lines_of(content[:3], content[3:], encoding=encoding)] == text.split("\n")[:3]


@pytest.mark.parametrize(
    ("bad", "why"), [(b"\xff", "not text .byte 0xff."), (b"\0", "a zero byte"), (b"\xe2\x82", "not text .byte 0xe2.")]
)
def test_a_line_that_is_no_text_is_an_error_between_the_others(bad, why):
    content = b"good\n" * 1000 + b"a" + bad + b"\n" + b"good\n" * 10
    result = every(lines_of(content))
    assert [*map(str, result[:1000])] == [*map(str, result[1001:]), *["good"] * 990]
    assert isinstance(result[1000], elman.DataError)
    with pytest.raises(elman.DataError, match=f"the text, line 1001: {why}"):
        raise result[1000]


def test_what_came_before_a_broken_file_is_not_lost():
    def pieces():
        yield b"one\ntwo\nthr"
        raise elman.DataError("broken")

    lines = Lines.decoded("the text", pieces())
    groups = in_groups(lines, lambda: lines, at_most=5)
    assert next(groups) == ["one", "two"]
    with pytest.raises(elman.DataError, match="broken"):
        next(groups)


def test_each_group_is_what_has_arrived():
    lines = lines_of(b"one\n", b"two\nthree\n\n", b"fo", b"ur")
    assert [*in_groups(lines, lambda: lines)] == [["one"], ["two", "three"], [""], ["four"]]
    lines = lines_of(b"a\n" * 5)
    assert [len(group) for group in in_groups(lines, lambda: lines, at_most=2)] == [2, 2, 1]


def test_a_folder_is_its_files_and_a_pipe_is_read_as_it_is_written(tmp_path):
    import os
    from threading import Thread

    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.txt").write_text("two")
    (tmp_path / "1.csv").write_text("one")
    (tmp_path / "README.md").write_text("no data")
    result = [(source.path, source.suffix, [*source.lines()]) for source in open_sources(tmp_path)]
    assert result == [(("1.csv",), ".csv", ["one"]), (("b", "2.txt"), ".txt", ["two"])]
    os.mkfifo(tmp_path / "pipe")
    [source] = open_sources(tmp_path / "pipe")
    Thread(target=(tmp_path / "pipe").write_text, args=("a\nb\n",)).start()
    assert source.is_pipe
    assert [*source.lines()] == ["a", "b"]
    with pytest.raises(elman.DataError, match="no such file"):
        next(open_sources(tmp_path / "nothing"))
    with pytest.raises(elman.ConfigError, match="Python knows no 'latin-one'"):
        next(open_sources(tmp_path / "1.csv")).lines("latin-one")


@pytest.mark.parametrize(
    ("encoding", "content"),
    [("utf-16", b"no mark"), ("utf-16-le", b"odd"), ("utf-32-be", b"odd"), ("utf-7", b"+////")],
)
def test_what_is_not_text_in_another_encoding_is_named(encoding, content):
    with pytest.raises(
        elman.DataError, match=f"a.txt: not {encoding.upper()}; say how the file is encoded with --encoding"
    ):
        list(Lines.decoded("a.txt", iter([content]), encoding))


def test_many_empty_lines_take_no_time():
    lines = Lines.decoded("a.txt", iter([b"\n" * 50_000 + b"one\n"]))
    assert sum(len(group) for group in in_groups(lines, lambda: lines)) == 50_001
