import numpy as np
import pytest

from elman.lessons import qrs
from elman.tasks.ecg.detected import DetectedBeat, DetectedWave
from elman.tasks.ecg.generator import NORMAL


def test_points_are_where_the_generator_puts_them():
    normal = qrs.marked_ecg(0, heart_rate=60).points
    wide = qrs.marked_ecg(0, heart_rate=60, stretch=2.0).points
    between = NORMAL.s.place - NORMAL.q.place
    assert np.abs((normal[:, 2] - normal[:, 0]) / qrs.RATE - between).max() <= 0.007  # peaks move by a sample or two
    assert np.abs((wide[:, 2] - wide[:, 0]) / qrs.RATE - 2 * between).max() <= 0.007
    assert normal.shape == (9, 3)


def test_windows_know_the_places_of_their_first_whole_beat():
    ecg = qrs.marked_ecg(0, heart_rate=60)
    q, r, s = ecg.points[0]
    windows, places = qrs.cut_windows([ecg], [(0, q - 7), (0, r)], 30)
    assert places.tolist() == [[7, 7 + r - q, 7 + s - q], [30, 30, 30]]  # the second cuts the beat: none
    np.testing.assert_array_equal(windows[0], ecg.signal[q - 7 : q + 23])
    found = qrs.points_in_windows(ecg.signal, [q - 7, r], 30, lambda windows: places)
    assert found.tolist() == [[q, r, s]]


def test_labels_and_points_are_each_others_inverse():
    labels = qrs.labels_of(40, np.array([[5, 10, 16], [25, 30, 36]]))
    assert labels[[4, 5, 6, 7, 10, 16, 36, 38]].tolist() == [1, 1, 1, 0, 2, 3, 3, 0]
    np.testing.assert_array_equal(qrs.points_of(labels), [[5, 10, 16], [25, 30, 36]])
    labels[9:12] = 0  # without its R a beat is none
    np.testing.assert_array_equal(qrs.points_of(labels), [[25, 30, 36]])
    assert qrs.points_of(np.zeros(10, int)).shape == (0, 3)


def test_a_beat_is_found_where_all_three_points_are_near():
    truth = np.array([[5, 10, 16], [25, 30, 36]])
    assert qrs.share_found(truth, truth[:1] + qrs.NEAR) == 0.5
    assert qrs.share_found(truth, truth + np.array([0, 0, qrs.NEAR + 1])) == 0
    assert qrs.share_found(truth, np.empty((0, 3), int)) == 0
    ecg = qrs.marked_ecg(0, heart_rate=60)
    assert qrs.mean_share_found([ecg, ecg], lambda signal: ecg.points[1:]) == pytest.approx(8 / 9)


def test_times_and_durations_are_compared_with_the_true_ones():
    ecg = qrs.marked_ecg(0, heart_rate=60)
    times = qrs.qs_times([ecg], lambda signal: ecg.points + np.array([0, 1, 2]))
    np.testing.assert_array_equal(times[:, 1] - times[:, 0], np.full(9, 8.0))  # S is two samples of 4 ms later
    true = [wave for wave in ecg.strip.waves if wave.kind == "QRS"]
    waves = [DetectedWave("QRS", wave.onset, wave.peak, wave.end + 5, 1.0) for wave in true]
    both = qrs.qrs_durations(ecg.strip, [DetectedBeat("N", wave, q=None, s=None, p=None, t=None) for wave in waves])
    assert both[:, 0] == pytest.approx([4 * (wave.end - wave.onset) for wave in true])
    assert both[:, 1] == pytest.approx(both[:, 0] + 20)
    assert qrs.qrs_durations(ecg.strip, []).shape == (0, 2)
    assert qrs.compare_durations(both).startswith("9 complexes, median 92 ms, detected 112; off by +20.0 ± 0.0 ms")
    assert qrs.compare_durations(both[:0]) == "no complexes to compare"
    assert qrs.record_of(ecg.strip).signals.shape == (2500, 1)
