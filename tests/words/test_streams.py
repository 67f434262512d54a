import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import DataError
from elman.formats.text import TextSource
from elman.tasks.language_modelling.corpus import read_corpus
from elman.words.streams import Reversed, Streams, next_token_windows


@given(st.integers(2, 200), st.integers(1, 40), st.integers(1, 30))
def test_every_token_but_the_first_is_a_target_once_in_order(length, batch_size, unroll_length):
    ids = np.arange(length)
    streams = Streams(ids, batch_size=batch_size, unroll_length=unroll_length)
    rows = [[] for _ in range(batch_size)]
    for index in range(len(streams)):
        batch = streams[index]
        assert batch.inputs.shape == batch.targets.shape == batch.weights.shape == (batch_size, unroll_length)
        for row in range(batch_size):
            valid = batch.weights[row] > 0
            assert valid.sum() == batch.lengths[row]
            np.testing.assert_array_equal(batch.targets[row, valid], batch.inputs[row, valid] + 1)
            rows[row] += batch.targets[row, valid].tolist()
    assert sum(rows, []) == list(range(1, length))
    assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_a_batch_goes_on_where_the_last_one_stopped():
    streams = Streams(np.arange(1000), batch_size=3, unroll_length=50)
    for before, after in zip(range(len(streams) - 1), range(1, len(streams)), strict=True):
        np.testing.assert_array_equal(streams[after].inputs[:, 0], streams[before].targets[:, -1])


def test_one_token_is_not_enough():
    with pytest.raises(DataError, match="at least 2 tokens"):
        Streams(np.arange(1), batch_size=1, unroll_length=1)


def test_windows_of_the_nietzsche_notebook(data_folder):
    """The arrays printed in fast.ai's lesson 6 notebook (cells 8, 13, 15, 45, 47, 48, 75, 91)."""
    source = TextSource.open(data_folder / "text" / "nietzsche.txt")
    data = read_corpus(source, validation=0, test=0)
    idx = data.train.tokens[:]
    assert len(idx) == 600893
    assert data.codec.size == 85
    assert "".join(data.codec.tokens[1:-6]) == (
        "\n !\"'(),-.0123456789:;=?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxy"
    )
    assert idx[:10].tolist() == [40, 42, 29, 30, 25, 27, 29, 1, 1, 1]
    assert data.codec.decode(idx[:70].tolist()) == (
        "PREFACE\n\n\nSUPPOSING that Truth is a woman--what then? Is there not gro"
    )

    xs, ys = next_token_windows(idx, 3)
    x, y = xs[:-2], ys[:-2, -1]  # the notebook drops its last two windows
    assert x.shape == (200295, 3)
    assert y.shape == (200295,)
    assert x[:4].T.tolist() == [[40, 30, 29, 1], [42, 25, 1, 43], [29, 27, 1, 45]]
    assert y[:4].tolist() == [30, 29, 1, 40]

    xs, ys = next_token_windows(idx, 8)
    xs, ys = xs[:-2], ys[:-2]
    assert xs.shape == ys.shape == (75109, 8)
    assert xs[:8].T.tolist() == [
        [40, 1, 33, 2, 72, 67, 73, 2],
        [42, 1, 38, 44, 2, 9, 61, 73],
        [29, 43, 31, 71, 54, 9, 58, 61],
        [30, 45, 2, 74, 2, 76, 67, 58],
        [25, 40, 73, 73, 76, 61, 24, 71],
        [27, 40, 61, 61, 68, 54, 2, 58],
        [29, 39, 54, 2, 66, 73, 33, 2],
        [1, 43, 73, 62, 54, 2, 72, 67],
    ]
    assert ys[:8].T.tolist() == [
        [42, 1, 38, 44, 2, 9, 61, 73],
        [29, 43, 31, 71, 54, 9, 58, 61],
        [30, 45, 2, 74, 2, 76, 67, 58],
        [25, 40, 73, 73, 76, 61, 24, 71],
        [27, 40, 61, 61, 68, 54, 2, 58],
        [29, 39, 54, 2, 66, 73, 33, 2],
        [1, 43, 73, 62, 54, 2, 72, 67],
        [1, 33, 2, 72, 67, 73, 2, 68],
    ]


def test_windows_need_one_token_more_than_their_length():
    with pytest.raises(DataError, match="at least 9"):
        next_token_windows(np.arange(8), 8)


def test_reversed_tokens_are_those_of_the_reversed_text():
    tokens = np.arange(10)
    for start, stop in ((0, 10), (2, 5), (0, 1), (9, 10), (5, 5)):
        np.testing.assert_array_equal(Reversed(tokens)[start:stop], tokens[::-1][start:stop])
    assert len(Reversed(tokens)) == 10
