"""Layers on top of each other, and the small layers that lie between, against NumPy in float64."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman
from elman.layers import Dense, Embedding, LayerNorm, Stack
from tests.recurrence.oracle import loop

BATCH, TIME, INPUT, HIDDEN = 3, 7, 5, 4
LENGTHS = [7, 3, 0]


def shaken(module, seed=0):
    """No weight at zero or one, where an error could hide."""
    leaves, structure = jax.tree.flatten(module)
    keys = jr.split(jr.key(seed), len(leaves))
    return structure.unflatten([w + 0.3 * jr.normal(key, w.shape) for w, key in zip(leaves, keys, strict=True)])


def normed(xs, scale, shift):
    mean = xs.sum(axis=-1, keepdims=True) / xs.shape[-1]
    variance = ((xs - mean) ** 2).sum(axis=-1, keepdims=True) / xs.shape[-1]
    return (xs - mean) / np.sqrt(variance + 1e-6) * np.asarray(scale, float) + np.asarray(shift, float)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize(("layer_norm", "residual"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_stack_is_its_layers_one_after_the_other(layer_norm, residual, lengths):
    keys = iter(jr.split(jr.key(0), 3))
    cells = (
        Elman(INPUT, HIDDEN, key=next(keys)), GRU(HIDDEN, HIDDEN, key=next(keys)), LSTM(HIDDEN, 6, key=next(keys))
    )  # fmt: skip
    stack = shaken(Stack(cells, layer_norm=layer_norm, residual=residual, dropout=0.5))
    xs = jr.normal(jr.key(1), (BATCH, TIME, INPUT))
    own_lengths = None if lengths is None else jnp.array(lengths)
    carry, outputs = stack.outputs(xs, stack.init_carry(BATCH), lengths=own_lengths)

    now = np.asarray(xs, float)
    for layer, cell in enumerate(stack.cells):
        inputs = now
        if layer_norm:
            inputs = normed(now, stack.norms[layer].scale, stack.norms[layer].shift)
        last, ys = loop(cell, inputs, lengths=lengths)
        now = ys + now if residual and layer == 1 else ys  # the one layer whose input and output are equally wide
        np.testing.assert_allclose(outputs[layer], now, atol=2e-5)
        for name, state in last.items():
            ours = carry[layer] if cell.hidden_size == HIDDEN else getattr(carry[layer], name)
            np.testing.assert_allclose(ours, state, atol=2e-5)
    again, top = stack(xs, stack.init_carry(BATCH), lengths=own_lengths)
    np.testing.assert_array_equal(top, outputs[-1])
    jax.tree.map(np.testing.assert_array_equal, again, carry)


def test_a_stack_in_pieces_is_the_whole():
    stack = shaken(Stack((Elman(INPUT, HIDDEN, key=jr.key(0)), GRU(HIDDEN, HIDDEN, key=jr.key(1))), residual=True))
    xs = jr.normal(jr.key(1), (BATCH, TIME, INPUT))
    _, whole = stack(xs, stack.init_carry(BATCH))
    carry, first = stack(xs[:, :3], stack.init_carry(BATCH))
    _, second = stack(xs[:, 3:], carry)
    np.testing.assert_allclose(jnp.concatenate([first, second], axis=1), whole, atol=1e-6)


def test_dropout_takes_the_same_units_of_a_layer_at_all_steps():
    cell = eqx.tree_at(lambda cell: cell.bias, Elman(INPUT, 400, key=jr.key(0)), jnp.full(400, 3.0))
    stack = Stack((cell,), dropout=0.25)
    xs = jr.normal(jr.key(1), (BATCH, TIME, INPUT))
    _, plain = stack(xs, stack.init_carry(BATCH))
    _, ys = stack(xs, stack.init_carry(BATCH), key=jr.key(2))
    kept = np.asarray(ys != 0)
    np.testing.assert_array_equal(kept, np.broadcast_to(kept[:, :1], kept.shape))
    assert 0.7 < kept.mean() < 0.8
    np.testing.assert_allclose(ys, np.where(kept, np.asarray(plain, float) / 0.75, 0), rtol=1e-5)


def test_a_dense_layer_sums_weighted_inputs():
    layer = shaken(Dense(3, 2, key=jr.key(0)))
    xs = np.asarray(jr.normal(jr.key(1), (2, 4, 3)), float)
    expected = np.zeros((2, 4, 2))
    for place in np.ndindex(2, 4):
        for out in range(2):
            products = (xs[*place, i] * float(layer.kernel[i, out]) for i in range(3))
            expected[*place, out] = sum(products) + float(layer.bias[out])
    np.testing.assert_allclose(layer(jnp.asarray(xs, jnp.float32)), expected, atol=1e-6)


def test_an_embedding_looks_rows_up_and_gives_them_the_gradient():
    layer = Embedding(6, 3, key=jr.key(0))
    ids, weights = np.array([[5, 0, 5], [2, 5, 1]]), np.arange(18.0).reshape(2, 3, 3)
    ys, pull = jax.vjp(lambda layer: layer(jnp.asarray(ids)), layer)
    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(ys[place], layer.table[ids[place]])
    expected = np.zeros((6, 3))
    np.add.at(expected, ids, weights)
    np.testing.assert_array_equal(pull(jnp.asarray(weights, jnp.float32))[0].table, expected)


def test_a_layer_norm_is_by_step_and_keeps_a_constant_step_finite():
    layer = shaken(LayerNorm(4))
    xs = np.array([[1.0, 2.0, 4.0, 9.0], [-3.0, 5.0, 0.0, 1e3], [7.0, 7.0, 7.0, 7.0]])
    expected = normed(xs, layer.scale, layer.shift)
    np.testing.assert_allclose(layer(jnp.asarray(xs, jnp.float32)), expected, atol=1e-5)
    np.testing.assert_array_equal(layer(jnp.full((1, 4), 7.0)), np.asarray(layer.shift)[None])
    slope = jax.grad(lambda xs: layer(xs).sum())(jnp.full((1, 4), 7.0))
    assert np.isfinite(slope).all()
