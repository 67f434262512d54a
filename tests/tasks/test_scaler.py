import msgspec
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from elman import DataError
from elman.tasks.scaler import Scaler


def series():
    random = np.random.default_rng(0)
    return [random.normal([0, 100, -3], [1, 1e-2, 50], (steps, 3)).astype(np.float32) for steps in (5, 1, 30)]


def test_values_are_those_of_scikit_learn_over_all_steps():
    scaler, theirs = Scaler.of(series()), StandardScaler().fit(np.concatenate(series()).astype(np.float64))
    np.testing.assert_allclose(scaler.mean, theirs.mean_)
    np.testing.assert_allclose(scaler.std, theirs.scale_)
    for one in series():
        np.testing.assert_allclose(scaler.encode(one), theirs.transform(one.astype(np.float64)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scaler.decode(scaler.encode(one)), one, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e7])
def test_a_channel_that_never_changes_becomes_zero(value):
    constant = np.full((1000, 1), value, np.float32)
    scaler = Scaler.of([constant])
    assert scaler.std == (1.0,)
    np.testing.assert_allclose(scaler.encode(constant), 0, atol=1e-6)


def test_a_scaler_is_a_value_that_goes_through_json():
    scaler = Scaler.of(series())
    assert msgspec.json.decode(msgspec.json.encode(scaler), type=Scaler) == scaler


def test_what_cannot_be_one_is_refused():
    with pytest.raises(DataError, match="no series to scale by"):
        Scaler.of([])
    with pytest.raises(msgspec.ValidationError, match="positive standard deviation"):
        msgspec.convert({"mean": [0.0], "std": [0.0]}, Scaler)
