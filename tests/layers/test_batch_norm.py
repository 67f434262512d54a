import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.layers import BatchNorm


def shaken():
    norm = BatchNorm(3)
    scale, shift = jr.normal(jr.key(0), (2, 3))
    return jax.tree.unflatten(jax.tree.structure(norm), [scale, shift])


def in_numpy(norm, xs, real):
    """Each feature by itself, over the real steps alone, in float64."""
    ys, means, variances = np.zeros(xs.shape), [], []
    for feature in range(xs.shape[-1]):
        column = np.asarray(xs[..., feature], np.float64)
        mean, variance = column[real].mean(), column[real].var()
        scale, shift = float(norm.scale[feature]), float(norm.shift[feature])
        ys[..., feature] = (column - mean) / np.sqrt(variance + 1e-3) * scale + shift
        means.append(mean)
        variances.append(variance)
    return ys, np.array(means), np.array(variances)


@pytest.mark.parametrize("masked", [False, True])
def test_over_a_batch_it_is_the_formula(masked):
    norm, xs = shaken(), 2 + 3 * jr.normal(jr.key(1), (4, 5, 3))
    real = np.arange(5) < np.array([5, 2, 0, 3])[:, None] if masked else np.ones((4, 5), bool)
    statistics, ys = norm.over_batch(norm.init_carry(), xs, mask=jnp.asarray(real) if masked else None)
    expected, mean, variance = in_numpy(norm, xs, real)
    np.testing.assert_allclose(np.asarray(ys)[real], expected[real], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(statistics.mean, 0.01 * mean, rtol=1e-5)
    np.testing.assert_allclose(statistics.variance, 0.99 + 0.01 * variance, rtol=1e-5)


def test_the_running_values_come_to_those_of_the_data_and_serve_afterwards():
    norm, xs = shaken(), 2 + 3 * jr.normal(jr.key(1), (4, 5, 3))
    statistics = norm.init_carry()
    for _ in range(2000):
        statistics, in_training = norm.over_batch(statistics, xs)
    np.testing.assert_allclose(norm(xs, statistics), in_training, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(norm(xs[:1, :1], statistics), norm(xs, statistics)[:1, :1], rtol=1e-6)


def test_what_is_learnt_and_what_is_measured():
    norm = BatchNorm(42)
    learnt = sum(array.size for array in jax.tree.leaves(norm))
    measured = sum(array.size for array in norm.init_carry())
    assert (learnt, measured, learnt + measured) == (84, 84, 168)


def test_gradients_by_finite_differences():
    norm, xs, towards = shaken(), *jr.normal(jr.key(2), (2, 2, 3, 3))
    loss = lambda xs: (norm.over_batch(norm.init_carry(), xs)[1] * towards).sum()
    slope = np.zeros(xs.shape)
    nudge = 1e-2
    for place in np.ndindex(xs.shape):
        slope[place] = (loss(xs.at[place].add(nudge)) - loss(xs.at[place].add(-nudge))) / (2 * nudge)
    np.testing.assert_allclose(jax.grad(loss)(xs), slope, atol=2e-3)


def test_a_constant_feature_and_a_batch_of_nothing_stay_finite():
    norm = BatchNorm(1)
    _, ys = norm.over_batch(norm.init_carry(), jnp.full((2, 2, 1), 7.0))
    np.testing.assert_array_equal(ys, 0)
    statistics, ys = norm.over_batch(norm.init_carry(), jnp.ones((2, 2, 1)), mask=jnp.zeros((2, 2), bool))
    assert bool(jnp.isfinite(ys).all())
    assert bool(jnp.isfinite(statistics.variance).all())
