import csv
import io

import pytest

from elman import DataError
from elman.tasks.ecg.beat_table import CSV_HEAD, TEXT_HEAD, BeatRow, BeatTable
from elman.tasks.ecg.detected import DetectedBeat, DetectedWave
from elman.tasks.ecg.generator import EDGE, NORMAL, generate_ecg
from elman.tasks.ecg.normal_limits import LIMITS


def beat(at, *, p=(-90, -70, -50), qrs=(-20, 20), t=(60, 100, 165), symbol="N", q=-8, s=9):
    """A beat with R at a sample, and its points from there."""
    return DetectedBeat(
        symbol,
        DetectedWave("QRS", at + qrs[0], at, at + qrs[1], 0.987),
        None if q is None else at + q,
        None if s is None else at + s,
        p and DetectedWave("P", *(at + point for point in p), 0.91),
        t and DetectedWave("T", *(at + point for point in t), 0.88),
    )


def test_intervals_by_hand():
    row = BeatRow.of(beat(1000), before=600, rate=500, number=3)
    assert (row.PR, row.QRS, row.QT, row.RR, row.rate) == (140, 80, 370, 800, 75)
    assert row.QTcB == pytest.approx(370 / 0.8**0.5)
    assert row.QTcF == pytest.approx(370 / 0.8 ** (1 / 3))
    # At one beat a second, no correction changes QT.
    steady = BeatRow.of(beat(1000), before=500, rate=500, number=3)
    assert steady.QTcB == steady.QTcF == steady.QT


def test_what_is_not_there_is_not_measured():
    row = BeatRow.of(beat(1000, p=None, t=None, q=None, s=None), before=None, rate=500, number=1)
    assert (row.PR, row.QT, row.QTcB, row.QTcF, row.RR, row.rate) == (None,) * 6
    assert row.marks == {}
    assert row.line().split() == ["1", "1000", "N", "none", "-", "2.000", "-", "-", "-", "80", *"-------"]


@pytest.mark.parametrize(
    ("changed", "before", "marks"),
    [
        ({"p": (-120, -100, -80)}, 600, {}),
        ({"p": (-121, -100, -80)}, 600, {"PR": "H"}),
        ({"p": (-80, -60, -40)}, 600, {}),
        ({"p": (-79, -60, -40)}, 600, {"PR": "L"}),
        ({"qrs": (-20, 30)}, 600, {}),
        ({"qrs": (-20, 31)}, 600, {"QRS": "H"}),
        ({"qrs": (-20, 10)}, 600, {}),
        ({"qrs": (-20, 9)}, 600, {"QRS": "L"}),
        ({}, 500, {}),
        ({}, 499, {"rate": "L"}),
        ({}, 701, {"QTcB": "H", "rate": "H"}),
        ({"t": (60, 100, 135)}, 600, {"QTcB": "L", "QTcF": "L"}),
    ],
)
def test_limits_themselves_are_inside(changed, before, marks):
    assert BeatRow.of(beat(1000, **changed), before=before, rate=500, number=2).marks == marks


def test_what_the_first_sample_cuts_is_not_measured():
    cut = BeatRow.of(beat(20, p=None), before=None, rate=500, number=1)
    assert (cut.QRS, cut.QT) == (None, None)
    cut = BeatRow.of(beat(90), before=None, rate=500, number=1)
    assert (cut.PR, cut.QRS) == (None, 80)


def test_a_table_of_beats():
    table = BeatTable.of([beat(500), beat(900, symbol="V", p=None), beat(1400)], rate=500, record="r", lead="II")
    assert [row.RR for row in table.rows] == [None, 800, 1000]
    assert table.mean_rate == pytest.approx(2 * 60 / 1.8)
    assert table.medians() == pytest.approx(
        {"PR": 140, "QRS": 80, "QT": 370, "QTcB": (370 / 0.8**0.5 + 370) / 2, "QTcF": (370 / 0.8 ** (1 / 3) + 370) / 2}
        | {"RR": 900, "rate": 67.5}
    )
    assert table.outside() == {}
    assert table.summary() == (
        "r, lead II: 3 beats, mean rate 67 a minute; medians RR 900 ms, PR 140 ms, QRS 80 ms, QT 370 ms, QTcB 392 ms, "
        "QTcF 384 ms; 1 without P wave; all inside the usual limits"
    )


def test_a_summary_counts_beats_outside_and_why():
    beats = [beat(500), beat(900, qrs=(-40, 40)), beat(1150, qrs=(-40, 40)), beat(1500)]
    table = BeatTable.of(beats, rate=500)
    assert table.outside() == {"PR": 2, "QRS": 2, "QTcB": 2, "QTcF": 1, "rate": 1}
    assert table.summary().endswith("2 (50%) outside the usual limits: PR 2, QRS 2, QTcB 2, QTcF 1, rate 1")


def test_no_interval_goes_over_a_part_that_was_not_read():
    beats = [beat(500), beat(900), beat(1300)]
    assert [row.RR for row in BeatTable.of(beats, rate=500, breaks=[(600, 700)]).rows] == [None, None, 800]
    assert [row.RR for row in BeatTable.of(beats, rate=500, breaks=[(0, 400)]).rows] == [None, 800, 800]


def test_lines_stand_below_their_heads():
    table = BeatTable.of([beat(500), beat(900, p=None, t=None), beat(1_000_000)], rate=500)
    head, *lines = table.lines()
    assert head == TEXT_HEAD
    row = lines[2]
    assert len(row) == len(head)
    ends = {word: head.index(word) + len(word) for word in ("beat", "R sample", "kind", "P s", "R s", "S s", "T sure")}
    assert row[: ends["R sample"]].endswith("1000000")
    assert row[: ends["kind"]].endswith("N")
    assert row[: ends["P s"]].endswith("1999.860")
    assert row[: ends["S s"]].endswith("2000.018")
    assert row[: ends["T sure"]].endswith("88%")
    assert lines[1][: ends["P s"]].endswith("none")


def test_csv_has_samples_seconds_and_marks():
    table = BeatTable.of([beat(500), beat(900, p=None)], rate=500, record="r", lead="V1, x")
    first, second = csv.DictReader(io.StringIO(table.csv()))
    assert tuple(first) == CSV_HEAD
    assert (first["record"], first["lead"], first["beat"], first["kind"]) == ("r", "V1, x", "1", "N")
    assert (first["P_onset_sample"], first["R_sample"], first["T_end_sample"]) == ("410", "500", "665")
    assert (first["P_onset_s"], first["R_s"], first["T_end_s"]) == ("0.82", "1", "1.33")
    assert (first["PR_ms"], first["RR_ms"], first["P_confidence"]) == ("140", "", "0.91")
    assert (second["P_sample"], second["PR_ms"], second["P_confidence"]) == ("", "", "")
    assert (second["RR_ms"], second["rate_per_minute"], second["outside"]) == ("800", "75", "")
    assert table.csv(head=False).splitlines() == table.csv().splitlines()[1:]


@pytest.mark.parametrize("rate", [128, 360, 1000, 2000, 257.3])
def test_times_in_csv_read_back_as_their_samples(rate):
    samples = [401, 90_017, 31_104_003]  # of a day at 360 a second
    rows = csv.DictReader(io.StringIO(BeatTable.of([beat(at) for at in samples], rate=rate).csv()))
    assert [round(float(row["R_s"]) * rate) for row in rows] == samples


def test_no_beat_is_a_table_too():
    table = BeatTable.of([], rate=500, record="r")
    assert table.summary() == "r: no beat"
    assert table.lines() == [TEXT_HEAD]
    assert table.mean_rate is None


def test_a_table_of_several_leads_together_says_so():
    assert BeatTable.of([], rate=500, record="r", lead="I, II").summary() == "r, leads I, II: no beat"


def test_one_beat_has_no_rate():
    assert "mean rate" not in BeatTable.of([beat(500)], rate=500).summary()


def test_what_cannot_be_is_refused():
    with pytest.raises(DataError, match="beat 2 at sample 400: expected one after 500"):
        BeatTable.of([beat(500), beat(400)], rate=500)
    with pytest.raises(DataError, match="rate: expected samples a second above 0; got 0"):
        BeatTable.of([], rate=0)


def test_every_limit_is_of_a_value_of_the_table():
    assert all(hasattr(BeatRow.of(beat(500), before=None, rate=500, number=1), name) for name in LIMITS)


def test_intervals_of_a_generated_ecg_are_those_it_was_made_with():
    strip, times, _ = generate_ecg(20, rate=1000, heart_rate=60, variability=0, absent_p=0.3, seed=1)
    waves = [DetectedWave(*wave, 1.0) for wave in strip.waves]
    places = {wave.peak: place for place, wave in enumerate(waves) if wave.kind == "QRS"}
    beats = []
    for known in strip.beats[1:-1]:
        place = places[known.sample]
        before, qrs, after = waves[place - 1 : place + 2]
        beats.append(DetectedBeat(known.symbol, qrs, None, None, before if before.kind == "P" else None, after))
    table = BeatTable.of(beats, rate=strip.rate)
    missing = [one.p is None for one in times[1:-1]]
    assert [row.PR is None for row in table.rows] == missing
    assert 0 < sum(missing) < len(missing)
    # A bump reaches from its middle by 2.5 widths to either side.
    q, s, p, t = NORMAL.q, NORMAL.s, NORMAL.p, NORMAL.t
    begin, end = q.place - EDGE * q.width, s.place + EDGE * s.width
    medians = table.medians()
    assert medians["QRS"] == pytest.approx(1000 * (end - begin), abs=2)
    assert medians["PR"] == pytest.approx(1000 * (begin - p.place + EDGE * p.width), abs=2)
    assert medians["QT"] == pytest.approx(1000 * (t.place + EDGE * t.width - begin), abs=2)
    assert medians["QTcB"] == pytest.approx(medians["QT"], abs=3)
    assert table.mean_rate == pytest.approx(60, abs=0.1)
