import numpy as np
import pytest

from elman import ConfigError, DataError
from elman.training.shuffled import Shuffled


def test_every_row_comes_once_an_epoch_with_what_belongs_to_it():
    xs = np.arange(10)
    batches = Shuffled(xs, np.stack([xs, 2 * xs], axis=1), batch_size=4, seed=3)
    assert len(batches) == 3
    orders = []
    for epoch in range(2):
        dealt = [batches.at(epoch * 3 + index) for index in range(3)]
        assert [len(first) for first, _ in dealt] == [4, 4, 2]
        for first, second in dealt:
            np.testing.assert_array_equal(second, np.stack([first, 2 * first], axis=1))
        orders.append(np.concatenate([first for first, _ in dealt]).tolist())
    assert sorted(orders[0]) == sorted(orders[1]) == xs.tolist()
    assert orders[0] != orders[1]


def test_any_order_of_asking_gives_the_same_batches_and_another_seed_others():
    xs = np.arange(50)
    batches = Shuffled(xs, batch_size=50, seed=0)
    ahead, back = [batches.at(step)[0] for step in (0, 1)], [batches.at(step)[0] for step in (1, 0)]
    np.testing.assert_array_equal(ahead, back[::-1])
    assert Shuffled(xs, batch_size=50, seed=1).at(0)[0].tolist() != ahead[0].tolist()


def test_what_cannot_be_dealt(unchecked):
    with pytest.raises(DataError, match=r"same number of rows, at least 1; got \[2, 3\]"):
        Shuffled(np.zeros(2), np.zeros((3, 4)), batch_size=1)
    with pytest.raises(DataError, match="got none"):
        Shuffled(batch_size=1)
    with pytest.raises(DataError, match=r"got \[0\]"):
        Shuffled(np.zeros(0), batch_size=1)
    with pytest.raises(ConfigError, match="batch_size"):
        Shuffled(np.zeros(2), batch_size=0)
