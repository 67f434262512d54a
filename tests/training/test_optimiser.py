"""Each optimiser against its equations in NumPy, over several steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from elman.training.optimiser import make_optimiser
from elman.training.settings import Training

STEPS, DECAY = 4, 0.1


def weights():
    random = np.random.default_rng(0)
    sizes = {"embedding": (5, 3), "kernel": (3, 8), "recurrent_kernel": (8, 4), "bias": (8,), "head": (4, 5)}
    return {name: random.normal(size=size) for name, size in sizes.items()}


def gradients(step, weights):
    """Depend on the weights, so that an error of one step shows in the next."""
    random = np.random.default_rng(step)
    return {name: random.normal(size=w.shape) + 0.1 * w for name, w in sorted(weights.items())}


def ours(rate=0.05, **settings):
    optimiser = make_optimiser(Training(**{"clip": 0, "weight_decay": DECAY} | settings))
    now = {name: jnp.asarray(w, jnp.float32) for name, w in weights().items()}
    memory = optimiser.init(now)
    for step in range(STEPS):
        slopes = {name: jnp.asarray(w, jnp.float32) for name, w in gradients(step, now).items()}
        updates, memory = optimiser.update(slopes, memory, now)
        now = jax.tree.map(lambda w, update: w + rate * update, now, updates)
    return now


def theirs(rule, rate=0.05, clip=0.0):
    """`rule(name, weight, gradient, step counted from 1, memory)` -> what is taken off for a rate of 1."""
    now, memory = weights(), {}
    for step in range(STEPS):
        slopes = gradients(step, now)
        norm = np.sqrt(sum((slope**2).sum() for slope in slopes.values()))
        share = min(1.0, clip / norm) if clip else 1.0
        for name in now:
            memory.setdefault(name, {})
            taken = rule(name, now[name], share * slopes[name], step + 1, memory[name])
            now[name] = now[name] - rate * taken
    return now


def decay(weight):
    return DECAY * weight if weight.ndim > 1 else 0.0


def adamw(name, weight, slope, t, memory, *, nesterov=False):
    """Loshchilov and Hutter (2019), with betas of 0.9 and 0.99; Dozat's (2016) Nesterov momentum where Muon uses it."""
    m = memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * slope
    v = memory["v"] = 0.99 * memory.get("v", 0) + 0.01 * slope**2
    mean = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * slope / (1 - 0.9**t) if nesterov else m / (1 - 0.9**t)
    return mean / (np.sqrt(v / (1 - 0.99**t)) + 1e-8) + (0 if nesterov else decay(weight))


def sgd(momentum):
    def rule(name, weight, slope, t, memory):
        memory["v"] = momentum * memory.get("v", 0) + slope + decay(weight)
        return memory["v"]

    return rule


def muon(name, weight, slope, t, memory):
    """Jordan et al. (2024) for hidden matrices; AdamW at a quarter of the rate for the others."""
    if weight.ndim == 1 or name in ("embedding", "head"):
        return 0.25 * adamw(name, weight, slope, t, memory, nesterov=True) + decay(weight)
    m = memory["m"] = 0.95 * memory.get("m", 0) + 0.05 * slope
    x = 0.95 * m / (1 - 0.95 ** (t + 1)) + 0.05 * slope / (1 - 0.95**t)
    x = x / (np.sqrt((x**2).sum()) + 1e-8)
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x @ x.T @ x + 2.0315 * x @ x.T @ x @ x.T @ x
    return np.sqrt(max(1.0, weight.shape[1] / weight.shape[0])) * x + decay(weight)


@pytest.mark.parametrize("clip", [0.0, 2.0])
@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (dict(optimiser="adamw"), adamw),
        (dict(optimiser="sgd"), sgd(0.9)),
        (dict(optimiser="sgd", momentum=0.5), sgd(0.5)),
        (dict(optimiser="sgd", momentum=0), sgd(0.0)),
        (dict(optimiser="muon"), muon),
    ],
    ids=["adamw", "sgd", "sgd, momentum 0.5", "sgd, no momentum", "muon"],
)
def test_steps_are_those_of_the_equations(settings, rule, clip):
    result, expected = ours(clip=clip, **settings), theirs(rule, clip=clip)
    for name, weight in expected.items():
        np.testing.assert_allclose(result[name], weight, rtol=2e-4, atol=2e-5, err_msg=name)
