"""One step against its definition: a linear model whose gradient NumPy writes down."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from elman.training.optimiser import make_optimiser
from elman.training.settings import Training
from elman.training.start import start_state
from elman.training.step import make_step

RATE = np.float32(0.1)


class Line:
    """y = x w + h; a batch is (x, y, weights of the rows), and h is the carry, which begins with a learned value and
    grows by one with every batch."""

    def init_carry(self, model, rows):
        return jnp.broadcast_to(model["start"], (rows,))

    def loss(self, model, carry, batch, *, key=None):
        xs, ys, weights = batch
        noise = 0 if key is None else jax.random.normal(key, ys.shape)
        errors = (xs @ model["w"] + carry - ys + noise) ** 2 * weights
        return (errors.sum(), weights.sum()), carry + 1


LINE: Any = Line()  # as much of a task as a step needs


def model():
    return {"w": jnp.array([1.0, -2.0, 0.5]), "start": jnp.array(0.25)}


def batch():
    random = np.random.default_rng(0)
    return (*(random.normal(size=size).astype("f") for size in ((4, 3), (4,))), np.array([1, 0, 1, 1], "f"))


def one_step(
    *, is_first, optimiser_state=None, factors=None, made=None, optimiser=optax.sgd(1.0), start=None, rate=RATE
):
    start = start or model()
    carry = jnp.array([1.0, 2.0, 3.0, 4.0])
    step = make_step(LINE, optimiser)
    key = jax.random.key(7)
    # The step reuses the buffers that it is given.
    copies = jax.tree.map(jnp.copy, (start, optimiser_state or optimiser.init(start), carry))
    return step(*copies, made or batch(), np.bool_(is_first), key, rate, factors)


def by_hand(*, is_first):
    """(loss, count, gradient, carry after)."""
    xs, ys, weights = (one.astype(float) for one in batch())
    w = np.array([1.0, -2.0, 0.5])
    carry = np.full(4, 0.25) if is_first else np.array([1.0, 2.0, 3.0, 4.0])
    noise = np.asarray(jax.random.normal(jax.random.key(7), (4,)), float)
    errors = xs @ w + carry - ys + noise
    slopes = 2 * errors * weights / weights.sum()
    gradient = {"w": slopes @ xs, "start": slopes.sum() if is_first else 0.0}
    return (errors**2 * weights).sum(), weights.sum(), gradient, carry + 1


@pytest.mark.parametrize("is_first", [True, False])
def test_a_step_goes_down_the_gradient_of_the_mean(is_first):
    """The learned start has a gradient in an epoch's first batch; later batches go on from the carry."""
    new, _, carry, result = one_step(is_first=is_first)
    total, count, gradient, after = by_hand(is_first=is_first)
    for name, slope in gradient.items():
        np.testing.assert_allclose(new[name], np.asarray(model()[name], float) - 0.1 * slope, rtol=1e-5)
    np.testing.assert_allclose(carry, after)
    np.testing.assert_allclose(result.total, total, rtol=1e-5)
    assert (float(result.count), bool(result.finite)) == (count, True)
    norm = np.sqrt(sum((np.asarray(slope) ** 2).sum() for slope in gradient.values()))
    np.testing.assert_allclose(result.gradient_norm, norm, rtol=1e-5)


def test_factors_multiply_the_rate_and_zero_freezes():
    _, _, gradient, _ = by_hand(is_first=True)
    factors = {"w": np.float32(0.5), "start": np.float32(0.0)}
    new, _, _, result = one_step(is_first=True, factors=factors)
    np.testing.assert_allclose(new["w"], np.asarray(model()["w"], float) - 0.1 * 0.5 * gradient["w"], rtol=1e-5)
    assert float(new["start"]) == 0.25
    np.testing.assert_allclose(result.gradient_norm, np.sqrt((gradient["w"] ** 2).sum()), rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_step_that_is_not_finite_changes_nothing(bad):
    optimiser = optax.sgd(1.0, momentum=0.9)
    _, optimiser_state, _, _ = one_step(is_first=True, optimiser=optimiser)
    xs, ys, weights = batch()
    ys[2] = bad
    kept = jax.tree.map(np.array, optimiser_state)
    new, after, carry, result = one_step(
        is_first=False, optimiser=optimiser, optimiser_state=optimiser_state, made=(xs, ys, weights)
    )
    assert not bool(result.finite)
    jax.tree.map(np.testing.assert_array_equal, new, model())
    jax.tree.map(np.testing.assert_array_equal, after, kept)
    np.testing.assert_array_equal(carry, [1.0, 2.0, 3.0, 4.0])


def test_a_step_takes_the_memory_of_its_gradients_beside_what_it_replaces():
    """Weights and the optimiser's state are written in place: an update, a clipped gradient or a choice between old and
    new weights would take as much memory again."""

    class Table:  # as much of a task as a step needs
        def init_carry(self, model, rows):
            return ()

        def loss(self, model, carry, batch, *, key):
            return ((model[batch] ** 2).sum(), batch.size), carry

    table_task: Any = Table()
    table, optimiser = jnp.ones((4096, 64)), make_optimiser(Training())
    arguments = table, optimiser.init(table), (), jnp.arange(8), np.bool_(True), jax.random.key(0), RATE
    memory = make_step(table_task, optimiser).lower(*arguments).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 1.5 * table.nbytes
    assert memory.alias_size_in_bytes > 3 * table.nbytes


def test_a_rate_without_measure_changes_nothing():
    new, _, _, result = one_step(is_first=True, rate=np.float32(1e30))
    assert not bool(result.finite)
    jax.tree.map(np.testing.assert_array_equal, new, model())


def test_a_batch_without_targets_changes_no_weight():
    xs, ys, weights = batch()
    new, _, _, result = one_step(is_first=False, made=(xs, ys, 0 * weights))
    jax.tree.map(np.testing.assert_array_equal, new, model())
    assert (float(result.total), float(result.count), bool(result.finite)) == (0, 0, True)


def test_the_start_has_buffers_of_its_own():
    """The step reuses the buffers of model, optimiser and carry; the best model so far is not among them."""
    first, settings = model(), Training(optimiser="sgd", momentum=0.9, clip=0)
    state = start_state(LINE, first, settings, 4)
    assert state.arrays().keys() == {"model", "optimiser", "carry"}
    assert state.progress.step == 0
    assert state.best is first
    shared = {id(leaf) for leaf in jax.tree.leaves(first)}
    assert not shared & {id(leaf) for leaf in jax.tree.leaves(state.model)}
    np.testing.assert_array_equal(state.carry, np.full(4, 0.25))
    step, key = make_step(LINE, make_optimiser(settings)), jax.random.key(0)
    step(state.model, state.optimiser, state.carry, batch(), np.bool_(True), key, RATE)
    jax.tree.map(np.testing.assert_array_equal, state.best, model())
