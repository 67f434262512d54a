# %% [markdown]
# # The same GRU with joined weights
#
# A sum of two products is one product, that of the row $[h, x]$ with $U$ stacked on $W$:
#
# $$x W + h U = [h, x] \begin{bmatrix} U \\ W \end{bmatrix}$$
#
# So each gate needs one matrix instead of two, and the step is shorter. The results are the same.
#
# **You need** lesson 12. The [glossary](../docs/glossary.md) explains all terms.

# %%
import time

import jax
import jax.numpy as jnp
import numpy as np

from elman.lessons import figure, lesson_text, pace, seed, show
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
xs, ys = windows[:-2], further[:-2]
HIDDEN, VOCAB, RATE = 256, characters.size + 1, 0.01
SEED = seed()

# %% [markdown]
# ## Two ways to write the step


# %%
def separate(w, h, x):
    r = jax.nn.sigmoid(x @ w["W_r"] + h @ w["U_r"] + w["b_r"])
    z = jax.nn.sigmoid(x @ w["W_z"] + h @ w["U_z"] + w["b_z"])
    n = jnp.tanh(x @ w["W_n"] + (r * h) @ w["U_n"] + w["b_n"])
    return z * h + (1 - z) * n


def joined(w, h, x):
    both = jnp.concatenate([h, x])
    r = jax.nn.sigmoid(both @ w["r"] + w["b_r"])
    z = jax.nn.sigmoid(both @ w["z"] + w["b_z"])
    n = jnp.tanh(jnp.concatenate([r * h, x]) @ w["n"] + w["b_n"])
    return z * h + (1 - z) * n


def join(w):
    """The joined weights: U stacked on W for each gate, the others unchanged."""
    return {gate: jnp.concatenate([w[f"U_{gate}"], w[f"W_{gate}"]]) for gate in "rzn"} | others(w)


def part(w):
    """Splits joined weights into U and W again."""
    return (
        {f"U_{gate}": w[gate][:HIDDEN] for gate in "rzn"}
        | {f"W_{gate}": w[gate][HIDDEN:] for gate in "rzn"}
        | others(w)
    )


def others(w):
    return {name: w[name] for name in ("b_r", "b_z", "b_n", "W_y", "b_y")}


def normal(key, rows, columns, variance):
    return jax.random.normal(key, (rows, columns)) * variance**0.5


def start_weights(key):
    keys = jax.random.split(key, 4)
    return {
        "r": normal(keys[0], HIDDEN + VOCAB, HIDDEN, 2 / (HIDDEN + VOCAB)),
        "z": normal(keys[1], HIDDEN + VOCAB, HIDDEN, 2 / (HIDDEN + VOCAB)),
        "n": jnp.concatenate([jnp.eye(HIDDEN), normal(keys[2], VOCAB, HIDDEN, 1.0)]),
        "b_r": jnp.zeros(HIDDEN),
        "b_z": jnp.zeros(HIDDEN),
        "b_n": jnp.zeros(HIDDEN),
        "W_y": normal(keys[3], HIDDEN, VOCAB, 2 / HIDDEN),
        "b_y": jnp.zeros(VOCAB),
    }


weights = start_weights(jax.random.key(SEED))
print({name: array.shape for name, array in weights.items()})

# %% [markdown]
# ## The same up to rounding
#
# We compare states, error and all gradients of both steps. A sum of float32 depends a little on its order, so only the
# last digits may differ.


# %%
def states_of(step, w, inputs):
    def one(h, x):
        h = step(w, h, x)
        return h, h

    return jax.lax.scan(one, jnp.zeros(HIDDEN), jax.nn.one_hot(inputs, VOCAB))[1]


def error_of(step, w, inputs, targets):
    log_probabilities = jax.nn.log_softmax(states_of(step, w, inputs) @ w["W_y"] + w["b_y"])
    return -jnp.take_along_axis(log_probabilities, targets[:, None], axis=1).sum()


def largest(a, b):
    return max(float(abs(a[name] - b[name]).max()) for name in a)


state_difference = float(abs(states_of(joined, weights, xs[0]) - states_of(separate, part(weights), xs[0])).max())
error, gradients = jax.value_and_grad(lambda w: error_of(joined, w, xs[0], ys[0]))(weights)
other_error, other_gradients = jax.value_and_grad(lambda w: error_of(separate, w, xs[0], ys[0]))(part(weights))
gradient_difference = largest(gradients, join(other_gradients))
size = max(float(abs(gradient).max()) for gradient in gradients.values())
print(f"errors {float(error):.5f} and {float(other_error):.5f}, states differ by {state_difference:.0e}")
print(f"gradients differ by {gradient_difference:.0e}, their largest entry is {size:.2f}")

# %% [markdown]
# The states are often the same to the last bit: with one-hot characters $x W$ is one row of $W$, so that both ways add
# one number to the same product with $h$. The gradients are summed in another order.

# %% [markdown]
# ## Learning
#
# Both learn alike. The joined step has fewer, larger products; we measure whether that is faster.


# %%
def learner(step):
    @jax.jit
    def learn_from(w, inputs, targets):
        def one(w, example):
            error, gradients = jax.value_and_grad(lambda w: error_of(step, w, *example))(w)
            return jax.tree.map(lambda weight, slope: weight - RATE * slope, w, gradients), error

        w, errors = jax.lax.scan(one, w, (inputs, targets))
        return w, errors.mean()

    return learn_from


thousand = pace(full=1000, short=25)
both = {}
for step, start in ((separate, part(weights)), (joined, weights)):
    learn_from = learner(step)
    learn_from(start, xs[:thousand], ys[:thousand])[1].block_until_ready()  # compiles
    began = time.perf_counter()
    after, error = learn_from(start, xs[:thousand], ys[:thousand])
    both[step.__name__] = float(error), after
    print(f"{step.__name__:<9} {thousand} sequences: error {float(error):.4f}, {time.perf_counter() - began:.1f} s")
learnt_difference = largest(both["joined"][1], join(both["separate"][1]))
print(f"after them the weights differ by {learnt_difference:.0e}")

# %%
learn_from, errors = learner(joined), []
for first in range(0, pace(full=len(xs), short=250) - thousand + 1, thousand):
    weights, error = learn_from(weights, xs[first : first + thousand], ys[first : first + thousand])
    errors.append(float(error))
    print(f"{first + thousand:>6,} sequences: error {errors[-1]:.3f}", flush=True)

# %%
drawing, axes = figure()
axes.plot(np.arange(1, len(errors) + 1) * thousand, errors, marker=".")
axes.set_xlabel("sequences")
axes.set_ylabel("error of 8 characters, nats")
show(drawing, "13-errors")

# %% [markdown]
# ## Try next
#
# - $r$ and $z$ read the same row: put their matrices side by side and split the product. `elman.GRU` stores its weights
#   in this way. It also applies the reset after the product, so that all three are one product.
# - Write the joined step as a cell as in lesson 12, and run `elman.unroll` on many sequences at once.
# - Do all of this in one line, with kernels in C++: `elman train nietzsche.txt --cell GRU`.
