from itertools import product

import msgspec
import numpy as np
import pytest

import elman
from elman.tasks.classification.label_metrics import LabelMetrics, best_thresholds

LABELS = ("a", "b", "c")


def draw(seed=0, count=40):
    random = np.random.default_rng(seed)
    truth = random.random((count, 3)) < [0.5, 0.2, 0.05]
    return random.normal(size=(count, 3)) + 1.5 * truth - 0.5, truth


def test_measures_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    logits, truth = draw()
    metrics = LabelMetrics.of(logits, truth, labels=LABELS, unit="text", thresholds=(0.4, 0.5, 0.6))
    probabilities = 1 / (1 + np.exp(-logits))
    result = probabilities >= [0.4, 0.5, 0.6]
    precision, recall, f1, true = sklearn.precision_recall_fscore_support(truth, result, zero_division=0)
    np.testing.assert_allclose(metrics.precision, precision)
    np.testing.assert_allclose(metrics.recall, recall)
    np.testing.assert_allclose(metrics.f1, f1)
    assert metrics.true == tuple(true)
    assert metrics.micro_f1 == pytest.approx(sklearn.f1_score(truth, result, average="micro"))
    assert metrics.macro_f1 == pytest.approx(sklearn.f1_score(truth, result, average="macro"))
    assert metrics.subset_accuracy == pytest.approx(sklearn.accuracy_score(truth, result))
    assert metrics.nats == pytest.approx(3 * sklearn.log_loss(truth.ravel(), probabilities.ravel()))
    assert metrics.objective == metrics.nats


@pytest.mark.parametrize("seed", range(10))
def test_the_best_thresholds_have_the_best_f1_of_all(seed):
    random = np.random.default_rng(seed)
    probabilities, truth = random.integers(1, 8, (7, 2)) / 8, random.random((7, 2)) < [0.6, 0.2]

    def f1(thresholds):
        result = probabilities >= thresholds
        return 2 * (result & truth).sum() / max(result.sum() + truth.sum(), 1)

    cuts = np.arange(1, 9) / 8 - 1 / 16
    assert f1(best_thresholds(probabilities, truth)) == pytest.approx(max(f1(pair) for pair in product(cuts, cuts)))


def test_of_thresholds_that_are_as_good_the_nearest_to_a_half_is_taken():
    def best(probabilities, truth):
        return best_thresholds(np.array(probabilities)[:, None], np.array(truth)[:, None] > 0)[0]

    assert best([0.1, 0.2, 0.3, 0.4], [0, 1, 1, 1]) == pytest.approx(0.15)
    assert best([0.3, 0.9, 0.8, 0.7], [0, 1, 1, 1]) == 0.5
    assert best([0.6, 0.9, 0.8, 0.7], [0, 1, 1, 1]) == pytest.approx(0.65)
    assert best([0.2, 0.4], [0, 0]) == 0.5


def test_a_label_that_cannot_be_told_is_not_predicted_for_all():
    random = np.random.default_rng(0)
    truth = np.column_stack([np.arange(200) % 2, np.arange(200) % 20 == 0]) > 0
    probabilities = np.column_stack([np.where(truth[:, 0], 0.9, 0.1), 0.05 + 0.001 * random.random(200)])
    sure, unsure = best_thresholds(probabilities, truth)
    assert sure == 0.5
    assert unsure > 0.0509


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
