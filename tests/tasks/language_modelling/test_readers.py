import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from elman.cells import GRU, LSTM
from elman.tasks.language_modelling.model import LanguageModel
from elman.tasks.language_modelling.readers import LanguageReader, LanguageReaders, reverse_sequences

LENGTHS = jnp.array([6, 2, 0])
IDS = jr.randint(jr.key(9), (3, 6), 1, 11)


def model(seed, cell=LSTM, **settings):
    return LanguageModel(cell, vocab=11, embedding_size=4, hidden_size=5, num_layers=2, key=jr.key(seed), **settings)


def test_a_reader_puts_out_what_the_language_model_s_top_layer_does():
    language = model(0, layer_norm=True, residual=True)
    for reverse in (False, True):
        ys = LanguageReader(language, reverse=reverse)(IDS, lengths=LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            ids = IDS[row : row + 1, :length][:, :: -1 if reverse else 1]
            if length:
                _, expected = language.layers(language.embedding(ids), language.init_carry(1))
                np.testing.assert_allclose(ys[row, :length], expected[0, :: -1 if reverse else 1], atol=1e-6)
            np.testing.assert_array_equal(ys[row, length:], 0)


def test_readers_stand_side_by_side_those_from_the_front_first():
    back, ahead = LanguageReader(model(0), reverse=True), LanguageReader(model(1, GRU), reverse=False)
    readers = LanguageReaders([back, ahead])
    assert (readers.forward_size, readers.hidden_size) == (5, 10)
    ys = readers(IDS, lengths=LENGTHS)
    np.testing.assert_array_equal(ys[..., :5], ahead(IDS, lengths=LENGTHS))
    np.testing.assert_array_equal(ys[..., 5:], back(IDS, lengths=LENGTHS))


def test_what_comes_later_counts_only_for_a_reader_from_the_end():
    readers = LanguageReaders([LanguageReader(model(0), reverse=reverse) for reverse in (False, True)])
    other = IDS.at[:, 3].set(IDS[:, 3] % 10 + 1)
    changed = np.abs(readers(IDS, lengths=LENGTHS) - readers(other, lengths=LENGTHS))[0] > 0
    assert changed[:, :5].any(axis=1).tolist() == [False, False, False, True, True, True]
    assert changed[:, 5:].any(axis=1).tolist() == [True, True, True, True, False, False]


def test_depths_count_from_the_top():
    readers = LanguageReaders([LanguageReader(model(0, layer_norm=True), reverse=reverse) for reverse in (False, True)])
    depths = readers.depths()
    assert depths["readers.0.layers.cells.1"] == depths["readers.1.layers.norms.1"] == 1
    assert depths["readers.1.layers.cells.0"] == 2
    assert depths["readers.0.embedding"] == 3
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in jax.tree.leaves_with_path(readers)]
    assert all(any(name.startswith(part + ".") for part in depths) for name in names)


def test_padding_may_be_turned_too():
    xs = jnp.arange(24.0).reshape(2, 4, 3)
    ys = reverse_sequences(xs, jnp.array([4, 2]))
    np.testing.assert_array_equal(ys[0], xs[0, ::-1])
    np.testing.assert_array_equal(ys[1], xs[1, jnp.array([1, 0, 2, 3])])


def test_dropout_needs_a_key():
    readers = LanguageReaders([LanguageReader(model(0, input_dropout=0.5, dropout=0.5), reverse=False)])
    still = readers(IDS, lengths=LENGTHS)
    noisy = [readers(IDS, lengths=LENGTHS, key=jr.key(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])
    assert not np.array_equal(noisy[0], still)
