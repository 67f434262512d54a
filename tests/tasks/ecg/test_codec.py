import numpy as np
import pytest

from elman.tasks.ecg.codec import LEAST_SIZE, SIZE_SECONDS, WANDER_SECONDS, EcgCodec, RunningMean


def by_hand(values, decay):
    total = weight = 0.0
    means = []
    for value in values:
        total, weight = decay * total + value, decay * weight + 1
        means.append(total / weight)
    return np.array(means)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 500])
def test_a_running_mean_is_that_of_its_definition(length):
    values = np.random.default_rng(0).normal(size=(2, length))
    after, means = RunningMean(np.zeros(2), 0.0).update(values, decay=0.98)
    for row in range(2):
        np.testing.assert_allclose(means[row], by_hand(values[row], 0.98), atol=1e-12)
    assert after.weight == pytest.approx(sum(0.98**age for age in range(length)))


def features_by_hand(signal, rate):
    steady = signal - by_hand(signal, np.exp(-1 / (WANDER_SECONDS * rate)))
    size = np.sqrt(by_hand(steady**2, np.exp(-1 / (SIZE_SECONDS * rate))))
    own = np.clip(steady / np.maximum(size, LEAST_SIZE), -8, 8)
    return np.stack([np.arcsinh(steady / 0.1), own], axis=-1)


def test_features_are_the_steady_signal_and_the_same_in_units_of_its_size():
    codec, signal = EcgCodec(), np.random.default_rng(0).normal(size=1000).cumsum() / 20
    _, features = codec.features(codec.start(1), signal[None])
    np.testing.assert_allclose(features[0], features_by_hand(signal, codec.rate), atol=1e-5)


@pytest.mark.parametrize("cuts", [(0, 7), (1, 2, 3), (500,)])
def test_pieces_give_what_the_whole_does(cuts):
    codec, signals = EcgCodec(), np.random.default_rng(0).normal(size=(3, 700)).cumsum(axis=1)
    signals[1, 300:310] = np.nan
    _, whole = codec.features(codec.start(3), signals)
    state, pieces = codec.start(3), []
    for piece in np.split(signals, cuts, axis=1):
        state, features = codec.features(state, piece)
        pieces.append(features)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-5)


def test_what_is_not_a_number_counts_as_the_last_that_was():
    codec, signal = EcgCodec(), np.arange(40.0)
    held = signal.copy()
    held[[0, 1, 20, 21]] = 0, 0, 19, 19
    signal[[0, 1, 20, 21]] = np.nan
    _, features = codec.features(codec.start(1), signal[None])
    _, expected = codec.features(codec.start(1), held[None])
    np.testing.assert_array_equal(features, expected)


def test_a_gain_changes_the_size_feature_little():
    codec, signal = EcgCodec(), np.random.default_rng(0).normal(size=(1, 1000))
    (_, one), (_, twice) = (codec.features(codec.start(1), gain * signal) for gain in (1, 2))
    np.testing.assert_allclose(one[..., 1], twice[..., 1], atol=1e-5)
