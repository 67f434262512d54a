import numpy as np


def test_symbolic_rnn(names):
    assert names["sums"].tolist() == [0, 1, 3, 6, 10]
    assert "expected float32" in names["refusal"]
    assert max(names["differences"].values()) < 1e-5
    assert names["cell_difference"] < 1e-5
    assert {array.dtype.name for array in names["weights"].values()} == {"float32"}
    assert len(names["errors"]) == 10
    uniform = 8 * np.log(names["VOCAB"])
    assert names["errors"][-1] < 0.95 * uniform
    assert names["errors"][0] < 1.05 * uniform
    assert names["pictures"] == ["09-errors"]
    if names["text"].is_source:
        assert names["errors"][-1] < 28
        assert names["weights"]["W_x"].shape == (86, 256)
        assert names["xs"].shape == names["ys"].shape == (75109, 8)
        assert "8 ln 86 = 35.63" in names["printed"]
