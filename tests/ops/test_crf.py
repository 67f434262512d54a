from itertools import product

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.ops import crf
from elman.ops.crf import FORBIDDEN, Chain

log_partition, log_likelihood, tagging_score = map(jax.jit, (crf.log_partition, crf.log_likelihood, crf.tagging_score))
marginals, restricted_log_probability = map(jax.jit, (crf.marginals, crf.restricted_log_probability))
best = jax.jit(crf.best, static_argnames="count")

TIME, TAGS = 4, 3
# Right padding, left padding, none, a hole, one step, nothing real.
MASKS = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]], bool)


@pytest.fixture
def scores():
    return jr.normal(jr.key(0), (len(MASKS), TIME, TAGS)) * 2


@pytest.fixture
def chain():
    keys = jr.split(jr.key(1), 3)
    return Chain(jr.normal(keys[0], (TAGS, TAGS)), jr.normal(keys[1], (TAGS,)), jr.normal(keys[2], (TAGS,)))


@pytest.fixture
def strict(chain):
    """Tag 1 cannot follow tag 0 nor be the first, tag 2 cannot be the last."""
    return Chain(chain.follow.at[0, 1].set(FORBIDDEN), chain.start.at[1].set(FORBIDDEN), chain.end.at[2].set(FORBIDDEN))


@pytest.fixture(params=["chain", "strict"])
def any_chain(request):
    return request.getfixturevalue(request.param)


def taggings(scores, chain, mask):
    """Every tagging of one sequence's real steps that is not forbidden, and its score, in float64."""
    scores = np.asarray(scores, float)[mask]
    follow, start, end = (np.asarray(part, float) for part in chain)
    for tags in product(range(TAGS), repeat=len(scores)):
        total = sum(scores[step, tag] for step, tag in enumerate(tags))
        total += sum(follow[before, after] for before, after in zip(tags, tags[1:], strict=False))
        total += start[tags[0]] + end[tags[-1]] if tags else 0
        if total > FORBIDDEN / 2:
            yield tags, total


def test_log_partition_sums_over_all_taggings(scores, any_chain):
    result = log_partition(scores, any_chain, jnp.asarray(MASKS))
    for row, mask in enumerate(MASKS):
        expected = np.logaddexp.reduce([score for _, score in taggings(scores[row], any_chain, mask)])
        np.testing.assert_allclose(result[row], expected, rtol=2e-6, atol=2e-6)


def test_likelihoods_of_all_taggings_sum_to_one(scores, any_chain):
    for row, mask in enumerate(MASKS):
        probabilities = []
        for tags, score in taggings(scores[row], any_chain, mask):
            padded = np.full(TIME, 2)
            padded[mask] = tags
            one = (scores[row, None], any_chain, jnp.asarray(mask[None]), jnp.asarray(padded[None]))
            np.testing.assert_allclose(tagging_score(*one)[0], score, rtol=1e-5, atol=1e-5)
            probabilities.append(float(jnp.exp(log_likelihood(*one)[0])))
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_best_are_the_first_of_all_taggings_by_score(scores, any_chain, count):
    tags, reached = best(scores, any_chain, jnp.asarray(MASKS), count=count)
    assert tags.shape == (len(MASKS), count, TIME)
    for row, mask in enumerate(MASKS):
        expected = sorted(taggings(scores[row], any_chain, mask), key=lambda result: -result[1])[:count]
        np.testing.assert_allclose(
            reached[row, : len(expected)], [score for _, score in expected], rtol=1e-5, atol=1e-5
        )
        assert [tuple(result[mask].tolist()) for result in np.asarray(tags[row])][: len(expected)] == [
            tags for tags, _ in expected
        ]
        assert np.isneginf(reached[row, len(expected) :]).all()
        assert (np.asarray(tags[row])[:, ~mask] == 0).all()


def test_marginals_are_shares_of_all_taggings(scores, any_chain):
    result = marginals(scores, any_chain, jnp.asarray(MASKS))
    for row, mask in enumerate(MASKS):
        shares = np.zeros((mask.sum(), TAGS))
        for tags, score in taggings(scores[row], any_chain, mask):
            for step, tag in enumerate(tags):
                shares[step, tag] += np.exp(score)
        np.testing.assert_allclose(result[row][mask], shares / shares.sum(1, keepdims=True), atol=2e-6)
        assert (np.asarray(result[row])[~mask] == 0).all()


def test_restricted_probability_is_the_share_of_what_is_allowed(scores, any_chain):
    allowed = np.asarray(jr.bernoulli(jr.key(2), 0.7, scores.shape))
    result = jnp.exp(restricted_log_probability(scores, any_chain, jnp.asarray(MASKS), jnp.asarray(allowed)))
    for row, mask in enumerate(MASKS):
        inside = outside = 0.0
        for tags, score in taggings(scores[row], any_chain, mask):
            if all(allowed[row][mask][step, tag] for step, tag in enumerate(tags)):
                inside += np.exp(score)
            else:
                outside += np.exp(score)
        assert float(result[row]) == pytest.approx(inside / (inside + outside), abs=2e-6)


def test_without_a_chain_each_step_is_a_softmax(scores):
    free, mask = Chain(jnp.zeros((TAGS, TAGS)), jnp.zeros(TAGS), jnp.zeros(TAGS)), jnp.asarray(MASKS)
    expected = jnp.where(mask[..., None], jax.nn.softmax(scores), 0)
    np.testing.assert_allclose(marginals(scores, free, mask), expected, atol=1e-6)
    tags, _ = best(scores, free, mask)
    np.testing.assert_array_equal(tags[:, 0], jnp.where(mask, scores.argmax(-1), 0))


def test_padding_that_holds_anything_changes_nothing(scores, any_chain):
    mask, tags = jnp.asarray(MASKS), jnp.asarray(np.tile([2, 0, 0, 0], (len(MASKS), 1)))
    padded = jnp.where(mask[..., None], scores, jnp.nan)

    def value(scores, chain):
        return log_likelihood(scores, chain, mask, tags).sum()

    np.testing.assert_array_equal(value(padded, any_chain), value(scores, any_chain))
    for result, expected in zip(
        jax.tree.leaves(jax.grad(value, argnums=(0, 1))(padded, any_chain)),
        jax.tree.leaves(jax.grad(value, argnums=(0, 1))(scores, any_chain)),
        strict=True,
    ):
        assert bool(jnp.isfinite(result).all())
        np.testing.assert_array_equal(result, expected)


def test_gradients_are_central_differences(scores, strict):
    tags = jnp.asarray(np.tile([2, 0, 0, 0], (len(MASKS), 1)))
    mask = jnp.asarray(MASKS)

    with jax.enable_x64(True):
        scores, strict = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64), (scores, strict))

        @jax.jit
        def value(scores, chain):
            return (log_likelihood(scores, chain, mask, tags) * jnp.arange(1.0, 7)).sum()

        gradients = jax.grad(value, argnums=(0, 1))(scores, strict)
        random = np.random.default_rng(0)
        for _ in range(5):
            free = lambda leaf: random.normal(size=leaf.shape) * (np.asarray(leaf) > FORBIDDEN / 2)
            way = jax.tree.map(free, (scores, strict))
            ahead = value(*jax.tree.map(lambda leaf, step: leaf + 1e-5 * step, (scores, strict), way))
            back = value(*jax.tree.map(lambda leaf, step: leaf - 1e-5 * step, (scores, strict), way))
            products = jax.tree.map(lambda gradient, step: (gradient * step).sum(), gradients, way)
            slope = sum(jax.tree.leaves(products))
            assert float(slope) == pytest.approx(float(ahead - back) / 2e-5, rel=1e-6)


def test_likelihoods_stay_finite_over_long_sequences_and_large_scores(chain):
    scores, mask = 1e4 * jr.normal(jr.key(3), (1, 500, TAGS)), jnp.ones((1, 500), bool)
    tags, score = best(scores, chain, mask)
    probability, gradient = jax.value_and_grad(lambda scores: log_likelihood(scores, chain, mask, tags[:, 0]).sum())(
        scores
    )
    assert float(probability) <= 0
    assert float(probability) == pytest.approx(0, abs=2)
    assert bool(jnp.isfinite(gradient).all())
    assert bool(jnp.isfinite(score).all())
