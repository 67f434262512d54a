# %% [markdown]
# # What a recurrent network is
#
# A recurrent network is four equations and a loop. Here they are computed one by one, with weights chosen by hand, so
# that you can follow every number with a pencil. Nothing is trained.
#
# **You need** to know the product of a matrix and a vector, and that tanh squeezes any number into -1 to 1. The
# [glossary](../docs/glossary.md) explains all terms.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import elman
from elman.layers import Dense
from elman.lessons import count_weights, figure, legend_above, pace, show

# %% [markdown]
# ## A question that needs a memory
#
# The inputs are bits. After each we ask: is the number of ones so far odd? No window of the last bits can tell, however
# wide it is, since a single one before it would change the answer. One bit of memory is needed, and it is enough.
#
# ## The four equations
#
# $$
# \begin{aligned}
# a_t &= b + W h_{t-1} + U x_t && \text{the sums: from the previous state, and from the input} \\
# h_t &= \tanh(a_t) && \text{the state} \\
# o_t &= c + V h_t && \text{the logits of the output layer} \\
# p_t &= \mathrm{softmax}(o_t) && \text{the probabilities}
# \end{aligned}
# $$
#
# Two units are enough. Let $q$ be 1 where the number of ones was odd before this bit, else 0. The first unit computes
# whether $x$ or $q$ is 1, the second whether both are; 1 stands for yes and -1 for no. The new number of ones is odd
# where the first is yes and the second no, and so $q$ is half of the first minus the second, which the product with $W$
# computes.

# %%
SHARP = 10  # the larger, the nearer the states are to 1 and -1
U = SHARP * np.array([[1.0], [1.0]])
W = SHARP * np.array([[0.5, -0.5], [0.5, -0.5]])
b = SHARP * np.array([-0.5, -1.5])
V = np.array([[-5.0, 5.0], [5.0, -5.0]])  # even, odd
c = np.array([5.0, -5.0])


def step(h, x):
    a = b + W @ h + U @ x
    h = np.tanh(a)
    o = c + V @ h
    p = np.exp(o - o.max())
    return a, h, o, p / p.sum()


# %% [markdown]
# ## Step by step
#
# The state is passed from each step to the next. The weights are the same at all steps.

# %%
bits = np.array([1, 0, 1, 1, 0, 0, 1, 0])
h, states, probabilities = np.zeros(2), [], []
print("  x    a                h              P(odd)  ones so far")
for ones, bit in zip(bits.cumsum(), bits, strict=True):
    a, h, o, p = step(h, np.array([float(bit)]))
    states.append(h)
    probabilities.append(p)
    print(f"  {bit}  {a[0]:6.2f} {a[1]:6.2f}  {h[0]:6.3f} {h[1]:6.3f}  {p[1]:6.3f}  {ones}")
states, probabilities = np.array(states), np.array(probabilities)

# %%
drawing, (above, middle, below) = figure(3, 1, height=1.7)
places = np.arange(1, len(bits) + 1)
above.bar(places, bits, color="0.4")
above.set_ylabel("bit x")
middle.plot(places, states[:, 0], marker="o", markersize=10, fillstyle="none", label="x or q")
middle.plot(places, states[:, 1], marker="s", label="x and q")
middle.set_ylabel("state h")
legend_above(middle)
middle.set_ylim(-1.3, 1.3)
below.bar(places, probabilities[:, 1], color="tab:green")
below.set_ylabel("P(odd)")
below.set_xlabel("step")
show(drawing, "14-steps")

# %% [markdown]
# ## A program with a variable
#
# The loop is a program that runs as long as there is input; $h$ is its variable. The units pull $h$ back to 1 or -1 at
# every step, so that errors do not accumulate, and the network never forgets: ten thousand bits are no harder than
# eight. A network that has to learn its weights finds this harder, as lesson 15 shows.

# %%
many = np.random.default_rng(0).integers(0, 2, pace(full=10_000, short=1_000))
h, right = np.zeros(2), 0
for bit, ones in zip(many, many.cumsum(), strict=True):
    _, h, _, p = step(h, np.array([float(bit)]))
    right += int(p.argmax() == ones % 2)
print(f"right after {right:,} of {len(many):,} bits")

# %% [markdown]
# ## The same in elman
#
# `Elman` is the first two equations and `Dense` the third; `unroll` is the loop, for many sequences at once, with the
# step compiled. elman's vectors are rows, so its matrices are the transposes of these.

# %%
cell = elman.Elman(1, 2, key=jax.random.key(0))
cell = eqx.tree_at(
    lambda cell: (cell.kernel, cell.recurrent_kernel, cell.bias),
    cell,
    tuple(jnp.asarray(array, jnp.float32) for array in (U.T, W.T, b)),
)
output = Dense(2, 2, key=jax.random.key(0))
output = eqx.tree_at(
    lambda layer: (layer.kernel, layer.bias), output, (jnp.asarray(V.T, jnp.float32), jnp.asarray(c, jnp.float32))
)
last, ys = elman.unroll(cell, jnp.asarray(bits, jnp.float32)[None, :, None])
by_elman = jax.nn.softmax(output(ys))[0]
difference = float(abs(by_elman - probabilities).max())
weights = count_weights((cell, output))
print(f"{weights} weights for sequences of any length; largest difference from the loop {difference:.1e}")

# %% [markdown]
# ## The other way to write it
#
# Some texts call the sum before tanh the state:
#
# $$s_t = b + W \tanh(s_{t-1}) + U x_t \qquad o_t = c + V \tanh(s_t)$$
#
# It is the same network with $a$ as its state. The difference matters as soon as we take derivatives: lesson 15.

# %%
s, from_sums = np.zeros(2), []
for bit in bits:
    s = W @ np.tanh(s) + U @ [bit] + b
    from_sums.append(np.tanh(s))
same = float(np.abs(np.array(from_sums) - states).max())
print(f"largest difference of the states {same:.1e}")

# %% [markdown]
# ## Try next
#
# - Make `SHARP` smaller. From which value on does the network forget, and after how many bits? Look at the states.
# - Choose weights for another question: has there been a one at all (one unit)? Were the last two bits the same (three
#   units)?
# - Let the network learn its weights. Lesson 15 shows how the error at one step reaches all earlier steps.
