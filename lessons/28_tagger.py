# %% [markdown]
# # A tagger, and its padding
#
# A tagger predicts the part of speech of each word of a sentence: with word vectors, a bidirectional LSTM, one dense
# layer for all steps, and a softmax. As a drawing this is four lines. The difficulty is what the drawing omits:
# sentences differ in length, so the short ones of a batch are padded, and padding must be neither read nor learnt nor
# counted.
#
# **You need** to know word ids and embeddings (lesson 25), and a network with an output for each input (lesson 22). The
# [glossary](../docs/glossary.md) explains all terms.

# %%
from collections import Counter

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Bidirectional, Dense, Embedding
from elman.lessons import count_weights, data_file, figure, legend_above, pace, show
from elman.ops.losses import cross_entropy
from elman.tasks.tagging.batches import TagBatches
from elman.tasks.tagging.generated import sentences
from elman.tasks.tagging.reading import read_tagged
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

# %% [markdown]
# ## Sentences with tags
#
# The data is the English Web Treebank of Universal Dependencies. `elman.Tagging` reads it, numbers words and tags, and
# makes batches of sentences of similar length; the network is built here. 0 is padding, and 1 an unknown word: in
# training, rare words are sometimes replaced by it, so that the network learns to tag unknown words.

# %%
task = elman.Tagging(
    num_layers=1,
    decoder="softmax",
    embedding_size=100,
    hidden_size=pace(full=100, short=24),
    letter_size=pace(full=32, short=4),
    letter_hidden_size=pace(full=64, short=4),
)
folder = data_file("ud_english_ewt")
if folder is None:
    print("no treebank: a toy grammar in its place, so that figures differ from those of the lesson")
    data = task.read_sentences((one.words, one.tags) for one in sentences(pace(full=5000, short=250)))
elif pace(full=True, short=False):
    data = task.read(folder)
else:
    middling = [one for one in read_tagged(folder / "en_ewt-ud-test.conllu.xz").train if 8 < len(one.words) < 13]
    data = task.read_sentences((one.words, one.tags) for one in middling)
codec = data.codec
print(f"{len(data.train):,} sentences to learn from, {len(data.test):,} for the test; tags: {' '.join(codec.tags)}")
example = next(one for one in data.test.examples if 7 < len(one.words) < 13)
print(" ".join(f"{word}/{tag}" for word, tag in zip(example.words, example.tags, strict=True)))


# %%
class Words:
    """The task's batches without letters: words, lengths, tags, and weights that are 1 at words and 0 at padding."""

    def __init__(self, batches):
        self._batches = batches

    def __len__(self):
        return len(self._batches)

    def at(self, step):
        batch = self._batches.at(step)
        return batch.words, batch.lengths, batch.tags, batch.weights


train_batches = Words(task.batches(data.train, seed=0))
shares = [1 - train_batches.at(step)[3].mean() for step in range(len(train_batches))]
print(f"{len(train_batches)} batches an epoch; {np.mean(shares):.0%} of their places are padding")

# %% [markdown]
# ## The network
#
#     tags           t1    t2    t3        softmax
#                     |     |     |
#     dense           +     +     +        the same weights at every step
#                     |     |     |
#     LSTM  <---      +-----+-----+        reads from the end
#     LSTM  --->      +-----+-----+        reads from the start
#                     |     |     |
#     embedding      w1    w2    w3

# %%
VECTOR, UNITS, TAGS = task.embedding_size, task.hidden_size, len(codec.tags)


def new_model(reader):
    keys = jax.random.split(jax.random.key(0))
    return {
        "embedding": Embedding(len(codec.words), VECTOR, key=keys[0]),
        "reader": reader,
        "dense": Dense(reader.hidden_size, TAGS, key=keys[1]),
    }


ahead_key, back_key = jax.random.split(jax.random.key(1))
model = new_model(
    Bidirectional(elman.LSTM(VECTOR, UNITS, key=ahead_key), elman.LSTM(VECTOR, UNITS, key=back_key)),
)


@jax.jit
def scores(model, words, lengths=None):
    _, ys = model["reader"](model["embedding"](words), lengths=lengths)
    return model["dense"](ys)


weights_of = {name: count_weights(part) for name, part in model.items()}
print(weights_of)

# %% [markdown]
# ## Bidirectional, and dense over time, by hand
#
# The backward cell reads the sentence reversed, and its outputs are reversed again. Dense over time is a product with
# the same matrix after each word, whatever the length of the sentence.

# %%
sentence = codec.word_ids(example.words)[None]
right_tags = codec.tag_ids(example.tags)[None]
vectors = model["embedding"](jnp.asarray(sentence))
_, ahead = elman.unroll(model["reader"].forward, vectors)
_, back = elman.unroll(model["reader"].backward, vectors[:, ::-1])
both = jnp.concatenate([ahead, back[:, ::-1]], axis=-1)[0]
by_hand = jnp.stack([step @ model["dense"].kernel + model["dense"].bias for step in both])
network_difference = float(abs(by_hand - scores(model, sentence)[0]).max())
print(f"scores {by_hand.shape}, of elman's parts within {network_difference:.0e}")

# %% [markdown]
# ## Padding is not read
#
# Padding is the pitfall of bidirectional networks. It follows the sentence, so the backward cell reads it first, and
# reaches the last word with a state computed from padding. So the network gets the length of each sentence: at padding
# the state stays unchanged.
#
# We pad the same sentence to growing lengths. The loss over its words, and the gradient of all weights, should stay
# those of the sentence alone.


# %%
def mean_loss(model, words, lengths, tags, weights):
    total, count = cross_entropy(scores(model, words, lengths), tags, weights)
    return total / count


loss_and_gradient = jax.jit(jax.value_and_grad(mean_loss))


def padded(array, length, filling=0):
    return np.pad(array, ((0, 0), (0, length - array.shape[1])), constant_values=filling)


def apart(gradient, other):
    """The largest difference between two gradients in any weight, relative to the largest entry."""
    leaves = list(zip(jax.tree.leaves(gradient), jax.tree.leaves(other), strict=True))
    return max(float(abs(a - b).max()) for a, b in leaves) / max(float(abs(b).max()) for _, b in leaves)


length = sentence.shape[1]
ones = np.ones((1, length), np.float32)
alone, alone_gradient = loss_and_gradient(model, sentence, None, right_tags, ones)
print(f"alone: {length} words, loss {alone:.6f}")
by_padding = {}
print("padded to   with lengths:    loss, gradient off by   without:  loss, gradient off by")
for places in pace(full=(16, 32, 64, 128), short=(32,)):
    words, tags, weights = padded(sentence, places), padded(right_tags, places), padded(ones, places)
    loss_with, gradient_with = loss_and_gradient(model, words, np.array([length], np.int32), tags, weights)
    loss_without, gradient_without = loss_and_gradient(model, words, None, tags, weights)
    off_with, off_without = apart(gradient_with, alone_gradient), apart(gradient_without, alone_gradient)
    by_padding[places] = float(loss_with), off_with, off_without
    print(f"{places:9}   {loss_with:21.6f}, {off_with:15.0e}   {loss_without:14.6f}, {off_without:15.0e}")

# %% [markdown]
# With the lengths, only the last digits change. Without them, the gradient is that of another task: to tag after
# reading padding.
#
# The values at padding do not matter either. And the vector of the padding is never learnt: its gradient is zero.

# %%
filled = padded(sentence, places, filling=int(sentence[0, 0]))
with_words, _ = loss_and_gradient(model, filled, np.array([length], np.int32), tags, weights)
filling_difference = float(abs(with_words - loss_with))
row_of_padding = float(abs(gradient_with["embedding"].table[0]).max())
print(f"padded with words: loss differs by {filling_difference}; gradient of the padding's vector {row_of_padding}")

# %% [markdown]
# ## The loss is a mean over real words
#
# A batch has two sentences, one short, one long. `cross_entropy` returns the sum over words and the number of words.
# With the loss $L_{st}$ of word $t$ of sentence $s$, and $m_{st} = 1$ at words and 0 at padding, their quotient is
#
# $$\frac{\sum_{s,t} m_{st} L_{st}}{\sum_{s,t} m_{st}}$$
#
# In NumPy we compute from the logits this mean and three others:
#
# - **over places**: the sum over words, divided by words *and* padding. Some libraries do so with sample weights that
#   are 0 at padding, and divide by the words with a mask.
# - **padding as a tag**: there is no mask; padding has tag number 0, and is learnt as if it were a word.
# - **by sentence**: the mean of each sentence, then the mean of these. The words of a short sentence count more.

# %%
by_length = sorted(data.test.examples, key=lambda one: len(one.words))
pair = [by_length[len(by_length) // 10], by_length[-1 - len(by_length) // 10]]
lengths = np.array([len(one.words) for one in pair], np.int32)


def batch_of(some, places):
    words, tags = np.zeros((2, len(some), places), np.int32)
    for row, one in enumerate(some):
        words[row, : len(one.words)], tags[row, : len(one.words)] = codec.word_ids(one.words), codec.tag_ids(one.tags)
    real = np.arange(places) < np.array([[len(one.words)] for one in some])
    return words, tags, real


def four_means(logits, tags, real):
    """The loss from logits in NumPy, by four means: over real words, over places, padding as a tag, by sentence."""
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nats = -np.take_along_axis(logs, tags[..., None], -1)[..., 0]
    of_words = np.where(real, nats, 0)
    return {
        "over real words": of_words.sum() / real.sum(),
        "over places": of_words.sum() / real.size,
        "padding as a tag": nats.mean(),
        "by sentence": (of_words.sum(1) / real.sum(1)).mean(),
    }


words, tags, real = batch_of(pair, int(lengths.max()))
batch_logits = np.asarray(scores(model, words, lengths), np.float64)
means = four_means(batch_logits, tags, real)
total, count = cross_entropy(jnp.asarray(batch_logits), tags, real.astype(np.float32))
loss_difference = float(abs(total / count - means["over real words"]))
print(f"{lengths[0]} and {lengths[1]} words in {real.size} places")
for way, mean in means.items():
    print(f"  {way:<18} {mean:.4f}")
print(f"cross_entropy: {total:.2f} nats over {count:.0f} words = {total / count:.4f}")

# %% [markdown]
# The untrained network gives every tag about the same probability, so the means hardly differ yet, except for the zeros
# in the mean over places. The other differences are seen below.
#
# ## Learning
#
# We train the bidirectional network, and for comparison a unidirectional one with about as many weights.

# %%
EPOCHS, RATE = pace(full=4, short=16), pace(full=0.003, short=0.02)


@jax.jit
def from_the_start(model, words, lengths=None):
    _, ys = elman.unroll(model["reader"], model["embedding"](words), lengths=lengths)
    return model["dense"](ys)


def tag_all(scores, model, part):
    """The predicted and the right tags of all words of a part, as two arrays."""
    guesses, right = [], []
    batches = Words(TagBatches(part.examples, codec, batch_words=4096))
    for words, lengths, tags, weights in map(batches.at, range(len(batches))):
        guesses.append(np.asarray(scores(model, words, lengths).argmax(-1))[weights > 0])
        right.append(tags[weights > 0])
    return np.concatenate(guesses), np.concatenate(right)


def train(name, model, scores):
    """The trained network, and the predicted and the right tags of the test part."""

    def loss(model, carry, batch, *, key):
        words, lengths, tags, weights = map(jnp.asarray, batch)
        return cross_entropy(scores(model, words, lengths), tags, weights), carry

    for epoch in learn(model, loss, train_batches, epochs=EPOCHS, optimiser=optax.adam(RATE)):
        guesses, right = tag_all(scores, epoch.model, data.validation)
        print(f"{name}: {epoch}; {np.mean(guesses == right):.2%} of the validation's words right")
    return epoch.model, *tag_all(scores, epoch.model, data.test)


weights_of_reader = count_weights(model["reader"])
one_way = next(size for size in range(UNITS, 3 * UNITS) if 4 * size * (VECTOR + size + 1) >= weights_of_reader)
trained, tagged, right = train("both ends", model, scores)
reader = elman.LSTM(VECTOR, one_way, key=ahead_key)
_, tagged_one_way, _ = train("the start", new_model(reader), from_the_start)

# %% [markdown]
# The baseline without a network is the most frequent tag of each word, and of all words for new ones.

# %%
counts = Counter()
for one in data.train.examples:
    counts.update(zip(codec.word_ids(one.words).tolist(), codec.tag_ids(one.tags).tolist(), strict=True))
table = np.zeros((len(codec.words), TAGS))
for (word, tag), times in counts.items():
    table[word, tag] = times
table[1] = table.sum(0)
by_word = np.concatenate([table[codec.word_ids(one.words)].argmax(-1) for one in data.test.examples])
right_by_word = np.concatenate([codec.tag_ids(one.tags) for one in data.test.examples])
accuracy = {
    "by word": float((by_word == right_by_word).mean()),
    "from the start": float((tagged_one_way == right).mean()),
    "from both ends": float((tagged == right).mean()),
}
for name, share in accuracy.items():
    print(f"{name:<15} {share:.2%} of {len(right):,} words right")

# %% [markdown]
# ## A classic bug: accuracy without a mask
#
# This is the same network in the most obvious form: all sentences are padded to one length, and padding is read, learnt
# as tag 0 and counted. Then most places are padding, which is easy to predict.

# %%
PLACES = int(np.quantile([len(one.words) for one in data.train.examples], 0.98)) + 8
slip_train, slip_test = (
    batch_of([one for one in part.examples if len(one.words) <= PLACES], PLACES) for part in (data.train, data.test)
)


def slip_loss(model, carry, batch, *, key):
    words, tags = map(jnp.asarray, batch)
    return cross_entropy(scores(model, words), tags, jnp.ones(tags.shape)), carry


batches = Shuffled(*slip_train[:2], batch_size=32)
for epoch in learn(model, slip_loss, batches, epochs=pace(full=2, short=2), optimiser=optax.adam(RATE)):
    print(epoch)
words, tags, real = slip_test
slip_model = epoch.model
slipped = np.concatenate([scores(slip_model, words[at : at + 256]).argmax(-1) for at in range(0, len(words), 256)])
slip_says, slip_is = float((slipped == tags).mean()), float((slipped == tags)[real].mean())
print(f"{slip_says:.2%} of all places right, {slip_is:.2%} of the words")

# %% [markdown]
# We compute the four means of the two sentences again with the trained networks. The more padding, the lower the two
# means that count it; they measure the length of the padding.

# %%
longest = int(lengths.max())
widths = [longest, 2 * longest, 4 * longest]
curves = {way: [] for way in means}
for width in widths:
    words, tags, real = batch_of(pair, width)
    learnt = four_means(np.asarray(scores(trained, words, lengths), np.float64), tags, real)
    learnt["padding as a tag"] = four_means(np.asarray(scores(slip_model, words), np.float64), tags, real)[
        "padding as a tag"
    ]
    for way, mean in learnt.items():
        curves[way].append(float(mean))
print("places a row      ", *(f"{width:7}" for width in widths))
for way, along in curves.items():
    print(f"{way:<18}", *(f"{mean:7.4f}" for mean in along))

# %%
several = by_length[:: max(1, len(by_length) // 12)][1:13]
words, tags, real = batch_of(several, max(len(one.words) for one in several))
batch_logits = np.asarray(scores(trained, words, np.array([len(one.words) for one in several], np.int32)), np.float64)
right_probability = np.exp(np.take_along_axis(batch_logits, tags[..., None], -1)[..., 0]) / np.exp(batch_logits).sum(-1)

drawing, (left, right_hand) = figure(1, 2, width=6, height=3.4)
left.set_facecolor("0.85")
image = left.imshow(np.where(real, right_probability, np.nan), aspect="auto", cmap="RdYlGn", vmin=0, vmax=1)
drawing.colorbar(image, ax=left, label="probability of the right tag")
left.set_xlabel("word; grey is padding")
left.set_ylabel("sentence of a batch")
left.set_title("what is counted")
for (way, along), style in zip(curves.items(), ("o-", "s--", "^--", "v:"), strict=True):
    right_hand.plot(widths, along, style, label=way)
right_hand.set_ylim(bottom=0)
right_hand.set_xlabel("places to which two sentences are padded")
right_hand.set_ylabel("loss, nats")
right_hand.set_title("four means")
legend_above(right_hand)
show(drawing, "28-padding")

# %% [markdown]
# Which tags gain from the words on the right?

# %%
frequent = [tag for tag in range(TAGS) if (right == tag).sum() >= max(3, len(right) // 200)]
gains = {
    codec.tags[tag]: (float((tagged_one_way == tag)[right == tag].mean()), float((tagged == tag)[right == tag].mean()))
    for tag in frequent
}
order = sorted(gains, key=lambda tag: gains[tag][1] - gains[tag][0])
drawing, axes = figure(width=7, height=4.2)
for place, tag in enumerate(order):
    axes.plot([100 * share for share in gains[tag]], [place, place], color="0.7", zorder=1)
axes.scatter([100 * gains[tag][0] for tag in order], range(len(order)), color="tab:orange", label="from the start")
axes.scatter([100 * gains[tag][1] for tag in order], range(len(order)), color="tab:blue", label="from both ends")
axes.set_yticks(range(len(order)), order)
axes.set_xlabel("recall: of the words with this tag, % right")
legend_above(axes)
show(drawing, "28-tags")
print("gain most:", ", ".join(f"{tag} {gains[tag][0]:.1%} to {gains[tag][1]:.1%}" for tag in order[:-4:-1]))

# %% [markdown]
# ## The same as a task
#
# `elman.Tagging` builds this network and appends one thing to each word's vector: the outputs of two more cells that
# read its letters. With this lesson's weights, and zeros for the letters, it gives the same logits, and its loss is the
# same sum over the same number of words.

# %%
network = task.build(codec, key=jax.random.key(2))
letters = network.speller.reader.hidden_size


def matrices(embedding, reader, dense):
    cells = (reader.forward, reader.backward)
    return [embedding.table, *(array for cell in cells for array in (cell.kernel, cell.recurrent_kernel, cell.bias)),
            dense.kernel, dense.bias]  # fmt: skip


def with_zeros(kernel):
    """A kernel with rows of zeros for the letters, which it thus ignores."""
    return jnp.pad(kernel, ((0, letters), (0, 0)))


wider = eqx.tree_at(
    lambda reader: (reader.forward.kernel, reader.backward.kernel), trained["reader"], replace_fn=with_zeros
)
ours = matrices(trained["embedding"], wider, trained["dense"])
same = eqx.tree_at(lambda net: matrices(net.embedding, net.layers.cells[0], net.head), network, ours)
batch = TagBatches(data.test.examples, codec, batch_words=1024).at(0)
by_task = np.asarray(eqx.filter_jit(same)(*map(jnp.asarray, batch[:5])))
by_lesson = np.asarray(scores(trained, batch.words, batch.lengths))
task_difference = float(np.abs(by_task - by_lesson)[batch.weights > 0].max())
(task_nats, task_words), _ = eqx.filter_jit(task.loss)(same, (), batch)
rows = batch.lengths > 0  # the last rows of a batch may be empty
hand_mean = four_means(by_lesson[rows].astype(np.float64), batch.tags[rows], batch.weights[rows] > 0)["over real words"]
print(f"scores differ by {task_difference:.0e}")
print(f"{float(task_nats / task_words):.5f} nats over {float(task_words):.0f} words; by hand {hand_mean:.5f}")

# %% [markdown]
# The task is trained with letters and dropout, and keeps the weights that were best on the validation part:

# %%
fitted = elman.fit(task, data, **pace(full={"epochs": 3}, short={"steps": 40, "learning_rate": 0.02}))
measured = fitted.evaluate(data.test)
print(f"{measured.accuracy:.2%} of {len(right):,} words right")
answer = fitted.predict("The old man the boats .")
columns = zip(answer.words, answer.tags, answer.probabilities, strict=True)
print(" ".join(f"{word}/{tag} {probability:.2f}" for word, tag, probability in columns))

# %% [markdown]
# ## Try next
#
# - Run `elman train ud_english_ewt --minutes 20` on the command line: it has two layers, and trains longer.
# - Remove `lengths` from `scores` alone, and leave the weights in the loss. How much worse is it to read padding
#   without counting it? Does it matter less in batches of sentences of similar length?
# - Set `column="xpos"` for `task.read(folder)`: fifty tags instead of seventeen.
# - Tag names, whose tags depend on each other: `decoder="crf"`, and `docs/tag-words.md`.
# - A batch of one sentence needs no padding. How much slower is it?
