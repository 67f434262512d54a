# %% [markdown]
# # The ECG: Q, R and S
#
# An ECG is the voltage that the heart produces on the skin. Each beat has a steep zigzag, the QRS complex: Q goes down,
# R up, S down. It should take 0.06 to 0.1 s; a longer one may be a sign of disease. To measure it, one has to find Q, R
# and S in each beat. We try this with windows of fixed size, and measure where they fail; then with a network that
# reads sample after sample; and last on the ECG of a real heart.
#
# elman is not a medical device; do not use this lesson to judge anyone's health.
#
# **You need** to know what a recurrent network is (lesson 14), and how it gives an output at each step (lesson 20). The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.formats.wfdb.record import read_record
from elman.layers import Dense, TimeConvolution
from elman.lessons import count_weights, data_file, figure, legend_above, pace, show
from elman.lessons.qrs import (
    NEAR,
    RATE,
    compare_durations,
    cut_windows,
    labels_of,
    marked_ecg,
    mean_share_found,
    points_in_windows,
    points_of,
    qrs_durations,
    qs_times,
    record_of,
    share_found,
)  # fmt: skip
from elman.ops.losses import cross_entropy
from elman.tasks.ecg.generator import generate_patients
from elman.tasks.ecg.matching import match_events
from elman.tasks.ecg.picture import ecg_figure
from elman.tasks.ecg.reading import read_strips
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

# %% [markdown]
# ## A generated ECG
#
# `marked_ecg` adds a bell curve for each of P, Q, R, S and T, at each beat of a slightly irregular rhythm. So the true
# places of Q, R and S are known, and we can choose the heart rate and the width of the complexes. There are 250 samples
# a second, one every 4 ms.

# %%
first = marked_ecg(0, heart_rate=60)
complexes = [wave for wave in first.strip.waves if wave.kind == "QRS"]
for (q, r, s), wave in list(zip(first.points, complexes, strict=False))[:3]:
    whole = 1000 * (wave.end - wave.onset) / RATE
    print(f"R at {r / RATE:.2f} s: from Q to S {1000 * (s - q) / RATE:.0f} ms, the whole complex {whole:.0f} ms")

# %% [markdown]
# There are two ways to measure: from the lowest point of Q to that of S, or from the onset of Q to the end of S. The
# limits of 0.06 and 0.1 s are for the second. A classic mistake is to take the first: it would call these normal
# complexes too short.
#
# All detectors train on the same ECGs: hearts at rest, of 50 to 75 beats a minute, with complexes of 0.8 to 2 times the
# usual width.

# %%
SECONDS = pace(full=10.0, short=4.0)
random = np.random.default_rng(0)
ecgs = [
    marked_ecg(100 + number, heart_rate=random.uniform(50, 75), stretch=random.uniform(0.8, 2.0), seconds=SECONDS)
    for number in range(pace(full=200, short=20))
]
signals = np.stack([ecg.signal for ecg in ecgs])
print(f"{len(ecgs)} ECGs of {SECONDS:g} s, {sum(len(ecg.points) for ecg in ecgs):,} beats")


def train(model, loss, *arrays, epochs, batch_size, rate=pace(full=0.003, short=0.01)):
    def batch_loss(model, carry, batch, *, key):
        return loss(model, *map(jnp.asarray, batch)), carry

    batches = Shuffled(*arrays, batch_size=batch_size)
    falling = optax.adam(optax.cosine_decay_schedule(rate, epochs * len(batches)))
    *_, last = learn(model, batch_loss, batches, epochs=epochs, optimiser=falling)
    print(last)
    return last.model


# %% [markdown]
# ## A window
#
# The first idea is to cut a second out of the ECG, and let a network predict at which of its samples Q, R and S are, or
# that there is none. It has an input for each sample of the window, and so separate weights for each position in it.
# One detector trains on windows with the beat in the middle, as one would cut them by hand; another on windows that
# begin anywhere.

# %%
WINDOW = RATE


def new_window_detector(seed, width=WINDOW, units=64):
    keys = jax.random.split(jax.random.key(seed))
    return {"hidden": Dense(width, units, key=keys[0]), "output": Dense(units, 3 * (width + 1), key=keys[1])}


@jax.jit
def window_scores(model, windows):
    """The logits of all places for each of Q, R and S, the last place being "none": (windows, 3, places + 1)."""
    hidden = jax.nn.relu(model["hidden"](windows - windows.mean(axis=1, keepdims=True)))
    return model["output"](hidden).reshape(len(windows), 3, -1)


def window_loss(model, windows, places):
    return cross_entropy(window_scores(model, windows), places, jnp.ones(places.shape))


def predict_with(model):
    return lambda windows: np.asarray(window_scores(model, windows).argmax(-1))


last_begin = signals.shape[1] - WINDOW
centred = [
    (number, r - WINDOW // 2 + random.integers(-5, 6)) for number, ecg in enumerate(ecgs) for r in ecg.points[:, 1]
    if WINDOW // 2 + 5 <= r <= last_begin + WINDOW // 2 - 5
]  # fmt: skip
anywhere = [(number, begin) for number in range(len(ecgs)) for begin in random.integers(0, last_begin + 1, 40)]
middle = train(
    new_window_detector(0), window_loss, *cut_windows(ecgs, centred, WINDOW), epochs=pace(full=30, short=12),
    batch_size=pace(full=50, short=10),
)  # fmt: skip
every_place = train(
    new_window_detector(0), window_loss, *cut_windows(ecgs, anywhere, WINDOW), epochs=pace(full=30, short=40),
    batch_size=50,
)  # fmt: skip

# %% [markdown]
# A beat counts as found where Q, R and S all lie within 12 ms of the truth. How many are found when the beat is not in
# the middle of the window?

# %%
resting = [marked_ecg(1000 + seed, heart_rate=60) for seed in range(pace(full=10, short=3))]
moves = np.arange(-120, 121, pace(full=20, short=60))


def share_moved(model, move):
    shares = []
    for ecg in resting:
        begins = [r - WINDOW // 2 - move for r in ecg.points[:, 1]]
        kept = [beat for beat, begin in enumerate(begins) if 0 <= begin <= len(ecg.signal) - WINDOW]
        points = points_in_windows(ecg.signal, [begins[beat] for beat in kept], WINDOW, predict_with(model))
        shares.append(share_found(ecg.points[kept], points))
    return float(np.mean(shares))


by_move = {
    name: [share_moved(model, move) for move in moves]
    for name, model in {"trained in the middle": middle, "trained anywhere": every_place}.items()
}
print("moved by, ms          " + "".join(f"{1000 * move // RATE:>6}" for move in moves))
for name, shares in by_move.items():
    print(f"{name:<22}" + "".join(f"{share:>6.0%}" for share in shares))

# %% [markdown]
# The detector trained on centred beats finds Q, R and S there and nowhere else. The one trained on beats anywhere had
# to learn them separately for each position, and still misses those cut by the edge.
#
# ## A faster heart
#
# To read a whole ECG, windows are placed side by side. When the heart beats faster than once a second, a window holds
# two beats, but gives one prediction. A smaller window cuts more beats.

# %%
SMALL = 100
small_anywhere = [(number, begin) for number in range(len(ecgs)) for begin in random.integers(0, last_begin + 1, 60)]
small = train(
    new_window_detector(0, SMALL), window_loss, *cut_windows(ecgs, small_anywhere, SMALL),
    epochs=pace(full=20, short=15), batch_size=100,
)  # fmt: skip


def side_by_side(model, width):
    """A function that returns the points of an ECG, found in windows placed side by side."""
    return lambda signal: points_in_windows(
        signal, range(0, len(signal) - width + 1, width), width, predict_with(model)
    )


heart_rates = pace(full=(40, 60, 80, 100, 120, 140, 160, 180), short=(60, 180))
faster = {
    rate: [marked_ecg(2000 + seed, heart_rate=rate) for seed in range(pace(full=10, short=2))] for rate in heart_rates
}
by_rate = {
    name: [mean_share_found(ecgs, side_by_side(model, width)) for ecgs in faster.values()]
    for name, model, width in (("windows of 1 s", every_place, WINDOW), ("windows of 0.4 s", small, SMALL))
}

# %% [markdown]
# ## A window that slides
#
# A beat cut by one edge is whole a few samples later. So let the window slide sample by sample, with the same weights,
# and predict only whether Q, R or S is in its middle. That is a convolution; position and heart rate no longer matter.
# Its size still does: it sees no further. We train three sizes on the same ECGs.

# %%
PIECE = pace(full=500, short=125)  # training on many short pieces is faster than on few long ones
labels = np.stack([labels_of(signals.shape[1], ecg.points) for ecg in ecgs]).reshape(-1, PIECE)
pieces = signals.reshape(-1, PIECE)
schedule = {"epochs": pace(full=25, short=30), "batch_size": pace(full=20, short=4), "rate": 0.01}


def features_of(signals):
    """The voltage, and its change from sample to sample: (ECGs, time, 2)."""
    return jnp.stack([signals, 10 * jnp.diff(signals, axis=1, prepend=signals[:, :1])], axis=-1)


def new_sliding(width, units=32):
    keys = jax.random.split(jax.random.key(0))
    return {"window": TimeConvolution(2, units, width=width, key=keys[0]), "output": Dense(units, 4, key=keys[1])}


@jax.jit
def sliding_scores(model, signals):
    return model["output"](model["window"](features_of(signals))[0])


def sliding_loss(model, signals, labels):
    return cross_entropy(sliding_scores(model, signals), labels, jnp.ones(labels.shape))


def reader_of(scores, model):
    """A function that returns the points of an ECG from the most probable label of each sample."""
    return lambda signal: points_of(np.asarray(scores(model, signal[None]).argmax(-1))[0])


sliding = {}
for width in pace(full=(5, 9, 21), short=(21,)):
    print(f"window of {1000 * width / RATE:.0f} ms: ", end="")
    sliding[width] = train(new_sliding(width), sliding_loss, pieces, labels, **schedule)

# %% [markdown]
# ## One sample after another
#
# The recurrent detector reads each sample once, and remembers that there was a Q, how long ago, and whether R came. It
# has a look-ahead of 80 ms, since a dip is a Q only if R follows.

# %%
LATE = 20


def new_recurrent(units=32):
    keys = jax.random.split(jax.random.key(0))
    return {"cell": elman.GRU(2, units, key=keys[0]), "output": Dense(units, 4, key=keys[1])}


@jax.jit
def recurrent_scores(model, signals):
    """The logits of each sample, from all samples before it and 80 ms after it."""
    later = jnp.pad(features_of(signals), [(0, 0), (0, LATE), (0, 0)], mode="edge")
    return model["output"](elman.unroll(model["cell"], later)[1][:, LATE:])


def recurrent_loss(model, signals, labels):
    return cross_entropy(recurrent_scores(model, signals), labels, jnp.ones(labels.shape))


recurrent = train(new_recurrent(), recurrent_loss, pieces, labels, **schedule)
read_recurrently = reader_of(recurrent_scores, recurrent)

# %%
wide = {
    stretch: [marked_ecg(3000 + seed, heart_rate=60, stretch=stretch) for seed in range(pace(full=10, short=2))]
    for stretch in pace(full=(0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0), short=(1.0, 2.0))
}
readers = {
    f"sliding, {1000 * width / RATE:.0f} ms": reader_of(sliding_scores, model) for width, model in sliding.items()
} | {"recurrent": read_recurrently}
by_rate |= {name: [mean_share_found(ecgs, read) for ecgs in faster.values()] for name, read in readers.items()}
by_width = {name: [mean_share_found(ecgs, read) for ecgs in wide.values()] for name, read in readers.items()}
print("beats a minute        " + "".join(f"{rate:>7}" for rate in faster))
for name, shares in by_rate.items():
    print(f"{name:<22}" + "".join(f"{share:>7.1%}" for share in shares))
print("width of the complex  " + "".join(f"{stretch:>7}" for stretch in wide))
for name, shares in by_width.items():
    print(f"{name:<22}" + "".join(f"{share:>7.1%}" for share in shares))

# %%
drawing, ((strip, by_place), (by_speed, by_stretch)) = figure(2, 2, width=5.6, height=3.4)
fast = faster[max(faster)][0].signal
shown = fast[: 2 * RATE]
strip.plot(np.arange(len(shown)) / RATE, shown, color="0.3", linewidth=0.8)
for edge in (0, 1, 2):
    strip.axvline(edge, color="tab:blue", linestyle=":", linewidth=1)
found = {
    "windows of 1 s": (side_by_side(every_place, WINDOW)(fast), "tab:blue", "v", 0.25),
    "recurrent": (read_recurrently(fast), "tab:red", "^", -0.25),
}
for name, (points, colour, marker, lift) in found.items():
    inside = points[(points >= 0).all(axis=1) & (points < len(shown)).all(axis=1)].ravel()
    strip.plot(inside / RATE, shown[inside] + lift, marker, color=colour, markersize=4, linestyle="", label=name)
strip.set_xlabel(f"seconds; a heart of {max(faster)} beats a minute")
strip.set_ylabel("mV")
for name, shares in by_move.items():
    by_place.plot(1000 * moves / RATE, [100 * share for share in shares], marker=".", label=f"windows, {name}")
by_place.set_xlabel("beat moved from the middle of the window by, ms")
for name, colour in {"windows of 1 s": "tab:blue", "windows of 0.4 s": "tab:cyan", "recurrent": "tab:red"}.items():
    by_speed.plot(list(faster), [100 * share for share in by_rate[name]], marker=".", color=colour, label=name)
by_speed.set_xlabel("beats a minute")
for name, shares in by_width.items():
    colour = "tab:red" if name == "recurrent" else None
    by_stretch.plot(list(wide), [100 * share for share in shares], marker=".", color=colour, label=name)
by_stretch.set_xlabel("width of the complex, relative to the usual")
for axes in (by_place, by_speed, by_stretch):
    axes.set_ylabel("beats found, %")
    axes.set_ylim(-4, 104)
for axes in (strip, by_place, by_speed, by_stretch):
    legend_above(axes)
show(drawing, "18-windows")

# %% [markdown]
# So windows side by side fail wherever a beat is not where they expect it. A convolution does not, once its window
# slides and is wide enough, and it needs no more weights than the recurrent network. The width has to be found by
# trial, for hearts of every kind. And it has no memory: no window of this size can say how long ago the last beat was,
# or whether a P came before.


# %%
sizes = {f"window of {WINDOW / RATE:g} s": count_weights(every_place), "recurrent": count_weights(recurrent)} | {
    f"sliding, {1000 * width / RATE:.0f} ms": count_weights(model) for width, model in sliding.items()
}
print(", ".join(f"{name} {size:,} weights" for name, size in sizes.items()))

# %% [markdown]
# Now we can measure the time from Q to S, in slow and fast hearts, with narrow and wide complexes:

# %%
times = qs_times([ecg for ecgs in (*faster.values(), *wide.values()) for ecg in ecgs], read_recurrently)
off = times[:, 1] - times[:, 0]
print(f"{len(off):,} beats, from Q to S {times[:, 0].min():.0f} to {times[:, 0].max():.0f} ms, measured", end=" ")
print(f"{off.mean():+.1f} ms off, give or take {off.std():.1f} ms; a sample is {1000 / RATE:.0f} ms")

# %% [markdown]
# ## All waves, and any heart
#
# `elman.Ecg` is a full version of this: a convolution with a stride before the recurrent layers, which are
# bidirectional (or causal, for a stream), P and T besides QRS, and for each an onset, a peak and an end. Here it trains
# on 200 generated patients, all different: with inverted leads, missing waves, early beats, hum and noise.

# %%
people = generate_patients(pace(full=200, short=20), seconds=SECONDS, rate=float(RATE))
task = elman.Ecg(
    **pace(
        full={"hidden_size": 24, "channels": 8, "num_layers": 1},
        short={"hidden_size": 8, "channels": 4, "num_layers": 1, "seconds": 2},
    )
)
data = task.read_strips([ecg.strip for ecg in people])
budget = pace(
    full={"epochs": 10, "evaluations": 2, "learning_rate": 0.006},
    short={"steps": 60, "evaluations": 1, "learning_rate": 0.02},
)
fitted = elman.fit(task, data, **budget)
print(f"{len(data.train)} people to learn from; on {len(data.test)} others:")
print(fitted.evaluate(data.test).report())

# %% [markdown]
# We test it on new patients. Is the duration of each complex right, and is it correctly judged to be inside or outside
# 0.06 to 0.1 s?

# %%
new_people = [ecg.strip for ecg in generate_patients(pace(full=40, short=4), rate=float(RATE), seed=1)]
durations = np.concatenate([qrs_durations(strip, fitted.predict(record_of(strip)).beats) for strip in new_people])
print("new people:", compare_durations(durations))

# %% [markdown]
# ## A real heart
#
# The record is a quarter of an hour of a patient of Boston's Beth Israel Hospital, in which an expert measured 30 beats
# (record sel100 of the QT Database; Laguna et al., 1997). The network has never seen a real ECG.

# %%
path = data_file("ecg/samples/qtdb/sel100.hea")
if path is None:
    print("no real record: a generated one in its place, so that figures differ from those of the lesson")
    (ecg,) = generate_patients(1, seconds=30.0, rate=float(RATE), seed=7)
    strips, record = [ecg.strip], record_of(ecg.strip)
else:
    strips, record = read_strips(path.with_suffix("")), read_record(path.with_suffix(""))
record = record._replace(signals=record.signals[: pace(full=None, short=5000)])
reading = fitted.predict(record)
marked = np.array([beat.sample for beat in strips[0].beats if strips[0].beats_known[beat.sample]])
marked = marked[marked < len(record.signals)]
beats = np.array([beat.sample for beat in reading.beats])
hits = match_events(marked, beats, window=0.15 * record.rate)
print(
    f"{record.name}: {len(marked):,} beats are marked, {len(hits):,} of them found, and {len(beats) - len(hits)} more"
)
few = read_recurrently(strips[0].signal[: len(record.signals)])[:, 1]
small_hits = match_events(marked, few, window=NEAR)
print(f"the small network above, trained on one heart alone, finds {len(small_hits)} of them")
print("those that the expert measured:", compare_durations(qrs_durations(strips[0], reading.beats)))
print(reading.table().summary())
print("\n".join(reading.table().lines()[:6]))

# %% [markdown]
# The picture shows it as on paper: P, QRS and T in colour, and below a beat the values outside the usual limits.

# %%
lead = next(iter(reading.leads))
show(ecg_figure([(reading.strips[lead], reading.table(lead))], seconds=10.0), "18-strip")

# %% [markdown]
# Training on many hearts matters most here: the small network knows the waves of one heart, and fails. The large one
# has seen no real heart, but 160 generated ones that vary in the ways that hearts and leads do.
#
# A mark is not a diagnosis: the limits are for adults at rest, QT depends on how the end of T is defined, and the
# network may be wrong.
#
# ## Try next
#
# - Train all detectors on faster hearts, too. Which of the windows get better, and which cannot?
# - Predict more than Q, R and S: at each R, whether the beat came early (`generate_ecg(early=0.2)`), which depends on
#   how long ago the last one was. How wide must a window be for that, and does the recurrent network learn it?
# - Lower `LATE`, the look-ahead, to 0. Which does the recurrent detector miss first: Q, R or S?
# - Train on real patients instead: `elman train ludb.tar.xz` uses the 200 of LUDB; docs/read-an-ecg.md continues from
#   there.
# - `elman train ecg --causal` trains a detector for a stream, with a look-ahead of 100 ms.
