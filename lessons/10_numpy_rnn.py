# %% [markdown]
# # The network with nothing but NumPy
#
# Every function, every derivative and the backward pass are written by hand. The printed lesson does this too, and its
# network does not learn: for 10,000 sequences its error stays about that of a uniform guess, and nothing says why. Here
# both are shown, the faulty network and the mended one, with a gradient check that names the weights whose gradients
# are wrong.
#
# **You need** calculus as far as the chain rule, and the network of lesson 9.

# %%
import numpy as np

from elman.lessons import figure, lesson_text, pace, seed, show
from elman.recurrence import reference
from elman.words import Characters, next_token_windows

text = lesson_text()
print(text.note)
characters = Characters.of([text.characters])
windows, further = next_token_windows(characters.encode(text.characters), 8)
windows, further = windows[:-2], further[:-2]
HIDDEN, VOCAB = 256, characters.size + 1
START = 1 + seed()  # with seed 0 the printed network happens to learn a little: its error falls to 33.2
one_hot = np.eye(VOCAB)
print((*windows.shape, VOCAB), "numbers, if all were one-hot at once")

# %% [markdown]
# ## Functions and their derivatives
#
# We need two activations, two losses, and softmax, which turns logits into probabilities. The derivative of a
# vector-valued function of a vector is a matrix, its Jacobian: row j holds the derivatives of value j with respect to
# each input.


# %%
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_slope(x):
    return sigmoid(x) * (1 - sigmoid(x))


def relu(x):
    return np.where(x > 0, x, 0.0)


def relu_slope(x):
    return np.where(x > 0, 1.0, 0.0)


def squared_distance(outputs, wanted):
    return ((outputs - wanted) ** 2).sum()


def squared_distance_slope(outputs, wanted):
    return 2 * (outputs - wanted)


def cross_entropy(probabilities, wanted):
    return -(wanted * np.log(probabilities.clip(1e-7, 1 - 1e-7))).sum()  # the bounds keep the logarithm finite


def cross_entropy_slope(probabilities, wanted):
    return -wanted / probabilities


def softmax(scores):
    powers = np.exp(scores - scores.max())  # the shift cancels, and exp cannot overflow
    return powers / powers.sum()


def softmax_slope(scores):
    probabilities = softmax(scores)
    return np.diag(probabilities) - np.outer(probabilities, probabilities)


# %% [markdown]
# Three numbers to try them on. `np.set_printoptions` shows four digits, as the printed lesson does.

# %%
np.set_printoptions(precision=4, suppress=True)
guess, wanted = np.array([0.2, 0.7, 0.1]), np.array([0.0, 1.0, 0.0])
print("cross-entropy", cross_entropy(guess, wanted), "its slope", cross_entropy_slope(guess, wanted))
print("softmax", softmax(guess))
print(f"its Jacobian\n{softmax_slope(guess)}")

# %% [markdown]
# Are they right? `gradient_check` moves each input a little up and down, and compares the slope it measures with the
# given one. Correct slopes differ by about 1e-8 or less.

# %%
point = {"x": np.array([0.2, 0.7, -0.1])}
slopes = {
    "sigmoid": (lambda w: sigmoid(w["x"]).sum(), sigmoid_slope(point["x"])),
    "relu": (lambda w: relu(w["x"]).sum(), relu_slope(point["x"])),
    "squared distance": (lambda w: squared_distance(w["x"], wanted), squared_distance_slope(point["x"], wanted)),
    "softmax, then cross-entropy": (
        lambda w: cross_entropy(softmax(w["x"]), wanted),
        softmax_slope(point["x"]) @ cross_entropy_slope(softmax(point["x"]), wanted),
    ),
}
slope_errors = {}
for name, (function, slope) in slopes.items():
    slope_errors[name] = reference.gradient_check(function, point, {"x": slope})["x"]
    print(f"{name:<28}{slope_errors[name]:.0e}")

# %% [markdown]
# In the last of them all the fractions cancel, and the gradient is simply the probabilities minus the target.

# %%
shortcut = softmax(point["x"]) - wanted
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
# At each character the state before it and the character give the state after it, and this gives the probabilities of
# the next character. The step also keeps the values that the backward pass needs. There are no biases, to keep things
# short.


# %%
def start_weights(rng, vocab, hidden):
    return {
        "W_x": rng.normal(scale=(2 / vocab) ** 0.5, size=(vocab, hidden)),
        "W_h": np.eye(hidden),
        "W_y": rng.normal(scale=(2 / vocab) ** 0.5, size=(hidden, vocab)),
    }


def forward(weights, inputs, answers):
    """The error of a sequence and, for each step, (state before, input of relu, state, logits)."""

    def step(carried, character):
        h = carried[2]
        a = character @ weights["W_x"] + h @ weights["W_h"]
        return h, a, relu(a), relu(a) @ weights["W_y"]

    steps = scan(step, (None, None, np.zeros(len(weights["W_h"])), None), inputs)
    errors = [cross_entropy(softmax(scores), answer) for (*_, scores), answer in zip(steps, answers, strict=True)]
    return sum(errors), steps


# %% [markdown]
# ## Backward, as it should be
#
# `da`, the gradient of the error with respect to the input of relu, is passed from the last step to the first. It has
# two sources: the loss of this step, through W_y, and all later steps, through W_h. The gradient of each matrix is the
# **outer product** of its input and the gradient of its output, summed over the steps. The weights stay unchanged until
# the loop is done.


# %%
def gradients_of(weights, steps, inputs, answers):
    gradients = {name: np.zeros_like(matrix) for name, matrix in weights.items()}
    da = np.zeros(len(weights["W_h"]))
    for (before, a, h, scores), x, answer in reversed(list(zip(steps, inputs, answers, strict=True))):
        d_scores = softmax(scores) - answer
        da = (da @ weights["W_h"].T + d_scores @ weights["W_y"].T) * relu_slope(a)
        gradients["W_y"] += np.outer(h, d_scores)
        gradients["W_h"] += np.outer(before, da)
        gradients["W_x"] += np.outer(x, da)
    return gradients


def mended(weights, inputs, answers, rate):
    """The error of a sequence, and the weights after one step of gradient descent on it."""
    error, steps = forward(weights, inputs, answers)
    gradients = gradients_of(weights, steps, inputs, answers)
    return error, {name: matrix - rate * gradients[name] for name, matrix in weights.items()}


# %% [markdown]
# ## Backward, as printed
#
# Three things are wrong. Two can be switched on here separately.
#
# - **Inner product.** For W_h it takes the inner product of the state and `da`: one number, which is then subtracted
#   from all 65,536 weights alike.
# - **Changed inside.** It changes the weights within the loop, so that the gradients of earlier steps pass through
#   weights that the forward pass did not use.
# - **Learning rate.** It is 0.00001. In the notebook that the lesson was taken from it is 0.0001.


# %%
def faulty(weights, inputs, answers, rate, faults=("inner product", "changed inside")):
    """The error and the new weights of the printed lesson's step, with the faults named in `faults`."""
    error, steps = forward(weights, inputs, answers)
    new = {name: matrix.copy() for name, matrix in weights.items()}
    through = new if "changed inside" in faults else weights
    da = np.zeros(len(weights["W_h"]))
    for (before, a, h, scores), x, answer in reversed(list(zip(steps, inputs, answers, strict=True))):
        d_scores = softmax_slope(scores) @ cross_entropy_slope(softmax(scores), answer)
        da = (da @ through["W_h"].T + d_scores @ through["W_y"].T) * relu_slope(a)
        new["W_y"] -= rate * np.outer(h, d_scores)
        new["W_h"] -= rate * (before @ da if "inner product" in faults else np.outer(before, da))
        new["W_x"] -= rate * np.outer(x, da)
    return error, new


# %% [markdown]
# ## The check that finds them
#
# After a step with learning rate r, the gradient it used is (before - after) / r. On a network so small that every
# weight can be moved up and down, the check tells for which of the three matrices that was not the gradient.

# %%
rng = np.random.default_rng(0)
small = {"W_x": rng.normal(size=(5, 4)), "W_h": rng.normal(size=(4, 4)), "W_y": rng.normal(size=(4, 5))}
few, few_answers = np.eye(5)[[0, 3, 1, 4, 2, 2]], np.eye(5)[[3, 1, 4, 2, 2, 0]]


def check(step, rate=0.01, **how):
    """The largest difference of each matrix's step from the numerical gradient, relative to its largest entry."""
    _, after = step(small, few, few_answers, rate, **how)
    gradients = {name: (small[name] - after[name]) / rate for name in small}
    return reference.gradient_check(lambda w: forward(w, few, few_answers)[0], small, gradients)


checks = {
    "inner product": check(faulty, faults=("inner product",)),
    "changed inside": check(faulty, faults=("changed inside",)),
    "neither fault": check(faulty, faults=()),
    "mended": check(mended),
}
wrong = {}
for name, differences in checks.items():
    wrong[name] = [weights for weights, difference in differences.items() if difference > 1e-5]
    numbers = "  ".join(f"{weights} {difference:.0e}" for weights, difference in differences.items())
    print(f"{name:<16}{numbers}   wrong: {', '.join(wrong[name]) or 'none'}")

# %% [markdown]
# The inner product makes the gradient of W_h wrong. Changing the weights inside the loop makes those of W_h and W_x
# wrong, which pass through other weights; W_y is right in both, since its gradient does not depend on other steps. The
# third fault is not a wrong gradient, so the check cannot find it. Its effect can be estimated: a small step lowers the
# error of its own sequence by the learning rate times the squared norm of the gradient. That is a few thousandths of
# the error, and the next sequence changes the weights in another direction.

# %%
weights = start_weights(np.random.default_rng(START), VOCAB, HIDDEN)
inputs, answers = one_hot[windows[0]], one_hot[further[0]]
_, steps = forward(weights, inputs, answers)
gradients = gradients_of(weights, steps, inputs, answers)
squared_length = sum((gradient**2).sum() for gradient in gradients.values())
gain = 0.00001 * squared_length
print(f"at rate 0.00001 a sequence lowers its own error by about {gain:.3f} nats")

# %% [markdown]
# ## Learning
#
# We train on the same sequences, in order: as printed; with the learning rate of the first notebook, which has the same
# two faults; with these mended, at that rate; and at a rate at which it learns well.


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
_, curves["as printed"] = train(faulty, 0.00001, "as printed")
_, curves["faulty, 0.0001"] = train(faulty, 0.0001, "faulty, 0.0001")
_, curves["mended, 0.0001"] = train(mended, 0.0001, "mended, 0.0001")
trained, curves["mended, 0.01"] = train(mended, 0.01, "mended, 0.01")

# %%
drawing, axes = figure()
thousands = np.arange(1, len(curves["as printed"]) + 1) * pace(full=1000, short=20)
for name, errors in curves.items():
    axes.plot(thousands, errors, marker=".", label=name)
axes.axhline(uniform, color="grey", linewidth=0.8, label="uniform guess")
axes.set_xlabel("sequences")
axes.set_ylabel("error of 8 characters, nats")
axes.legend(frameon=False, ncols=2, loc=(0.35, 0.2))
show(drawing, "10-errors")

# %% [markdown]
# The faulty network learns too, with a larger learning rate: the gradient of W_y is right, and that of W_x nearly so.
# This makes such faults hard to see: the network only learns more slowly than it should, and only the check shows why.
#
# ## The reference engine
#
# elman's own `recurrence.reference` extends this network by biases, GRU and LSTM, batches, padding and resets, in NumPy
# that can be read in an evening. Every fast engine is tested against it. It gives the same gradients (as means over the
# 8 characters; here they are sums).

# %%
_, steps = forward(trained, inputs, answers)
ours = gradients_of(trained, steps, inputs, answers)
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
#   subtracted from all of W_h?
# - Put a fault of your own into `gradients_of`: omit `relu_slope`, or transpose W_h. Which matrices does the check
#   name?
# - Replace `reference.ELMAN_RELU` by equations of your own: `reference.Equations` is two functions of one step.
