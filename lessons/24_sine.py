# %% [markdown]
# # Forecasting a sine
#
# An LSTM of 20 units reads a thousand sines and forecasts the value ten steps after the last one. This small forecaster
# is enough to ask what any forecaster should be asked: how large is its error on series not in training, what is as
# good without it, and how far can it continue on its own outputs?
#
# **You need** to know what an LSTM is (lesson 16), and autoregression (lesson 17). The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense
from elman.lessons import count_weights, figure, legend_above, pace, show
from elman.tasks.forecasting.baselines import LinearAutoregression
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

# %% [markdown]
# ## The sines
#
# There are 1000 sines. Of each the network reads 900 steps, and the target is the value 10 steps later. Each has its
# own period, 63 to 251 steps, a random phase, and an offset of at most 0.05 up or down. We make other sines for
# testing: an error on series that were trained on says little.

# %%
STEPS, AHEAD, LATER = pace(full=900, short=120), 10, 200
random = np.random.default_rng(0)


def sines(count, steps, speeds=(0.5, 2.0), size=1.0, shift=0.0):
    times = np.arange(steps) / 20
    speed = random.uniform(*speeds, (count, 1))
    begin, offset = random.uniform(0, 2 * np.pi, (count, 1)), random.uniform(-0.05, 0.05, (count, 1))
    return (size * np.sin(speed * times + begin) + offset + shift).astype(np.float32)


series = sines(pace(full=1000, short=100), STEPS + AHEAD)
others = sines(pace(full=500, short=50), STEPS + LATER)
print(f"to learn from {series.shape}, others {others.shape}; periods {20 * np.pi:.0f} to {80 * np.pi:.0f} steps")

# %% [markdown]
# ## The network
#
# The network is an LSTM, and one output that is a weighted sum of its 20 units. The LSTM has four gates, each with a
# weight for the input, 20 for the state and a bias, for each unit: $4 \times 20 \times (1 + 20 + 1)$.

# %%
lstm_key, dense_key = jax.random.split(jax.random.key(0))
new = {"lstm": elman.LSTM(1, 20, key=lstm_key), "dense": Dense(20, 1, key=dense_key)}
counts = {name: count_weights(part) for name, part in new.items()}
print(counts, sum(counts.values()))


@jax.jit
def outputs(network, values):
    """The outputs of the network after each value: (series, steps)."""
    return network["dense"](elman.unroll(network["lstm"], values[..., None])[1])[..., 0]


# %% [markdown]
# ## One output after 900 values
#
# The obvious way to train: the network reads all 900 values, and its output after the last one is compared with the
# value ten steps later. The loss is the squared error, the optimiser Adam, the batch size ten. We run 50 epochs, print
# the error on the other sines every ten, and keep the network of epoch 20 to compare.


# %%
def mean_square(forecasts, values):
    return float(np.mean(np.square(np.asarray(forecasts) - values)))


def error_at_the_end(network, values=others):
    return mean_square(outputs(network, values[:, :STEPS])[:, -1], values[:, STEPS + AHEAD - 1])


def last_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    missed = outputs(network, values[:, :STEPS])[:, -1] - values[:, STEPS + AHEAD - 1]
    return (jnp.square(missed).sum(), len(values)), carry


EARLY = pace(full=20, short=8)
by_epoch = {"after the last value": []}
ADAM = optax.adam(pace(full=0.001, short=0.01))
for epoch in learn(new, last_loss, Shuffled(series, batch_size=10), epochs=pace(full=50, short=12), optimiser=ADAM):
    by_epoch["after the last value"].append(error_at_the_end(epoch.model))
    if epoch.number == EARLY:
        twenty = epoch.model
    if epoch.number % 10 == 0:
        print(f"{epoch}; other sines {by_epoch['after the last value'][-1]:.5f}")
fifty = epoch.model

# %% [markdown]
# ## Is that good?
#
# An error is small only in comparison. Any forecast has to beat the last value. And a sine is a weighted sum of its
# last two values (lesson 17), with a constant where it has an offset: weights fitted to the 900 values of each sine
# forecast it up to rounding. But this model assumes a sine, and is fitted to each one separately. The fair comparison
# is a sum of the last 20 values with the same weights for all sines: like the network, it is fitted once, and
# recognises each sine by its values alone.

# %%
ORDER = 20


def autoregression_at_the_end(model, values):
    history = values[:, :STEPS].astype(np.float64)
    return mean_square(model.forecast(history, AHEAD)[:, -1], values[:, STEPS + AHEAD - 1])


for_all = LinearAutoregression.fit(list(series[:100].astype(np.float64)), order=ORDER)
for_each = [LinearAutoregression.fit([one[:STEPS].astype(np.float64)], order=2) for one in others]
errors = {
    "the last value": mean_square(others[:, STEPS - 1], others[:, STEPS + AHEAD - 1]),
    f"the network, {EARLY} epochs": error_at_the_end(twenty),
    f"the network, {len(by_epoch['after the last value'])} epochs": error_at_the_end(fifty),
    f"a sum of {ORDER} values, one for all": autoregression_at_the_end(for_all, others),
    "a sum of 2 values, one for each": float(
        np.mean([autoregression_at_the_end(model, one[None]) for model, one in zip(for_each, others, strict=True)])
    ),
}
for name, error in errors.items():
    print(f"{name:<33} {error:.1e}")

# %% [markdown]
# The network is far better than the last value, and far worse than the sum: for a sum, sines are the easiest series
# there are. Who compares with nothing does not notice. How do both perform on series unlike those in training?

# %%
unlike = {
    "as in training": {},
    "a period of 40 steps": {"speeds": (np.pi, np.pi)},
    "twice the size": {"size": 2.0},
    "moved up by 0.5": {"shift": 0.5},
}
unlike_errors = {}
for name, changed in unlike.items():
    values = sines(100, STEPS + AHEAD, **changed)
    unlike_errors[name] = error_at_the_end(fifty, values), autoregression_at_the_end(for_all, values)
    print(f"{name:<22} network {unlike_errors[name][0]:.1e}, sum of {ORDER} {unlike_errors[name][1]:.1e}")

# %% [markdown]
# A sum does not depend on the size of a series. The network knows only sines of amplitude 1 about zero, since it saw no
# others; this is why forecasters scale each series first.
#
# ## An output after each value
#
# So far the network read 900 values for one output, and the error of that one output was propagated back through 900
# steps. But every value read has a target ten steps later, and the outputs are computed anyway. We train the same
# network on all of them, for 20 epochs. It is tested as before, after the last value.
#
# The errors above also fluctuate from epoch to epoch, since the learning rate of Adam stays constant. So we repeat the
# training with a larger learning rate that falls to zero.


# %%
def every_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    missed = outputs(network, values[:, :STEPS]) - values[:, AHEAD : STEPS + AHEAD]
    return (jnp.square(missed).sum(), missed.size), carry


FALLING, batches = pace(full=30, short=10), Shuffled(series, batch_size=10)
settings: dict[str, dict] = {
    "after each value": {"epochs": EARLY, "optimiser": ADAM},
    "after each value, falling rate": {
        "epochs": FALLING,
        "optimiser": optax.adam(optax.cosine_decay_schedule(pace(full=0.005, short=0.02), FALLING * len(batches))),
    },
}
each = {}
for name, options in settings.items():
    by_epoch[name] = []
    for epoch in learn(new, every_loss, batches, **options):
        by_epoch[name].append(error_at_the_end(epoch.model))
        if epoch.number % 5 == 0:
            print(f"{epoch}; other sines, after the last value {by_epoch[name][-1]:.5f}")
    each[name] = epoch.model
for name in ("after the last value", *each):
    epochs = FALLING if "falling" in name else EARLY
    print(f"trained {name}, {epochs} epochs: {by_epoch[name][epochs - 1]:.1e}")

# %% [markdown]
# This network can forecast at any step, which shows how many values it has to read before it recognises the sine.

# %%
by_step = {
    name: np.square(np.asarray(outputs(network, others[:, :STEPS])) - others[:, AHEAD : STEPS + AHEAD]).mean(axis=0)
    for name, network in {"after the last value": fifty, **each}.items()
}
READ = (1, 5, 20, 50, 100)
print("values read                           " + "".join(f"{step:>10}" for step in READ))
for name, curve in by_step.items():
    print(f"trained {name:<30}" + "".join(f"{curve[step - 1]:>10.1e}" for step in READ))

# %% [markdown]
# ## Fed with its own output
#
# The other way to forecast ten steps ahead is to forecast one step ahead, ten times. The network learns to predict the
# next value after each; then its own output is its next input, for any number of steps. The state is passed on, and
# nothing is read twice.


# %%
def next_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    missed = outputs(network, values[:, :-1]) - values[:, 1:]
    return (jnp.square(missed).sum(), missed.size), carry


def on_its_own(network, values, steps):
    """The next values of each series, each forecast from those before it, forecasts included: (series, steps)."""

    def last_output(ys):
        return network["dense"](ys[:, -1])

    def step(state, _):
        carry, value = state
        carry, ys = elman.unroll(network["lstm"], value[:, None], carry)
        return (carry, last_output(ys)), value[:, 0]

    carry, ys = elman.unroll(network["lstm"], values[..., None])
    return jax.lax.scan(step, (carry, last_output(ys)), length=steps)[1].T


forecast = jax.jit(on_its_own, static_argnums=2)
for epoch in learn(new, next_loss, Shuffled(series, batch_size=10), epochs=EARLY, optimiser=ADAM):
    if epoch.number % 5 == 0:
        print(epoch)
one_step = epoch.model

# %% [markdown]
# One step ahead it is nearly perfect. But it has learnt to continue from true values only. Each of its own outputs has
# a small error, from which the next one starts. The remedy is to train as it is used: it reads some values, continues
# alone, and every output counts in the loss. Gradients through so many of its own steps can be large, so they are
# clipped, and the learning rate falls to zero.

# %%
BEFORE, ALONE = pace(full=150, short=60), 50


def alone_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    begin = jax.random.randint(key, (), 0, values.shape[1] - BEFORE - ALONE)
    piece = jax.lax.dynamic_slice_in_dim(values, begin, BEFORE + ALONE, axis=1)
    missed = on_its_own(network, piece[:, :BEFORE], ALONE) - piece[:, BEFORE:]
    return (jnp.square(missed).sum(), missed.size), carry


batches, epochs = Shuffled(series, batch_size=pace(full=20, short=10)), pace(full=30, short=40)
rate = optax.cosine_decay_schedule(pace(full=0.002, short=0.003), epochs * len(batches))
careful = optax.chain(optax.clip_by_global_norm(0.3), optax.adam(rate))
for epoch in learn(one_step, alone_loss, batches, epochs=epochs, optimiser=careful):
    if epoch.number % 10 == 0:
        print(epoch)
alone = epoch.model

# %%
own_forecasts = {
    "the next value": np.asarray(forecast(one_step, others[:, :STEPS], LATER)),
    "going on alone": np.asarray(forecast(alone, others[:, :STEPS], LATER)),
}
drift = {name: np.square(own - others[:, STEPS:]).mean(axis=0) for name, own in own_forecasts.items()}
print("steps ahead           " + "".join(f"{step:>10}" for step in (1, 10, 50, 200)))
for name, curve in drift.items():
    print(f"learnt {name:<15}" + "".join(f"{curve[step - 1]:>10.1e}" for step in (1, 10, 50, 200)))
print(f"ten steps at once     {'':>10}{by_epoch['after each value, falling rate'][-1]:>10.1e}")

# %% [markdown]
# An error of 0.5 is that of always forecasting 0, and one of 1 that of a sine of the right amplitude with a random
# phase.

# %%
drawing, ((top, right), (left, below)) = figure(2, 2, width=5)
for name, curve in by_epoch.items():
    top.semilogy(range(1, len(curve) + 1), curve, label=f"trained {name}")
top.axhline(errors["the last value"], color="grey", linestyle=":", label="the last value again")
top.axvline(EARLY, color="0.8", zorder=0)
top.set_xlabel(f"epoch; the line is at {EARLY}")
top.set_ylabel("squared error ten steps ahead")
legend_above(top)
reading = slice(0, pace(full=300, short=100))
for name, curve in by_step.items():
    right.semilogy(np.arange(1, STEPS + 1)[reading], curve[reading], label=f"trained {name}")
right.set_xlabel("values read")
right.set_ylabel("squared error ten steps ahead")
legend_above(right)
shown = int(np.argsort(np.square(own_forecasts["the next value"] - others[:, STEPS:]).mean(axis=1))[len(others) // 2])
left.plot(np.arange(-60, LATER), others[shown, STEPS - 60 :], color="0.7", linewidth=3, label="the sine")
for name, own in own_forecasts.items():
    left.plot(np.arange(LATER), own[shown], label=f"learnt {name}")
left.axvline(0, color="0.8", zorder=0)
left.set_xlabel("step; from 0 on the network is alone")
left.set_ylim(-1.6, 2.2)
legend_above(left)
for name, curve in drift.items():
    below.semilogy(np.arange(1, LATER + 1), curve, label=f"learnt {name}")
below.axhline(1, color="grey", linestyle=":", label="lost its place")
below.set_xlabel("steps on its own")
below.set_ylabel("squared error")
legend_above(below)
show(drawing, "24-sine")

# %% [markdown]
# So four things are easily forgotten: test series, the loss by epoch, a simple baseline, and 899 of 900 targets.
# `elman.Forecasting` holds out a part of each series, scales every series, prints its errors beside those of the last
# value, and gives prediction intervals.
#
# ## Try next
#
# - `elman train sines --horizon 10 --window 40 --steps 200 --out sines.elman`, then `elman predict sines.elman`: the
#   forecaster of elman, with an interval around each value.
# - Add noise to all series: `+ 0.1 * random.normal(size=(count, steps))`. How good are the two weights of each sine
#   now? Which order is best, and does the network come closer to it?
# - Let the network predict the difference of the next value from the last, `values[:, :-1] + outputs(...)`. One step
#   ahead it is better. Is it better on its own outputs too?
# - Train on sines of many amplitudes and offsets. Does the network then forecast a sine that is moved up?
# - Read only the last 50 of the 900 values. What does the picture predict for this?
