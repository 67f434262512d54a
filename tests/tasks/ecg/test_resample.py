import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import ConfigError
from elman.tasks.ecg.resample import Resampler, resample

RATES = [(360, 250), (500, 250), (250, 360), (128, 250), (1000, 250), (250, 250), (257.5, 250)]


def sine(hertz, rate, seconds=4):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate + 0.3)


@pytest.mark.parametrize(("rate", "to"), RATES)
@pytest.mark.parametrize("hertz", [0.5, 10, 35])
def test_a_sine_is_the_same_sine_at_another_rate(rate, to, hertz):
    resampled, expected = resample(sine(hertz, rate), rate=rate, to=to), sine(hertz, to)
    assert abs(len(resampled) - len(expected)) <= 1
    inner = slice(to // 5, min(len(resampled), len(expected)) - to // 5)
    assert np.abs(resampled[inner] - expected[inner]).max() < 4e-3


def test_what_the_new_rate_cannot_hold_is_damped():
    assert np.abs(resample(sine(190, 500), rate=500, to=250)[50:-50]).max() < 2e-3
    assert np.abs(resample(sine(70, 250), rate=250, to=100)[50:-50]).max() < 2e-3


def test_each_sample_is_a_windowed_sinc_of_those_around_it():
    values = np.random.default_rng(0).normal(size=80)
    resampled = resample(values, rate=360, to=250)
    cutoff, reach = 0.9 * 250 / 360, int(np.ceil(6 * 360 / 250))
    for index in (20, 33):
        at = index * 360 / 250
        near = np.arange(int(at) - reach, int(at) + reach + 1)
        window = np.array([np.i0(6 * np.sqrt(1 - (x / reach) ** 2)) if abs(x) < reach else 0 for x in near - at], float)
        weights = np.sinc(cutoff * (near - at)) * window
        np.testing.assert_allclose(resampled[index], (weights * values[near]).sum() / weights.sum())


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.sampled_from(RATES), st.booleans())
def test_pieces_give_what_the_whole_gives(sizes, rates, gap):
    random, resampler = np.random.default_rng(0), Resampler(*rates)
    values = random.normal(size=sum(sizes))
    if gap:
        values[len(values) // 3 : len(values) // 2] = np.nan
    state, resampled = resampler.start(), []
    for piece in np.split(values, np.cumsum(sizes)[:-1]):
        state, new = resampler.step(state, piece)
        resampled.append(new)
    resampled.append(resampler.finish(state))
    np.testing.assert_array_equal(np.concatenate(resampled), resample(values, rate=rates[0], to=rates[1]))


def test_a_sample_comes_out_as_soon_as_the_delay_is_over():
    resampler = Resampler(500, 250)
    assert resampler.delay == pytest.approx(0.024)
    state, new = resampler.step(resampler.start(), np.ones(100))
    assert len(new) == (100 - 12) / 2
    assert len(state.kept) <= 2 * 12 + 2


def test_constant_signals_stay_so_at_the_ends_too():
    np.testing.assert_allclose(resample(np.full(50, 2.5, np.float32), rate=360, to=250), 2.5, rtol=1e-6)
    assert resample(np.zeros(7, np.float32), rate=360, to=250).dtype == np.float32
    assert len(resample(np.zeros(0), rate=360, to=250)) == 0


def test_gaps_stay_gaps_and_do_not_spread():
    values = np.ones(200)
    values[:20], values[100:110] = np.nan, np.nan
    resampled = resample(values, rate=500, to=250)
    assert np.flatnonzero(np.isnan(resampled)).tolist() == [*range(10), *range(50, 55)]
    np.testing.assert_allclose(resampled[~np.isnan(resampled)], 1)
    assert np.isnan(resample(np.full(9, np.nan), rate=500, to=250)).all()


@pytest.mark.parametrize("rate", [0, -1, np.nan, np.inf])
def test_a_rate_that_is_not_positive_is_refused(rate):
    with pytest.raises(ConfigError, match="rate: expected samples a second, such as 250"):
        resample(np.zeros(9), rate=360, to=rate)
