import math

import numpy as np
import pytest
from scipy import integrate, stats

from elman import DataError, ShapeError
from elman.tasks.forecasting.scores import (
    conformal_quantile,
    coverage,
    crps_of_gaussian,
    crps_of_quantiles,
    crps_of_samples,
    mean_absolute_error,
    mean_absolute_scaled_error,
    mean_squared_error,
    quantile_loss,
    root_mean_squared_error,
    seasonal_scale,
    symmetric_percentage_error,
    weighted_quantile_loss,
)

TRUTH = np.array([[1.0, 2.0, np.nan], [4.0, -5.0, 6.0]])
FORECAST = np.array([[2.0, 2.0, 7.0], [1.0, -5.0, 8.0]])
"""Errors: 1, 0; -3, 0, 2."""


def test_errors_of_points_by_hand():
    assert mean_squared_error(TRUTH, FORECAST) == pytest.approx((1 + 9 + 4) / 5)
    assert root_mean_squared_error(TRUTH, FORECAST) == pytest.approx(math.sqrt(14 / 5))
    assert mean_absolute_error(TRUTH, FORECAST) == pytest.approx(6 / 5)
    assert symmetric_percentage_error(TRUTH, FORECAST) == pytest.approx(200 * (1 / 3 + 0 + 3 / 5 + 0 + 2 / 14) / 5)


def test_percentages_of_nothing_and_of_opposite_signs():
    assert symmetric_percentage_error(np.array([0.0, 3.0]), np.array([0.0, -1.0])) == 100.0
    assert symmetric_percentage_error(np.array([0.0]), np.array([1e-9])) == 200.0


def test_the_scale_is_how_far_values_are_from_those_a_season_ago():
    history = np.array([1.0, 10.0, 3.0, np.nan, 8.0, 16.0])
    assert seasonal_scale(history) == pytest.approx((9 + 7 + 8) / 3)
    assert seasonal_scale(history, 2) == pytest.approx((2 + 5) / 2)
    assert seasonal_scale(history, 4) == pytest.approx((7 + 6) / 2)
    assert seasonal_scale(np.full(9, 2.0)) == 0
    assert math.isnan(seasonal_scale(history, 6))
    assert math.isnan(seasonal_scale(history, 99))


def test_scaled_errors_by_hand():
    assert mean_absolute_scaled_error(TRUTH, FORECAST, np.array([[2.0], [10.0]])) == pytest.approx(
        (0.5 + 0.3 + 0.2) / 5
    )
    # Of a constant series nothing counts.
    assert mean_absolute_scaled_error(TRUTH, FORECAST, np.array([[0.0], [10.0]])) == pytest.approx((0.3 + 0.2) / 3)
    assert math.isnan(mean_absolute_scaled_error(TRUTH, FORECAST, np.array([[0.0], [np.nan]])))


def test_a_forecast_of_the_value_a_season_ago_has_an_error_of_one():
    series = np.random.default_rng(0).normal(size=200).cumsum()
    errors = mean_absolute_scaled_error(series[7:], series[:-7], np.array([seasonal_scale(series, 7)]))
    assert errors == pytest.approx(1)


def test_losses_of_quantiles_are_those_of_a_loop():
    random = np.random.default_rng(0)
    truth, levels = random.normal(size=(4, 3)), np.array([0.1, 0.5, 0.8])
    quantiles = random.normal(size=(4, 3, 3))
    result = quantile_loss(truth, quantiles, levels)
    total = 0.0
    for row in range(4):
        for step in range(3):
            for place, level in enumerate(levels):
                y, q = truth[row, step], quantiles[row, step, place]
                expected = level * (y - q) if y >= q else (1 - level) * (q - y)
                assert result[row, step, place] == pytest.approx(expected)
                total += expected
    expected = 2 * total / 3 / np.abs(truth).sum()
    assert weighted_quantile_loss(truth, quantiles, levels) == pytest.approx(expected)
    assert crps_of_quantiles(truth, quantiles, levels) == pytest.approx(2 * total / 36)


def test_gaps_do_not_count_in_losses_of_quantiles():
    levels = np.array([0.2, 0.8])
    quantiles = np.random.default_rng(0).normal(size=(2, 3, 2))
    known = ~np.isnan(TRUTH)
    for measure in (weighted_quantile_loss, crps_of_quantiles):
        assert measure(TRUTH, quantiles, levels) == pytest.approx(measure(TRUTH[known], quantiles[known], levels))


def test_the_loss_of_medians_is_the_absolute_error():
    median = FORECAST[..., None]
    expected = np.nansum(np.abs(TRUTH - FORECAST)) / np.nansum(np.abs(TRUTH))
    assert weighted_quantile_loss(TRUTH, median, np.array([0.5])) == pytest.approx(expected)
    assert crps_of_quantiles(TRUTH, median, np.array([0.5])) == pytest.approx(mean_absolute_error(TRUTH, FORECAST))
    assert math.isnan(weighted_quantile_loss(np.zeros(3), np.ones((3, 1)), np.array([0.5])))


@pytest.mark.parametrize(("mean", "std", "truth"), [(0, 1, 0), (2, 0.5, 1.2), (-1, 3, 8)])
def test_scores_of_normal_distributions_are_the_integral(mean, std, truth):
    normal = stats.norm(mean, std)
    below = integrate.quad(lambda x: normal.cdf(x) ** 2, -60, truth, epsabs=1e-10, limit=200)[0]
    above = integrate.quad(lambda x: (1 - normal.cdf(x)) ** 2, truth, 60, epsabs=1e-10, limit=200)[0]
    arrays = [np.array([float(value)]) for value in (truth, mean, std)]
    assert crps_of_gaussian(*arrays) == pytest.approx(below + above, abs=1e-7)


def test_scores_of_many_quantiles_and_samples_come_near_the_closed_form():
    truth, mean, std = np.array([0.3, -2.0]), np.array([0.0, 1.0]), np.array([1.0, 2.0])
    levels = (np.arange(4000) + 0.5) / 4000
    quantiles = stats.norm(mean[:, None], std[:, None]).ppf(levels)
    closed = crps_of_gaussian(truth, mean, std)
    assert crps_of_quantiles(truth, quantiles, levels) == pytest.approx(closed, abs=1e-4)
    assert crps_of_samples(truth, quantiles) == pytest.approx(closed, abs=1e-3)


def test_scores_of_samples_are_the_means_over_all_pairs():
    random = np.random.default_rng(1)
    samples, truth = random.normal(size=(2, 3, 7)), np.where(np.isnan(TRUTH), np.nan, random.normal(size=(2, 3)))
    expected = [
        np.abs(row - y).mean() - np.abs(row[:, None] - row).mean() / 2
        for row, y in zip(samples.reshape(-1, 7), truth.ravel(), strict=True)
        if not np.isnan(y)
    ]
    assert crps_of_samples(truth, samples) == pytest.approx(np.mean(expected))
    assert crps_of_samples(TRUTH, FORECAST[..., None]) == pytest.approx(mean_absolute_error(TRUTH, FORECAST))


def test_coverage_counts_both_ends():
    low, high = np.array([0.0, 2.0, 0.0, 9.0, 0.0]), np.array([1.0, 3.0, 0.5, 9.0, 9.0])
    assert coverage(np.array([1.0, 2.0, 0.6, 9.0, np.nan]), low, high) == 0.75


@pytest.mark.parametrize("measure", [mean_squared_error, mean_absolute_error, symmetric_percentage_error])
def test_nothing_cannot_be_measured(measure):
    for nothing in (np.array([np.nan]), np.zeros(0)):
        with pytest.raises(DataError, match="nothing to measure; expected at least one value that is not NaN"):
            measure(nothing, nothing)


@pytest.mark.parametrize(
    ("count", "level", "rank"),
    [(9, 0.9, 9), (9, 0.91, None), (19, 0.95, 19), (20, 0.8, 17), (99, 0.5, 50), (1, 0.5, 1)],
)
def test_the_rank_is_that_of_the_finite_sample(count, level, rank):
    scores = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    assert conformal_quantile(scores, level) == (math.inf if rank is None else rank)


def test_each_step_has_its_own_quantile_of_what_is_known():
    scores = np.random.default_rng(0).exponential(size=(40, 3, 2))
    scores[:35, 1, 0], scores[5, 2, 1] = np.nan, np.nan
    quantiles = conformal_quantile(scores, 0.9)
    for step in range(3):
        for target in range(2):
            own = scores[:, step, target]
            assert quantiles[step, target] == conformal_quantile(own[~np.isnan(own)], 0.9)
    assert quantiles[1, 0] == math.inf  # five scores are too few


def test_intervals_hold_new_values_as_often_as_they_say():
    random = np.random.default_rng(0)
    for level in (0.5, 0.8, 0.9):
        held = []
        for _ in range(4000):
            scores = random.exponential(size=20)
            held.append(scores[-1] <= conformal_quantile(scores[:-1], level))
        expected = math.ceil(20 * level) / 20  # the exact chance of continuous scores
        assert np.mean(held) == pytest.approx(expected, abs=0.025)


def test_a_level_is_a_share():
    with pytest.raises(ShapeError, match="expected a level between 0 and 1; got 95"):
        conformal_quantile(np.ones(3), 95)
    assert conformal_quantile(np.zeros((0, 2)), 0.5).tolist() == [math.inf] * 2
