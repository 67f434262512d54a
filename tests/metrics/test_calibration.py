import numpy as np
import pytest

from elman.metrics.calibration import (
    TEMPERATURES,
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from elman.metrics.classification import negative_log_likelihood


def example(examples=400, classes=5, temperature=2.5):
    """Logits that are `temperature` times too sure of labels drawn from them."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (examples, classes))
    labels = np.array([random.choice(classes, p=row) for row in apply_temperature(logits, 1.0)])
    return logits * temperature, labels


def test_the_temperature_is_the_best_of_a_fine_grid():
    logits, labels = example()
    grid = np.exp(np.linspace(np.log(0.5), np.log(10), 3000))
    rows = np.arange(len(labels))
    surprise = [
        -np.log(apply_temperature(logits, t)[rows, labels]).sum() + (np.log(t) / np.log(2)) ** 2 / 2 for t in grid
    ]
    assert fit_temperature(logits, labels) == pytest.approx(grid[np.argmin(surprise)], rel=2e-3)


def test_a_model_too_sure_by_a_factor_gets_this_factor_back():
    logits, labels = example(examples=20_000)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(2.5, rel=0.03)
    assert expected_calibration_error(apply_temperature(logits, temperature), labels) < 0.015
    assert expected_calibration_error(apply_temperature(logits, 1.0), labels) > 0.15
    assert negative_log_likelihood(logits / temperature, labels) < negative_log_likelihood(logits, labels)


def test_with_many_examples_what_was_taken_before_does_not_matter():
    logits, labels = example(examples=20_000)
    grid = np.linspace(2.4, 2.6, 201)
    best = grid[np.argmin([negative_log_likelihood(logits / t, labels) for t in grid])]
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=0.001)


@pytest.mark.parametrize(("examples", "least", "most"), [(1, 0.955, 0.965), (10, 0.97, 0.99), (1000, 0.999, 1)])
def test_few_examples_that_are_right_do_not_ask_for_certainty(examples, least, most):
    logits = np.tile([3.0, 0.0], (examples, 1))  # 95.3% sure
    temperature = fit_temperature(logits, np.zeros(examples, int))
    assert least < apply_temperature(logits, temperature)[0, 0] < most


@pytest.mark.parametrize(("examples", "most"), [(1, 0.9), (20, 0.45), (10_000, 0.341)])
def test_the_more_examples_are_wrong_the_nearer_to_equal_chances(examples, most):
    logits = np.tile([3.0, 0.0, 0.0], (examples, 1))  # 91% sure
    temperature = fit_temperature(logits, np.ones(examples, int))
    assert 1 / 3 < apply_temperature(logits, temperature)[0, 0] < most
    assert temperature <= TEMPERATURES[1]


def test_equal_logits_leave_the_temperature_at_one():
    assert fit_temperature(np.full((7, 3), 0.1, np.float32), np.zeros(7, int)) == pytest.approx(1.0, abs=1e-4)


def test_the_error_is_that_of_a_loop_over_bins():
    random = np.random.default_rng(1)
    probabilities = random.dirichlet([0.5] * 4, 300)
    probabilities[:3] = [[1, 0, 0, 0], [0.25] * 4, [0.6, 0.4, 0, 0]]  # both ends, and the edge of a bin
    labels, bins, expected = random.integers(0, 4, 300), 10, 0.0
    for low in range(bins):
        inside = [i for i, row in enumerate(probabilities) if low < max(row) * bins <= low + 1]
        if inside:
            right = np.mean([probabilities[i].argmax() == labels[i] for i in inside])
            expected += len(inside) / 300 * abs(right - np.mean([max(probabilities[i]) for i in inside]))
    assert expected_calibration_error(probabilities, labels, bins=bins) == pytest.approx(expected)
    assert sum(part.count for part in reliability(probabilities, labels, bins=bins)) == 300


def test_certainty_that_is_right_has_no_error_and_that_is_wrong_has_all():
    sure = np.eye(2)[[0, 1, 1]]
    assert expected_calibration_error(sure, np.array([0, 1, 1])) == 0
    assert expected_calibration_error(sure, np.array([1, 0, 0])) == 1
