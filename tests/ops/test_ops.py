import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.ops.activations import sigmoid
from elman.ops.dropout import variational_dropout
from elman.ops.initializers import gate_blocks, glorot, orthogonal
from elman.ops.losses import cross_entropy


def test_sigmoid_is_the_logistic_function():
    x = np.linspace(-30, 30, 301, dtype=np.float32)
    np.testing.assert_allclose(sigmoid(jnp.asarray(x)), 1 / (1 + np.exp(-x.astype(np.float64))), rtol=0, atol=2e-7)


def test_cross_entropy_is_the_masked_sum_of_negative_log_probabilities():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(3, 5, 7)).astype(np.float32), rng.integers(0, 7, (3, 5))
    weights = rng.integers(0, 2, (3, 5)).astype(np.float32)
    expected = 0.0
    for row in range(3):
        for step in range(5):
            p = np.exp(logits[row, step].astype(np.float64))
            expected += weights[row, step] * -np.log(p[targets[row, step]] / p.sum())
    total, count = cross_entropy(jnp.asarray(logits), jnp.asarray(targets), jnp.asarray(weights))
    assert float(total) == pytest.approx(expected, rel=1e-6)
    assert float(count) == weights.sum()


def test_cross_entropy_ignores_infinite_logits_where_the_weight_is_zero():
    logits = jnp.array([[[0.0, 0.0], [jnp.inf, jnp.nan]]])
    total, _ = cross_entropy(logits, jnp.array([[0, 1]]), jnp.array([[1.0, 0.0]]))
    assert float(total) == pytest.approx(np.log(2))


def test_dropout_keeps_the_expectation_and_one_mask_over_time():
    xs = jnp.ones((200, 4, 50))
    ys = np.asarray(variational_dropout(xs, 0.3, key=jr.key(0)))
    assert ys.mean() == pytest.approx(1.0, abs=0.02)
    np.testing.assert_array_equal(ys, np.broadcast_to(ys[:, :1], ys.shape))
    np.testing.assert_allclose(sorted(set(ys.ravel().tolist())), [0, 1 / 0.7], rtol=1e-6)


def test_dropout_is_off_without_a_key():
    xs = jr.normal(jr.key(0), (2, 3, 4))
    assert variational_dropout(xs, 0.5, key=None) is xs


def test_glorot_has_the_variance_of_its_paper():
    w = np.asarray(glorot(jr.key(0), 300, 500))
    assert w.var() == pytest.approx(2 / 800, rel=0.02)


def test_gate_blocks_are_independent_rotations():
    w = np.asarray(gate_blocks(lambda k: orthogonal(k, 6), jr.key(0), 4))
    for block in np.split(w, 4, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(6), atol=1e-5)
    assert not np.allclose(w[:, :6], w[:, 6:12])


def test_gradient_of_cross_entropy_is_softmax_minus_one_hot():
    logits = jr.normal(jr.key(1), (1, 1, 5))
    gradient = jax.grad(lambda z: cross_entropy(z, jnp.array([[2]]), jnp.ones((1, 1)))[0])(logits)
    np.testing.assert_allclose(gradient[0, 0], jax.nn.softmax(logits[0, 0]) - np.eye(5)[2], atol=1e-6)
