# %% [markdown]
# # Vectors that were learnt before
#
# Most weights of a text classifier are word vectors, and most words are rare: a few thousand sentences teach little
# about them. Pretrained vectors, learnt from billions of words, hold more. Here they are loaded, inspected, matched
# with the words of a task, and used: frozen, or trained further.
#
# **You need** to know what an embedding is (lesson 25). The [glossary](../docs/glossary.md) explains all terms.

# %%
import lzma
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

import elman
from elman.formats.vectors.vectors import match
from elman.lessons import data_file, figure, pace, show
from elman.tasks.classification.reading import read_labelled
from elman.words.lexicon import Lexicon

random = np.random.default_rng(0)

# %% [markdown]
# ## Loading
#
# `open_vectors` reads the files of GloVe, word2vec and fastText. Here it reads the 20,000 most frequent words of GloVe,
# with 50 numbers each (Pennington, Socher and Manning, 2014).

# %%
TOPICS = {
    "good": "good fine great superb lovely brilliant charming clever moving funny",
    "bad": "bad poor awful dull dreadful boring stupid clumsy empty silly",
    "thing": "film movie plot cast song book story acting script music",
    "man": "man king boy he his uncle father actor brother him",
    "woman": "woman queen girl she her aunt mother actress sister hers",
    "other": "the a is was very this that of and so",
}


def made_up_vectors(path):
    """Writes a file of vectors in which the words of a topic lie close together."""
    with open(path, "w") as file:
        for words in TOPICS.values():
            middle = random.normal(size=12)
            for word in words.split():
                print(word, *(f"{number:.4f}" for number in middle + 0.3 * random.normal(size=12)), file=file)


path = data_file("vectors/glove.6B.50d.top20k.txt.xz")
if path is None:
    print("no GloVe: made-up vectors in their place, so that figures differ from those of the lesson")
    path = Path(tempfile.mkdtemp()) / "made-up.txt"
    made_up_vectors(path)
elif pace(full=False, short=True):  # the first words of the file
    with lzma.open(path, "rt", encoding="utf-8") as file:
        rows = [next(file) for _ in range(3000)]
    path = Path(tempfile.mkdtemp()) / "first.txt"
    path.write_text("".join(rows), encoding="utf-8")
vectors = elman.open_vectors(path)
print(f"{len(vectors):,} words of {vectors.width} numbers; film: {vectors.vector('film')[:4]} ...")

# %% [markdown]
# ## Nearest words
#
# Vectors are similar where they point the same way: the cosine of the angle between them,
#
# $$\cos(u, v) = \frac{u \cdot v}{\lVert u \rVert \, \lVert v \rVert}$$
#
# is near 1. Nothing says to GloVe what a word means; it learnt from the words that stand beside it.

# %%
nearest = {word: vectors.neighbours(word, 5) for word in ("film", "good", "king", "she")}
for word, others in nearest.items():
    print(f"{word:<5}", ", ".join(f"{other.word} {other.cosine:.2f}" for other in others))

# %% [markdown]
# Good and bad stand beside the same words, so their vectors are close, which does not help to classify reviews.
# Differences of vectors have a meaning as well: what is to woman as king is to man?

# %%
good, bad = (vectors.vector(word) / np.linalg.norm(vectors.vector(word)) for word in ("good", "bad"))
print(f"good and bad {good @ bad:.2f}")
print("man : king = woman :", ", ".join(other.word for other in vectors.analogy("man", "king", "woman", 3)))
try:
    vectors.neighbours("filmm")
except elman.DataError as error:
    unknown = str(error)
    print(unknown)

# %% [markdown]
# ## A task, and its words
#
# The task is to classify sentences of film reviews as positive or negative (SST-2; Socher et al., 2013).

# %%
folder = data_file("classification/sst")
if folder is None:
    print("no reviews: made-up ones in their place, so that figures differ from those of the lesson")

    def made_up(count, known):
        return [
            (
                f"the {random.choice(TOPICS['thing'].split())} is very {random.choice(TOPICS[label].split()[known])}",
                label,
            )
            for label in random.choice(["good", "bad"], count)
        ]

    train, validation, test = made_up(400, slice(5)), made_up(100, slice(5)), made_up(200, slice(None))
else:
    reviews = read_labelled(folder)
    train, validation, test = (
        [(one.text, one.label) for one in part] for part in (reviews.train, reviews.validation, reviews.test)
    )
if folder is not None and pace(full=False, short=True):
    train, validation, test = train[::20], validation[::10], test[::10]
counts = Counter(word for text, _ in train for word in Lexicon.of([text], lower=True).tokens[2:])
once = sum(count == 1 for count in counts.values()) / len(counts)
print(f"{len(train):,} sentences with {len(counts):,} words, {once:.0%} of which are in one sentence only")

# %% [markdown]
# The vocabularies have to be matched: row 17 of the embedding has to be the vector of word 17 of the task, not of word
# 17 of the file. A word is looked up as it is spelt, then in lower case. The vectors of words not found are initialised
# at random.

# %%
lexicon = Lexicon.of((text for text, _ in train), lower=True)
words = lexicon.tokens[2:]
matched = match(vectors, words)
missing = [word for word, there in zip(words, matched.found, strict=True) if not there]
print(matched)
print("not found:", ", ".join(missing[:12]), "...")
row = words.index("film")
row_difference = float(np.abs(matched.matrix[row] - vectors.vector("film")).max())
print(f"row {row} is film: difference {row_difference}")

# %% [markdown]
# Words that occur in no training sentence would all be read as unknown without the file. With it they have a vector
# near those of similar known words.

# %%
new = sorted({word for text, _ in test for word in lexicon.words_of(text)} - set(words))
in_file = match(vectors, new)
print(f"{len(new):,} words of the test are new, of which {int(in_file.found.sum()):,} have a vector")

# %% [markdown]
# ## Random, frozen, or trained
#
# We train the same network three times: with random initial vectors, with GloVe's vectors frozen, and with GloVe's
# vectors trained further. `Classification` takes the file, matches it, and also keeps words of the file that do not
# occur in the sentences.

# %%
small = {"hidden_size": pace(full=48, short=8), "max_length": pace(full=1024, short=8)}
ways = {
    "random": elman.Classification(embedding_size=vectors.width, **small),
    "frozen": elman.Classification(vectors=str(path), vectors_train="frozen", **small),
    "trained": elman.Classification(vectors=str(path), vectors_train="trained", **small),
}
fits, accuracy = {}, {}
for name, task in ways.items() if pace(full=True, short=False) else [("frozen", ways["frozen"])]:
    data = task.read_texts(train, validation=validation, test=test)
    fits[name] = elman.fit(task, data, **pace(full={"epochs": 5}, short={"steps": 8}))
    accuracy[name] = fits[name].evaluate(data.test).accuracy
    print(f"{name:<8} {accuracy[name]:.1%} of {len(test):,} right")

# %% [markdown]
# Frozen vectors are worse here than even random ones. Nearly half of the words, `hilarious` and `pretentious` among
# them, are not in this file of 20,000; they keep their random vectors, and the class often depends on them. Trained
# vectors are better than both: they start from those of the file, and the missing ones are learnt.
#
# Frozen vectors do not change: after training, the row of a word is that of the file, to the last digit.

# %%
frozen = elman.word_vectors(fits["frozen"])
frozen_difference = float(np.abs(frozen.vector("film") - vectors.vector("film")).max())
print(f"film, frozen and trained on: difference {frozen_difference}")
if "trained" in fits:
    for name in ("frozen", "trained", "random"):
        others = elman.word_vectors(fits[name]).neighbours("good", 5)
        print(f"good, {name:<8}", ", ".join(other.word for other in others))

# %% [markdown]
# ## A map
#
# Fifty dimensions cannot be drawn. The picture shows the two directions in which some words differ most (principal
# components).

# %%
drawn = [word for topic in list(TOPICS.values())[:5] for word in topic.split() if vectors.select([word])]
points = np.array([vectors.vector(word) for word in drawn])
points /= np.linalg.norm(points, axis=1, keepdims=True)
centred = points - points.mean(0)
places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
drawing, axes = figure(width=9, height=6.5)
for topic, colour in zip(list(TOPICS)[:5], ("tab:green", "tab:red", "tab:gray", "tab:blue", "tab:purple"), strict=True):
    for word, (across, up) in zip(drawn, places, strict=True):
        if word in TOPICS[topic].split():
            axes.text(across, up, word, color=colour, ha="center", va="center", fontsize="small")
axes.set_xlim(places[:, 0].min() - 0.1, places[:, 0].max() + 0.1)
axes.set_ylim(places[:, 1].min() - 0.1, places[:, 1].max() + 0.1)
axes.set_xticks([])
axes.set_yticks([])
show(drawing, "26-map")

# %% [markdown]
# ## Try next
#
# - Set `vectors_train=2`: frozen for two epochs, then trained. Is it between the two, or better than both?
# - Try `elman neighbours FILE WORD` on the command line, also with a trained model.
# - A fastText `.bin` has vectors for parts of words. What does `open_vectors` return for a misspelt word?
# - The projector shows the whole map, which you can rotate and search: lesson 27.
