import numpy as np


def test_symbolic_gru(names):
    assert names["difference"] < 1e-5
    assert float(names["with_sigmoid"].min()) >= 0 > float(names["states"].min())
    assert abs(names["states"]).max() < 1
    assert len(names["errors"]) == 10
    uniform = 8 * np.log(names["VOCAB"])
    assert names["errors"][-1] < 0.95 * uniform
    assert names["errors"][0] < 1.1 * uniform
    assert names["errors"][-1] < names["sigmoid_errors"][-1]  # tanh learns faster
    assert names["pictures"] == ["12-errors"]
