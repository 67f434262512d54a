import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from elman.layers import MovingAttention

LENGTHS = np.array([5, 2, 0])


def constant(attention, **biases):
    """Attention that does the same whatever it is asked."""
    for name, bias in biases.items():
        layer = getattr(attention, name)
        still = eqx.tree_at(
            lambda dense: dense.bias, jax.tree.map(jnp.zeros_like, layer), jnp.asarray(bias, jnp.float32)
        )
        attention = eqx.tree_at(lambda whole, name=name: getattr(whole, name), attention, still)
    return attention


def test_heads_walk_a_place_a_step_until_they_fall_off_the_end():
    attention = MovingAttention(3, 4, heads=2, key=jax.random.key(0))
    # Nothing by content; the first head goes on, the second back.
    attention = constant(attention, gate=[-50, -50], shift=[0, 0, 50, 50, 0, 0], sharpness=[-50, -50])
    states, lengths = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32), jnp.asarray(LENGTHS)
    queries = jnp.zeros((3, 4, 3))
    start = attention.start(lengths, 5)
    last, outputs = attention(queries, jnp.asarray(states), start, lengths=lengths)
    np.testing.assert_allclose(outputs.weights[0, :, 0], np.eye(5)[[1, 2, 3, 4]], atol=1e-5)
    np.testing.assert_allclose(outputs.weights[0, :, 1], np.eye(5)[[3, 2, 1, 0]], atol=1e-5)
    np.testing.assert_allclose(outputs.context[0, 0], np.concatenate([states[0, 1], states[0, 3]]), atol=1e-4)
    np.testing.assert_allclose(outputs.weights[1, 0], np.eye(5)[[1, 0]], atol=1e-5)
    assert not outputs.weights[1, :, :, 2:].any()
    assert not outputs.weights[2].any()
    np.testing.assert_array_equal(last, outputs.weights[:, -1])


def test_content_finds_the_state_that_fits_from_anywhere():
    attention = MovingAttention(3, 4, heads=1, key=jax.random.key(0))
    attention = constant(attention, gate=[50], query=[0, 0, 30, 0], sharpness=[0])
    states, lengths = jnp.zeros((1, 5, 4)).at[0, 3, 2].set(1.0), jnp.array([5])
    _, outputs = attention(jnp.zeros((1, 1, 3)), states, attention.start(lengths, 5), lengths=lengths)
    np.testing.assert_allclose(outputs.weights[0, 0, 0], np.eye(5)[3], atol=1e-4)


def test_sharpness_undoes_a_blur():
    attention = MovingAttention(3, 4, heads=1, key=jax.random.key(0))
    shares = np.array([1, 8, 1]) / 10
    attention = constant(attention, gate=[-50], shift=np.log(shares), sharpness=[2.0])
    states, lengths = jnp.zeros((1, 5, 4)), jnp.array([5])
    start = jnp.zeros((1, 1, 5)).at[0, 0, 2].set(1.0)
    _, outputs = attention(jnp.zeros((1, 1, 3)), states, start, lengths=lengths)
    raised = np.array([0, *shares, 0]) ** (1 + np.log1p(np.exp(2.0)))
    np.testing.assert_allclose(outputs.weights[0, 0, 0], raised / raised.sum(), atol=1e-5)


def test_padding_changes_nothing_and_an_empty_source_has_finite_gradients():
    rng, lengths = np.random.default_rng(0), jnp.asarray(LENGTHS)
    queries, states = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 4, 3), (3, 5, 4)))
    attention = MovingAttention(3, 4, heads=2, key=jax.random.key(1))

    def loss(attention, queries, states):
        _, outputs = attention(queries, states, attention.start(lengths, 5), lengths=lengths)
        return (outputs.context**2).sum() + (outputs.weights**2).sum()

    padding = np.arange(5)[None, :, None] >= LENGTHS[:, None, None]
    spoilt = np.where(padding, 1e30, states)
    gradient = jax.value_and_grad(loss, argnums=(0, 1, 2))
    clean, other = (gradient(attention, jnp.asarray(queries), jnp.asarray(each)) for each in (states, spoilt))
    for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(other), strict=True):
        assert np.isfinite(b).all()
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert not np.asarray(other[1][2])[np.broadcast_to(padding, states.shape)].any()
