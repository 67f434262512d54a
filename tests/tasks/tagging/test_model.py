from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import LSTM, Elman
from elman.tasks.tagging.model import TaggingModel
from tests.cells.checks import check_gradients
from tests.layers.test_bidirectional import both_loops

WORDS = np.array([[4, 2, 3, 1], [5, 1, 0, 0], [0, 0, 0, 0]])
SPELLINGS = np.array([[1, 2, 3, 1], [4, 2, 0, 0], [0, 0, 0, 0]])
LETTERS = np.array([[0, 0, 0], [2, 3, 1], [3, 0, 0], [1, 1, 0], [2, 2, 0]])
COUNTS, LENGTHS = np.array([0, 3, 1, 2, 2]), np.array([4, 2, 0])
SIZES: dict[str, Any] = dict(
    words=6, letters=4, tags=3, embedding_size=3, letter_size=2, letter_hidden_size=3, hidden_size=4
)
BATCH = tuple(map(jnp.asarray, (WORDS, SPELLINGS, LETTERS, COUNTS, LENGTHS)))


score = jax.jit(lambda model, batch, key=None: model(*batch, key=key))


def build(cell=Elman, **settings):
    shapes = jax.eval_shape(
        lambda: TaggingModel(cell, **SIZES, num_layers=2, crf=False, **settings, key=jr.key(0)),
    )
    random = np.random.default_rng(0)  # nothing to compile
    return jax.tree.map(lambda leaf: jnp.asarray(0.5 * random.normal(size=leaf.shape), leaf.dtype), shapes)


def test_scores_are_those_of_numpy_loops():
    """A word's vector beside the last outputs of its letters, through two layers, to a score for every tag."""
    model = build()
    embedding, letters = np.asarray(model.embedding.table), np.asarray(model.speller.letters.table)
    scores = score(model, BATCH)
    for row, length in enumerate(LENGTHS):
        xs = []
        for word, spelling in zip(WORDS[row, :length], SPELLINGS[row, :length], strict=True):
            ahead, back, _ = both_loops(model.speller.reader, letters[LETTERS[spelling, : COUNTS[spelling]]])
            xs.append(np.concatenate([embedding[word], ahead, back]))
        ys = np.array(xs).reshape(length, 9)
        for layer in model.layers.cells:
            ys = both_loops(layer, ys)[2]
        expected = ys @ np.asarray(model.head.kernel) + np.asarray(model.head.bias)
        np.testing.assert_allclose(scores[row, :length], expected, atol=5e-6)


def test_padding_and_neighbours_change_nothing():
    model = build(LSTM)
    whole = score(model, BATCH)
    for row, length in enumerate(LENGTHS[:2]):
        batch = (*(part[row : row + 1, :length] for part in BATCH[:2]), *BATCH[2:4], BATCH[4][row : row + 1])
        alone = score(model, batch)
        np.testing.assert_allclose(alone[0], whole[row, :length], atol=1e-6)


def test_gradients_are_central_differences():
    @jax.jit
    def value(model):
        scores = model(*BATCH)
        real = jnp.arange(4) < BATCH[4][:, None]
        return (jnp.where(real[..., None], scores, 0) ** 2).sum()

    check_gradients(value, build())


def test_dropout_needs_a_key_and_keeps_its_mask_over_a_sentence():
    model = build(LSTM, input_dropout=0.5, dropout=0.5)
    np.testing.assert_array_equal(score(model, BATCH), score(model, BATCH))
    noisy = score(model, BATCH, jr.key(1))
    np.testing.assert_array_equal(noisy, score(model, BATCH, jr.key(1)))
    assert not np.allclose(noisy, score(model, BATCH, jr.key(2)))
    assert not np.allclose(noisy, score(model, BATCH))


def test_activations_are_named_in_order_and_end_with_the_scores():
    model = build()
    named = model.activations(*BATCH)
    assert [name for name, _ in named] == ["embedding", "speller", "layers.cells.0", "layers.cells.1", "head"]
    np.testing.assert_array_equal(named[-1][1], model(*BATCH))
    assert bool((named[1][1][0] == 0).all())


@pytest.mark.parametrize("crf", [False, True])
def test_weights_of_the_chain_are_there_only_where_they_are_learned(crf):
    model = TaggingModel(Elman, **SIZES, num_layers=1, crf=crf, key=jr.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(model.chain)) == (15 if crf else 0)
