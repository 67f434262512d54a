import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from elman import ConfigError, NonFiniteError
from elman.training.learn import learn
from elman.training.shuffled import Shuffled

XS = np.linspace(-1, 1, 10, dtype=np.float32)
BATCHES = Shuffled(XS, 3 * XS + 1, batch_size=4, seed=5)


def model():
    return {"slope": jnp.zeros(()), "level": jnp.zeros(())}


def squares(model, carry, batch, *, key):
    x, y = batch
    return (((model["slope"] * x + model["level"] - y) ** 2).sum(), len(x)), carry


def test_gradient_descent_is_the_loop_in_numpy():
    rate, slope, level, means = 0.1, 0.0, 0.0, []
    for epoch in range(2):
        total = 0.0
        for index in range(len(BATCHES)):
            x, y = (np.asarray(a, np.float64) for a in BATCHES.at(epoch * len(BATCHES) + index))
            error = slope * x + level - y
            total += (error**2).sum()
            slope, level = slope - rate * 2 * (error * x).mean(), level - rate * 2 * error.mean()
        means.append(total / len(XS))
    epochs = list(learn(model(), squares, BATCHES, epochs=2, optimiser=optax.sgd(rate)))
    np.testing.assert_allclose([epoch.loss for epoch in epochs], means, rtol=1e-5)
    np.testing.assert_allclose([epochs[-1].model["slope"], epochs[-1].model["level"]], [slope, level], rtol=1e-5)
    assert [epoch.number for epoch in epochs] == [1, 2]
    assert str(epochs[0]).startswith(f"epoch 1: loss {means[0]:.4f}, ")


def test_going_on_after_an_epoch_is_the_same_as_not_having_stopped():
    whole = list(learn(model(), squares, BATCHES, epochs=3))
    first = next(learn(model(), squares, BATCHES, epochs=1))
    *_, last = learn(None, squares, BATCHES, epochs=2, after=first)
    assert last.number == 3
    assert last.loss == whole[-1].loss
    jax.tree.map(
        np.testing.assert_array_equal, (last.model, last.optimiser_state), (whole[-1].model, whole[-1].optimiser_state)
    )


def test_the_carry_goes_from_batch_to_batch_and_begins_anew_each_epoch():
    def counts(model, carry, batch, *, key):
        return (squares(model, (), batch, key=key)[0]), carry + len(batch[0])

    first, second = learn(model(), counts, BATCHES, epochs=2, carry=jnp.array(100))
    assert int(first.carry) == int(second.carry) == 100 + len(XS)


def test_every_step_has_noise_of_its_own_that_the_seed_decides():
    def noise(model, carry, batch, *, key):
        return (model["slope"] * 0 + jax.random.uniform(key), 1), carry.at[carry[0].astype(int)].set(
            jax.random.uniform(key)
        ).at[0].add(1)

    def drawn(seed):
        return next(learn(model(), noise, BATCHES, epochs=1, carry=jnp.ones(1 + len(BATCHES)), seed=seed)).carry[1:]

    assert len(set(drawn(0).tolist())) == len(BATCHES)
    np.testing.assert_array_equal(drawn(0), drawn(0))
    assert drawn(0).tolist() != drawn(1).tolist()


def test_what_was_given_and_what_was_yielded_stays_usable():
    start = model()
    epochs = list(learn(start, squares, BATCHES, epochs=2))
    assert float(start["slope"]) == 0
    assert float(epochs[0].model["slope"]) != float(epochs[1].model["slope"])


def test_errors():
    with pytest.raises(ConfigError, match="epochs"):
        next(learn(model(), squares, BATCHES, epochs=0))
    with pytest.raises(NonFiniteError, match="epoch 1: the loss is infinite"):
        list(learn(model(), squares, Shuffled(XS * 1e30, XS, batch_size=1), epochs=1, optimiser=optax.sgd(1e9)))
