from collections import Counter
from itertools import chain

import numpy as np
import pytest

import elman
from elman.tasks.buckets import LADDER, Buckets, pad, padded_length
from elman.tasks.data import split


def test_a_split_deals_every_example_out_once_and_the_same_for_a_seed():
    parts = split(range(100), validation=0.1, test=7, seed=3)
    assert [len(part) for part in parts] == [83, 10, 7]
    assert sorted(chain(*parts)) == list(range(100))
    assert parts == split(range(100), validation=0.1, test=7, seed=3)
    assert parts != split(range(100), validation=0.1, test=7, seed=4)


def test_a_split_by_class_keeps_the_shares_of_every_class():
    examples = [(label, number) for label, count in (("a", 50), ("b", 20), ("c", 10)) for number in range(count)]
    parts = split(examples, validation=0.1, test=0.2, by=lambda example: example[0])
    assert Counter(label for label, _ in parts.test) == {"a": 10, "b": 4, "c": 2}
    assert Counter(label for label, _ in parts.validation) == {"a": 5, "b": 2, "c": 1}
    assert len(set(chain(*parts))) == 80


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (5, 5), (0, 10)])
def test_a_split_that_leaves_nothing_to_train_on_is_refused(validation, test):
    with pytest.raises(elman.DataError, match="10 examples leave none to train on"):
        split(range(10), validation=validation, test=test)


def test_an_epoch_of_buckets_holds_every_example_once_in_rows_of_its_length():
    lengths = np.random.default_rng(0).integers(0, 40, 200).tolist()
    buckets = Buckets(lengths, batch_tokens=256, seed=1)
    for epoch in range(2):
        batches = [buckets.at(epoch * len(buckets) + index) for index in range(len(buckets))]
        assert sorted(i for batch in batches for i in batch.indices) == list(range(200))
        for batch in batches:
            assert batch.length in LADDER
            assert len(batch.indices) <= batch.rows == 256 // batch.length
            assert all(padded_length(lengths[i]) == batch.length for i in batch.indices)


def test_epochs_differ_and_any_order_of_asking_gives_the_same_batches():
    first, second = (Buckets([3, 9, 4, 10, 2, 8] * 5, batch_size=4, seed=2) for _ in range(2))
    steps = range(3 * len(first))
    forward = [first.at(step) for step in steps]
    assert forward[: len(first)] != forward[len(first) : 2 * len(first)]
    assert forward == [second.at(step) for step in reversed(steps)][::-1]


def test_padding_keeps_ids_and_lengths():
    ids, lengths = pad([[1, 2, 3], [], [4]], rows=4, length=4)
    assert ids.tolist() == [[1, 2, 3, 0], [0, 0, 0, 0], [4, 0, 0, 0], [0, 0, 0, 0]]
    assert lengths.tolist() == [3, 0, 1, 0]
