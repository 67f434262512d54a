# %% [markdown]
# # Three characters, and the fourth
#
# A network reads three characters and predicts the next one. It is the smallest step towards a recurrent network: the
# same two layers are used again and again, once for each character.
#
# **You need** a little Python, and to know that a dense layer multiplies by a matrix and adds a bias, and that Adam is
# an optimiser that lowers a loss by its gradient.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.cells import three_characters
from elman.layers import Dense, Embedding
from elman.lessons import draw_losses, draw_steps, lesson_text, pace, seed
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters

text = lesson_text()
print(text.note)

# %% [markdown]
# ## Characters as numbers
#
# Each character gets a number, in sorted order; 0 is reserved for padding. The network sees only these numbers.

# %%
characters = Characters.of([text.characters])
ids = characters.encode(text.characters)
print(f"{characters.size} numbers, padding included")
print(ids[:10].tolist(), "is", repr(characters.decode(ids[:10])))

# %% [markdown]
# There are three columns of inputs and one of targets. Every third position of the text begins a new example, so that
# the fourth character of one example is the first of the next. The last two examples are dropped, as in the printed
# lesson.

# %%
starts = np.arange(0, len(ids) - 1 - 3, 3)[:-2]
x1, x2, x3, y = (ids[starts + place] for place in range(4))
print("x1", x1[:4], "x2", x2[:4], "x3", x3[:4])
print("y ", y[:4], y.shape)

# %% [markdown]
# ## The network
#
# - An **embedding**: 42 numbers for each character, learnt like all other weights.
# - The **input layer**, from 42 to 256, with relu: the green arrows. All three characters share it.
# - The **hidden layer**, from 256 to 256, with tanh: the orange arrows, from one hidden state to the next.
# - The **output layer**, from 256 to one number for each character: the blue arrow.
#
# A hidden state is the sum of the two arrows that meet in it. Arrows of one colour are one layer, with one set of
# weights.

# %%
draw_steps(["character 1", "character 2", "character 3"], ["", "", "character 4"], "01-network")

# %% [markdown]
# `three_characters` is the part of the network between the embedding and the output layer.

# %%
HIDDEN, FACTORS = 256, 42
SEED = seed()
keys = jax.random.split(jax.random.key(SEED), 3)
model = {
    "embedding": Embedding(characters.size, FACTORS, key=keys[0]),
    "network": three_characters(FACTORS, HIDDEN, key=keys[1]),
    "output": Dense(HIDDEN, characters.size, key=keys[2]),
}
for name, part in model.items():
    print(f"{name:<10}{sum(weights.size for weights in jax.tree.leaves(part)):>8,} weights")


@jax.jit
def scores(model, c1, c2, c3):
    """The logits of the next character: the logarithms of its probabilities, up to a constant."""
    vectors = model["embedding"](jnp.stack([c1, c2, c3], axis=1))
    hidden = model["network"](vectors[:, 0], vectors[:, 1], vectors[:, 2])
    return model["output"](hidden)


# %% [markdown]
# The same network written out by hand, layer after layer as in the drawing, gives the same state.

# %%
cell = model["network"].cell


def green(x):
    return jax.nn.relu(x @ cell.kernel + cell.bias)


def orange(h):
    return jnp.tanh(h @ cell.recurrent_kernel + cell.recurrent_bias)


e1, e2, e3 = (model["embedding"].table[column[:4]] for column in (x1, x2, x3))
by_hand = green(e3) + orange(green(e2) + orange(green(e1)))
difference = float(abs(by_hand - model["network"](e1, e2, e3)).max())
print(f"largest difference from the drawing: {difference:.1e}")

# %% [markdown]
# ## Training
#
# The loss is the cross-entropy: minus the logarithm of the probability that the network gave to the right character. A
# uniform guess, the same probability for all characters, has the loss ln(number of characters).


# %%
def loss(model, carry, batch, *, key):
    *inputs, answers = batch
    logits = scores(model, *inputs)
    return cross_entropy(logits[:, None], answers[:, None], jnp.ones((len(answers), 1))), carry


examples = pace(full=len(y), short=10_000)
batches = Shuffled(x1[:examples], x2[:examples], x3[:examples], y[:examples], batch_size=64, seed=SEED)
print(f"a uniform guess has loss {np.log(characters.size):.4f}")
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=8, short=1)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses({"three characters": losses}, "01-losses")


# %% [markdown]
# ## What does it predict?


# %%
def next_character(three):
    logits = scores(trained, *(jnp.array([number]) for number in characters.encode(three)))
    return characters.token(int(logits[0, 1:].argmax()) + 1)  # from 1: padding is never predicted


answers = {three: next_character(three) for three in ("phi", " th", " an")}
print(answers)

# %% [markdown]
# The printed run predicted a space in all three cases, after sixteen epochs. Its learning rate began at 1e-6 and stayed
# there. `model.optimizer.kr = 0.01` is a typing error, which Python accepts as a new attribute that nothing reads.
# `model.optimizer.lr = 0.01`, later on, is spelt correctly but did nothing either: the Keras of that time built its
# training function at the first `fit`, with the learning rate set then. The network had learnt only that spaces are
# frequent. Here the learning rate is an argument of the training (`learn(..., optimiser=...)`), and an unknown option
# raises an error that suggests the right name:

# %%
try:
    elman.Training(learning_rat=0.01)
except elman.ConfigError as error:
    slip = str(error)
    print(slip)

# %% [markdown]
# ## Try next
#
# - Set the learning rate to 1e-6: `import optax`, and `learn(..., optimiser=optax.adam(1e-6))`. The network predicts
#   spaces again.
# - Give each of the three positions its own embedding, three tables in all, as the printed network did. Is it better?
# - Then read four characters: `elman.cells.Unrolled(cell, 4)`. Lesson 2 reads eight.
