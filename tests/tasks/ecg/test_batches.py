import numpy as np
import pytest

from elman.tasks.ecg.augmentation import disturb
from elman.tasks.ecg.batches import SOME_KIND, EcgBatches, fill_gaps, labels_of
from elman.tasks.ecg.codec import KINDS, WAVES, EcgCodec
from elman.tasks.ecg.strip import Beat, Strip, Wave

RATE = 250.0
SHIFTS = np.linspace(-0.5, 0.5, 41)


def strip(time=3000, known=(0, 3000), beats_known=(0, 3000), seed=0, kind="N"):
    """A beat every second, with a P wave before it and a T wave after it."""
    random, places = np.random.default_rng(seed), range(125, time - 125, 250)
    shapes = (("P", -50, -40, -25), ("QRS", -10, 0, 12), ("T", 50, 70, 90))
    waves = [Wave(wave, *(at + n for n in points)) for at in places for wave, *points in shapes]
    steps = np.arange(time)
    masks = [(first <= steps) & (steps < last) for first, last in (known, beats_known)]
    signal = random.normal(size=time).astype(np.float32)
    return Strip(
        signal,
        RATE,
        "a",
        "II",
        "a",
        tuple(waves),
        tuple(Beat(at, kind or "N", kind) for at in places),
        known=masks[0],
        beats_known=masks[1],
    )


def batches(*strips, length=500, augmentation=0.0, at_most=100, batch_size=4, seed=0):
    return EcgBatches(
        strips, EcgCodec(), batch_size=batch_size, length=length, at_most=at_most, augmentation=augmentation, seed=seed
    )


def test_labels_are_those_of_the_waves_and_of_what_is_near_a_beat():
    labels = labels_of(strip(kind="V"))
    at = 125
    for kind, first, last in (("P", at - 50, at - 25), ("QRS", at - 10, at + 12), ("T", at + 50, at + 90)):
        assert (labels.waves[first : last + 1] == WAVES.index(kind)).all()
        assert labels.waves[[first - 1, last + 1]].tolist() == [0, 0]
    near = np.flatnonzero(labels.beats[:250])
    assert (near[0], near[-1]) == (at - 12, at + 12)  # 50 ms
    assert set(labels.beats[near].tolist()) == {1 + KINDS.index("V")}
    unsure = np.flatnonzero(labels.beat_weights[:250] == 0)
    assert unsure.tolist() == [*range(at - 22, at - 12), *range(at + 13, at + 23)]  # to 90 ms


def test_what_is_not_known_weighs_nothing():
    labels = labels_of(strip(known=(500, 1000), beats_known=(2000, 2100), kind=""))
    assert np.flatnonzero(labels.wave_weights).tolist() == [*range(500, 1000)]
    assert set(np.flatnonzero(labels.beat_weights)) <= set(range(2000, 2100))
    assert set(labels.beats.tolist()) == {0, SOME_KIND}


def test_a_piece_is_what_the_strip_has_there():
    one = strip()
    made, labels = batches(one), labels_of(one)
    batch, random = made.at(0), np.random.default_rng((0, 0, 0))
    signals = np.zeros((4, 500))
    for row in range(4):
        signals[row], places = made._piece(0, random)
        start = places[0]
        assert places.tolist() == list(range(start, start + 500))
        shares = [np.abs(signals[row] - np.interp(places + s, np.arange(3000), one.signal)).max() for s in SHIFTS]
        assert min(shares) < 0.2  # between two samples, on a straight line
        np.testing.assert_array_equal(batch.waves[row], labels.waves[places])
        np.testing.assert_array_equal(batch.beat_weights[row], labels.beat_weights[places])
    np.testing.assert_array_equal(batch.features, EcgCodec().features(EcgCodec().start(4), signals)[1])
    assert batch.lengths.tolist() == [500] * 4


def test_batches_are_the_same_in_any_order_and_other_in_every_epoch():
    one, other = batches(strip(), augmentation=1.0), batches(strip(), augmentation=1.0)
    later = one.at(3)
    for a, b in zip(other.at(3), later, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(one) == 2  # 6 pieces of 2 seconds, by 4
    assert not np.array_equal(one.at(0).features, one.at(len(one)).features)
    assert one.at(1).lengths.tolist()[2:] == [0, 0]
    assert (one.at(1).wave_weights[2:] == 0).all()


def test_pieces_are_taken_where_something_is_known_and_no_more_than_asked():
    few = strip(time=100_000, known=(90_000, 90_100), beats_known=(0, 0))
    batch = batches(few, batch_size=8).at(0)
    assert (batch.wave_weights.sum(axis=1) > 0).tolist() == [True] + [False] * 7
    assert len(batches(strip(time=100_000, known=(0, 100_000)), at_most=20)) == 5


def test_a_strip_shorter_than_a_piece_is_padded():
    batch = batches(strip(time=400, known=(0, 400), beats_known=(0, 400))).at(0)
    assert batch.lengths[0] == 400
    assert (batch.wave_weights[0, 400:] == 0).all()
    assert (batch.wave_weights[0, :400] == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_another_tempo_moves_labels_with_the_signal(seed):
    """The signal is one where a wave is, so that what is read there tells whether labels fit."""
    one = strip()
    one = one._replace(signal=np.isin(np.arange(3000), np.flatnonzero(labels_of(one).waves)).astype(np.float32))
    made = batches(one, augmentation=1.0, seed=seed)
    signal, places = made._piece(0, np.random.default_rng(seed))
    waves = labels_of(one).waves[places] > 0
    assert abs(np.corrcoef(signal, waves)[0, 1]) > 0.8
    assert 400 < places[-1] - places[0] < 625


def test_disturbances_have_their_sizes():
    random, quiet = np.random.default_rng(0), np.zeros(2500)
    sizes = [np.abs(disturb(quiet, random, rate=RATE)).max() for _ in range(50)]
    assert 0.02 < np.median(sizes) < 0.6
    assert (disturb(quiet, random, rate=RATE, strength=0.0) == 0).all()
    loud = np.ones(2500) * 100
    gains = [np.median(disturb(loud, random, rate=RATE)) / 100 for _ in range(200)]
    assert 0.48 < min(map(abs, gains)) < max(map(abs, gains)) < 2.05
    assert 0.05 < np.mean(np.array(gains) < 0) < 0.25


def test_gaps_are_filled():
    assert fill_gaps(np.full(3, np.nan)).tolist() == [0, 0, 0]
    assert fill_gaps(np.array([1, np.nan, np.nan, 4.0])).tolist() == [1, 2, 3, 4]
