import itertools

import numpy as np
import pytest

from elman import DataError
from elman.tasks.ecg.matching import match_events
from tests.conformance.peers import peer


def by_trying_all(truth, result, window):
    """(pairs, distance) of the best of all matchings."""
    best = (0, 0.0)
    for size in range(1, min(len(truth), len(result)) + 1):
        for left in itertools.combinations(range(len(truth)), size):
            for right in itertools.permutations(range(len(result)), size):
                gaps = [abs(truth[i] - result[j]) for i, j in zip(left, right, strict=True)]
                if max(gaps) <= window:
                    best = max(best, (size, -float(sum(gaps))))
    return best[0], -best[1]


@pytest.mark.parametrize("seed", range(60))
def test_no_other_matching_has_more_pairs_or_is_closer(seed):
    random = np.random.default_rng(seed)
    truth, detections = (np.sort(random.integers(0, 40, random.integers(0, 6))) for _ in range(2))
    window = int(random.integers(0, 12))
    pairs = match_events(truth, detections, window=window)
    gaps = np.abs(truth[pairs[:, 0]] - detections[pairs[:, 1]])
    assert (len(pairs), gaps.sum()) == by_trying_all(truth, detections, window)
    assert (gaps <= window).all()
    assert (np.diff(pairs, axis=0) > 0).all(), "an event in two pairs, or pairs that cross"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # wfdb's own, of pandas
def test_pairs_are_those_of_wfdb_where_no_event_is_contested():
    processing = peer("wfdb.processing")
    random = np.random.default_rng(0)
    beats = np.cumsum(random.integers(200, 400, 500))
    kept = random.random(500) > 0.05
    detections = np.sort(np.concatenate([beats[kept] + random.integers(-60, 60, kept.sum()), beats[::40] + 100]))
    pairs = match_events(beats, detections, window=54 - 1)  # wfdb leaves out the window itself
    theirs = processing.compare_annotations(beats, detections, 54)
    assert (len(pairs), len(beats) - len(pairs), len(detections) - len(pairs)) == (theirs.tp, theirs.fn, theirs.fp)
    assert pairs[:, 0].tolist() == theirs.matched_ref_inds.tolist()


def test_a_greedy_choice_would_lose_a_pair():
    assert match_events(np.array([0, 100]), np.array([60, 150]), window=60).tolist() == [[0, 0], [1, 1]]
    assert match_events(np.array([0.0, 0.9]), np.array([0.9]), window=1.0).tolist() == [[1, 0]]


def test_the_window_itself_is_in():
    assert len(match_events(np.array([100]), np.array([154]), window=54)) == 1
    assert len(match_events(np.array([100]), np.array([155]), window=54)) == 0


def test_none_there_or_none_found():
    nothing, one = np.zeros(0, int), np.array([5])
    assert match_events(nothing, one, window=9).shape == match_events(one, nothing, window=9).shape == (0, 2)


def test_thousands_of_events_with_many_false_ones_are_matched_at_once():
    truth = np.arange(0, 2_000_000, 200)
    detections = np.arange(0, 2_000_000, 40) + 3
    pairs = match_events(truth, detections, window=150)
    assert pairs[:, 1].tolist() == list(range(0, 50_000, 5))


def test_events_out_of_order_are_refused():
    with pytest.raises(DataError, match="detections: expected events in ascending order"):
        match_events(np.array([1, 2]), np.array([5, 4]), window=3)
