# %% [markdown]
# # Vectors as points: the projector
#
# A table of word vectors is a cloud of points. TensorBoard has a page, the projector, that shows such a cloud, rotates
# it, searches it and lists the neighbours of a point. It reads three files. Here we write them, for vectors that a
# network has just learnt and for vectors of a file; we also compute and draw the projector's map here, to see what such
# a map shows, and what it loses.
#
# **You need** to know what word vectors are, and that similar ones have a cosine near 1 (lessons 25 and 26). The
# [glossary](../docs/glossary.md) explains all terms.

# %%
from collections import Counter, defaultdict
from pathlib import Path

import jax
import numpy as np

import elman
from elman.formats.vectors.vectors import WordVectors
from elman.inspection.projector import write_projector
from elman.lessons import data_file, figure, pace, show
from elman.tasks.tagging.generated import sentences

# %% [markdown]
# ## Vectors that were just learnt
#
# A tagger learns the parts of speech of a toy grammar, whose words often have two, such as `watch`. Its word vectors
# are initialised at random; nothing in the loss asks them to form groups.

# %%
task = elman.Tagging(
    embedding_size=16,
    hidden_size=pace(full=32, short=8),
    num_layers=1,
    letter_size=4,
    letter_hidden_size=4,
    input_dropout=0.1,
    dropout=0.1,
    batch_words=256,
)
grammar = sentences(pace(full=5000, short=400))
data = task.read_sentences(
    (one.words, one.tags) for one in grammar if len(one.words) in pace(full=range(99), short=range(5, 9))
)
untrained = task.build(data.codec, key=jax.random.key(0))
fitted = elman.fit(task, data, **pace(full={"epochs": 6}, short={"steps": 80, "learning_rate": 0.02}))
after = elman.word_vectors(fitted)
words = list(after.words())
before = WordVectors("before training", words, np.asarray(untrained.embedding.table)[2:])
print(
    f"{len(after)} words of {after.width} numbers; {fitted.evaluate(data.test).accuracy:.1%} of the test's words right"
)

# %% [markdown]
# ## Three files
#
# `tensors.tsv` has a line of numbers for each point, `metadata.tsv` a line with its word and further columns, and
# `projector_config.pbtxt` names the two files. Here the further columns are the parts of speech of each word, by which
# to colour the points, and its frequency.

# %%
tags = defaultdict(Counter)
for sentence in data.train.examples:
    for word, tag in zip(sentence.words, sentence.tags, strict=True):
        tags[word.lower()][tag] += 1
columns = {
    "tag": {word: counts.most_common(1)[0][0] for word, counts in tags.items()},
    "tags": {word: " ".join(sorted(counts)) for word, counts in tags.items()},
    "seen": {word: counts.total() for word, counts in tags.items()},
}
FOLDER = Path("projector")
write_projector(after, FOLDER / "grammar", columns=columns, force=True)
for file in sorted((FOLDER / "grammar").iterdir()):
    print(f"{file}:")
    for line in file.read_text().splitlines()[:3]:
        print("   ", line if len(line) < 70 else line[:70] + " ...")

# %% [markdown]
# The numbers are written with enough digits to read back the same ones. The last line tells how to look at them:

# %%
read_back = np.loadtxt(FOLDER / "grammar" / "tensors.tsv", dtype=np.float32)
matrix = np.array([after.vector(word) for word in words])
reading_difference = float(np.abs(read_back - matrix).max())
print(f"read back: difference {reading_difference}")
print(f"pip install tensorboard; tensorboard --logdir {FOLDER / 'grammar'}   and PROJECTOR in the menu of its page")

# %% [markdown]
# ## What the page draws
#
# Sixteen dimensions cannot be drawn. The page subtracts the mean of all points, scales each to length 1, and shows the
# directions of largest variance: principal components. NumPy needs three lines for this.


# %%
def principal(matrix):
    """The coordinates of the points along their principal components, and each component's share of the variance."""
    centred = matrix - matrix.mean(0)
    centred = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    centred = centred - centred.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left * sizes, sizes**2 / (sizes**2).sum()


def alike(vectors, words):
    """The share of words whose nearest neighbour has the same most frequent tag."""
    return float(
        np.mean([columns["tag"][word] == columns["tag"][vectors.neighbours(word, 1)[0].word] for word in words])
    )


maps, shares, same_tag = {}, {}, {}
for name, vectors in (("before training", before), ("after training", after)):
    maps[name], shares[name] = principal(np.array([vectors.vector(word) for word in words]))
    same_tag[name] = alike(vectors, words)
    print(
        f"{name}: {same_tag[name]:.0%} of the words have a nearest neighbour of their tag; two components hold "
        f"{shares[name][:2].sum():.0%} of the variance, three {shares[name][:3].sum():.0%}"
    )

# %%
kinds = [tag for tag, _ in Counter(columns["tag"].values()).most_common(8)]
drawing, axes = figure(1, 2, width=6.5, height=5.5)
for place, name in zip(axes, maps, strict=True):
    for colour, kind in enumerate(kinds):
        rows = [row for row, word in enumerate(words) if columns["tag"][word] == kind]
        place.scatter(*maps[name][rows, :2].T, s=14, color=f"C{colour}", label=kind)
    for word in ("watch", "watches", "can", "the", "fast"):
        if word in words:
            place.annotate(word, maps[name][words.index(word), :2], xytext=(3, 3), textcoords="offset points")
    place.set_title(f"{name}: {shares[name][:2].sum():.0%} of the variance")
    place.set_xticks([])
    place.set_yticks([])
drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(kinds), frameon=False)
show(drawing, "27-grammar")

# %% [markdown]
# ## Vectors of a file
#
# We do the same with the most frequent words of GloVe. On the page, type a word in the search field and click on it:
# the list on the right has its nearest neighbours by cosine, in all dimensions.

# %%
path = data_file("vectors/glove.6B.50d.top20k.txt.xz")
if path is None:
    print("no GloVe: the grammar's vectors in its place, so that figures differ from those of the lesson")
    big, asked = (
        after,
        [next(word for word in words if columns["tag"][word] == kind) for kind in ("NOUN", "ADJ", "VERB")],
    )
else:
    big, asked = elman.open_vectors(path), ["film", "king", "water"]
points = write_projector(big, FOLDER / "file", count=pace(full=10_000, short=1500), force=True)
print(f"{len(points):,} points; tensorboard --logdir {FOLDER / 'file'}")
nearest = {word: [other.word for other in big.neighbours(word, 8)] for word in asked}
for word, others in nearest.items():
    print(f"{word:<7}", ", ".join(others))

# %% [markdown]
# Are neighbours on the map true neighbours? Of the eight words that are nearest to a word on the map of two components,
# and of three, how many are among its eight nearest in all dimensions?

# %%
every = np.loadtxt(FOLDER / "file" / "tensors.tsv", dtype=np.float32)
places, share = principal(every)
units = every / np.linalg.norm(every, axis=1, keepdims=True)
sample = np.random.default_rng(0).choice(len(points), min(200, len(points)), replace=False)


def eight_nearest(distances, row):
    distances[row] = np.inf  # itself
    return set(np.argsort(distances)[:8].tolist())


kept = {}
for dimensions in (2, 3, every.shape[1]):
    shown = places[:, :dimensions]
    kept[dimensions] = float(
        np.mean(
            [
                len(
                    eight_nearest(-units @ units[row], row)
                    & eight_nearest(np.square(shown - shown[row]).sum(axis=1), row)
                )
                / 8
                for row in sample
            ]
        )
    )
    print(f"{dimensions:2} components, {share[:dimensions].sum():.0%} of the variance: {kept[dimensions]:.0%} kept")

# %% [markdown]
# A map of two or three components shows the large groups. For neighbours, use the list, not the map. (With all
# components the share is not 100%, as the cosine is measured from zero, and the map from the mean of the words.)

# %%
drawing, axes = figure(width=10, height=7)
axes.scatter(*places[:, :2].T, s=3, color="0.9")
row_of = {word: row for row, word in enumerate(points)}
for colour, (word, others) in enumerate(nearest.items()):
    here = [row_of[other] for other in others if other in row_of]
    start = places[row_of[word], :2]
    for row in here:
        axes.plot(*zip(start, places[row, :2], strict=True), color=f"C{colour}", linewidth=0.6)
        axes.annotate(points[row], places[row, :2], color=f"C{colour}", fontsize="small")
    axes.annotate(word, start, color=f"C{colour}", fontsize="large", fontweight="bold")
axes.set_xlabel(f"first component, {share[0]:.0%} of the variance")
axes.set_ylabel(f"second, {share[1]:.0%}")
axes.set_title("words and the eight nearest in all dimensions")
show(drawing, "27-neighbours")

# %% [markdown]
# ## Try next
#
# - Try `elman projector FILE --out FOLDER` on the command line, also with a saved model.
# - On the page, colour by `tag`, and choose T-SNE or UMAP: they preserve neighbours, but not distances.
# - Without installing anything: load `tensors.tsv` and `metadata.tsv` at https://projector.tensorflow.org.
# - Look at words among points of another colour. How often were they seen, and do they have two tags (`tags`)?
# - Vectors of characters (lesson 5): `WordVectors("characters", names, table)`. Do the vowels lie together?
