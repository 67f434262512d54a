import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import LRU
from elman.recurrence import tap
from tests.cells.paper import check_chunks, check_gradients, check_values, full_carry, shaken

HIDDEN = 5


def lru(w, h, x):
    eigenvalues = np.exp(-np.exp(w["nu"]) + 1j * np.exp(w["theta"]))
    B = w["input_kernel"][0] + 1j * w["input_kernel"][1]
    C = w["output_kernel"][0] + 1j * w["output_kernel"][1]
    h = eigenvalues * h + np.exp(w["log_gamma"]) * (x @ B)
    return h, (h @ C).real + x @ w["skip_kernel"]


@pytest.mark.parametrize("engine", ["parallel", "scan"])
def test_values_are_the_papers(engine):
    with jax.enable_x64(True):
        check_values(shaken(LRU, HIDDEN), lru, np.zeros(HIDDEN, complex), engine=engine)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_and_chunks(reverse):
    with jax.enable_x64(True):
        cell = shaken(LRU, HIDDEN)
        check_gradients(cell, full_carry(cell), reverse=reverse)
        check_chunks(cell)


def test_eigenvalues_start_uniform_on_the_ring():
    cell = LRU(1, 2500, r_min=0.5, r_max=0.9, max_phase=math.pi / 10, key=jr.key(0))
    radius, angle = np.exp(-np.exp(np.asarray(cell.nu))), np.exp(np.asarray(cell.theta))
    assert radius.min() >= 0.5
    assert radius.max() <= 0.9
    inner = math.sqrt((0.5**2 + 0.9**2) / 2)  # half of the ring's area
    assert (radius < inner).mean() == pytest.approx(0.5, abs=0.02)
    assert angle.max() <= math.pi / 10
    assert angle.mean() == pytest.approx(math.pi / 20, rel=0.02)
    np.testing.assert_allclose(np.exp(np.asarray(cell.log_gamma)), np.sqrt(1 - radius**2), rtol=1e-4)


def test_short_and_long_memories_start_at_the_same_size():
    cell = LRU(1, 100, r_min=0.6, r_max=0.99, key=jr.key(0))
    _, _, seen = tap(cell, jr.normal(jr.key(1), (4, 3000, 1)), names=["carry"])
    power = jnp.mean(jnp.abs(seen["carry"][:, 500:]) ** 2, axis=(0, 1)) / jnp.sum(cell.input_kernel**2, (0, 1))
    np.testing.assert_allclose(power, np.ones(100), rtol=0.35)
    assert float(power.mean()) == pytest.approx(1, rel=0.05)


def test_weights_are_real_and_start_finite():
    leaves = jax.tree.leaves(LRU(3, 1024, key=jr.key(2)))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in leaves)
