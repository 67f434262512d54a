"""Forecasting as a task: what it learns, measures and refuses."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import elman
from elman._errors import ConfigError, DataError
from elman.formats.frequency import Frequency
from elman.tasks.forecasting import scores as measures
from elman.tasks.forecasting.evaluation import ROWS, model_inputs
from elman.tasks.forecasting.histories import Histories
from elman.tasks.forecasting.metrics import ErrorQuantiles, ForecastMetrics, shares_of
from elman.training.reporters import Quiet

SMALL = dict(horizon=3, window=9, hidden_size=8)


def rows(steps=120, series=2, noise=0.3):
    random = np.random.default_rng(0)
    return {
        "unique_id": [f"s{one}" for one in range(series) for _ in range(steps)],
        "ds": [*range(steps)] * series,
        "y": [5 + one + np.sin(n) * (one + 1) + noise * random.normal() for one in range(series) for n in range(steps)],
    }


def read(table=None, **settings):
    task = elman.Forecasting(**{**SMALL, **settings})
    return task, task.read_table(table or rows())


def fit(table=None, steps=20, **settings):
    task, data = read(table, **settings)
    return elman.fit(task, data, steps=steps, evaluations=1, report=Quiet()), data


@pytest.mark.filterwarnings("ignore:level 99, 98.* bounds follow the model's own quantiles")
def test_measures_are_those_of_their_definitions():
    fitted, data = fit(output="gaussian")
    result = fitted.evaluate(data.test)
    part, codec = data.test, data.codec
    truth, median, centre, std, low, high, scale, bounds = [], [], [], [], [], [], [], []
    for place, origin in part.origins():
        one, mean, unit = part.series[place], codec.scalers[place].mean[0], codec.scalers[place].std[0]
        table = fitted.predict(cut(part.histories[place], origin), level=LEVELS)
        bounds.append(np.sort(np.stack(table.arrays[2:], axis=-1), axis=-1))
        truth.append(part.histories[place].values[origin : origin + 3, 0])
        median.append(table["elman"])
        low.append(table["elman-lo-80"])
        high.append(table["elman-hi-80"])
        own = fitted.predict(cut(part.histories[place], origin), level=[100 * (2 * 0.8413447 - 1)], intervals="model")
        centre.append(own["elman"])
        std.append((own.arrays[-1] - own.arrays[-2]) / 2)
        before = mean + unit * one.values[: part.spans[place][0], 0].astype(float)
        scale.append(np.full(3, measures.seasonal_scale(before, codec.season)))
    truth, median, centre, std, low, high, scale = map(np.array, (truth, median, centre, std, low, high, scale))
    expected = {
        "mae": measures.mean_absolute_error(truth, median),
        "rmse": measures.root_mean_squared_error(truth, median),
        "smape_percent": measures.symmetric_percentage_error(truth, median),
        "mase": measures.mean_absolute_scaled_error(truth, median, scale),
        "crps": ranked_probability_score(truth, np.array(bounds)),
    }
    assert result.count == truth.size
    for name, value in expected.items():
        assert result.values[name] == pytest.approx(value, rel=2e-4), name
    own = fitted.task.evaluate(fitted.model, part, codec).values["crps"]
    assert own == pytest.approx(measures.crps_of_gaussian(truth, centre, std), rel=2e-4)
    assert own != pytest.approx(result.values["crps"], rel=1e-3)
    assert result.coverage["80"] == pytest.approx(measures.coverage(truth, low, high), abs=2 / truth.size)
    assert ForecastMetrics.from_builtins(msgspec.json.decode(msgspec.json.encode(result.to_builtins()))) == result
    assert result.report().startswith("scaled MSE")


LEVELS = [99, 98, 95, 90, 80, 70, 60, 50]
"""The levels of intervals whose bounds, and the median, are knots of the distribution that is given."""


def ranked_probability_score(truth, bounds):
    """Twice the mean loss of the quantiles at 20,000 levels, which are linear between the bounds of intervals."""
    shares = sorted([0.5, *(share for level in LEVELS for share in shares_of(level))])
    levels = (np.arange(20_000) + 0.5) / 20_000
    losses = []
    for value, row in zip(truth.ravel(), bounds.reshape(-1, len(shares)), strict=True):
        above = value - np.interp(levels, shares, row)
        losses.append(2 * np.maximum(levels * above, (levels - 1) * above).mean())
    return np.mean(losses)


def cut(history, origin):
    """The rows of a series before an origin."""
    history = history._replace(
        stamps=history.stamps[:origin], values=history.values[:origin], past=history.past[:origin]
    )
    return Histories(("y",), (), (), (), Frequency("step"), (history,))


def test_conformal_intervals_hold_what_they_say():
    """The share of exchangeable scores within the interval is its level, however the scores are spread."""
    random = np.random.default_rng(0)
    known, new = random.exponential(size=(2, 4000, 2)) ** 2 * random.choice([-0.5, 1.0], size=(2, 4000, 2))
    errors = ErrorQuantiles.of(known)
    for level in (80, 95):
        low, high = (errors.at(share) for share in shares_of(level))
        held = ((low <= new) & (new <= high)).mean(axis=0)
        np.testing.assert_allclose(held, level / 100, atol=0.02)
    few = ErrorQuantiles.of(known[:50])  # 50 a step are too few for 99%, 100 of both steps are not for 98%
    pooled = np.sort(known[:50].ravel())
    np.testing.assert_array_equal(few.at(0.99), np.full(2, pooled[np.ceil(101 * 0.99).astype(int) - 1]))
    assert np.isnan(few.at(0.995)).all()
    late = ErrorQuantiles.of(np.abs(known))  # forecasts that are always too low are shifted with their intervals
    np.testing.assert_array_equal(late.median, np.sort(np.abs(known), axis=0)[1999])
    assert (late.at(0.1) > 0).all()
    for share in (0.1, 0.9):
        side = 1 if share > 0.5 else -1
        chosen = measures.conformal_quantile(side * known, max(share, 1 - share))
        np.testing.assert_allclose(errors.at(share), side * chosen)


@given(
    st.integers(0, 10**6), st.integers(1, 60), st.floats(0, 0.9),
    st.lists(st.floats(0.006, 0.994), min_size=2, max_size=8),
)  # fmt: skip
def test_quantiles_of_errors_never_cross(seed, count, missing, shares):
    """Also where some steps have so few errors that some of their quantiles are those of all steps."""
    random = np.random.default_rng(seed)
    scores = random.normal(np.arange(4), 1 + np.arange(4), (count, 4))
    scores[random.random(scores.shape) < missing * np.arange(4) / 3] = np.nan
    errors = ErrorQuantiles.of(scores)
    result = np.stack([errors.at(share) for share in sorted([*shares, 0.5])])
    for step in result.T:
        assert (np.diff(step[~np.isnan(step)]) >= 0).all()
    assert not np.isnan(errors.median).any()


def test_conformal_intervals_mend_a_model_that_is_too_sure():
    fitted, data = fit(rows(600, 1), steps=60, output="gaussian", hidden_size=16)
    bias = np.array(fitted.model.head.bias).reshape(-1, 2)
    bias[:, 1] = -5  # a spread of a hundredth
    sure = eqx.tree_at(lambda model: model.head.bias, fitted.model, jnp.array(bias.ravel()))
    validation = fitted.task.evaluate(sure, data.validation, data.codec)
    assert validation.coverage["80"] < 0.3
    assert str(validation).endswith(" before calibration")
    mended = replace(fitted, model=sure, measures={"validation": validation.to_builtins()})
    calibrated = mended.evaluate(data.test)
    assert calibrated.coverage["80"] == pytest.approx(0.8, abs=0.12)
    assert not str(calibrated).endswith(" before calibration")


def test_targets_side_by_side_are_rows_of_their_own():
    table = {"ds": [*range(80)], "a": np.arange(80.0) % 5, "b": np.arange(80.0) % 7}
    task = elman.Forecasting(**SMALL, target=("a", "b"))
    data = task.read_table(table)
    batch = task.batches(data.train, seed=0).at(0)
    result = model_inputs(batch)
    np.testing.assert_array_equal(result.values[0::2], batch.values[..., 0])
    np.testing.assert_array_equal(result.targets[1::2], batch.targets[..., 1])
    assert result.channel.tolist()[:4] == [0, 1, 0, 1]
    fitted = elman.fit(task, data, steps=2, evaluations=1, report=Quiet())
    assert sorted(set(fitted.predict()["unique_id"])) == ["a/b/a", "a/b/b"]


def test_validation_takes_windows_that_are_evenly_spread():
    task, data = read(rows(400), validation=0.4, validation_windows=20)
    model = task.configure(data).build(data.codec, key=jax.random.key(0))
    few, all_of_it = (
        one.configure(data).evaluate(model, data.validation, data.codec)
        for one in (task, msgspec.structs.replace(task, validation_windows=ROWS))
    )
    assert few.count < 130
    assert all_of_it.count > 400


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(output="negative-binomial", normalise="last"), "counts are not shifted"),
        (dict(output="negative-binomial", scaling="standard"), "choose mean or none"),
        (dict(model="autoregressive", normalise="window"), "has no window"),
        (dict(model="autoregressive", segment=4), "belongs to the direct model"),
        (dict(validation=0), "validation: expected a share"),
        (dict(horison=4), "did you mean 'horizon'"),
        (dict(output="quantiles"), "quantile"),
    ],
)
def test_settings_that_do_not_go_together(settings, message):
    with pytest.raises(ConfigError, match=message):
        elman.Forecasting(**settings)


def test_horizon_and_window_follow_from_the_data():
    task = elman.Forecasting(hidden_size=8)
    days = np.datetime64("2024-01-01") + np.arange(300)
    data = task.read_table({"ds": days.astype(str), "y": np.arange(300.0) % 7})
    settled = task.configure(data)
    assert (settled.horizon, settled.window, settled.segment, settled.season) == (7, 28, 7, 7)
    assert settled.normalise == "window"


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (rows(12), dict(horizon=30), "expected|has 12 steps"),
        (rows(40), dict(window=60), "expected 63 or more"),
        (rows(100), dict(validation=2, test=0.1), "2 steps for validation; expected 3 or more"),
        ({"ds": [3, 1, 2], "y": [1, 2, 3]}, {}, "comes after 3"),
        ({"ds": [1, 1, 2], "y": [1, 2, 3]}, {}, "is there already"),
        ({"ds": [1, 2], "y": ["much", 3]}, {}, "number"),
        ({"ds": [1, 2], "z": [1, 3]}, dict(target=("y",)), "no column 'y'"),
    ],
)
def test_data_that_cannot_be_forecast(table, settings, message):
    with pytest.raises(DataError, match=message):
        read(table, **settings)
