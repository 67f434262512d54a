# %% [markdown]
# # Three characters, and the fourth
#
# A network reads three characters and predicts the next one. It is the smallest step towards a recurrent network: the
# same two layers are used again and again, once for each character.
#
# **You need** a little Python, and to know that a dense layer multiplies by a matrix and adds a bias, and that an
# optimiser such as Adam changes the weights step by step so that a number, the loss, falls. The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.cells import three_characters
from elman.layers import Dense, Embedding
from elman.lessons import count_weights, draw_losses, draw_steps, lesson_text, pace, seed
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters

text = lesson_text()
print(text.note)

# %% [markdown]
# ## Characters as numbers
#
# A network computes with numbers, so each character gets one, in sorted order; 0 is reserved for padding. The network
# sees only these numbers.

# %%
characters = Characters.of([text.characters])
ids = characters.encode(text.characters)
print(f"{characters.size} numbers, padding included")
print(ids[:10].tolist(), "is", repr(characters.decode(ids[:10])))

# %% [markdown]
# An example is three characters, the inputs, and the character after them, the target that the network has to predict.
# Below, the inputs of all examples are three columns and the targets are a fourth. Every third position of the text
# begins a new example, so that the fourth character of one example is the first of the next. (The last two examples are
# left out, so that their number is that of the course whose networks lessons 1 to 13 build again: *Practical deep
# learning*, lesson 6, by fast.ai, 2017. [All figures of both](../docs/lessons.md) are side by side.)

# %%
starts = np.arange(0, len(ids) - 1 - 3, 3)[:-2]
x1, x2, x3, y = (ids[starts + place] for place in range(4))
print("x1", x1[:4], "x2", x2[:4], "x3", x3[:4])
print("y ", y[:4], y.shape)

# %% [markdown]
# ## The network
#
# - An **embedding**: a table with a row of 42 numbers for each character, learnt like all other weights.
# - The **input layer**, from 42 to 256 numbers: the green arrows. It multiplies by a matrix, adds a bias, and replaces
#   negative numbers by 0 (relu). All three characters share it.
# - The **hidden layer**, from 256 to 256, with tanh, which squeezes each number into -1 to 1: the orange arrows, from
#   one hidden state to the next.
# - The **output layer**, from 256 to one number for each character: the blue arrow.
#
# A hidden state is 256 numbers that summarise the characters read so far: the sum of the two arrows that meet in it.
# Arrows of one colour are one layer, with one set of weights.

# %%
draw_steps(["character 1", "character 2", "character 3"], ["", "", "character 4"], "01-network")

# %% [markdown]
# `three_characters` is the part of the network between the embedding and the output layer. All weights begin as random
# numbers, which the key determines: the same key, the same numbers. The output layer gives a logit for each character;
# a function called softmax turns the logits into probabilities, which are positive and sum to 1.

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
    print(f"{name:<10}{count_weights(part):>8,} weights")


@jax.jit
def scores(model, c1, c2, c3):
    """The logits of the next character: the logarithms of its probabilities, up to a constant."""
    vectors = model["embedding"](jnp.stack([c1, c2, c3], axis=1))
    hidden = model["network"](vectors[:, 0], vectors[:, 1], vectors[:, 2])
    return model["output"](hidden)


# %% [markdown]
# To see that nothing is hidden in it, we compute the state by hand for four examples, layer after layer as in the
# drawing. It is the same up to rounding.

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
# The loss says how wrong the network is. Here it is the cross-entropy, minus the logarithm of the probability $p$ that
# the network gave to the right character, on average over all examples:
#
# $$L = -\frac{1}{N} \sum_{i=1}^{N} \ln p_i$$
#
# It is 0 for a network that is always sure and right. A uniform guess, the same probability for all $V$ characters, has
# the loss $\ln V$. Its unit is the nat. Training takes 64 examples at a time (a batch), and changes all weights a
# little in the direction that lowers their loss; once through all examples is an epoch.


# %%
def loss(model, carry, batch, *, key):
    *inputs, targets = batch
    logits = scores(model, *inputs)
    return cross_entropy(logits[:, None], targets[:, None], jnp.ones((len(targets), 1))), carry


examples = pace(full=len(y), short=5_000)
batches = Shuffled(x1[:examples], x2[:examples], x3[:examples], y[:examples], batch_size=64, seed=SEED)
print(f"a uniform guess has loss {np.log(characters.size):.4f}")
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=8, short=2)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses(losses, "01-losses")


# %% [markdown]
# ## What does it predict?
#
# We take the character with the largest logit, which is the most probable one.


# %%
def next_character(three):
    logits = scores(trained, *(jnp.array([number]) for number in characters.encode(three)))
    return characters.token(int(logits[0, 1:].argmax()) + 1)  # from 1: padding is never predicted


predictions = {three: next_character(three) for three in ("phi", " th", " an")}
print(predictions)

# %% [markdown]
# ## Two classic bugs
#
# A network that predicts a space after anything has learnt only that spaces are frequent. It is what you get when the
# learning rate, the size of the steps, is far too small. Two bugs do this without a word:
#
# - **A misspelt attribute.** After `model.optimizer.kr = 0.01`, with k for l, Python has a new attribute that nothing
#   reads, and the learning rate is what it was.
# - **A setting that comes too late.** `model.optimizer.lr = 0.01` is spelt correctly. But a library that builds its
#   training function once, when `fit` is called first, never looks at it again.
#
# Here the learning rate is an argument of the training (`learn(..., optimiser=...)`), so it cannot come too late, and
# an unknown option is an error that suggests the right name:

# %%
try:
    elman.Training(learning_rat=0.01)
except elman.ConfigError as error:
    slip = str(error)
    print("a misspelt setting:", slip)

# %% [markdown]
# ## Try next
#
# - Set the learning rate to 1e-6: `import optax`, and `learn(..., optimiser=optax.adam(1e-6))`. What does the network
#   predict, and what is its loss beside that of a uniform guess?
# - Give each of the three positions its own embedding, three tables in all. Is it better?
# - Then read four characters: `elman.cells.Unrolled(cell, 4)`. Lesson 2 reads eight.
