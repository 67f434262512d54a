# %% [markdown]
# # Three forms of tasks
#
# A dense network maps a vector of fixed size to a vector of fixed size. The inputs or outputs of a recurrent network,
# or both, are sequences: it maps a vector to a sequence, a sequence to a class, or a sequence to a sequence. The same
# cell does all three; only its inputs differ, and which of its outputs are used. All three are shown on waves.
#
# **You need** to know what a recurrent network is (lesson 14), and that training minimises a loss. The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import elman
from elman.layers import Dense
from elman.layers.pooling import LastPooling
from elman.lessons import figure, legend_above, pace, show
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

TIME, UNITS, COUNT = 40, 32, pace(full=4000, short=640)
SHAPES = ("sine", "square", "saw")
random = np.random.default_rng(0)


def wave(shape, period, phase):
    """A wave of one of the three shapes, of amplitude 1; the period is in steps, the phase a fraction of it."""
    turns = np.arange(TIME) / period + phase
    if shape == "sine":
        return np.sin(2 * np.pi * turns)
    return np.sign(np.sin(2 * np.pi * turns) + 1e-9) if shape == "square" else 2 * (turns % 1) - 1


kinds = random.integers(0, 3, COUNT)
periods, phases = random.uniform(8, 20, COUNT), random.uniform(0, 1, COUNT)
rows = zip(kinds, periods, phases, strict=True)
waves = np.array([wave(SHAPES[kind], period, phase) for kind, period, phase in rows], np.float32)[..., None]
noisy = (waves + 0.4 * random.normal(size=waves.shape)).astype(np.float32)
held = COUNT // 8  # held out of training
print(waves.shape)


def new_model(features, outputs):
    cell_key, output_key = jax.random.split(jax.random.key(0))
    return {"cell": elman.GRU(features, UNITS, key=cell_key), "output": Dense(UNITS, outputs, key=output_key)}


def train(model, loss_of, inputs, answers, *, epochs):
    """The model after training; `loss_of` returns the loss of each row."""

    def loss(model, carry, batch, *, key):
        each = loss_of(model, *map(jnp.asarray, batch))
        return (each.sum(), jnp.float32(each.size)), carry

    batches = Shuffled(inputs[held:], answers[held:], batch_size=pace(full=64, short=32))
    *_, last = learn(model, loss, batches, epochs=epochs, optimiser=optax.adam(pace(full=0.005, short=0.02)))
    print(last)
    return last.model


# %% [markdown]
# ## A vector becomes a sequence
#
# Six numbers give the shape, the period and the phase; the network draws the wave. The vector is the cell's input at
# every step; all outputs are used. A caption of a picture is written in this way.

# %%
turned = 2 * np.pi * phases
vectors = np.column_stack([np.eye(3)[kinds], (periods - 14) / 6, np.sin(turned), np.cos(turned)]).astype(np.float32)


@jax.jit
def draw(model, vectors):
    repeated = jnp.repeat(vectors[:, None], TIME, axis=1)
    _, ys = elman.unroll(model["cell"], repeated)
    return model["output"](ys)


drawer = train(
    new_model(6, 1),
    lambda model, vectors, waves: jnp.square(draw(model, vectors) - waves).mean(axis=(1, 2)),
    vectors,
    waves,
    epochs=pace(full=60, short=40),
)
drawn = np.asarray(draw(drawer, vectors[:held]))
drawing_error = float(np.square(drawn - waves[:held]).mean())
spread = float(np.square(waves[:held]).mean())
print(f"vector to sequence: squared error {drawing_error:.3f}, that of a flat line {spread:.3f}")

# %% [markdown]
# ## A sequence becomes a class
#
# Which of the three shapes is a noisy wave? The cell reads all of it, and the output layer only the last state, which
# depends on the whole wave. The topic of a text is predicted in this way.


# %%
@jax.jit
def classify(model, waves):
    _, ys = elman.unroll(model["cell"], waves)
    return model["output"](LastPooling(UNITS)(ys))


classifier = train(
    new_model(1, 3),
    lambda model, waves, kinds: optax.softmax_cross_entropy_with_integer_labels(classify(model, waves), kinds),
    noisy,
    kinds,
    epochs=pace(full=15, short=8),
)
named = np.asarray(classify(classifier, noisy[:held]).argmax(-1))
accuracy = float((named == kinds[:held]).mean())
print(f"sequence to class: {accuracy:.1%} right of {held}, by chance 33.3%")

# %% [markdown]
# ## A sequence becomes a sequence
#
# The input is the noisy wave, the target the clean one, step by step: the output at each step may use all inputs up to
# it. The words of a sentence are tagged in this way.


# %%
@jax.jit
def clean(model, waves):
    _, ys = elman.unroll(model["cell"], waves)
    return model["output"](ys)


cleaner = train(
    new_model(1, 1),
    lambda model, noisy, waves: jnp.square(clean(model, noisy) - waves).mean(axis=(1, 2)),
    noisy,
    waves,
    epochs=pace(full=15, short=8),
)
cleaned = np.asarray(clean(cleaner, noisy[:held]))
by_step = np.square(cleaned - waves[:held]).mean(axis=(0, 2))
noise = float(np.square(noisy[:held] - waves[:held]).mean())
print(f"sequence to sequence: squared error {by_step.mean():.3f}, that of the noise {noise:.3f}")
print(f"in the first ten steps {by_step[:10].mean():.3f}, in the last ten {by_step[-10:].mean():.3f}")

# %% [markdown]
# The more it has read, the better it knows the wave; only the state can hold this knowledge.
#
# ## To look at

# %%
examples = [int(np.flatnonzero(kinds[:held] == kind)[0]) for kind in range(3)]
drawing, axes = figure(3, 3, width=3.6, height=1.9)
for column, row in enumerate(examples):
    axes[0, column].plot(waves[row, :, 0], color="0.6", label="target")
    axes[0, column].plot(drawn[row, :, 0], label="drawn")
    axes[1, column].plot(noisy[row, :, 0], color="0.6")
    axes[1, column].set_title(f"a {SHAPES[kinds[row]]}, called {SHAPES[named[row]]}", fontsize="medium")
    axes[2, column].plot(noisy[row, :, 0], color="0.8", label="noisy input")
    axes[2, column].plot(waves[row, :, 0], color="0.5", label="target")
    axes[2, column].plot(cleaned[row, :, 0], label="cleaned")
for place, form in zip(axes[:, 0], ("vector\nto sequence", "sequence\nto class", "sequence\nto sequence"), strict=True):
    place.set_ylabel(form)
for place in axes[2]:
    place.set_xlabel("step")
legend_above(axes[0, 1])
legend_above(axes[2, 1], columns=3)
show(drawing, "20-forms")

# %% [markdown]
# ## And where the lengths differ
#
# Here each input step has one output step. A sum has fewer digits than its question has characters, and a translation
# may be shorter or longer: then one network reads the input into a vector, and another maps this to a sequence. That is
# the second form followed by the first: lesson 19.
#
# ## Try next
#
# - Feed the vector at the first step alone, and zeros after it. How much harder is it to draw?
# - Predict the class from the first 5, 10 and 20 steps only: `classify(classifier, noisy[:held, :10])`.
# - Let the cleaner see the future as well: `elman.layers.Bidirectional(forward, backward)` takes two cells, is called
#   instead of `elman.unroll`, and outputs twice as many features.
# - Lesson 22 has further ways to use the outputs and to feed the inputs.
