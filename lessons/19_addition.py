# %% [markdown]
# # Addition
#
# A network learns to add from examples alone: it reads `535+61` character by character and writes `596`. The lengths
# differ, so two recurrent layers are needed: an encoder reads the question into one vector, and a decoder writes the
# answer from it. What a digit means they have to learn.
#
# **You need** to know how a network maps a vector to a sequence, and a sequence to a class (lesson 20), and what
# one-hot means (lesson 6). The [glossary](../docs/glossary.md) explains all terms.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense
from elman.lessons import count_weights, figure, legend_above, marked, pace, seed, show
from elman.ops.losses import cross_entropy
from elman.tasks.seq2seq.generated import sums
from elman.tasks.seq2seq.model import EncoderDecoder
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters

# %% [markdown]
# ## The character table
#
# There are twelve characters, sorted. Each has a number, which becomes a one-hot vector. Texts are padded with spaces
# to one length. Decoding takes the place of the largest of twelve numbers, one-hot or probabilities.

# %%
CHARACTERS = " +0123456789"


def encode(texts, length):
    """The numbers of the characters of texts padded with spaces: (texts, length)."""
    return np.array([[CHARACTERS.index(sign) for sign in text.ljust(length)] for text in texts], np.int32)


def one_hot(numbers):
    return np.eye(len(CHARACTERS), dtype=np.float32)[numbers]


def decode(vectors):
    """The text of one-hot vectors, probabilities or logits of shape (length, 12)."""
    return "".join(CHARACTERS[number] for number in vectors.argmax(-1))


print(encode(["1+20"], 6))
print(one_hot(encode(["1+20"], 6))[0].astype(int))
print(repr(decode(one_hot(encode(["1+20"], 6))[0])))
table = Characters.of([CHARACTERS])  # elman's own, whose 0 is kept for padding
print("the same as elman's:", (table.encode("1+20").tolist(), (1 + encode(["1+20"], 4)[0]).tolist()))

# %% [markdown]
# ## Questions and answers
#
# There are 50,000 different sums, where `a+b` and `b+a` count as the same. Small numbers are soon used up, so the later
# sums are longer; they are shuffled before a tenth is held out. Questions are reversed: the spaces at the end are read
# first, then the last digits, with which an addition begins.


# %%
def problem(digits, count, first=()):
    """Questions, those of `first` first, with their encoded, reversed inputs and their encoded answers."""
    own = {frozenset(question.split("+")) for question in first}
    others = [pair.source for pair in sums(digits, count) if frozenset(pair.source.split("+")) not in own]
    questions = [*first, *np.random.default_rng(0).permutation(others).tolist()][:count]
    answers = [str(sum(map(int, question.split("+")))) for question in questions]
    return questions, encode(questions, 2 * digits + 1)[:, ::-1], encode(answers, digits + 1)


COUNT, SHOWN = pace(full=50_000, short=2_000), 10
TEN = [
    *("89839+3", "940152232+3", "1+24843549", "468095498+9625344", "955907+832053653"),
    *("426267+56171", "219058096+2593", "606+634540", "81+89554", "268+42"),
]  # the sums to look at, which are held out
long_questions, long_inputs, long_answers = problem(10, COUNT, TEN)
held = COUNT // 10
print(one_hot(long_inputs[held:]).shape, one_hot(long_answers[held:]).shape)
print(f"{long_questions[0]!r} is read as {decode(one_hot(long_inputs[0]))!r}")
print(f"its answer is {decode(one_hot(long_answers[0]))!r}")

# %% [markdown]
# ## Encoder and decoder
#
# Only the encoder's last output is used, which depends on the whole question. It is repeated as the decoder's input at
# each step; one dense layer for all steps maps the decoder's outputs to logits. The cell is an argument: the code is
# the same for `elman.Elman`, `elman.GRU` and `elman.LSTM`.

# %%
UNITS, SEED = pace(full=128, short=64), seed()


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
    weights[cell.__name__] = [count_weights(part) for part in new_model(cell).values()]
    print(f"{cell.__name__:<6} weights {weights[cell.__name__]}, in all {sum(weights[cell.__name__]):,}")

# %% [markdown]
# elman has this network: `EncoderDecoder` with the connection "repeat". Its embedding is set to the one-hot vectors
# here. With the same weights, are the logits the same?

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
# After each epoch we print the share of right characters, often called accuracy, and the share of right sums; then
# the same ten held-out sums. ☑ is right and ☒ is wrong, in green and red where the terminal has colours; the right
# answer follows a wrong one.


# %%
def text_of(row):
    return "".join(CHARACTERS[number] for number in row).rstrip()


def show_sums(questions, guesses, answers):
    """Prints sums marked as right or wrong, five (or two long ones) in a line."""
    line = []
    for question, guess, truth in zip(questions, map(text_of, guesses), map(text_of, answers), strict=True):
        right = guess == truth
        line.append(marked(f"{question}={guess}" + ("" if right else f" ({truth})"), right))
        if len(line) == (5 if len(truth) < 5 and len(question) < 8 else 2):
            print(" ", *line, sep="  ")
            line = []
    if line:
        print(" ", *line, sep="  ")


def train(cell, questions, inputs, answers, *, epochs):
    """The trained model, and its answers to the held-out questions after each epoch."""

    def loss(model, carry, batch, *, key):
        inputs, answers = map(jnp.asarray, batch)
        return cross_entropy(scores(model, inputs, length=answers.shape[1]), answers, jnp.ones(answers.shape)), carry

    batches = Shuffled(inputs[held:], answers[held:], batch_size=pace(full=128, short=16), seed=SEED)
    rate = optax.cosine_decay_schedule(pace(full=0.003, short=0.005), epochs * len(batches))
    guesses = []
    for epoch in learn(new_model(cell), loss, batches, epochs=epochs, optimiser=optax.adam(rate)):
        guesses.append(np.asarray(answer(epoch.model, inputs[:held], answers.shape[1])))
        right = guesses[-1] == answers[:held]
        print(f"{cell.__name__} {epoch}, {right.mean():.1%} of characters, {right.all(1).mean():.1%} of sums right")
        show_sums(questions[:SHOWN], guesses[-1][:SHOWN], answers[:SHOWN])
    return epoch.model, np.array(guesses)


# %% [markdown]
# ## Ten digits: nearly every character, and no sum
#
# First we add numbers of up to ten digits with a simple recurrent network. After an epoch none of the ten sums shown is
# right, but more than half of their 110 characters are, spaces included.

# %%
_, long_guesses = train(elman.Elman, long_questions, long_inputs, long_answers, epochs=pace(full=10, short=1))
right_characters = (long_guesses == long_answers[:held])[:, :SHOWN].sum((1, 2))
print("right among the 110 characters of the ten sums, by epoch:", *right_characters)
padding = float((long_answers[:held] == 0).mean())
print(f"{padding:.1%} of the characters to write are spaces")

# %% [markdown]
# The accuracy of characters is misleading: many are the spaces after an answer, and the first digits are those of the
# larger number. A sum is right only when every digit is. 45,000 examples are few for ten digits, and one vector holds
# little.
#
# ## Three digits, three cells
#
# The same code adds numbers of up to three digits, with each of the cells. (The short form of this lesson adds two,
# with one of them.)

# %%
DIGITS = pace(full=3, short=2)
questions, inputs, answers = problem(DIGITS, COUNT)
models, guesses_by_cell, right = {}, {}, {}
for cell in pace(full=(elman.Elman, elman.GRU, elman.LSTM), short=(elman.Elman,)):
    name = cell.__name__
    models[name], guesses_by_cell[name] = train(cell, questions, inputs, answers, epochs=pace(full=40, short=20))
    right[name] = (guesses_by_cell[name] == answers[:held]).all(2).mean(1)
for name, shares in right.items():
    print(f"{name:<6} {shares[-1]:.2%} of {held:,} sums right that it has never seen")

# %% [markdown]
# ## What is hard about it
#
# Which digit is learnt first, and how much harder does a carry make a sum? Digits are counted from the end of the right
# answer.


# %%
def carries(question):
    """The number of carries when a sum is done by hand."""
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
        [(guess == truth)[rows, lengths - place][lengths >= place].mean() for guess in guesses_by_cell[best]]
        for place in range(1, DIGITS + 2)
    ]
)
carried = np.array([carries(question) for question in questions[:held]])
early = len(guesses_by_cell[best]) // 4
by_carries = {
    count: [float((guesses_by_cell[best][epoch] == truth).all(1)[carried == count].mean()) for epoch in (early, -1)]
    for count in range(DIGITS + 1)
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
legend_above(left)
for place, shares in zip(("ones", "tens", "hundreds", "thousands"), by_place, strict=False):
    right_hand.plot(range(1, len(shares) + 1), 100 * shares, label=place)
right_hand.set_xlabel("epoch")
right_hand.set_ylabel("digits right, %")
right_hand.set_title(best, fontsize="medium")
legend_above(right_hand)
for axes in (left, right_hand):
    axes.xaxis.get_major_locator().set_params(integer=True)
show(drawing, "19-learning")

# %% [markdown]
# The picture shows the answers to the ten sums during training: a right digit is green, a wrong one red; an underscore
# is a missing digit.

# %%
epochs = np.unique(np.geomspace(1, len(guesses_by_cell[best]), 8).round().astype(int))
drawing, axes = figure(width=1.5 + 1.0 * len(epochs), height=3.4)
for row, question in enumerate(questions[:SHOWN]):
    axes.text(-0.4, row, question + " =", ha="right", va="center", family="monospace")
    for column, epoch in enumerate(epochs):
        for place, (sign, target) in enumerate(zip(guesses_by_cell[best][epoch - 1][row], truth[row], strict=True)):
            style = {"color": "tab:green"} if sign == target else {"color": "tab:red", "weight": "bold"}
            shown = "_" if sign == 0 and sign != target else CHARACTERS[sign]
            axes.text(column + 0.16 * place, row, shown, va="center", family="monospace", **style)
axes.set_xlim(-1.4, len(epochs))
axes.set_ylim(SHOWN - 0.5, -0.5)
axes.set_xticks(np.arange(len(epochs)) + 0.3, [str(epoch) for epoch in epochs])
axes.set_yticks([])
axes.set_xlabel(f"epoch, {best}")
axes.spines[:].set_visible(False)
show(drawing, "19-sums")

# %% [markdown]
# The network did not memorise these sums: those shown and counted are held out, in either order of their numbers.
#
# ## The same as a task
#
# `elman.Seq2Seq` has a bidirectional encoder and a decoder that reads its own last output. It ends an answer by an end
# token instead of spaces, and uses attention to the characters of the question instead of one vector.

# %%
task = elman.Seq2Seq(digits=DIGITS, examples=COUNT, hidden_size=UNITS, embedding_size=32, validation=0.02, test=0.1)
data = task.read("sums")
fitted = elman.fit(task, data, seed=SEED, **pace(full={"epochs": 8}, short={"steps": 250, "learning_rate": 0.01}))
by_task = fitted.evaluate(data.test)
print(by_task)
print(
    [
        fitted.predict(question).text
        for question in pace(full=("535+61", "999+1", "7+8"), short=("53+61", "99+1", "7+8"))
    ]
)

# %% [markdown]
# ## Try next
#
# - Read the questions from the front: omit `[:, ::-1]`. How much worse is it, and does the LSTM lose less?
# - Write the answers from the end, as by hand: reverse them in `problem`. Which digit is learnt first now, and how well
#   does it add ten digits?
# - Call `answer` on questions with four digits, more than in training. Has it learnt to add?
# - `elman train sums --digits 5` on the command line, and `fitted.attention("535+61")` to see where it looks.
