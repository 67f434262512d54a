# %% [markdown]
# # One place for each character: one-hot
#
# An embedding looks up a row of a table. This equals a product: a one-hot vector, with 1 at the character's place and 0
# elsewhere, times the table. Here the recurrent layer reads such vectors directly, without an embedding before it.
#
# **You need** lesson 5, the network that predicts after every character. The [glossary](../docs/glossary.md) explains
# all terms.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.layers import Dense, Embedding
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
HIDDEN, VOCAB = 256, characters.size + 1
SEED = seed()

# %% [markdown]
# ## One-hot
#
# Each window becomes 8 rows of 86 places, and so do its targets. NumPy's `bool` takes one byte a place; the float32
# that a network computes with takes four, so each batch is converted only when it is used.

# %%
examples = pace(full=len(windows) - 2, short=5_000)
hot = np.eye(VOCAB, dtype=bool)
xs, ys = hot[windows[:examples]], hot[further[:examples]]
print(xs.shape, ys.shape, f"{xs.nbytes / 1e6:.0f} million bytes each")

# %% [markdown]
# A one-hot vector times the table is a row of the table:

# %%
table = Embedding(VOCAB, 42, key=jax.random.key(1))
as_product = jnp.asarray(xs[:4], jnp.float32) @ table.table
difference = float(abs(as_product - table(jnp.asarray(windows[:4]))).max())
print(f"largest difference: {difference}")

# %% [markdown]
# ## The network
#
# The kernel of the recurrent layer, the matrix by which the input is multiplied, now has a row for each character: it
# is the table. The target is one-hot as well. With a one-hot target $y$ and probabilities $p$, the cross-entropy
#
# $$-\sum_{j} y_j \ln p_j$$
#
# is minus the logarithm of the probability at the place of the 1. The loss computed from the character's number
# (`cross_entropy` here, "sparse" in Keras) is the same.

# %%
keys = jax.random.split(jax.random.key(SEED))
cell = elman.Elman(VOCAB, HIDDEN, activation="relu", key=keys[0])
cell = eqx.tree_at(lambda cell: cell.kernel, cell, embedding(keys[0], VOCAB, HIDDEN))  # initialised as an embedding
model = {
    "recurrent": cell,
    "output": Dense(HIDDEN, VOCAB, key=keys[1]),
}
weights = {name: count_weights(part) for name, part in model.items()}
print(weights)


@jax.jit
def scores(model, hot):
    _, states = elman.unroll(model["recurrent"], hot.astype(jnp.float32))
    return model["output"](states)


def loss(model, carry, batch, *, key):
    inputs, targets = batch
    log_probabilities = jax.nn.log_softmax(scores(model, inputs))
    total = -(targets * log_probabilities).sum()
    return (total, targets.shape[0] * targets.shape[1]), carry


batch = (jnp.asarray(xs[:64]), jnp.asarray(ys[:64]))
with_one_hot = loss(model, (), batch, key=None)[0][0]
with_numbers = cross_entropy(scores(model, batch[0]), jnp.asarray(further[:64]), jnp.ones((64, 8)))[0]
print(f"loss with one-hot targets {float(with_one_hot):.4f}, with numbers {float(with_numbers):.4f}")

# %% [markdown]
# ## Training

# %%
batches = Shuffled(xs, ys, batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=8, short=2)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses(losses, "06-losses")

# %% [markdown]
# ## What does it predict?

# %%
eight = " this is"
logits = scores(trained, jnp.asarray(hot[characters.encode(eight)])[None])[0]
prediction = characters.decode(logits[:, 1 : characters.size].argmax(-1) + 1)
print(repr(eight), "->", repr(prediction))

# %% [markdown]
# ## What it learnt about characters
#
# The rows of the kernel are vectors of characters, so they are an embedding. Rows that point the same way belong to
# characters that the network treats alike, for instance since the same letters follow them. The picture shows the
# cosine of the angle between the rows of letters, lower and upper case: 1 where two rows point the same way, 0 where
# they are orthogonal. After a full run there are pale blue squares along the diagonal, the vowels, the consonants and
# the capitals, and pale red between vowels and consonants.

# %%
letters = [letter for letter in "aeiouybcdfghlmnprstvwAEIOTS" if letter in characters.tokens]
rows = np.asarray(trained["recurrent"].kernel)[characters.encode("".join(letters))]
directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
cosines = directions @ directions.T
drawing, axes = figure(width=5, height=5)
others_only = np.where(np.eye(len(letters)), np.nan, cosines)  # the cosine of a row with itself is always 1
image = axes.imshow(others_only, cmap="RdBu", vmin=-0.3, vmax=0.3)
drawing.colorbar(image, ax=axes, label="cosine", shrink=0.8)
axes.set_xticks(range(len(letters)), letters)
axes.set_yticks(range(len(letters)), letters)
show(drawing, "06-letters")
vowels = [letters.index(letter) for letter in "aeiou"]
others = [letters.index(letter) for letter in "bcdfghlmnprst"]
between_vowels = float(np.mean([cosines[i, j] for i in vowels for j in vowels if i < j]))
to_others = float(cosines[np.ix_(vowels, others)].mean())
print(f"mean cosine between vowels {between_vowels:.2f}, between vowels and consonants {to_others:.2f}")

# %% [markdown]
# ## Try next
#
# - Put an embedding of size 42 before the layer again, and compare the numbers of weights: how many does it save?
# - Draw the cosines between the rows of an embedding, as done here for the kernel.
# - Lesson 9 builds this network without any layer, from a formula of its step.
