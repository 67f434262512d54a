# %% [markdown]
# # Addition
#
# A network that learns to add from examples alone: `535+61` goes in character by character, and `596` comes out. The
# lengths differ, so that two recurrent layers are needed: an encoder reads the question into one vector, and a decoder
# writes the answer from it. Nobody tells them what a digit is.
#
# **You need** to know what a vector becomes a sequence means, and a sequence a class (lesson 20), and what one-hot is.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.data import Characters, Shuffled
from elman.data.generated import sums
from elman.layers import Dense
from elman.lessons import figure, marked, pace, seed, show
from elman.models.seq2seq import EncoderDecoder
from elman.ops.losses import cross_entropy
from elman.training.learn import learn

# %% [markdown]
# ## The character table
#
# Twelve characters, sorted; each is a number, and the number a one-hot vector. Texts are filled up with spaces to one
# length. The way back takes the place of the largest of twelve numbers, be it a one or a probability.

# %%
CHARACTERS = " +0123456789"


def encode(texts, length):
    """The numbers of the characters: (texts, length)."""
    return np.array([[CHARACTERS.index(sign) for sign in text.ljust(length)] for text in texts], np.int32)


def one_hot(numbers):
    return np.eye(len(CHARACTERS), dtype=np.float32)[numbers]


def decode(vectors):
    """The text of one-hot vectors, of probabilities or of scores: (length, 12)."""
    return "".join(CHARACTERS[number] for number in vectors.argmax(-1))


print(encode(["1+20"], 6))
print(one_hot(encode(["1+20"], 6))[0].astype(int))
print(repr(decode(one_hot(encode(["1+20"], 6))[0])))
table = Characters.of([CHARACTERS])  # elman's own, whose 0 is kept for padding
print("the same as elman's:", (table.encode("1+20").tolist(), (1 + encode(["1+20"], 4)[0]).tolist()))

# %% [markdown]
# ## Questions and answers
#
# 50,000 sums, no two of them the same, where `a+b` and `b+a` are the same. Small numbers are soon used up, so that the
# later sums are longer; they are shuffled before a tenth is held back. Questions are read from the end: then the last
# digits, which an addition begins with, are read first, and the spaces before them.


# %%
def problem(digits, count, asked=()):
    """Questions, `asked` first and in no later place, their numbers, and those of their answers."""
    own = {frozenset(question.split("+")) for question in asked}
    others = [pair.source for pair in sums(digits, count) if frozenset(pair.source.split("+")) not in own]
    questions = [*asked, *np.random.default_rng(0).permutation(others).tolist()][:count]
    answers = [str(sum(map(int, question.split("+")))) for question in questions]
    return questions, encode(questions, 2 * digits + 1)[:, ::-1], encode(answers, digits + 1)


COUNT, SHOWN = pace(full=50_000, short=2_000), 10
PRINTED = [
    *("89839+3", "940152232+3", "1+24843549", "468095498+9625344", "955907+832053653"),
    *("426267+56171", "219058096+2593", "606+634540", "81+89554", "268+42"),
]  # the ten sums that the printed lesson shows
long_questions, long_inputs, long_answers = problem(10, COUNT, PRINTED)
held = COUNT // 10
print(one_hot(long_inputs[held:]).shape, one_hot(long_answers[held:]).shape)
print(f"{long_questions[0]!r} is read as {decode(one_hot(long_inputs[0]))!r}")
print(f"its answer is {decode(one_hot(long_answers[0]))!r}")

# %% [markdown]
# ## Encoder and decoder
#
# Of the encoder's outputs the last is kept, which has seen the whole question. It is repeated, as the decoder's input
# at each step; the decoder's outputs are scored, one dense layer for all steps. The cell is whatever is named: these
# lines are the same for `elman.Elman` (Keras' SimpleRNN), `elman.GRU` and `elman.LSTM`.

# %%
UNITS, SEED = pace(full=128, short=32), seed()


def new_model(cell):
    keys = jax.random.split(jax.random.key(SEED), 3)
    return {
        "encoder": cell(len(CHARACTERS), UNITS, key=keys[0]),
        "decoder": cell(UNITS, UNITS, key=keys[1]),
        "output": Dense(UNITS, len(CHARACTERS), key=keys[2]),
    }


def scores(model, inputs, *, length):
    _, read = elman.unroll(model["encoder"], jax.nn.one_hot(inputs, len(CHARACTERS)))
    repeated = jnp.repeat(read[:, -1:], length, axis=1)
    _, written = elman.unroll(model["decoder"], repeated)
    return model["output"](written)


answer = jax.jit(lambda model, inputs, length: scores(model, inputs, length=length).argmax(-1), static_argnums=2)
weights = {}
for cell in (elman.Elman, elman.GRU, elman.LSTM):
    weights[cell.__name__] = [sum(array.size for array in jax.tree.leaves(part)) for part in new_model(cell).values()]
    print(f"{cell.__name__:<6} weights {weights[cell.__name__]}, in all {sum(weights[cell.__name__]):,}")

# %% [markdown]
# elman has this network: `EncoderDecoder` with the connection "repeat". It has an embedding, which here is given the
# one-hot vectors. With the same weights, are the scores the same?

# %%
model = new_model(elman.LSTM)
theirs = EncoderDecoder(
    elman.LSTM, source_vocab=12, target_vocab=12, embedding_size=12, hidden_size=UNITS, connection="repeat",
    key=jax.random.key(1),
)  # fmt: skip
theirs = eqx.tree_at(
    lambda it: (it.source_embedding.table, it.encoder.cells[0], it.decoder.cells[0], it.head),
    theirs,
    (jnp.eye(12), model["encoder"], model["decoder"], model["output"]),
)
some = jnp.asarray(long_inputs[:50])
logits = theirs(some, jnp.full(50, some.shape[1]), jnp.zeros((50, 11), jnp.int32)).logits
difference = float(jnp.abs(logits - scores(model, some, length=11)).max())
print(f"largest difference {difference:.1e}")

# %% [markdown]
# ## Training, with ten sums shown
#
# After each epoch: how many characters of the answers are right, which is what Keras calls accuracy, and how many whole
# sums; then ten sums that are held back, always the same. ☑ is right and ☒ is wrong, in green and red where the
# terminal has colours; behind a wrong sum stands the right one.


# %%
def text_of(row):
    return "".join(CHARACTERS[number] for number in row).rstrip()


def show_sums(questions, found, wanted):
    """Five in a line, marked."""
    line = []
    for question, guess, truth in zip(questions, map(text_of, found), map(text_of, wanted), strict=True):
        right = guess == truth
        line.append(marked(f"{question}={guess}" + ("" if right else f" ({truth})"), right))
        if len(line) == (5 if len(truth) < 5 and len(question) < 8 else 2):
            print(" ", *line, sep="  ")
            line = []
    if line:
        print(" ", *line, sep="  ")


def train(cell, questions, inputs, answers, *, epochs):
    """The trained model, the share of right sums after each epoch, and all answers to what is held back."""

    def loss(model, carry, batch, *, key):
        inputs, answers = map(jnp.asarray, batch)
        return cross_entropy(scores(model, inputs, length=answers.shape[1]), answers, jnp.ones(answers.shape)), carry

    batches = Shuffled(inputs[held:], answers[held:], batch_size=128, seed=SEED)
    rate = optax.cosine_decay_schedule(0.003, epochs * len(batches))
    found = []
    for epoch in learn(new_model(cell), loss, batches, epochs=epochs, optimiser=optax.adam(rate)):
        found.append(np.asarray(answer(epoch.model, inputs[:held], answers.shape[1])))
        right = found[-1] == answers[:held]
        print(f"{cell.__name__} {epoch}, {right.mean():.1%} of characters, {right.all(1).mean():.1%} of sums right")
        show_sums(questions[:SHOWN], found[-1][:SHOWN], answers[:SHOWN])
    return epoch.model, np.array(found)


# %% [markdown]
# ## Ten digits, as printed
#
# The printed lesson adds numbers of up to ten digits with a simple recurrent network. Its output ends after one pass
# over the sums; none of the ten shown is right, and 63 of their 110 characters are, with the spaces. The same ten are
# asked here.

# %%
_, long_found = train(elman.Elman, long_questions, long_inputs, long_answers, epochs=pace(full=10, short=1))
printed_right = (long_found == long_answers[:held])[:, :SHOWN].sum((1, 2))
print("right among the 110 characters of the ten sums, by epoch:", *printed_right)
padding = float((long_answers[:held] == 0).mean())
print(f"{padding:.1%} of the characters to write are spaces")

# %% [markdown]
# The characters flatter: many are the spaces behind an answer, and the first digits are those of the larger number. No
# sum is right before every digit is. 45,000 examples are few for ten digits, and one vector is little to hold them in.
#
# ## Three digits, three cells
#
# The same lines, for numbers of up to three digits, with each of the cells.

# %%
questions, inputs, answers = problem(3, COUNT)
models, found, right = {}, {}, {}
for cell in pace(full=(elman.Elman, elman.GRU, elman.LSTM), short=(elman.Elman,)):
    name = cell.__name__
    models[name], found[name] = train(cell, questions, inputs, answers, epochs=pace(full=40, short=6))
    right[name] = (found[name] == answers[:held]).all(2).mean(1)
for name, shares in right.items():
    print(f"{name:<6} {shares[-1]:.2%} of {held:,} sums right that it has never seen")

# %% [markdown]
# ## What is hard about it
#
# Which digit is learnt first, and what does a carry cost? Digits are counted from the end of the right answer.


# %%
def carries(question):
    """How often one is carried when a sum is done by hand."""
    first, second = (text[::-1].ljust(3, "0") for text in question.split("+"))
    carried = count = 0
    for a, b in zip(first, second, strict=True):
        carried = int(int(a) + int(b) + carried > 9)
        count += carried
    return count


best = max(right, key=lambda name: right[name][-1])
truth, rows = answers[:held], np.arange(held)
lengths = (truth != 0).sum(1)
by_place = np.array(
    [
        [(guess == truth)[rows, lengths - place][lengths >= place].mean() for guess in found[best]]
        for place in range(1, 5)
    ]
)
carried = np.array([carries(question) for question in questions[:held]])
early = len(found[best]) // 4
by_carries = {
    count: [float((found[best][epoch] == truth).all(1)[carried == count].mean()) for epoch in (early, -1)]
    for count in range(4)
}
print(f"{best}: sums right by the number of carries, after {early + 1} epochs and at the end")
for count, (soon, at_last) in by_carries.items():
    print(f"  {count}: {soon:6.1%} {at_last:6.1%} of {(carried == count).sum():,}")

# %%
drawing, (left, right_hand) = figure(1, 2, width=5)
for name, shares in right.items():
    left.plot(range(1, len(shares) + 1), 100 * shares, label=name)
left.set_xlabel("epoch")
left.set_ylabel("sums right, %")
left.legend(frameon=False)
for place, shares in zip(("ones", "tens", "hundreds", "thousands"), by_place, strict=True):
    right_hand.plot(range(1, len(shares) + 1), 100 * shares, label=place)
right_hand.set_xlabel("epoch")
right_hand.set_ylabel("digits right, %")
right_hand.set_title(best, fontsize="medium")
right_hand.legend(frameon=False)
show(drawing, "19-learning")

# %% [markdown]
# The ten sums once more, as they were answered on the way: a digit is green where it is right, and
# red where it is not; an underscore is a digit that is missing.

# %%
epochs = np.unique(np.geomspace(1, len(found[best]), 8).round().astype(int))
drawing, axes = figure(width=1.5 + 1.0 * len(epochs), height=3.4)
for row, question in enumerate(questions[:SHOWN]):
    axes.text(-0.4, row, question + " =", ha="right", va="center", family="monospace")
    for column, epoch in enumerate(epochs):
        for place, (sign, wanted) in enumerate(zip(found[best][epoch - 1][row], truth[row], strict=True)):
            style = {"color": "tab:green"} if sign == wanted else {"color": "tab:red", "weight": "bold"}
            shown = "_" if sign == 0 and sign != wanted else CHARACTERS[sign]
            axes.text(column + 0.16 * place, row, shown, va="center", family="monospace", **style)
axes.set_xlim(-1.4, len(epochs))
axes.set_ylim(SHOWN - 0.5, -0.5)
axes.set_xticks(np.arange(len(epochs)) + 0.3, [str(epoch) for epoch in epochs])
axes.set_yticks([])
axes.set_xlabel(f"epoch, {best}")
axes.spines[:].set_visible(False)
show(drawing, "19-sums")

# %% [markdown]
# Only the sums that it knows? No: those shown and counted are held back, in either order of their numbers.
#
# ## The same as a task
#
# `elman.Seq2Seq` reads the question from both ends, lets the decoder read what it wrote, ends an answer by a sign of
# its own where spaces stood, and looks back at the characters of the question by attention, where one vector had to
# hold all.

# %%
task = elman.Seq2Seq(digits=3, examples=COUNT, hidden_size=UNITS, embedding_size=32, validation=0.02, test=0.1)
data = task.read("sums")
fitted = elman.fit(task, data, seed=SEED, **pace(full={"epochs": 8}, short={"steps": 5}))
by_task = fitted.evaluate(data.test)
print(by_task)
print([fitted.predict(question).text for question in ("535+61", "999+1", "7+8")])

# %% [markdown]
# ## Try next
#
# - Read the questions from the front: leave out `[:, ::-1]`. What do you lose, and does the LSTM lose less?
# - Write the answers from the end, as by hand: reverse them in `problem`. Which digit is learnt first now, and what do
#   ten digits do?
# - Ask for more digits than it has learnt from: `answer` of questions with four digits. Has it learnt to add?
# - `elman train sums --digits 5` on the command line, and `fitted.attention("535+61")` to see where it looks.
