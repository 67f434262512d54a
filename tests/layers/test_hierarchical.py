from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, Elman, Zoneout
from elman.layers import Bidirectional, Dense, Hierarchical
from tests.cells.checks import check_gradients, shaken
from tests.layers.test_bidirectional import both_loops, elman_loop

BATCH, SENTENCES, WORDS, LETTERS, INPUT = 2, 2, 3, 4, 3
LETTER_COUNTS = np.array([[4, 1, 0], [2, 3, 4]])  # of each word; the first text has an empty word
WORD_COUNTS = np.array([3, 2])


def two_levels(lower=None):
    lower = lower or Elman(INPUT, 4, key=jr.key(0))
    return shaken(Hierarchical((lower, Elman(lower.hidden_size, 5, key=jr.key(1)))))


@pytest.fixture
def letters():
    return jr.normal(jr.key(2), (BATCH, WORDS, LETTERS, INPUT))


def check(layer, xs, word):
    """`word(letters)` is the vector of one word in NumPy; nothing of one for an empty word."""
    carry, ys = layer(xs, lengths=(jnp.asarray(LETTER_COUNTS), jnp.asarray(WORD_COUNTS)))
    for text in range(BATCH):
        words = np.stack([word(xs[text, at, :count]) for at, count in enumerate(LETTER_COUNTS[text])])
        last, expected = elman_loop(layer.levels[1], words[: WORD_COUNTS[text]])
        np.testing.assert_allclose(ys[text, : WORD_COUNTS[text]], expected, atol=2e-6)
        np.testing.assert_allclose(ys[text, WORD_COUNTS[text] :], 0)
        np.testing.assert_allclose(carry[text], last, atol=2e-6)


def test_words_are_the_last_outputs_of_their_letters(letters):
    layer = two_levels()
    check(layer, letters, lambda word: elman_loop(layer.levels[0], word)[0])


def test_words_read_from_both_ends_are_both_last_outputs(letters):
    cells = (Elman(INPUT, 4, key=jr.key(3)), Elman(INPUT, 2, key=jr.key(4)))
    layer = two_levels(Bidirectional(*cells))

    def word(letters):
        ahead, back, _ = both_loops(layer.levels[0], letters)
        return np.concatenate([ahead, back])

    check(layer, letters, word)


def test_padding_that_holds_anything_changes_nothing_and_leaves_gradients_finite(letters):
    layer = two_levels()
    real = (np.arange(LETTERS) < LETTER_COUNTS[..., None]) & (np.arange(WORDS) < WORD_COUNTS[:, None])[..., None]
    padded = jnp.where(real[..., None], letters, jnp.nan)
    lengths = (jnp.asarray(LETTER_COUNTS), jnp.asarray(WORD_COUNTS))
    np.testing.assert_array_equal(layer(padded, lengths=lengths)[1], layer(letters, lengths=lengths)[1])
    gradient = jax.grad(lambda layer: layer(padded, lengths=lengths)[1].sum())(layer)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


def test_gradients_are_central_differences(letters):
    lengths = (jnp.asarray(LETTER_COUNTS), jnp.asarray(WORD_COUNTS))
    check_gradients(lambda layer, xs: (layer(xs, lengths=lengths)[1] ** 2).sum(), two_levels(), letters)


def test_three_levels_are_numpy_loops_in_each_other():
    """Letters to words to sentences, with counts for the sentences only."""
    cells = [Elman(INPUT, 4, key=jr.key(0)), Elman(4, 5, key=jr.key(1)), Elman(5, 6, key=jr.key(2))]
    layer = shaken(Hierarchical(tuple(cells)))
    xs = jr.normal(jr.key(3), (BATCH, SENTENCES, WORDS, LETTERS, INPUT))
    counts = np.array([[3, 1], [2, 0]])
    carry, ys = layer(xs, lengths=(None, jnp.asarray(counts), None))
    for text in range(BATCH):
        sentences = []
        for place in range(SENTENCES):
            words = [elman_loop(layer.levels[0], xs[text, place, at])[0] for at in range(counts[text, place])]
            sentences.append(elman_loop(layer.levels[1], np.array(words).reshape(-1, 4))[0])
        last, expected = elman_loop(layer.levels[2], np.stack(sentences))
        np.testing.assert_allclose(ys[text], expected, atol=2e-6)
        np.testing.assert_allclose(carry[text], last, atol=2e-6)


def test_without_lengths_every_piece_is_whole(letters):
    layer = two_levels()
    whole = (jnp.full((BATCH, WORDS), LETTERS), jnp.full(BATCH, WORDS))
    np.testing.assert_allclose(layer(letters)[1], layer(letters, lengths=whole)[1], atol=1e-6)


def test_the_last_level_goes_on_from_a_carry(letters):
    layer = two_levels()
    whole_carry, whole = layer(letters)
    carry, first = layer(letters[:, :1])
    carry, second = layer(letters[:, 1:], carry)
    np.testing.assert_allclose(jnp.concatenate([first, second], axis=1), whole, atol=1e-6)
    np.testing.assert_allclose(carry, whole_carry, atol=1e-6)
    assert layer.init_carry(BATCH).shape == (BATCH, 5)


def test_levels_have_noise_of_their_own(letters):
    lower, upper = Zoneout(GRU(INPUT, 4, key=jr.key(0)), rate=0.5), GRU(4, 4, key=jr.key(1))
    layer = Hierarchical((lower, upper))
    ys = [layer(letters, key=key)[1] for key in (None, None, jr.key(0), jr.key(0), jr.key(1))]
    assert np.array_equal(ys[0], ys[1])
    assert np.array_equal(ys[2], ys[3])
    assert not np.allclose(ys[0], ys[2])
    assert not np.allclose(ys[2], ys[4])


def test_it_learns_whether_words_hold_a_letter():
    """Counting words that hold letter 0: a task of both levels."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, (64, 5, 6))
    counts = rng.integers(1, 7, (64, 5))
    holds = ((ids == 0) & (np.arange(6) < counts[..., None])).any(-1)
    targets = jnp.asarray(np.cumsum(holds, 1) % 2, jnp.float32)
    xs, counts = jax.nn.one_hot(ids, 4), jnp.asarray(counts)
    keys = jr.split(jr.key(0), 3)
    model: Any = (Hierarchical((GRU(4, 12, key=keys[0]), GRU(12, 12, key=keys[1]))), Dense(12, 1, key=keys[2]))

    def loss(model):
        layer, head = model
        logits = head(layer(xs, lengths=(counts, None))[1])[..., 0]
        return jnp.mean(jnp.logaddexp(0, logits) - targets * logits)

    import optax

    rule = optax.adam(0.02)

    @jax.jit
    def step(model, memory):
        value, gradient = jax.value_and_grad(loss)(model)
        updates, memory = rule.update(gradient, memory)
        return optax.apply_updates(model, updates), memory, value

    memory = rule.init(model)
    for _ in range(200):
        model, memory, value = step(model, memory)
    assert float(value) < 0.1


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_named(letters):
    layer = two_levels()
    with pytest.raises(elman.ShapeError, match=r"expected 4 axes \(batch, one for each of 2 levels, feature\)"):
        layer(letters[0])
    with pytest.raises(elman.ShapeError, match=r"lengths: expected shape \(2, 3\) for level 0; got \(2,\)"):
        layer(letters, lengths=(jnp.asarray(WORD_COUNTS), None))
    with pytest.raises(elman.ConfigError, match="one array or None for each of 2 levels; got 1"):
        layer(letters, lengths=(None,))
    with pytest.raises(elman.ConfigError, match="expected a level of input_size 4, the hidden_size of the one below"):
        Hierarchical((GRU(3, 4, key=jr.key(0)), GRU(5, 4, key=jr.key(1))))
    with pytest.raises(elman.ConfigError, match="at least one level"):
        Hierarchical(())
