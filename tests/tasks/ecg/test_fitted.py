import csv
import io
from dataclasses import replace

import equinox as eqx
import jax.random as jr
import numpy as np
import pytest
from msgspec.structs import replace as struct_with

import elman
from elman.artefact import SavedState
from elman.formats.wfdb.record import Record, read_annotations, read_record, write_record
from elman.tasks.ecg.delineation import PointScores
from elman.tasks.ecg.fitted import EcgReader
from elman.tasks.ecg.generator import generate_ecg, generate_patients
from elman.tasks.ecg.settings import EcgPrediction
from elman.tasks.output import Warning
from elman.training.reporters import Quiet

SMALL = dict(channels=4, hidden_size=16, num_layers=1, seconds=4)


@pytest.fixture(scope="module")
def reader():
    """A small causal reader of generated ECGs, which finds QRS complexes and T waves, and its data."""
    task = elman.Ecg(**SMALL, causal=True)
    data = task.read_strips([patient.strip for patient in generate_patients(60)])
    return elman.fit(task, data, steps=100, evaluations=2, learning_rate=0.02, report=Quiet()), data


def record(seconds=30.0, rate=360.0, leads=2, seed=7):
    ecg = generate_ecg(seconds, rate=rate, heart_rate=75, ventricular=0.1, seed=seed)
    signals = np.stack([ecg.strip.signal * (0.8 + 0.2 * lead) for lead in range(leads)], axis=1)
    leads, places = ("I", "II", "III")[:leads], np.array([beat.sample for beat in ecg.strip.beats])
    return Record("made", signals, rate, leads), places


def scores(beats, truth, rate=360.0):
    return PointScores.of(truth, np.array([beat.sample for beat in beats]), rate=rate)


def key(beat):
    """All but the confidences, which differ by rounding."""
    return beat.symbol, beat.q, beat.s, *(wave and wave[:4] for wave in (beat.qrs, beat.p, beat.t))


def streamed(fitted, values, piece, rate=360.0):
    stream = fitted.stream(rate=rate, leads=values.shape[1])
    state, pieces = stream.start(), []
    for at in range(0, len(values), piece):
        state, more = stream.step(state, values[at : at + piece])
        pieces += more
    return pieces + stream.finish(state)


def test_beats_are_found_in_each_lead_and_in_all_together(reader):
    made, truth = record()
    reading = reader[0].predict(made)
    assert list(reading.leads) == ["I", "II"]
    for beats in (*reading.leads.values(), reading.beats):
        assert scores(beats, truth).f1 > 0.97
    assert abs(scores(reading.beats, truth).mean_ms) < 5
    table = reading.table()
    assert pytest.approx((table.rows[1].beat.sample - table.rows[0].beat.sample) / 0.36) == table.rows[1].RR
    assert [key(beat) for beat in reader[0].predict(made, leads=["II"]).beats] == [key(b) for b in reading.leads["II"]]


@pytest.mark.optimised
@pytest.mark.parametrize("piece", [1, 50, 4000])
def test_a_stream_gives_what_the_whole_does(reader, piece):
    made, _ = record(seconds=3.0 if piece == 1 else 20.0)
    values = made.signals.astype(float)
    whole = reader[0].predict(made).beats
    assert [key(beat) for beat in streamed(reader[0], values, piece)] == [key(beat) for beat in whole]
    assert len(whole) > 2


def test_a_stream_keeps_no_more_the_longer_it_is(reader):
    made, _ = record(seconds=60.0)
    stream = reader[0].stream(rate=360.0, leads=2)
    state, sizes = stream.start(), []
    for at in range(0, len(made.signals), 720):
        state, _ = stream.step(state, made.signals[at : at + 720].astype(float))
        kept = [state.unanswered, state.waiting, *(part for one in state.beats.streams for part in one[:3])]
        sizes.append(sum(array.shape[0] * np.prod(array.shape[1:]) for array in kept))
    assert max(sizes[15:]) <= 1.5 * max(sizes[:15])
    assert stream.look_ahead < 0.102


def test_flat_and_missing_leads_are_told_and_not_read(reader):
    made, truth = record()
    signals = made.signals.copy()
    signals[3600:7200, 0] = 0.3
    signals[7200:, 1] = np.nan
    reading = reader[0].predict(made._replace(signals=signals))
    assert [(fault.lead, fault.what) for fault in reading.faults] == [("I", "flat"), ("II", "missing")]
    assert not any(3640 <= beat.sample < 7160 for beat in reading.leads["I"])
    assert max(beat.sample for beat in reading.leads["II"]) < 7240
    assert scores(reading.beats, truth).f1 > 0.95  # from the lead that can be read
    assert reader[0].predict(made._replace(signals=np.zeros_like(signals))).beats == ()


def test_verify_knows_the_ways_to_compute(reader, tmp_path):
    reader[0].save(tmp_path / "ecg.elman")
    assert elman.verify(tmp_path / "ecg.elman").agrees
    assert set(reader[0].differences()) == {"alone or beside others", "whole or piece by piece"}
    loaded = elman.load(tmp_path / "ecg.elman")
    assert loaded.predict(record()[0]).beats == reader[0].predict(record()[0]).beats
    assert loaded.summary == "P, QRS and T, kinds of beats N, S, V"


@pytest.mark.parametrize(
    ("kinds", "line"),
    [
        ((), "kind - of {others} beats: training had no kinds of beats"),
        (("N",), "every beat is N, the only kind that training had"),
        (("S", "V"), "kind - of {others} beats: most like N, F or Q, which training never had; it had S, V"),
    ],
)
def test_beats_of_kinds_that_training_never_had_have_no_kind(reader, tmp_path, kinds, line):
    """A model with fewer kinds; the scores of the others are small where a training had one kind alone."""
    fitted, data = reader
    codec, model = struct_with(fitted.codec, kinds=kinds), fitted.model
    if len(kinds) == 1:
        model = eqx.tree_at(lambda model: model.heads[1].bias, model, model.heads[1].bias.at[2:].set(-99.0))
    fewer, (made, _) = replace(fitted, codec=codec, model=model), record(seconds=20.0)
    write_record(tmp_path / "made", made)
    before, after = fitted.predict(made).beats, fewer.predict(made).beats
    expected = ["N" if len(kinds) == 1 else beat.kind if beat.kind in kinds else "-" for beat in before]
    assert [beat.kind for beat in after] == expected
    line = line.format(others=expected.count("-"))
    first, *_ = fewer.output(str(tmp_path / "made"), options=EcgPrediction())
    assert first == f"# {line}"
    options = EcgPrediction(table="csv", annotations=str(tmp_path))
    warning, *rows = fewer.output(str(tmp_path / "made"), options=options)
    assert warning == Warning(f"made: {line}")
    assert [row["kind"] for row in csv.DictReader(rows)] == expected
    symbols = read_annotations(tmp_path / "made", "elm").symbols
    assert {*symbols} <= {*"()ptNSVQ"}
    assert ("Q" in symbols) == ("-" in expected)
    (tmp_path / "lines.txt").write_text("".join(f"{a} {b}\n" for a, b in made.signals.tolist()))
    _, *lines = fewer.output(str(tmp_path / "lines.txt"), options=EcgPrediction(stream=True, rate=360))
    rows = [one for one in lines if isinstance(one, str)]
    assert [one.text[:19] for one in lines if one not in rows] == ["a beat of the kind "] * ("-" in expected)
    assert rows[-1] == f"# {line}"
    assert [row.split()[2] for row in rows if not row.startswith("#")] == expected
    metrics = fewer.evaluate(replace(data.test, codec=codec))
    there = {beat.kind for strip in data.test.examples for beat in strip.beats}
    assert {*metrics.unlearned} == there - {*kinds}
    how = "count as not right" if kinds else "are not measured"
    assert (f"training never had {how}: " in metrics.report()) == bool(metrics.unlearned)
    if kinds == ("S", "V"):
        assert metrics.beats.sensitivity("N") == 0
        assert metrics.beats.accuracy < 0.5


def test_records_become_tables_and_annotations(reader, tmp_path):
    made, _ = record(seconds=8.0)
    write_record(tmp_path / "made", made)
    lines = list(reader[0].output(str(tmp_path / "made"), options=EcgPrediction(annotations=str(tmp_path / "out"))))
    reading = reader[0].predict(read_record(tmp_path / "made"))
    assert lines == reading.table().text().splitlines()
    written = list(reader[0].output(str(tmp_path / "made"), options=EcgPrediction(each_lead=True, table="csv")))
    assert [line.startswith("record,") for line in written].count(True) == 1
    assert {line.split(",")[1] for line in written[1:]} == {"I", "II"}
    assert (tmp_path / "out" / "made.elm").stat().st_size > 20


def test_the_records_before_one_that_cannot_be_read_are_answered(reader, tmp_path):
    made, _ = record(seconds=8.0)
    for name in ("a", "b", "c"):
        write_record(tmp_path / name, made)
    (tmp_path / "b.dat").unlink()
    whole = list(reader[0].output(str(tmp_path / "a"), options=EcgPrediction()))
    result = reader[0].output(str(tmp_path), options=EcgPrediction())
    assert [next(result) for _ in whole] == whole
    with pytest.raises(elman.DataError, match=r"b\.dat"):
        next(result)
    passed = [*reader[0].output(str(tmp_path), options=EcgPrediction(on_error="skip"))]
    again = [line.replace("a, lead", "c, lead") for line in whole]
    assert [one for one in passed if isinstance(one, str)] == whole + again
    assert [one.text.endswith("; left out") for one in passed if not isinstance(one, str)] == [True]
    (tmp_path / "a.hea").write_text("a many 360\n")
    blank = [*reader[0].output(str(tmp_path), options=EcgPrediction(on_error="blank"))]
    assert [one for one in blank if isinstance(one, str)] == ["a: not read", "b: not read", *again]
    rows = [*reader[0].output(str(tmp_path), options=EcgPrediction(on_error="blank", table="csv"))]
    rows = list(csv.DictReader(row for row in rows if isinstance(row, str)))
    assert [row["record"] for row in rows][:3] == ["a", "b", "c"]
    assert {*rows[1].values()} == {"b", ""}


def test_a_bad_sample_is_left_out_or_missing(reader, tmp_path):
    made, _ = record(seconds=8.0)
    lines = [f"{a:.6f},{b:.6f}\n" for a, b in made.signals]
    (tmp_path / "bad").write_text("".join([*lines[:1000], "x,1\n", *lines[1001:]]))
    (tmp_path / "missing").write_text("".join([*lines[:1000], ",\n", *lines[1001:]]))
    (tmp_path / "short").write_text("".join([*lines[:1000], *lines[1001:]]))
    options = dict(stream=True, rate=360.0)
    for on_error, same in (("blank", "missing"), ("skip", "short")):
        result = list(reader[0].output(str(tmp_path / "bad"), options=EcgPrediction(**options, on_error=on_error)))
        assert [one for one in result if isinstance(one, str)] == list(
            reader[0].output(str(tmp_path / same), options=EcgPrediction(**options))
        )
        assert sum("line 1001" in one.text for one in result if not isinstance(one, str)) == 1


def test_a_table_is_read_as_a_record_is(reader, tmp_path, monkeypatch):
    made, _ = record(seconds=8.0)
    rows = "".join(f"{n / 360:.6f},{a:.6f},{b:.6f}\n" for n, (a, b) in enumerate(made.signals))
    (tmp_path / "made.csv").write_text("time,I,II\n" + rows)
    lines = list(reader[0].output(str(tmp_path / "made.csv"), options=EcgPrediction()))
    assert lines == reader[0].predict(made).table().text().splitlines()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "made.csv").read_bytes())))
    piped = list(reader[0].output("-", options=EcgPrediction()))
    assert [line.replace("standard input, lead", "made, lead") for line in piped] == lines


def test_leads_of_one_name_are_numbered(reader):
    made, _ = record(seconds=8.0)
    reading = reader[0].predict(made._replace(leads=("ECG", "ECG")))
    assert list(reading.leads) == ["ECG 1", "ECG 2"]


def test_no_interval_goes_over_a_part_that_no_lead_shows(reader):
    made, _ = record()
    signals = made.signals.copy()
    signals[3600:5400] = np.nan
    table = reader[0].predict(made._replace(signals=signals)).table()
    after = next(row for row in table.rows if row.beat.sample > 5400)
    assert after.RR is None
    assert sum(row.RR is None for row in table.rows) == 2


def test_lines_of_numbers_are_a_stream(reader, tmp_path):
    made, _ = record(seconds=8.0)
    (tmp_path / "lines").write_text("".join(f"{a:.6f},{b:.6f}\n" for a, b in made.signals))
    lines = list(reader[0].output(str(tmp_path / "lines"), options=EcgPrediction(stream=True, rate=360.0)))
    values = np.array([[round(float(x), 6) for x in row] for row in made.signals])
    assert len(lines) - 1 == len(streamed(reader[0], values, 256))
    flat = "".join(f"{a:.6f},{0.1 if n > 720 else b:.6f}\n" for n, (a, b) in enumerate(made.signals))
    (tmp_path / "flat").write_text(flat)
    lines = list(reader[0].output(str(tmp_path / "flat"), options=EcgPrediction(stream=True, rate=360.0)))
    assert [line[:25] for line in lines if line.startswith("#")] == ["# lead 2: nothing to read"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1\n", dict(), "rate: a stream does not say it; give the samples a second, 50 or more"),
        ("1\n", dict(rate=1.0), "rate: a stream does not say it"),
        ("1\nx\n", dict(rate=250.0), "line 2, column 1: .*x"),
        ("1 2\n3\n", dict(rate=250.0), "line 2: 1 column; expected 2"),
    ],
)
def test_streams_that_cannot_be_read(reader, tmp_path, text, options, message):
    (tmp_path / "lines").write_text(text)
    with pytest.raises(elman.InputError, match=message):
        list(reader[0].output(str(tmp_path / "lines"), options=EcgPrediction(stream=True, **options)))


def test_beats_before_a_bad_line_are_told(reader, tmp_path):
    made, _ = record(seconds=8.0)
    text = "".join(f"{a:.6f},{b:.6f}\n" for a, b in made.signals)
    (tmp_path / "good").write_text(text)
    (tmp_path / "bad").write_text(text + "0.1\n")
    options, lines = EcgPrediction(stream=True, rate=360.0), []
    whole = list(reader[0].output(str(tmp_path / "good"), options=options))

    def read_all():
        for line in reader[0].output(str(tmp_path / "bad"), options=options):
            lines.append(line)

    with pytest.raises(elman.DataError, match="line 2,?881"):
        read_all()
    assert len(lines) > len(whole) - 3  # without those of the last rows, which came together with the bad one


def test_leads_are_chosen_by_name_whatever_the_case(reader):
    made, _ = record(seconds=4.0, leads=3)
    assert list(reader[0].predict(made, leads=["iii,I"]).leads) == ["III", "I"]


def test_what_cannot_be_read_is_refused(reader):
    made, _ = record(seconds=4.0)
    with pytest.raises(elman.DataError, match="no ECG lead 'IV'; did you mean 'II'|no ECG lead 'IV'.*it has I, II"):
        reader[0].predict(made, leads=["IV"])
    with pytest.raises(elman.DataError, match="expected an ECG in mV"):
        reader[0].predict(made._replace(units=("mmHg", "mmHg")))
    stream = reader[0].stream(rate=360.0, leads=2)
    with pytest.raises(elman.DataError, match="expected 2 numbers a line"):
        stream.step(stream.start(), np.zeros((3, 1)))
    task, codec = elman.Ecg(**SMALL), reader[0].codec
    fitted = EcgReader(task=task, codec=codec, model=task.build(codec, key=jr.key(0)))
    with pytest.raises(elman.ConfigError, match="reads from both ends; for a stream, train one with --causal"):
        fitted.stream(rate=360.0)
    with pytest.raises(elman.ConfigError, match="reads from both ends"):
        next(iter(fitted.output("-", options=EcgPrediction(stream=True, rate=360))))  # no head before the error


def test_a_session_is_saved_between_its_pieces_and_finds_what_predict_does(reader):
    fitted, _ = reader
    (ecg, _), random = record(seconds=12.0), np.random.default_rng(0)
    session, at, beats, infos = fitted.session(rate=360, leads=2), 0, [], []
    while at < len(ecg.signals):
        stop = at + int(random.integers(0, 900))
        beats += session.feed(ecg.signals[at:stop])
        infos += session.changes
        at = stop
        again = fitted.session(session.to_bytes())
        assert again.diff(session) == {}
        session = again
    fork = session.fork()
    beats += session.finish()
    assert [*map(key, beats)] == [*map(key, fitted.predict(ecg).beats)]
    assert beats
    assert session.diff(fork) == {}
    assert session.position == len(ecg.signals)
    session.feed(np.zeros((720, 2)))
    assert session.changes
    assert session.diff(fork)["heard"] > 400


def test_a_session_refuses_what_is_no_ecg(reader):
    fitted, _ = reader
    for options, message in (
        ({}, "samples a second, 50 or more"),
        ({"rate": 20}, "50 or more"),
        ({"rate": 250, "leads": 0}, "leads"),
        ({"rate": 250, "lead": 1}, "no option 'lead'; did you mean 'leads'"),
    ):
        with pytest.raises(elman.ConfigError, match=message):
            fitted.session(**options)
    session = fitted.session(rate=250)
    assert session.feed([]) == session.finish() == []
    for samples, message in (("ab", "numbers in mV"), ([[1, 2]], "expected 1 numbers"), ([np.inf], "infinite")):
        with pytest.raises(elman.DataError, match=message):
            session.feed(samples)
    saved = session.contents()
    for values in ({}, {"rate": -1.0, "leads": 1}, {"rate": 250.0, "leads": 2}):
        with pytest.raises(elman.ArtefactError):
            fitted.saved_session(SavedState(values, saved.arrays))
