import json
from typing import NamedTuple

import numpy as np
import pytest

from elman import DataError
from elman.tasks.ecg.by_record import ByRecord
from elman.tasks.ecg.delineation import Delineation, PointScores


class Marked(NamedTuple):
    kind: str
    onset: int
    peak: int
    end: int


def test_shares_and_errors_are_those_of_a_case_done_by_hand():
    truth, detections = np.array([100, 400, 700, 1000]), np.array([90, 406, 1010, 1300, 1500])
    scores = PointScores.of(truth, detections, rate=500)  # pairs: -10, +6, +10 samples of 2 ms
    assert (scores.truth, scores.found, scores.matched) == (4, 5, 3)
    assert (scores.sensitivity, scores.precision, scores.f1) == (3 / 4, 3 / 5, 6 / 9)
    errors = np.array([-20.0, 12.0, 20.0])
    assert scores.mean_ms == pytest.approx(errors.mean())
    assert scores.sd_ms == pytest.approx(errors.std())


def test_the_window_is_150_ms_at_any_rate():
    for rate in (100, 250, 360, 500, 1000):
        at = 3 * rate
        inside, outside = at + int(0.15 * rate), at + int(0.15 * rate) + 1
        assert PointScores.of(np.array([at]), np.array([inside]), rate=rate).matched == 1
        assert PointScores.of(np.array([at]), np.array([outside]), rate=rate).matched == 0
    assert PointScores.of(np.array([100]), np.array([130]), rate=1000, window_ms=25).matched == 0


def test_pooled_is_as_if_all_had_been_one_strip():
    random = np.random.default_rng(0)
    strips = []
    for _ in range(5):
        truth = np.cumsum(random.integers(300, 500, 30))
        strips.append((truth, truth[random.random(30) > 0.2] + random.integers(-40, 40)))
    scores = [PointScores.of(*strip, rate=500) for strip in strips]
    far = [(truth + 100_000 * n, result + 100_000 * n) for n, (truth, result) in enumerate(strips)]
    whole = PointScores.of(*map(np.concatenate, zip(*far, strict=True)), rate=500)
    added = scores[0] + scores[1] + scores[2] + scores[3] + scores[4]
    assert (added.truth, added.found, added.matched) == (whole.truth, whole.found, whole.matched)
    assert added.mean_ms == pytest.approx(whole.mean_ms)
    assert added.sd_ms == pytest.approx(whole.sd_ms)


def test_only_the_known_part_counts():
    known = np.zeros(1000, bool)
    known[200:801] = True
    truth = np.array([100, 300, 500, 805])
    detections = np.array([110, 300, 620, 790, 950])
    scores = PointScores.of(truth, detections, rate=500, known=known)
    # 300 is found, 500 is missed (620 is 240 ms away), 620 is false; 790 belongs to 805, which does not count; the
    # others lie outside.
    assert (scores.truth, scores.found, scores.matched) == (2, 2, 1)


def test_a_known_event_found_just_outside_is_found():
    known = np.zeros(1000, bool)
    known[200:501] = True
    scores = PointScores.of(np.array([495]), np.array([510]), rate=500, known=known)
    assert (scores.truth, scores.found, scores.matched) == (1, 1, 1)


def test_order_of_events_does_not_matter():
    truth, detections = np.array([700, 100, 400]), np.array([404, 702, 103])
    assert PointScores.of(truth, detections, rate=500) == PointScores.of(np.sort(truth), np.sort(detections), rate=500)


def test_nothing_there_and_nothing_found():
    scores = PointScores.of(np.zeros(0), np.zeros(0), rate=500)
    assert (scores.sensitivity, scores.precision, scores.f1) == (0, 0, 0)
    assert np.isnan(scores.mean_ms)
    assert np.isnan(scores.sd_ms)
    assert str(scores) == "sensitivity 0.0%, precision 0.0%, F1 0.0%"
    assert json.loads(json.dumps(scores.to_builtins()))["mean_ms"] is None


TRUTH = [
    Marked("P", 100, 120, 140),
    Marked("QRS", 180, 200, 225),
    Marked("T", 300, 350, 390),
    Marked("QRS", 580, 600, 625),
    Marked("T", 700, 750, 790),
]
FOUND = [
    Marked("P", 106, 120, 142),
    Marked("QRS", 182, 201, 223),
    Marked("T", 290, 352, 380),
    Marked("P", 500, 520, 540),  # there is none
    Marked("QRS", 582, 600, 623),
    Marked("T", 705, 748, 880),  # its end is 180 ms off
]


def test_waves_by_hand():
    scores = Delineation.of(TRUTH, FOUND, rate=500)
    assert (scores.p.sensitivity, scores.p.precision, scores.p.f1) == (1, 0.5, 2 / 3)
    assert (scores.p.onset.mean_ms, scores.p.end.mean_ms, scores.p.peak.sd_ms) == (12, 4, 0)
    assert (scores.qrs.f1, scores.qrs.onset.mean_ms, scores.qrs.end.mean_ms) == (1, 4, -4)
    assert (scores.qrs.peak.mean_ms, scores.qrs.peak.sd_ms) == (1, 1)
    assert (scores.t.f1, scores.t.onset.mean_ms, scores.t.onset.sd_ms) == (1, -5, 15)
    assert (scores.t.end.truth, scores.t.end.found, scores.t.end.matched) == (2, 2, 1)
    assert scores.t.end.mean_ms == -20
    assert str(scores) == "F1 P 66.7%, QRS 100.0%, T 100.0%"


def test_a_kind_is_not_taken_for_another():
    scores = Delineation.of([Marked("P", 100, 120, 140)], [Marked("T", 100, 120, 140)], rate=500)
    assert (scores.p.f1, scores.t.f1, scores.p.peak.truth, scores.t.peak.found) == (0, 0, 1, 1)


def test_points_that_nobody_marked_do_not_count():
    truth = [Marked("T", 350, 350, 390), Marked("T", 700, 750, 750)]
    result = [Marked("T", 300, 350, 390), Marked("T", 700, 750, 790), Marked("T", 1500, 1550, 1590)]
    scores = Delineation.of(truth, result, rate=500)
    assert [(one.truth, one.found, one.matched) for one in (scores.t.onset, scores.t.peak, scores.t.end)] == [
        (1, 2, 1),
        (2, 3, 2),
        (1, 2, 1),
    ]


def test_a_wave_is_known_where_its_peak_is():
    known = np.zeros(1000, bool)
    known[110:400] = True
    scores = Delineation.of(TRUTH, FOUND, rate=500, known=known)
    assert [wave.onset.truth for wave in (scores.p, scores.qrs, scores.t)] == [1, 1, 1]
    assert [wave.end.found for wave in (scores.p, scores.qrs, scores.t)] == [1, 1, 1]


def test_waves_go_to_plain_values_and_back():
    scores = Delineation.of(TRUTH, FOUND, rate=500) + Delineation.none()
    values = json.loads(json.dumps(scores.to_builtins()))
    assert values["T"]["end"]["f1"] == 0.5
    assert Delineation.from_builtins(values) == scores == Delineation.of(TRUTH, FOUND, rate=500)


def test_a_wave_of_another_kind_is_refused():
    with pytest.raises(DataError, match="wave at sample 5: expected P, QRS or T; got 'U'"):
        Delineation.of([], [Marked("U", 1, 5, 9)], rate=500)


def test_records_are_pooled_by_their_sums():
    one, two = (
        PointScores.of(np.arange(0, 9000, 900), np.arange(0, 9000, 900), rate=500),
        PointScores.of(np.array([5]), np.array([900]), rate=500),
    )
    scores = ByRecord.of([("a", one), ("b", two), ("b", two)])
    assert scores.pooled.sensitivity == 10 / 12
    assert scores.records["b"].truth == 2
    assert list(scores.worst(1, by=lambda record: record.f1)) == ["b"]
    assert scores.to_builtins()["records"]["a"]["f1"] == 1
    assert scores.report().splitlines()[-1].startswith("2 records together: sensitivity 83.3%")
    with pytest.raises(DataError, match="no strip to measure"):
        ByRecord.of([])
