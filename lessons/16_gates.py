# %% [markdown]
# # Gates
#
# A simple recurrent network overwrites its whole state at every step. An LSTM protects its memory by three gates, and
# learns from the input and from its own state when to forget, when to add, and when to output. Here it is trained on a
# task that needs all three, and then we look at the gates.
#
# **You need** to know what a recurrent network is (lesson 14), and why gradients vanish (lesson 15).

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense, Embedding
from elman.lessons import figure, pace, show
from elman.ops.losses import cross_entropy
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

# %% [markdown]
# ## A notepad
#
# The letters a, b and c are written down, each replacing the one before; `!` deletes the note; `?` asks for it; a dot
# means nothing. The right answer is a dot everywhere but at `?`, where it is the current letter, or `-` for none.

# %%
SIGNS, ANSWERS = ".abc!?", ".abc-"
CHANCES = [0.6, 0.08, 0.08, 0.08, 0.06, 0.1]


def answers_to(signs):
    note, answers = "-", []
    for sign in signs:
        note = sign if sign in "abc" else "-" if sign == "!" else note
        answers.append(note if sign == "?" else ".")
    return "".join(answers)


def numbers(text, alphabet):
    return np.array([alphabet.index(sign) for sign in text], np.int32)


random = np.random.default_rng(0)
texts = ["".join(random.choice(list(SIGNS), 30, p=CHANCES)) for _ in range(pace(full=4000, short=1000))]
xs = np.stack([numbers(text, SIGNS) for text in texts])
ys = np.stack([numbers(answers_to(text), ANSWERS) for text in texts])
print(texts[0])
print(answers_to(texts[0]))

# %% [markdown]
# ## The network
#
#     i = sigmoid(...)    what to add      f = sigmoid(...)    what to keep      o = sigmoid(...)    what to show
#     g = tanh(...)       the candidate    c = f * c + i * g   the memory        h = o * tanh(c)     the output
#
# where each ... is a product with x, a product with h, and a bias of its own.

# %%
UNITS = 8
keys = jax.random.split(jax.random.key(0), 3)
model = {
    "embedding": Embedding(len(SIGNS), 8, key=keys[0]),
    "recurrent": elman.LSTM(8, UNITS, key=keys[1]),
    "output": Dense(UNITS, len(ANSWERS), key=keys[2]),
}


def scores(model, inputs):
    return model["output"](elman.unroll(model["recurrent"], model["embedding"](inputs))[1])


def loss(model, carry, batch, *, key):
    inputs, answers = batch
    return cross_entropy(scores(model, jnp.asarray(inputs)), answers, jnp.ones(answers.shape)), carry


losses = []
batches = Shuffled(xs, ys, batch_size=32)
for epoch in learn(model, loss, batches, epochs=pace(full=20, short=8), optimiser=optax.adam(0.01)):
    losses.append(epoch.loss)
    if epoch.number % 4 == 0:
        print(epoch)
trained = epoch.model

# %% [markdown]
# ## Looking in
#
# `elman.tap` returns every gate and the state at every step, besides the outputs. We use new texts, ten times as long
# as the training texts; the first begins with an example to look at.


# %%
@jax.jit
def look(model, inputs):
    _, hidden, seen = elman.tap(model["recurrent"], model["embedding"](inputs))
    return hidden, model["output"](hidden).argmax(-1), seen


example = ".a...?..b..?....!..?.c.?"
fresh = ["".join(random.choice(list(SIGNS), 300, p=CHANCES)) for _ in range(20)]
fresh[0] = example + fresh[0][len(example) :]
signs = np.stack([numbers(text, SIGNS) for text in fresh])
hidden, guesses, seen = jax.tree.map(np.asarray, look(trained, signs))
right = guesses == np.stack([numbers(answers_to(text), ANSWERS) for text in fresh])
asked = signs == SIGNS.index("?")
accuracy = float(right[asked].mean())
answer = "".join(ANSWERS[number] for number in guesses[0, : len(example)])
print(f"{accuracy:.1%} of {asked.sum()} questions right")
print(example)
print(answer)

# %% [markdown]
# Do the gates satisfy the equations?

# %%
memory = seen["carry"].c
before = np.concatenate([np.zeros_like(memory[:, :1]), memory[:, :-1]], axis=1)
i, f, g, o = (seen[gate] for gate in "ifgo")
equation_error = max(
    float(np.abs(f * before + i * g - memory).max()), float(np.abs(o * np.tanh(memory) - hidden).max())
)
print(f"largest difference {equation_error:.1e}")

# %% [markdown]
# A gate of 1 is open, one of 0 is shut. For each gate we take the unit that does most clearly what its name says: keeps
# at a dot and not at `!`, adds at a letter and not at a dot, shows at `?` and not at any other sign. How far is it open
# on average, at each sign?

# %%
means = {name: np.array([seen[name][signs == number].mean(0) for number in range(len(SIGNS))]) for name in "fio"}
doing = {
    "f, keep": means["f"][0] - means["f"][4],
    "i, add": means["i"][1:4].max(0) - means["i"][0],
    "o, show": means["o"][5] - means["o"][:5].max(0),
}
by_sign = {}
print("          unit  " + "".join(f"{sign:>7}" for sign in SIGNS))
for name, most in doing.items():
    unit = int(most.argmax())
    by_sign[name] = means[name[0]][:, unit]
    print(f"{name:<10}{unit + 1:>4}  " + "".join(f"{mean:>7.2f}" for mean in by_sign[name]))

# %%
drawing, axes = figure(4, 1, width=8, height=1.7)
pictures = {"f: keep": f, "i: add": i, "o: show": o, "c: memory": memory}
for place, (name, values) in zip(axes, pictures.items(), strict=True):
    colours = (
        {"cmap": "RdBu", "vmin": -2, "vmax": 2} if name == "c: memory" else {"cmap": "Greys", "vmin": 0, "vmax": 1}
    )
    image = place.imshow(
        values[0, : len(example)].T, aspect="auto", extent=(-0.5, len(example) - 0.5, 8.5, 0.5), **colours
    )
    place.set_xticks(range(len(example)), list(example))
    place.set_yticks(range(1, UNITS + 1, 2))
    place.set_ylabel(f"{name}\nunit")
    drawing.colorbar(image, ax=place)
axes[-1].set_xlabel("sign read")
show(drawing, "16-gates")

# %% [markdown]
# The picture of a full run shows the following; with another seed other units play these parts.
#
# - **When to forget**: the f of unit 3 is white at `b`, `c` and `!`, and black at dots; that of unit 1 is white at all
#   three letters. The old note is forgotten when a new one comes or when it is deleted, and is kept otherwise.
# - **When to add**: the i of unit 1 is black at `b`, `c` and `!`, and nearly shut at dots, where little is added.
#   Nothing is added at `a`, for which unit 1 is zero.
# - **When to output**: the o of unit 3 is black at `?` alone. Otherwise the note is kept, and not shown.
# - Most other units keep a constant that stands for "a dot", and are shut at `?`.
#
# The red or blue in the memory of units 1 and 3 lasts from letter to question: this is the note.
#
# ## Try next
#
# - Look at a GRU with `names=("r", "z")`: its one gate z both keeps and adds, and it outputs its whole state.
# - Give the LSTM more units, or two. How many does the notepad need? It can be in four states.
# - Replace the LSTM by `elman.Elman`, and make the dots more frequent. When does it forget the note?
