import numpy as np
import pytest

import elman
from elman.ops.ridge import ridge


def problem(samples=200, features=7, targets=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, features)) * 10.0 ** np.arange(-3, features - 3) + 2
    return x, rng.normal(size=(samples, targets)) + 5


def test_the_answer_is_that_of_least_squares_over_samples_and_penalties():
    """Each weight as one more sample: sqrt(penalty) w = 0; the bias is a last feature that has none."""
    x, y = problem()
    rows = np.block([[x, np.ones((200, 1))], [np.sqrt(0.3) * np.eye(7), np.zeros((7, 1))]])
    expected = np.linalg.lstsq(rows, np.concatenate([y, np.zeros((7, 3))]), rcond=None)[0]
    kernel, bias = ridge(x, y, penalty=0.3)
    np.testing.assert_allclose(kernel, expected[:-1], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(bias, expected[-1], rtol=1e-8)


def test_the_slope_of_the_loss_is_zero_at_the_answer():
    x, y = problem()
    kernel, bias = ridge(x, y, penalty=2.0)
    rest = x @ kernel + bias - y
    assert abs(rest.sum(0)).max() < 1e-8
    np.testing.assert_allclose(x.T @ rest + 2.0 * kernel, 0, atol=1e-6)


def test_features_that_depend_on_each_other_share_the_weight():
    x, y = problem(features=1)
    kernel, _ = ridge(np.repeat(x, 2, axis=1), y, penalty=1e-9)
    np.testing.assert_allclose(kernel[0], kernel[1], rtol=1e-4)


def test_a_penalty_must_be_above_zero():
    with pytest.raises(elman.ConfigError, match="penalty: expected above 0; got 0"):
        ridge(*problem(), penalty=0.0)
