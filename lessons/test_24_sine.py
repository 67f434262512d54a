import numpy as np
import pytest


def test_sine(names):
    series, others = names["series"], names["others"]
    assert (series.shape, others.shape) == ((100, 130), (50, 320))
    x = others - (others.max(axis=1) + others.min(axis=1))[:, None] / 2
    assert np.abs(others).max() <= 1.05 + 1e-6
    turn = (x[:, 2:] + x[:, :-2]) / np.where(np.abs(x[:, 1:-1]) > 0.5, x[:, 1:-1], np.nan)
    periods = 2 * np.pi / np.arccos(np.nanmedian(turn, axis=1) / 2)  # x_t + x_(t-2) = 2 cos(2 pi / period) x_(t-1)
    assert 55 < periods.min() < periods.max() < 290
    assert names["counts"] == {"lstm": 4 * 20 * (1 + 20 + 1), "dense": 21} == {"lstm": 1760, "dense": 21}
    assert names["errors"]["a sum of 2 values, one for each"] < 1e-6
    assert names["errors"]["a sum of 20 values, one for all"] < 1e-5
    assert names["unlike_errors"]["moved up by 0.5"][1] < 1e-5
    last, each, _ = (curve[names["EARLY"] - 1] for curve in names["by_epoch"].values())
    assert each < last / 2 < names["errors"]["the last value"] / 4
    assert names["unlike_errors"]["as in training"][0] < min(
        error for error, _ in list(names["unlike_errors"].values())[1:]
    )
    assert names["errors"]["the last value"] == pytest.approx(np.mean((others[:, 119] - others[:, 129]) ** 2), rel=1e-4)
    one_step, alone = names["drift"].values()
    assert one_step[0] < one_step[9] < one_step[49]
    assert alone[49] < one_step[49]
    assert names["pictures"] == ["24-sine"]
    forecasts = names["own_forecasts"]["going on alone"]
    np.testing.assert_allclose(forecasts[:3, :40], on_its_own(names["alone"], others[:3, :120], 40), atol=1e-4)


@pytest.mark.filterwarnings("ignore")  # Keras uses names that JAX has deprecated
def test_the_counts_are_those_of_keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    peer = keras.Sequential([keras.Input((None, 1)), keras.layers.LSTM(20), keras.layers.Dense(1)])
    assert [layer.count_params() for layer in peer.layers] == [1760, 21]


def on_its_own(network, values, steps):
    """The forecasts in NumPy, each computed by reading all values and earlier forecasts from the first on."""
    cell = network["lstm"]
    kernel, recurrent, bias = (np.asarray(part) for part in (cell.kernel, cell.recurrent_kernel, cell.bias))
    weights, constant = np.asarray(network["dense"].kernel), np.asarray(network["dense"].bias)
    for _ in range(steps):
        h = c = np.zeros((len(values), 20))
        for step in range(values.shape[1]):
            i, f, g, o = np.split(values[:, step, None] @ kernel + h @ recurrent + bias, 4, axis=1)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
        values = np.concatenate([values, h @ weights + constant], axis=1)
    return values[:, -steps:]
