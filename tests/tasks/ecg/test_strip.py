import numpy as np
import pytest

from elman import DataError
from elman.formats.wfdb.record import Record
from elman.tasks.ecg.strip import KINDS, Beat, Strip, Wave, at_rate, kind_of, strips_of


def strip(length=1000, rate=500.0, **parts):
    known = np.zeros((2, length), bool)
    known[0, 100:200], known[1, 300:] = True, True
    signal = np.sin(2 * np.pi * 5 * np.arange(length) / rate).astype(np.float32)
    result = Strip(signal, rate, "a", "II", "p", waves=(), beats=(), known=known[0], beats_known=known[1])
    return result._replace(**parts)


def test_the_kinds_are_those_of_the_standard():
    assert {symbol: kind_of(symbol) for symbol in "NLRejAaJSVEFfQ/"} == dict(
        zip("NLRejAaJSVEFfQ/", "NNNNNSSSSVVFQQQ", strict=True)
    )
    assert [kind_of(symbol) for symbol in '+~|"[]!()ptu'] == [None] * 12
    assert tuple(KINDS) == ("N", "S", "V", "F", "Q")


def test_another_rate_moves_everything():
    waves, beats = (Wave("QRS", 100, 110, 121), Wave("T", 150, 150, 999)), (Beat(111, "V", "V"),)
    moved = at_rate(strip(waves=waves, beats=beats), 250)
    assert (moved.rate, len(moved.signal), moved.signal.dtype) == (250, 500, np.float32)
    np.testing.assert_allclose(moved.signal[50:-50], np.sin(2 * np.pi * 5 * np.arange(50, 450) / 250), atol=2e-3)
    assert moved.waves == (Wave("QRS", 50, 55, 60), Wave("T", 75, 75, 499))
    assert moved.beats == (Beat(56, "V", "V"),)
    assert np.flatnonzero(np.diff(moved.known.astype(int))).tolist() == [49, 99]
    assert np.flatnonzero(np.diff(moved.beats_known.astype(int))).tolist() == [149]
    assert at_rate(moved, 250) is moved


def test_at_a_rate_that_is_nearly_another_marks_stay_at_their_samples():
    length = 400_000  # half an hour of 249.89 Hz is 0.8 s longer than of 250 Hz
    signal, places = np.zeros(length, np.float32), np.arange(1000, length, 1000)
    signal[places] = 1
    known = np.ones(length, bool)
    beats = tuple(Beat(int(place), "N", "N") for place in places)
    result = at_rate(Strip(signal, 249.89, "a", "II", "p", (), beats, known, known), 250)
    marks = np.array([beat.sample for beat in result.beats])
    assert result.signal[marks].min() > 0.5
    result = at_rate(Strip(signal, 333.33, "a", "II", "p", (), beats, known, known), 250)
    marks = np.array([beat.sample for beat in result.beats])
    assert np.max([result.signal[marks + shift] for shift in (-1, 0, 1)], axis=0).min() > 0.5


@pytest.mark.parametrize("rate", [100, 128, 250, 360, 1000])
def test_marks_and_masks_stay_inside(rate):
    wave, last = Wave("P", 0, 500, 999), Beat(999, "N", "N")
    moved = at_rate(strip(waves=(wave,), beats=(last,)), rate)
    assert len(moved.known) == len(moved.beats_known) == len(moved.signal) == 2 * rate
    assert moved.waves[0].end < len(moved.signal)
    assert moved.beats[0].sample < len(moved.signal)


def test_leads_have_names_of_their_own():
    record = Record("a", np.zeros((3, 5), np.float32), 250.0, ("ECG", "", "ECG", "V1", ""), place="x/a")
    assert [one.lead for one in strips_of(record)] == ["ECG 1", "2", "ECG 2", "V1", "5"]
    for leads, names in (
        (("ECG", "ECG", "ECG 1"), ["ECG 2", "ECG 3", "ECG 1"]),
        (("II", "ii", "V1"), ["II 1", "ii 2", "V1"]),
        (("", "1"), ["1 1", "1 2"]),
        (("a 1", "a", "a", "A"), ["a 1", "a 2", "a 3", "A 4"]),
    ):
        record = Record("a", np.zeros((3, len(leads)), np.float32), 250.0, leads)
        assert [one.lead for one in strips_of(record)] == names


def test_a_rate_that_shows_no_wave_is_refused():
    record = Record("a", np.zeros((3, 1), np.float32), 10.0, ("II",), place="x/a")
    with pytest.raises(DataError, match="x/a: 10 samples a second; expected at least 50.*is the rate right"):
        strips_of(record)
    with pytest.raises(DataError, match=r"x/a: 1e\+12 samples a second; expected 100,000 at most"):
        strips_of(record._replace(rate=1e12))


@pytest.mark.parametrize(
    ("lead", "unit", "message"),
    [
        ("II", "mmHg", "lead 'II' is in 'mmHg'; expected an ECG in mV, uV or V"),
        ("aVR", "pacemaker", "lead 'aVR' is in 'pacemaker'"),
        ("MLII", "", "lead 'MLII' is in no unit"),
        ("ECG left", "uncalibrated", "lead 'ECG left' is in 'uncalibrated'"),
        ("v3r", "x" * 5000, "lead 'v3r' is in 'xxxx"),
    ],
)
def test_an_ecg_lead_in_another_unit_is_refused_and_not_left_out(lead, unit, message):
    record = Record("a", np.zeros((3, 2), np.float32), 250.0, ("I", lead), ("mV", unit), place="x/a")
    with pytest.raises(DataError, match=f"x/a: {message}") as raised:
        strips_of(record)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("unit", "size"), [("uV", 1e-3), ("µV", 1e-3), ("μV", 1e-3), ("microvolts", 1e-3), ("MilliVolt", 1), ("volt", 1000)]
)
def test_voltages_have_several_names(unit, size):
    record = Record("a", np.array([[2.0]], np.float32), 250.0, ("II",), (unit,))
    assert strips_of(record)[0].signal.tolist() == [pytest.approx(2 * size)]


def test_units_become_millivolts_and_other_signals_are_left_out():
    values = np.array([[1, 2, 3, 4]], np.float32)
    record = Record("a", values, 250.0, ("I", "ABP", "II", "V1"), ("mV", "mmHg", "uV", "V"), place="x/a")
    strips = strips_of(record, patient="p")
    assert [(one.lead, one.signal.tolist()) for one in strips] == [
        ("I", [1]),
        ("II", [pytest.approx(0.003)]),
        ("V1", [4000]),
    ]
    assert {(one.patient, one.record, one.place) for one in strips} == {("p", "a", "x/a")}
    assert not any(one.known.any() or one.beats_known.any() for one in strips)
    with pytest.raises(DataError, match=r"x/a: ABP in 'mmHg'; expected an ECG in mV, uV or V"):
        strips_of(record._replace(signals=values[:, 1:2], leads=("ABP",), units=("mmHg",)))
