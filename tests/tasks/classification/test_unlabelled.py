import csv
import gzip
import io
import sys
import tarfile

import pytest

import elman
from elman.tasks.classification.unlabelled import texts_asked
from elman.tasks.output import Warning

ROWS = [("cross" if n % 3 else "happy", f'parcel {n}, "late"' + "\nand lost" * (n % 5 == 0)) for n in range(40)]


def test_lines_in_a_tsv_without_a_head_are_labelled(tmp_path):
    (tmp_path / "a.tsv").write_text("cross\tgo away\nhappy\tso nice\ncross\tno\n")
    texts, (note,) = asked(tmp_path / "a.tsv")
    assert texts == ["go away", "so nice", "no"]
    assert "lines have labels" in note


def asked(*places, read="auto", encoding="utf-8", labels=("cross", "happy")):
    result = texts_asked(*map(str, places), read=read, column="text", is_label=labels.__contains__, encoding=encoding)
    texts, notes = [], []
    for group in result:
        if isinstance(group, Warning):
            notes.append(group.text)
        else:
            texts += [str(one.error) if one.error else one.asked for one in group]
    return texts, notes


def table():
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("label", "text"), *ROWS])
    return text.getvalue().encode()


def test_each_row_of_a_table_is_one_text(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_bytes(table())
    (tmp_path / "b.CSV.gz").write_bytes(gzip.compress(table()))
    texts = [text for _, text in ROWS]
    assert asked(tmp_path / "a.csv") == asked(tmp_path / "b.CSV.gz") == (texts, [])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(table())))
    assert asked("-", read="csv") == (texts, [])


def test_labels_before_the_texts_of_all_lines_are_left_out(tmp_path, monkeypatch):
    lines = "cross\tis lost\n\nhappy\tit came\n"
    (tmp_path / "sms").write_text(lines)
    (tmp_path / "words.txt").write_text(lines.replace("\t", " "))
    for name in ("sms", "words.txt"):
        texts, [note] = asked(tmp_path / name)
        assert texts == ["is lost", "", "it came"]
        assert f"{name}: lines have labels, as in training, which are left out; --read lines" in note
    assert asked(tmp_path / "sms", read="lines") == (["cross\tis lost", "", "happy\tit came"], [])
    (tmp_path / "sms").write_text("cross\tis lost\nwhat?\n")
    assert asked(tmp_path / "sms") == (["cross\tis lost", "what?"], [])
    assert asked(tmp_path / "sms", read="labelled")[0][1].endswith("line 2: expected `label<TAB>text`; got 'what?'")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    texts, [note] = asked("-")
    assert texts == ["cross\tis lost", "", "happy\tit came"]
    assert "standard input: lines begin with labels, as in training, which are read as text; --read labelled" in note
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert asked("-", read="lines")[1] == []
    (tmp_path / "marked.txt").write_text("__label__a __label__b is lost\nit came __label__c\n\n")
    assert asked(tmp_path / "marked.txt")[0] == ["is lost", "it came", ""]
    (tmp_path / "one.txt").write_text("cross people wait\n")
    assert asked(tmp_path / "one.txt") == (["cross people wait"], [])


def test_files_of_one_text_each(tmp_path):
    for folder, name, text in (("happy", "1", "it\ncame"), ("cross", "2", "lost"), ("cross", "1", "")):
        (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / folder / f"{name}.txt").write_text(text)
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "set", "set")
    assert asked(tmp_path / "set")[0] == asked(tmp_path / "set.tar.gz")[0] == ["", "lost", "it\ncame"]
    assert asked(tmp_path / "set" / "happy")[0] == ["it", "came"]
    assert asked(tmp_path / "set" / "happy", read="files")[0] == ["it\ncame"]
    (tmp_path / "set" / "cross" / "0.txt").write_bytes(b"\xff")
    texts, _ = asked(tmp_path / "set")
    assert "0.txt, line 1: not UTF-8" in texts[0]
    assert texts[1:] == ["", "lost", "it\ncame"]


def test_the_encoding_of_training_is_that_of_what_is_asked(tmp_path):
    for encoding in ("latin-1", "utf-16"):
        (tmp_path / "a.txt").write_bytes("café\n\nübel\n".encode(encoding))
        (tmp_path / "a.tsv").write_bytes("text\nübel\n".encode(encoding))
        assert asked(tmp_path / "a.txt", tmp_path / "a.tsv", encoding=encoding)[0] == ["café", "", "übel", "übel"]


def test_a_table_without_the_column_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("txt\nhere\n")
    with pytest.raises(elman.DataError, match=r"a\.csv: no column 'text'; did you mean 'txt'"):
        asked(tmp_path / "a.csv")


def test_standard_input_is_utf_8_whatever_the_files_of_training_are(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("café\n".encode())))
    assert asked("-", encoding="latin-1")[0] == ["café"]
