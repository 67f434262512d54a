import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import SLSTM
from elman.recurrence import unroll
from tests.cells.paper import check_chunks, check_gradients, check_values, shaken, sigmoid

HIDDEN = 6


def slstm(w, state, x):
    """Without the stabiliser, and with the whole of the block-diagonal kernel."""
    U = np.zeros((4, HIDDEN, HIDDEN))
    heads, size, _ = w["recurrent_kernel"].shape
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        U[:, rows, rows] = w["recurrent_kernel"][head].reshape(size, 4, size).swapaxes(0, 1)
    a = (x @ w["kernel"] + w["bias"]).reshape(4, HIDDEN)
    i, f, z, o = [a[gate] + state["h"] @ U[gate] for gate in range(4)]
    i, f, z, o = np.exp(i), sigmoid(f), np.tanh(z), sigmoid(o)
    c, n = f * state["c"] + i * z, f * state["n"] + i
    h = o * c / n
    return {"h": h, "c": c, "n": n}, h


def unscaled(carry):
    scale = np.exp(carry.m)
    return {"h": carry.h, "c": carry.c * scale, "n": carry.n * scale}


START = {"h": np.zeros(HIDDEN), "c": np.zeros(HIDDEN), "n": np.zeros(HIDDEN)}


@pytest.mark.parametrize("heads", [1, 3])
def test_values_are_the_papers(heads):
    with jax.enable_x64(True):
        check_values(shaken(SLSTM, HIDDEN, heads=heads), slstm, START, unscaled)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_and_chunks(reverse):
    with jax.enable_x64(True):
        cell = shaken(SLSTM, HIDDEN, heads=2)
        carry, _ = unroll(cell, jr.normal(jr.key(5), (3, 4, 4)))
        check_gradients(cell, carry, reverse=reverse)
        check_chunks(cell)


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_gates_of_any_size_stay_finite_forwards_and_backwards(size):
    cell = jax.tree.map(lambda w: size * w, SLSTM(4, HIDDEN, key=jr.key(0)))
    loss = lambda cell: unroll(cell, 10 * jr.normal(jr.key(1), (2, 50, 4)))[1].sum()
    value, gradient = jax.value_and_grad(loss)(cell)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in (value, *jax.tree.leaves(gradient)))


def test_a_large_input_gate_outweighs_all_that_was_kept():
    cell = SLSTM(1, 1, key=jr.key(0))
    carry, _ = cell.step(cell.init_carry(), jnp.array([0.0, 9.0, 3.0, 0.0]))
    carry, _ = cell.step(carry, jnp.array([50.0, 9.0, -3.0, 0.0]) - carry.h @ cell.recurrent_kernel[0])
    np.testing.assert_allclose(carry.c / carry.n, np.tanh(-3.0), rtol=1e-6)


def test_heads_must_divide_the_units():
    with pytest.raises(elman.ConfigError, match="expected a divisor of hidden_size, 6; got 4"):
        SLSTM(4, 6, heads=4, key=jr.key(0))
