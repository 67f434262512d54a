# %% [markdown]
# # The same network as one layer
#
# The unrolled network of lesson 2 is so common that every toolkit has it as one layer: the simple recurrent network of
# Elman (1990). One line replaces eight.
#
# **You need** lesson 2, or to know what a hidden state is. The [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.lessons import count_weights, draw_losses, lesson_text, pace, seed
from elman.ops.losses import cross_entropy
from elman.tasks.language_modelling.model import LanguageModel
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, y = windows[:-2], further[:-2, -1]
print(xs.shape, y.shape)

# %% [markdown]
# ## The network
#
# `LanguageModel` combines an embedding, a recurrent layer and an output layer. The cell computes one step, the new
# state $h_t$ from the vector $x_t$ of the character read and the state $h_{t-1}$ before it,
#
# $$h_t = \mathrm{relu}(x_t W + h_{t-1} U + b)$$
#
# and `unroll` repeats it for every step. $W$ and $U$ are matrices and $b$ is a bias, the same at all steps. One thing
# differs from lesson 2: here the two arrows are added *before* relu.

# %%
HIDDEN, FACTORS, VOCAB = 256, 42, characters.size + 1
SEED = seed()


def cell(input_size, hidden_size, *, key):
    return elman.Elman(input_size, hidden_size, activation="relu", key=key)  # with relu, U starts as the identity


model = LanguageModel(
    cell, vocab=VOCAB, embedding_size=FACTORS, hidden_size=HIDDEN, num_layers=1, key=jax.random.key(SEED)
)

# %% [markdown]
# ## Where the weights are
#
# A matrix from $m$ to $n$ numbers has $m n$ weights, and a bias has $n$. For 256 units and a table of 86 rows:
#
# | layer | weights | sum |
# |---|---|---|
# | embedding | rows x 42 | 3,612 |
# | recurrent | 42 x 256 + 256 x 256 + 256 | 76,544 |
# | output | 256 x rows + rows | 22,102 |
# | all | | 102,258 |


# %%
counts = {
    "embedding": count_weights(model.embedding),
    "recurrent": count_weights(model.layers),
    "output": count_weights(model.head),
}
counts["all"] = count_weights(model)
for name, count in counts.items():
    print(f"{name:<10}{count:>8,}")

# %% [markdown]
# ## Training
#
# The network outputs logits after each character; here only those after the eighth count. The state begins at zero for
# every window.


# %%
def loss(model, carry, batch, *, key):
    windows, targets = batch
    _, logits = model(jnp.asarray(windows), model.init_carry(len(windows)))
    return cross_entropy(logits[:, -1:], targets[:, None], jnp.ones((len(targets), 1))), carry


examples = pace(full=len(y), short=5_000)
batches = Shuffled(xs[:examples], y[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=8, short=2)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses(losses, "03-losses")


# %% [markdown]
# ## What does it predict?


# %%
def next_character(eight):
    ids = jnp.asarray(characters.encode(eight))[None]
    _, logits = trained(ids, trained.init_carry(1))
    return characters.token(int(logits[0, -1, 1 : characters.size].argmax()) + 1)


predictions = {eight: next_character(eight) for eight in ("this is ", "part of ", "queens a")}
print(predictions)

# %% [markdown]
# Can we trust a fast layer? elman can compute it in several ways, called engines. The C++ kernel, which `unroll` uses
# where there is one, and the reference engine, a readable loop in NumPy with twice the digits (float64), agree up to
# rounding:

# %%
ids = jnp.asarray(xs[:64])
_, fast = elman.unroll(trained.layers.cells[0], trained.embedding(ids))
_, slow = elman.unroll(trained.layers.cells[0], trained.embedding(ids), engine="reference")
difference = float(np.abs(np.asarray(fast) - np.asarray(slow)).max())
print(f"largest difference: {difference:.1e}, of states up to {float(abs(fast).max()):.1f}")

# %% [markdown]
# ## Try next
#
# - Use the cell `elman.GRU`: `LanguageModel(elman.GRU, ...)`. What do the gates cost in weights and in time?
# - Use tanh; U is then initialised as a rotation. Is the first epoch better, and the last?
# - Seven of eight predictions are thrown away here. Lesson 4 uses them all.
