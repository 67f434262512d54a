import csv

import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cli.evaluate import run as evaluate
from elman.cli.predict import run
from elman.formats.wfdb.record import Record, read_annotations, write_record
from elman.tasks.ecg.fitted import EcgReader
from elman.tasks.ecg.generator import generate_ecg, generate_patients
from elman.tasks.ecg.settings import EcgPrediction
from elman.tasks.output import Picture, Warning
from tests.formats.edf_bytes import Channel, annotations, edf


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
    remark, head, *rows, summary = capsys.readouterr().out.splitlines()
    assert remark.startswith("# kind - of 2 beats: ")
    assert head.split()[:3] == ["beat", "R", "sample"]
    assert all(len(row.split()) == 17 for row in rows)
    assert summary.startswith("r1, leads I, V5: ")


def test_records_of_every_form_are_read(model, records, tmp_path, capsys):
    strip = generate_ecg(12, rate=250, seed=1).strip
    steps = np.rint(strip.signal * 1000).astype("<i2")
    (tmp_path / "c.hea").write_text("c.mat 1 250 3000 05-May-2020\nc.mat 16+24 1000/mV 16 0 0 0 0 II\n#Age: 74\n")
    (tmp_path / "c.mat").write_bytes(bytes(24) + steps.tobytes())
    marks = annotations(*[b"+%d\x14\x14\0+%d.5\x14N\x14\0" % (second, second) for second in range(12)])
    holter = Channel("ECG II", steps.reshape(12, 250), "uV", (-32768, 32767))
    (tmp_path / "h.EDF").write_bytes(edf(holter, marks, kind="EDF+C"))
    tables = []
    for place in ("c.mat", "c", "h.EDF", "h"):
        assert run([model, place, "--table", "csv"]) == 0
        tables.append([row.split(",", 2)[2] for row in capsys.readouterr().out.splitlines()[1:]])
    assert tables[0]
    assert tables == tables[:1] * 4
    assert evaluate([model, "h.EDF"]) == 0
    assert "over 1 lead" in capsys.readouterr().out
    (tmp_path / "pressure.hea").write_text("pressure 1 250 3000\nc.mat 16+24 1000/mmHg 16 0 0 0 0 ABP\n")
    with pytest.raises(elman.DataError, match="pressure: ABP in 'mmHg'; expected an ECG in mV, uV or V"):
        run([model, "pressure"])
    (tmp_path / "two.hea").write_text(
        "two 2 250 1500\nc.mat 16+24 1/mmHg 16 0 0 0 0 ABP\nc.mat 16+24 1 16 0 0 0 0 II\n"
    )
    with pytest.raises(elman.DataError, match=r"two: no ECG lead 'abp' \(abp is in 'mmHg'\); it has II"):
        run([model, "two", "--leads", "abp"])


def test_a_picture_of_each_record_and_the_lines_as_without(model, records, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert run([model, str(records)]) == 0
    lines = capsys.readouterr().out
    assert run([model, str(records), "--plot", "strip.svg", "--seconds", "3"]) == 0
    assert capsys.readouterr().out == lines
    assert {place.name for place in tmp_path.glob("*.svg")} == {"strip-r1.svg", "strip-r2.svg"}
    assert run([model, str(records / "r2"), "--plot", "one.png", "--leads", "V5", "--table", "none"]) == 0
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    done = capsys.readouterr()
    assert done.out == ""
    assert "r2: kind - of 2 beats: " in done.err


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
    before = [("", 0), *zip(marks.symbols, marks.samples, strict=True)]
    at_beats = [pair for pair, beat in zip(before, marks.symbols, strict=False) if beat in "NSVFQ"]
    onsets = [str(at) if mark == "(" else "" for mark, at in at_beats]  # none where no complex was found
    assert [row["QRS_onset_sample"] for row in rows] == onsets


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
    warning, picture = elman.load(model).output(str(records / "r1"), options=options)
    assert isinstance(warning, Warning)
    assert isinstance(picture, Picture)
    assert not picture.path.exists()
    picture.save()
    assert picture.path.read_bytes().startswith(b"\x89PNG")
