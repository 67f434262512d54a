"""A cell against its paper: `step(weights, state, x) -> (state, y)` in NumPy and float64 is what `unroll` must give.

Numbers are drawn by NumPy and functions run under `jit`: JAX compiles each operation that it runs by itself.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.recurrence import unroll

BATCH, TIME, INPUT = 3, 7, 4
LENGTHS = np.array([7, 3, 0])
RESETS = np.zeros((BATCH, TIME), bool)
RESETS[0, 3] = RESETS[1, 0] = RESETS[2, 6] = True


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def shaken(kind, hidden, *, key=0, **options):
    """A float64 cell whose every weight is random, so that no term of an equation is zero. Needs x64."""
    cell, random = kind(INPUT, hidden, key=jr.key(key), **options), np.random.default_rng(key + 1)
    return jax.tree.map(lambda w: jnp.asarray(np.asarray(w, np.float64) + 0.3 * random.normal(size=w.shape)), cell)


def inputs(key=9):
    return jnp.asarray(np.random.default_rng(key).normal(size=(BATCH, TIME, INPUT)))


def weights(cell):
    return {name: np.asarray(value, np.float64) for name, value in vars(cell).items() if hasattr(value, "dtype")}


def loop(cell, step, start, xs, *, lengths=None, padding="right", resets=None, reverse=False):
    """(last states, ys) of the paper's step over every sequence."""
    ys, states = np.zeros((*xs.shape[:2], cell.hidden_size)), []
    for row, sequence in enumerate(np.asarray(xs)):
        time, state = len(sequence), start
        length = time if lengths is None else lengths[row]
        places = range(time - length, time) if padding == "left" else range(length)
        for t in reversed(places) if reverse else places:
            if resets is not None and resets[row, t]:
                state = start
            state, ys[row, t] = step(weights(cell), state, sequence[t])
        states.append(state)
    return states, ys


def check_values(cell, step, start, named=lambda carry: carry, engine="auto"):
    """`named` makes of one sequence's carry, a tree of NumPy arrays, what `step` calls its state."""
    xs = inputs()
    calls: list[dict[str, Any]] = [
        dict(),
        dict(reverse=True),
        dict(lengths=LENGTHS, padding="left", resets=RESETS),
        dict(lengths=LENGTHS, resets=RESETS, reverse=True),
    ]
    for call in calls:
        states, expected = loop(cell, step, start, xs, **call)
        arguments: dict[str, Any] = {
            name: jnp.asarray(value) if name in ("lengths", "resets") else value for name, value in call.items()
        }
        carry, ys = jax.jit(partial(unroll, engine=engine, **arguments))(cell, xs)
        np.testing.assert_allclose(ys, expected, atol=1e-12)
        for row, state in enumerate(states):
            got = named(jax.tree.map(lambda leaf, row=row: np.asarray(leaf)[row], carry))
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), got, state)


def check_chunks(cell):
    xs = inputs()
    run = jax.jit(lambda cell, xs, carry=None: unroll(cell, xs, carry))
    whole_carry, whole = run(cell, xs)
    carry, first = run(cell, xs[:, :3])
    carry, second = run(cell, xs[:, 3:], carry)
    np.testing.assert_allclose(np.concatenate([first, second], 1), whole, atol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), carry, whole_carry)


def check_gradients(cell, carry, **call):
    """Those of the cell's weights, of the inputs and of the first carry, against central differences."""
    arguments = (cell, inputs(), carry)
    function = jax.jit(lambda cell, xs, carry: weigh(unroll(cell, xs, carry, **call)))
    leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, arguments))
    gradients = jax.jit(jax.grad(lambda leaves: function(*structure.unflatten(leaves))))(leaves)
    rng = np.random.default_rng(0)
    for place, gradient in enumerate(gradients):
        gradient, direction = np.asarray(gradient), rng.normal(size=gradient.shape)
        if np.iscomplexobj(gradient):
            direction = direction + 1j * rng.normal(size=gradient.shape)
        moved = [
            function(*structure.unflatten([*leaves[:place], leaves[place] + shift * direction, *leaves[place + 1 :]]))
            for shift in (1e-6, -1e-6)
        ]
        # JAX's gradient of a real loss by a complex z pairs with dz by Re(gradient dz).
        assert float((gradient * direction).sum().real) == pytest.approx(
            float(moved[0] - moved[1]) / 2e-6, rel=1e-6, abs=1e-7
        )


def weigh(tree):
    """One number to which every entry of `tree` adds, each with its own weight."""
    return sum(
        jnp.sum(part * jnp.cos(jnp.arange(part.size)).reshape(part.shape))
        for leaf in jax.tree.leaves(tree)
        for part in (leaf.real, leaf.imag)
    )


def full_carry(cell, key=3):
    """A first carry of random numbers."""
    random = np.random.default_rng(key)

    def drawn(leaf):
        numbers = random.normal(size=(2, BATCH, *leaf.shape))
        return jnp.asarray(numbers[0] + 1j * numbers[1] if np.iscomplexobj(leaf) else numbers[0], leaf.dtype)

    return jax.tree.map(drawn, cell.init_carry())
