import msgspec
import numpy as np
import pytest

from elman import DataError
from elman.formats.frequency import Frequency
from elman.tasks.forecasting.calendar import calendar_features
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.histories import Histories, History

DAY = Frequency.parse("1d")
FIRST = np.datetime64("2020-01-01", "s")


def history(name="a", steps=50, extra=3, seed=0, scale=1.0):
    random = np.random.default_rng(seed)
    values, past = random.normal(5, scale, (steps, 1)), random.normal(-3, 2, (steps, 2))
    values[4], past[6, 1] = np.nan, np.nan
    future = random.normal(100, 30, (steps + extra, 1))
    return History(name, DAY.from_first(FIRST, steps), values, past, future, random.normal(size=1), "a.csv, line 2")


def histories(*series):
    return Histories(
        ("y",), ("load", "wind"), ("price",), ("area",), DAY, series or (history(), history("b", seed=1, scale=9))
    )


def test_each_series_is_scaled_by_its_own_steps_to_train_on():
    mine = histories()
    codec = ForecastCodec.of(mine, ends=[30, 20])
    for one, end in zip(mine.histories, (30, 20), strict=True):
        known = one.values[:end][~np.isnan(one.values[:end])]
        encoded = codec.encode(one)
        expected = np.nan_to_num((one.values - known.mean()) / known.std())
        np.testing.assert_allclose(encoded.values, expected, rtol=1e-5, atol=1e-6)
        assert encoded.known.ravel().tolist() == [step != 4 for step in range(50)]
        assert encoded.scaler == codec.scaler_of(one)


def test_covariates_are_scaled_over_the_steps_to_train_on_of_all_series():
    mine = histories()
    codec = ForecastCodec.of(mine, ends=[30, 20])
    encoded = codec.encode(mine.histories[1])
    for got, arrays, column in ((encoded.past, "past", 1), (encoded.ahead, "future", 0)):
        whole = np.concatenate(
            [getattr(one, arrays)[:end, column] for one, end in zip(mine.histories, (30, 20), strict=True)]
        )
        own = getattr(mine.histories[1], arrays)[:, column]
        expected = np.nan_to_num((own - np.nanmean(whole)) / np.nanstd(whole))
        np.testing.assert_allclose(got[:, column], expected, rtol=1e-5, atol=1e-6)
    assert np.argwhere(~encoded.past_known).tolist() == [[6, 1]]
    statics = np.array([one.static[0] for one in mine.histories])
    assert encoded.static == pytest.approx((statics[1] - statics.mean()) / statics.std(), rel=1e-5)


def test_the_calendar_goes_on_over_the_horizon():
    codec = ForecastCodec.of(histories(), ends=[30, 30])
    encoded = codec.encode(history(), ahead=2)
    assert codec.features == ("price", "week sin", "week cos", "year sin", "year cos")
    assert encoded.ahead.shape == (53, 5)  # what is known ahead goes further still
    np.testing.assert_array_equal(encoded.ahead[:, 1:], calendar_features(DAY.from_first(FIRST, 53), DAY))
    bare = ForecastCodec.of(histories(), ends=[30, 30], calendar=False)
    assert bare.features == ("price",)
    none = History("a", np.arange(3), np.zeros((3, 1)), np.zeros((3, 0)), np.zeros((3, 0)), np.zeros(0))
    plain = ForecastCodec.of(Histories(("y",), (), (), (), Frequency("step"), (none,)), ends=[3])
    assert plain.encode(none, ahead=4).ahead.shape == (7, 0)


def test_other_scales():
    counts = history()._replace(values=np.array([[0.0], [4.0], [np.nan], [2.0], [90.0]]), past=np.zeros((5, 2)))
    mine = histories(counts)
    by_mean = ForecastCodec.of(mine, ends=[4], scaling="mean").encode(counts)
    assert by_mean.values.ravel().tolist() == [0, 2, 0, 1, 45]
    left = ForecastCodec.of(mine, ends=[4], scaling="none").encode(counts)
    assert left.values.ravel().tolist() == [0, 4, 0, 2, 90]
    nothing = counts._replace(values=np.zeros((5, 1)))
    assert ForecastCodec.of(histories(nothing), ends=[4], scaling="mean").scalers[0].std == (1.0,)


def test_roots_are_scaled_and_come_back():
    random = np.random.default_rng(0)
    one = history()._replace(values=random.gamma(2, 30, (50, 1)))
    one.values[4] = np.nan
    codec = ForecastCodec.of(histories(one), ends=[30], scaling="root")
    encoded = codec.encode(one)
    roots = np.sqrt(one.values + 1)
    expected = (roots - np.nanmean(roots[:30])) / np.nanstd(roots[:30])
    np.testing.assert_allclose(encoded.values[encoded.known], expected[~np.isnan(expected)], rtol=1e-5, atol=1e-6)
    mean, std = np.array(encoded.scaler.mean), np.array(encoded.scaler.std)
    real = codec.real(encoded.values, mean, std)
    np.testing.assert_allclose(real[encoded.known], one.values[encoded.known], rtol=1e-4)


def test_other_scales_come_back():
    for scaling in ("standard", "mean", "none"):
        one = history()
        codec = ForecastCodec.of(histories(one), ends=[30], scaling=scaling)
        encoded = codec.encode(one)
        real = codec.real(encoded.values, np.array(encoded.scaler.mean), np.array(encoded.scaler.std))
        np.testing.assert_allclose(real[encoded.known], one.values[encoded.known], rtol=1e-5)


def test_roots_of_less_than_nothing_are_refused():
    one = history()._replace(values=np.linspace(-2, 9, 50)[:, None])
    with pytest.raises(
        DataError, match="a.csv, line 2: 'a' is -2 at 2020-01-01; expected no value below -1 to take roots"
    ):
        ForecastCodec.of(histories(one), ends=[30], scaling="root")


def test_a_constant_series_is_shifted_alone_and_named():
    one = history()._replace(values=np.full((50, 1), 7.0))
    one.values[3] = np.nan
    codec = ForecastCodec.of(histories(one, history("b")), ends=[30, 30])
    assert not codec.encode(one).values.any()
    assert codec.constant == ("a",)
    one.values[29] = 8.0
    assert not ForecastCodec.of(histories(one, history("b")), ends=[30, 30]).constant


def test_a_series_that_was_not_there_is_scaled_by_what_it_holds():
    codec, new = ForecastCodec.of(histories(), ends=[30, 30]), history("new", seed=5)
    values = codec.encode(new).values[np.arange(50) != 4]
    assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=1e-5)


def test_the_season_is_told_from_the_step_or_given():
    assert ForecastCodec.of(histories(), ends=[30, 30]).season == 7
    assert ForecastCodec.of(histories(), ends=[30, 30], season=365).season == 365


def test_a_codec_is_a_value_that_goes_through_json():
    codec = ForecastCodec.of(histories(), ends=[30, 30])
    assert msgspec.json.decode(msgspec.json.encode(codec), type=ForecastCodec) == codec


def test_what_is_known_ahead_must_reach_over_the_horizon():
    codec = ForecastCodec.of(histories(), ends=[30, 30])
    with pytest.raises(
        DataError,
        match="a.csv, line 2: price of 'a' ends before 2020-02-23; expected covariates known ahead up to 2020-02-24, 5 "
        "steps after the last value: add rows with them, and with y empty",
    ):
        codec.encode(history(), ahead=5)


def test_series_of_something_else_are_refused():
    codec = ForecastCodec.of(histories(), ends=[30, 30])
    codec.check(histories())
    with pytest.raises(DataError, match="a.csv, line 2: past none; the model knows load, wind"):
        codec.check(histories()._replace(past=()))
    with pytest.raises(DataError, match="steps of 1h; the model knows steps of 1d: .* with --resample 1d"):
        codec.check(histories()._replace(frequency=Frequency.parse("1h")))


def test_series_without_a_value_to_train_on_are_refused():
    one = history()
    one.values[:30] = np.nan
    with pytest.raises(
        DataError, match="line 2: y of 'a' is missing in all 30 steps to train on; leave the series out"
    ):
        ForecastCodec.of(histories(one), ends=[30])


def test_values_beyond_the_scale_of_float32_are_refused():
    one = history()
    codec = ForecastCodec.of(histories(one._replace(values=one.values * 1e-20)), ends=[30])
    with pytest.raises(
        DataError, match="line 2: 'a' at step 10 is too large beside the values that the model was trained on"
    ):
        codec.encode(one._replace(values=np.where(np.arange(50)[:, None] == 9, 1e30, 0.0)))
