from itertools import pairwise

import numpy as np
import pytest

from elman import ConfigError
from elman.tasks.ecg.generator import NORMAL, WIDE, Bump, Noise, Shape, generate_ecg, generate_patients


def at(shape, times):
    """The sum of the bell curves, one by one."""
    total = np.zeros_like(times)
    for bump in shape:
        if bump:
            total += bump.size * np.exp(-((times - bump.place) ** 2) / (2 * bump.width**2))
    return total


def test_a_steady_heart_beats_as_often_as_it_should():
    strip, times, _ = generate_ecg(20, heart_rate=75, variability=0)
    assert len(strip.beats) == len(times)
    assert len(times) in (24, 25)
    np.testing.assert_allclose(np.diff([beat.r for beat in times]), 0.8, atol=1e-9)
    assert {(beat.symbol, beat.kind) for beat in strip.beats} == {("N", "N")}


def test_the_signal_is_the_sum_of_the_bell_curves():
    shape = NORMAL._replace(q=None, s=None)  # so that the peak of R is the middle of its bell
    strip, times, clean = generate_ecg(6, shape=shape, heart_rate=60, variability=0, rate=250)
    grid = np.arange(6 * 250) / 250
    starts = [times[0].r + n for n in range(-2, 8)]  # one before, and those that follow
    np.testing.assert_allclose(clean, sum(at(shape, grid - start) for start in starts), atol=1e-3)
    assert strip.signal.dtype == np.float32
    np.testing.assert_array_equal(strip.signal, clean.astype(np.float32))


@pytest.mark.parametrize(
    "shape", [NORMAL, NORMAL._replace(q=None, s=None), Shape(*(b._replace(size=-b.size) for b in NORMAL))]
)
def test_every_peak_is_where_the_signal_is_extreme(shape):
    _, times, clean = generate_ecg(5, shape=shape, rate=5000, seed=1)
    for beat in times:
        for bump, time in zip(shape, beat, strict=True):
            assert (bump is None) == (time is None)
            if time and 0.02 < time < 4.98:
                near = slice(round((time - 0.004) * 5000), round((time + 0.004) * 5000) + 1)
                top = near.start + np.argmax(np.sign(bump.size) * clean[near])
                assert abs(top / 5000 - time) < 3e-4


def test_waves_begin_and_end_where_their_bells_are_flat():
    strip, times, _ = generate_ecg(8, heart_rate=60, variability=0, rate=1000)
    first = next(i for i, wave in enumerate(strip.waves) if wave.kind == "P")
    p, qrs, t = strip.waves[first : first + 3]
    r = times[0].r
    assert r is not None
    assert [wave.kind for wave in (p, qrs, t)] == ["P", "QRS", "T"]
    expected = [r - 0.16 - 0.055, r - 0.16, r - 0.16 + 0.055, r - 0.0435, r, r + 0.047, r + 0.16, r + 0.26, r + 0.36]
    np.testing.assert_allclose(np.array([*p[1:], *qrs[1:], *t[1:]]) / 1000, expected, atol=1.1e-3)


def test_a_fast_heart_has_its_waves_closer_together():
    slow, fast = (generate_ecg(10, heart_rate=rate, variability=0, rate=1000).times[2] for rate in (60, 120))
    np.testing.assert_allclose([slow.t - slow.r, fast.t - fast.r], [0.26, 0.26 * np.sqrt(0.5)], atol=2e-3)
    np.testing.assert_allclose([slow.r - slow.p, fast.r - fast.p], [0.16, 0.16 * np.sqrt(0.5)], atol=2e-3)


def test_the_rhythm_sways_as_much_as_it_should():
    gaps = np.diff([beat.r for beat in generate_ecg(600, rate=50, heart_rate=60, variability=0.08).times])
    assert gaps.mean() == pytest.approx(1, abs=0.02)
    assert gaps.std() == pytest.approx(0.08, rel=0.2)


def test_ventricular_beats_are_wide_early_without_p_and_a_pause_follows():
    strip, times, _ = generate_ecg(400, rate=100, heart_rate=60, variability=0, ventricular=0.2)
    wide = [index for index, beat in enumerate(strip.beats) if beat.symbol == "V"]
    assert len(wide) / len(times) == pytest.approx(0.2, abs=0.05)
    complexes = {wave.peak: wave for wave in strip.waves if wave.kind == "QRS"}
    for index in wide[1:-1]:
        before, beat, after = times[index - 1 : index + 2]
        assert (beat.p, strip.beats[index].kind) == (None, "V")
        assert beat.r - before.r == pytest.approx(0.65, abs=3e-3)
        assert after.r - before.r == pytest.approx(2, abs=3e-3)
        one = complexes[strip.beats[index].sample]
        assert 0.2 < (one.end - one.onset) / 100 < 0.25
    assert "V" not in {a.symbol for a, b in pairwise(strip.beats) if b.symbol == "V"}


def test_early_beats_come_early_with_a_p_wave():
    strip, times, _ = generate_ecg(300, rate=100, heart_rate=60, variability=0, early=0.2)
    early = [index for index, beat in enumerate(strip.beats) if beat.symbol == "A"]
    assert len(early) / len(times) == pytest.approx(0.2, abs=0.06)
    for index in early[1:-1]:
        assert times[index].r - times[index - 1].r == pytest.approx(0.75, abs=3e-3)
        assert times[index + 1].r - times[index].r == pytest.approx(1, abs=3e-3)
        assert times[index].p is not None
        assert strip.beats[index].kind == "S"


def test_p_waves_may_be_absent():
    strip, times, clean = generate_ecg(300, rate=100, absent_p=0.3)
    share = sum(beat.p is None for beat in times) / len(times)
    assert share == pytest.approx(0.3, abs=0.08)
    assert sum(wave.kind == "P" for wave in strip.waves) == pytest.approx(len(times) * (1 - share), abs=1)
    for beat, after in pairwise(times):
        if after.p is None:
            assert np.abs(clean[round((after.r - 0.2) * 100) : round((after.r - 0.1) * 100)]).max() < 0.03
            assert after.r > beat.r


def test_waves_may_be_moved():
    moved = NORMAL._replace(p=Bump(-0.25, 0.2, 0.02), t=None)
    strip, times, _ = generate_ecg(6, shape=moved, heart_rate=60, variability=0)
    assert times[1].r - times[1].p == pytest.approx(0.25, abs=1e-3)
    assert {wave.kind for wave in strip.waves} == {"P", "QRS"}
    assert times[1].t is None


@pytest.mark.parametrize("seed", range(6))
def test_waves_are_in_order_and_apart_however_fast_the_heart(seed):
    strip, times, _ = generate_ecg(
        30, rate=250, heart_rate=40 + 30 * seed, variability=0.1, ventricular=0.2, early=0.2, seed=seed
    )
    for first, second in pairwise(strip.waves):
        assert first.onset <= first.peak <= first.end < second.onset <= second.peak <= second.end
    assert all(strip.known[wave.onset : wave.end + 1].all() for wave in strip.waves)
    peaks = [wave.peak for wave in strip.waves if wave.kind == "QRS"]
    assert peaks == [beat.sample for beat in strip.beats]
    assert len(times) == len(peaks)


def test_where_a_wave_is_cut_nothing_is_known():
    strip, _, _ = generate_ecg(3.07, heart_rate=60, variability=0, seed=4)
    assert not strip.known.all()
    for mask in (strip.known, strip.beats_known):
        assert all(mask[wave.peak] for wave in strip.waves)


def test_noise_is_of_its_size_and_kind():
    def left(**noise):
        strip, _, clean = generate_ecg(60, rate=250, noise=Noise(**noise))
        return strip.signal - clean

    assert left().max() < 1e-6
    assert left(white=0.1).std() == pytest.approx(0.1, rel=0.05)
    for noise, hertz in ((dict(mains=0.2), 50), (dict(mains=0.2, hertz=60), 60), (dict(wander=0.2), 0.25)):
        result = left(**noise)
        spectrum = np.abs(np.fft.rfft(result))
        assert np.fft.rfftfreq(len(result), 1 / 250)[spectrum.argmax()] == pytest.approx(hertz, abs=0.02)
        assert result.std() == pytest.approx(0.2 / np.sqrt(2), rel=0.1)
    spectrum = np.abs(np.fft.rfft(left(flutter=0.1))) ** 2
    within = (np.fft.rfftfreq(60 * 250, 1 / 250) > 3) & (np.fft.rfftfreq(60 * 250, 1 / 250) < 10)
    assert spectrum[within].sum() > 0.98 * spectrum.sum()


def test_the_seed_says_it_all():
    one, same, other = (generate_ecg(3, seed=seed, noise=Noise(0.1)).strip.signal for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (generate_patients(2, seed=1)[1].strip.signal == generate_patients(3, seed=1)[1].strip.signal).all()


def test_made_up_patients_are_of_many_kinds():
    people = generate_patients(60)
    symbols = {beat.symbol for person in people for beat in person.strip.beats}
    assert symbols == {"N", "V", "A"}
    without = [person for person in people if all(wave.kind != "P" for wave in person.strip.waves)]
    assert 3 <= len(without) <= 18
    rates = [len(person.strip.beats) * 6 for person in people]
    assert min(rates) < 60 < 110 < max(rates)
    deep = [person for person in people if -person.clean.min() > person.clean.max()]
    assert 10 <= len(deep) <= 35
    assert all(np.isfinite(person.strip.signal).all() for person in people)


def test_a_long_recording_has_all_its_beats():
    strip, times, _ = generate_ecg(600, rate=360, ventricular=0.05)
    assert len(times) == pytest.approx(700, rel=0.03)
    assert len(strip.signal) == 216_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(seconds=0), "seconds: expected more than 0; got 0"),
        (dict(rate=10), "rate: expected 50 samples a second or more; got 10"),
        (dict(heart_rate=300), "heart_rate: expected 20 to 240 beats a minute; got 300"),
        (dict(variability=0.5), "variability: expected 0 to 0.3; got 0.5"),
        (dict(absent_p=1.5), "absent_p: expected a share from 0 to 1; got 1.5"),
        (dict(ventricular=float("nan")), "ventricular: expected a share from 0 to 1; got nan"),
    ],
)
def test_what_no_heart_does_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        generate_ecg(**options)


def test_the_peak_of_a_complex_is_its_highest_point():
    shape = NORMAL._replace(q=None, r=Bump(-0.012, 0.3, 0.008), s=Bump(0.016, -1.0, 0.011))
    for own, name in ((NORMAL, "r"), (shape, "r"), (shape._replace(r=None), "s")):
        strip, times, _ = generate_ecg(4, shape=own, rate=1000)
        for beat, time in zip(strip.beats, times, strict=True):
            assert beat.sample == round(getattr(time, name) * 1000)


def test_a_wide_beat_is_wider_than_normal():
    assert WIDE.r.width > 3 * NORMAL.r.width
