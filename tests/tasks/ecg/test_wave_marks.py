import pytest

from elman.formats.wfdb.record import write_annotations
from elman.tasks.ecg.detected import DetectedBeat, DetectedWave
from elman.tasks.ecg.wave_marks import wave_marks
from tests.conformance.peers import peer


def beat(at, symbol="N", p=True):
    return DetectedBeat(
        symbol,
        DetectedWave("QRS", at - 20, at, at + 25, 0.9),
        at - 9,
        at + 9,
        DetectedWave("P", at - 90, at - 70, at - 50, 0.9) if p else None,
        DetectedWave("T", at + 60, at + 100, at + 140, 0.9),
    )


def test_marks_are_those_of_an_expert():
    marks = wave_marks([[beat(200), beat(600, "V", p=False)]])
    assert "".join(marks.symbols) == "(p)(N)(t)(V)(t)"
    assert marks.samples.tolist() == [110, 130, 150, 180, 200, 225, 260, 300, 340, 580, 600, 625, 660, 700, 740]
    assert marks.numbers.tolist() == [0, 0, 0, 1, 0, 1, 2, 0, 2, 1, 0, 1, 2, 0, 2]


def test_leads_are_told_apart():
    marks = wave_marks([[beat(200)], [beat(205)]])
    assert list(marks.samples) == sorted(marks.samples)
    assert sorted(zip(marks.channels, marks.samples, strict=True)) == [
        *((0, sample) for sample in (110, 130, 150, 180, 200, 225, 260, 300, 340)),
        *((1, sample + 5) for sample in (110, 130, 150, 180, 200, 225, 260, 300, 340)),
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # wfdb's own, of pandas
def test_wfdb_reads_what_is_written(tmp_path):
    wfdb = peer("wfdb")
    marks = wave_marks([[beat(200), beat(100_600, "S")], [beat(230)]])
    write_annotations(tmp_path / "r", "elm", marks)
    theirs = wfdb.rdann(str(tmp_path / "r"), "elm")
    assert theirs.sample.tolist() == marks.samples.tolist()
    assert tuple(theirs.symbol) == marks.symbols
    assert theirs.chan.tolist() == marks.channels.tolist()
    assert theirs.num.tolist() == marks.numbers.tolist()


def test_no_beat_has_no_mark():
    assert wave_marks([[]]).symbols == wave_marks([]).symbols == ()
