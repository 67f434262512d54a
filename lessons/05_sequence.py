# %% [markdown]
# # A sequence in, a sequence out
#
# The recurrent layer outputs a state after each character, and the output layer reads each of them. In elman every
# recurrent layer does so; it needs no option. So lesson 4's network, too, is a layer.
#
# **You need** to know what a recurrent layer is (lesson 3), and why the network predicts after every character (lesson
# 4). The [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.lessons import count_weights, draw_losses, figure, lesson_text, pace, seed, show
from elman.ops.losses import cross_entropy
from elman.tasks.language_modelling.model import LanguageModel
from elman.training.learn import learn
from elman.training.shuffled import Shuffled
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, ys = windows[:-2], further[:-2]
print(xs.shape, ys.shape)

# %% [markdown]
# ## The network
#
# The network is that of lesson 3: 102,258 weights for 86 rows. Only the loss differs: it uses all eight predictions.

# %%
HIDDEN, FACTORS, VOCAB = 256, 42, characters.size + 1
SEED = seed()


def cell(input_size, hidden_size, *, key):
    return elman.Elman(input_size, hidden_size, activation="relu", key=key)


model = LanguageModel(
    cell, vocab=VOCAB, embedding_size=FACTORS, hidden_size=HIDDEN, num_layers=1, key=jax.random.key(SEED)
)
weights = count_weights(model)
_, logits = model(jnp.asarray(xs[:64]), model.init_carry(64))
print(f"{weights:,} weights; scores of 64 windows: {logits.shape}")

# %% [markdown]
# ## Training


# %%
def loss(model, carry, batch, *, key):
    windows, targets = batch
    _, logits = model(jnp.asarray(windows), model.init_carry(len(windows)))
    return cross_entropy(logits, targets, jnp.ones(targets.shape)), carry


examples = pace(full=len(xs), short=5_000)
batches = Shuffled(xs[:examples], ys[:examples], batch_size=64, seed=SEED)
losses = []
for epoch in learn(model, loss, batches, epochs=pace(full=8, short=2)):
    print(epoch)
    losses.append(epoch.loss)
trained = epoch.model
draw_losses(losses, "05-losses")


# %% [markdown]
# ## What does it predict?


# %%
@jax.jit
def probabilities_after(model, ids):
    """The probability of each character after each of `ids`."""
    _, logits = model(ids[None], model.init_carry(1))
    return jax.nn.softmax(logits[0])


eight = " this is"
after = probabilities_after(trained, jnp.asarray(characters.encode(eight)))
prediction = characters.decode(after[:, 1 : characters.size].argmax(-1) + 1)
print(repr(eight), "->", repr(prediction))

# %% [markdown]
# The most probable character is not the only one. The picture shows the probability of each character that may follow,
# one column for each character read: darker is more probable.

# %%
likely = np.flatnonzero(np.asarray(after).max(0) > 0.05)
drawing, axes = figure()
image = axes.imshow(np.asarray(after)[:, likely].T, cmap="Greys", vmin=0, vmax=1, aspect="auto")
drawing.colorbar(image, ax=axes, label="probability")
axes.set_xticks(range(8), [character.replace(" ", "␣") for character in eight])
names = [characters.token(int(number)) if number < characters.size else "?" for number in likely]
axes.set_yticks(range(len(likely)), [name.replace(" ", "␣").replace("\n", "⏎").replace("$", r"\$") for name in names])
axes.set_xlabel("character read")
axes.set_ylabel("character that may come next")
show(drawing, "05-probabilities")
print(f"each row sums to 1: {float(after.sum(1).min()):.6f} to {float(after.sum(1).max()):.6f}")

# %% [markdown]
# ## Windows are not needed
#
# Why eight characters? Only training fixed this number. The layer takes any number of characters, and its state is a
# value that can be passed on. Two windows of eight, with the state passed from the first to the second, give the same
# result as one window of sixteen.

# %%
sixteen = jnp.asarray(xs[:2].reshape(1, 16))
_, whole = trained(sixteen, trained.init_carry(1))
state, first_half = trained(sixteen[:, :8], trained.init_carry(1))
_, second_half = trained(sixteen[:, 8:], state)
joint_difference = float(abs(jnp.concatenate([first_half, second_half], axis=1) - whole).max())
print(f"largest difference: {joint_difference:.1e}")

# %% [markdown]
# ## Try next
#
# - Let it write: take the most probable character, append it, predict again. Then sample from the probabilities
#   instead.
# - Pass the state from one training window to the next. Lesson 7 does so, and says what this requires.
# - Remove the embedding, and give the network one-hot vectors: lesson 6.
