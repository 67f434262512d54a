# %% [markdown]
# # An answer after every character
#
# A network that reads eight characters and names one throws seven chances to learn away. Here it names the next
# character after each: one window, eight answers, eight times the teaching.
#
# **You need** lesson 2: the network of eight characters, written out.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.cells import eight_characters
from elman.data import Characters, Shuffled, next_token_windows
from elman.layers import Dense, Embedding
from elman.lessons import draw_losses, draw_steps, figure, lesson_text, pace, seed, show
from elman.ops.losses import cross_entropy
from elman.training.learn import learn

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, ys = windows[:-2], further[:-2]
print(xs.shape, ys.shape)
print(f"eight examples, one a column:\n{xs[:8].T}\nand their answers, moved on by one:\n{ys[:8].T}")

# %% [markdown]
# ## Where to begin
#
# After the first character there must be a state already, so that the second can be added to it like all others. The
# network begins with an **input of zeros**: the input layer makes relu(b) of it, the start state. As b is learnt, the
# start is learnt too.

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
    """Eight rows of scores for each window: the output layer is the same after every character."""
    vectors = model["embedding"](windows)
    states = model["network"].every_step(*(vectors[:, place] for place in range(8)))
    return jnp.stack([model["output"](state) for state in states], axis=1)


print("scores of 64 windows:", scores(model, jnp.asarray(xs[:64])).shape)

# %% [markdown]
# Rolled up, the start is what the cell's `init_carry` gives, and `unroll` gives all eight states at once.

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
# Eight answers, eight losses. Keras prints their sum; here it is their mean, the loss per character.


# %%
def loss(model, carry, batch, *, key):
    windows, answers = batch
    return cross_entropy(scores(model, windows), answers, jnp.ones(answers.shape)), carry


examples = pace(full=len(xs), short=10_000)
batches = Shuffled(xs[:examples], ys[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=12, short=1)):
    print(epoch, f"(the sum of eight: {8 * epoch.loss:.3f})")
    losses.append(epoch.loss)
trained = epoch.model
draw_losses({"eight answers": losses}, "04-losses")


# %% [markdown]
# ## What does it say?
#
# Printed there: "thet in " after " this is", and "tortiof " after " part of".


# %%
def next_characters(eight):
    logits = scores(trained, jnp.asarray(characters.encode(eight))[None])[0]
    return characters.decode(logits[:, 1 : characters.size].argmax(-1) + 1)


answers = {eight: next_characters(eight) for eight in (" this is", " part of")}
print(answers)

# %% [markdown]
# The first answers know little, the last ones more. The loss by place shows what each further character is worth:

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
# - Train lesson 2's network, which answers once, for the same number of epochs: after eight characters, which of the
#   two is better? Why could either be?
# - Lesson 5 has the same as a layer.
