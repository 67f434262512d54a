import numpy as np


def test_through_time(names):
    assert set(names["differences"]) == {*(f"term of {name}" for name in "UWbVc"), "dL/dh", "dL/do"}
    assert max(names["differences"].values()) < 1e-5
    assert names["terms"]["W"].shape == (6, 5, 5)
    assert not names["terms"]["W"][0].any()  # the state before the first step is zero
    assert names["bug_error"] > 0.1
    assert names["product_error"] < 1e-6
    sizes = names["sizes"]
    np.testing.assert_allclose(sizes["Elman, W doubled"][0], 2 * sizes["Elman, W a rotation"][0], rtol=0.05)
    assert sizes["Elman, W halved"][29] < 1e-8
    assert sizes["Elman, W a rotation"][29] < 1 < sizes["Elman, W doubled"][29]
    assert sizes["GRU"][29] < 1e-3 < 0.05 < sizes["LSTM"][29]
    assert names["pictures"] == ["15-jacobians"]
