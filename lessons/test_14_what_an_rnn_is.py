import numpy as np
import pytest


def test_what_an_rnn_is(names):
    odd = names["bits"].cumsum() % 2
    np.testing.assert_allclose(names["probabilities"][:, 1], odd, atol=1e-3)
    assert names["probabilities"].sum(1).tolist() == pytest.approx([1.0] * 8)
    np.testing.assert_array_equal(np.sign(names["states"][:, 0] - names["states"][:, 1] - 1), 2 * odd - 1)
    assert names["right"] == len(names["many"]) == 1000
    assert names["difference"] < 1e-5
    assert names["weights"] == 2 + 4 + 2 + 4 + 2
    assert names["same"] == 0
    assert names["pictures"] == ["14-steps"]
