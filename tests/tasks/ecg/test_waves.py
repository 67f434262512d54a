import numpy as np
import pytest

from elman.tasks.ecg import beat_stream
from elman.tasks.ecg.waves import Detection, WaveSegment, find_beats, find_waves, heartbeats, qrs_points

WAVES, KINDS, RATE = ("", "P", "QRS", "T"), ("N", "S", "V"), 250.0


def probabilities(time, *runs, sure=0.9):
    """Probabilities of labels, for runs of (label, first, last)."""
    others = (1 - sure) / 3
    table = np.full((time, 4), others)
    labels = np.zeros(time, int)
    for label, first, last in runs:
        labels[first : last + 1] = WAVES.index(label)
    table[np.arange(time), labels] = sure
    return table


def found(table, signal=None):
    return find_waves(np.zeros(len(table)) if signal is None else signal, table, names=WAVES, rate=RATE)


def spans(waves):
    return [(wave.kind, wave.onset, wave.end) for wave in waves]


def test_waves_are_runs_of_the_likeliest_label_with_their_mean_probability():
    waves = found(probabilities(300, ("P", 20, 45), ("QRS", 60, 85), ("T", 130, 180)))
    assert spans(waves) == [("P", 20, 45), ("QRS", 60, 85), ("T", 130, 180)]
    assert all(wave.confidence == pytest.approx(0.9) for wave in waves)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ((), []),
        ((("P", 10, 15),), []),  # 24 ms are no P wave
        ((("QRS", 10, 25), ("QRS", 30, 40)), [("QRS", 10, 40)]),  # a gap of 16 ms
        ((("QRS", 10, 25), ("QRS", 36, 50)), [("QRS", 10, 25), ("QRS", 36, 50)]),  # a gap of 40 ms
        ((("P", 10, 20), ("T", 21, 22), ("P", 23, 30)), [("P", 10, 30)]),  # two samples of something else
        ((("P", 10, 20), ("QRS", 21, 40), ("P", 41, 60)), [("P", 10, 20), ("QRS", 21, 40), ("P", 41, 60)]),
        ((("QRS", 0, 9), ("T", 80, 99)), [("QRS", 0, 9), ("T", 80, 99)]),  # cut at both edges
        ((("T", 0, 99),), [("T", 0, 99)]),
    ],
)
def test_short_runs_and_gaps(runs, expected):
    assert spans(found(probabilities(100, *runs))) == expected


def test_a_wave_that_is_nowhere_sure_is_none():
    assert found(probabilities(100, ("T", 10, 60), sure=0.45)) == []


def test_peaks_are_farthest_from_the_line_between_the_ends():
    time = np.arange(100.0)
    signal = 0.05 * time + np.where((time > 10) & (time < 50), np.sin((time - 10) / 40 * np.pi), 0)
    waves = found(probabilities(100, ("T", 10, 50), ("QRS", 60, 80)), signal + 3 * (time == 71) - 5 * (time == 75))
    assert [wave.peak for wave in waves] == [30, 71]


def beat_chances(time, *runs):
    """For runs of (kind, first, last, probability of a beat)."""
    table = np.zeros((time, 1 + len(KINDS)))
    table[:, 0] = 1
    for kind, first, last, sure in runs:
        table[first : last + 1] = 0
        table[first : last + 1, 0] = 1 - sure
        table[first : last + 1, 1 + KINDS.index(kind)] = sure
    return table


def test_beats_are_at_the_middle_of_their_mass_and_of_the_likeliest_kind():
    table = beat_chances(500, ("N", 100, 120, 0.9), ("V", 300, 330, 0.8))
    beats = find_beats(table, names=KINDS, rate=RATE)
    assert [beat[:2] for beat in beats] == [(110, "N"), (315, "V")]
    assert [beat.confidence for beat in beats] == pytest.approx([0.9, 0.8])
    assert [beat.kind for beat in find_beats(table, names=("N", "S", ""), rate=RATE)] == ["N", "-"]
    assert [beat.kind for beat in find_beats(table, names=("", "", ""), rate=RATE)] == ["-", "-"]


def test_of_two_beats_within_200_ms_the_one_of_more_mass_stays():
    table = beat_chances(300, ("N", 100, 104, 0.9), ("N", 130, 150, 0.9), ("S", 200, 220, 0.9))
    assert [beat[:2] for beat in find_beats(table, names=KINDS, rate=RATE)] == [(140, "N"), (210, "S")]
    table = beat_chances(300, ("N", 100, 108, 0.9), ("N", 112, 120, 0.9))  # one beat in two parts
    assert [beat[:2] for beat in find_beats(table, names=KINDS, rate=RATE)] == [(110, "N")]


def test_every_beat_gets_the_waves_that_are_its():
    waves = [
        *(
            WaveSegment("P", 60, 70, 80, 0.9),
            WaveSegment("QRS", 95, 100, 110, 0.9),
            WaveSegment("T", 150, 170, 190, 0.6),
        ),
        *(
            WaveSegment("T", 200, 205, 215, 0.9),
            WaveSegment("QRS", 295, 300, 310, 0.9),
            WaveSegment("P", 400, 410, 420, 0.9),
        ),
        *(
            WaveSegment("P", 440, 450, 460, 0.9),
            WaveSegment("QRS", 480, 490, 500, 0.9),
            WaveSegment("QRS", 600, 610, 620, 0.9),
        ),
    ]
    beats = [Detection(100, "N", 0.9), Detection(302, "V", 0.9), Detection(488, "N", 0.9), Detection(700, "N", 0.7)]
    result = heartbeats(np.zeros(800), waves, beats, rate=RATE)
    assert [beat.kind for beat in result] == ["N", "V", "N", "N"]
    assert [beat.p and beat.p.onset for beat in result] == [60, None, 440, None]  # the nearer of two
    assert [beat.t and beat.t.onset for beat in result] == [150, None, None, None]  # the one of more mass
    assert [(beat.qrs.onset, beat.qrs.end) for beat in result] == [(95, 110), (295, 310), (480, 500), (688, 712)]
    assert result[-1].qrs.confidence == 0  # no complex was found there


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ((0, -1, 8, -3, 0), (1, 2, 3)),
        ((0, 0, 8, -3, 0), (None, 2, 3)),
        ((0, -0.1, 8, 0, 0), (None, 2, None)),
        ((0, -2, -8, -2, 0), (None, 2, None)),
        ((1, 0, 9, 0, 1), (1, 2, 3)),  # from the line between the ends
        ((0,), (None, 0, None)),
        ((0, 0, 0), (None, 0, None)),
    ],
)
def test_q_r_and_s(heights, expected):
    signal = np.concatenate([[5.0] * 10, heights, [5.0] * 10])
    points = qrs_points(signal, WaveSegment("QRS", 10, 10, 9 + len(heights), 0.9))
    assert points == tuple(None if place is None else 10 + place for place in expected)


def rhythm(beats, random, before=0):
    """A signal of beats at random distances, with their probabilities."""
    time = before + 250 * (beats + 1)
    places = before + np.cumsum(random.integers(160, 260, beats))
    runs = []
    for place in places:
        runs += [("QRS", place - 10, place + 12)]
        runs += [("P", place - 60, place - 35)] if random.random() < 0.8 else []
        runs += [("T", place + 50, place + 100)] if random.random() < 0.9 else []
    table = probabilities(time, *runs) * random.uniform(0.7, 1.3, (time, 1))
    table += random.uniform(0, 0.3, table.shape)
    own = beat_chances(time, *((KINDS[random.integers(3)], p - 12, p + 12, 0.9) for p in places))
    return random.normal(size=time), table / table.sum(axis=1, keepdims=True), own


@pytest.mark.parametrize("piece", [4, 37, 1000])
def test_a_stream_finds_what_is_in_the_whole(piece):
    signal, waves, beats = rhythm(30, np.random.default_rng(0), before=9000)
    whole = heartbeats(signal, found(waves, signal), find_beats(beats, names=KINDS, rate=RATE), rate=RATE)
    stream, answers = beat_stream.start(4, 4), []
    for at in range(0, len(signal), piece):
        own, ended = slice(at, at + piece), at + piece >= len(signal)
        arguments = signal[own], waves[own], beats[own]
        stream, more = beat_stream.read(stream, *arguments, names=WAVES, kinds=KINDS, rate=RATE, ended=ended)
        late = [own.stop - beat.qrs.peak for beat in more]
        assert ended or all(delay <= 1.1 * RATE + piece for delay in late)
        answers += more
    assert len(whole) == 30
    assert answers == whole
