# %% [markdown]
# # Eight characters, one layer used eight times
#
# The same two layers, defined once and used for any number of characters, are a recurrent network, unrolled. Its inputs
# are eight characters; it predicts the ninth. More characters are better context, and the number of weights stays the
# same.
#
# **You need** the idea of lesson 1: a layer from each input to its hidden state, a layer from one hidden state to the
# next, and a sum where they meet. The [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.cells import eight_characters
from elman.layers import Dense, Embedding
from elman.lessons import count_weights, draw_losses, figure, lesson_text, pace, seed, show
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
ids = characters.encode(text.characters)

# %% [markdown]
# ## Windows
#
# The text is cut into windows of eight characters. `next_token_windows` returns each window, and the window one
# character further on, whose last character is the target. (As in lesson 1, the last two are left out.)

# %%
windows, further = next_token_windows(ids, 8)
xs, y = windows[:-2], further[:-2, -1]
print(xs.shape, y.shape)
print(f"the first eight examples, one a column, and under the line what comes next:\n{xs[:8].T}\n{'-' * 26}\n {y[:8]}")

# %% [markdown]
# ## The network
#
# The hidden layer has relu here, and its matrix is initialised as the **identity**: at first it passes the state on
# unchanged, so that nothing is lost over eight steps before it has learnt what to keep (Le, Jaitly and Hinton, 2015).
#
# One embedding serves all eight positions.
#
# From here on the tables have one row more than the vocabulary has numbers, 86 for 85. The spare row is never used;
# with it the numbers of weights are those of the course (lesson 1).

# %%
HIDDEN, FACTORS, VOCAB = 256, 42, characters.size + 1
SEED = seed()
keys = jax.random.split(jax.random.key(SEED), 3)
model = {
    "embedding": Embedding(VOCAB, FACTORS, key=keys[0]),
    "network": eight_characters(FACTORS, HIDDEN, key=keys[1]),
    "output": Dense(HIDDEN, VOCAB, key=keys[2]),
}
weights = {name: count_weights(part) for name, part in model.items()}
for name, count in weights.items():
    print(f"{name:<10}{count:>8,} weights")


@jax.jit
def scores(model, windows):
    vectors = model["embedding"](windows)
    hidden = model["network"](*(vectors[:, place] for place in range(8)))
    return model["output"](hidden)


# %% [markdown]
# Rolled up again, the network is a cell: the computation of one step, from a state and an input to the next state.
# `elman.unroll` applies the cell at each time step, for any number of characters. It gives the same state.

# %%
cell = model["network"].cell
vectors = model["embedding"](jnp.asarray(xs[:64]))
first = jax.nn.relu(vectors[:, 0] @ cell.kernel + cell.bias)
rolled, _ = elman.unroll(cell, vectors[:, 1:], first)
difference = float(abs(rolled - model["network"](*(vectors[:, place] for place in range(8)))).max())
print(f"largest difference between written out and rolled up: {difference:.1e}")

# %% [markdown]
# ## Training
#
# Training is that of lesson 1, with windows for the three columns.


# %%
def loss(model, carry, batch, *, key):
    windows, targets = batch
    logits = scores(model, windows)
    return cross_entropy(logits[:, None], targets[:, None], jnp.ones((len(targets), 1))), carry


examples = pace(full=len(y), short=5_000)
batches = Shuffled(xs[:examples], y[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=12, short=2)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses(losses, "02-losses")


# %% [markdown]
# ## What does it predict?


# %%
def next_character(eight):
    logits = scores(trained, jnp.asarray(characters.encode(eight))[None])
    return characters.token(int(logits[0, 1 : characters.size].argmax()) + 1)


predictions = {eight: next_character(eight) for eight in ("for thos", "part of ", "queens a")}
print(predictions)

# %% [markdown]
# Which of the eight characters does the prediction depend on? We fill one position of every window with characters from
# other windows, and measure the loss again: the more the network needs that position, the more the loss rises. The last
# characters should matter most.

# %%
sample = np.arange(0, examples, 16)


def loss_of(windows):
    total, count = loss(trained, (), (jnp.asarray(windows), jnp.asarray(y[sample])), key=None)[0]
    return float(total / count)


whole, rises = loss_of(xs[sample]), []
for place in range(8):
    mixed = xs[sample].copy()
    mixed[:, place] = np.random.default_rng(place).permutation(mixed[:, place])
    rises.append(loss_of(mixed) - whole)
    print(f"character {place + 1} of 8: {rises[-1]:.3f} nats")
drawing, axes = figure()
axes.bar(range(1, 9), rises)
axes.set_xlabel("position filled with other characters")
axes.set_ylabel("rise of the loss, nats")
show(drawing, "02-places")

# %% [markdown]
# ## Try next
#
# - Initialise the hidden layer with random numbers: `elman.cells.Unrolled(cell, 8)` with the cell
#   `elman.SummedElman(42, 256, activation="relu", recurrent_start="glorot", key=key)`. How much does the loss rise?
# - Make windows of 16 characters. What changes in the code, and does the number of weights change?
# - Lesson 3 replaces the eight layers by one line.
