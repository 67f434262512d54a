import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import RGLRU
from tests.cells.paper import check_chunks, check_gradients, check_values, full_carry, shaken, sigmoid

HIDDEN = 5


def rglru(w, h, x):
    r, i, v = np.split(x @ w["kernel"] + w["bias"], 3)
    a = sigmoid(w["decay"]) ** (8 * sigmoid(r))
    h = a * h + np.sqrt(1 - a**2) * (sigmoid(i) * v)
    return h, h


@pytest.mark.parametrize("engine", ["parallel", "scan"])
def test_values_are_the_papers(engine):
    with jax.enable_x64(True):
        check_values(shaken(RGLRU, HIDDEN), rglru, np.zeros(HIDDEN), engine=engine)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_and_chunks(reverse):
    with jax.enable_x64(True):
        cell = shaken(RGLRU, HIDDEN)
        check_gradients(cell, full_carry(cell), reverse=reverse)
        check_chunks(cell)


def test_shares_start_between_09_and_0999():
    cell = RGLRU(1, 5000, key=jr.key(0))
    share = sigmoid(np.asarray(cell.decay, np.float64)) ** 8
    assert share.min() == pytest.approx(0.9, abs=1e-3)
    assert share.max() == pytest.approx(0.999, abs=1e-4)
    assert share.mean() == pytest.approx(0.9495, abs=2e-3)


@pytest.mark.parametrize("logit", [-300.0, -30.0, 30.0])
def test_a_gate_that_shuts_keeps_all_and_has_a_finite_slope(logit):
    cell = RGLRU(1, 1, key=jr.key(0))
    run = jax.jit(lambda a: cell.step(jnp.ones(1), a)[0][0])  # as in a scan; one by one, operations round otherwise
    x = jnp.array([logit, 0.0, 1.0])
    assert bool(jnp.isfinite(jax.grad(run)(x)).all())
    if logit < 0:
        assert float(run(x)) == pytest.approx(1, abs=1e-5)
