"""The outputs that the first lessons' source prints, from its alphabet and the beginning of its text."""

import jax
import numpy as np
import pytest

import elman
from elman.layers import BatchNorm, Dense, Embedding
from elman.tasks.language_modelling.model import LanguageModel
from elman.words.streams import next_token_windows
from elman.words.vocabulary import Characters

ALPHABET = "\n !\"'(),-.0123456789:;=?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyzÆäæéë"
BEGINNING = "PREFACE\n\n\nSUPPOSING that Truth is a woman--what then? Is there not gro"
LENGTH, HIDDEN, FACTORS, VOCAB = 600_893, 256, 42, 86
KEY = jax.random.key(0)


@pytest.fixture
def ids():
    characters = Characters.of([ALPHABET])
    assert characters.size == 85  # padding included
    return characters.encode(BEGINNING)


def test_the_text_in_numbers(ids):
    assert ids[:10].tolist() == [40, 42, 29, 30, 25, 27, 29, 1, 1, 1]


def test_columns_of_three_characters_and_the_fourth(ids):
    starts = np.arange(0, 12, 3)
    assert [ids[starts + place].tolist() for place in range(4)] == [
        [40, 30, 29, 1],
        [42, 25, 1, 43],
        [29, 27, 1, 45],
        [30, 29, 1, 40],
    ]


def test_columns_of_eight_characters_and_what_comes_next(ids):
    windows, further = next_token_windows(ids[:65], 8)
    columns = [
        [40, 1, 33, 2, 72, 67, 73, 2],
        [42, 1, 38, 44, 2, 9, 61, 73],
        [29, 43, 31, 71, 54, 9, 58, 61],
        [30, 45, 2, 74, 2, 76, 67, 58],
        [25, 40, 73, 73, 76, 61, 24, 71],
        [27, 40, 61, 61, 68, 54, 2, 58],
        [29, 39, 54, 2, 66, 73, 33, 2],
        [1, 43, 73, 62, 54, 2, 72, 67],
    ]
    ninth = [1, 33, 2, 72, 67, 73, 2, 68]
    assert windows.T.tolist() == columns
    assert further.T.tolist() == [*columns[1:], ninth]


def test_shapes_of_the_whole_text():
    windows, further = next_token_windows(np.zeros(LENGTH, np.int32), 8)
    assert windows[:-2].shape == further[:-2].shape == (75109, 8)
    assert np.eye(VOCAB, dtype=bool)[windows[:4]].shape == (4, 8, 86)


def size(part):
    return sum(array.size for array in jax.tree.leaves(part))


def test_counts_of_the_simple_network():
    model = LanguageModel(elman.Elman, vocab=VOCAB, embedding_size=FACTORS, hidden_size=HIDDEN, num_layers=1, key=KEY)
    assert [size(part) for part in (model.embedding, model.layers, model.head)] == [3612, 76544, 22102]
    assert size(model) == 102258
    assert size(Embedding(VOCAB, FACTORS, key=KEY)) == 3612
    assert size(Dense(HIDDEN, VOCAB, key=KEY)) == 22102


def test_counts_of_the_stateful_network():
    assert size(elman.LSTM(FACTORS, HIDDEN, key=KEY)) == 306176
    norm = BatchNorm(FACTORS)
    assert size(norm) + size(norm.init_carry()) == 168  # two learnt and two measured for each feature
