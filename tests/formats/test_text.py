import gzip
import io
import lzma
import os
import sys

import pytest

from elman import DataError
from elman.formats import text as text_module
from elman.formats.text import TextSource

WORDS = "naïve café — übermäßig\n"


def read(*places):
    return "".join(TextSource.open(*places).characters())


def test_plain_gzip_and_xz_files_read_alike(tmp_path):
    (tmp_path / "a.txt").write_text(WORDS)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(WORDS.encode()))
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(WORDS.encode()))
    assert read(tmp_path / "a.txt") == read(tmp_path / "a.txt.gz") == read(tmp_path / "a.txt.xz") == WORDS


def test_a_folder_is_its_text_files_in_order_of_name(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.txt").write_text("two")
    (tmp_path / "1.txt").write_text("one")
    (tmp_path / "3.md.gz").write_bytes(gzip.compress(b"three"))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0")
    assert read(tmp_path) == "one\nthree\ntwo"


def test_standard_input_can_be_read_twice(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(WORDS.encode())))
    source = TextSource.open("-")
    assert "".join(source.characters()) == "".join(source.characters()) == WORDS


def test_a_pipe_is_read_once_and_can_be_read_again(tmp_path):
    from threading import Thread

    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_text, args=(WORDS,))
    writer.start()
    source = TextSource.open(tmp_path / "pipe")
    writer.join()
    assert "".join(source.characters()) == "".join(source.characters()) == WORDS


def test_line_ends_and_byte_order_mark_are_normal(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read(tmp_path / "a.txt") == "a\nb\rc\n"
    (tmp_path / "mac.txt").write_bytes(b"\xef\xbb\xbfa\rb\r")
    assert read(tmp_path / "mac.txt", tmp_path / "a.txt") == "a\nb\na\nb\rc\n"


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_characters_and_line_ends_may_lie_across_pieces(tmp_path, monkeypatch, piece):
    (tmp_path / "a.txt").write_bytes("€\r\n".encode() * 5)
    monkeypatch.setattr(text_module, "PIECE", piece)
    assert read(tmp_path / "a.txt") == "€\n" * 5


@pytest.mark.parametrize("piece", [3, 4, 1 << 20])
def test_the_first_byte_that_is_not_utf8_is_named(tmp_path, monkeypatch, piece):
    (tmp_path / "a.txt").write_bytes("aé€".encode() + b"\xe9t\xe9")
    monkeypatch.setattr(text_module, "PIECE", piece)
    with pytest.raises(DataError, match=r"a\.txt: not UTF-8 at byte 6 \(0xe9\).*--vocabulary bytes"):
        read(tmp_path / "a.txt")


def test_a_character_cut_off_at_the_end_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_bytes("abc€".encode()[:-1])
    with pytest.raises(DataError, match="not UTF-8 at byte 3"):
        read(tmp_path / "a.txt")


def test_errors_name_the_file_and_the_mend(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary.txt").write_bytes(b"ELF\0\1\2")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(4000))[:2000])
    (tmp_path / "not.xz").write_bytes(b"plain text")
    spoilt = bytearray(gzip.compress(b"some text that is long enough" * 50))
    spoilt[15:25] = bytes(10)
    (tmp_path / "spoilt.gz").write_bytes(spoilt)
    for place, message in {
        "missing.txt": "no such file",
        "empty": "no text in this folder; expected files ending in .txt",
        "binary.txt": "a binary file .a zero byte at 3.*--vocabulary bytes",
        "cut.gz": "damaged or cut short",
        "not.xz": "damaged or cut short",
        "spoilt.gz": "damaged or cut short",
    }.items():
        with pytest.raises(DataError, match=message) as caught:
            read(tmp_path / place)
        assert place in str(caught.value)
