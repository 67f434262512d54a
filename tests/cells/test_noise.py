from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import (
    GRU,
    LSTM,
    Elman,
    LearnedStart,
    LSTMCarry,
    PeepholeLSTM,
    ProjectedLSTM,
    RecurrentDropout,
    ResetBeforeGRU,
    WeightDropout,
    Zoneout,
)
from elman.recurrence import engine_for, tap, unroll
from tests.cells.checks import (
    BATCH,
    HIDDEN,
    INPUT,
    TIME,
    check_gradients,
    inputs,
    loss,
    numpy_loop,
    shaken,
    sigmoid,
    weights,
)

CELLS = pytest.mark.parametrize("kind", [Elman, GRU, ResetBeforeGRU, LSTM, PeepholeLSTM, ProjectedLSTM])
WRAPPERS = pytest.mark.parametrize("wrap", [Zoneout, RecurrentDropout, WeightDropout])


def made(kind, hidden=HIDDEN):
    return shaken(kind(INPUT, hidden, key=jr.key(0)))


@WRAPPERS
def test_a_rate_of_zero_changes_nothing(wrap):
    cell, xs = made(LSTM), inputs()
    for wrapped in (wrap(cell, rate=0.0), wrap(cell, rate=0.0).sample(jr.key(1))):
        np.testing.assert_allclose(unroll(wrapped, xs)[1], unroll(cell, xs)[1], atol=1e-6)


@WRAPPERS
def test_noise_is_the_keys(wrap):
    cell, xs = wrap(made(GRU), rate=0.5), inputs()
    first, again, other = (unroll(cell.sample(jr.key(key)), xs)[1] for key in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    np.testing.assert_array_equal(unroll(cell.sample(None), xs)[1], unroll(cell, xs)[1])


@pytest.mark.sample(1)
@WRAPPERS
def test_gradients_with_noise_are_central_differences(wrap):
    cell = wrap(made(LSTM), rate=0.4)
    check_gradients(lambda cell, xs: loss(cell.sample(jr.key(1)), xs), cell, inputs())


@WRAPPERS
@pytest.mark.parametrize("reverse", [False, True])
def test_noise_meets_lengths_resets_and_direction(wrap, reverse):
    """The same key draws the same masks for arrays of the same shape."""
    cell, xs = wrap(made(LSTM), rate=0.5).sample(jr.key(1)), inputs()
    lengths = jnp.array([6, 2, 0])
    _, whole = unroll(cell, xs, reverse=reverse)
    padded = jnp.where((jnp.arange(TIME) < lengths[:, None])[..., None], xs, jnp.nan)
    carry, ys = unroll(cell, padded, lengths=lengths, reverse=reverse)
    np.testing.assert_allclose(ys[0], whole[0], atol=1e-6)
    assert float(jnp.abs(ys[1, 2:]).max()) == float(jnp.abs(ys[2]).max()) == float(jnp.abs(carry.c[2]).max()) == 0
    np.testing.assert_array_equal(carry.h[1], ys[1, 0 if reverse else 1])
    _, again = unroll(cell, xs, resets=jnp.zeros((BATCH, TIME), bool).at[:, 3].set(True), reverse=reverse)
    same = slice(4, None) if reverse else slice(None, 3)
    np.testing.assert_allclose(again[:, same], whole[:, same], atol=1e-6)
    assert not np.allclose(again[:, 3], whole[:, 3])


@WRAPPERS
@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_rates_outside_their_range_are_refused(wrap, rate):
    with pytest.raises(elman.ConfigError, match="rate: expected a share"):
        wrap(made(LSTM), rate=rate)


@pytest.mark.parametrize("wrap", [RecurrentDropout, WeightDropout])
def test_a_cell_without_a_recurrent_kernel_is_refused(wrap):
    class Summing(elman.Cell):
        """No kernel."""

        def init_carry(self):
            return jnp.zeros(self.hidden_size)

        def step(self, h, x):
            return h + x, h + x

    with pytest.raises(elman.ConfigError, match=f"{wrap.__name__}: .*; Summing has none"):
        wrap(Zoneout(Summing(4, 4), rate=0.1), rate=0.5)


# Zoneout


def kept_by(cell, xs, key):
    """Where each part of the carry is exactly what it was a step before."""
    carries = tap(cell.sample(key), xs, names="carry")[2]["carry"]
    start = jax.tree.map(lambda leaf: jnp.zeros_like(leaf[:, :1]), carries)
    return jax.tree.map(
        lambda now, first: np.asarray(now == jnp.concatenate([first, now[:, :-1]], axis=1)), carries, start
    )


def test_zoneout_keeps_units_at_its_rate_each_step_row_and_part_for_itself():
    cell, xs = Zoneout(made(LSTM, 64), rate=0.3), jr.normal(jr.key(1), (8, 40, INPUT))
    kept = kept_by(cell, xs, jr.key(2))
    for part in kept:
        assert part.mean() == pytest.approx(0.3, abs=0.01)
        assert part.mean((0, 2)) == pytest.approx(np.full(40, 0.3), abs=0.08)
    for a, b in [(kept.h[0], kept.h[1]), (kept.h[:, 0], kept.h[:, 1]), (kept.h, kept.c)]:
        assert (a & b).mean() == pytest.approx(0.09, abs=0.04)  # independent: 0.3 squared


def test_zoneout_has_a_rate_for_each_part():
    cell = Zoneout(made(LSTM, 64), rate=LSTMCarry(h=0.05, c=0.5))  # ty: ignore[invalid-argument-type]
    kept = kept_by(cell, jr.normal(jr.key(1), (8, 40, INPUT)), jr.key(2))
    assert (kept.h.mean(), kept.c.mean()) == (pytest.approx(0.05, abs=0.01), pytest.approx(0.5, abs=0.01))
    with pytest.raises(elman.ConfigError, match="one for each part of the carry"):
        Zoneout(made(LSTM), rate=(0.1, 0.2))


def test_after_training_zoneout_is_the_expected_mix():
    cell = Zoneout(made(LSTM), rate=LSTMCarry(h=0.1, c=0.4))  # ty: ignore[invalid-argument-type]
    xs = inputs()[:, :1]
    start = jax.tree.map(lambda leaf: jr.normal(jr.key(3), (BATCH, HIDDEN)), cell.init_carry())
    new, _ = unroll(cell.inner, xs, start)
    carry, ys = unroll(cell, xs, start)
    np.testing.assert_allclose(carry.h, 0.1 * start.h + 0.9 * new.h, atol=1e-6)
    np.testing.assert_allclose(carry.c, 0.4 * start.c + 0.6 * new.c, atol=1e-6)
    np.testing.assert_array_equal(ys[:, 0], carry.h)
    sampled = jax.jit(jax.vmap(lambda key: unroll(cell.sample(key), xs, start)[0]))(jr.split(jr.key(4), 4000))
    for mean, expected in zip(jax.tree.map(lambda leaf: leaf.mean(0), sampled), carry, strict=True):
        np.testing.assert_allclose(mean, expected, atol=0.05)


def test_the_output_is_the_state_with_its_noise():
    cell, xs = Zoneout(made(LSTM), rate=0.5).sample(jr.key(1)), inputs()
    _, ys, seen = tap(cell, xs, names="carry")
    np.testing.assert_array_equal(ys, seen["carry"].h)


def test_zoneout_steps_are_the_numpy_loops_with_its_masks():
    cell: Any = Zoneout(made(Elman), rate=0.4).sample(jr.key(1))
    xs = inputs()
    kept = np.swapaxes(cell.project(jnp.swapaxes(xs, 0, 1))[1], 0, 1)
    w, (_, ys) = weights(cell.inner), unroll(cell, xs)
    for row in range(BATCH):
        h = np.zeros(HIDDEN)
        for t in range(TIME):
            new = np.tanh(np.asarray(xs[row, t], np.float64) @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
            h = np.where(kept[row, t], h, new)
            np.testing.assert_allclose(ys[row, t], h, atol=3e-6)


# RecurrentDropout


def test_recurrent_dropout_has_one_mask_a_sequence():
    cell = RecurrentDropout(made(LSTM, 200), rate=0.3).sample(jr.key(1))
    _, kept = cell.project(jnp.zeros((5, 30, INPUT)))
    kept = np.asarray(kept)
    assert kept.shape == (5, 30, 200)
    np.testing.assert_array_equal(kept, np.broadcast_to(kept[:1], kept.shape))
    assert kept.mean() == pytest.approx(0.7, abs=0.02)
    assert (kept[0, 0] & kept[0, 1]).mean() == pytest.approx(0.49, abs=0.1)


@pytest.mark.sample(3)
@CELLS
def test_recurrent_dropout_is_a_kernel_with_rows_dropped(kind):
    """For one sequence, h * m @ U is h @ diag(m) U."""
    cell: Any = RecurrentDropout(made(kind), rate=0.4).sample(jr.key(5))
    xs = inputs()
    _, kept = cell.project(jnp.swapaxes(xs, 0, 1))
    _, ys = unroll(cell, xs)
    for row in range(BATCH):
        rows = (kept[0, row] / 0.6)[:, None]
        alone = eqx.tree_at(lambda cell: cell.recurrent_kernel, cell.inner, replace_fn=lambda u, rows=rows: rows * u)
        np.testing.assert_allclose(ys[row], unroll(alone, xs[row : row + 1])[1][0], atol=1e-5)  # six steps


def test_recurrent_dropout_leaves_what_a_gru_keeps_alone():
    """In NumPy: z * h is of the whole h."""
    cell: Any = RecurrentDropout(made(GRU), rate=0.5).sample(jr.key(2))
    xs = inputs()[:1]
    mask = np.asarray(cell.project(jnp.swapaxes(xs, 0, 1))[1][0, 0]) / 0.5
    w = weights(cell.inner)

    def step(carry, x):
        (h,) = carry
        a, (u_r, u_z, u_n) = x @ w["kernel"] + w["bias"], np.split((mask * h) @ w["recurrent_kernel"], 3)
        a_r, a_z, a_n = np.split(a, 3)
        r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
        h = (1 - z) * np.tanh(a_n + r * (u_n + w["recurrent_bias"])) + z * h
        return (h,), h

    np.testing.assert_allclose(unroll(cell, xs)[1], numpy_loop(step, (np.zeros(HIDDEN),), xs)[1], atol=3e-6)


# WeightDropout


def test_weight_dropout_samples_the_inner_class_which_keeps_its_engine():
    cell: Any = WeightDropout(LearnedStart(made(LSTM, 64)), rate=0.3)
    assert engine_for(cell)[0] == engine_for(cell.sample(jr.key(0)))[0] == engine_for(made(LSTM))[0] != "scan"
    assert type(WeightDropout(made(GRU), rate=0.3).sample(jr.key(0))) is GRU
    before, after = cell.inner.inner.recurrent_kernel, cell.sample(jr.key(0)).inner.recurrent_kernel
    assert float((after == 0).mean()) == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(after, np.where(after == 0, 0, before / 0.7), rtol=1e-6)


def test_weight_dropout_keeps_the_expectation():
    cell: Any = WeightDropout(made(GRU), rate=0.3)
    kernels = jax.vmap(lambda key: cell.sample(key).recurrent_kernel)(jr.split(jr.key(0), 4000))
    np.testing.assert_allclose(kernels.mean(0), cell.inner.recurrent_kernel, atol=0.04)


def test_dropped_weights_have_no_gradient():
    cell: Any = WeightDropout(made(LSTM), rate=0.5)
    by_kernel = jax.grad(lambda cell: loss(cell.sample(jr.key(3)), inputs()))(cell).inner.recurrent_kernel
    dropped = cell.sample(jr.key(3)).recurrent_kernel == 0
    assert float(jnp.abs(jnp.where(dropped, by_kernel, 0)).max()) == 0
    assert float(jnp.abs(by_kernel).max()) > 0
