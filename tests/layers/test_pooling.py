from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU
from elman.layers import AttentionPooling, Bidirectional, LastPooling, MaxPooling, MeanPooling, make_pooling
from elman.layers.recurrent import final, run
from tests.cells.checks import check_gradients, shaken

BATCH, TIME, HIDDEN = 4, 6, 5
LENGTHS = np.array([6, 3, 1, 0])
ATTENTION = shaken(AttentionPooling(HIDDEN, key=jr.key(0)))


def attention_loop(ys):
    """NumPy, after equations 5 to 7 of the paper."""
    kernel, bias, query = (
        np.asarray(w, np.float64) for w in (ATTENTION.dense.kernel, ATTENTION.dense.bias, ATTENTION.query)
    )
    scores = np.array([np.exp(np.tanh(y @ kernel + bias) @ query) for y in ys])
    return sum(score / scores.sum() * y for score, y in zip(scores, ys, strict=True))


POOLINGS: dict[Any, Any] = {
    "last": (LastPooling(2), lambda ys: np.concatenate([ys[-1][:2], ys[0][2:]])),
    "mean": (MeanPooling(), lambda ys: sum(ys) / len(ys)),
    "max": (MaxPooling(), lambda ys: np.array([max(y[i] for y in ys) for i in range(HIDDEN)])),
    "attention": (ATTENTION, attention_loop),
}  # fmt: skip


@pytest.fixture
def ys():
    return jr.normal(jr.key(9), (BATCH, TIME, HIDDEN)) - 2  # below zero, so that a maximum does not take the padding


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("padding", ["right", "left"])
def test_values_are_those_of_a_loop_whatever_padding_holds(name, padding, ys):
    pooling, loop = POOLINGS[name]
    padded = np.full(ys.shape, np.nan, np.float32)
    for row, length in enumerate(LENGTHS):
        padded[row, slice(0, length) if padding == "right" else slice(TIME - length, TIME)] = ys[row, :length]
    result = pooling(jnp.asarray(padded), lengths=jnp.asarray(LENGTHS), padding=padding)
    for row, length in enumerate(LENGTHS):
        expected = loop(np.asarray(ys[row, :length], np.float64)) if length else np.zeros(HIDDEN)
        np.testing.assert_allclose(result[row], expected, atol=1e-6)
    whole = pooling(ys)
    np.testing.assert_allclose(whole[1], loop(np.asarray(ys[1], np.float64)), atol=1e-6)


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_are_central_differences_and_none_reaches_the_padding(name, ys):
    pooling, _ = POOLINGS[name]
    loss = lambda pooling, ys: jnp.sum(jnp.sin(pooling(ys, lengths=jnp.asarray(LENGTHS))))
    check_gradients(loss, pooling, ys)
    poisoned = jnp.where((jnp.arange(TIME) < LENGTHS[:, None])[..., None], ys, jnp.inf)
    of_weights, of_inputs = jax.grad(loss, argnums=(0, 1))(pooling, poisoned)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves((of_weights, of_inputs)))
    assert not of_inputs[3].any()
    assert not of_inputs[1, 3:].any()


def test_attention_weights_are_a_share_of_each_real_step(ys):
    weights = ATTENTION.weights(ys, lengths=jnp.asarray(LENGTHS))
    np.testing.assert_allclose(weights.sum(axis=1), [1, 1, 1, 0], atol=1e-6)
    assert (weights > 0).sum(axis=1).tolist() == LENGTHS.tolist()


def test_the_last_output_of_a_recurrent_layer_is_its_final_one():
    xs, keys = jr.normal(jr.key(0), (BATCH, TIME, 3)), jr.split(jr.key(1))
    forward = GRU(3, 4, key=keys[0])
    for layer in (forward, Bidirectional(forward, GRU(3, 2, key=keys[1]))):
        _, ys = run(layer, xs, lengths=jnp.asarray(LENGTHS))
        pooled = make_pooling("last", layer, key=keys[0])(ys, lengths=jnp.asarray(LENGTHS))
        np.testing.assert_array_equal(pooled, final(layer, ys, lengths=jnp.asarray(LENGTHS)))


def test_poolings_are_found_by_name():
    layer = GRU(3, HIDDEN, key=jr.key(0))
    kinds = [type(make_pooling(name, layer, key=jr.key(0))) for name in POOLINGS]
    assert kinds == [LastPooling, MeanPooling, MaxPooling, AttentionPooling]


def test_another_name_is_refused(unchecked):
    with pytest.raises(elman.ConfigError, match="pooling: expected last, mean, max, attention; got 'men'.*'mean'"):
        make_pooling("men", GRU(3, HIDDEN, key=jr.key(0)), key=jr.key(0))  # ty: ignore[invalid-argument-type]
