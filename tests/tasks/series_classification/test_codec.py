import msgspec
import numpy as np
import pytest

from elman import DataError
from elman.tasks.classification.batches import ClassBatches
from elman.tasks.scaler import Scaler
from elman.tasks.series_classification.codec import EncodedSeries, SeriesCodec

CODEC = SeriesCodec(("x", "y"), ("down", "up"), Scaler((1.0, -1.0), (2.0, 4.0)))


def test_values_are_scaled_by_channel():
    encoded = CODEC.encode(np.array([[1.0, -1.0], [5.0, 3.0]]))
    assert encoded.tolist() == [[0, 0], [2, 1]]
    assert encoded.dtype == np.float32


def test_batches_hold_series_of_like_length_with_zeros_after_each():
    random = np.random.default_rng(0)
    lengths = [3, 9, 4, 10, 2]
    series = [EncodedSeries(random.normal(size=(n, 2)).astype(np.float32), n % 2) for n in lengths]
    batches, seen = ClassBatches(series, CODEC, batch_size=2, shuffle=False), []
    for step in range(len(batches)):
        batch, indices = batches.at(step), batches.indices(step)
        seen += indices
        assert batch.values.shape in ((2, 4, 2), (2, 12, 2))
        assert batch.inner is None
        for row, index in enumerate(indices):
            values = series[index].values
            assert batch.outer[row] == len(values)
            np.testing.assert_array_equal(batch.values[row, : len(values)], values)
            assert not batch.values[row, len(values) :].any()
            assert (batch.labels[row], batch.weights[row]) == (lengths[index] % 2, 1)
        assert not batch.weights[len(indices) :].any()
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_a_codec_is_a_value_that_goes_through_json():
    assert msgspec.json.decode(msgspec.json.encode(CODEC), type=SeriesCodec) == CODEC


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 1)), r"here: expected values of shape \(steps, 2\).*; got \(3, 1\)"),
        (np.zeros(3), r"got \(3,\)"),
        (np.zeros((0, 2)), r"got \(0, 2\)"),
        (np.array([[0, 1], [2, np.nan]]), "here: step 2 of channel y is nan; expected finite numbers"),
        (np.array([[0, 1e300]]), "here, scaled: step 1 of channel y is inf; expected finite numbers"),
    ],
)
def test_what_is_no_series_of_these_channels_is_refused(values, message, unchecked):
    with pytest.raises(DataError, match=message):
        CODEC.encode(values, place="here")
