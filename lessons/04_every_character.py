# %% [markdown]
# # A prediction after every character
#
# A network that reads eight characters and predicts only the ninth wastes seven chances to learn. Here it predicts the
# next character after each: one window has eight targets.
#
# **You need** lesson 2: the network of eight characters, written out. The [glossary](../docs/glossary.md) explains all
# terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.cells import eight_characters
from elman.layers import Dense, Embedding
from elman.lessons import draw_losses, draw_steps, figure, lesson_text, pace, seed, show
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, ys = windows[:-2], further[:-2]
print(xs.shape, ys.shape)
print(f"eight examples, one a column:\n{xs[:8].T}\nand their targets, shifted by one:\n{ys[:8].T}")

# %% [markdown]
# ## The initial state
#
# The first character needs a state before it, so that it is processed like all others. The network begins with an
# **input of zeros**: the input layer maps it to $\mathrm{relu}(b)$, the initial state. As the bias $b$ is learnt, the
# initial state is learnt too.

# %%
drawn = "␣this␣is␣"
draw_steps(drawn[:-1], drawn[1:], "04-network", start="zeros")

# %%
HIDDEN, FACTORS, VOCAB = 256, 42, characters.size + 1
SEED = seed()
keys = jax.random.split(jax.random.key(SEED), 3)
model = {
    "embedding": Embedding(VOCAB, FACTORS, key=keys[0]),
    "network": eight_characters(FACTORS, HIDDEN, key=keys[1]),
    "output": Dense(HIDDEN, VOCAB, key=keys[2]),
}


@jax.jit
def scores(model, windows):
    """The logits of the next character at each of the eight positions: (windows, 8, vocabulary)."""
    vectors = model["embedding"](windows)
    states = model["network"].every_step(*(vectors[:, place] for place in range(8)))
    return jnp.stack([model["output"](state) for state in states], axis=1)


print("scores of 64 windows:", scores(model, jnp.asarray(xs[:64])).shape)

# %% [markdown]
# Rolled up, the cell's `init_carry` returns the initial state, and `unroll` returns all eight states at once. Both
# forms give the same states.

# %%
cell = model["network"].cell
vectors = model["embedding"](jnp.asarray(xs[:64]))
_, rolled = elman.unroll(cell, vectors)
written = model["network"].every_step(*(vectors[:, place] for place in range(8)))
difference = float(abs(rolled - jnp.stack(written, axis=1)).max())
start_difference = float(abs(cell.init_carry() - jax.nn.relu(jnp.zeros(FACTORS) @ cell.kernel + cell.bias)).max())
print(f"largest difference between written out and rolled up: {difference:.1e}")

# %% [markdown]
# ## Training
#
# Eight predictions have eight losses. Some libraries print their sum; here it is their mean, the loss per character, so
# that it can be compared with lessons 1 to 3.


# %%
def loss(model, carry, batch, *, key):
    windows, targets = batch
    return cross_entropy(scores(model, windows), targets, jnp.ones(targets.shape)), carry


examples = pace(full=len(xs), short=5_000)
batches = Shuffled(xs[:examples], ys[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=12, short=2)):
    print(epoch, f"(the sum of eight: {8 * epoch.loss:.3f})")
    losses.append(epoch.loss)
trained = epoch.model
draw_losses(losses, "04-losses")


# %% [markdown]
# ## What does it predict?
#
# The first letter of the result is the prediction after the first character, and so on. Compare it with the window one
# character further on: after "p" of "part" the network cannot know that "a" follows.


# %%
def next_characters(eight):
    logits = scores(trained, jnp.asarray(characters.encode(eight))[None])[0]
    return characters.decode(logits[:, 1 : characters.size].argmax(-1) + 1)


predictions = {eight: next_characters(eight) for eight in (" this is", " part of")}
print(predictions)

# %% [markdown]
# The first predictions are based on few characters, the last on more. The loss by position shows how much each further
# character helps:

# %%
sample = np.arange(0, examples, 8)
logits = scores(trained, jnp.asarray(xs[sample]))
by_place = []
for place in range(8):
    at = slice(place, place + 1)
    total, count = cross_entropy(logits[:, at], jnp.asarray(ys[sample, at]), jnp.ones((len(sample), 1)))
    by_place.append(float(total / count))
    print(f"characters read: {place + 1}, loss {by_place[-1]:.3f}")
drawing, axes = figure()
axes.plot(range(1, 9), by_place, marker=".")
axes.set_xlabel("characters read")
axes.set_ylabel("loss, nats per character")
show(drawing, "04-places")

# %% [markdown]
# ## Try next
#
# - Let the state begin at zero: `elman.unroll(cell, vectors, jnp.zeros((len(vectors), HIDDEN)))` in `scores`, with the
#   cell of `model`. Compare `by_place[0]`.
# - Train the network of lesson 2, which predicts once, for the same number of epochs. Which of the two predicts the
#   ninth character better? Why could either?
# - Lesson 5 does the same with a layer.
