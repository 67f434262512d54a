import numpy as np
import pytest
from sklearn.linear_model import Ridge
from statsmodels.tsa.ar_model import AutoReg, ar_select_order

from elman import ConfigError, DataError
from elman.tasks.forecasting.baselines import LinearAutoregression, NonlinearAutoregression, SeasonalNaive, lag_windows


def autoregressive(steps=400, weights=(0.9, -0.4, 0.1), constant=2.0, seed=0):
    random, values = np.random.default_rng(seed), [5.0] * len(weights)
    for _ in range(steps):
        values.append(constant + np.dot(weights, values[: -len(weights) - 1 : -1]) + random.normal())
    return np.array(values)


def test_the_value_a_season_ago():
    rows = np.arange(14.0).reshape(2, 7)
    assert SeasonalNaive(1).forecast(rows, 3).tolist() == [[6, 6, 6], [13, 13, 13]]
    assert SeasonalNaive(3).forecast(rows, 5).tolist() == [[4, 5, 6, 4, 5], [11, 12, 13, 11, 12]]
    assert SeasonalNaive(7).forecast(rows, 2).tolist() == [[0, 1], [7, 8]]
    with pytest.raises(DataError, match=r"expected 8 steps \(a season\) or more; got 7"):
        SeasonalNaive(8).forecast(rows, 2)


def test_a_missing_value_is_that_of_the_season_before():
    nan = np.nan
    rows = np.array([[1.0, 2, 3, nan, 5, nan], [nan, 2, 3, 4, 5, 6], [1, nan, 3, nan, 5, nan]])
    np.testing.assert_array_equal(SeasonalNaive(2).forecast(rows, 3), [[5, 2, 5], [5, 6, 5], [5, nan, 5]])


def test_windows_are_those_of_a_loop():
    series = [np.array([1.0, 2, 3, 4, 5, np.nan, 7, 8, 9]), np.array([1.0, 2]), np.array([10.0, 20, 30])]
    expected = [
        (one[step - 2 : step][::-1].tolist(), one[step])
        for one in series
        for step in range(2, len(one))
        if not np.isnan(one[step - 2 : step + 1]).any()
    ]
    windows, targets = lag_windows(series, 2)
    assert list(zip(windows.tolist(), targets.tolist(), strict=True)) == expected


@pytest.mark.parametrize("order", [1, 2, 7])
def test_weights_are_those_of_statsmodels(order):
    series = autoregressive()
    theirs = AutoReg(series, order).fit()
    mine = LinearAutoregression.fit([series], order=order)
    np.testing.assert_allclose([mine.constant, *mine.weights], theirs.params, rtol=1e-7)
    np.testing.assert_allclose(mine.forecast(series[None], 12)[0], theirs.forecast(12), rtol=1e-7)


def test_the_order_is_that_of_statsmodels():
    for seed in range(5):
        series = autoregressive(seed=seed)
        theirs = ar_select_order(series, maxlag=10, ic="aic").ar_lags
        mine = LinearAutoregression.best([series], orders=range(1, 11))
        assert len(mine.weights) == len(theirs)


def test_several_series_are_learned_from_together_without_windows_over_their_ends():
    first, second = autoregressive(60), autoregressive(80, seed=1)
    windows, targets = lag_windows([first, second], 2)
    design = np.column_stack([np.ones(len(windows)), windows])
    expected = np.linalg.solve(design.T @ design, design.T @ targets)
    mine = LinearAutoregression.fit([first, second], order=2)
    np.testing.assert_allclose([mine.constant, *mine.weights], expected)
    assert len(windows) == len(first) + len(second) - 4


def test_a_penalty_is_that_of_ridge_regression():
    series = autoregressive(100)
    mine, theirs = (
        LinearAutoregression.fit([series], order=3, penalty=5.0),
        Ridge(alpha=5.0).fit(*lag_windows([series], 3)),
    )
    np.testing.assert_allclose([mine.constant, *mine.weights], [theirs.intercept_, *theirs.coef_])


def test_forecasts_of_rows_are_those_of_a_loop():
    series = autoregressive()
    model = LinearAutoregression.fit([series], order=3)
    rows = np.stack([series[10:20], series[50:60]])
    expected = []
    for row in rows:
        values = list(row)
        for _ in range(5):
            values.append(model.constant + sum(w * values[-lag] for lag, w in enumerate(model.weights, start=1)))
        expected.append(values[-5:])
    np.testing.assert_allclose(model.forecast(rows, 5), expected)


def test_gaps_hold_the_models_own_forecasts():
    series = autoregressive()
    model, row = LinearAutoregression.fit([series], order=2), series[:12].copy()
    row[5:8], row[10] = np.nan, np.nan
    filled = row.copy()
    for step in (5, 6, 7, 10):
        filled[step] = model.constant + model.weights @ filled[[step - 1, step - 2]]
    np.testing.assert_allclose(model.forecast(row[None], 4), model.forecast(filled[None], 4))
    row[:2], filled[:2] = np.nan, series.mean()
    np.testing.assert_allclose(
        model.forecast(np.stack([row, series[:12]]), 4), model.forecast(np.stack([filled, series[:12]]), 4)
    )


def test_constant_and_exactly_linear_series():
    model = LinearAutoregression.fit([np.full(20, 3.0)], order=2)
    np.testing.assert_allclose(model.forecast(np.full((1, 2), 3.0), 5), 3)
    wave = np.sin(0.3 * np.arange(200))  # x_t = 2 cos(0.3) x_(t-1) - x_(t-2)
    model = LinearAutoregression.fit([wave[:100]], order=2)
    np.testing.assert_allclose(model.weights, [2 * np.cos(0.3), -1])
    np.testing.assert_allclose(model.forecast(wave[None, :100], 100)[0], wave[100:], atol=1e-8)
    assert len(LinearAutoregression.best([wave], orders=range(1, 6)).weights) >= 2


def logistic(steps, x=0.3):
    values = []
    for _ in range(steps):
        values.append(x := 3.9 * x * (1 - x))
    return np.array(values)


def test_a_network_learns_what_no_linear_model_does():
    train, test = logistic(600), logistic(200, x=0.61)
    linear = LinearAutoregression.fit([train], order=2)
    network = NonlinearAutoregression.fit([train], order=2, hidden_size=16, steps=1500, penalty=1e-5)
    windows, targets = lag_windows([test], 2)
    errors = [np.mean((model.forecast(windows[:, ::-1], 1)[:, 0] - targets) ** 2) for model in (linear, network)]
    assert errors[0] > 0.05
    assert errors[1] < 0.002


def test_a_network_is_its_equation():
    series = autoregressive(100)
    model = NonlinearAutoregression.fit([series], order=3, hidden_size=4, steps=20, seed=3)
    values, linear = list(series[:10]), model.linear
    for _ in range(3):
        last = np.array(values[:-4:-1])
        inner = np.tanh((last - linear.mean) / model.scale @ model.hidden + model.bias)
        values.append(linear.constant + linear.weights @ last + model.scale * inner @ model.readout)
    np.testing.assert_allclose(model.forecast(series[None, :10], 3)[0], values[-3:])
    again = NonlinearAutoregression.fit([series], order=3, hidden_size=4, steps=20, seed=3)
    np.testing.assert_array_equal(again.hidden, model.hidden)


def test_what_cannot_be_learned_or_gone_on_from_is_refused():
    with pytest.raises(
        DataError, match="no 4 consecutive known values to learn from; expected longer series or a lower"
    ):
        LinearAutoregression.fit([np.array([1.0, 2, 3, np.nan, 5, 6, 7])], order=3)
    with pytest.raises(ConfigError, match="order: expected 1 or more previous values; got 0"):
        LinearAutoregression.fit([np.arange(9.0)], order=0)
    model = LinearAutoregression.fit([np.arange(9.0)], order=3)
    with pytest.raises(DataError, match=r"expected 3 steps \(the model's order\) or more; got 2"):
        model.forecast(np.zeros((1, 2)), 1)
