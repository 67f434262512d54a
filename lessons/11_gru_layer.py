# %% [markdown]
# # Gates: the GRU as a layer
#
# A simple recurrent network computes a new state at every step, and what it keeps must pass through its weights each
# time. A gated recurrent unit (Cho et al., 2014) can leave its state unchanged: for each unit a gate sets how much to
# keep.
#
# **You need** lesson 6: one-hot characters as inputs, a prediction after every character. The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.layers import Dense
from elman.lessons import count_weights, draw_losses, figure, lesson_text, pace, seed, show
from elman.ops.initializers import embedding
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, ys = windows[:-2], further[:-2]
HIDDEN, VOCAB = 256, characters.size + 1
SEED = seed()
print(xs.shape, ys.shape)

# %% [markdown]
# ## The cell
#
# $$
# \begin{aligned}
# r_t &= \sigma(x_t W_r + h_{t-1} U_r + b_r) && \text{reset: how much of the state the candidate uses} \\
# z_t &= \sigma(x_t W_z + h_{t-1} U_z + b_z) && \text{update: how much of the state is kept} \\
# n_t &= \tanh(x_t W_n + b_n + r_t \odot (h_{t-1} U_n + c_n)) && \text{the candidate} \\
# h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1} && \text{the new state}
# \end{aligned}
# $$
#
# $\sigma$ is the sigmoid, which squeezes any number into 0 to 1, and $\odot$ multiplies number by number: each unit has
# its own gates. (Some texts exchange $z$ and $1 - z$ in the last line. It is the same cell, with the update gate named
# the other way round.) The GRU has three matrices for each one of the simple cell. The tanh of the candidate keeps the
# state between -1 and 1.

# %%
keys = jax.random.split(jax.random.key(SEED), 3)
cell = elman.GRU(VOCAB, HIDDEN, key=keys[0])
table = embedding(keys[1], VOCAB, 3 * HIDDEN)  # a kernel that reads one-hot vectors is initialised as an embedding
model = {
    "recurrent": eqx.tree_at(lambda cell: cell.kernel, cell, table),
    "output": Dense(HIDDEN, VOCAB, key=keys[2]),
}
weights = {name: count_weights(part) for name, part in model.items()}
print(weights, "- the simple layer of lesson 6 had", VOCAB * HIDDEN + HIDDEN * HIDDEN + HIDDEN)


@jax.jit
def scores(model, ids):
    _, states = elman.unroll(model["recurrent"], jax.nn.one_hot(ids, VOCAB))
    return model["output"](states)


# %% [markdown]
# ## Training


# %%
def loss(model, carry, batch, *, key):
    inputs, targets = batch
    return cross_entropy(scores(model, inputs), targets, jnp.ones(targets.shape)), carry


examples = pace(full=len(xs), short=4_000)
batches = Shuffled(xs[:examples], ys[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=8, short=2)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses(losses, "11-losses")

# %% [markdown]
# ## What does it predict?

# %%
eight = " this is"
prediction = characters.decode(
    scores(trained, jnp.asarray(characters.encode(eight))[None])[0, :, 1 : characters.size].argmax(-1) + 1
)
print(repr(eight), "->", repr(prediction))

# %% [markdown]
# ## The gates at work
#
# `elman.tap` returns every gate by its name. The picture shows the 40 units whose update gate varies most while the
# network reads a few words: dark where a unit keeps its state, light where it takes the candidate.

# %%
phrase = "the truth of the matter is"
carry, states, seen = elman.tap(trained["recurrent"], jax.nn.one_hot(characters.encode(phrase), VOCAB)[None])
share_kept = np.asarray(seen["z"][0])
moving = np.argsort(-share_kept.std(0))[:40]
drawing, axes = figure(width=8, height=5)
image = axes.imshow(share_kept[:, moving].T, cmap="Greys", vmin=0, vmax=1, aspect="auto")
drawing.colorbar(image, ax=axes, label="update gate z: share of the state that is kept")
axes.set_xticks(range(len(phrase)), [character.replace(" ", "␣") for character in phrase])
axes.set_xlabel("character read")
axes.set_ylabel("unit, the most varying first")
show(drawing, "11-gates")
before = np.concatenate([np.zeros((1, HIDDEN)), np.asarray(states[0])[:-1]])
by_gates = (1 - share_kept) * np.asarray(seen["n"][0]) + share_kept * before
difference = float(np.abs(by_gates - np.asarray(states[0])).max())
print(f"the state from the gates, by the last equation: largest difference {difference:.0e}")
spaces = np.array([character == " " for character in phrase])
at_spaces, at_letters = share_kept[spaces].mean(0), share_kept[~spaces].mean(0)
for unit in (np.argmax(at_spaces - at_letters), np.argmax(at_letters - at_spaces)):
    print(f"unit {unit} keeps {at_spaces[unit]:.2f} of its state at spaces, {at_letters[unit]:.2f} at letters")

# %% [markdown]
# ## Try next
#
# - `elman.ResetBeforeGRU(VOCAB, HIDDEN, activation="relu", key=...)` is a cell with relu for tanh, and the reset before
#   the product. Is it better after eight epochs?
# - Make windows of 16 or 32 characters. Do longer windows help the GRU more than the simple layer?
# - Lesson 12 implements the four equations as a cell.
