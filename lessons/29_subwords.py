# %% [markdown]
# # Sub-words, and reading before judging
#
# A text can be split into characters, into words, or into sub-words learnt from the text itself. And a network can be
# pretrained as a language model on any text: then a few labelled examples are enough. Both are shown on short messages,
# which are spam or not.
#
# **You need** to know how words become numbers, and what a text classifier is (lesson 25), and what a language model is
# (lesson 5). Sub-words need SentencePiece: `pip install 'elman[subwords]'`. The [glossary](../docs/glossary.md)
# explains all terms.

# %%
import re
from collections import Counter
from itertools import pairwise

import numpy as np

import elman
from elman.lessons import data_file, figure, legend_above, pace, show
from elman.tasks.classification.reading import read_labelled
from elman.words import Characters, Subwords, Words

path = data_file("classification/sms/SMSSpamCollection")
random = np.random.default_rng(0)
if path is None:
    print("no messages: made-up ones in their place, so that figures differ from those of the lesson")
    frames = {
        "ham": ["see you at {} in the {}, room {}", "the {} and {} start at {}", "are you waiting by the {} or {} {}?"],
        "spam": ["win a free {} or {}, call {}", "claim {} now, or {} on {}", "your {} has won a prize! text {} to {}"],
    }
    things = ["phone", "ticket", "office", "dinner", "train", "garden", "holiday", "camera", "starter", "printer"]
    labels = random.choice(["ham", "spam"], 4000, p=[0.87, 0.13])
    messages = [
        (str(random.choice(frames[label])).format(*random.choice(things, 2), random.integers(1000)), str(label))
        for label in labels
    ]
else:
    messages = [(message.text.lower(), message.label) for message in read_labelled(path).train]
messages = list(dict.fromkeys(messages))  # some were sent several times
messages = [messages[number] for number in random.permutation(len(messages))[: pace(full=None, short=500)]]
test_size = pace(full=1000, short=60)
held, rest = messages[:test_size], messages[test_size:]
text = "".join(message + "\n" for message, _ in rest)
print(f"{len(rest):,} messages of {len(text):,} characters to read, {len(held):,} held back")

# %% [markdown]
# ## One text in three ways
#
# The vocabulary of characters is small, but a message has many. The vocabulary of words is large and a message has few,
# but more than half of the messages have an unknown one. Sub-words, also called pieces, lie between: their number is a
# choice, and none is unknown, since a word without a piece is spelt, by its bytes if need be.

# %%
PIECES = pace(full=1000, short=400)
vocabularies = {
    "characters": Characters.of([text]),
    "sub-words": Subwords.of([text], size=PIECES),
    "words": Words.of([text]),
}


def unknown(vocabulary, message):
    """The number of tokens of a message that are not in a vocabulary."""
    if vocabulary.unknown is not None:
        return int((vocabulary.encode(message) == vocabulary.unknown).sum())
    if vocabulary.kind == "characters":
        return len(message) - len(vocabulary.encode(message, unknown="skip"))
    return 0


def pieces_of(vocabulary, message):
    """The tokens of a message, separated by `|`, with underscores for spaces."""
    return "|".join(vocabulary.token(number) for number in vocabulary.encode(message)).replace(" ", "_")


per_message, unknowns = {}, {}
print(f"{'':<11}{'vocabulary':>10}{'tokens a message':>18}{'messages with unknown ones':>28}")
for name, vocabulary in vocabularies.items():
    never_seen = "skip" if name == "characters" else "error"
    per_message[name] = float(np.mean([len(vocabulary.encode(message, unknown=never_seen)) for message, _ in held]))
    unknowns[name] = float(np.mean([unknown(vocabulary, message) > 0 for message, _ in held]))
    print(f"{name:<11}{vocabulary.size:>10,}{per_message[name]:>18.1f}{unknowns[name]:>28.1%}")

# %%
EXAMPLE = "your prize is waiting"
for name, vocabulary in vocabularies.items():
    print(f"{name:<11}", pieces_of(vocabulary, EXAMPLE))
print("words that were never met:")
known = set(re.findall(r"[a-z]+", text))
new = sorted({word for message, _ in held for word in re.findall(r"[a-z]{8,}", message)} - known, key=len)[-5:]
for word in [*new, "zeppelins"]:
    print(f"  {word:<20}", pieces_of(vocabularies["sub-words"], " " + word))
print("ž is", pieces_of(vocabularies["sub-words"], "ž"))

# %% [markdown]
# ## How the pieces are found
#
# Byte pair encoding (Gage, 1994; Sennrich, Haddow and Birch, 2016) begins with characters, merges the most frequent
# pair of neighbours into one piece, and repeats. A word keeps the space before it. Here we apply it to letters alone,
# and compare it with `Subwords`, for which SentencePiece does the same, faster.


# %%
def join(pieces, pair):
    """The pieces of a word after every `pair` of neighbours is merged."""
    joined, place = [], 0
    while place < len(pieces):
        step = 2 if tuple(pieces[place : place + 2]) == pair else 1
        joined.append("".join(pieces[place : place + step]))
        place += step
    return joined


def byte_pairs(counts, how_many):
    """The first merged pieces, from the counts of words."""
    cut, merges = {word: list(word) for word in counts}, []
    while len(merges) < how_many:
        pairs = Counter()
        for word, pieces in cut.items():
            for pair in pairwise(pieces):
                pairs[pair] += counts[word]
        most = pairs.most_common(1)[0][0]
        merges.append("".join(most))
        cut = {word: join(pieces, most) for word, pieces in cut.items()}
    return merges


letters = [re.sub("[^a-z]+", " ", message.lower()) for message, _ in rest]
counts = Counter(word for message in letters for word in re.findall(" ?[a-z]+", message))
merges = byte_pairs(counts, pace(full=60, short=20))
by_elman = Subwords.of(letters, size=PIECES)
theirs = [by_elman.token(number) for number in range(258, 258 + len(merges))]  # after padding, unknown and 256 bytes
same = len(set(merges) & set(theirs))
print("|".join(merges[:40]).replace(" ", "_"))
print(f"{same} of the first {len(merges)} pieces are those of elman")

# %% [markdown]
# ## Learning to read
#
# A language model of those pieces learns from the messages to predict the next piece. It needs no labels. A uniform
# guess has a perplexity of the vocabulary's size.

# %%
language = elman.LanguageModelling(
    vocabulary="subwords", vocabulary_size=PIECES, lower=True, embedding_size=64, hidden_size=pace(full=128, short=32),
    num_layers=1, dropout=0.2, test=0, batch_size=pace(full=32, short=8), unroll_length=pace(full=64, short=32),
)  # fmt: skip
plain = language.read_text(text)
reader = elman.fit(
    language, plain, **pace(full={"epochs": 10}, short={"steps": 600, "evaluations": 1, "learning_rate": 0.02})
)
reader.save("reader.elman", force=True)
print(reader.validation)
for number in range(pace(full=3, short=0)):
    written = reader.generate("\n", length=20, temperature=0.7, seed=number).strip()
    print(" ", written.replace("\n", " / "))

# %% [markdown]
# It has learnt words, and how a message continues. A second one of the same size is stopped after its first step,
# before it has learnt anything, to separate the effect of pretraining from that of the network.

# %%
elman.fit(language, plain, steps=1, learning_rate=1e-9).save("untrained.elman", force=True)

# %% [markdown]
# ## Few labels
#
# Now a few messages are labelled, half of them spam; a third of these serve to choose the best weights. The classifier
# starts in three ways:
#
# - from words, with random weights;
# - from the untrained network of the language model, with its pieces;
# - from the language model, which is fine-tuned with the rest, gently, as shown below, and half as long as the others,
#   which have more to learn.
#
# Each is measured on the held-out messages, by the mean F1 of both classes, for four draws of labelled messages. Always
# predicting ham gives an F1 of 0 for spam, and hence a mean below 50%.

# %%
SMALL = {"hidden_size": pace(full=32, short=16), "max_length": pace(full=64, short=32)}
MILD, AT_ONCE = {"input_dropout": 0.1, "dropout": 0.2}, {"thaw_epochs": 0, "layer_rate": 1.0}
starts = {
    "words": elman.Classification(**SMALL),
    "untrained": elman.Classification(start_from="untrained.elman", **SMALL, **MILD, **AT_ONCE),
    "language model": elman.Classification(start_from="reader.elman", thaw_epochs=2, layer_rate=0.4, **SMALL, **MILD),
}
by_label = {label: [message for message in rest if message[1] == label] for label in ("ham", "spam")}


def few_messages(count, draw):
    """`count` messages, half of them spam: two thirds to learn from, one third to choose the weights by."""
    order = np.random.default_rng(draw)
    drawn = [[some[n] for n in order.permutation(len(some))[: count // 2]] for some in by_label.values()]
    mixed = [message for pair in zip(*drawn, strict=True) for message in pair]
    return mixed[: 2 * count // 3], mixed[2 * count // 3 :]


def judge(task, count, draw):
    """A trained classifier, and its mean F1."""
    learn_from, choose_by = few_messages(count, draw)
    data = task.read_texts(learn_from, validation=choose_by, test=held)
    budget = pace(
        full={"epochs": 15 if "reader.elman" in task.start_from else 30}, short={"steps": 60, "learning_rate": 0.02}
    )
    fitted = elman.fit(task, data, seed=draw, warmup_steps=10, evaluations=pace(full=5, short=3), **budget)
    return fitted, fitted.evaluate(data.test).macro_f1


COUNTS, DRAWS = pace(full=(30, 90, 300), short=(90,)), pace(full=4, short=1)
scores, judges = {}, {}


def measure(name, task, count):
    judged = [judge(task, count, draw) for draw in range(DRAWS)]
    scores[name, count] = shares = np.array([score for _, score in judged])
    judges[name, count] = judged[0][0]
    print(f"{name:<15} {count:>4} labels: F1 {shares.mean():.1%} ({shares.min():.1%} to {shares.max():.1%})")


for name in pace(full=tuple(starts), short=("language model",)):
    for count in COUNTS:
        measure(name, starts[name], count)

# %% [markdown]
# A new message has words that occur in none of the labelled ones. A network trained on those alone knows nothing about
# them. The language model has read most of them before, and its outputs are similar for similar words.
#
# ## Gently
#
# The first steps on a few labels should not destroy what was learnt from much text, while the new layers are still
# random and so are their gradients. So the language model may be frozen at first, and thawed layer by layer from the
# top, each at a fraction of the learning rate of the layer above (Howard and Ruder, 2018). These are the multiples of
# the learning rate by epoch; 0 is frozen.

# %%
some = judges["language model", COUNTS[0]].model
rates = [dict(starts["language model"].rates(some, epoch)) for epoch in range(6)]
for part in rates[0]:
    print(f"{part:<38}", *(f"{by_epoch[part]:6.2f}" for by_epoch in rates))

# %% [markdown]
# We compare this with training all layers from the first step, and with never thawing the language model, which then
# stays unchanged to the last bit.

# %%
measure("at once", elman.Classification(start_from="reader.elman", **SMALL, **MILD, **AT_ONCE), COUNTS[0])
measure("frozen", elman.Classification(start_from="reader.elman", thaw_epochs=1000, **SMALL, **MILD), COUNTS[0])
moved = {}
for name in ("at once", "frozen"):
    vectors = np.asarray(judges[name, COUNTS[0]].model.embedding.readers[0].embedding.table)
    moved[name] = float(np.abs(vectors - np.asarray(reader.model.embedding.table)).max())
print("largest change of a number in the pieces' vectors:", moved)

# %% [markdown]
# With few labels, the gentler the better: frozen is best, and its draws lie close together; thawed comes next;
# training all at once destroys some of what was learnt.

# %%
drawing, (left, other) = figure(1, 2, width=4.8)
for name, vocabulary in vocabularies.items():
    left.plot(vocabulary.size, per_message[name], "o")
    left.annotate(f"{name}\n{unknowns[name]:.0%} with unknown", (vocabulary.size, per_message[name]),
                  xytext=(0, 8), textcoords="offset points", ha="center", fontsize="small")  # fmt: skip
left.set_xscale("log")
left.set_xlim(20, 60_000)
left.set_ylim(0, 1.3 * max(per_message.values()))
left.set_xlabel("vocabulary")
left.set_ylabel("tokens of a message")
for name in dict.fromkeys(name for name, _ in scores):
    drawn = [count for count in COUNTS if (name, count) in scores]
    means = np.array([100 * scores[name, count].mean() for count in drawn])
    ends = np.array([[100 * scores[name, count].min(), 100 * scores[name, count].max()] for count in drawn]).T
    other.errorbar(drawn, means, np.abs(ends - means), marker="o", capsize=3, label=name)
other.set_xscale("log")
other.set_xticks(COUNTS, [str(count) for count in COUNTS])
other.minorticks_off()
other.set_xlabel("labelled messages")
other.set_ylabel("mean F1, %")
legend_above(other)
show(drawing, "29-subwords")

# %%
judge_of_all = judges["language model", COUNTS[-1]]
for message in ("are we still meeting for lunch?", "you have won a prize! call now to claim"):
    answer = judge_of_all.predict(message)
    print(f"{answer.label} {answer.probability:.2f}: {message}")

# %% [markdown]
# ## Try next
#
# - Train the language model for two epochs instead of ten. How good must it be to help?
# - Train it on other text than the messages to classify: a book, `lesson_text()`, with its own pieces. How much worse
#   is the classifier?
# - Add a second language model that reads from the end: `reverse=True`, and both in `start_from`.
# - On the command line, run `elman train messages.txt --vocabulary subwords` and
#   `elman train labelled.tsv --from messages.elman`.
# - Use all the labels, as lesson 25 does. Does the language model still help?
