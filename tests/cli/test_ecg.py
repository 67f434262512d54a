import csv

import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cli.predict import run
from elman.formats.wfdb.record import Record, read_annotations, write_record
from elman.tasks.ecg.fitted import EcgReader
from elman.tasks.ecg.generator import generate_ecg, generate_patients
from elman.tasks.ecg.settings import EcgPrediction
from elman.tasks.fitted import Picture


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A saved reader that has learned nothing, and so finds beats anywhere."""
    task = elman.Ecg(channels=4, hidden_size=8, num_layers=1)
    data = task.read_strips([patient.strip for patient in generate_patients(10, seconds=4)])
    place = tmp_path_factory.mktemp("model") / "ecg.elman"
    EcgReader(task=task, codec=data.codec, model=task.build(data.codec, key=jr.key(3))).save(place)
    return str(place)


@pytest.fixture
def records(tmp_path):
    """A folder of two records."""
    for number in (1, 2):
        strip = generate_ecg(12, rate=360, seed=number).strip
        signals = np.stack([strip.signal, 0.7 * strip.signal], axis=1)
        write_record(tmp_path / "records" / f"r{number}", Record(f"r{number}", signals, 360.0, ("I", "V5")))
    return tmp_path / "records"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "records").mkdir()
    monkeypatch.chdir(tmp_path)


def test_the_table_of_a_record(model, records, capsys):
    assert run([model, str(records / "r1")]) == 0
    head, *rows, summary = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["beat", "R", "at"]
    assert all(len(row.split()) == 17 for row in rows)
    assert summary.startswith("r1, leads I, V5: ")


def test_a_picture_of_each_record_and_the_lines_as_without(model, records, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert run([model, str(records)]) == 0
    lines = capsys.readouterr().out
    assert run([model, str(records), "--plot", "strip.svg", "--seconds", "3"]) == 0
    assert capsys.readouterr().out == lines
    assert {place.name for place in tmp_path.glob("*.svg")} == {"strip-r1.svg", "strip-r2.svg"}
    assert run([model, str(records / "r2"), "--plot", "one.png", "--leads", "V5", "--table", "none"]) == 0
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == ""


def test_a_stream_is_not_drawn(model):
    with pytest.raises(elman.ConfigError, match="leave out --plot or --stream"):
        run([model, "-", "--stream", "--rate", "360", "--plot", "a.png"])


def test_csv_and_annotations_say_the_same(model, records, tmp_path, capsys):
    place = str(records / "r1")
    assert run([model, place, "--table", "csv", "--leads", "I", "--annotations", str(records)]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    marks = read_annotations(place, "elm")
    peaks = [int(at) for at, symbol in zip(marks.samples, marks.symbols, strict=True) if symbol in "NSVFQ"]
    assert [int(row["R_sample"]) for row in rows] == peaks
    assert [int(row["QRS_onset_sample"]) for row in rows] == [
        int(before) for before, after in zip(marks.samples[:-1], marks.symbols[1:], strict=True) if after in "NSVFQ"
    ]


def test_parts_that_cannot_be_read_are_comments_or_beside_a_csv_warnings(model, tmp_path, capsys):
    signal = generate_ecg(12, rate=360, seed=1).strip.signal
    signals = np.stack([signal, np.where(np.arange(len(signal)) < 1080, 0.0, signal)], axis=1)
    write_record(tmp_path / "flat", Record("flat", signals, 360.0, ("I", "V5")))
    assert run([model, "flat"]) == 0
    assert capsys.readouterr().out.startswith("# lead V5: flat ")
    assert run([model, "flat", "--table", "csv"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("record,")
    assert said.err.startswith("flat: lead V5: flat ")


def test_output_is_lines_warnings_and_pictures_that_are_drawn_when_saved(model, records, tmp_path):
    pytest.importorskip("matplotlib")
    options = EcgPrediction(table="none", plot=str(tmp_path / "a.png"))
    [picture] = elman.load(model).output(str(records / "r1"), options=options)
    assert isinstance(picture, Picture)
    assert not picture.path.exists()
    picture.save()
    assert picture.path.read_bytes().startswith(b"\x89PNG")
