import jax
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import Elman, OutputElman
from elman.recurrence import engine_for
from tests.cells.checks import HIDDEN, INPUT, check_gradients, check_values, inputs, loss, shaken, sigmoid, weights

ACTIVATIONS = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0), "linear": lambda x: x}


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({}, "orthogonal"),
        ({"activation": "relu"}, "identity"),
        ({"recurrent_start": "identity"}, "identity"),
        ({"activation": "relu", "recurrent_start": "orthogonal"}, "orthogonal"),
        ({"recurrent_start": "glorot"}, "glorot"),
    ],
)
def test_the_recurrent_kernel_starts_as_asked(options, start):
    u = np.asarray(Elman(3, 64, key=jr.key(0), **options).recurrent_kernel)
    if start == "glorot":
        assert u.var() == pytest.approx(1 / 64, rel=0.1)
        assert abs(u).max() <= np.sqrt(6 / 128)
    else:
        np.testing.assert_allclose(u @ u.T, np.eye(64), atol=1e-5)
        assert (start == "identity") == bool(np.array_equal(u, np.eye(64)))


def test_a_start_does_not_change_the_engine():
    assert engine_for(Elman(3, 4, recurrent_start="glorot", key=jr.key(0)))[0] != "scan"


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", [Elman, OutputElman])
def test_other_names_are_refused_with_the_nearest(kind):
    with pytest.raises(elman.ConfigError, match="recurrent_start: expected .*; got 'identiy'; did you mean 'identity'"):
        kind(3, 4, recurrent_start="identiy", key=jr.key(0))
    with pytest.raises(elman.ConfigError, match="activation: expected tanh, relu.*; got 'tan'; did you mean 'tanh'"):
        kind(3, 4, activation="tan", key=jr.key(0))


def output_step(cell):
    w, phi, phi_y = weights(cell), ACTIVATIONS[cell.activation], ACTIVATIONS[cell.output_activation]

    def step(carry, x):
        h = phi(x @ w["kernel"] + carry[0] @ w["recurrent_kernel"] + w["bias"])
        return (h,), phi_y(h @ w["output_kernel"] + w["output_bias"])

    return step


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("output_activation", ["tanh", "sigmoid", "linear"])
def test_the_network_with_an_output_layer_is_the_numpy_loop(activation, output_activation):
    options = dict(activation=activation, output_activation=output_activation)
    cell = shaken(OutputElman(INPUT, HIDDEN, state_size=7, key=jr.key(0), **options))
    check_values(cell, output_step(cell), (weights(cell)["start"],))


def test_its_gradients_are_central_differences_also_for_the_start_state():
    cell = shaken(OutputElman(INPUT, HIDDEN, state_size=7, key=jr.key(0)))
    check_gradients(loss, cell, inputs())
    assert float(abs(jax.grad(loss)(cell, inputs()).start).max()) > 0
