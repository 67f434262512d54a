import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import MLSTM
from elman.recurrence import tap, unroll
from tests.cells.paper import check_chunks, check_gradients, check_values, shaken, sigmoid

HIDDEN = 6


def mlstm(heads):
    size = HIDDEN // heads

    def step(w, state, x):
        """Without the stabiliser, head by head."""
        a = x @ w["kernel"] + w["bias"]
        q, k, v, o = a[: 4 * HIDDEN].reshape(4, HIDDEN)
        i, f = np.exp(a[4 * HIDDEN : 4 * HIDDEN + heads]), sigmoid(a[4 * HIDDEN + heads :])
        C, n, h = np.zeros((heads, size, size)), np.zeros((heads, size)), np.zeros(HIDDEN)
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            key = k[own] / np.sqrt(size)
            C[head] = f[head] * state["C"][head] + i[head] * np.outer(v[own], key)
            n[head] = f[head] * state["n"][head] + i[head] * key
            h[own] = C[head] @ q[own] / max(abs(n[head] @ q[own]), 1)
        return {"C": C, "n": n}, sigmoid(o) * h

    return step


def unscaled(carry):
    scale = np.exp(carry.m)
    return {"C": carry.C * scale[:, None, None], "n": carry.n * scale[:, None]}


@pytest.mark.parametrize("heads", [1, 2])
def test_values_are_the_papers(heads):
    size = HIDDEN // heads
    start = {"C": np.zeros((heads, size, size)), "n": np.zeros((heads, size))}
    with jax.enable_x64(True):
        cell = shaken(MLSTM, HIDDEN, heads=heads)
        # Both sides of max(|n . q|, 1) are met.
        weight = lambda g, carry: abs((g.q * carry.n).sum(-1)) * np.exp(carry.m)
        _, _, seen = tap(cell, jr.normal(jr.key(9), (3, 7, 4)))
        gates = elman.cells.mlstm.MLSTMGates(**{name: seen[name] for name in "ifoqkvm"})
        above = weight(gates, seen["carry"]) > 1
        assert above.any()
        assert not above.all()
        check_values(cell, mlstm(heads), start, unscaled)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_and_chunks(reverse):
    with jax.enable_x64(True):
        cell = shaken(MLSTM, HIDDEN, heads=2)
        carry, _ = unroll(cell, jr.normal(jr.key(5), (3, 4, 4)))
        check_gradients(cell, carry, reverse=reverse)
        check_chunks(cell)


def test_the_memory_finds_a_value_by_its_key():
    """Two pairs stored under keys at right angles; each query brings back its own value."""
    cell = MLSTM(1, 2, heads=1, key=jr.key(0))
    keys, values = np.array([[3.0, 0], [0, 3.0]]), np.array([[0.7, -0.2], [0.1, 0.9]])
    step = lambda carry, q, k, v, i: cell.step(carry, jnp.asarray([*q, *k, *v, 30.0, 30.0, i, 30.0]))
    carry = cell.init_carry()
    for k, v in zip(keys, values, strict=True):
        carry, _ = step(carry, [0, 0], k, v, 0.0)
    for k, v in zip(keys, values, strict=True):
        _, y = step(carry, k, [0, 0], [0, 0], -30.0)
        np.testing.assert_allclose(y, v, atol=1e-5)


def test_input_gates_of_any_size_stay_finite_forwards_and_backwards():
    cell = jax.tree.map(lambda w: 30 * (w + 0.1), MLSTM(4, 8, key=jr.key(0)))
    loss = lambda cell: unroll(cell, jr.normal(jr.key(1), (2, 50, 4)))[1].sum()
    value, gradient = jax.value_and_grad(loss)(cell)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in (value, *jax.tree.leaves(gradient)))


def test_heads_are_four_where_they_fit():
    assert MLSTM(1, 8, key=jr.key(0)).heads == 4
    assert MLSTM(1, 6, key=jr.key(0)).heads == 1
    with pytest.raises(elman.ConfigError, match="expected a divisor of hidden_size, 6; got 4"):
        MLSTM(1, 6, heads=4, key=jr.key(0))
