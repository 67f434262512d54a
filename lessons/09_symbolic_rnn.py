# %% [markdown]
# # The network as a formula
#
# This lesson uses no layers. We write down the computation of one step, repeat it along the sequence, and ask for the
# gradients: how much the error changes when each weight changes a little. The toolkit, JAX, on which elman is built,
# sees the whole formula, derives it and compiles it.
#
# **You need** to know what a recurrent network computes (lesson 3) and what one-hot means (lesson 6). The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.lessons import figure, legend_above, lesson_text, pace, seed, show
from elman.recurrence import reference
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, ys = windows[:-2], further[:-2]
HIDDEN, VOCAB, RATE = 256, characters.size + 1, 0.01
SEED = seed()

# %% [markdown]
# ## scan
#
# `scan(f, start, sequence)` is the loop of recurrent networks: `f` takes the carry, which is the value passed from step
# to step, and one element, and returns the new carry and an output. With addition it is the running sum:

# %%
_, sums = jax.lax.scan(lambda total, number: (total + number, total + number), 0, jnp.arange(5))
print(sums.tolist())

# %% [markdown]
# ## Weights
#
# The hidden weights are initialised as the identity, the others from a normal distribution with variance $2 / n$ for
# $n$ inputs, the biases as zero. With that variance a sum of $n$ products neither shrinks nor grows on the way through
# relu.
#
# All weights are float32, numbers of 32 bits. A classic bug begins here: if a single array is float64, so are the
# updates of the weights, and the weights change their type, or the program stops. One place should decide the type.


# %%
def normal(key, rows, columns):
    return jax.random.normal(key, (rows, columns)) * (2 / rows) ** 0.5


def start_weights(key):
    keys = jax.random.split(key)
    return {
        "W_x": normal(keys[0], VOCAB, HIDDEN),
        "b_x": jnp.zeros(HIDDEN),
        "W_h": jnp.eye(HIDDEN),
        "b_h": jnp.zeros(HIDDEN),
        "W_y": normal(keys[1], HIDDEN, VOCAB),
        "b_y": jnp.zeros(VOCAB),
    }


weights = start_weights(jax.random.key(SEED))
print({name: (array.shape, str(array.dtype)) for name, array in weights.items()})

# %% [markdown]
# elman rejects other types before it computes anything, and says how to mend it:

# %%
cell = elman.Elman(VOCAB, HIDDEN, activation="relu", key=jax.random.key(SEED))
try:
    elman.unroll(cell, jax.nn.one_hot(xs[:1], VOCAB, dtype=jnp.float16))
except elman.ShapeError as error:
    refusal = str(error)
    print(refusal)

# %% [markdown]
# ## One step, and its repetition
#
# A step reads the one-hot character $x_t$ and the state $h_{t-1}$:
#
# $$
# \begin{aligned}
# h_t &= \mathrm{relu}(x_t W_x + b_x + h_{t-1} W_h + b_h) \\
# p_t &= \mathrm{softmax}(h_t W_y + b_y)
# \end{aligned}
# $$


# %%
def step(weights, h, x):
    """The state after the character x, and the probabilities of the next character."""
    h = jax.nn.relu(x @ weights["W_x"] + weights["b_x"] + h @ weights["W_h"] + weights["b_h"])
    return h, jax.nn.softmax(h @ weights["W_y"] + weights["b_y"])


def error_of(weights, inputs, targets):
    """Minus the logarithms of the probabilities of the right characters, summed over a sequence."""
    _, probabilities = jax.lax.scan(lambda h, x: step(weights, h, x), jnp.zeros(HIDDEN), jax.nn.one_hot(inputs, VOCAB))
    return -jnp.log((probabilities * jax.nn.one_hot(targets, VOCAB)).sum(1)).sum()


error, gradients = jax.value_and_grad(error_of)(weights, xs[0], ys[0])
print(f"error of the first window {float(error):.3f}; a uniform guess has 8 ln {VOCAB} = {8 * np.log(VOCAB):.3f}")
print({name: gradient.shape for name, gradient in gradients.items()})

# %% [markdown]
# These are the gradients of all weights, though we wrote no derivative: JAX applied the chain rule to every operation
# (automatic differentiation). Are they right? In the reference engine they are derived by hand, in NumPy and float64.
# It has one bias where we have two, and returns means over the eight characters, which we multiply by 8.

# %%
by_name = {"kernel": "W_x", "recurrent_kernel": "W_h", "bias": "b_x", "output_kernel": "W_y", "output_bias": "b_y"}
by_hand = {name: np.asarray(weights[ours], np.float64) for name, ours in by_name.items()}
mean, slopes, _ = reference.loss_and_gradients(reference.ELMAN_RELU, by_hand, np.eye(VOCAB)[xs[:1]], ys[:1])
differences = {
    ours: float(np.abs(8 * slopes[name] - np.asarray(gradients[ours])).max()) for name, ours in by_name.items()
}
print(f"error by hand {8 * mean:.3f}; largest differences of the gradients:")
print({name: f"{difference:.1e}" for name, difference in differences.items()})

# %% [markdown]
# ## Learning
#
# Plain gradient descent: after each sequence every weight $w$ moves against the gradient of the error $E$, by a small
# learning rate $\eta$:
#
# $$w \leftarrow w - \eta \, \frac{\partial E}{\partial w}$$
#
# A thousand sequences are one compiled call, itself a scan whose carry is the weights.


# %%
@jax.jit
def learn_from(weights, inputs, targets):
    def one(weights, example):
        error, gradients = jax.value_and_grad(error_of)(weights, *example)
        return jax.tree.map(lambda weight, slope: weight - RATE * slope, weights, gradients), error

    weights, errors = jax.lax.scan(one, weights, (inputs, targets))
    return weights, errors.mean()


thousand = pace(full=1000, short=50)
errors = []
for first in range(0, pace(full=len(xs), short=500) - thousand + 1, thousand):
    weights, error = learn_from(weights, xs[first : first + thousand], ys[first : first + thousand])
    errors.append(float(error))
    print(f"{first + thousand:>6,} sequences: error {errors[-1]:.3f}")

# %%
drawing, axes = figure()
axes.plot(np.arange(1, len(errors) + 1) * thousand, errors, marker=".", label="network")
axes.axhline(8 * np.log(VOCAB), color="grey", linewidth=0.8, label="uniform guess")
axes.set_xlabel("sequences")
axes.set_ylabel("error of 8 characters, nats")
legend_above(axes)
show(drawing, "09-errors")


# %% [markdown]
# ## What does it predict?


# %%
@jax.jit
def predictions_of(weights, inputs):
    _, probabilities = jax.lax.scan(lambda h, x: step(weights, h, x), jnp.zeros(HIDDEN), jax.nn.one_hot(inputs, VOCAB))
    return probabilities[:, 1 : characters.size].argmax(1) + 1


eight = " this is"
prediction = characters.decode(predictions_of(weights, jnp.asarray(characters.encode(eight))))
print(repr(eight), "->", repr(prediction))

# %% [markdown]
# ## The formula is a cell
#
# elman's `Elman` is this step without the output layer, and `unroll` is this scan, for many sequences at once, on the
# fastest engine available. With the same weights it gives the same states.

# %%
cell = eqx.tree_at(
    lambda cell: (cell.kernel, cell.recurrent_kernel, cell.bias),
    cell,
    (weights["W_x"], weights["W_h"], weights["b_x"] + weights["b_h"]),
)
hot = jax.nn.one_hot(xs[:1], VOCAB)
_, states = elman.unroll(cell, hot)
h, written = jnp.zeros(HIDDEN), []
for x in hot[0]:
    h, _ = step(weights, h, x)
    written.append(h)
cell_difference = float(abs(jnp.stack(written) - states[0]).max())
print(f"largest difference: {cell_difference:.1e}")

# %% [markdown]
# ## Try next
#
# - Make the learning rate 0.03, then 0.1. Does the network learn faster, or does training diverge?
# - Make the initial state an argument of `error_of`, and take the gradient with respect to it: how much would another
#   initial state change the error?
# - Derive all gradients by hand: lesson 10.
