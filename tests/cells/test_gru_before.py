import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, ResetBeforeGRU
from elman.recurrence import engine_for, tap, unroll
from tests.cells.checks import HIDDEN, INPUT, check_gradients, check_values, inputs, loss, shaken, sigmoid, weights

CANDIDATES = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0)}


def gru_step(cell):
    w, phi = weights(cell), CANDIDATES[cell.activation]
    (w_r, w_z, w_n), (u_r, u_z, u_n) = (np.split(w[name], 3, 1) for name in ("kernel", "recurrent_kernel"))
    b_r, b_z, b_n = np.split(w["bias"], 3)

    def step(carry, x):
        (h,) = carry
        r, z = sigmoid(x @ w_r + h @ u_r + b_r), sigmoid(x @ w_z + h @ u_z + b_z)
        n = phi(x @ w_n + (r * h) @ u_n + b_n)
        h = z * h + (1 - z) * n
        return (h,), h

    return step


@pytest.mark.parametrize("activation", CANDIDATES)
def test_values_are_those_of_the_numpy_loop(activation):
    cell = shaken(ResetBeforeGRU(INPUT, HIDDEN, activation=activation, key=jr.key(0)))
    check_values(cell, gru_step(cell), (np.zeros(HIDDEN),))


@pytest.mark.parametrize("activation", CANDIDATES)
def test_gradients_are_central_differences(activation):
    check_gradients(loss, shaken(ResetBeforeGRU(INPUT, HIDDEN, activation=activation, key=jr.key(0))), inputs())


def test_the_lessons_joined_weights_are_the_same_network():
    """One product of [h, x] for a gate, as in "Combined weights"."""
    cell = shaken(ResetBeforeGRU(INPUT, HIDDEN, activation="sigmoid", key=jr.key(0)))
    w = weights(cell)
    joined = [
        np.concatenate([u, x])
        for u, x in zip(np.split(w["recurrent_kernel"], 3, 1), np.split(w["kernel"], 3, 1), strict=True)
    ]
    biases = np.split(w["bias"], 3)

    def step(carry, x):
        (h,) = carry
        reset, update = (sigmoid(np.concatenate([h, x]) @ joined[gate] + biases[gate]) for gate in (0, 1))
        new = sigmoid(np.concatenate([h * reset, x]) @ joined[2] + biases[2])
        h = update * h + (1 - update) * new
        return (h,), h

    check_values(cell, step, (np.zeros(HIDDEN),))


def test_taps_show_the_gates():
    cell, xs = shaken(ResetBeforeGRU(INPUT, HIDDEN, key=jr.key(0))), inputs()
    _, ys, seen = tap(cell, xs)
    before = np.concatenate([np.zeros((len(xs), 1, HIDDEN)), ys[:, :-1]], 1)
    np.testing.assert_allclose((1 - seen["z"]) * seen["n"] + seen["z"] * before, ys, atol=1e-6)


def test_it_differs_from_the_reset_after_and_is_not_given_its_backward_pass():
    after = shaken(GRU(INPUT, HIDDEN, key=jr.key(0)))
    before = ResetBeforeGRU(INPUT, HIDDEN, key=jr.key(0))
    assert engine_for(before)[0] != "fused"
    assert np.abs(unroll(after, inputs())[1] - unroll(before, inputs())[1]).max() > 1e-2


@pytest.mark.usefixtures("unchecked")
def test_a_candidate_of_another_name_is_refused():
    with pytest.raises(elman.ConfigError, match="activation: expected tanh, sigmoid, relu; got 'linear'"):
        ResetBeforeGRU(3, 4, activation="linear", key=jr.key(0))  # ty: ignore[invalid-argument-type]
