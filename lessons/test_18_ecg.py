from types import SimpleNamespace

import numpy as np
import pytest

from elman.tasks.ecg.generator import NORMAL


def test_ecg(names):
    q, s = NORMAL.q, NORMAL.s
    true = names["points"]
    assert np.abs((true[:, 2] - true[:, 0]) / 250 - (s.place - q.place)).max() <= 0.006  # peaks move by a sample or so
    assert names["wider"](2.0).s.place == 2 * s.place
    assert names["wider"](2.0).t == NORMAL.t

    windows, places = names["cut_all"]([(0, names["marks"][0][0, 0] - 7)])
    assert windows.shape == (1, 250)
    np.testing.assert_array_equal(places[0] - places[0, 0], names["marks"][0][0] - names["marks"][0][0, 0])
    assert places[0, 0] == 7
    assert (names["cut_all"]([(0, names["marks"][0][0, 1])], 3)[1] == 3).all(), "cut by the edge: none"

    labels = names["labels_of"](40, np.array([[5, 10, 16], [25, 30, 36]]))
    assert labels[[4, 5, 6, 7, 10, 16, 36, 38]].tolist() == [1, 1, 1, 0, 2, 3, 3, 0]
    np.testing.assert_array_equal(names["triples"](labels), [[5, 10, 16], [25, 30, 36]])
    labels[9:12] = 0
    np.testing.assert_array_equal(names["triples"](labels), [[25, 30, 36]])
    truth = np.array([[5, 10, 16], [25, 30, 36]])
    assert names["share_found"](truth, truth[:1] + 3) == 0.5
    assert names["share_found"](truth, truth + np.array([0, 0, 4])) == 0

    assert names["by_move"]["learnt in the middle"][0] == names["by_move"]["learnt in the middle"][-1] == 0
    assert names["sizes"]["recurrent"] == 3 * 32 * (2 + 32 + 1) + 32 + 4 * 33
    assert names["sizes"]["window of 1 s"] == 64 * 251 + 3 * 251 * 65

    check_late_answers(names["recurrent_scores"], names["recurrent"], names["signals"][:1])
    check_durations(names["durations"], names["strangers"][0])
    assert names["pictures"] == ["18-strip", "18-windows"]
    assert "sel100" in names["printed"] or "figures differ" in names["printed"]


def check_late_answers(scores, model, signal):
    """Asserts that an output depends on the samples up to 80 ms later, and on none after them."""
    moved = signal.copy()
    moved[0, 500] += 1
    changed = np.abs(np.asarray(scores(model, moved)) - np.asarray(scores(model, signal))).max(axis=2)[0] > 0
    assert changed[480:500].any()
    assert not changed[:480].any()


def check_durations(durations, strip):
    true = [wave for wave in strip.waves if wave.kind == "QRS"]
    both = durations(strip, [SimpleNamespace(qrs=wave._replace(end=wave.end + 5)) for wave in true])
    assert both[:, 0] == pytest.approx([4 * (wave.end - wave.onset) for wave in true])
    assert both[:, 1] == pytest.approx(both[:, 0] + 20)
