import json
from typing import NamedTuple

import numpy as np
import pytest

from elman import ConfigError, DataError
from elman.tasks.ecg.beat_scores import NONE, BeatScores


class Marked(NamedTuple):
    sample: int
    kind: str


def beats(kinds, start=100, step=300):
    return [Marked(start + step * n, kind) for n, kind in enumerate(kinds)]


def test_the_table_of_a_case_done_by_hand():
    truth = beats("NNNNSSVVVFQ")
    result = [beat._replace(kind=kind) for beat, kind in zip(truth, "NNNVSNVVNVV", strict=True)]
    result.pop(2)  # an N is missed
    result.append(Marked(9000, "S"))  # there is none
    scores = BeatScores.of(truth, result, rate=360)
    assert scores.counts == (
        (2, 0, 1, 0, 0, 1, 0),
        (1, 1, 0, 0, 0, 0, 0),
        (1, 0, 2, 0, 0, 0, 0),
        (0, 0, 1, 0, 0, 0, 0),
        (0, 0, 1, 0, 0, 0, 0),
        (0, 1, 0, 0, 0, 0, 0),
    )
    assert (scores.sensitivity("N"), scores.precision("N")) == (2 / 4, 2 / 4)
    assert (scores.sensitivity("S"), scores.precision("S")) == (1 / 2, 1 / 2)
    # F and Q taken for V are not held against V: 2 of 3, not of 5.
    assert (scores.sensitivity("V"), scores.precision("V")) == (2 / 3, 2 / 3)
    assert (scores.sensitivity("F"), scores.precision("F")) == (0, 0)
    assert scores.accuracy == 5 / 10
    assert (scores.detection.truth, scores.detection.found, scores.detection.matched) == (11, 11, 10)


def test_beats_are_matched_by_time_whatever_their_kind():
    scores = BeatScores.of([Marked(100, "N"), Marked(160, "V")], [Marked(150, "N")], rate=360)
    assert scores.counts[0][NONE] == 1, "the nearer beat is the one that was found"
    assert scores.counts[2][0] == 1


def test_only_the_known_part_counts():
    known = np.zeros(2000, bool)
    known[:700] = True
    truth, result = beats("NNNN"), beats("NVVN")
    scores = BeatScores.of(truth, [*result, Marked(1500, "V")], rate=360, known=known)
    assert scores.counts == ((1, 0, 1, 0, 0, 0, 0), *((0,) * 7,) * 5)
    assert scores.detection.found == 2


def test_beats_without_a_kind_are_detected_or_not_and_that_is_all():
    some = BeatScores.of(
        [*beats("NV"), Marked(1000, "")], [*beats("NV"), Marked(1010, "V"), Marked(5000, "S")], rate=360
    )
    assert (some.detection.truth, some.detection.matched, some.detection.found) == (3, 3, 4)
    assert np.sum(some.counts) == 3
    assert some.counts[-1] == (0, 1, 0, 0, 0, 0, 0)
    none = BeatScores.of([Marked(1000, "")], beats("NV"), rate=360)
    assert np.sum(none.counts) == 0
    assert (none.detection.truth, none.detection.found) == (1, 2)


def test_beats_found_without_a_kind_are_not_right_and_have_a_column():
    result = [one._replace(kind=kind) for one, kind in zip(beats("NNVF"), ["N", "", "V", ""], strict=True)]
    scores = BeatScores.of(beats("NNVF"), result, rate=360)
    assert (scores.counts[0], scores.counts[3]) == ((1, 0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 0, 1))
    assert (scores.accuracy, scores.sensitivity("N"), scores.sensitivity("F")) == (2 / 4, 1 / 2, 0)
    assert scores.report().splitlines()[1] == "true   N  S  V  F  Q  missed  -  sensitivity  precision"
    before = scores.to_builtins()
    before["counts"] = [row[:-1] for row in before["counts"]]  # as an earlier elman saved them
    assert BeatScores.from_builtins(before).counts[0] == (1, 0, 0, 0, 0, 0, 0)


def test_strips_add_up_and_go_to_plain_values_and_back():
    one = BeatScores.of(beats("NNV"), beats("NNN"), rate=360)
    two = BeatScores.of(beats("SS"), beats("S"), rate=360)
    both = one + two + BeatScores.none()
    assert np.array_equal(both.counts, np.array(one.counts) + np.array(two.counts))
    assert both.detection.truth == 5
    assert BeatScores.from_builtins(json.loads(json.dumps(both.to_builtins()))) == both
    assert both.to_builtins()["sensitivity"]["S"] == 0.5


def test_nothing_there_and_nothing_found():
    scores = BeatScores.none()
    assert (scores.accuracy, scores.sensitivity("N"), scores.precision("V")) == (0, 0, 0)
    assert scores.report().count("-") == 10


def test_other_kinds_are_refused():
    with pytest.raises(DataError, match="beat at sample 7: expected N, S, V, F, Q; got 'A'"):
        BeatScores.of([Marked(7, "A")], [], rate=360)
    with pytest.raises(ConfigError, match="kind: expected N, S, V, F, Q; got 'n'"):
        BeatScores.none().sensitivity("n")
