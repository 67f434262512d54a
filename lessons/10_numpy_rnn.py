# %% [markdown]
# # The network with nothing but NumPy
#
# Every function, every derivative and the backward pass are written by hand. Whoever does this for the first time makes
# mistakes, and they are hard to see: the program runs, and the network learns badly or not at all, without a word. Here
# is a right backward pass, then one with two classic bugs, and a gradient check that names the weights whose gradients
# are wrong.
#
# **You need** calculus as far as the chain rule, and the network of lesson 9. The [glossary](../docs/glossary.md)
# explains all terms.

# %%
import numpy as np

from elman.lessons import figure, legend_above, lesson_text, pace, seed, show
from elman.recurrence import reference
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
windows, further = windows[:-2], further[:-2]
HIDDEN, VOCAB = 256, characters.size + 1
START = 1 + seed()  # with 0 the faulty network below happens to learn a little: its error falls to 33.2
one_hot = np.eye(VOCAB)
print((*windows.shape, VOCAB), "numbers, if all were one-hot at once")

# %% [markdown]
# ## Functions and their derivatives
#
# We need two activations, two losses, and softmax, which turns logits into probabilities. With targets $y$:
#
# $$
# \begin{aligned}
# \sigma(x) &= \frac{1}{1 + e^{-x}} & \sigma'(x) &= \sigma(x) \, (1 - \sigma(x)) \\
# \mathrm{relu}(x) &= \max(x, 0) & \mathrm{relu}'(x) &= 1 \text{ if } x > 0 \text{, else } 0 \\
# D(x) &= \sum_i (x_i - y_i)^2 & \frac{\partial D}{\partial x_i} &= 2 (x_i - y_i) \\
# C(p) &= -\sum_i y_i \ln p_i & \frac{\partial C}{\partial p_i} &= -\frac{y_i}{p_i} \\
# p_i(x) &= \frac{e^{x_i}}{\sum_k e^{x_k}} & \frac{\partial p_i}{\partial x_j} &= p_i (\delta_{ij} - p_j)
# \end{aligned}
# $$
#
# where $\delta_{ij}$ is 1 for $i = j$, else 0. The derivative of a vector-valued function of a vector is a matrix, its
# Jacobian: row $i$ holds the derivatives of value $i$ with respect to each input.


# %%
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_slope(x):
    return sigmoid(x) * (1 - sigmoid(x))


def relu(x):
    return np.where(x > 0, x, 0.0)


def relu_slope(x):
    return np.where(x > 0, 1.0, 0.0)


def squared_distance(outputs, target):
    return ((outputs - target) ** 2).sum()


def squared_distance_slope(outputs, target):
    return 2 * (outputs - target)


def cross_entropy(probabilities, target):
    return -(target * np.log(probabilities.clip(1e-7, 1 - 1e-7))).sum()  # the bounds keep the logarithm finite


def cross_entropy_slope(probabilities, target):
    return -target / probabilities


def softmax(scores):
    powers = np.exp(scores - scores.max())  # the shift cancels, and exp cannot overflow
    return powers / powers.sum()


def softmax_slope(scores):
    probabilities = softmax(scores)
    return np.diag(probabilities) - np.outer(probabilities, probabilities)


# %% [markdown]
# Three numbers to try them on: probabilities, and a target that says that the second of three characters is right.

# %%
np.set_printoptions(precision=4, suppress=True)
guess, target = np.array([0.2, 0.7, 0.1]), np.array([0.0, 1.0, 0.0])
print("cross-entropy", cross_entropy(guess, target), "its slope", cross_entropy_slope(guess, target))
print("softmax", softmax(guess))
print(f"its Jacobian\n{softmax_slope(guess)}")

# %% [markdown]
# Are they right? `gradient_check` moves each input a little up and down, and compares the slope that it measures, rise
# over run, with ours. Correct slopes differ by about 1e-8 or less.

# %%
point = {"x": np.array([0.2, 0.7, -0.1])}
slopes = {
    "sigmoid": (lambda w: sigmoid(w["x"]).sum(), sigmoid_slope(point["x"])),
    "relu": (lambda w: relu(w["x"]).sum(), relu_slope(point["x"])),
    "squared distance": (lambda w: squared_distance(w["x"], target), squared_distance_slope(point["x"], target)),
    "softmax, then cross-entropy": (
        lambda w: cross_entropy(softmax(w["x"]), target),
        softmax_slope(point["x"]) @ cross_entropy_slope(softmax(point["x"]), target),
    ),
}
slope_errors = {}
for name, (function, slope) in slopes.items():
    slope_errors[name] = reference.gradient_check(function, point, {"x": slope})["x"]
    print(f"{name:<28}{slope_errors[name]:.0e}")

# %% [markdown]
# In the last of them all the fractions cancel, and the gradient is simply the probabilities minus the target, $p - y$.

# %%
shortcut = softmax(point["x"]) - target
print(shortcut, "is", slopes["softmax, then cross-entropy"][1])


# %% [markdown]
# ## The loop
#
# A scan passes a carry along a sequence and keeps its value after every element.


# %%
def scan(function, start, sequence):
    kept = []
    for element in sequence:
        start = function(start, element)
        kept.append(start)
    return kept


sums = scan(lambda total, number: total + number, 0, range(5))
print(sums)

# %% [markdown]
# ## Forward
#
# At each character $x_t$ the state before it and the character give the state after it, and this gives the
# probabilities $p_t$ of the next character:
#
# $$
# \begin{aligned}
# a_t &= x_t W_x + h_{t-1} W_h \\
# h_t &= \mathrm{relu}(a_t) \\
# p_t &= \mathrm{softmax}(h_t W_y)
# \end{aligned}
# $$
#
# The step also keeps the values that the backward pass needs. There are no biases, to keep things short.


# %%
def start_weights(rng, vocab, hidden):
    return {
        "W_x": rng.normal(scale=(2 / vocab) ** 0.5, size=(vocab, hidden)),
        "W_h": np.eye(hidden),
        "W_y": rng.normal(scale=(2 / vocab) ** 0.5, size=(hidden, vocab)),
    }


def forward(weights, inputs, targets):
    """The error of a sequence and, for each step, (state before, input of relu, state, logits)."""

    def step(carried, character):
        h = carried[2]
        a = character @ weights["W_x"] + h @ weights["W_h"]
        return h, a, relu(a), relu(a) @ weights["W_y"]

    steps = scan(step, (None, None, np.zeros(len(weights["W_h"])), None), inputs)
    errors = [cross_entropy(softmax(scores), target) for (*_, scores), target in zip(steps, targets, strict=True)]
    return sum(errors), steps


# %% [markdown]
# ## Backward, as it should be
#
# The error $E$ is the sum over all steps. `da` is $\partial E / \partial a_t$, the gradient with respect to the input
# of relu, and is passed from the last step to the first. It has two sources: the loss of this step, through $W_y$, and
# all later steps, through $W_h$:
#
# $$\frac{\partial E}{\partial a_t} =
# \left( (p_t - y_t) W_y^\top + \frac{\partial E}{\partial a_{t+1}} W_h^\top \right) \odot \mathrm{relu}'(a_t)$$
#
# where $^\top$ is the transpose and $\odot$ multiplies number by number. The gradient of each matrix is the **outer
# product** of its input and the gradient of its output, summed over the steps, such as
#
# $$\frac{\partial E}{\partial W_h} = \sum_t h_{t-1}^\top \frac{\partial E}{\partial a_t}$$
#
# The weights stay unchanged until the loop is done.


# %%
def gradients_of(weights, steps, inputs, targets):
    gradients = {name: np.zeros_like(matrix) for name, matrix in weights.items()}
    da = np.zeros(len(weights["W_h"]))
    for (before, a, h, scores), x, target in reversed(list(zip(steps, inputs, targets, strict=True))):
        d_scores = softmax(scores) - target
        da = (da @ weights["W_h"].T + d_scores @ weights["W_y"].T) * relu_slope(a)
        gradients["W_y"] += np.outer(h, d_scores)
        gradients["W_h"] += np.outer(before, da)
        gradients["W_x"] += np.outer(x, da)
    return gradients


def correct(weights, inputs, targets, rate):
    """The error of a sequence, and the weights after one step of gradient descent on it."""
    error, steps = forward(weights, inputs, targets)
    gradients = gradients_of(weights, steps, inputs, targets)
    return error, {name: matrix - rate * gradients[name] for name, matrix in weights.items()}


# %% [markdown]
# ## Two classic bugs
#
# Both have been published in teaching material (docs/lessons.md says where). Here each can be switched on.
#
# - **Inner product.** For $W_h$ it takes the inner product of the state and `da` instead of the outer one: one number,
#   which is then subtracted from all 65,536 weights alike. NumPy does not object, since the shapes fit.
# - **Changed inside.** It changes the weights within the loop, so that the gradients of earlier steps pass through
#   weights that the forward pass did not use.


# %%
def faulty(weights, inputs, targets, rate, bugs=("inner product", "changed inside")):
    """The error and the new weights of a step with the bugs named in `bugs`."""
    error, steps = forward(weights, inputs, targets)
    new = {name: matrix.copy() for name, matrix in weights.items()}
    through = new if "changed inside" in bugs else weights
    da = np.zeros(len(weights["W_h"]))
    for (before, a, h, scores), x, target in reversed(list(zip(steps, inputs, targets, strict=True))):
        d_scores = softmax_slope(scores) @ cross_entropy_slope(softmax(scores), target)
        da = (da @ through["W_h"].T + d_scores @ through["W_y"].T) * relu_slope(a)
        new["W_y"] -= rate * np.outer(h, d_scores)
        new["W_h"] -= rate * (before @ da if "inner product" in bugs else np.outer(before, da))
        new["W_x"] -= rate * np.outer(x, da)
    return error, new


# %% [markdown]
# ## The check that finds them
#
# After a step with learning rate $\eta$, the gradient that it used is $(w_\text{before} - w_\text{after}) / \eta$. On a
# network so small that every weight can be moved up and down, the check says for which of the three matrices that was
# not the gradient.

# %%
rng = np.random.default_rng(0)
small = {"W_x": rng.normal(size=(5, 4)), "W_h": rng.normal(size=(4, 4)), "W_y": rng.normal(size=(4, 5))}
few, few_targets = np.eye(5)[[0, 3, 1, 4, 2, 2]], np.eye(5)[[3, 1, 4, 2, 2, 0]]


def check(step, rate=0.01, **how):
    """The largest difference of each matrix's step from the numerical gradient, relative to its largest entry."""
    _, after = step(small, few, few_targets, rate, **how)
    gradients = {name: (small[name] - after[name]) / rate for name in small}
    return reference.gradient_check(lambda w: forward(w, few, few_targets)[0], small, gradients)


checks = {
    "inner product": check(faulty, bugs=("inner product",)),
    "changed inside": check(faulty, bugs=("changed inside",)),
    "neither bug": check(faulty, bugs=()),
    "correct": check(correct),
}
wrong = {}
for name, differences in checks.items():
    wrong[name] = [weights for weights, difference in differences.items() if difference > 1e-5]
    numbers = "  ".join(f"{weights} {difference:.0e}" for weights, difference in differences.items())
    print(f"{name:<16}{numbers}   wrong: {', '.join(wrong[name]) or 'none'}")

# %% [markdown]
# The inner product makes the gradient of $W_h$ wrong. Changing the weights inside the loop makes those of $W_h$ and
# $W_x$ wrong, which pass through other weights; $W_y$ is right in both, since its gradient does not depend on other
# steps.
#
# A third mistake is not a wrong gradient, so the check cannot find it: a learning rate that is far too small. But its
# effect can be estimated. A small step lowers the error of its own sequence by the learning rate times the squared norm
# of the gradient:

# %%
weights = start_weights(np.random.default_rng(START), VOCAB, HIDDEN)
inputs, targets = one_hot[windows[0]], one_hot[further[0]]
error, steps = forward(weights, inputs, targets)
gradients = gradients_of(weights, steps, inputs, targets)
squared_norm = sum((gradient**2).sum() for gradient in gradients.values())
gain = 0.00001 * squared_norm
print(f"at rate 0.00001 a sequence lowers its own error by about {gain:.3f} of {error:.1f} nats")

# %% [markdown]
# The next sequence then changes the weights in another direction.
#
# ## Learning
#
# We train on the same sequences, in order: with both bugs and a rate of 0.00001; with both bugs and ten times that
# rate; with the correct gradients at this rate; and with the correct gradients at a rate at which the network learns
# well.


# %%
def train(step, rate, name):
    weights = start_weights(np.random.default_rng(START), VOCAB, HIDDEN)
    errors, thousand = [], pace(full=1000, short=20)
    for first in range(0, pace(full=10_000, short=100), thousand):
        total = 0.0
        for place in range(first, first + thousand):
            error, weights = step(weights, one_hot[windows[place]], one_hot[further[place]], rate)
            total += error
        errors.append(total / thousand)
        print(f"{name}: {first + thousand:>6,} sequences, error {errors[-1]:.4f}", flush=True)
    return weights, errors


uniform = 8 * np.log(VOCAB)
print(f"a uniform guess: {uniform:.4f}")
curves = {}
_, curves["faulty, 0.00001"] = train(faulty, 0.00001, "faulty, 0.00001")
_, curves["faulty, 0.0001"] = train(faulty, 0.0001, "faulty, 0.0001")
_, curves["correct, 0.0001"] = train(correct, 0.0001, "correct, 0.0001")
trained, curves["correct, 0.01"] = train(correct, 0.01, "correct, 0.01")

# %%
drawing, axes = figure()
thousands = np.arange(1, len(curves["correct, 0.01"]) + 1) * pace(full=1000, short=20)
for name, errors in curves.items():
    axes.plot(thousands, errors, marker=".", label=name)
axes.axhline(uniform, color="grey", linewidth=0.8, label="uniform guess")
axes.set_xlabel("sequences")
axes.set_ylabel("error of 8 characters, nats")
legend_above(axes)
show(drawing, "10-errors")

# %% [markdown]
# At the smallest rate the faulty network stays at a uniform guess. With a larger one it learns too, in ten thousand
# sequences: the gradient of $W_y$ is right, and that of $W_x$ nearly so. This makes such bugs hard to see: the network
# only learns more slowly than it should, and only the check shows why.
#
# ## The reference engine
#
# elman's own `recurrence.reference` extends this network by biases, GRU and LSTM, batches, padding and resets, in NumPy
# that can be read in an evening. Every fast engine is tested against it. It gives the same gradients (as means over the
# 8 characters; here they are sums).

# %%
_, steps = forward(trained, inputs, targets)
ours = gradients_of(trained, steps, inputs, targets)
named = {"kernel": trained["W_x"], "recurrent_kernel": trained["W_h"], "output_kernel": trained["W_y"]}
named |= {"bias": np.zeros(HIDDEN), "output_bias": np.zeros(VOCAB)}
mean, theirs, _ = reference.loss_and_gradients(reference.ELMAN_RELU, named, inputs[None], further[:1])
pairs = {"W_x": "kernel", "W_h": "recurrent_kernel", "W_y": "output_kernel"}
reference_difference = max(float(np.abs(ours[name] - 8 * theirs[other]).max()) for name, other in pairs.items())
print(f"largest difference of the gradients: {reference_difference:.0e}")

# %% [markdown]
# ## Try next
#
# - Mend the learning rate alone: `train(faulty, 0.01, "rate alone")` ends in nan. What happens when one number is
#   subtracted from all of `W_h`?
# - Put a bug of your own into `gradients_of`: omit `relu_slope`, or transpose `W_h`. Which matrices does the check
#   name?
# - Replace `reference.ELMAN_RELU` by equations of your own: `reference.Equations` is two functions of one step.
