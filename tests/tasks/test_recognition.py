import tarfile

import pytest

from elman.tasks.recognition import told


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
    assert told(*names) == task


def test_labels_are_told_from_pairs_by_how_often_the_first_column_repeats(tmp_path):
    (tmp_path / "sms").write_text("".join(f"{'ham' if i % 3 else 'spam'}\ttext {i}\n" for i in range(50)))
    (tmp_path / "pairs.tsv").write_text("".join(f"source {i}\ttarget {i}\n" for i in range(50)))
    (tmp_path / "text").write_text("a line\nand another\n" * 20)
    (tmp_path / "head.tsv").write_text("text\tlabel\n" + "".join(f"text {i}\t{i % 2}\n" for i in range(50)))
    assert told(str(tmp_path / "sms")) == "Classification"
    assert told(str(tmp_path / "head.tsv")) == "Classification"
    assert told(str(tmp_path / "pairs.tsv")) == "Seq2Seq"
    assert told(str(tmp_path / "text")) == "LanguageModelling"


def test_series_are_told_from_texts_by_the_columns_of_a_table(tmp_path):
    (tmp_path / "a.csv").write_text("series,time,x,label\n")
    (tmp_path / "b.tsv").write_text("label\tx\tseries\n")
    (tmp_path / "c.csv").write_text("series,text,label\n")
    assert [told(str(tmp_path / name)) for name in ("a.csv", "b.tsv")] == ["SeriesClassification"] * 2
    assert told(str(tmp_path / "c.csv")) == "Classification"
    assert told(str(tmp_path)) == "SeriesClassification"


def test_a_folder_is_told_by_what_is_in_it(tmp_path, data_folder):
    for label in ("pos", "neg"):
        (tmp_path / "reviews" / label).mkdir(parents=True)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a text")
    assert told(str(tmp_path / "reviews")) == "Classification"
    assert told(str(tmp_path / "texts")) == "LanguageModelling"
    assert told(str(data_folder / "ud_english_ewt")) == "Tagging"
    assert told(str(data_folder / "classification" / "multivariate")) == "SeriesClassification"
    assert told(str(data_folder / "classification" / "sst")) == "Classification"
    assert told(str(data_folder / "classification" / "sms" / "SMSSpamCollection")) == "Classification"
    assert told(str(data_folder / "seq2seq" / "eng-fra-5000.txt.xz")) == "LanguageModelling"


def test_records_are_told_from_their_headers(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "100.hea").write_text("100 1 360 10\n")
    assert told(str(tmp_path / "a" / "b" / "100")) == told(str(tmp_path / "a")) == "Ecg"
    with tarfile.open(tmp_path / "records.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "a", arcname="a")
    assert told(str(tmp_path / "records.tar.xz")) == told(str(tmp_path / "records.tar.xz" / "a" / "b" / "100")) == "Ecg"
    (tmp_path / "texts.tar.gz").write_bytes(b"no archive")
    assert told(str(tmp_path / "texts.tar.gz")) == "Classification"


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
    found = {name: told(str(tmp_path / name)) for name in rows}
    assert [name for name, task in found.items() if task == "Forecasting"] == ["wide.csv", "long.csv", "quoted.csv"]
    for name in ("reviews.csv", "names.csv", "empty.csv"):
        (tmp_path / name).unlink()
    assert told(str(tmp_path)) == "Forecasting"
