"""Tools of every cell's test: random weights, a NumPy loop over time, and float64 central differences.

Numbers are drawn by NumPy and functions run under `jit`: JAX compiles each operation that it runs by itself.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from elman.recurrence import unroll

BATCH, TIME, INPUT, HIDDEN = 3, 6, 4, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def shaken(cell, key=1):
    """`cell` with random values added to every weight, so that no term of an equation is zero."""
    random = np.random.default_rng(key)
    return jax.tree.map(lambda w: jnp.asarray(np.asarray(w) + 0.3 * random.normal(size=w.shape), w.dtype), cell)


def weights(cell):
    """The arrays of a cell by field, in float64."""
    return {name: np.asarray(value, np.float64) for name, value in vars(cell).items() if isinstance(value, jax.Array)}


def inputs(key=9, size=INPUT):
    return jnp.asarray(np.random.default_rng(key).normal(size=(BATCH, TIME, size)))


def numpy_loop(step, start, xs):
    """(last carries, outputs) of `step(carry, x) -> (carry, y)` over each sequence, from `start`, a tuple of arrays."""
    carries, outputs = [], []
    for sequence in np.asarray(xs, np.float64):
        carry, ys = start, []
        for x in sequence:
            carry, y = step(carry, x)
            ys.append(y)
        carries.append(carry)
        outputs.append(ys)
    return [np.stack(parts) for parts in zip(*carries, strict=True)], np.stack(outputs)


def check_values(cell, step, start, xs=None):
    """`unroll` gives what the NumPy loop gives: the carry's leaves and the outputs."""
    xs = inputs() if xs is None else xs
    expected_carry, expected = numpy_loop(step, start, xs)
    carry, ys = jax.jit(lambda cell, xs: unroll(cell, xs))(cell, xs)
    np.testing.assert_allclose(ys, expected, atol=3e-6)
    for leaf, value in zip(jax.tree.leaves(carry), expected_carry, strict=True):
        np.testing.assert_allclose(leaf, value, atol=3e-6)


def loss(cell, xs, **options):
    """Depends on every output and on the last carry, each with its own weight."""
    carry, ys = unroll(cell, xs, **options)
    weigh = lambda a: jnp.sum(a * jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape))
    return weigh(ys) + sum(weigh(leaf) for leaf in jax.tree.leaves(carry))


def check_gradients(function, *arguments):
    """Every leaf of `arguments` along a random direction, in float64, against central differences of `function`."""
    with jax.enable_x64(True):
        leaves, structure = jax.tree.flatten(arguments)
        leaves = [np.asarray(leaf, np.float64) for leaf in leaves]
        gradients = jax.jit(jax.grad(lambda leaves: function(*structure.unflatten(leaves))))(leaves)
        value = jax.jit(lambda leaves: function(*structure.unflatten(leaves)))
        rng = np.random.default_rng(0)
        for place, gradient in enumerate(gradients):
            gradient, direction = np.asarray(gradient), rng.normal(size=gradient.shape)
            up, down = (
                value([leaf + sign * 1e-6 * direction if at == place else leaf for at, leaf in enumerate(leaves)])
                for sign in (1, -1)
            )
            slope = float(up - down) / 2e-6
            assert float((gradient * direction).sum()) == pytest.approx(slope, rel=2e-6, abs=1e-7)
            assert slope != 0
