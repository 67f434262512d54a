import io
import os
import tarfile

import numpy as np
import pytest

import elman
from elman.formats.files import File, by_part, check_encoding, data_files, read_files, text_of


def named(*names):
    return [File(name, tuple(name.split("/")), b"") for name in names]


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("en-ud-train.conllu.xz", "en-ud-dev.conllu.xz", "en-ud-test.conllu.xz"), "train validation test"),
        (("eng.train", "eng.testa", "eng.testb"), "train validation test"),
        (("train/a.txt", "valid/a.txt", "train/b.txt"), "train validation train"),
        (("a.conllu", "dev.conllu"), ""),
    ],
)
def test_parts_are_told_by_names(names, parts):
    result = by_part(named(*names))
    assert [
        next(part for part, group in result.items() if file in group) for file in named(*names) if result
    ] == parts.split()


def test_a_file_that_tells_no_part_beside_others_is_named():
    with pytest.raises(elman.DataError, match="extra.txt: its name says neither train, validation"):
        by_part(named("train.txt", "extra.txt"))


def test_files_about_the_data_are_left_out(tmp_path):
    for name in ("LICENSE.txt", "README.md", "a.txt"):
        (tmp_path / name).write_text("text")
    assert [file.path for file in data_files(tmp_path)] == [("a.txt",)]
    with pytest.raises(elman.DataError, match="LICENSE.txt: no file with data"):
        data_files(tmp_path / "LICENSE.txt")


def test_the_mend_of_another_encoding_is_one_that_there_is():
    spreadsheet = File("a.csv", ("a.csv",), "text,label\n".encode("utf-16"))
    with pytest.raises(elman.DataError, match=r"a\.csv, line 1: not UTF-8 \(byte 0xff\); .*--encoding utf-16"):
        text_of(spreadsheet, "utf-8")
    assert text_of(spreadsheet, "utf-16") == "text,label\n"
    with pytest.raises(elman.DataError, match=r"a\.csv, line 1: not UTF-8 \(byte 0xff\); convert it to UTF-8$"):
        text_of(spreadsheet)


def test_pipes_in_a_folder_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("text")
    assert [file.path for file in read_files(tmp_path)] == [("b.txt",)]


def test_a_link_to_nothing_in_a_folder_is_named(tmp_path):
    (tmp_path / "a.txt").symlink_to("a.txt")
    with pytest.raises(elman.DataError, match=r"a\.txt: cannot be read \(Too many levels"):
        read_files(tmp_path)


def archive(place, *names):
    random = np.random.default_rng(0)
    with tarfile.open(place, "w:" + place.suffix.strip(".")) as tar:
        for name in names:
            member, content = tarfile.TarInfo(name), random.bytes(20_000)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return place


def test_members_come_in_order_of_name_whatever_their_order_in_the_archive(tmp_path):
    names = ("b/2", "a/1", "./b/1", ".hidden", "b/Thumbs.db", "__MACOSX/a/1")
    records = read_files(archive(tmp_path / "a.tar.xz", *names))
    assert [file.path for file in records] == [("a", "1"), ("b", "1"), ("b", "2")]
    assert {len(file.content) for file in records} == {20_000}


@pytest.mark.parametrize(
    ("ending", "damage"), [("xz", "changed"), ("xz", "cut"), ("gz", "cut"), ("xz", "no archive"), ("gz", "no archive")]
)
def test_a_damaged_archive_is_named_in_one_line(ending, damage, tmp_path):
    place = archive(tmp_path / f"a.tar.{ending}", "a", "b")
    content = bytearray(place.read_bytes())
    if damage == "changed":
        content[20_000:20_040] = bytes(40)
    place.write_bytes(content[: 20_000 if damage == "cut" else None] if damage != "no archive" else b"text")
    message = rf"a\.tar\.{ending}: the (archive|compressed file) is damaged or cut short \(.*\)"
    with pytest.raises(elman.DataError, match=message) as error:
        read_files(place)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["unknown", "hex", "undefined", "utf\0-8"])
def test_what_is_no_encoding_of_texts_is_refused(name):
    with pytest.raises(elman.ConfigError, match="encoding: Python knows no"):
        check_encoding(name)
