"""Packed weights: the same bits as unpacked ones in float32, and the oracle's numbers with weights rounded by NumPy."""

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, LSTM, Elman, LearnedStart, MinGRU, PeepholeLSTM, ProjectedLSTM, Zoneout
from elman.layers import Bidirectional, Dense, Stack
from elman.layers.pack import pack, unpacked
from elman.layers.stepper import Stepper
from elman.recurrence import unroll
from tests.recurrence.kernels import needs_kernels
from tests.recurrence.test_bits import assert_same_bits

pytestmark = needs_kernels

FEATURES, TIME = 9, 6


def relu(features, hidden, *, key):
    return Elman(features, hidden, activation="relu", key=key)


KINDS = {"Elman": Elman, "relu": relu, "GRU": GRU, "LSTM": LSTM, "PeepholeLSTM": PeepholeLSTM}
MOST = ["Elman", "relu", "GRU", "LSTM", pytest.param("PeepholeLSTM", marks=pytest.mark.slow)]
SIZES = [1, 3, 17, 33, pytest.param(255, marks=pytest.mark.slow)]


def made(kind, hidden, features=FEATURES):
    """A cell with biases that are not zero."""
    cell = KINDS[kind](features, hidden, key=jr.key(hidden))
    keys = iter(jr.split(jr.key(1), 9))
    return jax.tree.map(lambda leaf: leaf + 0.3 * jr.normal(next(keys), leaf.shape), cell)


def drawn(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("kind", MOST)
@pytest.mark.parametrize("hidden", SIZES)
def test_float32_has_the_bits_of_the_unpacked_weights(kind, hidden):
    cell, xs, rng = made(kind, hidden), drawn(8, TIME, FEATURES), np.random.default_rng(2)
    steps: dict[str, Any] = {
        "lengths": jnp.asarray(rng.integers(0, TIME + 1, 8)),
        "resets": jnp.asarray(rng.random((8, TIME)) < 0.3),
        "padding": "left",
        "reverse": True,
    }
    packed = pack(cell)
    carry, _ = unroll(cell, drawn(8, 2, FEATURES, seed=5))
    right: dict[str, Any] = steps | {"padding": "right"}
    plain: dict[str, Any] = {}
    for options in (plain, steps, right):
        assert_same_bits(unroll(packed, xs, carry, **options), unroll(cell, xs, carry, **options))


def test_float32_has_the_same_bits_where_threads_divide_the_units():
    cell, xs = made("LSTM", 400, features=300), drawn(1, 2, 300)
    assert_same_bits(unroll(pack(cell), xs), unroll(cell, xs))


def by_numpy(matrix, weights):
    """The matrix as a format holds it."""
    if weights == "bfloat16":  # the upper 16 bits, rounded to the nearest, of equals to the even one
        bits = matrix.astype(np.float32).view(np.uint32).astype(np.uint64)
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
    scale = np.abs(matrix).max(axis=0) / np.float32(127)
    return np.round(matrix / scale) * scale


@pytest.mark.parametrize("weights", ["bfloat16", "int8"])
@pytest.mark.parametrize("kind", MOST)
@pytest.mark.parametrize("hidden", SIZES)
def test_rounded_weights_give_what_numpy_gives_with_the_same_rounding(kind, hidden, weights):
    cell, xs = made(kind, hidden), drawn(7, TIME, FEATURES)
    matrices = [by_numpy(np.asarray(matrix), weights) for matrix in (cell.kernel, cell.recurrent_kernel)]
    same = eqx.tree_at(lambda cell: (cell.kernel, cell.recurrent_kernel), cell, matrices)
    engine = "scan" if kind in ("relu", "PeepholeLSTM") else "reference"
    for a, b in zip(
        *map(jax.tree.leaves, (unroll(pack(cell, weights), xs), unroll(same, xs, engine=engine))), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=5e-5 * max(1, abs(b).max()))  # relu's grow without bound
    if hidden > 1:
        assert abs(unroll(pack(cell, weights), xs)[1] - unroll(cell, xs)[1]).max() > 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 5])
def test_a_stepper_takes_the_steps_of_unroll(kind, rows):
    stack = Stack(tuple(made(kind, 17, features) for features in (FEATURES, 17, 17)), residual=True)
    xs, stepper = np.array(drawn(rows, TIME, FEATURES)), Stepper(stack)
    carry, ys = stack(jnp.asarray(xs), stack.init_carry(rows))
    state, outputs = stepper.start(rows), []
    for x in xs.swapaxes(0, 1):
        state, y = stepper.step(state, x)
        outputs.append(y)
    assert_same_bits(np.stack(outputs, axis=1), ys)
    assert_same_bits(stepper.carry(state), carry)
    np.testing.assert_array_equal(stepper.state(carry), state)


def test_a_stepper_takes_a_learned_start_and_any_array():
    cell = LearnedStart(made("LSTM", 5))
    cell = eqx.tree_at(lambda cell: cell.start.c, cell, jnp.arange(5.0))
    stepper, x = Stepper(cell), np.array(drawn(1, FEATURES))
    state = stepper.start()
    np.testing.assert_array_equal(stepper.carry(state).c[0], np.arange(5))
    expected = stepper.step(state, x)
    for other in (jnp.asarray(x), x.astype(np.float64), np.asfortranarray(np.repeat(x, 2, 0))[::2]):
        assert_same_bits(stepper.step(state, other), expected)
    assert_same_bits(stepper.step(jnp.asarray(state), x), expected)


def test_a_dense_layer_holds_rounded_weights():
    dense, xs = Dense(FEATURES, 5, key=jr.key(0)), drawn(3, FEATURES)
    model = pack((dense, made("GRU", 3)), "int8")
    np.testing.assert_allclose(model[0](xs), xs @ by_numpy(np.asarray(dense.kernel), "int8"), atol=1e-5)
    np.testing.assert_array_equal(pack((dense, made("GRU", 3)))[0](xs), dense(xs))


def test_columns_of_zeros_and_of_tiny_numbers_keep_their_values():
    cell = eqx.tree_at(lambda cell: cell.kernel, made("GRU", 3), jnp.zeros((FEATURES, 9)).at[0, 0].set(1e-44))
    _, ys = unroll(pack(cell, "int8"), drawn(1, TIME, FEATURES))
    assert np.isfinite(ys).all()


def test_packed_weights_have_no_gradients():
    cell, xs = pack(made("LSTM", 4)), drawn(1, TIME, FEATURES)
    with pytest.raises(elman.ConfigError, match="a packed model has no gradients; differentiate the model from which"):
        jax.grad(lambda xs: unroll(cell, xs)[1].sum())(xs)
    with pytest.raises(elman.ConfigError, match="no gradients"):
        jax.grad(lambda cell: unroll(cell, xs)[1].sum())(cell)


def test_what_cannot_be_packed_is_named():
    others = MinGRU(4, 4, key=jr.key(0)), Zoneout(made("GRU", 4, 4), rate=0.1), ProjectedLSTM(4, 4, key=jr.key(0))
    mixed = Stack((made("LSTM", 4), *others))
    packed = pack(mixed, "int8")
    assert unpacked(packed) == {
        "cells.1": "MinGRU has no native kernel",
        "cells.2": "Zoneout has no kernel for packed weights",
        "cells.3": "ProjectedLSTM has no kernel for packed weights",
    }
    with pytest.raises(elman.ConfigError, match="packed already"):
        pack(packed)
    with pytest.raises(elman.ConfigError, match=r"no cell of this model can be packed \(cells.0: MinGRU has no"):
        pack(Stack((MinGRU(4, 4, key=jr.key(0)),)), "int8")
    with pytest.raises(elman.ConfigError, match="expected float32, bfloat16, int8"):
        pack(mixed, cast("Any", "int4"))
    with pytest.raises(elman.ConfigError, match=r"not every layer has a native step \(1: MinGRU has no native kernel"):
        Stepper(mixed)
    with pytest.raises(elman.ConfigError, match="has no layer norms"):
        Stepper(Stack((made("LSTM", 4),), layer_norm=True))
    with pytest.raises(elman.ConfigError, match="reads from both ends"):
        Stepper(Stack((Bidirectional(made("LSTM", 4), made("LSTM", 4)),)))


def test_steps_of_another_shape_are_refused():
    stepper = Stepper(made("GRU", 4))
    with pytest.raises(elman.ShapeError, match="x: expected 9 features"):
        stepper.step(stepper.start(), np.zeros((1, 8), np.float32))
    with pytest.raises(elman.ShapeError, match=r"one or more sequences; got shape \(0, 9\)"):
        stepper.step(stepper.start(0), np.zeros((0, 9), np.float32))
    with pytest.raises(elman.ShapeError, match=r"state: expected 2 x 4 numbers, as of start\(2\)"):
        stepper.step(stepper.start(1), np.zeros((2, 9), np.float32))
