"""Distributions against scipy, and quantiles that never cross."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats

from elman._errors import ConfigError
from elman.ops.crps import crps
from elman.ops.distributions import (
    LEVELS,
    Gaussian,
    NegativeBinomial,
    Point,
    Quantiles,
    Samples,
    StudentT,
    distribution,
    parameters,
)
from elman.ops.student import student_quantile

SHARES = np.array([0.001, 0.025, 0.1, 0.3, 0.5, 0.6, 0.9, 0.975, 0.999])
VALUES = jnp.array([-30.0, -2.0, -0.1, 0.0, 0.5, 3.0, 80.0])
PLACE, SCALE, FREEDOM = 0.7, 1.9, 3.4


def whole(number, like=VALUES):
    return jnp.full(like.shape, number, jnp.float32)


CONTINUOUS = [
    (Gaussian(whole(PLACE), whole(SCALE)), stats.norm(PLACE, SCALE)),
    (StudentT(whole(PLACE), whole(SCALE), whole(FREEDOM)), stats.t(FREEDOM, PLACE, SCALE)),
]


@pytest.mark.parametrize(("ours", "scipys"), CONTINUOUS)
def test_losses_are_scipys_log_densities(ours, scipys):
    np.testing.assert_allclose(ours.loss(VALUES), -scipys.logpdf(VALUES), rtol=2e-5)


@pytest.mark.parametrize(("ours", "scipys"), CONTINUOUS)
def test_quantiles_are_scipys(ours, scipys):
    quantiles = ours.quantile(jnp.array(SHARES))
    assert quantiles.shape == (len(VALUES), len(SHARES))
    np.testing.assert_allclose(quantiles[0], scipys.ppf(SHARES), rtol=1e-4, atol=1e-5)


def test_scores_are_integrals_over_the_distribution_function():
    """CRPS = integral of (F(x) - [x >= y])^2, by a fine sum."""
    xs = np.linspace(-60, 60, 240001)
    quantiles = Quantiles(jnp.broadcast_to(jnp.array(1 + 2 * stats.norm.ppf(LEVELS)), (len(VALUES), len(LEVELS))))
    for ours, scipys, near in (*((*pair, 1e-3) for pair in CONTINUOUS), (quantiles, stats.norm(1, 2), 0.03)):
        for value, result in zip(VALUES[1:6], crps(ours, VALUES)[1:6], strict=True):
            exact = ((scipys.cdf(xs) - (xs >= float(value))) ** 2).sum() * (xs[1] - xs[0])
            assert float(result) == pytest.approx(exact, rel=near), type(ours)


@pytest.mark.parametrize("freedom", [2.0, 2.5, 4.9, 7.0, 300.0])
def test_student_quantiles_for_light_and_heavy_tails(freedom):
    quantiles = student_quantile(jnp.array(SHARES), jnp.array(freedom))
    np.testing.assert_allclose(quantiles, stats.t.ppf(SHARES, freedom), rtol=5e-4, atol=1e-5)


@pytest.mark.parametrize(("mean", "dispersion"), [(0.1, 0.5), (50.0, 0.01), (2.0, 5.0), (200.0, 0.3)])
def test_the_negative_binomial_is_scipys(mean, dispersion):
    r = 1 / dispersion
    scipys = stats.nbinom(r, r / (r + mean))
    counts = jnp.array([0, 1, 2, 7, 60, 300.0])
    ours = NegativeBinomial(whole(mean, counts), whole(dispersion, counts), whole(1.0, counts))
    np.testing.assert_allclose(ours.loss(counts), -scipys.logpmf(counts), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(ours.quantile(jnp.array(SHARES))[0], scipys.ppf(SHARES))
    np.testing.assert_allclose(ours.spread[0], scipys.std(), rtol=1e-5)


def test_counts_in_units():
    """The same counts in units of 4: quantiles come in these units, and losses are the same."""
    ours = NegativeBinomial(whole(6.0), whole(0.5), whole(4.0))
    plain = NegativeBinomial(whole(6.0), whole(0.5), whole(1.0))
    counts = jnp.arange(7.0)
    np.testing.assert_allclose(ours.loss(counts / 4), plain.loss(counts))
    np.testing.assert_allclose(ours.centre, 1.5)
    np.testing.assert_allclose(4 * ours.quantile(jnp.array([0.9])), plain.quantile(jnp.array([0.9])))
    moved = ours.rescale(whole(0.0), whole(4.0))
    np.testing.assert_allclose(moved.quantile(jnp.array([0.9])), plain.quantile(jnp.array([0.9])))


def test_quantiles_never_cross_whatever_the_network_puts_out():
    raw = 30 * jr.normal(jr.key(0), (200, parameters("quantile")))
    quantiles = distribution("quantile", raw)
    assert isinstance(quantiles, Quantiles)
    values = np.asarray(quantiles.values)
    assert (np.diff(values, axis=-1) >= 0).all()
    np.testing.assert_array_equal(values[:, len(LEVELS) // 2], raw[:, 0])


def test_the_pinball_loss_is_least_at_the_quantiles():
    draws = jnp.array(np.random.default_rng(0).exponential(size=4000))
    best = np.quantile(draws, LEVELS)

    def loss(values):
        return float(Quantiles(jnp.broadcast_to(jnp.array(values), (len(draws), len(LEVELS)))).loss(draws).mean())

    by_hand = np.mean(
        [2 * np.maximum(q * (draws - b), (q - 1) * (draws - b)) for q, b in zip(LEVELS, best, strict=True)]
    )
    assert loss(best) == pytest.approx(by_hand, rel=1e-5)
    for step in (-0.1, 0.1):
        assert loss(best + step) > loss(best)


def test_quantiles_between_and_beyond_the_levels():
    """A normal distribution's are exact at any level, for they lie on a straight line over themselves."""
    values = 2 + 3 * stats.norm.ppf(LEVELS)
    quantiles = Quantiles(jnp.array(values)[None]).quantile(jnp.array(SHARES))
    np.testing.assert_allclose(quantiles[0], 2 + 3 * stats.norm.ppf(SHARES), rtol=1e-4, atol=1e-4)


SAMPLED = [
    Gaussian(whole(PLACE, np.zeros(40000)), whole(SCALE, np.zeros(40000))),
    StudentT(*(whole(number, np.zeros(40000)) for number in (PLACE, SCALE, FREEDOM))),
    NegativeBinomial(*(whole(number, np.zeros(40000)) for number in (5.0, 0.4, 2.0))),
    Quantiles(jnp.broadcast_to(jnp.array(1 + 2 * stats.norm.ppf(LEVELS)), (40000, len(LEVELS)))),
]


@pytest.mark.sample(1)
@pytest.mark.parametrize("ours", SAMPLED, ids=lambda each: type(each).__name__)
def test_draws_have_the_quantiles(ours):
    draws, levels = np.asarray(ours.sample(jr.key(1))), (0.1, 0.5, 0.8)
    first = jax.tree.map(lambda leaf: leaf[:1], ours)
    for level, expected in zip(levels, first.quantile(jnp.array(levels))[0].tolist(), strict=True):
        assert (draws <= expected + 1e-6).mean() >= level - 0.01
        assert (draws < expected - 1e-6).mean() <= level + 0.01


@pytest.mark.parametrize("ours", SAMPLED[:2], ids=lambda each: type(each).__name__)
def test_a_moved_distribution(ours):
    few = jax.tree.map(lambda leaf: leaf[:3], ours)
    moved = few.rescale(jnp.full(3, 5.0), jnp.full(3, 10.0))
    levels = jnp.array([0.2, 0.9])
    np.testing.assert_allclose(moved.quantile(levels), 5 + 10 * few.quantile(levels), rtol=1e-5)
    np.testing.assert_allclose(moved.loss(jnp.full(3, 25.0)), few.loss(jnp.full(3, 2.0)) + np.log(10), rtol=1e-5)


def test_points():
    squared, absolute = Point(jnp.array([1.0]), "squared"), Point(jnp.array([1.0]), "absolute")
    assert squared.loss(jnp.array([4.0])).tolist() == [9.0]
    assert absolute.loss(jnp.array([4.0])).tolist() == [3.0]
    assert absolute.rescale(jnp.array([2.0]), jnp.array([3.0])).centre.tolist() == [5.0]
    assert absolute.sample(jr.key(0)).tolist() == [1.0] == absolute.spread.tolist()


def test_the_score_of_draws_is_the_mean_over_all_pairs():
    draws = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    values = jnp.array([0.0, 1.0, -4.0])
    pairs = np.abs(draws[:, :, None] - draws[:, None, :]).mean(axis=(1, 2))
    expected = np.abs(draws - values[:, None]).mean(axis=1) - pairs / 2
    np.testing.assert_allclose(Samples(jnp.array(draws)).loss(values), expected, rtol=1e-5)
    np.testing.assert_allclose(
        Samples(jnp.array(draws)).quantile(jnp.array([0.25, 0.5])), np.quantile(draws, [0.25, 0.5], axis=1).T, rtol=1e-5
    )


@pytest.mark.sample(3)
@pytest.mark.parametrize("output", ["squared", "absolute", "quantile", "gaussian", "student", "negative-binomial"])
def test_any_numbers_give_a_finite_loss_and_gradient(output):
    raw = jnp.array([-80.0, -3.0, 0.0, 3.0, 80.0])[:, None] * jnp.ones(parameters(output))

    def loss(raw):
        return distribution(output, raw).loss(jnp.array([0.0, 1.0, 2.0, 3.0, 4.0])).sum()

    total, gradient = jax.value_and_grad(loss)(raw)
    assert np.isfinite(total)
    assert np.isfinite(gradient).all()


def test_an_unknown_output_is_named(unchecked):
    with pytest.raises(ConfigError, match="did you mean 'gaussian'"):
        parameters("gausian")  # ty: ignore[invalid-argument-type]
