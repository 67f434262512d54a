# %% [markdown]
# # Back through time
#
# How does a network learn what to remember? The error at one step is propagated back to all steps before it, and each
# step contributes a term to the gradient of the weights. Here every term of that sum is written down and compared with
# automatic differentiation. Then we measure how the error shrinks or grows on its way back.
#
# **You need** the four equations (lesson 14), and the chain rule for functions of vectors. The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.lessons import figure, legend_above, pace, show

HIDDEN, VOCAB, TIME = 5, 3, 6
random = np.random.default_rng(0)
shapes = {"U": (HIDDEN, VOCAB), "W": (HIDDEN, HIDDEN), "b": (HIDDEN,), "V": (VOCAB, HIDDEN), "c": (VOCAB,)}
weights = {name: random.normal(scale=0.6, size=shape) for name, shape in shapes.items()}
tokens = random.integers(0, VOCAB, TIME + 1)
xs, ys = np.eye(VOCAB)[tokens[:-1]], np.eye(VOCAB)[tokens[1:]]  # one-hot inputs and targets

# %% [markdown]
# ## Forwards
#
# $$
# \begin{aligned}
# a_t &= b + W h_{t-1} + U x_t & h_t &= \tanh(a_t) \\
# o_t &= c + V h_t & p_t &= \mathrm{softmax}(o_t) \\
# L &= \sum_t L_t & L_t &= -\ln (p_t^\top y_t)
# \end{aligned}
# $$
#
# Here $p_t$ are the predicted probabilities and $y_t$ is the one-hot target, so $p_t^\top y_t$ is the probability of
# the right token.

# %%
U, W, b, V, c = (weights[name] for name in "UWbVc")
hs, ps = [np.zeros(HIDDEN)], []
for x in xs:
    hs.append(np.tanh(b + W @ hs[-1] + U @ x))
    powers = np.exp(c + V @ hs[-1])
    ps.append(powers / powers.sum())
loss = -sum(np.log(p @ y) for p, y in zip(ps, ys, strict=True))
print(f"loss {loss:.6f} over {TIME} steps")

# %% [markdown]
# ## Backwards
#
# With respect to the logits, the gradient of the loss is the predicted probabilities minus the targets (lesson 10):
#
# $$\frac{\partial L}{\partial o_t} = p_t - y_t$$
#
# A state affects the loss in two ways, through the output of its own step and through the next state; at the last step,
# $t = T$, only the first remains:
#
# $$
# \begin{aligned}
# \frac{\partial L}{\partial h_T} &= V^\top \frac{\partial L}{\partial o_T} \\
# \frac{\partial L}{\partial h_t} &= V^\top \frac{\partial L}{\partial o_t}
#   + J_{t+1}^\top \frac{\partial L}{\partial h_{t+1}}
# & J_{t+1} &= \frac{\partial h_{t+1}}{\partial h_t} = \mathrm{diag}(1 - h_{t+1}^2) \, W
# \end{aligned}
# $$
#
# where $^\top$ is the transpose, and $1 - h^2$ is the derivative of tanh. The rest is bookkeeping.

# %%
d_o = [p - y for p, y in zip(ps, ys, strict=True)]
d_h = [np.zeros(HIDDEN)] * TIME
for t in reversed(range(TIME)):
    d_h[t] = V.T @ d_o[t]
    if t + 1 < TIME:
        jacobian = np.diag(1 - hs[t + 2] ** 2) @ W
        d_h[t] = d_h[t] + jacobian.T @ d_h[t + 1]

# %% [markdown]
# The weights are used at every step, and each use contributes a term. With
# $\partial L / \partial a_t = (1 - h_t^2) \odot \partial L / \partial h_t$ these are
#
# $$
# \frac{\partial L}{\partial U} = \sum_t \frac{\partial L}{\partial a_t} x_t^\top \qquad
# \frac{\partial L}{\partial W} = \sum_t \frac{\partial L}{\partial a_t} h_{t-1}^\top \qquad
# \frac{\partial L}{\partial V} = \sum_t \frac{\partial L}{\partial o_t} h_t^\top
# $$
#
# and for the biases the gradients of $a_t$ and $o_t$ themselves.

# %%
d_a = [(1 - hs[t + 1] ** 2) * d_h[t] for t in range(TIME)]
terms = {
    "U": np.array([np.outer(d_a[t], xs[t]) for t in range(TIME)]),
    "W": np.array([np.outer(d_a[t], hs[t]) for t in range(TIME)]),
    "b": np.array(d_a),
    "V": np.array([np.outer(d_o[t], hs[t + 1]) for t in range(TIME)]),
    "c": np.array(d_o),
}

# %% [markdown]
# ## Term by term against automatic differentiation
#
# To see single terms, each step gets its own copy of all weights, and a zero is added to each logit and state: the
# gradient with respect to that zero is the gradient with respect to the logit or the state. `jax.grad` uses none of the
# formulas above.


# %%
def loss_of(copies, onto_h, onto_o):
    h, total = jnp.zeros(HIDDEN), 0.0
    for t in range(TIME):
        own = {name: array[t] for name, array in copies.items()}
        h = jnp.tanh(own["b"] + own["W"] @ h + own["U"] @ xs[t]) + onto_h[t]
        total -= jax.nn.log_softmax(own["c"] + own["V"] @ h + onto_o[t]) @ ys[t]
    return total


copies = {name: jnp.asarray(np.stack([array] * TIME), jnp.float32) for name, array in weights.items()}
gradients = jax.jit(jax.grad(loss_of, argnums=(0, 1, 2)))(copies, jnp.zeros((TIME, HIDDEN)), jnp.zeros((TIME, VOCAB)))
differences = {f"term of {name}": float(np.abs(terms[name] - gradients[0][name]).max()) for name in terms}
differences["dL/dh"] = float(np.abs(np.array(d_h) - gradients[1]).max())
differences["dL/do"] = float(np.abs(np.array(d_o) - gradients[2]).max())
for name, difference in differences.items():
    print(f"{name:<10} largest difference over all steps {difference:.1e}")

# %% [markdown]
# ## A classic bug: transposed twice
#
# Texts differ in whether $\partial h_{t+1} / \partial h_t$ means the Jacobian $J$ or its transpose $J^\top$. Who takes
# the formula of the one, $W^\top \mathrm{diag}(1 - h_{t+1}^2)$, and transposes it as in the other, has transposed
# twice. No error is raised, since the shapes fit. How wrong are the gradients?

# %%
transposed_twice = [np.zeros(HIDDEN)] * TIME
for t in reversed(range(TIME)):
    transposed_twice[t] = V.T @ d_o[t]
    if t + 1 < TIME:
        wrong = W.T @ np.diag(1 - hs[t + 2] ** 2)
        transposed_twice[t] = transposed_twice[t] + wrong.T @ transposed_twice[t + 1]
bug_error = float(np.abs(np.array(transposed_twice) - d_h).max() / np.abs(d_h).max())
print(f"largest error {bug_error:.0%} of the largest entry")

# %% [markdown]
# Always check gradients derived by hand: `elman.recurrence.reference.gradient_check` does so by moving each weight a
# little. elman's engines, whose backward passes are derived by hand as well, are compared with one that passes it.
#
# ## The product of Jacobians
#
# The derivative of state $t$ with respect to an earlier state $k$ is a product:
#
# $$\frac{\partial h_t}{\partial h_k} = J_t J_{t-1} \cdots J_{k+1}$$
#
# the same matrix $W$ again and again, with derivatives of tanh, at most 1, between. If the factors shrink vectors on
# the whole, the product vanishes exponentially, and the network cannot learn from the distant past; if they stretch
# them, it explodes, and one step of learning ruins all weights. (Hochreiter, 1991; Bengio, Simard and Frasconi, 1994.)
#
# For the small network above, the product predicts how the last state moves when the first is moved a little.

# %%
product = np.eye(HIDDEN)
for h in hs[1:]:
    product = np.diag(1 - h**2) @ W @ product


def last_state(h):
    for x in xs:
        h = np.tanh(b + W @ h + U @ x)
    return h


nudge = 1e-6 * random.normal(size=HIDDEN)
moved = (last_state(nudge) - last_state(-nudge)) / 2
product_error = float(np.abs(moved - product @ nudge).max() / np.abs(moved).max())
print(f"moved by {np.linalg.norm(nudge):.1e}, it comes out moved by {np.linalg.norm(moved):.1e}")
print(f"the product predicts this with a relative error of {product_error:.0e}")

# %% [markdown]
# Then we do the same for the cells that one would train. For any cell: run it, take the Jacobian of each step at its
# state, and multiply.

# %%
STEPS, UNITS = pace(full=100, short=30), 32


def flat(carry):
    return jnp.concatenate(jax.tree.leaves(carry))


@jax.jit
def jacobians(cell, inputs):
    """The Jacobians dcarry_t/dcarry_(t-1) of all steps."""
    projected = cell.project(inputs[:, None])[:, 0]
    structure = jax.tree.structure(cell.init_carry())

    def one(vector, x):
        parts = jnp.split(vector, structure.num_leaves)
        return flat(cell.step(jax.tree.unflatten(structure, parts), x)[0])

    def along(vector, x):
        return one(vector, x), jax.jacfwd(one)(vector, x)

    return jax.lax.scan(along, flat(cell.init_carry()), projected)[1]


def norms(cell, inputs):
    """The norm of the product of the last Jacobians, by the number of steps it goes back."""
    product, sizes = np.eye(flat(cell.init_carry()).size), []
    for jacobian in np.asarray(jacobians(cell, inputs), np.float64)[::-1]:
        product = product @ jacobian
        sizes.append(np.linalg.norm(product, 2))
    return np.array(sizes)


inputs = 0.5 * jax.random.normal(jax.random.key(1), (STEPS, 8))
key = jax.random.key(0)
simple = elman.Elman(8, UNITS, key=key)


def scaled(size):
    return eqx.tree_at(lambda cell: cell.recurrent_kernel, simple, size * simple.recurrent_kernel)


cells = {
    "Elman, W halved": scaled(0.5),
    "Elman, W a rotation": simple,
    "Elman, W doubled": scaled(2.0),
    "GRU": elman.GRU(8, UNITS, key=key),
    "LSTM": elman.LSTM(8, UNITS, key=key),
}
sizes = {name: norms(cell, inputs) for name, cell in cells.items()}
places = [place for place in (1, 10, 30, 100) if place <= STEPS]
print("steps back           " + "".join(f"{place:>10}" for place in places))
for name, curve in sizes.items():
    print(f"{name:<21}" + "".join(f"{curve[place - 1]:>10.1e}" for place in places))

# %%
drawing, axes = figure(width=7, height=4)
for name, curve in sizes.items():
    axes.semilogy(range(1, STEPS + 1), curve, label=name)
axes.axhline(1, color="grey", linewidth=0.8)
axes.set_xlabel("steps back")
axes.set_ylabel("norm of the product of Jacobians")
legend_above(axes)
show(drawing, "15-jacobians")

# %% [markdown]
# None of these cells is trained: this is how training begins. With a halved $W$ the gradient vanishes within ten steps;
# a rotation neither shrinks nor stretches, and only the derivatives of tanh shrink the gradient; with a doubled $W$ it
# explodes. The GRU begins with its gate $z$ near 1/2: half of the state is kept unchanged, the rest passes through tanh
# and shrinks. The LSTM's memory $c$ is kept by a gate that begins near 0.73, the sigmoid of its bias 1, and can learn
# to be 1: then its Jacobian is 1 and no longer a product with $W$. Lesson 16 looks at gates.
#
# The remedy against explosion is gradient clipping: where the norm of the gradient $g$ of all weights exceeds a limit
# $m$, scale the gradient to that limit, $g \leftarrow g \min(1, m / \lVert g \rVert)$ (Pascanu, Mikolov and Bengio,
# 2013). `elman.fit` does so. With a limit of 1:

# %%
large, small = np.full(4, 30.0), np.full(4, 0.1)
for gradient in (large, small):
    norm = np.linalg.norm(gradient)
    print(f"norm {norm:.1f} becomes {np.linalg.norm(gradient * min(1, 1 / norm)):.1f}")

# %% [markdown]
# ## Try next
#
# - Give the LSTM's forget gate a larger bias (`cell.bias`, the second quarter), 3 or 5. How many steps back does the
#   error reach?
# - Multiply the inputs by 10, so that tanh saturates. Does the error still survive with the rotation?
# - Put a wrong sign into the backward pass, or omit a derivative. Which terms become wrong?
# - Look at the gates that keep the error from vanishing: lesson 16.
