# %% [markdown]
# # Autoregression, and what it cannot do
#
# The oldest way to forecast a series is a weighted sum of its last values. A network over the last values makes it
# non-linear. Both see a window of fixed size, with weights for each position in it; a recurrent network reads each
# value once, with the same weights, and keeps what matters in its state. When is each of them best?
#
# **You need** to know what a recurrent network is (lesson 14), and least squares. The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense
from elman.lessons import count_weights, data_file, figure, legend_above, pace, show
from elman.tasks.forecasting.baselines import LinearAutoregression, NonlinearAutoregression, lag_windows
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

random = np.random.default_rng(0)


def rmse(forecasts, values):
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean(np.square(forecasts - values))))


# %% [markdown]
# ## Linear
#
# The forecast is a weighted sum of the last values, here two, and a constant:
#
# $$x_t = w_0 x_{t-1} + w_1 x_{t-2} + w_2$$
#
# Two values are enough for any sine, whatever its amplitude and phase: $w_0 = 2 \cos(2 \pi / \text{period})$,
# $w_1 = -1$ and $w_2 = 0$.

# %%
PERIOD = 20
sine = np.sin(2 * np.pi * np.arange(200) / PERIOD)
linear = LinearAutoregression.fit([sine], order=2)
sine_weights = (*linear.weights.tolist(), linear.constant)
print("w_0 {:.6f}, w_1 {:.6f}, w_2 {:.6f}".format(*sine_weights))
print(f"2 cos(2 pi / {PERIOD}) = {2 * np.cos(2 * np.pi / PERIOD):.6f}")
hundred = linear.forecast(sine[None, :100], 100)[0]
sine_error = rmse(hundred, sine[100:])
print(f"a hundred steps ahead, each from the forecasts before it: error {sine_error:.1e}")

# %% [markdown]
# ## Non-linear
#
# Any function $G$ of the last values may take the place of the sum, such as a dense network:
#
# $$x_t = G(x_{t-1}, x_{t-2}, \dots)$$
#
# In the series $x_t = 3.9 \, x_{t-1} (1 - x_{t-1})$ every value follows exactly from the one before, but no linear
# model comes near it.

# %%
chaos = [0.3]
while len(chaos) < 1000:
    chaos.append(3.9 * chaos[-1] * (1 - chaos[-1]))
chaos = np.array(chaos)
bent = NonlinearAutoregression.fit([chaos[:800]], order=1, penalty=0.0, steps=pace(full=4000, short=800))
straight = LinearAutoregression.fit([chaos[:800]], order=1)
chaos_errors = {
    name: rmse(model.forecast(chaos[800:-1, None], 1)[:, 0], chaos[801:])
    for name, model in {"linear": straight, "non-linear": bent}.items()
}
print({name: round(error, 4) for name, error in chaos_errors.items()}, f"spread of the values {chaos[801:].std():.4f}")

# %%
drawing, (left, right) = figure(1, 2, width=4.5)
grid = np.linspace(0.05, 0.98, 100)
left.plot(chaos[800:-1], chaos[801:], ".", color="0.7", label="the series")
left.plot(grid, straight.forecast(grid[:, None], 1)[:, 0], label="linear")
left.plot(grid, bent.forecast(grid[:, None], 1)[:, 0], label="non-linear")
left.set_xlabel("value")
left.set_ylabel("the next")
legend_above(left)

# %% [markdown]
# ## A fixed window
#
# A window has to reach back to the oldest value that matters, and each position in it has its own weights. Here each
# series begins with 1 or -1, continues with noise, and ends with its first value. The models have to predict the end.

# %%
STEPS, WINDOW = 20, 10
starts = random.choice([-1.0, 1.0], pace(full=2000, short=400))
series = 0.3 * random.normal(size=(len(starts), STEPS)).astype(np.float32)
series[:, 0] = series[:, -1] = starts
half = len(series) // 2


def new_network(seed, units):
    cell_key, output_key = jax.random.split(jax.random.key(seed))
    return {"cell": elman.GRU(1, units, key=cell_key), "output": Dense(units, 1, key=output_key)}


@jax.jit
def next_values(network, values):
    """The forecast of the value after each one, from all values up to it: (rows, steps)."""
    _, ys = elman.unroll(network["cell"], values[..., None])
    return network["output"](ys)[..., 0]


def end_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    return (jnp.square(next_values(network, values[:, :-1])[:, -1] - values[:, -1]).sum(), len(values)), carry


batches, epochs = Shuffled(series[:half], batch_size=25), pace(full=30, short=20)
*_, last = learn(new_network(0, 16), end_loss, batches, epochs=epochs, optimiser=optax.adam(0.01))
network = last.model
windows = list(series[:half, -WINDOW - 1 :].astype(np.float64))
ends = {
    "linear, 10 values": LinearAutoregression.fit(windows, order=WINDOW),
    "non-linear, 10 values": NonlinearAutoregression.fit(windows, order=WINDOW),
}
history = series[half:, -WINDOW - 1 : -1].astype(np.float64)
end_errors = {name: rmse(model.forecast(history, 1)[:, 0], starts[half:]) for name, model in ends.items()}
end_errors["recurrent"] = rmse(np.asarray(next_values(network, series[half:, :-1]))[:, -1], starts[half:])
sizes = {
    "linear, 10 values": WINDOW + 1,
    "non-linear, 10 values": WINDOW + 1 + sum(np.size(part) for part in ends["non-linear, 10 values"][1:4]),
    "recurrent": count_weights(network),
}
for name, error in end_errors.items():
    print(f"{name:<22} error {error:.3f}, {sizes[name]:>4} weights")

# %% [markdown]
# The models with a window do no better than a guess, whose error is 1. A window of 19 would be enough here, but not for
# a longer wait; the recurrent network has the same weights for any.
#
# ## Sunspots
#
# This is a real series: the number of spots on the sun, month by month from 1749 to 1983. The models are fitted to the
# months until 1949; then each later month is forecast from those before it.

# %%
path = data_file("timeseries/monthly-sunspots.csv")
if path is None:
    print("no sunspots: a made-up cycle in their place, so that figures differ from those of the lesson")
    turns = np.cumsum(1 / (130 + 10 * random.normal(size=2820)))
    months = 100 * np.maximum(0, np.sin(2 * np.pi * turns)) ** 1.5 + 10 * np.abs(random.normal(size=2820))
else:
    months = np.loadtxt(path, delimiter=",", skiprows=1, usecols=1)
known, spread = 2412, months[:2412].std()  # months until December 1949
scaled = (months - months[:known].mean()) / spread
orders = pace(full=range(1, 41), short=(2, 9, 24))
sun_linear = LinearAutoregression.best([scaled[:known]], orders=orders)
order = len(sun_linear.weights)
sun_bent = NonlinearAutoregression.fit([scaled[:known]], order=order, steps=pace(full=500, short=50))
windows, targets = lag_windows([scaled], order)
history, values = windows[known - order :, ::-1], targets[known - order :]  # the oldest first
sun_errors = {
    "the last month": rmse(history[:, -1], values),
    f"linear, {order} months": rmse(sun_linear.forecast(history, 1)[:, 0], values),
    f"non-linear, {order} months": rmse(sun_bent.forecast(history, 1)[:, 0], values),
}

# %% [markdown]
# The recurrent network trains on pieces of ten years, and predicts at each month how the next differs from it; the
# first months of a piece, where its state holds too little, do not count. Then it reads the whole series once and keeps
# its state. The forecast is the mean of three networks with different initial weights.

# %%
PIECE, WARM = 120, 24
begins = range(0, known - PIECE, 6)
pieces = np.stack([scaled[begin : begin + PIECE + 1] for begin in begins]).astype(np.float32)


def sun_loss(network, carry, batch, *, key):
    (values,) = map(jnp.asarray, batch)
    missed = values[:, :-1] + next_values(network, values[:, :-1]) - values[:, 1:]
    return (jnp.square(missed[:, WARM:]).sum(), float(PIECE - WARM) * len(values)), carry


each_month = []
for seed in range(pace(full=3, short=1)):
    batches, epochs = Shuffled(pieces, batch_size=32, seed=seed), pace(full=40, short=8)
    falling = optax.adam(optax.cosine_decay_schedule(0.005, epochs * len(batches)))
    *_, last = learn(new_network(seed, 16), sun_loss, batches, epochs=epochs, optimiser=falling)
    print(f"network {seed + 1}, {last}")
    whole = jnp.asarray(scaled[None, :-1], jnp.float32)
    each_month.append(np.asarray(whole + next_values(last.model, whole))[0, known - 1 :])
forecasts = np.mean(each_month, axis=0)
sun_errors["recurrent"] = rmse(forecasts, scaled[known:])
sun_errors = {name: error * spread for name, error in sun_errors.items()}
for name, error in sun_errors.items():
    print(f"{name:<22} error {error:6.2f} spots")

# %%
years = 1950 + np.arange(len(values)) / 12
right.plot(years, months[known:], color="0.7", label="sunspots")
right.plot(years, forecasts * spread + months[:known].mean(), linewidth=0.8, label="recurrent, a month ahead")
right.set_xlabel("year")
right.set_ylabel("spots")
legend_above(right)
show(drawing, "17-autoregression")

# %% [markdown]
# The last month is a good guess, and a weighted sum is hard to beat: compare every network trained on a series with
# both.
#
# ## Try next
#
# - Use windows of 19 values for the third series. Then make the wait 30, and count weights.
# - Let the linear and the non-linear model forecast ten years of sunspots at once, each month from the forecasts before
#   it: `forecast(history[:1], 120)`. Which of them still shows the cycle?
# - `SeasonalNaive` of `elman.tasks.forecasting.baselines` forecasts the value of a season ago. How much worse is it on
#   the sunspots, whose season is about 130 months?
# - Lesson 16 shows how gates learn when to keep a value; lesson 24 forecasts sines with an LSTM.
