# %% [markdown]
# # The Elman cell, whole
#
# The cell that textbooks draw contains an output layer, and an initial state that is learnt like any weight. We first
# compute it by hand, then train it on the letters with which Elman showed in 1990 that such a network finds structure
# in time: where words begin, though nothing says what a word is.
#
# **You need** to know what a recurrent network is (lesson 14). The [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.lessons import count_weights, figure, pace, show
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

# %% [markdown]
# ## The equations
#
# $$
# \begin{aligned}
# h_t &= \sigma(x_t W + s_{t-1} U + b) && \text{the hidden layer, from the input and the previous state} \\
# y_t &= \sigma(h_t W_y + b_y) && \text{the output layer} \\
# s_t &= h_t && \text{the state passed to the next step; } s_0 \text{ is learnt}
# \end{aligned}
# $$
#
# $\sigma$ is the sigmoid. `OutputElman` is this cell.

# %%
cell = elman.OutputElman(3, 2, state_size=4, activation="sigmoid", output_activation="sigmoid", key=jax.random.key(0))
shapes = {name: getattr(cell, name).shape for name in ("kernel", "recurrent_kernel", "bias", "start")}
shapes |= {name: getattr(cell, name).shape for name in ("output_kernel", "output_bias")}
weights = count_weights(cell)
print(shapes)
print(f"{weights} weights, the same at every step")

# %%
xs = np.random.default_rng(0).normal(size=(1, 5, 3)).astype(np.float32)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


W, U, b, W_y, b_y = (
    np.asarray(array) for array in (cell.kernel, cell.recurrent_kernel, cell.bias, cell.output_kernel, cell.output_bias)
)
state, by_hand = np.asarray(cell.start), []
for x in xs[0]:
    hidden = sigmoid(x @ W + state @ U + b)
    by_hand.append(sigmoid(hidden @ W_y + b_y))
    state = hidden
last, ys = elman.unroll(cell, jnp.asarray(xs))
difference = float(np.abs(np.array(by_hand) - ys[0]).max())
print(f"largest difference between five steps by hand and unroll: {difference:.1e}")

# %% [markdown]
# ## Structure in time
#
# Elman's letters are the consonants b, d and g in any order, each followed by its own vowels, as in `ba`, `dii` and
# `guuu`. The network reads one letter after the other and predicts the next. The consonants cannot be predicted; the
# vowels can, and their number too, by a network that counts.
#
# One text in three begins with a word, the others in the middle of one: at the second vowel of `guuu`. The first letter
# can be predicted from the initial state alone.

# %%
WORDS, LETTERS, TIME = ("ba", "dii", "guuu"), "badigu", 20
random = np.random.default_rng(0)


def letters(count):
    """Random texts of TIME + 1 letter numbers, of which two in three begin with the last two vowels of guuu."""
    rows = []
    for number in range(count):
        text = "".join(random.choice(WORDS, TIME + 1))
        text = "uu" + text if number % 3 else text
        rows.append([LETTERS.index(letter) for letter in text[: TIME + 1]])
    return np.array(rows, np.int32)


train, fresh = letters(pace(full=3000, short=600)), letters(300)
print("".join(LETTERS[number] for number in train[1]))

# %% [markdown]
# The cell's own output layer outputs one logit for each letter: `output_activation="linear"`, since the loss applies
# the softmax.


# %%
def new_cell():
    return elman.OutputElman(6, 6, state_size=16, output_activation="linear", key=jax.random.key(1))


def inputs_of(texts):
    """One-hot letters after an empty step, at which the first letter is predicted."""
    return jnp.pad(jax.nn.one_hot(texts[:, :-1], 6), ((0, 0), (1, 0), (0, 0)))


def learnt(*, start):
    """The trained cell, whose initial state is learnt or, without `start`, stays zero."""

    def loss(cell, carry, batch, *, key):
        (texts,) = batch
        texts = jnp.asarray(texts)
        begin = elman.recurrence.start_carry(cell, len(texts))
        _, scores = elman.unroll(cell, inputs_of(texts), begin if start else jnp.zeros_like(begin))
        return cross_entropy(scores, texts, jnp.ones(texts.shape)), carry

    batches = Shuffled(train, batch_size=32)
    *_, last = learn(new_cell(), loss, batches, epochs=pace(full=20, short=4), optimiser=optax.adam(0.01))
    print(f"start {'learnt' if start else 'zero'}: {last}")
    return last.model


trained = learnt(start=True)


# %%
@jax.jit
def surprise(cell, texts):
    """The negative log probability of each letter, given those before it: (texts, steps)."""
    _, scores = elman.unroll(cell, inputs_of(texts))
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), texts[..., None], axis=-1)[..., 0]


nats = np.asarray(surprise(trained, fresh))
consonant = np.isin(fresh, [LETTERS.index(letter) for letter in "bdg"])
later = np.arange(TIME + 1) > 4  # where the network has read enough to know its place in a word
at_consonants, at_vowels = (
    float(nats[:, later][consonant[:, later]].mean()),
    float(nats[:, later][~consonant[:, later]].mean()),
)
print(f"surprise at consonants {at_consonants:.3f} nats; three equally probable letters have ln 3 = {np.log(3):.3f}")
print(f"surprise at vowels     {at_vowels:.3f} nats")

# %% [markdown]
# The surprise is high where a word begins. As in the figure of the paper, the network has found the words.

# %%
drawing, axes = figure(width=8, height=3)
row = 1
axes.bar(range(TIME + 1), nats[row], color=np.where(consonant[row], "tab:red", "tab:blue"))
axes.axhline(np.log(3), color="grey", linewidth=0.8)
axes.set_xticks(range(TIME + 1), [LETTERS[number] for number in fresh[row]])
axes.set_xlabel("letter, red where a word begins")
axes.set_ylabel("surprise, nats")
show(drawing, "21-surprise")

# %% [markdown]
# ## What the initial state has learnt
#
# The network predicts the first letter from the initial state alone. In two texts of three it is a `u`; the others
# begin with a consonant.

# %%
_, scores = elman.unroll(trained, jnp.zeros((1, 1, 6)))
first_guess = np.asarray(jax.nn.softmax(scores[0, 0]))
print(
    "first letter:",
    {letter: round(float(probability), 2) for letter, probability in zip(LETTERS, first_guess, strict=True)},
)
start_size = float(jnp.linalg.norm(trained.start))
print(f"norm of the initial state {start_size:.2f}; it began at 0")

# %% [markdown]
# Does a learnt initial state help? We repeat the training with one that stays zero; the weights shared by all steps
# must then replace it. The least possible surprise follows from the probabilities: the first letter is a `u` in two
# texts of three, else one of three consonants, and the second letter follows from the first. So the mean of the two is
# half of the entropy of the first:
#
# $$-\tfrac{1}{2} \left( \tfrac{2}{3} \ln \tfrac{2}{3} + 3 \cdot \tfrac{1}{9} \ln \tfrac{1}{9} \right)$$

# %%
zero = learnt(start=False)
first_probabilities = np.array([2 / 3, 1 / 9, 1 / 9, 1 / 9])
early = {
    "start learnt": float(nats[:, :2].mean()),
    "start zero": float(np.asarray(surprise(zero, fresh))[:, :2].mean()),
    "the least": float(-(first_probabilities * np.log(first_probabilities)).sum() / 2),
}
print("surprise at the first two letters:", ", ".join(f"{name} {value:.3f} nats" for name, value in early.items()))

# %% [markdown]
# Here both come close to the least: sixteen units are enough for either way.
#
# ## Try next
#
# - Look at the states: `elman.tap(trained, ...)` and a plot of two of the sixteen units, one point for each letter and
#   position. Do the three u of guuu lie apart?
# - Separate the output layer: `elman.Elman` followed by a `Dense` gives the same, since only h is passed on.
# - `elman.LearnedStart` adds a learnt initial state to any cell, such as `elman.LSTM`.
# - Lesson 22 compares one output at the end with one for each step.
