import msgspec
import numpy as np
import pytest

import elman
from elman.tasks.classification.label_metrics import LabelMetrics, best_threshold

LABELS = ("a", "b", "c")


def draw(seed=0, count=40):
    random = np.random.default_rng(seed)
    truth = random.random((count, 3)) < [0.5, 0.2, 0.05]
    return random.normal(size=(count, 3)) + 1.5 * truth - 0.5, truth


def test_measures_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    logits, truth = draw()
    metrics = LabelMetrics.of(logits, truth, labels=LABELS, unit="text", thresholds=(0.4, 0.5, 0.6))
    chances = 1 / (1 + np.exp(-logits))
    found = chances >= [0.4, 0.5, 0.6]
    precision, recall, f1, true = sklearn.precision_recall_fscore_support(truth, found, zero_division=0)
    np.testing.assert_allclose(metrics.precision, precision)
    np.testing.assert_allclose(metrics.recall, recall)
    np.testing.assert_allclose(metrics.f1, f1)
    assert metrics.true == tuple(true)
    assert metrics.micro_f1 == pytest.approx(sklearn.f1_score(truth, found, average="micro"))
    assert metrics.macro_f1 == pytest.approx(sklearn.f1_score(truth, found, average="macro"))
    assert metrics.subset_accuracy == pytest.approx(sklearn.accuracy_score(truth, found))
    assert metrics.nats == pytest.approx(3 * sklearn.log_loss(truth.ravel(), chances.ravel()))
    assert metrics.objective == metrics.nats


@pytest.mark.parametrize("seed", range(20))
def test_the_best_threshold_has_the_best_f1_of_all(seed):
    random = np.random.default_rng(seed)
    chances, truth = random.integers(0, 12, 15) / 11, random.random(15) < 0.4

    def f1(threshold):
        found = chances >= threshold
        return 2 * (found & truth).sum() / max(found.sum() + truth.sum(), 1)

    best = best_threshold(chances, truth)
    values = {threshold: f1(threshold) for threshold in np.linspace(0.001, 1.001, 1000)}
    assert f1(best) == pytest.approx(max(values.values()))


def test_of_thresholds_that_are_as_good_the_nearest_to_a_half_is_taken():
    truth = np.array([False, True, True, True])
    assert best_threshold(np.array([0.1, 0.2, 0.3, 0.4]), truth) == pytest.approx(0.15)
    assert best_threshold(np.array([0.3, 0.9, 0.8, 0.7]), truth) == 0.5
    assert best_threshold(np.array([0.6, 0.9, 0.8, 0.7]), truth) == pytest.approx(0.65)
    # Both and a wrong one, 4/5, are better than the first alone, 2/3.
    assert best_threshold(np.array([0.9, 0.3, 0.2]), np.array([True, False, True])) == pytest.approx(0.1)


def test_a_rare_label_has_the_usual_threshold():
    assert best_threshold(np.array([0.2, 0.9]), np.array([False, False])) == 0.5


def test_measures_come_back_from_plain_values():
    logits, truth = draw()
    metrics = LabelMetrics.of(logits, truth, labels=LABELS, unit="text", unknown=np.arange(40) % 2)
    assert LabelMetrics.from_builtins(msgspec.json.decode(msgspec.json.encode(metrics.to_builtins()))) == metrics
    assert metrics.unknown == 20
    assert metrics.micro_f1 < LabelMetrics.of(logits, truth, labels=LABELS, unit="text").micro_f1
    lines = metrics.report().splitlines()
    assert lines[0] == f"{metrics}, over 40 texts"
    assert lines[1] == "not there in training, so never predicted: 20 labels"
    assert {line.split()[0] for line in lines[3:]} == {*LABELS}


def test_nothing_to_measure_is_an_error():
    with pytest.raises(elman.DataError, match="no example"):
        LabelMetrics.of(np.zeros((0, 3)), np.zeros((0, 3), bool), labels=LABELS, unit="text")
