# %% [markdown]
# # Words as numbers, numbers as vectors
#
# A network cannot read words. Each word gets a number, and each number a row of a table: its vector, which is learnt.
# This is an embedding layer, and it equals one-hot vectors times a matrix. With it, a network predicts whether a
# message is spam.
#
# **You need** to know that a recurrent network can read a sequence and give one output (lesson 22). The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense, Embedding
from elman.layers.pooling import LastPooling
from elman.lessons import count_weights, data_file, figure, pace, show
from elman.tasks.classification.reading import read_labelled
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words.lexicon import Lexicon

# %% [markdown]
# ## Words
#
# The data is a collection of short messages, each of which is spam or not ("ham").

# %%
path = data_file("classification/sms/SMSSpamCollection")
random = np.random.default_rng(0)
if path is None:
    print("no messages: made-up ones in their place, so that figures differ from those of the lesson")
    frames = {
        "ham": ["see you at {} in the {}", "the {} starts at {}"],
        "spam": ["win a free {}, call {}", "claim {} now or {}"],
    }
    things = ["phone", "ticket", "office", "dinner", "bus", "ring", "nine", "ten", "train", "garden"]
    labels = random.choice(["ham", "spam"], 5000, p=[0.87, 0.13])
    messages = [(str(random.choice(frames[label])).format(*random.choice(things, 2)), str(label)) for label in labels]
else:
    messages = [(message.text, message.label) for message in read_labelled(path).train]
messages = [messages[number] for number in random.permutation(len(messages))[: pace(full=None, short=700)]]
held, rest = messages[: len(messages) // 5], messages[len(messages) // 5 :]
print(f"{len(rest):,} messages to learn from, {len(held):,} held back")
text, label = held[0]
print(f"{label}: {text}")

# %% [markdown]
# A lexicon numbers the words of the training messages, the most frequent first. 0 is reserved for padding, and 1 stands
# for every unknown word.

# %%
lexicon = Lexicon.of((text for text, _ in rest), lower=True, min_count=2)
ids = lexicon.encode("Win a zeppelin now!")
print(f"{lexicon.size:,} numbers: {lexicon.tokens[2:12]} ...")
print("Win a zeppelin now! ->", ids.tolist(), "->", lexicon.decode(ids))

# %% [markdown]
# Messages have different lengths. In an array they are padded to the same length, and the network gets the length of
# each.

# %%
TIME = 40


def arrays_of(messages):
    words, lengths = np.zeros((len(messages), TIME), np.int32), np.zeros(len(messages), np.int32)
    for row, (text, _) in enumerate(messages):
        numbers = lexicon.encode(text)[:TIME]
        words[row, : len(numbers)], lengths[row] = numbers, len(numbers)
    return words, lengths, np.array([label == "spam" for _, label in messages], np.int32)


words, lengths, spam = arrays_of(rest)
print(words.shape, "the first:", words[0, :8].tolist(), "... of length", lengths[0])

# %% [markdown]
# ## Vectors
#
# A one-hot vector has as many numbers as there are words, all 0 but for a 1 at the place of the word. Such a vector
# times a matrix $W$ is a row of $W$. Looking up the row gives the same, and saves the product with all those zeros.

# %%
VECTOR, UNITS = 32, 32
table = Embedding(lexicon.size, VECTOR, key=jax.random.key(0))
some = jnp.asarray(words[:4])
one_hot = jax.nn.one_hot(some, lexicon.size)
difference = float(abs(one_hot @ table.table - table(some)).max())
print(f"{one_hot.shape} times {table.table.shape} is {table(some).shape}; largest difference {difference}")
print(f"numbers multiplied: {one_hot.size * VECTOR:,}; rows taken: {some.size}")

# %% [markdown]
# The table is learnt like any matrix: its gradient is that of the product, and is zero except in the rows of the words
# in the batch. Words that never occur keep their initial vectors.

# %%
by_rows = jax.grad(lambda table: jnp.sin(table(some)).sum())(table).table
by_product = jax.grad(lambda matrix: jnp.sin(one_hot @ matrix).sum())(table.table)
gradient_difference = float(abs(by_rows - by_product).max() / abs(by_product).max())
moved = int((abs(by_rows).max(1) > 0).sum())
print(f"the gradients differ by {gradient_difference:.0e} of the largest; {moved} of {lexicon.size:,} rows have one")

# %% [markdown]
# ## A classifier
#
# The layers are embedding, LSTM and dense. The shape (messages, words) becomes (messages, words, vector), then
# (messages, units), then one number per message: the logit, the logarithm of the odds of spam. Where $p$ is the
# probability of spam, it is $\ln (p / (1 - p))$, which is positive where spam is more probable than not.

# %%
keys = jax.random.split(jax.random.key(1), 3)
model = {
    "embedding": Embedding(lexicon.size, VECTOR, key=keys[0]),
    "lstm": elman.LSTM(VECTOR, UNITS, key=keys[1]),
    "dense": Dense(UNITS, 1, key=keys[2]),
}
counts = {name: count_weights(part) for name, part in model.items()}
print(counts)


@jax.jit
def log_odds(model, words, lengths):
    _, ys = elman.unroll(model["lstm"], model["embedding"](words), lengths=lengths)
    return model["dense"](LastPooling(UNITS)(ys, lengths=lengths))[:, 0]


def loss(model, carry, batch, *, key):
    words, lengths, spam = map(jnp.asarray, batch)
    each = optax.sigmoid_binary_cross_entropy(log_odds(model, words, lengths), spam)
    return (each.sum(), len(words)), carry


losses = []
batches = Shuffled(words, lengths, spam, batch_size=32)
for epoch in learn(
    model, loss, batches, epochs=pace(full=6, short=5), optimiser=optax.adam(pace(full=0.003, short=0.01))
):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model

held_words, held_lengths, held_spam = arrays_of(held)
odds = np.asarray(log_odds(trained, held_words, held_lengths))
accuracy, always_ham = float(((odds > 0) == held_spam).mean()), float((held_spam == 0).mean())
print(f"{accuracy:.1%} right; always predicting ham is right for {always_ham:.1%}")

# %% [markdown]
# ## What the vectors have learnt
#
# The network reads each word alone, as a message of one word. Which words does it take for spam, which for ham?

# %%
frequent = np.arange(2, min(lexicon.size, pace(full=402, short=102)), dtype=np.int32)
alone = np.asarray(log_odds(trained, frequent[:, None], np.ones(len(frequent), np.int32)))
order = np.argsort(alone)
extremes = [*order[:8], *order[-8:]]
print("ham:", ", ".join(lexicon.tokens[frequent[place]] for place in order[:8]))
print("spam:", ", ".join(lexicon.tokens[frequent[place]] for place in order[:-9:-1]))
drawing, axes = figure(height=4)
named = [lexicon.tokens[frequent[place]].replace("$", r"\$") for place in extremes]
axes.barh(range(len(extremes)), alone[extremes], color=np.where(alone[extremes] > 0, "tab:red", "tab:blue"))
axes.set_yticks(range(len(extremes)), named)
axes.set_xlabel("log odds of spam, of the word alone")
show(drawing, "25-words")

# %% [markdown]
# ## The same as a task
#
# `elman.Classification` does all of this, with the usual improvements: it is bidirectional, pools by the maximum, drops
# words and features in training, keeps the weights that were best on the validation part, and returns probabilities.

# %%
longest = pace(full=1024, short=16)  # the most words read of a text; each shape of batch is compiled once
task = elman.Classification(embedding_size=VECTOR, hidden_size=UNITS, min_count=2, max_length=longest)
data = task.read_texts(rest, test=held)
fitted = elman.fit(task, data, **pace(full={"epochs": 6}, short={"steps": 120, "learning_rate": 0.02}))
by_task = fitted.evaluate(data.test).accuracy
print(f"{by_task:.1%} right")
for text in ("Are we still meeting for lunch?", "You have won a prize! Call now to claim"):
    answer = fitted.predict(text)
    print(f"{answer.label} {answer.probability:.2f}: {text}")

# %% [markdown]
# ## Try next
#
# - Set `VECTOR` to 4. How few numbers are enough for a word?
# - Omit the lengths, so that the LSTM reads the padding too. How much worse is it?
# - `elman train SMSSpamCollection` on the command line does the same as the last section; `elman predict` classifies
#   new messages.
# - Vectors need not be initialised at random: lesson 26 uses vectors learnt from far more text.
