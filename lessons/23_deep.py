# %% [markdown]
# # Layers put together
#
# There are five ways to combine recurrent layers: bidirectional, stacked, hierarchical (characters below words),
# encoder and decoder, and a recurrent layer behind a convolution over the frames of a film. Each solves a problem that
# it suits, and is compared with a network that lacks it.
#
# **You need** to know a network with an output for each input, and one with an output for all of them (lesson 22). The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense, Embedding, FrameConvolution, Hierarchical, Stack
from elman.layers.recurrent import make_layers
from elman.lessons import count_weights, figure, legend_above, pace, show
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

random = np.random.default_rng(0)


def train(model, scores, inputs, targets, weights, *, epochs, rate=pace(full=0.005, short=0.02)):
    """The trained model, and the loss of each epoch; `scores(model, *inputs)` returns the logits of every target, and
    only targets of weight 1 count."""

    def loss(model, carry, batch, *, key):
        *inputs, targets, weights = map(jnp.asarray, batch)
        return cross_entropy(scores(model, *inputs), targets, weights), carry

    batches = Shuffled(*inputs, targets, weights, batch_size=50)
    history = list(learn(model, loss, batches, epochs=epochs, optimiser=optax.adam(rate)))
    return history[-1].model, [epoch.loss for epoch in history]


def share_right(model, scores, inputs, targets, weights):
    predictions = np.asarray(scores(model, *inputs).argmax(-1))
    return float((predictions == targets)[weights > 0].mean())


# %% [markdown]
# ## From both ends
#
# The input is letters, a or b, with dots between them. At each dot, which letter is the nearest on the left, and which
# on the right? The first is in the past, the second in the future.

# %%
TIME = 24


def dots_and_letters(count):
    """Signs (0 a dot, 1 a, 2 b); the letters left and right of each dot as 2 * left + right, with 0 for a and 1 for b;
    and weights, 1 at dots between two letters, else 0."""
    signs = random.choice(3, (count, TIME), p=[0.6, 0.2, 0.2]).astype(np.int32)
    left, right = np.zeros((2, *signs.shape), np.int32)
    for step in range(1, TIME):
        left[:, step] = np.where(signs[:, step - 1] > 0, signs[:, step - 1], left[:, step - 1])
    for step in range(TIME - 2, -1, -1):
        right[:, step] = np.where(signs[:, step + 1] > 0, signs[:, step + 1], right[:, step + 1])
    asked = (signs == 0) & (left > 0) & (right > 0)
    return signs, np.where(asked, 2 * (left - 1) + right - 1, 0).astype(np.int32), asked.astype(np.float32)


signs, pairs, asked = dots_and_letters(pace(full=2000, short=400))
test_signs, test_pairs, test_asked = dots_and_letters(500)
print("".join(".ab"[sign] for sign in signs[0]))
print("".join("0123"[pair] if weight else " " for pair, weight in zip(pairs[0], asked[0], strict=True)))
print("0 a on both sides, 1 a on the left and b on the right, 2 the other way round, 3 b on both sides")


# %%
def new_reader(ways, *, units, layers=1, outputs):
    """A model of GRU layers that read the signs, bidirectional if `ways` is "both ends"."""
    keys = jax.random.split(jax.random.key(0), layers + 2)
    cells = make_layers(elman.GRU, 8, units, bidirectional=ways == "both ends", keys=keys[2:])
    return {
        "embedding": Embedding(3, 8, key=keys[0]),
        "layers": Stack(cells),
        "output": Dense(cells[-1].hidden_size, outputs, key=keys[1]),
    }


@jax.jit
def read(model, signs):
    layers = model["layers"]
    _, ys = layers(model["embedding"](signs), layers.init_carry(len(signs)))
    return model["output"](ys)


@jax.jit
def read_from_the_end(model, signs):
    return read(model, signs[:, ::-1])[:, ::-1]


both_ends = {}
ways_to_read = (("the start", 34, read), ("the end", 34, read_from_the_end), ("both ends", 22, read))
for ways, units, scores in pace(full=ways_to_read, short=ways_to_read[2:]):
    model = new_reader(ways, units=units, outputs=4)
    model, _ = train(model, scores, [signs], pairs, asked, epochs=pace(full=5, short=6))
    both_ends[ways] = share_right(model, scores, [test_signs], test_pairs, test_asked)
    print(f"from {ways:<9} {count_weights(model):,} weights, {both_ends[ways]:.1%} of the dots right")

# %% [markdown]
# A network that reads one way knows one of the two letters and guesses the other: half are right. A bidirectional
# network knows both.
#
# ## Stacked layers
#
# The question for the same signs looks easier: are the two letters the same? The two cells of a bidirectional layer do
# not see each other's outputs. The dense layer adds a number for the left and a number for the right, and no such sum
# is high for a, a and b, b but low for a, b and b, a. A second layer reads the outputs of both cells of the first at
# every step. So at least two layers are needed; do three, four and five help? All have about the same number of
# weights.

# %%
same, test_same = (np.where((pairs == 0) | (pairs == 3), 1, 0).astype(np.int32) for pairs in (pairs, test_pairs))
units_by_depth = pace(full={1: 42, 2: 22, 3: 17, 4: 14, 5: 12}, short={2: 22})
by_depth, weights_by_depth, losses_by_depth = {}, {}, {}
for depth, units in units_by_depth.items():
    model = new_reader("both ends", units=units, layers=depth, outputs=2)
    weights_by_depth[depth] = count_weights(model)
    model, losses_by_depth[depth] = train(model, read, [signs], same, asked, epochs=pace(full=10, short=24))
    by_depth[depth] = share_right(model, read, [test_signs], test_same, test_asked)
    print(f"{depth} of 2 x {units:<3} {weights_by_depth[depth]:,} weights, {by_depth[depth]:.1%} of the dots right")
share_same = float(test_same[test_asked > 0].mean())
print(f"always giving the same answer is right for {max(share_same, 1 - share_same):.1%}")

# %% [markdown]
# One layer guesses, two are enough, and the third to the fifth do not help. This is common: begin with one layer, and
# measure whether one more helps, at the same number of weights.
#
# In a `Stack` each layer reads the outputs of the one below:

# %%
signal = model["embedding"](test_signs[:2])
for cell in model["layers"].cells:
    _, signal = cell(signal)
stack_difference = float(abs(model["output"](signal) - read(model, test_signs[:2])).max())
print(f"difference {stack_difference:.0e}")

# %% [markdown]
# ## Characters, and words
#
# In a made-up language the stem of a word is random letters, and its ending determines its kind. `-em` is a determiner
# and `-ok` an adjective; `-is` is a noun after one of these, else a verb. Few words occur twice. A network of words can
# only use words from training; to be fair, half of them are replaced by the unknown word in training, so that it learns
# to handle it. A hierarchical network reads the characters of each word, then the vectors of the words.

# %%
LETTERS, ENDINGS, KINDS = " abcdefghiklmnoprstuvz", ("em", "ok", "is"), ("determiner", "adjective", "noun", "verb")
WORDS, LONGEST = 8, 8


def made_up_sentences(count):
    """Sentences of made-up words, and the kind of each word."""
    texts, kinds = [], np.zeros((count, WORDS), np.int32)
    for row in range(count):
        ends, words = random.integers(0, 3, WORDS), []
        for place, end in enumerate(ends):
            stem = "".join(random.choice(list(LETTERS[1:]), random.integers(3, 7)))
            words.append(stem + ENDINGS[end])
            after_one = place > 0 and ends[place - 1] < 2
            kinds[row, place] = end if end < 2 else 2 if after_one else 3
        texts.append(words)
    return texts, kinds


texts, kinds = made_up_sentences(pace(full=1500, short=300))
test_texts, test_kinds = made_up_sentences(300)
print(" ".join(f"{word}/{KINDS[kind]}" for word, kind in zip(texts[0], kinds[0], strict=True)))
known = {word: number for number, word in enumerate(sorted({word for text in texts for word in text}), start=1)}
unseen = np.array([[word not in known for word in text] for text in test_texts], np.float32)
print(f"{unseen.mean():.0%} of the test's words are new")


def spelt(texts):
    """The letter numbers of the words, (sentence, word, letter), and the length of each word."""
    letters = np.zeros((len(texts), WORDS, LONGEST), np.int32)
    counts = np.array([[len(word) for word in text] for text in texts], np.int32)
    for row, text in enumerate(texts):
        for place, word in enumerate(text):
            letters[row, place, : len(word)] = [LETTERS.index(letter) for letter in word]
    return letters, counts


def numbered(texts):
    """The numbers of the words, 0 for new ones: (sentence, word)."""
    return np.array([[known.get(word, 0) for word in text] for text in texts], np.int32)


keys = jax.random.split(jax.random.key(0), 8)
letter_cell, word_cell = elman.GRU(8, 24, key=keys[0]), elman.GRU(24, 24, key=keys[1])
dense = Dense(24, len(KINDS), key=keys[2])


@jax.jit
def read_spelt(model, letters, counts):
    _, ys = model["reader"](model["letters"](letters), lengths=(counts, None))
    return model["output"](ys)


@jax.jit
def read_alone(model, letters, counts):
    """The logits of each word from its letters alone, without the words around it."""
    flat = letters.reshape(-1, LONGEST)
    carry, _ = elman.unroll(model["reader"], model["letters"](flat), lengths=counts.reshape(-1))
    return model["output"](carry).reshape(*letters.shape[:2], -1)


@jax.jit
def read_numbered(model, words):
    _, ys = elman.unroll(model["reader"], model["words"](words))
    return model["output"](ys)


letters = Embedding(len(LETTERS), 8, key=keys[3])
ways = {
    "words by number": (
        {"words": Embedding(len(known) + 1, 24, key=keys[4]), "reader": word_cell, "output": dense},
        read_numbered, (numbered(texts) * random.integers(0, 2, kinds.shape, np.int32),), (numbered(test_texts),),
    ),
    "letters of the word": (
        {"letters": letters, "reader": letter_cell, "output": dense}, read_alone, spelt(texts), spelt(test_texts),
    ),
    "letters, then words": (
        {"letters": letters, "reader": Hierarchical((letter_cell, word_cell)), "output": dense},
        read_spelt, spelt(texts), spelt(test_texts),
    ),
}  # fmt: skip
hierarchy = {}
for name in pace(full=list(ways), short=list(ways)[2:]):
    model, scores, inputs, test_inputs = ways[name]
    every = np.ones(kinds.shape, np.float32)
    model, _ = train(model, scores, inputs, kinds, every, epochs=pace(full=8, short=4))
    hierarchy[name] = share_right(model, scores, test_inputs, test_kinds, unseen)
    print(f"{name}: {hierarchy[name]:.1%} of the new words right")

# %% [markdown]
# The letters of a word determine its kind, except for noun and verb. These need the words before, which the upper level
# reads as the outputs of the lower level. By hand: the state after the last letter of each word is the input of one
# step of the upper cell.

# %%
some_letters, some_counts = spelt(test_texts[:1])
steps = [
    elman.unroll(model["reader"].levels[0], model["letters"](some_letters[:, place, : some_counts[0, place]]))[0]
    for place in range(3)
]
_, ys = elman.unroll(model["reader"].levels[1], jnp.stack(steps, axis=1))
by_hand = model["output"](ys)
hierarchy_difference = float(abs(by_hand - read_spelt(model, some_letters, some_counts)[:, :3]).max())
print(f"difference {hierarchy_difference:.0e}")

# %% [markdown]
# ## Read all, then write
#
# The task is to reverse letters: `abcdef` becomes `fedcba`. The first output is the last letter, which a network with
# an output for each input has not yet read: it can only know the second half. An encoder reads all letters, and its
# last state is the initial state of a decoder, whose input is the letter that it wrote last. In training its input is
# the right letter.

# %%
SIGNS, LONG = 8, pace(full=6, short=4)
forward = random.integers(0, SIGNS, (pace(full=4000, short=400), LONG)).astype(np.int32)
test_forward = random.integers(0, SIGNS, (500, LONG)).astype(np.int32)
backward, test_backward = forward[:, ::-1].copy(), test_forward[:, ::-1].copy()
GO = SIGNS  # the decoder's first input
shifted = np.concatenate([np.full((len(backward), 1), GO, np.int32), backward[:, :-1]], axis=1)


@jax.jit
def at_once(model, letters):
    _, ys = elman.unroll(model["encoder"], model["embedding"](letters))
    return model["output"](ys)


@jax.jit
def encode_decode(model, letters, before):
    carry, _ = elman.unroll(model["encoder"], model["embedding"](letters))
    _, ys = elman.unroll(model["decoder"], model["embedding"](before), carry)
    return model["output"](ys)


@jax.jit
def write(model, letters):
    """The letters of greedy decoding: the most probable one at each step, fed to the next."""
    carry, _ = elman.unroll(model["encoder"], model["embedding"](letters))

    def step(state, _):
        carry, letter = state
        carry, ys = elman.unroll(model["decoder"], model["embedding"](letter[:, None]), carry)
        letter = model["output"](ys)[:, 0].argmax(-1)
        return (carry, letter), letter

    return jax.lax.scan(step, (carry, jnp.full(len(letters), GO)), length=LONG)[1].T


UNITS = pace(full=64, short=32)
pair = {
    "embedding": Embedding(SIGNS + 1, 16, key=keys[5]),
    "encoder": elman.GRU(16, UNITS, key=keys[6]),
    "decoder": elman.GRU(16, UNITS, key=keys[7]),
    "output": Dense(UNITS, SIGNS, key=keys[2]),
}
single = {name: part for name, part in pair.items() if name != "decoder"}
every = np.ones(backward.shape, np.float32)
single, _ = train(single, at_once, [forward], backward, every, epochs=pace(full=10, short=8))
pair, _ = train(pair, encode_decode, [forward, shifted], backward, every, epochs=pace(full=15, short=60))
written = {
    "an answer for each input": np.asarray(at_once(single, test_forward).argmax(-1)),
    "encoder and decoder": np.asarray(write(pair, test_forward)),
}
by_place = {name: (texts_written == test_backward).mean(0) for name, texts_written in written.items()}
for name, shares in by_place.items():
    print(f"{name:<25} right, letter by letter:", " ".join(f"{share:4.0%}" for share in shares))
whole = float((written["encoder and decoder"] == test_backward).all(1).mean())
print(
    f"{whole:.1%} of the words whole; "
    + ", ".join(
        f"{''.join('abcdefgh'[sign] for sign in row)} -> {''.join('abcdefgh'[sign] for sign in answer)}"
        for row, answer in zip(test_forward[:3], written["encoder and decoder"][:3], strict=True)
    )
)

# %% [markdown]
# The first network guesses the letters that it has not read yet, and knows those that it has. The second has read all
# of them before it writes the first.
#
# ## A film
#
# A blob moves over a frame of 12 x 12 points, one point per step, up, down, left or right; it leaves the frame on one
# side and returns on the other. It begins anywhere, so one frame does not show its direction. All frames without their
# order show only whether it moves vertically or horizontally. A convolution maps each frame to a vector, and a GRU
# reads the vectors in order.

# %%
SIDE, FRAMES, WAYS = 12, pace(full=6, short=3), ("up", "down", "left", "right")
MOVES = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])


def films(count):
    """Noisy frames (film, time, height, width, 1), and the direction of the blob in each film."""
    way, start = random.integers(0, 4, count).astype(np.int32), random.integers(0, SIDE, (count, 2))
    at = (start[:, None] + np.arange(FRAMES)[:, None] * MOVES[way][:, None]) % SIDE
    gaps = np.arange(SIDE) - at[..., None]  # film, time, which axis, point
    gaps = (gaps + SIDE // 2) % SIDE - SIDE // 2
    bumps = np.exp(-np.square(gaps) / 2)
    frames = bumps[:, :, 0, :, None] * bumps[:, :, 1, None, :]
    frames = frames + 0.1 * random.normal(size=frames.shape)
    return frames[..., None].astype(np.float32), way[:, None]


seen, moved = films(pace(full=2000, short=200))
test_seen, test_moved = films(pace(full=500, short=100))


def new_watcher(ordered):
    first, second, third = jax.random.split(jax.random.key(0), 3)
    convolution = FrameConvolution((SIDE, SIDE, 1), channels=(8, 16), key=first)
    reader = elman.GRU(convolution.hidden_size, 32, key=second)
    if not ordered:  # about as many weights in a dense layer
        reader = Dense(convolution.hidden_size, 120, key=second)
    outputs = Dense(32 if ordered else 120, 4, key=third)
    return {"convolution": convolution, "reader": reader, "output": outputs}


@jax.jit
def last_frame(model, frames):
    return model["output"](jax.nn.relu(model["reader"](model["convolution"](frames[:, -1:]))))


@jax.jit
def without_order(model, frames):
    vectors = model["convolution"](frames).mean(axis=1, keepdims=True)
    return model["output"](jax.nn.relu(model["reader"](vectors)))


@jax.jit
def in_order(model, frames):
    _, ys = elman.unroll(model["reader"], model["convolution"](frames))
    return model["output"](ys[:, -1:])


watchers = {"the last frame": last_frame, "all, without order": without_order, "all, in order": in_order}
directions = {}
for name in pace(full=list(watchers), short=list(watchers)[2:]):
    scores = watchers[name]
    once, test_once = (np.ones(answers.shape, np.float32) for answers in (moved, test_moved))
    watcher = new_watcher(scores is in_order)
    watcher, _ = train(
        watcher, scores, [seen], moved, once, epochs=pace(full=10, short=30), rate=pace(full=0.003, short=0.01)
    )
    directions[name] = share_right(watcher, scores, [test_seen], test_moved, test_once)
    print(f"{name:<19} {count_weights(watcher):,} weights, {directions[name]:.1%} of the directions right")

# %% [markdown]
# One frame gives about a quarter, which is chance (on 500 films the figure varies by some points); all frames without
# order give a half; in order they give all.
#
# ## To look at

# %%
drawing, axes = figure(2, 3, width=4.6, height=3.2)
bars = {"letters on both sides": both_ends, "kinds of new words": hierarchy, "which way it moves": directions}
for place, (title, shares) in zip(axes.flat[[0, 2, 5]], bars.items(), strict=True):
    drawn = place.barh(list(shares), [100 * share for share in shares.values()], color=["0.7", "0.7", "tab:blue"])
    place.bar_label(drawn, fmt="%.0f", label_type="center")
    place.invert_yaxis()
    place.set_xlim(0, 100)
    place.set_xlabel("right, %")
    place.set_title(title)
depths = axes[0, 1]
for depth, losses in losses_by_depth.items():
    depths.plot(range(1, len(losses) + 1), losses, ".-", label=f"{depth} layer{'s' * (depth > 1)}")
depths.axhline(np.log(2), color="0.7", linestyle=":")
depths.set_ylim(bottom=0)
depths.set_xlabel("epoch; dotted is a guess")
depths.set_ylabel("training loss, nats")
depths.set_title("are both letters the same?")
legend_above(depths)
for name, shares in by_place.items():
    axes[1, 0].plot(range(1, LONG + 1), 100 * shares, "o-", label=name)
axes[1, 0].set_ylim(0, 102)
axes[1, 0].set_xticks(range(1, LONG + 1))
axes[1, 0].set_xlabel("letter of the answer")
axes[1, 0].set_ylabel("right, %")
axes[1, 0].set_title("letters reversed")
legend_above(axes[1, 0])
framed = [np.pad(frame, ((1, 1), (1, 1)), constant_values=1) for frame in test_seen[0, ..., 0]]
strips = np.concatenate([np.concatenate(framed[at : at + 3], axis=1) for at in range(0, FRAMES, 3)])
axes[1, 1].imshow(strips, cmap="Greys", vmin=0, vmax=1)
axes[1, 1].set_xticks([])
axes[1, 1].set_yticks([])
axes[1, 1].set_title(f"a film: it moves {WAYS[test_moved[0, 0]]}")
show(drawing, "23-deep")

# %% [markdown]
# ## Try next
#
# - Predict the letter on the left only. How much worse is a bidirectional network with the same number of weights?
# - Ask whether two letters are the same with a hidden dense layer with relu above one bidirectional layer. Is recurrent
#   depth needed?
# - Omit `counts`, so that the lower level reads the padding after a word as well. How much worse is it?
# - Reverse longer words (`LONG`). From which length on does the one vector between encoder and decoder fail to hold
#   them? `elman.Seq2Seq` has attention, which does not depend on one vector.
# - Make the noise of the films stronger, or reduce them to two frames (`FRAMES`). Which of the three networks becomes
#   worse?
