# %% [markdown]
# # Gates: the GRU as a layer
#
# A simple recurrent network computes a new state at every step, and what it keeps must pass through its weights each
# time. A gated recurrent unit (Cho et al., 2014) can leave its state unchanged: for each unit a gate sets how much to
# keep.
#
# **You need** lesson 6: one-hot characters as inputs, a prediction after every character.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.layers import Dense
from elman.lessons import draw_losses, figure, lesson_text, pace, seed, show
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
#     r = sigmoid(x W_r + h U_r + b_r)            reset: how much of the state the candidate uses
#     z = sigmoid(x W_z + h U_z + b_z)            update: how much of the state is kept
#     n = tanh(x W_n + b_n + r (h U_n + c_n))     the candidate
#     h = (1 - z) n + z h
#
# The GRU has three matrices for each one of the simple cell. The candidate of the printed lesson uses relu; the GRU
# uses tanh, which keeps the state between -1 and 1.

# %%
keys = jax.random.split(jax.random.key(SEED), 3)
cell = elman.GRU(VOCAB, HIDDEN, key=keys[0])
table = embedding(keys[1], VOCAB, 3 * HIDDEN)  # a kernel that reads one-hot vectors is initialised as an embedding
model = {
    "recurrent": eqx.tree_at(lambda cell: cell.kernel, cell, table),
    "output": Dense(HIDDEN, VOCAB, key=keys[2]),
}
weights = {name: sum(array.size for array in jax.tree.leaves(part)) for name, part in model.items()}
print(weights, "- the simple layer of lesson 6 had", VOCAB * HIDDEN + HIDDEN * HIDDEN + HIDDEN)


@jax.jit
def scores(model, ids):
    _, states = elman.unroll(model["recurrent"], jax.nn.one_hot(ids, VOCAB))
    return model["output"](states)


# %% [markdown]
# ## Training


# %%
def loss(model, carry, batch, *, key):
    inputs, answers = batch
    return cross_entropy(scores(model, inputs), answers, jnp.ones(answers.shape)), carry


examples = pace(full=len(xs), short=8_000)
batches = Shuffled(xs[:examples], ys[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=8, short=1)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses({"GRU": losses}, "11-losses", printed=(2.3991, 1.6918))

# %% [markdown]
# ## What does it predict?
#
# The printed run predicted "thes cn " for " this is".

# %%
eight = " this is"
answer = characters.decode(
    scores(trained, jnp.asarray(characters.encode(eight))[None])[0, :, 1 : characters.size].argmax(-1) + 1
)
print(repr(eight), "->", repr(answer))

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
axes.imshow(share_kept[:, moving].T, cmap="Greys", vmin=0, vmax=1, aspect="auto")
axes.set_xticks(range(len(phrase)), [character.replace(" ", "␣") for character in phrase])
axes.set_ylabel("units, the most varying first")
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
# - `elman.ResetBeforeGRU(VOCAB, HIDDEN, activation="relu", key=...)` is the cell as printed, with relu and the reset
#   before the product. Is it better than tanh after eight epochs?
# - Make windows of 16 or 32 characters. Do longer windows help the GRU more than the simple layer?
# - Lesson 12 implements the four equations as a cell.
