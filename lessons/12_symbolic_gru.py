# %% [markdown]
# # The GRU as a formula
#
# This is the network of lesson 9 with gates. Each gate needs its own weights, so there are three of everything; the
# scan, the gradients and the gradient descent around the step stay as they were.
#
# **You need** lesson 9 for the scan and the gradients, and lesson 11 for the purpose of the gates. The
# [glossary](../docs/glossary.md) explains all terms.

# %%
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.layers import Dense
from elman.lessons import figure, legend_above, lesson_text, pace, seed, show
from elman.testing import check_cell
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, ys = windows[:-2], further[:-2]
HIDDEN, VOCAB, RATE = 256, characters.size + 1, 0.01
SEED = seed()

# %% [markdown]
# ## The step
#
# $W$ multiplies the character, $U$ the previous state. The two gates and the candidate each have both, and a bias:
#
# $$
# \begin{aligned}
# r_t &= \sigma(x_t W_r + h_{t-1} U_r + b_r) && \text{reset} \\
# z_t &= \sigma(x_t W_z + h_{t-1} U_z + b_z) && \text{update} \\
# n_t &= \tanh(x_t W_n + (r_t \odot h_{t-1}) U_n + b_n) && \text{candidate} \\
# h_t &= z_t \odot h_{t-1} + (1 - z_t) \odot n_t
# \end{aligned}
# $$
#
# The reset gate acts before the product with $U_n$ here, as in the first paper, and after it in lesson 11.
# In elman such a step is a cell: `init_carry` returns the initial state, `project` computes what depends on the input
# alone, `step` the rest. Batches, time and gradients are handled outside the cell.


# %%
class Gates(NamedTuple):
    r: jax.Array
    z: jax.Array
    n: jax.Array


class SymbolicGRU(elman.Cell):
    W_r: jax.Array
    W_z: jax.Array
    W_n: jax.Array
    U_r: jax.Array
    U_z: jax.Array
    U_n: jax.Array
    b_r: jax.Array
    b_z: jax.Array
    b_n: jax.Array

    def __init__(self, input_size, hidden_size, *, key):
        self.input_size, self.hidden_size = input_size, hidden_size
        keys = jax.random.split(key, 5)
        self.W_r, self.W_z = (self._normal(k, input_size, 2 / input_size) for k in keys[:2])
        self.U_r, self.U_z = (self._normal(k, hidden_size, 2 / hidden_size) for k in keys[2:4])
        self.W_n, self.U_n = self._normal(keys[4], input_size, 1.0), jnp.eye(hidden_size)
        self.b_r, self.b_z, self.b_n = jnp.zeros((3, hidden_size))

    def _normal(self, key, rows, variance):
        return jax.random.normal(key, (rows, self.hidden_size)) * variance**0.5

    def init_carry(self):
        return jnp.zeros(self.hidden_size)

    def project(self, xs):
        return Gates(xs @ self.W_r + self.b_r, xs @ self.W_z + self.b_z, xs @ self.W_n + self.b_n)

    def gates(self, h, x):
        r, z = jax.nn.sigmoid(x.r + h @ self.U_r), jax.nn.sigmoid(x.z + h @ self.U_z)
        return Gates(r, z, self.candidate(x.n + (r * h) @ self.U_n))

    def step(self, h, x):
        _, z, n = self.gates(h, x)
        h = z * h + (1 - z) * n
        return h, h

    def candidate(self, a):
        return jnp.tanh(a)


# %% [markdown]
# `check_cell` checks a cell of your own before you use it: its gradients against numerical ones, a sequence in chunks
# against the whole, padding, resets. It takes half a minute.

# %%
if pace(full=True, short=False):
    check_cell(SymbolicGRU)
    print("SymbolicGRU passes every check")

# %% [markdown]
# elman has this cell, with the three gates side by side in one matrix: `ResetBeforeGRU`. With the same weights:

# %%
cell = SymbolicGRU(VOCAB, HIDDEN, key=jax.random.key(SEED))
side_by_side = (
    jnp.concatenate([cell.W_r, cell.W_z, cell.W_n], axis=1),
    jnp.concatenate([cell.U_r, cell.U_z, cell.U_n], axis=1),
    jnp.concatenate([cell.b_r, cell.b_z, cell.b_n]),
)
library = elman.ResetBeforeGRU(VOCAB, HIDDEN, key=jax.random.key(SEED))
library = eqx.tree_at(lambda cell: (cell.kernel, cell.recurrent_kernel, cell.bias), library, side_by_side)
hot = jax.nn.one_hot(xs[:16], VOCAB)
difference = float(abs(elman.unroll(cell, hot)[1] - elman.unroll(library, hot)[1]).max())
print(f"largest difference of the states: {difference:.0e}")

# %% [markdown]
# ## A classic bug: a sigmoid too many
#
# Who copies the line of a gate for the candidate forgets that it has tanh. A sigmoid is never negative, so the state
# stays between 0 and 1; the network learns, but its states have a smaller range. As a cell it is one line:


# %%
class SigmoidGRU(SymbolicGRU):
    def candidate(self, a):
        return jax.nn.sigmoid(a)


_, states = elman.unroll(cell, hot)
_, with_sigmoid = elman.unroll(SigmoidGRU(VOCAB, HIDDEN, key=jax.random.key(SEED)), hot)
print(f"states with tanh {float(states.min()):.2f} to {float(states.max()):.2f}", end=", ")
print(f"with the sigmoid {float(with_sigmoid.min()):.2f} to {float(with_sigmoid.max()):.2f}")

# %% [markdown]
# ## Learning
#
# As in lesson 9, each sequence gives gradients and one small step of every weight, a thousand of them in one compiled
# call.


# %%
def error_of(model, inputs, targets):
    _, states = elman.unroll(model["cell"], jax.nn.one_hot(inputs[None], VOCAB))
    log_probabilities = jax.nn.log_softmax(model["output"](states[0]))
    return -jnp.take_along_axis(log_probabilities, targets[:, None], axis=1).sum()


@jax.jit
def learn_from(model, inputs, targets):
    def one(model, example):
        error, gradients = jax.value_and_grad(error_of)(model, *example)
        return jax.tree.map(lambda weight, slope: weight - RATE * slope, model, gradients), error

    model, errors = jax.lax.scan(one, model, (inputs, targets))
    return model, errors.mean()


thousand = pace(full=1000, short=25)


def train(kind, sequences):
    keys = jax.random.split(jax.random.key(SEED))
    model = {"cell": kind(VOCAB, HIDDEN, key=keys[0]), "output": Dense(HIDDEN, VOCAB, key=keys[1])}
    errors = []
    for first in range(0, sequences - thousand + 1, thousand):
        model, error = learn_from(model, xs[first : first + thousand], ys[first : first + thousand])
        errors.append(float(error))
        print(f"{kind.__name__}: {first + thousand:>6,} sequences, error {errors[-1]:.3f}", flush=True)
    return model, errors


_, sigmoid_errors = train(SigmoidGRU, pace(full=10_000, short=250))
trained, errors = train(SymbolicGRU, pace(full=len(xs), short=250))

# %%
drawing, axes = figure()
axes.plot(np.arange(1, len(errors) + 1) * thousand, errors, label="tanh")
axes.plot(np.arange(1, len(sigmoid_errors) + 1) * thousand, sigmoid_errors, label="sigmoid")
axes.set_xlabel("sequences")
axes.set_ylabel("error of 8 characters, nats")
legend_above(axes)
show(drawing, "12-errors")

# %% [markdown]
# ## Try next
#
# - Leave the reset gate out: $r = 1$. Does the check still pass, and does the network miss it on eight characters?
# - Initialise `b_z` with -1, so that a new cell takes more of the candidate. What happens in the first thousand
#   sequences?
# - Lesson 13 joins the six matrices into three.
