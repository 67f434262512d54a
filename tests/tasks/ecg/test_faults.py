import numpy as np
import pytest

from elman.tasks.ecg.faults import Fault, describe_faults, find_faults, unreadable
from elman.tasks.ecg.generator import Noise, generate_ecg, generate_patients
from elman.tasks.ecg.reading import read_strips
from elman.tasks.ecg.strip import Strip

RATE = 250


def ecg(seconds=20):
    """A made-up ECG as a converter of 5 uV a step gives it."""
    strip = generate_ecg(seconds, rate=RATE, noise=Noise(white=0.004, wander=0.1), seed=3).strip
    return strip._replace(signal=(np.round(strip.signal * 200) / 200).astype(np.float32))


def faults(signal, rate=RATE):
    known = np.ones(len(signal), bool)
    strip = Strip(signal.astype(np.float32), rate, "a", "II", "a", (), (), known, known)
    return [(fault.what, fault.onset, fault.end) for fault in find_faults(strip)]


def test_a_good_lead_has_no_faults():
    assert find_faults(ecg()) == ()
    assert [fault for person in generate_patients(20) for fault in find_faults(person.strip)] == []


@pytest.mark.parametrize("where", [(0, 700), (1000, 1600), (4000, 4999)])
def test_a_flat_piece_is_found_to_the_sample(where):
    signal = ecg().signal.copy()
    first, last = where
    signal[first : last + 1] = 2.5  # far from the signal beside it
    signal[first + 5 : last] += 0.002
    assert faults(signal) == [("flat", first, last)]


def test_a_lead_that_is_off_is_flat_throughout():
    assert faults(np.zeros(5000)) == [("flat", 0, 4999)]
    assert faults(np.full(5000, 0.1) + np.arange(5000) % 2 * 0.004) == [("flat", 0, 4999)]
    assert faults(np.zeros(100)) == [("flat", 0, 99)]
    assert faults(np.zeros(0)) == []


def test_a_pause_of_the_heart_is_not_flat():
    signal = ecg().signal.copy()
    signal[1000:1700] = np.random.default_rng(0).normal(0, 0.01, 700)
    assert faults(signal) == []


def test_missing_samples_are_found_where_they_are_many():
    signal = ecg().signal.copy()
    signal[100:109], signal[300:310], signal[4990:] = np.nan, np.nan, np.nan
    assert faults(signal) == [("missing", 300, 309), ("missing", 4990, 4999)]
    assert faults(np.full(1000, np.nan)) == [("missing", 0, 999)]


def test_a_signal_at_the_end_of_its_range_is_found():
    signal = ecg().signal.copy()
    signal[2000:2100], signal[3000:3003] = 5.0, 5.0
    assert faults(signal) == [("saturated", 2000, 2099)]
    signal[3500:3600] = -5.0
    assert faults(signal) == [("saturated", 2000, 2099), ("saturated", 3500, 3599)]


def test_peaks_that_are_cut_are_found():
    strip = ecg()
    peaks = [beat.sample for beat in strip.beats]
    result = faults(np.minimum(strip.signal * 8, 1.0))
    assert {what for what, _, _ in result} == {"saturated"}
    assert all(any(onset - 5 <= peak <= end + 5 for _, onset, end in result) for peak in peaks)


def test_a_wrong_gain_is_found():
    signal = ecg().signal
    assert faults(signal * 1000) == [("too large", 0, 4999)]
    assert faults(signal + 500) == []  # an electrode may have a steady voltage
    signal = signal.copy()
    signal[1000:1020] += 60  # a jolt
    assert faults(signal) == []


def test_a_real_record_has_none(data_folder):
    assert [find_faults(strip) for strip in read_strips(data_folder / "ecg" / "samples" / "mitdb")] == [(), ()]


def test_faults_are_told_with_lead_and_time():
    one = Fault("V1", 250, 499, "flat", 250.0)
    assert str(one) == "lead V1: flat from 1.00 s to 2.00 s"
    many = [Fault("II", 250 * n, 250 * n + 24, "saturated", 250.0) for n in range(1200)]
    assert describe_faults([one, *many]) == [
        "lead V1: flat from 1.00 s to 2.00 s",
        "lead II: saturated 1,200 times, 120.0 s together, first from 0.00 s to 0.10 s",
    ]
    assert describe_faults([]) == []
    assert not unreadable(many, 5000).any()
    assert np.flatnonzero(unreadable([one], 600)).tolist() == list(range(250, 500))
