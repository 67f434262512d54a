import jax
import jax.numpy as jnp
import numpy as np
import pytest


def test_numpy_rnn(names):
    guess, target = names["guess"], names["target"]
    assert names["cross_entropy"](guess, target) == 0.35667494393873245
    assert names["cross_entropy_slope"](guess, target).round(4).tolist() == [0, -1.4286, 0]
    assert names["softmax"](guess).round(4).tolist() == [0.2814, 0.4640, 0.2546]
    assert names["softmax_slope"](guess).round(4).tolist() == [
        [0.2022, -0.1306, -0.0717],
        [-0.1306, 0.2487, -0.1181],
        [-0.0717, -0.1181, 0.1898],
    ]
    np.testing.assert_allclose(
        names["softmax_slope"](guess), jax.jacobian(jax.nn.softmax)(jnp.asarray(guess)), atol=1e-6
    )
    np.testing.assert_allclose(names["shortcut"], names["slopes"]["softmax, then cross-entropy"][1], rtol=1e-12)
    assert max(names["slope_errors"].values()) < 1e-8
    assert names["sums"] == [0, 1, 3, 6, 10]
    three = np.array([3.0, -3.0])
    assert (names["relu"](three).tolist(), names["relu_slope"](three).tolist()) == ([3, 0], [1, 0])

    assert names["wrong"] == {
        "inner product": ["W_h"],
        "changed inside": ["W_x", "W_h"],
        "neither bug": [],
        "correct": [],
    }
    assert names["reference_difference"] < 1e-10
    faulty, uniform = names["curves"]["faulty, 0.00001"], names["uniform"]
    assert uniform == pytest.approx(8 * np.log(names["VOCAB"]))
    assert abs(faulty[-1] - uniform) < 2
    assert names["curves"]["correct, 0.01"][-1] < 31 < min(faulty)
    assert names["pictures"] == ["10-errors"]
    if names["text"].is_source:
        assert f"{uniform:.2f}" == "35.63"
        assert "(75109, 8, 86) numbers" in names["printed"]
