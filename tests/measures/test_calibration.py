import numpy as np
import pytest

from elman.measures import expected_calibration_error, fit_temperature, negative_log_likelihood, reliability, scaled
from elman.measures.calibration import TEMPERATURES


def example(examples=400, classes=5, temperature=2.5):
    """Logits that are `temperature` times too sure of labels drawn from them."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (examples, classes))
    labels = np.array([random.choice(classes, p=row) for row in scaled(logits, 1.0)])
    return logits * temperature, labels


def smoothed_cross_entropy(logits, labels, temperature):
    examples, classes = logits.shape
    expected = (classes * np.eye(classes)[labels] * examples / classes + 1) / (examples + classes)
    return -(expected * np.log(scaled(logits, temperature))).sum(1).mean()


def test_the_temperature_is_the_best_of_a_fine_grid():
    logits, labels = example()
    grid = np.exp(np.linspace(np.log(0.5), np.log(10), 3000))
    best = grid[np.argmin([smoothed_cross_entropy(logits, labels, t) for t in grid])]
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=2e-3)


def test_a_model_too_sure_by_a_factor_gets_this_factor_back():
    logits, labels = example(examples=20_000)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(2.5, rel=0.03)
    assert expected_calibration_error(scaled(logits, temperature), labels) < 0.015
    assert expected_calibration_error(scaled(logits, 1.0), labels) > 0.15
    assert negative_log_likelihood(logits / temperature, labels) < negative_log_likelihood(logits, labels)


def test_with_many_examples_the_smoothing_does_not_matter():
    logits, labels = example(examples=20_000)
    grid = np.linspace(2.4, 2.6, 201)
    best = grid[np.argmin([negative_log_likelihood(logits / t, labels) for t in grid])]
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=0.003)


@pytest.mark.parametrize("examples", [1, 10, 1000])
def test_all_right_asks_for_no_more_certainty_than_the_examples_give(examples):
    logits = np.tile([3.0, 0.0], (examples, 1))
    sure = scaled(logits, fit_temperature(logits, np.zeros(examples, int)))[0, 0]
    assert sure == pytest.approx((examples + 1) / (examples + 2), abs=1e-6)


def test_all_wrong_ends_near_equal_chances():
    logits = np.tile([3.0, 0.0, 0.0], (20, 1))
    temperature = fit_temperature(logits, np.ones(20, int))
    assert temperature == pytest.approx(TEMPERATURES[1])
    np.testing.assert_allclose(scaled(logits, temperature), 1 / 3, atol=0.01)


def test_equal_logits_leave_the_temperature_at_one():
    assert fit_temperature(np.full((7, 3), 0.1, np.float32), np.zeros(7, int)) == 1.0


def test_the_error_is_that_of_a_loop_over_bins():
    random = np.random.default_rng(1)
    chances = random.dirichlet([0.5] * 4, 300)
    chances[:3] = [[1, 0, 0, 0], [0.25] * 4, [0.6, 0.4, 0, 0]]  # both ends, and the edge of a bin
    labels, bins, expected = random.integers(0, 4, 300), 10, 0.0
    for low in range(bins):
        inside = [i for i, row in enumerate(chances) if low < max(row) * bins <= low + 1]
        if inside:
            right = np.mean([chances[i].argmax() == labels[i] for i in inside])
            expected += len(inside) / 300 * abs(right - np.mean([max(chances[i]) for i in inside]))
    assert expected_calibration_error(chances, labels, bins=bins) == pytest.approx(expected)
    assert sum(part.count for part in reliability(chances, labels, bins=bins)) == 300


def test_certainty_that_is_right_has_no_error_and_that_is_wrong_has_all():
    sure = np.eye(2)[[0, 1, 1]]
    assert expected_calibration_error(sure, np.array([0, 1, 1])) == 0
    assert expected_calibration_error(sure, np.array([1, 0, 0])) == 1
