# %% [markdown]
# # One and many
#
# A recurrent layer maps many inputs to one output, one input to many outputs, or each input to an output. The layer is
# the same; the questions are which of its outputs are used, and what its inputs are where there are none.
#
# **You need** to know the forms of tasks (lesson 20). The [glossary](../docs/glossary.md) explains all terms.

# %%
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense, Embedding
from elman.layers.pooling import make_pooling
from elman.lessons import figure, pace, show
from elman.ops.losses import cross_entropy
from elman.tasks.tagging.generated import sentences
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

UNITS = 32
random = np.random.default_rng(0)


def new_model(inputs, outputs, *, seed=0, **more):
    keys = jax.random.split(jax.random.key(seed), 3)
    embedding = Embedding(inputs, 16, key=keys[0])
    return {
        "embedding": embedding,
        "cell": elman.GRU(16, UNITS, key=keys[1]),
        "output": Dense(UNITS, outputs, key=keys[2]),
        **more,
    }


def train(model, scores, *arrays, epochs):
    """The trained model; `scores(model, *inputs)` returns logits by row and step, the last array holds the targets."""

    def loss(model, carry, batch, *, key):
        *inputs, targets = map(jnp.asarray, batch)
        return cross_entropy(scores(model, *inputs), targets, jnp.ones(targets.shape)), carry

    *_, last = learn(model, loss, Shuffled(*arrays, batch_size=50), epochs=epochs, optimiser=optax.adam(0.01))
    return last.model


# %% [markdown]
# ## Many to one: the last output, or all of them
#
# Each text has a hundred noise characters, a to f, with one that matters among them, at a random position: x, y or z.
# Which was it? The last output has to remember it until the end. Pooled outputs need not: the mean over all steps
# includes the step of that character, and the maximum takes the largest value of each feature from any step.

# %%
SIGNS, LONG = "abcdefxyz", pace(full=100, short=20)


def noise_with_a_sign(count):
    texts, which = random.integers(0, 6, (count, LONG)), random.integers(0, 3, count)
    texts[np.arange(count), random.integers(0, LONG, count)] = 6 + which
    return texts.astype(np.int32), which[:, None].astype(np.int32)


train_texts, train_which = noise_with_a_sign(pace(full=2000, short=300))
test_texts, test_which = noise_with_a_sign(500)
print("".join(SIGNS[number] for number in train_texts[0]), "->", "xyz"[train_which[0, 0]])


# %%
def one_answer(name):
    @jax.jit
    def scores(model, texts):
        _, ys = elman.unroll(model["cell"], model["embedding"](texts))
        pooled = make_pooling(name, model["cell"], key=jax.random.key(0))(ys)
        return model["output"](pooled)[:, None]

    return scores


accuracy = {}
for name in pace(full=("last", "mean", "max"), short=("max",)):
    scores = one_answer(name)
    model = train(new_model(9, 3), scores, train_texts, train_which, epochs=pace(full=8, short=3))
    guesses = np.asarray(scores(model, test_texts).argmax(-1))
    accuracy[name] = float((guesses == test_which).mean())
    print(f"{name:<5} {accuracy[name]:6.1%} right, by chance 33.3%")

# %% [markdown]
# A GRU can remember one character for a hundred steps, once it has learnt to. The question is how soon it does.
#
# ## One to many: fed with the same input, or with its own output
#
# The input is a number, the output its name, letter by letter. After the first step there is no input, but the cell
# needs one. It is either the number, repeated, or the letter that the network wrote last. In training that is the right
# letter, whatever the network would have written (teacher forcing); when it writes, its own.
#
# Each number has two names here: 8 is `eight` or `huit`, each in half of the examples.

# %%
NAMES = [
    ("one", "un"), ("two", "deux"), ("three", "trois"), ("four", "quatre"), ("five", "cinq"),
    ("six", "seis"), ("seven", "sept"), ("eight", "huit"), ("nine", "neuf"), ("ten", "dix"),
]  # fmt: skip
ALPHABET = "." + "".join(sorted({letter for pair in NAMES for name in pair for letter in name}))
STEPS = 7  # the longest name, and a dot that ends it
numbers = np.repeat(np.arange(10, dtype=np.int32), 20)[:, None]
written = [NAMES[number][place % 2] for place, (number,) in enumerate(numbers)]
names = np.array([[ALPHABET.index(letter) for letter in name.ljust(STEPS, ".")] for name in written], np.int32)
before = np.concatenate([len(ALPHABET) + numbers, names[:, :-1]], axis=1)  # the number, then the letters written so far


@jax.jit
def from_the_same(model, numbers):
    vectors = jnp.repeat(model["embedding"](numbers), STEPS, axis=1)
    _, ys = elman.unroll(model["cell"], vectors)
    return model["output"](ys)


@jax.jit
def from_its_own(model, before):
    _, ys = elman.unroll(model["cell"], model["embedding"](before))
    return model["output"](ys)


@jax.jit
def write(model, numbers, key):
    """Names sampled letter by letter, each letter fed to the next step."""

    def step(state, key):
        carry, token = state
        carry, ys = elman.unroll(model["cell"], model["embedding"](token[:, None]), carry)
        letter = jax.random.categorical(key, model["output"](ys)[:, 0])
        return (carry, letter), letter

    start = (elman.recurrence.start_carry(model["cell"], len(numbers)), len(ALPHABET) + numbers[:, 0])
    return jax.lax.scan(step, start, jax.random.split(key, STEPS))[1].T


same = train(new_model(10, len(ALPHABET)), from_the_same, numbers, names, epochs=pace(full=150, short=80))
own = train(new_model(len(ALPHABET) + 10, len(ALPHABET)), from_its_own, before, names, epochs=pace(full=150, short=80))

asked = np.repeat(np.arange(10, dtype=np.int32), 50)[:, None]
answers = {
    "the same input": np.asarray(jax.random.categorical(jax.random.key(1), from_the_same(same, asked))),
    "its own output": np.asarray(write(own, asked, jax.random.key(1))),
}
spelt = {
    how: ["".join(ALPHABET[letter] for letter in row).partition(".")[0] for row in rows]
    for how, rows in answers.items()
}
right_names = {
    how: float(np.mean([name in NAMES[number] for name, (number,) in zip(names_written, asked, strict=True)]))
    for how, names_written in spelt.items()
}
for how, names_written in spelt.items():
    most = Counter(names_written[350:400]).most_common(4)
    print(f"fed with {how}: {right_names[how]:.0%} are names; for 8: {', '.join(name for name, _ in most)}")

# %% [markdown]
# Fed with the same input, the network does not know which letters were sampled, and mixes the two names. Fed with its
# own output it knows, and continues the name that it began. Where there is only one right answer, both ways work.
#
# ## Many to many: an answer for each input
#
# The network predicts the part of speech of each word of a toy grammar's sentences. Many words have two, such as
# `watch`, which depend on the neighbours; the state knows those on the left.

# %%
grammar = sentences(pace(full=3000, short=400))
lexicon = {word: number for number, word in enumerate(sorted({word for one in grammar for word in one.words}), start=1)}
tags = sorted({tag for one in grammar for tag in one.tags})
longest = max(len(one.words) for one in grammar)
words, parts = np.zeros((2, len(grammar), longest), np.int32)
lengths = np.array([len(one.words) for one in grammar], np.int32)
for row, one in enumerate(grammar):
    words[row, : lengths[row]] = [lexicon[word] for word in one.words]
    parts[row, : lengths[row]] = [tags.index(tag) for tag in one.tags]
held = len(grammar) // 10
real = np.arange(longest) < lengths[:, None]


@jax.jit
def tag_all(model, words, lengths):
    _, ys = elman.unroll(model["cell"], model["embedding"](words), lengths=lengths)
    return model["output"](ys)


def tagging_loss(model, carry, batch, *, key):
    words, lengths, parts = map(jnp.asarray, batch)
    weights = (jnp.arange(longest) < lengths[:, None]).astype(jnp.float32)  # padding has weight 0
    return cross_entropy(tag_all(model, words, lengths), parts, weights), carry


batches = Shuffled(words[held:], lengths[held:], parts[held:], batch_size=50)
*_, last = learn(
    new_model(len(lexicon) + 1, len(tags)),
    tagging_loss,
    batches,
    epochs=pace(full=5, short=12),
    optimiser=optax.adam(0.01),
)
tagged = np.asarray(tag_all(last.model, words[:held], lengths[:held]).argmax(-1))
by_network = float((tagged == parts[:held])[real[:held]].mean())

counts = np.zeros((len(lexicon) + 1, len(tags)), int)
np.add.at(counts, (words[held:][real[held:]], parts[held:][real[held:]]), 1)
by_word = float((counts.argmax(1)[words[:held]] == parts[:held])[real[:held]].mean())
print(f"the most frequent tag of each word {by_word:.1%} right, the network {by_network:.1%}")

# %%
drawing, (left, right) = figure(1, 2, width=4.5, height=3)
left.bar(list(accuracy), [100 * share for share in accuracy.values()])
left.axhline(100 / 3, color="grey", linewidth=0.8)
left.set_ylabel("right, %")
left.set_title("many to one, by pooling")
right.bar(list(right_names), [100 * share for share in right_names.values()], color="tab:orange")
right.set_ylabel("names among what was written, %")
right.set_title("one to many, fed with")
show(drawing, "22-one-and-many")

# %% [markdown]
# ## Try next
#
# - Train for one epoch instead of eight. Which pooling learns first? And with `elman.Elman` instead of the GRU?
# - Predict the first a, b or c of the text instead. Now every way of pooling needs a memory: why? Which learns it
#   soonest?
# - Take the most probable letter at each step instead of sampling. What do the two ways of feeding write now?
# - Make the tagger bidirectional: `elman.layers.Bidirectional(forward, backward)` takes two cells and is called instead
#   of `elman.unroll`. `elman.Tagging` has it built in.
# - Lesson 23 stacks layers, and reads characters below words.
