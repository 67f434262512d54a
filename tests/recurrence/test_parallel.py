import itertools
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, LRU, RGLRU, LinearCell, MinGRU, MinLSTM
from elman.recurrence import engine_for, tap, unroll

BATCH, TIME, INPUT, HIDDEN = 3, 7, 4, 5


class Leaky(LinearCell):
    """A user's cell: a state of its own shape, one share for all of it, a learned start, an output through tanh."""

    kernel: jax.Array
    decay: jax.Array
    start: jax.Array

    def __init__(self, input_size, hidden_size, *, key):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = jr.normal(key, (input_size, hidden_size)) * input_size**-0.5
        self.decay = jnp.zeros(())
        self.start = jnp.linspace(-1.0, 1.0, 2 * hidden_size).reshape(2, hidden_size)

    def init_carry(self):
        return self.start

    def coefficients(self, x):
        return jax.nn.sigmoid(self.decay), jnp.stack([x @ self.kernel, x[0] * self.kernel[1]])

    def show(self, h, x):
        return jnp.tanh(h[0] * h[1]) + x.sum()


CELLS = pytest.mark.parametrize("kind", [MinGRU, MinLSTM, LRU, RGLRU, Leaky])


def shaken(kind):
    leaves, structure = jax.tree.flatten(kind(INPUT, HIDDEN, key=jr.key(0)))
    keys = jr.split(jr.key(1), len(leaves))
    return structure.unflatten([w + 0.3 * jr.normal(k, w.shape) for w, k in zip(leaves, keys, strict=True)])


def weigh(tree):
    return sum(
        jnp.sum(part * jnp.cos(jnp.arange(part.size)).reshape(part.shape))
        for leaf in jax.tree.leaves(tree)
        for part in (leaf.real, leaf.imag)
    )


LENGTHS = [None, "right", "left"]
CALLS = [dict(padding=p, resets=r, reverse=v) for p, r, v in itertools.product(LENGTHS, [False, True], [False, True])]


@pytest.mark.sample(1)
@CELLS
@pytest.mark.parametrize("with_carry", [False, True])
def test_values_taps_and_gradients_are_those_of_scan(kind, with_carry):
    """In every mix of padding, resets, direction and carry."""
    with jax.enable_x64(True):
        cell, xs = shaken(kind), jr.normal(jr.key(2), (BATCH, TIME, INPUT))
        restarts = jr.bernoulli(jr.key(3), 0.3, (BATCH, TIME))
        state = cell.init_carry()
        carry = jr.normal(jr.key(4), (BATCH, *state.shape), state.dtype) if with_carry else None

        def both(engine, cell, xs, carry):
            values = []
            for call in CALLS:
                lengths = None if call["padding"] is None else jnp.array([7, 3, 0])
                options: dict[str, Any] = dict(
                    padding=call["padding"] or "right", reverse=call["reverse"], engine=engine
                )
                resets = restarts if call["resets"] else None
                values.append(tap(cell, xs, carry, lengths=lengths, resets=resets, **options))
            return weigh(values), values

        gradient = jax.grad(both, argnums=(1, 2, 3) if with_carry else (1, 2), has_aux=True)
        results = [jax.jit(gradient, static_argnums=0)(engine, cell, xs, carry) for engine in ("parallel", "scan")]
        assert len(jax.tree.leaves(results[0])) > len(CALLS) * 3
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-11, rtol=1e-11), *results)


@pytest.mark.sample(1)
@CELLS
def test_padding_that_holds_anything_leaves_gradients_finite(kind):
    xs = jnp.ones((BATCH, TIME, INPUT)).at[1, 3:].set(jnp.nan)
    loss = lambda cell: unroll(cell, xs, lengths=jnp.array([7, 3, 0]), engine="parallel")[1].sum()
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(jax.grad(loss)(shaken(kind))))


def test_resets_cut_the_gradient_and_give_it_to_the_start():
    cell, xs = shaken(Leaky), jr.normal(jr.key(2), (BATCH, TIME, INPUT))
    resets = jnp.zeros((BATCH, TIME), bool).at[:, 4].set(True)
    carry = jnp.ones((BATCH, 2, HIDDEN))
    loss = lambda cell, xs, carry: unroll(cell, xs, carry, resets=resets, engine="parallel")[1][:, 4:].sum()
    by_cell, by_xs, by_carry = jax.grad(loss, argnums=(0, 1, 2))(cell, xs, carry)
    assert float(jnp.abs(by_xs[:, :4]).max()) == float(jnp.abs(by_carry).max()) == 0
    assert float(jnp.abs(by_xs[:, 4:]).min()) > 0
    assert float(jnp.abs(by_cell.start).min()) > 0


@CELLS
def test_it_is_what_linear_cells_get(kind):
    cell = kind(INPUT, HIDDEN, key=jr.key(0))
    assert engine_for(cell)[0] == engine_for(cell, masked=True, tapped=True)[0] == "parallel"


class Stepping(MinGRU):
    """Steps otherwise than its coefficients say."""

    def step(self, h, x):
        h, y = super().step(h, x)
        return jnp.tanh(h), y


def test_other_cells_are_refused_with_the_reason():
    xs = jnp.ones((1, 2, INPUT))
    with pytest.raises(elman.ConfigError, match="GRU is no LinearCell; .*scan"):
        unroll(GRU(INPUT, HIDDEN, key=jr.key(0)), xs, engine="parallel")
    with pytest.raises(elman.ConfigError, match="Stepping has a step of its own"):
        unroll(Stepping(INPUT, HIDDEN, key=jr.key(0)), xs, engine="parallel")
    assert engine_for(Stepping(INPUT, HIDDEN, key=jr.key(0)))[0] == "scan"


def test_65536_steps_are_one_call():
    """Against a NumPy loop in float64, with the gradient of the last output by the first inputs in closed form."""
    steps = 2**16
    cell, xs = MinGRU(1, 3, key=jr.key(0)), jr.normal(jr.key(1), (1, steps, 1))
    a = np.asarray(xs[0], np.float64) @ np.asarray(cell.kernel) + np.asarray(cell.bias)
    h, expected = np.zeros(3), np.zeros((steps, 3))
    for t in range(steps):
        z = 1 / (1 + np.exp(-a[t, :3]))
        h = expected[t] = (1 - z) * h + z * a[t, 3:]
    carry, ys = unroll(cell, xs)
    np.testing.assert_allclose(ys[0], expected, atol=1e-5)
    np.testing.assert_array_equal(carry[0], ys[0, -1])
    gradient = jax.grad(lambda xs: unroll(cell, xs)[1][0, -1].sum())(xs)
    assert bool(jnp.isfinite(gradient).all())
    assert float(jnp.abs(gradient[0, -10:]).min()) > 0
