from typing import Any
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, LSTM, Elman, LearnedStart, LSTMCarry, MinGRU, Normalised, Residual, Zoneout
from elman.cells.find import build_cell
from elman.recurrence import engine_for, tap, unroll
from tests.cells.checks import HIDDEN, INPUT, check_gradients, check_values, inputs, loss, shaken, sigmoid, weights

CELLS = pytest.mark.parametrize("kind", [Elman, GRU, LSTM])


def lstm_step(cell):
    w = weights(cell)

    def step(carry, x):
        i, f, g, o = np.split(x @ w["kernel"] + carry[0] @ w["recurrent_kernel"] + w["bias"], 4)
        c = sigmoid(f) * carry[1] + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h, c), h

    return step


ZEROS = (np.zeros(HIDDEN), np.zeros(HIDDEN))


@CELLS
def test_a_learned_start_is_where_every_sequence_begins(kind):
    cell = shaken(LearnedStart(kind(INPUT, HIDDEN, key=jr.key(0))))
    start = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (3, HIDDEN)), cell.start)
    carry, ys = unroll(cell, inputs())
    expected_carry, expected = unroll(cell.inner, inputs(), start)
    np.testing.assert_array_equal(ys, expected)
    jax.tree.map(np.testing.assert_array_equal, carry, expected_carry)
    assert engine_for(cell)[0] == engine_for(cell.inner)[0] != "scan"


def test_a_learned_start_is_the_numpy_loops_and_has_its_gradient():
    cell = shaken(LearnedStart(LSTM(INPUT, HIDDEN, key=jr.key(0))))
    check_values(cell, lstm_step(cell.inner), tuple(np.asarray(leaf, np.float64) for leaf in cell.start))
    check_gradients(loss, cell, inputs())


def test_resets_return_to_the_learned_start():
    cell = shaken(LearnedStart(LSTM(INPUT, HIDDEN, key=jr.key(0))))
    resets = jnp.zeros((3, 6), bool).at[:, 2].set(True)
    _, ys = unroll(cell, inputs(), resets=resets)
    np.testing.assert_allclose(ys[:, 2:], unroll(cell, inputs()[:, 2:])[1], atol=1e-6)


def test_a_residual_adds_the_input():
    cell = shaken(Residual(LSTM(HIDDEN, HIDDEN, key=jr.key(0))))
    xs, inner = inputs(size=HIDDEN), lstm_step(cell.inner)

    def step(carry, x):
        carry, y = inner(carry, x)
        return carry, y + x

    check_values(cell, step, ZEROS, xs)
    check_gradients(loss, cell, xs)


def test_wrappers_that_act_outside_the_recurrence_keep_the_fast_engine_of_their_cell():
    """Values, gradients and taps are those of the wrapper's own step, which a subclass of it takes."""

    class Stepping(Residual):
        def step(self, carry, x):
            return super().step(carry, x)

    inner = shaken(GRU(HIDDEN, HIDDEN, key=jr.key(0)))
    inside = shaken(Normalised(Residual(LearnedStart(inner))))
    outer, xs = Residual(inside), inputs(size=HIDDEN).at[1, 4:].set(jnp.nan)
    stepping = Stepping(inside)  # ty: ignore[missing-argument]
    assert engine_for(outer) == engine_for(inner) != engine_for(stepping) == ("scan", mock.ANY)
    assert engine_for(Residual(MinGRU(HIDDEN, HIDDEN, key=jr.key(0))))[0] == "parallel"
    how: dict[str, Any] = dict(lengths=jnp.array([6, 4, 0]), resets=jnp.arange(6) == jnp.array([[2], [3], [4]]))

    def seen(cell, xs):
        carry, ys, taps = tap(cell, xs, **how)
        weigh = sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves((carry, ys, taps)))
        return weigh, (carry, ys, unroll(cell, xs, **how)[1], taps)

    results = [jax.value_and_grad(seen, argnums=(0, 1), has_aux=True)(cell, xs) for cell in (outer, stepping)]
    (got, expected) = map(jax.tree.leaves, results)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_residual_around_another_width_is_refused():
    with pytest.raises(elman.ConfigError, match="Residual: .* input_size 4 and hidden_size 5"):
        Residual(LSTM(4, 5, key=jr.key(0)))


def test_normalised_norms_the_input():
    cell = shaken(Normalised(LSTM(INPUT, HIDDEN, key=jr.key(0))))
    w, inner = weights(cell), lstm_step(cell.inner)

    def step(carry, x):
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-6)
        return inner(carry, x * w["scale"] + w["shift"])

    check_values(cell, step, ZEROS)
    check_gradients(loss, cell, inputs())


def test_wrappers_nest_in_any_order():
    key, xs = jr.key(0), inputs(size=HIDDEN)
    one = shaken(Residual(Zoneout(LearnedStart(LSTM(HIDDEN, HIDDEN, key=key)), rate=0.2)))
    inner = lstm_step(one.inner.inner.inner)

    def step(carry, x):
        new, _ = inner(carry, x)
        mixed = tuple(0.2 * old + 0.8 * after for old, after in zip(carry, new, strict=True))
        return mixed, mixed[0] + x

    check_values(one, step, tuple(np.asarray(leaf, np.float64) for leaf in one.inner.inner.start), xs)
    other = LearnedStart(Residual(Zoneout(one.inner.inner.inner, rate=0.2)))
    other = eqx.tree_at(lambda cell: cell.start, other, one.inner.inner.start)
    np.testing.assert_array_equal(unroll(one, xs)[1], unroll(other, xs)[1])
    noise = [unroll(cell.sample(jr.key(1)), xs)[1] for cell in (one, other)]
    assert all(bool(jnp.isfinite(ys).all()) and not np.allclose(ys, unroll(one, xs)[1]) for ys in noise)


@pytest.mark.parametrize("names", ["all", "f"])
def test_taps_look_through_wrappers(names):
    inner = LSTM(HIDDEN, HIDDEN, key=jr.key(0))
    xs = inputs(size=HIDDEN)
    for cell in (inner, Residual(inner), Residual(LearnedStart(inner)), Normalised(inner), Zoneout(inner, rate=0.1)):
        for sampled in (cell, cell.sample(jr.key(0))):
            seen = tap(sampled, xs, names=names)[2]
            assert seen["f"].shape == (3, 6, HIDDEN)


def test_all_leaves_of_an_unsampled_wrapper_are_weights():
    def kind(inputs, hidden, *, key):
        inner = elman.RecurrentDropout(LearnedStart(LSTM(inputs, hidden, key=key)), rate=0.1)
        rate = LSTMCarry(0.05, 0.5)  # ty: ignore[invalid-argument-type]

        return Residual(Normalised(Zoneout(elman.WeightDropout(inner, rate=0.1), rate=rate)))

    cell = build_cell(kind, 4, 4, key=jr.key(0))
    arrays, rest = eqx.partition(cell, eqx.is_inexact_array)
    assert jax.tree.leaves(rest) == []
    assert len(jax.tree.leaves(arrays)) == 3 + 2 + 2  # the LSTM's, the start's, the norm's
    sampled = cell.sample(jr.key(0))
    assert jax.tree.structure(sampled.sample(None)) != jax.tree.structure(sampled)
    assert sampled.init_carry().c.shape == (4,)
