"""Files by their names and contents, and the task that each is for.

Some are of kinds that other programs took for something else, by public reports: `.CSV` in capitals
(ananthakumaran/paisa#60), `.ts` of TypeScript (broofa/mime#308), a description of the data in their folder
(huggingface/datasets#7650), compressed files (huggingface/datasets#2977), small tables whose separator was guessed
(Textualize/rich-cli#38).
"""

import gzip
import lzma
import os
import tarfile
import threading
import zipfile

import pytest

from elman.tasks.recognition import recognise
from tests.cli.commands import run


def task_of(*names):
    return recognise(*map(str, names)).task


HISTORY = '{"date": "2020-01-01", "y": 1}\n{"date": "2020-01-02", "y": null}\n'
SERIES = '{"series": "a", "time": 0, "x": 1.5, "label": "up"}\n'
REVIEWS = '{"text": "good", "label": 1}\n'
CONLLU = "1\tDogs\tdog\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
UCR = "".join(f"{n % 2}" + f"\t-0.{n}\t1e-3" * 5 + "\n" for n in range(4))
LABELLED = "".join(f"{'ham' if i % 3 else 'spam'}\ttext {i}\n" for i in range(50))
PAIRS = "".join(f"source {i}\ttarget {i}\n" for i in range(50))

FILES = {
    "a.txt": ("a text", "LanguageModelling"),
    "a.TXT": ("a text", "LanguageModelling"),
    "a.log": ("a text", "LanguageModelling"),
    "a.md": ("a,b\n1,2\n", "LanguageModelling"),
    "d.ndjson": (REVIEWS, "Classification"),
    "d.JSONL": (REVIEWS, "Classification"),
    "S.CSV": ("text,label\ngood,1\n", "Classification"),
    "comments.tsv": (
        "id\tcomment\ttoxic\tthreat\n3\tone two three\t0\t1\n4\ta b c\t1\t0\n",
        "Classification",
    ),
    "own.csv": ("review,stars\ngood,1\n", "Classification"),
    "quoted.csv": ('"text","label"\n"one, two\nthree",1\n', "Classification"),
    "small.csv": ("Features,rich,markdown\nhas tables,x,x\n", "Classification"),
    "latin.csv": ("text,label\ncaf\xe9,1\n".encode("latin-1"), "Classification"),
    "wide.csv": ("text,label\ngood,1\n".encode("utf-16"), "Classification"),
    "empty.csv": ("", "Classification"),
    "stsa.binary.train": ("0 a dull film\n1 a good one\n", "Classification"),
    "sms": (LABELLED, "Classification"),
    "sms.txt": (LABELLED, "Classification"),
    "indented.txt": ("\tverse\n" * 50, "LanguageModelling"),
    "few.tsv": (LABELLED, "Classification"),
    "head.tsv": ("text\tlabel\n" + PAIRS, "Classification"),
    "f.jsonl": (HISTORY, "Forecasting"),
    "f.NDJSON": (HISTORY, "Forecasting"),
    "f.csv": ("date,HUFL,OT\n2016-07-01 00:00:00,5.8,30.5\n", "Forecasting"),
    "f.TSV": ("ds\ta\tb\n2020\t1\t2\n", "Forecasting"),
    "latin-history.csv": ("Datum,date,Temperatur in \xb0C\n1,2020-01-01,3\n".encode("latin-1"), "Forecasting"),
    "s.jsonl": (SERIES, "SeriesClassification"),
    "s.csv": ("series,time,x,label\na,0,1,up\n", "SeriesClassification"),
    "Coffee_TRAIN.tsv": (UCR, "SeriesClassification"),
    "Coffee_TRAIN.txt": (UCR.replace("\t", "  "), "SeriesClassification"),
    "coffee.csv": (UCR.replace("\t", ","), "SeriesClassification"),
    "years.csv": ("".join(f"{2000 + n},{n}\n" for n in range(9)), "Classification"),
    "s.Ts": ("# from sktime\n@problemName x\n@classLabel true a b\n@data\n1,2:a\n", "SeriesClassification"),
    "app.ts": ("import { x } from './x';\n@Component({})\nexport class A {}\n", "LanguageModelling"),
    "film.ts": (b"\x47\x40\x00\x10\x00" * 100, "LanguageModelling"),
    "t.conllu": (CONLLU, "Tagging"),
    "t.conllup": (CONLLU, "Tagging"),
    "t.CoNLL": ("EU B-ORG\n", "Tagging"),
    "eng.train": ("-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\n", "Tagging"),
    "train.txt": ("EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nGerman JJ B-NP B-MISC\n", "Tagging"),
    "words.txt": (CONLLU.replace("\n\n", "\n2\tbark\tbark\tVERB\t_\t_\t1\tx\t_\t_\n\n"), "Tagging"),
    "two.txt": ("a B\nb O\n\nc d\n", "LanguageModelling"),
    "p.tsv": (PAIRS, "Seq2Seq"),
    "fra.txt": ("Go.\tVa !\tCC-BY\nHi.\tSalut !\tCC-BY\n", "Seq2Seq"),
    "days.txt": ("Day 5\nDay 6\n", "LanguageModelling"),
    "p.TSV": ("one\tun\tCC-BY\n" * 1, "Seq2Seq"),
    "cmu.DICT": ("A  AH0\n", "Seq2Seq"),
    "100.hea": ("100 1 360 10\n", "Ecg"),
    "100.HEA": ("100 1 360 10\n", "Ecg"),
    "100.mat": (b"\0\0\0", "Ecg"),
    "holter.EDF": (b"0       ", "Ecg"),
    "active.bdf": (b"\xffBIOSEMI", "Ecg"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_its_name_and_its_beginning_also_compressed(tmp_path, name):
    content, task = FILES[name]
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(content)
    for ending, compress in ((".gz", gzip.compress), (".xz", lzma.compress), (".GZ", gzip.compress)):
        (tmp_path / f"{name}{ending}").write_bytes(compress(content))
    with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
        archive.write(tmp_path / name, name)
    result = [task_of(tmp_path / f"{name}{ending}") for ending in ("", ".gz", ".xz", ".GZ", ".zip")]
    assert result == [task] * 5


DAMAGED = {
    "cut.csv.gz": (gzip.compress(b"text,label\n" * 1000)[:-20], "Classification"),
    "not.csv.xz": (b"no xz", "Classification"),
    "broken.jsonl": (b'{"date": "2020-01-01", "y": 1}\n{"da', "Forecasting"),
    "nested.jsonl": (b'{"date": {"year": 2020}, "y": 1}\n', "Classification"),
    "list.jsonl": (b"[1, 2]\n", "Classification"),
    "zero.csv": (b"text,label\0\n", "Classification"),
    "semicolons.csv": (b"date;y\n2020-01-01;1.25\n", "Forecasting"),
    "ragged.csv": (b"date,y\n2020-01-01\n", "Classification"),
    "twice.csv": (b"date,date\n1,2\n", "Classification"),
    "no.tar.gz": (b"no archive", "Classification"),
    "empty.conllu.gz": (gzip.compress(b""), "Tagging"),
    "nothing": (b"", "LanguageModelling"),
    "tabs": (b"\t\n\t\n", "LanguageModelling"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_left_to_the_reader_of_its_ending(tmp_path, name):
    content, task = DAMAGED[name]
    (tmp_path / name).write_bytes(content)
    assert task_of(tmp_path / name) == task


def test_a_pipe_is_not_read_since_what_is_read_of_it_is_gone(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe.csv").write_text("date,y\n2020-01-01,1\n"))
    writer.start()
    assert task_of(tmp_path / "pipe.csv") == "Classification"
    assert (tmp_path / "pipe.csv").read_text() == "date,y\n2020-01-01,1\n"
    writer.join()
    assert task_of("-") == task_of() == "LanguageModelling"


def test_generated_data_is_known_to_its_task_unless_there_is_such_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {
        "sums": "Seq2Seq", "dates": "Seq2Seq", "grammar": "Tagging", "ecg": "Ecg", "sines": "Forecasting",
        "seasonal": "Forecasting",
    }  # fmt: skip
    assert {name: task_of(name) for name in names} == names
    (tmp_path / "sums").write_text("a text")
    assert task_of("sums") == "LanguageModelling"


def test_documents_in_a_folder_and_hidden_files_are_no_data(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("date,y\n2020-01-01,1\n")
    for name in ("README.md", "LICENSE", ".hidden.conllu", "Thumbs.db", "Desktop.ini"):
        (tmp_path / name).write_text("about the data")
    assert recognise(str(tmp_path)) == ("Forecasting", "there are stamps or names of series, and numbers", {})


def test_the_members_of_archives_are_looked_at(tmp_path):
    (tmp_path / "t.conllu").write_text(CONLLU)
    (tmp_path / "f.csv").write_text("date,y\n2020-01-01,1\n")
    for name in ("t.conllu", "f.csv"):
        with tarfile.open(tmp_path / f"{name}.TGZ", "w:gz") as archive:
            archive.add(tmp_path / name, arcname=f"data/{name}")
    assert task_of(tmp_path / "t.conllu.TGZ") == "Tagging"
    assert task_of(tmp_path / "f.csv.TGZ") == "Forecasting"


def test_where_a_file_could_be_two_things_the_other_is_named(tmp_path):
    (tmp_path / "few.tsv").write_text(LABELLED)
    (tmp_path / "certain.csv").write_text("text,label\ngood,1\n")
    assert not recognise(str(tmp_path / "certain.csv")).others
    said = "few.tsv: taken as data for classification (the first column has few different values)"
    other = "choose another with --task seq2seq (there are two columns)"
    assert f"{said}; {other}" in run(tmp_path, "train", "few.tsv", "--hidden-size", "0", code=2).stderr
    for certain in (["few.tsv", "--task", "seq2seq"], ["certain.csv"]):
        assert "taken as data" not in run(tmp_path, "train", *certain, "--hidden-size", "0", code=2).stderr


@pytest.mark.parametrize(
    ("names", "task"),
    [
        (["a.txt"], "LanguageModelling"),
        (["a.conllu.xz"], "Tagging"),
        (["a.csv.gz"], "Classification"),
        (["a_TRAIN.ts.xz"], "SeriesClassification"),
        (["a.train", "a.test"], "Classification"),
        (["a.en", "a.fr"], "Seq2Seq"),
        (["dates"], "Seq2Seq"),
        (["grammar"], "Tagging"),
        (["ecg"], "Ecg"),
        (["100.dat"], "Ecg"),
        (["sines"], "Forecasting"),
    ],
)
def test_a_task_is_told_from_the_end_of_a_name(names, task):
    assert task_of(*names) == task


def test_series_are_told_from_texts_by_the_columns_of_a_table(tmp_path):
    (tmp_path / "a.csv").write_text("series,time,x,label\n")
    (tmp_path / "b.tsv").write_text("label\tx\tseries\n")
    (tmp_path / "c.csv").write_text("series,text,label\n")
    assert [task_of(str(tmp_path / name)) for name in ("a.csv", "b.tsv")] == ["SeriesClassification"] * 2
    assert task_of(str(tmp_path / "c.csv")) == "Classification"
    assert task_of(str(tmp_path)) == "SeriesClassification"


def test_a_folder_is_told_by_what_is_in_it(tmp_path, data_folder):
    for label in ("pos", "neg"):
        (tmp_path / "reviews" / label).mkdir(parents=True)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a text")
    assert task_of(str(tmp_path / "reviews")) == "Classification"
    assert task_of(str(tmp_path / "texts")) == "LanguageModelling"
    assert task_of(str(data_folder / "ud_english_ewt")) == "Tagging"
    assert task_of(str(data_folder / "classification" / "multivariate")) == "SeriesClassification"
    assert task_of(str(data_folder / "classification" / "sst")) == "Classification"
    assert task_of(str(data_folder / "classification" / "sms" / "SMSSpamCollection")) == "Classification"
    assert task_of(str(data_folder / "seq2seq" / "eng-fra-5000.txt.xz")) == "Seq2Seq"


def test_records_are_told_from_their_headers(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "100.hea").write_text("100 1 360 10\n")
    assert task_of(str(tmp_path / "a" / "b" / "100")) == task_of(str(tmp_path / "a")) == "Ecg"
    with tarfile.open(tmp_path / "records.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "a", arcname="a")
    assert (
        task_of(str(tmp_path / "records.tar.xz"))
        == task_of(str(tmp_path / "records.tar.xz" / "a" / "b" / "100"))
        == "Ecg"
    )
    for name in ("x/a.HEA", "y/a.hea.gz", "z/a.EDF"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
        assert task_of(tmp_path / name[0]) == task_of(tmp_path / name[0] / "a") == "Ecg"
    (tmp_path / "z" / "a.txt").write_text("a text")
    assert task_of(tmp_path / "z" / "a.txt") == "LanguageModelling"
    (tmp_path / "texts.tar.gz").write_bytes(b"no archive")
    assert task_of(str(tmp_path / "texts.tar.gz")) == "Classification"


def test_rows_with_stamps_and_numbers_are_forecast(tmp_path):
    rows = {
        "wide.csv": "date,HUFL,OT\n2016-07-01 00:00:00,5.8,30.5\n",
        "long.csv": "unique_id,ds,y\nstore 1,2020-01,\n",
        "quoted.csv": '"Month","Passengers"\n"1949-01",112\n',
        "reviews.csv": "date,text,label\n2020-01-01,good,1\n",
        "names.csv": "date,author\n2020-01-01,Ann\n",
        "empty.csv": "date,y\n",
    }
    for name, text in rows.items():
        (tmp_path / name).write_text(text)
    result = {name: task_of(str(tmp_path / name)) for name in rows}
    assert [name for name, task in result.items() if task == "Forecasting"] == ["wide.csv", "long.csv", "quoted.csv"]
    for name in ("reviews.csv", "names.csv", "empty.csv"):
        (tmp_path / name).unlink()
    assert task_of(str(tmp_path)) == "Forecasting"
