# %% [markdown]
# # A state that is kept
#
# So far the state began at zero for every window, so the network could not use more than eight characters. Here the
# state of one window is passed on to the next, so that the network can remember further back. The gradient, by which
# the weights learn, still reaches back eight characters only: this is truncated back-propagation through time.
#
# **You need** lesson 5, and to know that an LSTM is a recurrent cell whose state has two parts, and gates that control
# what it keeps (lesson 16 looks inside). The [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import BatchNorm, Dense, Embedding
from elman.lessons import count_weights, draw_losses, figure, lesson_text, pace, seed, show
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.words import Characters, Streams

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
ids = characters.encode(text.characters)
HIDDEN, FACTORS, VOCAB, ROWS, TIME = pace(full=256, short=64), 42, characters.size + 1, 64, 8
RATE = pace(full=0.001, short=0.005)
SEED = seed()

# %% [markdown]
# ## The order of windows
#
# A batch has 64 rows. Keeping the state of a row helps only if the same row of the next batch continues **where this
# one stopped**. Here is a classic bug: windows 0 to 63 in the first batch, 64 to 127 in the next, and so on, with
# shuffling off. It looks right, but row 0 reads characters 0 to 7, and then 512 to 519, with the state of the wrong
# past. `Streams` cuts the text into 64 long pieces instead, and row 0 reads its own piece from start to end. It takes
# any number of rows, and leaves no character out.

# %%
places = Streams(np.arange(len(ids)), batch_size=ROWS, unroll_length=TIME)
windows = np.arange(len(ids) // TIME * TIME).reshape(-1, TIME)
print("row 0 with the bug: ", windows[0].tolist(), "then", windows[ROWS].tolist())
print("row 0 of a stream: ", places[0].inputs[0].tolist(), "then", places[1].inputs[0].tolist())

# %% [markdown]
# ## The network
#
# The layers are an embedding, batch normalisation, an LSTM and an output layer. Batch normalisation scales each feature
# $x$ to mean 0 and variance 1 over the batch, then scales and shifts it by learnt numbers $\gamma$ and $\beta$:
#
# $$y = \gamma \, \frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{variance}(x) + \varepsilon}} + \beta$$
#
# where the tiny $\varepsilon$ prevents a division by 0. It also keeps a running mean and variance, used for prediction.
# For 42 features 84 numbers are learnt and 84 are measured; some libraries count all 168 as parameters.

# %%
keys = jax.random.split(jax.random.key(SEED), 3)
model: dict = {
    "embedding": Embedding(VOCAB, FACTORS, key=keys[0]),
    "norm": BatchNorm(FACTORS),
    "recurrent": elman.LSTM(FACTORS, HIDDEN, key=keys[1]),
    "output": Dense(HIDDEN, VOCAB, key=keys[2]),
}
weights = {name: count_weights(part) for name, part in model.items()}
measured = sum(array.size for array in model["norm"].init_carry())
print(weights, f"and {measured} measured: batch normalisation has {weights['norm'] + measured}")

# %% [markdown]
# ## Training
#
# The carry passes from batch to batch: the running statistics, and the LSTM's two states. Training takes four epochs at
# a learning rate of 0.001, and then eight at 0.0001, since smaller steps come nearer to the best weights. For these,
# `learn` gets the new optimiser, and the epoch to continue from.


# %%
def start(rows):
    return model["norm"].init_carry(), elman.recurrence.start_carry(model["recurrent"], rows)


def loss(model, carry, batch, *, key):
    statistics, state = carry
    real = batch.weights > 0
    statistics, vectors = model["norm"].over_batch(statistics, model["embedding"](jnp.asarray(batch.inputs)), mask=real)
    state, hidden = elman.unroll(model["recurrent"], vectors, state)
    return cross_entropy(model["output"](hidden), batch.targets, batch.weights), (statistics, state)


streams = Streams(ids[: pace(full=len(ids), short=60_000)], batch_size=ROWS, unroll_length=TIME)
print(f"{len(streams)} batches")
losses = []
for epoch in learn(model, loss, streams, epochs=pace(full=4, short=2), carry=start(ROWS), optimiser=optax.adam(RATE)):
    print(epoch)
    losses.append(epoch.loss)
fourth, slower = epoch, optax.adam(RATE / 10)
for epoch in learn(
    model, loss, streams, epochs=pace(full=8, short=1), carry=start(ROWS), optimiser=slower, after=fourth
):
    print(epoch)
    losses.append(epoch.loss)
trained, (statistics, _) = epoch.model, epoch.carry
draw_losses(losses, "07-losses")

# %% [markdown]
# ## How much the state helps
#
# The trained network reads the text three times: with its own past, as trained; with the past of a position 512
# characters away, as with the bug; and with none.


# %%
@jax.jit
def read(state, inputs, targets):
    vectors = trained["norm"](trained["embedding"](inputs), statistics)
    state, hidden = elman.unroll(trained["recurrent"], vectors, state)
    total, count = cross_entropy(trained["output"](hidden), targets, jnp.ones(targets.shape))
    return state, total / count


whole = streams.tokens[: (len(streams.tokens) - 1) // (ROWS * TIME) * ROWS * TIME + 1]
inputs, targets = whole[:-1].reshape(-1, TIME), whole[1:].reshape(-1, TIME)
along = np.arange(len(inputs)).reshape(ROWS, -1).T  # batch by batch, each row its own piece
with_the_bug = np.arange(len(inputs)).reshape(-1, ROWS)
orders = {"its own past": along, "the past of elsewhere": with_the_bug, "no past": along}
past = {}
for name, order in orders.items():
    state, nats = start(ROWS)[1], []
    for rows in order[: pace(full=None, short=30)]:
        state = start(ROWS)[1] if name == "no past" else state
        state, mean = read(state, jnp.asarray(inputs[rows]), jnp.asarray(targets[rows]))
        nats.append(float(mean))
    past[name] = float(np.mean(nats[10:]))  # the first batches have no past in any case
    print(f"{name:<22}{past[name]:.3f} nats")
drawing, axes = figure()
axes.barh(list(past), list(past.values()))
axes.set_xlabel("loss, nats per character")
show(drawing, "07-past")

# %% [markdown]
# Its own past helps. The wrong past is hardly better than none, or even worse.
#
# ## It writes
#
# With a state that is kept, the network can write: it reads one character, we draw the next one at random according to
# the probabilities (sampling), and the network reads this one. Before the draw the logits are divided by 0.6, the
# temperature: below 1, probable characters become more probable.


# %%
@jax.jit
def write(state, number, key):
    vectors = trained["norm"](trained["embedding"](number[None, None]), statistics)
    state, hidden = elman.unroll(trained["recurrent"], vectors, state)
    scores = trained["output"](hidden)[0, 0, 1 : characters.size]
    return state, 1 + jax.random.categorical(key, scores / 0.6)


state, number, written = start(1)[1], jnp.asarray(characters.encode("\n")[0]), []
for place in range(pace(full=300, short=20)):
    state, number = write(state, number, jax.random.key(place))
    written.append(int(number))
print(characters.decode(written))

# %% [markdown]
# ## Try next
#
# - Train with the bug: windows 64 k to 64 k + 63 as batch k. (`learn` takes anything with `len()` and `at(step)`, as
#   `Streams` has.) How much does the wrong past cost?
# - Does it need both batch normalisation and an LSTM? Remove the first, or replace the second by `elman.Elman`. Does it
#   still learn?
# - `elman.LanguageModelling` does all this, with dropout and a better learning-rate schedule:
#   `elman train nietzsche.txt`.
# - Stack a second LSTM on the first: lesson 8.
