import numpy as np
import pytest

from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.generated import PERIODS, seasonal, sines


def test_sines_have_periods_and_phases_of_their_own():
    values = np.stack([one.values[:, 0] for one in sines(200, 900, seed=1).histories])
    assert np.abs(values).max() <= 1
    # x_(t-1) + x_(t+1) = 2 cos(2 pi / period) x_t
    around, middle = values[:, :-2] + values[:, 2:], values[:, 1:-1]
    periods = 2 * np.pi / np.arccos((around * middle).sum(axis=1) / (2 * middle**2).sum(axis=1))
    assert PERIODS[0] < periods.min() < 12
    assert 80 < periods.max() < PERIODS[1]
    assert np.median(periods) == pytest.approx(np.sqrt(PERIODS[0] * PERIODS[1]), rel=0.2)
    phases = np.arctan2(values[:, 0], np.gradient(values, axis=1)[:, 0])
    assert np.histogram(phases, bins=4, range=(-np.pi, np.pi))[0].min() > 30


def test_noise_is_added():
    plain, noisy = sines(20, 500), sines(20, 500, noise=0.1)
    rest = np.stack([a.values - b.values for a, b in zip(noisy.histories, plain.histories, strict=True)])
    assert rest.std() == pytest.approx(0.1, rel=0.03)


def test_seasons_have_the_noise_that_they_say():
    plain, noisy = seasonal(50, 364, noise=0.0), seasonal(50, 364, noise=0.3)
    for one, other in zip(plain.histories, noisy.histories, strict=True):
        values = one.values[:, 0]
        weekly = values[7:] - values[:-7]
        np.testing.assert_allclose(weekly, weekly[0], rtol=1e-6, atol=1e-9 * np.abs(values).max())
        detrended = values - np.arange(364) * weekly[0] / 7
        pattern = detrended[:7].std()
        assert (other.values - one.values).std() / pattern == pytest.approx(0.3, rel=0.15)


def test_the_same_seed_gives_the_same():
    for make in (sines, seasonal):
        first, again, other = (make(2, 30, seed=seed).histories[1].values for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


def test_they_can_be_encoded():
    for result in (sines(3, 40), seasonal(3, 40)):
        codec = ForecastCodec.of(result, ends=[30] * 3)
        assert len(codec.encode(result.histories[0], ahead=5).ahead) == 45
