# %% [markdown]
# # Forecasting a sine
#
# A thousand sines, an LSTM of 20 units, and the value ten steps after the last one that it has read. It is the smallest
# forecaster there is, and it is enough to ask what any forecaster has to be asked: how far off is it where it has not
# learnt, what would have been as good without it, and how far does it get on its own?
#
# **You need** to know what an LSTM is (lesson 16), and autoregression (lesson 17).

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.data.shuffled import Shuffled
from elman.layers import Dense
from elman.lessons import figure, pace, show
from elman.models.baselines import LinearAutoregression
from elman.training.learn import learn

# %% [markdown]
# ## The sines
#
# The sheet that this lesson goes after calls `sin_dataset(1000, 900, 10)` and does not say what that is. The course's
# files do: 1000 sines, of which 900 steps are read, and the value 10 steps later is asked for. Each has a period of its
# own, 63 to 251 steps, begins anywhere, and is moved up or down by at most 0.05. Others are made to test with: the
# sheet has none.

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
# An LSTM, and one output that is a sum of its 20 units. The LSTM has four gates, each with a weight for the input, 20
# for the state and a bias, for each unit: 4 x 20 x (1 + 20 + 1). These are the counts of Keras' `LSTM(20)` and
# `Dense(1)`.

# %%
lstm_key, dense_key = jax.random.split(jax.random.key(0))
new = {"lstm": elman.LSTM(1, 20, key=lstm_key), "dense": Dense(20, 1, key=dense_key)}
counts = {name: sum(array.size for array in jax.tree.leaves(part)) for name, part in new.items()}
print(counts, sum(counts.values()))


@jax.jit
def outputs(network, values):
    """What the network says after each value: (series, steps)."""
    return network["dense"](elman.unroll(network["lstm"], values[..., None])[1])[..., 0]


# %% [markdown]
# ## As the sheet learns it
#
# All 900 values are read, and the output after the last one is compared with the value ten steps later. The loss is the
# squared error, the optimiser Adam, a batch has ten sines. The sheet wants 50 epochs; its run was stopped by hand after
# 20, and no loss is to be seen in it. Here all 50 are run, with the error on the other sines every ten.


# %%
def mean_square(found, wanted):
    return float(np.mean(np.square(np.asarray(found) - wanted)))


def error_at_the_end(network, values=others):
    return mean_square(outputs(network, values[:, :STEPS])[:, -1], values[:, STEPS + AHEAD - 1])


def last_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    missed = outputs(network, values[:, :STEPS])[:, -1] - values[:, STEPS + AHEAD - 1]
    return (jnp.square(missed).sum(), len(values)), carry


STOPPED = pace(full=20, short=2)
by_epoch = {"after the last value": []}
for epoch in learn(new, last_loss, Shuffled(series, batch_size=10), epochs=pace(full=50, short=3)):
    by_epoch["after the last value"].append(error_at_the_end(epoch.model))
    if epoch.number == STOPPED:
        printed = epoch.model
    if epoch.number % 10 == 0:
        print(f"{epoch}; other sines {by_epoch['after the last value'][-1]:.5f}")
fifty = epoch.model

# %% [markdown]
# ## Is that good?
#
# A small number is small beside something. Any forecast has to beat the last value. And a sine is a weighted sum of its
# last two values (lesson 17), with a constant where it is moved up: weights that are fitted to the 900 values of each
# sine foretell it to rounding. They are told that it is a sine, though, and are another model for each. A sum of the
# last 20 values whose weights are the same for all sines is the fair comparison: as the network, it is fitted once, and
# only the values themselves tell it which sine it has before it.

# %%
ORDER = 20


def autoregression_at_the_end(model, values):
    history = values[:, :STEPS].astype(np.float64)
    return mean_square(model.forecast(history, AHEAD)[:, -1], values[:, STEPS + AHEAD - 1])


for_all = LinearAutoregression.fit(list(series[:100].astype(np.float64)), order=ORDER)
for_each = [LinearAutoregression.fit([one[:STEPS].astype(np.float64)], order=2) for one in others]
errors = {
    "the last value": mean_square(others[:, STEPS - 1], others[:, STEPS + AHEAD - 1]),
    f"the network, {STOPPED} epochs": error_at_the_end(printed),
    f"the network, {len(by_epoch['after the last value'])} epochs": error_at_the_end(fifty),
    f"a sum of {ORDER} values, one for all": autoregression_at_the_end(for_all, others),
    "a sum of 2 values, one for each": float(
        np.mean([autoregression_at_the_end(model, one[None]) for model, one in zip(for_each, others, strict=True)])
    ),
}
for name, error in errors.items():
    print(f"{name:<33} {error:.1e}")

# %% [markdown]
# The network beats the last value by far, and is itself beaten by far: for a sum, sines are the easiest series there
# are. The sheet compares with nothing, and so does not see it. How do both take series of a kind that they were not
# shown?

# %%
strangers = {
    "as those learnt from": {},
    "a period of 40 steps": {"speeds": (np.pi, np.pi)},
    "twice the size": {"size": 2.0},
    "moved up by 0.5": {"shift": 0.5},
}
strange = {}
for name, changed in strangers.items():
    values = sines(100, STEPS + AHEAD, **changed)
    strange[name] = error_at_the_end(fifty, values), autoregression_at_the_end(for_all, values)
    print(f"{name:<22} network {strange[name][0]:.1e}, sum of {ORDER} {strange[name][1]:.1e}")

# %% [markdown]
# A sum does not care how large a series is. The network knows sines of size 1 about zero, since it never saw another;
# this is why forecasters scale each series first.
#
# ## An answer after each value
#
# The sheet reads 900 values for one answer, and the error of that one answer goes back through 900 steps. But ten steps
# after each value that is read there is another one to be foretold, and the outputs are there anyhow. The same network
# learns from all of them, in as many epochs as the sheet's run had. It is tested as before, after the last value.
#
# And the errors above go up and down from epoch to epoch: every step of Adam stays as long as the first. So once more,
# from a larger rate that falls to zero.


# %%
def every_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    missed = outputs(network, values[:, :STEPS]) - values[:, AHEAD : STEPS + AHEAD]
    return (jnp.square(missed).sum(), missed.size), carry


FALLING, batches = pace(full=30, short=2), Shuffled(series, batch_size=10)
settings: dict[str, dict] = {
    "after each value": {"epochs": STOPPED},
    "after each value, falling rate": {
        "epochs": FALLING,
        "optimiser": optax.adam(optax.cosine_decay_schedule(0.005, FALLING * len(batches))),
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
    epochs = FALLING if "falling" in name else STOPPED
    print(f"asked {name}, {epochs} epochs: {by_epoch[name][epochs - 1]:.1e}")

# %% [markdown]
# Now it can be asked at any step, too, and one sees how much it has to read before it knows which sine it is.

# %%
by_step = {
    name: np.square(np.asarray(outputs(network, others[:, :STEPS])) - others[:, AHEAD : STEPS + AHEAD]).mean(axis=0)
    for name, network in {"after the last value": fifty, **each}.items()
}
READ = (1, 5, 20, 50, 100)
print("values read                           " + "".join(f"{step:>10}" for step in READ))
for name, curve in by_step.items():
    print(f"asked {name:<32}" + "".join(f"{curve[step - 1]:>10.1e}" for step in READ))

# %% [markdown]
# ## Fed with its own output
#
# The other way to look ten steps ahead is to look one step ahead, ten times. The network learns the next value, after
# each; then its own output is its next input, as far as one likes. The state goes on, and nothing is read twice.


# %%
def next_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    missed = outputs(network, values[:, :-1]) - values[:, 1:]
    return (jnp.square(missed).sum(), missed.size), carry


def on_its_own(network, values, steps):
    """The next values of each series, each from those before it, foretold ones among them: (series, steps)."""

    def say(ys):
        return network["dense"](ys[:, -1])

    def step(state, _):
        carry, value = state
        carry, ys = elman.unroll(network["lstm"], value[:, None], carry)
        return (carry, say(ys)), value[:, 0]

    carry, ys = elman.unroll(network["lstm"], values[..., None])
    return jax.lax.scan(step, (carry, say(ys)), length=steps)[1].T


forecast = jax.jit(on_its_own, static_argnums=2)
for epoch in learn(new, next_loss, Shuffled(series, batch_size=10), epochs=STOPPED):
    if epoch.number % 5 == 0:
        print(epoch)
one_step = epoch.model

# %% [markdown]
# One step ahead it is nearly perfect. But it has learnt to go on from true values only. Each of its own is a little
# off, and what comes after it starts from there. The cure is to learn what it will have to do: it reads some values,
# goes on alone, and every value that it says counts. Gradients through so many of its own steps can be large, so they
# are clipped, and the rate falls to zero.

# %%
BEFORE, ALONE = pace(full=150, short=60), pace(full=50, short=20)


def alone_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    begin = jax.random.randint(key, (), 0, values.shape[1] - BEFORE - ALONE)
    piece = jax.lax.dynamic_slice_in_dim(values, begin, BEFORE + ALONE, axis=1)
    missed = on_its_own(network, piece[:, :BEFORE], ALONE) - piece[:, BEFORE:]
    return (jnp.square(missed).sum(), missed.size), carry


batches, epochs = Shuffled(series, batch_size=20), pace(full=30, short=2)
rate = optax.cosine_decay_schedule(0.002, epochs * len(batches))
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
drift = {name: np.square(found - others[:, STEPS:]).mean(axis=0) for name, found in own_forecasts.items()}
print("steps ahead           " + "".join(f"{step:>10}" for step in (1, 10, 50, 200)))
for name, curve in drift.items():
    print(f"learnt {name:<15}" + "".join(f"{curve[step - 1]:>10.1e}" for step in (1, 10, 50, 200)))
print(f"ten steps at once     {'':>10}{by_epoch['after each value, falling rate'][-1]:>10.1e}")

# %% [markdown]
# An error of 0.5 is that of saying 0 always, and one of 1 that of a sine of the right size that has lost its place.

# %%
drawing, ((top, right), (left, below)) = figure(2, 2, width=5)
for name, curve in by_epoch.items():
    top.semilogy(range(1, len(curve) + 1), curve, label=f"asked {name}")
top.axhline(errors["the last value"], color="grey", linestyle=":", label="the last value again")
top.axvline(STOPPED, color="0.8", zorder=0)
top.set_xlabel("epoch; the sheet's run was stopped at the line")
top.set_ylabel("squared error ten steps ahead")
top.legend(frameon=False, fontsize="small")
reading = slice(0, pace(full=300, short=100))
for name, curve in by_step.items():
    right.semilogy(np.arange(1, STEPS + 1)[reading], curve[reading], label=f"asked {name}")
right.set_xlabel("values read")
right.set_ylabel("squared error ten steps ahead")
right.legend(frameon=False, fontsize="small")
shown = int(np.argsort(np.square(own_forecasts["the next value"] - others[:, STEPS:]).mean(axis=1))[len(others) // 2])
left.plot(np.arange(-60, LATER), others[shown, STEPS - 60 :], color="0.7", linewidth=3, label="the sine")
for name, found in own_forecasts.items():
    left.plot(np.arange(LATER), found[shown], label=f"learnt {name}")
left.axvline(0, color="0.8", zorder=0)
left.set_xlabel("step; from 0 on the network is alone")
left.set_ylim(-1.6, 2.2)
left.legend(frameon=False, fontsize="small", loc="upper left", ncols=2)
for name, curve in drift.items():
    below.semilogy(np.arange(1, LATER + 1), curve, label=f"learnt {name}")
below.axhline(1, color="grey", linestyle=":", label="lost its place")
below.set_xlabel("steps on its own")
below.set_ylabel("squared error")
below.legend(frameon=False, fontsize="small", loc="lower right")
show(drawing, "24-sine")

# %% [markdown]
# What the sheet leaves out, then: other series than those learnt from, a loss that one can see, something simple beside
# it, and 899 of 900 answers. `elman.Forecasting` has a part of each series that training does not see, scales every
# series, prints errors beside those of the last value, and says how sure it is.
#
# ## Try next
#
# - `elman train sines --horizon 10 --window 40 --steps 200 --out sines.elman`, then `elman predict sines.elman`: the
#   forecaster of elman, with an interval around each value.
# - Add noise to all series: `+ 0.1 * random.normal(size=(count, steps))`. What is left of the two exact weights of each
#   sine? Which order is the best now, and does the network come nearer to it?
# - Let the network say how the next value differs from the last, `values[:, :-1] + outputs(...)`. One step ahead it is
#   better. And on its own?
# - Learn from sines of many sizes, moved up and down: does the network know a sine that is moved up then?
# - Read only the last 50 of the 900 values. What does the picture say that will do?
