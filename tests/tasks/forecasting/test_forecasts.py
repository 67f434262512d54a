"""Forecasts agree with their intervals, for every kind of model, output and series, and lie on stamps that exist."""

import re
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

import elman
from elman.formats.stamps import parse_stamps
from elman.tasks.forecasting.settings import ForecastPrediction
from elman.tasks.output import Warning
from elman.training.reporters import Quiet

KINDS = [
    *(("direct", output) for output in ("quantile", "gaussian", "student", "squared", "absolute")),
    ("direct", "negative-binomial"),
    *(("autoregressive", output) for output in ("gaussian", "absolute")),
    ("encoder-decoder", "quantile"),
]
FILES = {
    "airline-passengers.csv": {},
    "daily-min-temperatures.csv": {},
    "monthly-sunspots.csv": {},
    "statsmodels-co2.csv": {},
    "statsmodels-nile.csv": {},
    "statsmodels-sunspots.csv": {},
    "beijing-pm25.csv.xz": {"target": ("pm2.5",)},
    "ETTh1.csv.xz": {},
}
LEVELS = (1, 30, 50, 80, 90, 95, 99, 99.9)

pytestmark = pytest.mark.filterwarnings("ignore:level .* the validation part has")


def fit(task, data, steps=3):
    return elman.fit(task, data, steps=steps, evaluations=1, report=Quiet())


def check_agreement(table):
    """The bounds lie around the forecast in the order of their levels."""
    columns = [*(f"elman-lo-{level}" for level in reversed(LEVELS)), "elman", *(f"elman-hi-{one}" for one in LEVELS)]
    values = np.stack([table[name] for name in columns])
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=0) >= 0).all()


@pytest.mark.sample(1)
@pytest.mark.parametrize(("model", "output"), KINDS)
def test_the_forecast_is_the_median_of_its_intervals(model, output):
    """A forecaster of a growing series, of which a hardly trained model is always wrong on one side."""
    counts = {"ds": [*range(240)], "y": [n // 4 + n % 3 for n in range(240)]}
    task = elman.Forecasting(model=model, output=output, horizon=3, window=9, hidden_size=4, samples=20)
    fitted = fit(task, task.read_table(counts))
    table = fitted.predict(level=LEVELS)
    check_agreement(table)
    for level in LEVELS:  # whatever else is asked for
        alone = fitted.predict(level=[level])
        for name in alone.columns[1:]:
            np.testing.assert_allclose(alone[name], table[name], rtol=1e-5, atol=1e-5)
    if output not in ("squared", "absolute"):
        check_agreement(fitted.predict(level=LEVELS, intervals="model"))
    past = fitted.backtest(counts, first=200, step=6, level=LEVELS)
    check_agreement(past)
    if output == "quantile":
        assert 0.2 < (past["y"] > past["elman"]).mean() < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("scaling", ["standard", "root"])
@pytest.mark.parametrize("name", FILES)
def test_forecasts_of_real_series_lie_within_their_intervals(name, scaling, data_folder):
    if name == "ETTh1.csv.xz" and scaling == "root":
        pytest.skip("temperatures below -1 have no roots")
    options = {
        "horizon": 6,
        "validation": 0.2,
        "hidden_size": 8,
        "scaling": scaling,
        "windows_per_epoch": 200,
        "validation_windows": 100,
    }
    task = elman.Forecasting(**options, **FILES[name])
    check_agreement(fit(task, task.read(data_folder / "timeseries" / name), steps=20).predict(level=LEVELS))


def test_the_picture_draws_the_forecast_within_its_bands(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn = {"lines": [], "bands": []}
    plot, fill = Axes.plot, Axes.fill_between
    monkeypatch.setattr(Axes, "plot", lambda self, *xy, **how: (drawn["lines"].append(xy), plot(self, *xy, **how))[1])
    monkeypatch.setattr(
        Axes, "fill_between", lambda self, *xy, **how: (drawn["bands"].append(xy), fill(self, *xy, **how))[1]
    )
    from elman.tasks.forecasting.picture import draw_forecast

    task = elman.Forecasting(horizon=3, window=9, hidden_size=4)
    fitted = fit(task, task.read_table({"ds": [*range(300)], "y": [n % 5 + n for n in range(300)]}))
    draw_forecast(fitted, fitted.predict(level=LEVELS), tmp_path / "a.png")
    (_, (_, line)), bands = drawn["lines"], drawn["bands"]
    assert len(bands) == len(LEVELS)
    for _, low, high in bands:
        assert ((low <= line) & (line <= high)).all()


def business_days(count):
    days = np.datetime64("2024-01-01") + np.arange(2 * count)
    return days[(np.arange(2 * count) % 7) < 5][:count].astype(str).tolist()


@pytest.mark.parametrize(
    ("stamps", "following"),
    [
        (
            [f"{2015 + n // 12}{n % 12 + 1:02}" for n in range(120)],
            ["202501", "202502", "202503", "202504"],
        ),
        (business_days(120), ["2024-06-17", "2024-06-18", "2024-06-19", "2024-06-20"]),
        ([f"{2000 + n // 4}Q{n % 4 + 1}" for n in range(100)], ["2025Q1", "2025Q2", "2025Q3", "2025Q4"]),
        ([str(1704067200 + 3600 * n) for n in range(100)], [str(1704067200 + 3600 * n) for n in range(100, 104)]),
    ],
    ids=["months", "business days", "quarters", "seconds"],
)
@pytest.mark.sample(1)
def test_forecasts_go_on_in_the_form_and_the_calendar_of_the_file(stamps, following, tmp_path):
    place, more = tmp_path / "a.csv", tmp_path / "more.csv"
    place.write_text("ds,y\n" + "".join(f"{stamp},{n % 5}\n" for n, stamp in enumerate(stamps)))
    task = elman.Forecasting(horizon=4, window=8, hidden_size=4)
    fit(task, task.read(place), steps=2).save(tmp_path / "a.elman")
    fitted = elman.load(tmp_path / "a.elman")
    assert [line.split(",")[1] for line in fitted.predict().lines()][1:] == following
    more.write_text(f"ds,y\n{following[0]},3\n")  # one row, which alone might be a number
    later = fitted.continue_from(str(more))
    assert [line.split(",")[1] for line in later.predict().lines()][1:4] == following[1:]
    assert later.predict()["elman"].tobytes() == fitted.update(str(more)).predict()["elman"].tobytes()


@pytest.mark.parametrize("model", ["direct", "autoregressive"])
def test_series_with_steps_of_their_own_are_forecast_on_them(model, tmp_path):
    days, weeks = np.datetime64("2024-01-01") + np.arange(140), np.datetime64("2023-03-06") + 7 * np.arange(60)
    table = {
        "unique_id": ["shop"] * 140 + ["depot"] * 60,
        "ds": [*days.astype(str), *weeks.astype(str)],
        "y": [float(n % 7) for n in range(200)],
    }
    task = elman.Forecasting(model=model, horizon=3, window=6, hidden_size=4, samples=5)
    data = task.read_table(table)
    assert data.notes == ("series have steps of their own: 1d (shop), 1w (depot)",)
    fit(task, data, steps=2).save(tmp_path / "a.elman")
    fitted = elman.load(tmp_path / "a.elman")
    result = fitted.predict()
    assert result["ds"][result["unique_id"] == "depot"].astype("datetime64[D]").astype(str).tolist() == [
        "2024-04-29", "2024-05-06", "2024-05-13"
    ]  # fmt: skip
    later = fitted.update({"unique_id": ["depot", "shop"], "ds": ["2024-04-29", "2024-05-20"], "y": [1, 2]})
    assert later.predict()["ds"].astype("datetime64[D]").astype(str).tolist() == [
        *("2024-05-21", "2024-05-22", "2024-05-23"), *("2024-05-06", "2024-05-13", "2024-05-20")
    ]  # fmt: skip
    with pytest.raises(elman.DataError, match="2024-04-30 of 'depot' lies on no step of 1w after 2024-04-22"):
        fitted.update({"unique_id": ["depot"], "ds": ["2024-04-30"], "y": [1]})
    assert fitted.evaluate(data.test).count == data.test.origins().shape[0] * 3


def test_days_outside_of_the_calendar_are_refused():
    task = elman.Forecasting(horizon=4, window=8, hidden_size=4)
    fitted = fit(task, task.read_table({"ds": business_days(120), "y": [n % 5 for n in range(120)]}), steps=2)
    with pytest.raises(elman.DataError, match="2024-06-15 of 'y' lies on no step of 1d Mon-Fri, .*--step 1d"):
        fitted.update({"ds": ["2024-06-15"], "y": [1]})
    with pytest.raises(elman.DataError, match="the stamps of 'y' are whole numbers; the model knows times"):
        fitted.update({"ds": [7], "y": [1]})


def test_times_of_a_place_come_back_as_its_clocks_show_them():
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(200)
    task = elman.Forecasting(horizon=2, window=8, hidden_size=4, zone="Europe/Berlin")
    fitted = fit(task, task.read_table({"ds": [f"{hour}:00" for hour in hours], "y": np.arange(200.0) % 24}), steps=2)
    lines = [line.split(",")[1] for line in fitted.predict().lines()]
    assert lines[1:] == ["2024-01-09T08:00", "2024-01-09T09:00"]
    again = parse_stamps(lines[1:], ["", ""], zone="Europe/Berlin").stamps
    assert again.tolist() == fitted.predict()["ds"].tolist()


def few_errors(validation, output="quantile"):
    task = elman.Forecasting(horizon=6, window=12, validation=validation, test=6, hidden_size=4, output=output)
    return fit(task, task.read_table({"ds": [*range(30 + validation)], "y": [n % 5 for n in range(30 + validation)]}))


def test_intervals_beyond_the_known_errors_follow_the_models_own_quantiles_and_say_so():
    fitted = few_errors(validation=8)  # 18 errors
    sentence = (
        "level 95, 99.9: the validation part has 18 errors in 3 windows, enough for 80%; beyond, bounds follow the "
        "model's own quantiles; train with a validation of 39 steps or more to measure them, up to 99%"
    )
    with pytest.warns(UserWarning, match=re.escape(sentence)):
        table = fitted.predict(level=[80, 95, 99.9])
    said, head, *rows = fitted.output(options=ForecastPrediction(level="80,95,99.9"))
    assert said == Warning(sentence)
    assert [head, *rows] == [*table.lines()]
    own = fitted.predict(level=LEVELS, intervals="model")
    beyond = table["elman-hi-95"] - table["elman-hi-80"]
    assert (beyond >= (own["elman-hi-95"] - own["elman-hi-80"]) * (1 - 1e-5)).all()
    assert not isinstance(next(iter(fitted.output(options=ForecastPrediction()))), Warning)  # 80% needs nothing else


def test_a_number_alone_has_intervals_as_wide_as_its_errors_or_none():
    fitted = few_errors(validation=8, output="squared")
    with pytest.warns(UserWarning, match="beyond, bounds follow a normal distribution"):
        table = fitted.predict(level=[80, 95])
    ratio = NormalDist().inv_cdf(0.975) / NormalDist().inv_cdf(0.9)
    width = (table["elman-hi-80"] - table["elman-lo-80"]) / 2
    np.testing.assert_allclose(table["elman-hi-95"] - table["elman-hi-80"], width * (ratio - 1), rtol=1e-5)
    none = replace(fitted, measures={})
    with pytest.raises(elman.ConfigError, match="never validated, and output 'squared' has no intervals of its own"):
        none.predict(level=[80])
    said, head, *rows = none.output(options=ForecastPrediction())
    assert said.text.startswith("no intervals: ")
    assert (head, len(rows)) == ("unique_id,ds,elman", 6)
