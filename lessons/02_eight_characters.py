# %% [markdown]
# # Eight characters, one layer used eight times
#
# The same two layers, defined once and used for any number of characters, are a recurrent network, unrolled. Its inputs
# are eight characters; it predicts the ninth.
#
# **You need** the idea of lesson 1: a layer from each input to its hidden state, a layer from one hidden state to the
# next, and a sum where they meet.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.cells import eight_characters
from elman.layers import Dense, Embedding
from elman.lessons import draw_losses, figure, lesson_text, pace, seed, show
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
# character further on, whose last character is the target. The last two windows are dropped, as in the printed lesson.

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
# One embedding serves all eight positions; the printed network has a table for each of them.
#
# From here on the tables have 86 rows, one more than the vocabulary has numbers: the printed lesson does so too, and
# its counts of weights are for 86.

# %%
HIDDEN, FACTORS, VOCAB = 256, 42, characters.size + 1
SEED = seed()
keys = jax.random.split(jax.random.key(SEED), 3)
model = {
    "embedding": Embedding(VOCAB, FACTORS, key=keys[0]),
    "network": eight_characters(FACTORS, HIDDEN, key=keys[1]),
    "output": Dense(HIDDEN, VOCAB, key=keys[2]),
}
weights = {name: sum(array.size for array in jax.tree.leaves(part)) for name, part in model.items()}
for name, count in weights.items():
    print(f"{name:<10}{count:>8,} weights")


@jax.jit
def scores(model, windows):
    vectors = model["embedding"](windows)
    hidden = model["network"](*(vectors[:, place] for place in range(8)))
    return model["output"](hidden)


# %% [markdown]
# Rolled up again, the network is a cell, which `elman.unroll` applies at each time step. It gives the same state, and
# it no longer depends on the number of characters.

# %%
cell = model["network"].cell
vectors = model["embedding"](jnp.asarray(xs[:64]))
first = jax.nn.relu(vectors[:, 0] @ cell.kernel + cell.bias)
rolled, _ = elman.unroll(cell, vectors[:, 1:], first)
difference = float(abs(rolled - model["network"](*(vectors[:, place] for place in range(8)))).max())
print(f"largest difference between written out and rolled up: {difference:.1e}")

# %% [markdown]
# ## Training


# %%
def loss(model, carry, batch, *, key):
    windows, answers = batch
    logits = scores(model, windows)
    return cross_entropy(logits[:, None], answers[:, None], jnp.ones((len(answers), 1))), carry


examples = pace(full=len(y), short=10_000)
batches = Shuffled(xs[:examples], y[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=12, short=1)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses({"unrolled": losses}, "02-losses", printed=(2.5385, 1.8050))


# %% [markdown]
# ## What does it predict?
#
# The printed run predicted "e", "t" and "n".


# %%
def next_character(eight):
    logits = scores(trained, jnp.asarray(characters.encode(eight))[None])
    return characters.token(int(logits[0, 1 : characters.size].argmax()) + 1)


answers = {eight: next_character(eight) for eight in ("for thos", "part of ", "queens a")}
print(answers)

# %% [markdown]
# Which of the eight characters does it depend on? One position of every window is filled with characters from other
# windows; the more the network needs that position, the more the loss rises.

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
axes.set_xlabel("character whose place holds others")
axes.set_ylabel("rise of the loss, nats")
show(drawing, "02-places")

# %% [markdown]
# ## Try next
#
# - Initialise the hidden layer with random numbers: `elman.cells.Unrolled(cell, 8)` with the cell
#   `elman.SummedElman(42, 256, activation="relu", recurrent_start="glorot", key=key)`. How much does the loss rise?
# - Make windows of 16 characters. What changes in the code, and does the number of weights change?
# - Lesson 3 replaces the eight layers by one line.
