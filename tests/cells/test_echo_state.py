import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import EchoState
from elman.ops.ridge import ridge
from elman.recurrence import unroll
from tests.cells.paper import check_chunks, check_values, full_carry, shaken


def echo(leak):
    def step(w, h, x):
        h = (1 - leak) * h + leak * np.tanh(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
        return h, h

    return step


@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_values_are_the_papers(leak):
    with jax.enable_x64(True):
        cell = shaken(EchoState, 12, leak=leak)
        check_values(cell, echo(leak), np.zeros(12))
        check_chunks(cell)


@pytest.mark.parametrize(("hidden", "radius"), [(5, 0.5), (150, 0.95)])
def test_the_reservoir_is_sparse_and_of_the_radius_asked_for(hidden, radius):
    U = np.asarray(EchoState(2, hidden, spectral_radius=radius, key=jr.key(1)).recurrent_kernel, np.float64)
    assert abs(np.linalg.eigvals(U)).max() == pytest.approx(radius, rel=1e-4)
    assert ((U != 0).sum(0) == min(10, hidden)).all()


def test_two_starts_converge_to_one_echo():
    cell = EchoState(3, 100, key=jr.key(0))
    xs, start = jr.normal(jr.key(1), (3, 300, 3)), full_carry(cell)
    one, other = unroll(cell, xs)[1], unroll(cell, xs, start)[1]
    gap = jnp.abs(one - other).max((0, 2))
    assert float(gap[0]) > 0.1
    assert float(gap[-1]) < 1e-6


def test_the_reservoir_is_not_trained_and_what_feeds_it_is():
    cell, xs = EchoState(3, 20, key=jr.key(0)), jr.normal(jr.key(1), (2, 9, 3))
    by_weights, by_inputs = jax.grad(lambda cell, xs: unroll(cell, xs)[1].sum(), argnums=(0, 1))(cell, xs)
    assert all(not leaf.any() for leaf in jax.tree.leaves(by_weights))
    assert float(jnp.abs(by_inputs).min()) > 0


def test_a_ridge_readout_of_the_echo_beats_a_linear_model_of_the_same_inputs():
    """NARMA-10 (Atiya and Parlos, 2000): a product of inputs nine steps apart, and the outputs' own past."""
    rng = np.random.default_rng(0)
    u, y = rng.uniform(0, 0.5, 3000), np.zeros(3000)
    for t in range(10, 3000):
        y[t] = 0.3 * y[t - 1] + 0.05 * y[t - 1] * y[t - 10 : t].sum() + 1.5 * u[t - 10] * u[t - 1] + 0.1
    cell = EchoState(1, 200, input_scaling=0.5, spectral_radius=0.95, key=jr.key(0))
    states = np.asarray(unroll(cell, jnp.asarray(u[None, :, None], jnp.float32))[1][0])
    lagged = np.stack([np.roll(u, lag) for lag in range(30)], axis=1)

    def error(features):
        kernel, bias = ridge(features[100:2000], y[100:2000, None], penalty=1e-6)
        rest = (features[2000:] @ kernel + bias)[:, 0] - y[2000:]
        return np.sqrt((rest**2).mean() / y[2000:].var())

    assert error(states) < 0.3
    assert error(states) < 0.75 * error(lagged)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(leak=0.0), "leak: expected above 0, up to 1; got 0"),
        (dict(connections=0), "connections: expected at least 1"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(elman.ConfigError, match=message):
        EchoState(1, 5, key=jr.key(0), **options)
