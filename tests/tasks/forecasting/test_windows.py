import numpy as np
import pytest

from elman import DataError
from elman.formats.frequency import Frequency
from elman.tasks.forecasting.codec import ForecastCodec
from elman.tasks.forecasting.histories import Histories, History
from elman.tasks.forecasting.windows import Ends, Windows, ends_of, parts_of


def series(name, steps, seed=0):
    random = np.random.default_rng(seed)
    return History(
        name,
        np.arange(steps) + 100 * seed,
        random.normal(size=(steps, 2)),
        random.normal(size=(steps, 1)),
        random.normal(size=(steps + 3, 1)),
        random.normal(size=1),
        f"{name}.csv, line 2",
    )


def parts(*histories, ends, window=5, horizon=3):
    mine = Histories(("y", "z"), ("load",), ("price",), ("area",), Frequency("step"), histories)
    codec = ForecastCodec.of(mine, ends=[end.train for end in ends])
    return parts_of(histories, codec, ends, window=window, horizon=horizon)


def by_hand(part):
    """Every window of a part, by loops."""
    for place, (one, (begin, end)) in enumerate(zip(part.series, part.spans, strict=True)):
        for origin in range(begin, end - part.horizon + 1):
            past, after = range(origin - part.window, origin), range(origin, origin + part.horizon)
            if origin >= part.window and any(one.known[step].any() for step in after):
                yield place, origin, past, after


def test_windows_of_each_part_are_those_by_hand():
    one, other = series("a", 40), series("b", 30, seed=1)
    one.values[20:24], one.values[12, 0], one.past[13] = np.nan, np.nan, np.nan
    for part in parts(one, other, ends=[Ends(25, 32, 40), Ends(18, 24, 29)]):
        expected = list(by_hand(part))
        assert part.origins().tolist() == [[place, origin] for place, origin, _, _ in expected]
        batches = Windows(part, batch_size=4, shuffle=False)
        row = 0
        for step in range(len(batches)):
            batch = batches.at(step)
            assert {array.shape[0] for array in batch} == {4}
            for at in range(len(batches.indices(step))):
                place, _, past, after = expected[row]
                mine = part.series[place]
                np.testing.assert_array_equal(batch.values[at], [mine.values[step] for step in past])
                np.testing.assert_array_equal(batch.known[at], [mine.known[step] for step in past])
                np.testing.assert_array_equal(batch.past[at], [mine.past[step] for step in past])
                np.testing.assert_array_equal(batch.past_known[at], [mine.past_known[step] for step in past])
                np.testing.assert_array_equal(batch.ahead[at], [mine.ahead[step] for step in (*past, *after)])
                np.testing.assert_array_equal(batch.static[at], mine.static)
                np.testing.assert_array_equal(batch.targets[at], [mine.values[step] for step in after])
                np.testing.assert_array_equal(batch.weights[at], [mine.known[step] for step in after])
                np.testing.assert_allclose(batch.means[at], mine.scaler.mean, rtol=1e-6)
                np.testing.assert_allclose(batch.stds[at], mine.scaler.std, rtol=1e-6)
                row += 1
            assert not batch.weights[len(batches.indices(step)) :].any()
        assert row == len(expected)


def test_windows_of_later_parts_look_back_and_horizons_stay_within():
    train, validation, test = parts(series("a", 40), ends=[Ends(20, 30, 40)])
    assert (train.origins()[[0, -1], 1].tolist(), len(train)) == ([5, 17], 13)
    assert (validation.origins()[[0, -1], 1].tolist(), len(validation)) == ([20, 27], 8)
    assert (test.origins()[[0, -1], 1].tolist(), len(test)) == ([30, 37], 8)


def test_scores_are_of_the_usual_windows(data_folder):
    from elman.tasks.forecasting.histories import read_histories

    records = read_histories(data_folder / "timeseries" / "ETTh1.csv.xz")
    ends = [ends_of(one, train=8640, validation=2880, test=2880) for one in records.histories]
    codec = ForecastCodec.of(records, ends=[end.train for end in ends])
    train, validation, test = parts_of(records.histories, codec, ends, window=96, horizon=720)
    assert [len(part) // 7 for part in (train, validation, test)] == [8640 - 96 - 720 + 1, 2161, 2161]
    values = np.stack([one.values[:8640, 0] for one in train.series])
    np.testing.assert_allclose(values.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=1), 1, atol=1e-5)


def test_every_epoch_deals_all_windows_anew_and_the_same_for_a_seed():
    train, _, _ = parts(series("a", 60), ends=[Ends(40, 50, 60)])
    batches, again = Windows(train, batch_size=8, seed=3), Windows(train, batch_size=8, seed=3)
    epochs = [
        [index for step in range(len(batches)) for index in batches.indices(epoch * len(batches) + step)]
        for epoch in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(len(train)))
    assert epochs[0] != epochs[1]
    for step in (7, 2, 0):
        for mine, theirs in zip(batches.at(step), again.at(step), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_fewer_windows_by_stride_and_by_epoch():
    train, _, _ = parts(series("a", 60), ends=[Ends(40, 50, 60)])
    assert train.origins(stride=10)[:, 1].tolist() == [5, 15, 25, 35]
    batches = Windows(train, batch_size=4, per_epoch=6)
    epochs = [np.concatenate([batches.indices(2 * epoch + step) for step in range(2)]).tolist() for epoch in range(20)]
    assert len(batches) == 2
    assert all(len(set(epoch)) == 6 for epoch in epochs)
    assert {index for epoch in epochs for index in epoch} == set(range(len(train)))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"validation": 0.1, "test": 0.2}, Ends(70, 80, 100)),
        ({"validation": 10, "test": 0.2}, Ends(70, 80, 100)),
        ({"validation": 0, "test": 0}, Ends(100, 100, 100)),
        ({"train": 50, "validation": 10, "test": 20}, Ends(50, 60, 80)),
        ({"train": 0.5, "validation": 0.25, "test": 0.25}, Ends(50, 75, 100)),
    ],
)
def test_parts_are_shares_or_numbers_of_steps(sizes, expected):
    assert ends_of(series("a", 100), **sizes) == expected


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"validation": 60, "test": 40},
            "a.csv, line 2: 'a' has 100 steps; expected more than validation 60 and test 40",
        ),
        ({"validation": 0.5, "test": 0.6}, "expected more than validation 0.5 and test 0.6 take"),
        ({"validation": 10, "test": 11, "train": 80}, "validation 10 and test 11 take beside 80 to train on"),
    ],
)
def test_parts_that_leave_nothing_are_refused(sizes, message):
    with pytest.raises(DataError, match=message):
        ends_of(series("a", 100), **sizes)


def test_series_shorter_than_a_window_are_refused():
    with pytest.raises(
        DataError,
        match="b.csv, line 2: 'b' has 7 steps to train on; expected 8 or more, for a window of 5 and a horizon of 3",
    ):
        parts(series("a", 40), series("b", 7, seed=1), ends=[Ends(25, 32, 40), Ends(7, 7, 7)])
    with pytest.raises(DataError, match="'a' has 2 steps for test; expected 3 or more, those of the horizon"):
        parts(series("a", 40), ends=[Ends(30, 38, 40)])
    train, validation, test = parts(series("a", 8), ends=[Ends(8, 8, 8)])
    assert (len(train), len(validation), len(test)) == (1, 0, 0)


def test_a_part_without_a_known_value_is_refused():
    one = series("a", 40)
    one.values[30:] = np.nan
    with pytest.raises(DataError, match="a.csv, line 2: no value is known in the part for test"):
        parts(one, ends=[Ends(25, 30, 40)])
