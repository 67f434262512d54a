import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import MinGRU, MinLSTM
from tests.cells.paper import check_chunks, check_gradients, check_values, full_carry, shaken, sigmoid

HIDDEN = 5


def mingru(w, h, x):
    z, n = np.split(x @ w["kernel"] + w["bias"], 2)
    h = (1 - sigmoid(z)) * h + sigmoid(z) * n
    return h, h


def minlstm(w, h, x):
    i, f, g = np.split(x @ w["kernel"] + w["bias"], 3)
    i, f = sigmoid(i), sigmoid(f)
    h = (f * h + i * g) / (f + i)
    return h, h


CELLS = pytest.mark.parametrize(("kind", "step"), [(MinGRU, mingru), (MinLSTM, minlstm)], ids=["mingru", "minlstm"])


@pytest.mark.sample(2)
@CELLS
@pytest.mark.parametrize("engine", ["parallel", "scan"])
def test_values_are_the_papers(kind, step, engine):
    with jax.enable_x64(True):
        check_values(shaken(kind, HIDDEN), step, np.zeros(HIDDEN), engine=engine)


@pytest.mark.sample(2)
@CELLS
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_and_chunks(kind, step, reverse):
    with jax.enable_x64(True):
        cell = shaken(kind, HIDDEN)
        check_gradients(cell, full_carry(cell), reverse=reverse)
        check_chunks(cell)


def test_shares_stay_shares_where_both_gates_vanish():
    cell = MinLSTM(1, 1, key=jr.key(0))
    gates = lambda a: cell.gates(jnp.zeros(1), jnp.asarray(a))
    assert gates([-200.0, -200.0, 0.0]).f == 0.5
    assert gates([-200.0, 5.0, 0.0]).f == 1
    slopes = jax.jacobian(lambda a: cell.gates(jnp.zeros(1), a).f)(jnp.array([-200.0, -200.0, 0.0]))
    np.testing.assert_allclose(slopes[0], [-0.25, 0.25, 0])
