"""Synthetic ECGs in which every wave is known: sums of bell curves, one for each of P, Q, R, S and T.

After McSharry et al. (2003), whose model moves along a circle past five bumps; here the bumps lie in time, which gives
their places in closed form. As there, breathing and blood pressure modulate the heart's rhythm, and the T wave comes
earlier when the heart beats faster (Bazett, 1920).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from elman._errors import ConfigError
from elman._show import brief, brief_table
from elman.tasks.ecg.strip import LEAST_RATE, Beat, Strip, Wave, kind_of

EDGE = 2.5
"""Widths from the middle of a bump to its onset and to its end, where it has 4% of its size."""

BREATHING, PRESSURE = 0.25, 0.1
"""Frequencies of the two slow waves in the heart's rhythm, in hertz."""

_HEART_RATES = 20.0, 240.0
_FAR = 8  # widths beyond which a bump is negligible
_STEPS = np.linspace(-1, 1, 401)  # widths from the middle of a bump, at which its peak is searched for


class Bump(NamedTuple):
    """One wave as a bell curve."""

    place: float
    """Seconds after the middle of the beat."""
    size: float
    """Height in mV."""
    width: float
    """Standard deviation in seconds."""


class Shape(NamedTuple):
    """The waves of a beat at 60 beats a minute; None for a missing wave."""

    p: Bump | None
    q: Bump | None
    r: Bump | None
    s: Bump | None
    t: Bump | None

    def at_interval(self, interval: float) -> Shape:
        """The waves at `interval` seconds between beats: the shorter it is, the nearer P and T are to the QRS."""
        share = math.sqrt(interval)
        p, t = self.p, self.t
        return self._replace(
            p=p and Bump(p.place * min(share, 1), p.size, p.width * min(share, 1)),
            t=t and Bump(t.place * share, t.size, t.width * share),
        )


NORMAL = Shape(
    p=Bump(-0.16, 0.15, 0.022),
    q=Bump(-0.026, -0.12, 0.007),
    r=Bump(0.0, 1.0, 0.009),
    s=Bump(0.027, -0.25, 0.008),
    t=Bump(0.26, 0.3, 0.04),
)
"""A normal beat, roughly as in lead II: PR 170 ms, QRS 90 ms, QT 400 ms."""

WIDE = Shape(p=None, q=None, r=Bump(0.0, 1.4, 0.032), s=Bump(0.085, -0.3, 0.026), t=Bump(0.32, -0.45, 0.05))
"""A beat that begins in a ventricle."""


class Noise(NamedTuple):
    """The noise added to the heart's signal, in mV."""

    white: float = 0.0
    """Standard deviation at each sample."""
    mains: float = 0.0
    """Amplitude of the mains hum."""
    wander: float = 0.0
    """Amplitude of the baseline wander, which follows breathing."""
    flutter: float = 0.0
    """Amplitude of small waves of 4 to 9 Hz, as in atrial fibrillation."""
    hertz: float = 50.0
    """Frequency of the mains hum."""


class Times(NamedTuple):
    """The times at which the waves of a beat peak, in seconds from the start; None for a missing wave. A P or T wave
    may lie outside the strip."""

    p: float | None
    q: float | None
    r: float | None
    s: float | None
    t: float | None


class GeneratedEcg(NamedTuple):
    """A generated ECG with its ground truth."""

    strip: Strip
    times: tuple[Times, ...]
    """The times of the waves of each beat of the strip."""
    clean: Float[np.ndarray, " time"]
    """The signal without noise."""

    __repr__, _repr_html_ = brief, brief_table


def generate_ecg(
    seconds: float = 10.0,
    *,
    rate: float = 500.0,
    heart_rate: float = 70.0,
    variability: float = 0.03,
    shape: Shape = NORMAL,
    wide: Shape = WIDE,
    ventricular: float = 0.0,
    early: float = 0.0,
    absent_p: float = 0.0,
    noise: Noise = Noise(),
    seed: int = 0,
    name: str = "generated",
) -> GeneratedEcg:
    """Generates an ECG of one lead, with every wave from onset to end and the time of every peak.

    Args:
        seconds: length of the ECG.
        rate: sampling rate, samples a second.
        heart_rate: beats a minute.
        variability: standard deviation of the intervals between beats, as a part of their mean.
        shape: waves of a normal beat.
        wide: waves of a ventricular beat, which has no P wave.
        ventricular: share of beats that begin in a ventricle: they come early, are wide, and a pause follows.
        early: share of beats that come early from the atria, with a P wave.
        absent_p: share of beats whose P wave is removed.
        noise: noise added to the signal.
        seed: seed of the random numbers.
        name: name of the record and of the patient.

    Raises:
        ConfigError: a rate, length or share outside its range.

    >>> strip, times, _ = generate_ecg(3, heart_rate=60, variability=0)
    >>> [wave.kind for wave in strip.waves][:4], len(strip.beats) == len(times)
    (['T', 'P', 'QRS', 'T'], True)
    >>> qrs = strip.waves[2]
    >>> (qrs.end - qrs.onset) / strip.rate, round(times[0].s - times[0].q, 3)
    (0.09, 0.055)
    """
    _check(seconds, rate, heart_rate, variability, {"ventricular": ventricular, "early": early, "absent_p": absent_p})
    random, count = np.random.default_rng(seed), round(seconds * rate)
    rhythm = _rhythm(random, seconds, 60 / heart_rate, variability, ventricular, early)
    grid, clean = np.arange(count) / rate, np.zeros(count)
    beats, waves = [], []
    for time, interval, symbol in rhythm:
        own = (wide if symbol == "V" else shape).at_interval(interval)
        own = own._replace(p=None) if random.random() < absent_p else own
        for bump in own:
            if bump:
                first, last = ((time + bump.place + side * _FAR * bump.width) * rate for side in (-1, 1))
                near = slice(max(0, math.floor(first)), max(0, math.ceil(last)))
                clean[near] += _bell(bump, grid[near] - time)
        times = Times(*(bump and time + _peak(own, bump) for bump in own))
        waves += _waves(own, times, time, rate)
        main = next(wave.peak for wave in reversed(waves) if wave.kind == "QRS")
        beats.append((Beat(main, symbol, kind_of(symbol) or ""), times))
    waves, known = _inside(_apart(waves), count)
    peaks = {wave.peak for wave in waves if wave.kind == "QRS"}
    inside = [(beat, times) for beat, times in beats if beat.sample in peaks]
    signal = (clean + _noise(random, grid, noise)).astype(np.float32)
    beats_inside = tuple(beat for beat, _ in inside)
    strip = Strip(signal, rate, name, "II", name, tuple(waves), beats_inside, known, known, name)
    return GeneratedEcg(strip, tuple(times for _, times in inside), clean)


def generate_patients(
    count: int, *, seconds: float = 10.0, rate: float = 250.0, seed: int = 0
) -> tuple[GeneratedEcg, ...]:
    """Generates ECGs of `count` synthetic patients: waves of varied sizes and places, leads with an upright or a deep
    QRS, fast and slow hearts, some with early beats, some with atrial fibrillation, and noise.

    >>> people = generate_patients(20)
    >>> len(people), len({person.strip.patient for person in people}), len(people[0].strip.signal)
    (20, 20, 2500)
    """
    numbers = range(1, count + 1)
    return tuple(_patient(np.random.default_rng([seed, n]), f"patient {n}", seconds, rate) for n in numbers)


def _patient(random: np.random.Generator, name: str, seconds: float, rate: float) -> GeneratedEcg:
    fibrillates, has_wide, has_early = random.random(3) < (0.15, 0.25, 0.15)
    return generate_ecg(
        seconds,
        rate=rate,
        heart_rate=random.uniform(45, 130),
        variability=random.uniform(0.1, 0.2) if fibrillates else random.uniform(0.01, 0.06),
        shape=_varied(random, _lead(random)),
        wide=_varied(random, _turned(WIDE, random.choice([-1.0, 1.0]))),
        ventricular=random.uniform(0.05, 0.2) if has_wide else 0.0,
        early=random.uniform(0.05, 0.2) if has_early and not fibrillates else 0.0,
        absent_p=1.0 if fibrillates else 0.0,
        noise=Noise(
            white=random.uniform(0.003, 0.03),
            mains=random.uniform(0, 0.03) * (random.random() < 0.5),
            wander=random.uniform(0, 0.2),
            flutter=random.uniform(0.01, 0.06) if fibrillates else 0.0,
        ),
        seed=int(random.integers(1 << 31)),
        name=name,
    )


def _lead(random: np.random.Generator) -> Shape:
    """The waves of a normal beat in a random lead."""
    shape = NORMAL
    if random.random() < 0.3:  # a small R and a deep S, as in V1 and V2
        shape = shape._replace(q=None, r=Bump(-0.012, 0.3, 0.008), s=Bump(0.016, -1.0, 0.011))
    else:
        shape = shape._replace(q=None) if random.random() < 0.4 else shape
        shape = shape._replace(s=None) if random.random() < 0.25 else shape
    if shape.t and random.random() < 0.2:
        shape = shape._replace(t=shape.t._replace(size=-shape.t.size))
    return _turned(shape, -1.0) if random.random() < 0.1 else shape


def _turned(shape: Shape, sign: float) -> Shape:
    return Shape(*(bump and bump._replace(size=sign * bump.size) for bump in shape))


def _varied(random: np.random.Generator, shape: Shape) -> Shape:
    """The shape with randomly varied sizes, widths and places of its waves."""
    tall, long = random.uniform(0.5, 1.6), random.uniform(0.85, 1.3)

    def varied(bump: Bump | None, moves: float) -> Bump | None:
        if bump is None:
            return None
        size, width = bump.size * tall * random.uniform(0.6, 1.4), bump.width * long * random.uniform(0.9, 1.1)
        return Bump(bump.place * long * (1 + random.uniform(-moves, moves)), size, width)

    p, q, r, s, t = shape
    return Shape(varied(p, 0.2), varied(q, 0.0), varied(r, 0.0), varied(s, 0.0), varied(t, 0.15))


def _check(seconds: float, rate: float, heart_rate: float, variability: float, shares: dict[str, float]) -> None:
    if not 0 < seconds < math.inf:
        raise ConfigError(f"seconds: expected more than 0; got {seconds:g}")
    if not LEAST_RATE <= rate < math.inf:
        raise ConfigError(f"rate: expected {LEAST_RATE:g} samples a second or more; got {rate:g}")
    if not _HEART_RATES[0] <= heart_rate <= _HEART_RATES[1]:
        slowest, fastest = _HEART_RATES
        raise ConfigError(f"heart_rate: expected {slowest:g} to {fastest:g} beats a minute; got {heart_rate:g}")
    if not 0 <= variability <= 0.3:
        raise ConfigError(f"variability: expected 0 to 0.3; got {variability:g}")
    for option, share in shares.items():
        if not 0 <= share <= 1:
            raise ConfigError(f"{option}: expected a share from 0 to 1; got {share:g}")


def _rhythm(
    random: np.random.Generator, seconds: float, mean: float, variability: float, ventricular: float, early: float
) -> list[tuple[float, float, str]]:
    """The time of each beat, the interval that scales its shape, and its WFDB symbol. The beats begin before the start
    and go on after the end, since their waves may reach into the strip."""
    phases, time, rhythm = random.uniform(0, 2 * np.pi, 2), -mean * random.uniform(1, 2), []
    while time < seconds + 2 * mean:
        slow = math.sin(2 * np.pi * BREATHING * time + phases[0]) + math.sin(2 * np.pi * PRESSURE * time + phases[1])
        # The sum of the two sines has a variance of 1, and so has the normal number added to it.
        swing = min(max(math.sqrt(0.5) * (slow + random.normal()), -2.5), 2.5)
        interval, draw = mean * (1 + variability * swing), random.random()
        if draw < ventricular and rhythm and rhythm[-1][2] == "N":
            rhythm.append((time - 0.35 * interval, interval, "V"))
        elif draw >= 1 - early and rhythm and rhythm[-1][2] == "N":
            time -= 0.25 * interval
            rhythm.append((time, interval, "A"))
        else:
            rhythm.append((time, interval, "N"))
        time += interval
    return rhythm


def _waves(shape: Shape, times: Times, middle: float, rate: float) -> list[Wave]:
    """The waves of the beat with its middle and its peaks at these times. The peak of a QRS is its highest one, as
    experts mark it, or its deepest where none is positive."""
    waves = []
    for kind, members in (("P", "p"), ("QRS", "qrs"), ("T", "t")):
        there = {name: bump for name in members if (bump := getattr(shape, name))}
        if there:
            onset = middle + min(bump.place - EDGE * bump.width for bump in there.values())
            end = middle + max(bump.place + EDGE * bump.width for bump in there.values())
            highest = max(there, key=lambda name: there[name].size)
            main = highest if there[highest].size > 0 else min(there, key=lambda name: there[name].size)
            peak = getattr(times, main)
            waves.append(Wave(kind, *(round(time * rate) for time in (onset, peak, end))))
    return waves


def _peak(shape: Shape, bump: Bump) -> float:
    """The time of the beat's extreme near the middle of a bump; the bumps beside it shift it a little."""
    times = bump.place + bump.width * _STEPS
    values = sum(_bell(one, times) for one in shape if one)
    return float(times[np.argmax(math.copysign(1, bump.size) * values)])


def _bell(bump: Bump, times: np.ndarray) -> np.ndarray:
    return bump.size * np.exp(-(((times - bump.place) / bump.width) ** 2) / 2)


def _apart(waves: list[Wave]) -> list[Wave]:
    """The waves in order and without overlap: two that overlap are cut at the middle. A P wave that begins before the
    peak of the preceding T wave is dropped, since it cannot be seen."""
    separate: list[Wave] = []
    for wave in sorted(waves, key=lambda wave: wave.peak):
        if separate and separate[-1].kind == "P" and wave.kind == "T":
            separate.pop()
        if not (wave.kind == "P" and separate and wave.onset <= separate[-1].peak):
            separate.append(wave)
    for index in range(1, len(separate)):
        first, second = separate[index - 1 : index + 1]
        if second.onset <= first.end:
            middle = min(max((first.end + second.onset) // 2, first.peak), second.peak - 1)
            separate[index - 1], separate[index] = first._replace(end=middle), second._replace(onset=middle + 1)
    return separate


def _inside(waves: list[Wave], count: int) -> tuple[list[Wave], np.ndarray]:
    """The waves that lie wholly within the strip, and a mask of the samples outside waves that its ends cut."""
    known, whole = np.ones(count, bool), []
    for wave in waves:
        if wave.onset >= 0 and wave.end < count:
            whole.append(wave)
        else:
            known[max(wave.onset, 0) : max(wave.end + 1, 0)] = False
    return whole, known


def _noise(random: np.random.Generator, grid: Float[np.ndarray, " time"], noise: Noise) -> np.ndarray:
    turns = random.uniform(0, 2 * np.pi, 4)

    def wave(hertz: float, phase: float) -> np.ndarray:
        return np.sin(2 * np.pi * hertz * grid + phase)

    wander = (wave(BREATHING, turns[0]) + 0.6 * wave(0.4 * BREATHING, turns[1])) / math.hypot(1, 0.6)
    # Fibrillation has no steady frequency, so its phase is modulated.
    flutter = np.sin(2 * np.pi * 6.5 * grid + 4 * wave(0.5, turns[2]) + turns[3])
    white, mains = random.normal(size=len(grid)), wave(noise.hertz, turns[3])
    return noise.white * white + noise.mains * mains + noise.wander * wander + noise.flutter * flutter
