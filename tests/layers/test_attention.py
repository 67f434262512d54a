import jax
import jax.numpy as jnp
import numpy as np
import pytest

from elman.layers import AdditiveAttention, DotAttention

LENGTHS = np.array([5, 2, 0])


def arrays(width=4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2, width)).astype(np.float32), rng.normal(size=(3, 5, 4)).astype(np.float32)


def by_hand(score, queries, states, lengths):
    """A loop over every query and state."""
    context, weights = np.zeros((3, 2, 4)), np.zeros((3, 2, 5))
    for row, length in enumerate(lengths):
        for place in range(queries.shape[1]):
            if length:
                scores = np.array([score(queries[row, place], states[row, at]) for at in range(length)])
                p = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
                weights[row, place, :length] = p
                context[row, place] = p @ states[row, :length]
    return context, weights


def test_additive_attention_is_the_papers():
    attention = AdditiveAttention(3, 4, 6, key=jax.random.key(0))
    attention = jax.tree.map(lambda leaf: leaf + 0.1, attention)  # a bias that is not zero
    W, U, b, v = (np.asarray(a, np.float64) for a in jax.tree.leaves(attention))
    queries, states = arrays(width=3)
    expected = by_hand(lambda q, s: np.tanh(q @ W + s @ U + b) @ v, queries, states, LENGTHS)
    outputs = attention(
        jnp.asarray(queries), attention.keys(jnp.asarray(states)), jnp.asarray(states), lengths=jnp.asarray(LENGTHS)
    )
    np.testing.assert_allclose(outputs.context, expected[0], atol=1e-6)
    np.testing.assert_allclose(outputs.weights, expected[1], atol=1e-6)


def test_dot_attention_is_the_papers():
    attention, (queries, states) = DotAttention(), arrays()
    for lengths in (LENGTHS, None):
        expected = by_hand(np.dot, queries, states, [5, 5, 5] if lengths is None else lengths)
        lengths = None if lengths is None else jnp.asarray(lengths)
        outputs = attention(
            jnp.asarray(queries), attention.keys(jnp.asarray(states)), jnp.asarray(states), lengths=lengths
        )
        np.testing.assert_allclose(outputs.context, expected[0], atol=1e-6)
        np.testing.assert_allclose(outputs.weights, expected[1], atol=1e-6)


@pytest.mark.parametrize("kind", ["additive", "dot"])
def test_padding_changes_nothing_and_an_empty_source_has_finite_gradients(kind):
    queries, states = arrays()
    attention = DotAttention() if kind == "dot" else AdditiveAttention(4, 4, 6, key=jax.random.key(1))

    def loss(attention, queries, states):
        outputs = attention(queries, attention.keys(states), states, lengths=jnp.asarray(LENGTHS))
        return (outputs.context**2).sum() + (outputs.weights**2).sum()

    padding = np.arange(5)[None, :, None] >= LENGTHS[:, None, None]
    spoilt = np.where(padding, 1e30, states)
    clean = jax.value_and_grad(loss, argnums=(0, 1, 2))(attention, queries, states)
    other = jax.value_and_grad(loss, argnums=(0, 1, 2))(attention, queries, jnp.asarray(spoilt))
    for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(other), strict=True):
        assert np.isfinite(b).all()
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.asarray(other[1][2])[np.broadcast_to(padding, states.shape)].any()
