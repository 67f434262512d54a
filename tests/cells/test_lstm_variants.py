import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import LSTM, PeepholeLSTM, ProjectedLSTM
from elman.recurrence import engine_for, tap, unroll
from tests.cells.checks import HIDDEN, INPUT, check_gradients, check_values, inputs, loss, shaken, sigmoid, weights

MEMORY = 7


def peephole_step(cell):
    w = weights(cell)
    p_i, p_f, p_o = np.split(w["peepholes"], 3)

    def step(carry, x):
        h, c = carry
        i, f, g, o = np.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4)
        i, f = sigmoid(i + p_i * c), sigmoid(f + p_f * c)
        c = f * c + i * np.tanh(g)
        h = sigmoid(o + p_o * c) * np.tanh(c)
        return (h, c), h

    return step


def projected_step(cell):
    w = weights(cell)

    def step(carry, x):
        h, c = carry
        i, f, g, o = np.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = (sigmoid(o) * np.tanh(c)) @ w["projection"]
        return (h, c), h

    return step


def peephole():
    return shaken(PeepholeLSTM(INPUT, HIDDEN, key=jr.key(0)))


def projected():
    return shaken(ProjectedLSTM(INPUT, HIDDEN, memory_size=MEMORY, key=jr.key(0)))


def test_peephole_values_are_those_of_the_numpy_loop():
    check_values(peephole(), peephole_step(peephole()), (np.zeros(HIDDEN), np.zeros(HIDDEN)))


def test_projected_values_are_those_of_the_numpy_loop():
    check_values(projected(), projected_step(projected()), (np.zeros(HIDDEN), np.zeros(MEMORY)))


@pytest.mark.parametrize("make", [peephole, projected])
def test_gradients_are_central_differences(make):
    check_gradients(loss, make(), inputs())


@pytest.mark.parametrize("make", [peephole, projected])
def test_taps_show_the_gates_that_the_step_used(make):
    cell = make()
    _, _, seen = tap(cell, inputs())
    c = np.asarray(seen["carry"].c)
    before = np.concatenate([np.zeros_like(c[:, :1]), c[:, :-1]], 1)
    np.testing.assert_allclose(seen["f"] * before + seen["i"] * seen["g"], c, atol=1e-6)
    shown = seen["o"] * np.tanh(c)
    shown = shown @ cell.projection if isinstance(cell, ProjectedLSTM) else shown
    np.testing.assert_allclose(shown, seen["carry"].h, atol=1e-6)


def test_without_peepholes_it_is_the_lstm():
    cell = PeepholeLSTM(INPUT, HIDDEN, key=jr.key(0))
    plain = LSTM(INPUT, HIDDEN, key=jr.key(0))
    np.testing.assert_allclose(unroll(cell, inputs())[1], unroll(plain, inputs())[1], atol=1e-6)
    assert engine_for(cell)[0] != "fused"


def test_the_projection_saves_weights():
    """Sak et al.: 4 x memory x (input + hidden + 1) + memory x hidden."""
    leaves = jax.tree.leaves(ProjectedLSTM(40, 50, memory_size=200, key=jr.key(0)))
    assert sum(leaf.size for leaf in leaves) == 4 * 200 * (40 + 50 + 1) + 200 * 50
    assert ProjectedLSTM(3, 4, key=jr.key(0)).projection.shape == (8, 4)


def test_lengths_hold_both_parts_of_the_carry():
    cell, lengths = projected(), np.array([6, 2, 0])
    padded = jnp.where((jnp.arange(6) < lengths[:, None])[..., None], inputs(), jnp.nan)
    carry, ys = unroll(cell, padded, lengths=jnp.asarray(lengths))
    short, _ = unroll(cell, inputs()[1:2, :2])
    np.testing.assert_allclose(carry.c[1], short.c[0], atol=1e-6)
    assert float(jnp.abs(ys[2]).max()) == float(jnp.abs(carry.c[2]).max()) == 0
