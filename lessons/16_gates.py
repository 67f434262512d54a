# %% [markdown]
# # Gates
#
# A simple recurrent network overwrites its whole state at every step. An LSTM protects its memory by three gates, and
# learns from the input and from its own state when to forget, when to add, and when to output. Here it is trained on a
# task that needs all three, and then we look at the gates.
#
# **You need** to know what a recurrent network is (lesson 14), and why gradients vanish (lesson 15). The
# [glossary](../docs/glossary.md) explains all terms.

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
FREQUENCIES = [0.6, 0.08, 0.08, 0.08, 0.06, 0.1]


def targets_of(signs):
    note, targets = "-", []
    for sign in signs:
        note = sign if sign in "abc" else "-" if sign == "!" else note
        targets.append(note if sign == "?" else ".")
    return "".join(targets)


def numbers(text, alphabet):
    return np.array([alphabet.index(sign) for sign in text], np.int32)


random = np.random.default_rng(0)
texts = ["".join(random.choice(list(SIGNS), 30, p=FREQUENCIES)) for _ in range(pace(full=4000, short=1000))]
xs = np.stack([numbers(text, SIGNS) for text in texts])
ys = np.stack([numbers(targets_of(text), ANSWERS) for text in texts])
print(texts[0])
print(targets_of(texts[0]))

# %% [markdown]
# ## The network
#
# $$
# \begin{aligned}
# i_t &= \sigma(x_t W_i + h_{t-1} U_i + b_i) && \text{input gate: what to add} \\
# f_t &= \sigma(x_t W_f + h_{t-1} U_f + b_f) && \text{forget gate: what to keep} \\
# o_t &= \sigma(x_t W_o + h_{t-1} U_o + b_o) && \text{output gate: what to show} \\
# g_t &= \tanh(x_t W_g + h_{t-1} U_g + b_g) && \text{the candidate} \\
# c_t &= f_t \odot c_{t-1} + i_t \odot g_t && \text{the memory} \\
# h_t &= o_t \odot \tanh(c_t) && \text{the output}
# \end{aligned}
# $$

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
    inputs, targets = batch
    return cross_entropy(scores(model, jnp.asarray(inputs)), targets, jnp.ones(targets.shape)), carry


losses = []
batches = Shuffled(xs, ys, batch_size=32)
for epoch in learn(
    model, loss, batches, epochs=pace(full=20, short=40), optimiser=optax.adam(pace(full=0.01, short=0.03))
):
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
fresh = ["".join(random.choice(list(SIGNS), 300, p=FREQUENCIES)) for _ in range(20)]
fresh[0] = example + fresh[0][len(example) :]
signs = np.stack([numbers(text, SIGNS) for text in fresh])
hidden, predictions, seen = jax.tree.map(np.asarray, look(trained, signs))
right = predictions == np.stack([numbers(targets_of(text), ANSWERS) for text in fresh])
asked = signs == SIGNS.index("?")
accuracy = float(right[asked].mean())
prediction = "".join(ANSWERS[number] for number in predictions[0, : len(example)])
print(f"{accuracy:.1%} of {asked.sum()} questions right")
print(example)
print(prediction)

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
# The table and the picture show how each part is played; which units play it depends on the seed.
#
# - **When to forget**: an f is near 1 at dots and near 0 at `!` and at letters, though not at all of them: units share
#   the work. The old note is forgotten when a new one comes or when it is deleted, and is kept otherwise.
# - **When to add**: an i is near 1 at letters, and low at dots, where little is added.
# - **When to output**: an o is near 1 at `?` and near 0 elsewhere. Until it is asked for, the note is kept and not
#   shown.
# - Most other units keep a constant that stands for "a dot", and are shut at `?`.
#
# In the memory, the red or blue of some units comes with a letter and lasts until the next letter or `!`: this is the
# note.
#
# ## Try next
#
# - Look at a GRU with `names=("r", "z")`: its one gate z both keeps and adds, and it outputs its whole state.
# - Give the LSTM more units, or two. How many does the notepad need? It can be in four states.
# - Replace the LSTM by `elman.Elman`, and make the dots more frequent. When does it forget the note?
