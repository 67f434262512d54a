import numpy as np
import pytest


def test_autoregression(names):
    assert names["sine_weights"] == pytest.approx((2 * np.cos(np.pi / 10), -1, 0), abs=1e-9)
    assert names["sine_error"] < 1e-9
    assert names["chaos_errors"]["non-linear"] < 0.1 < 0.25 < names["chaos_errors"]["linear"]
    assert names["end_errors"]["linear, 10 values"] > 0.95
    assert names["end_errors"]["non-linear, 10 values"] > 0.9
    assert names["end_errors"]["recurrent"] < 0.5
    assert names["sizes"]["linear, 10 values"] == 11
    assert names["sizes"]["recurrent"] == 3 * (16 + 16 * 16 + 16) + 16 + 17
    assert len(names["values"]) == len(names["forecasts"]) == 2820 - 2412
    np.testing.assert_allclose(names["values"], names["scaled"][2412:])
    assert names["sun_errors"]["recurrent"] < names["sun_errors"]["the last month"]
    assert names["pictures"] == ["17-autoregression"]
