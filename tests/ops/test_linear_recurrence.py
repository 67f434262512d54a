import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.ops.linear_recurrence import _loop, _rounds, linear_recurrence

TIME, STATE = 37, (3, 4)


def problem(steps=TIME, dtype=jnp.float64):
    a, b, h = jr.split(jr.key(0), 3)
    return (
        0.9 * jr.normal(a, (steps, *STATE), dtype),
        jr.normal(b, (TIME, *STATE), dtype),
        jr.normal(h, STATE, dtype),
    )


def loop(a, b, h, reverse=False):
    a, b, h = np.broadcast_to(a, b.shape), np.asarray(b), np.asarray(h)
    hs = np.zeros(b.shape, b.dtype)
    for t in reversed(range(TIME)) if reverse else range(TIME):
        h = hs[t] = a[t] * h + b[t]
    return hs


KINDS = pytest.mark.parametrize("dtype", [jnp.float64, jnp.complex128], ids=["real", "complex"])
STEPS = pytest.mark.parametrize("steps", [TIME, 1], ids=["varying", "constant"])
DIRECTIONS = pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])


@pytest.mark.sample(2)
@KINDS
@STEPS
@DIRECTIONS
def test_both_ways_and_the_one_in_use_give_the_values_of_the_loop(dtype, steps, reverse):
    with jax.enable_x64(True):
        arrays = problem(steps, dtype)
        expected = loop(*arrays, reverse)
        for way in (_loop, _rounds):
            np.testing.assert_allclose(way(reverse, *arrays), expected, atol=1e-12)
        np.testing.assert_allclose(linear_recurrence(*arrays, reverse=reverse), expected, atol=1e-12)


@KINDS
@STEPS
@DIRECTIONS
def test_gradients_are_those_of_finite_differences(dtype, steps, reverse):
    def loss(arrays):
        hs = linear_recurrence(*arrays, reverse=reverse)
        return sum(jnp.sum(part * jnp.cos(jnp.arange(hs.size)).reshape(hs.shape)) for part in (hs.real, hs.imag))

    with jax.enable_x64(True):
        arrays, rng = problem(steps, dtype), np.random.default_rng(0)
        for place, gradient in enumerate(jax.grad(loss)(arrays)):
            direction = rng.normal(size=gradient.shape)
            if dtype == jnp.complex128:
                direction = direction + 1j * rng.normal(size=gradient.shape)
            moved = [
                loss([a + shift * direction if i == place else a for i, a in enumerate(arrays)])
                for shift in (1e-6, -1e-6)
            ]
            assert float((gradient * direction).sum().real) == pytest.approx(
                float(moved[0] - moved[1]) / 2e-6, rel=1e-6, abs=1e-7
            )


@DIRECTIONS
def test_second_derivatives_are_those_of_automatic_differentiation(reverse):
    def curvature(run):
        slope = lambda a, b, h: jnp.sum(jax.grad(lambda b: jnp.sum(run(a, b, h) ** 3))(b) ** 2)
        return jax.grad(slope, argnums=(0, 1, 2))

    with jax.enable_x64(True):
        arrays = problem()
        ours = curvature(lambda *arrays: linear_recurrence(*arrays, reverse=reverse))(*arrays)
        theirs = curvature(lambda *arrays: _loop(reverse, *arrays))(*arrays)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_kinds_of_numbers_may_be_mixed():
    a, b, h = jnp.full((3, 2), 0.5), jnp.full((3, 2), 1j), jnp.ones(2)
    np.testing.assert_allclose(linear_recurrence(a, b, h)[-1], [0.125 + 1.75j] * 2)
    slopes = jax.grad(lambda a: linear_recurrence(a, b, h)[-1].real.sum())(a)
    assert slopes.dtype == a.dtype


def test_a_mapped_axis_and_jit_change_nothing():
    arrays = problem(dtype=jnp.float32)
    mapped = jax.jit(jax.vmap(linear_recurrence, in_axes=(1, 1, 0), out_axes=1))(*arrays)
    np.testing.assert_allclose(mapped, linear_recurrence(*arrays), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("way", [_loop, _rounds])
def test_65536_steps_are_one_call_whose_gradient_is_exact(way):
    """With a = 1/2 and b = 1 every h is 2 - 2^-t, and the gradient of the last h by b_t is 2^-(T - 1 - t)."""
    steps = 2**16
    a, b, h = jnp.full((1, 1), 0.5), jnp.ones((steps, 1)), jnp.zeros(1)
    np.testing.assert_allclose(way(False, a, b, h)[[0, 1, 2, -1], 0], [1, 1.5, 1.75, 2])
    by_b = jax.grad(lambda b: linear_recurrence(a, b, h)[-1, 0])(b)
    np.testing.assert_allclose(by_b[-3:, 0], [0.25, 0.5, 1])


@pytest.mark.slow
@pytest.mark.parametrize("way", [linear_recurrence, lambda *arrays: _rounds(False, *arrays)], ids=["in use", "rounds"])
def test_memory_is_linear_in_time(way):
    def bytes_needed(steps):
        arrays = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((steps, 16), (steps, 16), (16,))]
        gradient = jax.jit(jax.grad(lambda *arrays: jnp.sum(way(*arrays) ** 2), argnums=(0, 1, 2)))
        return gradient.lower(*arrays).compile().memory_analysis().temp_size_in_bytes

    assert bytes_needed(8192) < 2.1 * bytes_needed(4096)
    assert bytes_needed(8192) < 20 * 8192 * 16 * 4
