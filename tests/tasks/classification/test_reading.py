import io
import tarfile
from collections import Counter
from typing import Any

import pytest

from elman import DataError
from elman.tasks.classification.reading import LabelledText, check_classes, check_known, read_labelled

PAIRS = [("ham", "See you, at 10"), ("spam", "Win now!"), ("ham", "Où ?")]


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def pairs(part):
    return sorted((one.label, one.text) for one in part)


FORMS = {
    "csv": {"a.csv": 'n,text,label\n1,"See you, at 10",ham\n2,Win now!,spam\n3,Où ?,ham\n'},
    "tsv": {"a.tsv": "label\ttext\nham\tSee you, at 10\nspam\tWin now!\nham\tOù ?\n"},
    "jsonl": {"a.jsonl": '{"text": "See you, at 10", "label": "ham"}\n{"label":"spam","text":"Win now!"}\n'},
    "tabs": {"messages": "ham\tSee you, at 10\nspam\tWin now!\nham\tOù ?\n"},
    "spaces": {"lines.txt": "ham See you, at 10\nspam Win now!\nham Où ?\n\n"},
    "folders": {"ham/1.txt": "See you, at 10", "ham/sub/2": "Où ?\n", "spam/1.txt": "Win now!", "README": "?"},
    "deep folders": {"all/ham/1.txt": "See you, at 10", "all/ham/2": "Où ?", "all/spam/1.txt": "Win now!"},
    "files": {"ham.txt": "See you, at 10\nOù ?\n", "spam.txt": "Win now!\n"},
    "suffixes": {"sms.ham": "See you, at 10\nOù ?\n", "sms.spam": "Win now!\n"},
}
FORMS["jsonl"]["b.jsonl"] = '{"text": "Où ?", "label": "ham"}\n'


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_say_the_same(tmp_path, form):
    write(tmp_path, FORMS[form])
    records = read_labelled(tmp_path)
    assert pairs(records.train) == sorted(PAIRS)
    assert not records.validation
    assert not records.test


@pytest.mark.parametrize("form", FORMS)
def test_a_tar_archive_is_read_as_the_folder_in_it(tmp_path, form):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name, content in FORMS[form].items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content.encode())
            tar.addfile(member, io.BytesIO(content.encode()))
    assert pairs(read_labelled(tmp_path / "a.tar.gz").train) == sorted(PAIRS)


def test_files_and_folders_may_be_named_one_by_one(tmp_path):
    write(tmp_path, FORMS["files"] | FORMS["folders"])
    assert pairs(read_labelled(tmp_path / "ham.txt", tmp_path / "spam.txt").train) == sorted(PAIRS)
    assert pairs(read_labelled(tmp_path / "ham", tmp_path / "spam").train) == sorted(PAIRS)


COLUMNS = {
    "a.csv": "id,text,rude,kind,n\n1,thanks,0,1,0\n2,go away,1,0,5\n3,well,0.0,1.0,1\n4,so so,False,TRUE,1\n",
    "a.tsv": "rude\ttext\tkind\n0\tthanks\t1\n1\tgo away\t0\n0\twell\t1\n0\tso so\t1\n",
    "a.jsonl": "".join(
        f'{{"text": "{text}", "rude": {rude}, "kind": {kind}}}\n'
        for text, rude, kind in (("thanks", 0, 1), ("go away", "true", "false"), ("well", 0, 1.0), ("so so", 0, 1))
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_0_and_1_are_labels(tmp_path, name):
    write(tmp_path, {name: COLUMNS[name]})
    records = read_labelled(tmp_path / name)
    assert records.columns == ("rude", "kind")
    expected = [('["kind"]', "thanks"), ('["rude"]', "go away"), ('["kind"]', "well"), ('["kind"]', "so so")]
    assert [(one.label, one.text) for one in records.train] == expected
    assert [one.label for one in read_labelled(tmp_path / name, label_column="rude").train][1] in ("1", "true")
    named = read_labelled(tmp_path / name, label_column="kind, rude")
    assert [one.label for one in named.train] == [label for label, _ in expected]
    assert read_labelled(tmp_path / name, known=("kind",)).columns == ("kind",)
    both = {"train.csv": COLUMNS["a.csv"], "test.csv": "text,kind,rude\none,1,1\n"}
    write(tmp_path, {f"parts/{part}": content for part, content in both.items()})
    assert read_labelled(tmp_path / "parts").test[0].label == '["rude","kind"]'


def test_columns_that_are_no_labels_are_refused(tmp_path):
    write(tmp_path, {"a.csv": "text,rude,kind\none,0,1\ntwo,-1,-1\n", "b.jsonl": '{"text": "a", "c": {}, "d": 1}\n'})
    with pytest.raises(
        DataError, match=r"a\.csv: no column 'label'; there are text, rude, kind\. Name it with --label"
    ):
        read_labelled(tmp_path / "a.csv")
    named: tuple[dict[str, Any], ...] = ({"label_column": "rude,kind"}, {"known": ("rude", "kind")})
    for options in named:
        with pytest.raises(
            DataError, match=r"a\.csv, line 3: rude is '-1'; expected 0 or 1, since the column is a label"
        ):
            read_labelled(tmp_path / "a.csv", **options)
    with pytest.raises(DataError, match="no column 'sad'"):
        read_labelled(tmp_path / "a.csv", known=("rude", "sad"))
    with pytest.raises(DataError, match="no column 'label'"):
        read_labelled(tmp_path / "b.jsonl")


@pytest.mark.parametrize(
    "names",
    [
        ("train.tsv", "dev.tsv", "test.tsv"),
        ("sst.train", "sst.valid", "sst.test"),
        ("A_TRAIN.tsv", "A_VAL.tsv", "A_TEST.tsv"),
        ("x/training.tsv", "x/validation.tsv", "x/test.tsv"),
    ],
)
def test_parts_are_told_by_name(tmp_path, names):
    content = ["label\ttext\n" if name.endswith("tsv") else "" for name in names]
    write(tmp_path, {name: head + f"a\t{part}\n" for name, head, part in zip(names, content, "123", strict=True)})
    records = read_labelled(tmp_path)
    assert [pairs(part) for part in (records.train, records.validation, records.test)] == [[("a", n)] for n in "123"]


def test_parts_may_be_folders_of_classes(tmp_path):
    write(tmp_path, {"train/a/1": "one", "train/b/1": "two", "test/a/1": "three"})
    records = read_labelled(tmp_path)
    assert pairs(records.train) == [("a", "one"), ("b", "two")]
    assert pairs(records.test) == [("a", "three")]


def test_a_test_file_alone_is_no_part(tmp_path):
    write(tmp_path, {"test.txt": "a one\nb two\n"})
    assert len(read_labelled(tmp_path / "test.txt").train) == 2


def test_a_tsv_without_a_head_has_lines_of_label_and_text(tmp_path):
    rows = "ham\tSee you\nspam\tWin now\nham\tOn my way\n"
    write(tmp_path, {"a.tsv": rows, "b/train.tsv": rows, "b/test.tsv": rows, "c.tsv": f"label\ttext\n{rows}"})
    expected = [("ham", "On my way"), ("ham", "See you"), ("spam", "Win now")]
    for place in ("a.tsv", "b", "c.tsv"):
        assert pairs(read_labelled(tmp_path / place).train) == expected
    assert pairs(read_labelled(tmp_path / "b").test) == expected
    assert read_labelled(tmp_path / "a.tsv").train[0].place.endswith("a.tsv, line 1")


def test_a_table_for_a_trained_model_is_to_have_its_columns(tmp_path):
    write(tmp_path, {"a.csv": "body,label\nSee you,ham\n"})
    with pytest.raises(DataError, match="no column 'text', as in training; there are body, label. Rename them in the"):
        read_labelled(tmp_path, known=("ham", "spam"))


def test_other_columns_and_encodings(tmp_path):
    write(tmp_path, {"a.csv": "review,stars\nCaf\xe9,5\n".encode("latin-1")})
    records = read_labelled(tmp_path, text_column="review", label_column="stars", encoding="latin-1")
    assert pairs(records.train) == [("5", "Café")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": "ham one\nspam\n"}, r"a\.txt, line 2: expected `label text`; got 'spam'"),
        ({"a.txt": "ham\tone\nspam two\n"}, r"a\.txt, line 2: expected `label<TAB>text`; got 'spam two'"),
        ({"a.txt": "ham one\n\nspam two\n"}, r"a\.txt, line 2: no label; expected `label text`"),
        ({"a.txt": "ham\tone\n\ttwo\n"}, r"a\.txt, line 2: no label"),
        ({"a.txt": "ham\tone\nspam\t \n"}, r"a\.txt, line 2: the text is empty"),
        ({"ham.txt": "one\n\ntwo", "spam.txt": "a"}, r"ham\.txt, line 2: the text is empty"),
        ({"a/1": "one", "b/1": "\n"}, r"b/1: the text is empty"),
        ({"a.csv": "txt,label\none,x\n"}, r"a\.csv: no column 'text'"),
        (
            {"a.csv": "review,stars\none,x\n"},
            r"a\.csv: no column 'text' and no column 'label'; .* with --text-column and",
        ),
        ({"a.csv": "text;label\none;x\n"}, r"a\.csv: expected commas between columns"),
        ({"a.tsv": "ham\tone\nspam\ttwo\n"}, r"without a head must be in a \.txt file"),
        ({"a.csv": "text,label\none,x\n", "notes.txt": ""}, r"notes\.txt: not a table"),
        ({"a/1": "one", "b.txt": "two"}, r"b\.txt: lies beside the folders of the classes"),
        ({"train.txt": "a one", "extra.txt": "b two"}, r"extra\.txt: its name says neither train"),
        ({"x.a.txt": "one", "y.a.txt": "two", "x.a.md": "three"}, "these names do not distinguish classes"),
        ({"README.md": "about"}, "no file with data"),
        ({}, "no file in it"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, files, message):
    write(tmp_path, files)
    with pytest.raises(DataError, match=message):
        read_labelled(tmp_path)


def test_several_labels_stay_as_they_are_written(tmp_path):
    write(tmp_path, {"a.jsonl": '{"text": "one", "label": ["x", "y"]}\n{"text": "two", "label": []}\n'})
    assert [one.label for one in read_labelled(tmp_path / "a.jsonl").train] == ['["x", "y"]', "[]"]
    write(tmp_path, {"b.jsonl": '{"text": ["one"], "label": "x"}\n'})
    with pytest.raises(DataError, match="line 1: text is nested"):
        read_labelled(tmp_path / "b.jsonl")
    write(tmp_path, {"c.csv": "text,label\none,\"['x', 'y']\"\ntwo,\n"})
    assert [one.label for one in read_labelled(tmp_path / "c.csv").train] == ["['x', 'y']", ""]


def test_the_lines_of_fasttext(tmp_path):
    write(tmp_path, {"a.txt": "__label__x __label__y one  two\n\tthree __label__x\nno label\n__label__y four\n"})
    records = [(one.label, one.text) for one in read_labelled(tmp_path / "a.txt").train]
    assert records == [
        ("__label__x __label__y", "one  two"), ("__label__x", "three"), ("", "no label"), ("__label__y", "four"),
    ]  # fmt: skip
    write(tmp_path, {"b.txt": "__label__z five\n"})
    assert len(read_labelled(tmp_path / "a.txt", tmp_path / "b.txt").train) == 5


def test_places_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no such file or folder"):
        read_labelled(tmp_path / "nowhere")
    write(tmp_path, {"a.tar.gz": b"no archive"})
    with pytest.raises(DataError, match=r"a\.tar\.gz: the archive is damaged or cut short"):
        read_labelled(tmp_path / "a.tar.gz")


def examples(labels):
    return [LabelledText(f"text {n}", label, f"line {n}") for n, label in enumerate(labels, start=1)]


def test_classes_are_checked():
    assert check_classes(examples("bbaab"), examples("ab")) == ("a", "b")
    with pytest.raises(DataError, match="at least two classes; all 3 are 'a'"):
        check_classes(examples("aaa"))
    with pytest.raises(DataError, match="at least two classes; there is no text"):
        check_classes([])
    with pytest.raises(DataError, match="line 3: the only text to train on of class 'b'"):
        check_classes(examples("aab"))
    with pytest.raises(DataError, match="line 2: label 'c' is not among those of training: a, b"):
        check_classes(examples("aabb"), examples("ac"))
    with pytest.raises(DataError, match="line 1: label 'c'"):
        check_known(["a"], examples("c"))


def test_the_real_files(data_folder):
    folder = data_folder / "classification"
    sst = read_labelled(folder / "sst")
    assert [len(part) for part in (sst.train, sst.validation, sst.test)] == [6920, 872, 1821]
    trec = read_labelled(folder / "trec", encoding="latin-1")
    assert [len(part) for part in (trec.train, trec.validation, trec.test)] == [5452, 0, 500]
    assert len({one.label for one in trec.train}) == 50
    with pytest.raises(DataError, match=r"TREC\.train, line 66: not UTF-8"):
        read_labelled(folder / "trec")
    for place, counts in {
        "names": {"Russian": 9384, "English": 3668, "Vietnamese": 73},
        "sms": {"ham": 4827, "spam": 747},
        "mr": {"pos": 5331, "neg": 5331},
        "review_polarity.tar.gz": {"pos": 1000, "neg": 1000},
    }.items():
        records = Counter(one.label for one in read_labelled(folder / place, encoding="latin-1").train)
        assert {label: records[label] for label in counts} == counts
