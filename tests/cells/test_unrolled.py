import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import SummedElman, eight_characters, three_characters
from elman.recurrence import unroll
from tests.cells.checks import HIDDEN, INPUT, check_gradients, check_values, inputs, loss, shaken, weights

NETWORKS = pytest.mark.parametrize("make", [three_characters, eight_characters])


def relu(x):
    return np.maximum(x, 0)


def network_and_inputs(make):
    network = shaken(make(INPUT, HIDDEN, key=jr.key(0)))
    xs = jr.normal(jr.key(3), (2, network.characters, INPUT))
    return network, xs, jnp.unstack(xs, axis=1)


@NETWORKS
def test_the_network_is_the_lessons_layers_in_numpy(make):
    network, _, characters = network_and_inputs(make)
    w = weights(network.cell)
    phi = np.tanh if make is three_characters else relu
    dense_in = lambda x: relu(np.asarray(x, np.float64) @ w["kernel"] + w["bias"])
    dense_hidden = lambda h: phi(h @ w["recurrent_kernel"] + w["recurrent_bias"])
    hidden = dense_in(characters[0])
    for c in characters[1:]:
        hidden = dense_in(c) + dense_hidden(hidden)
    np.testing.assert_allclose(network(*characters), hidden, atol=3e-6, rtol=1e-5)


@NETWORKS
def test_the_network_is_its_cell_unrolled_from_the_first_characters_state(make):
    network, xs, characters = network_and_inputs(make)
    first = jax.nn.relu(xs[:, 0] @ network.cell.kernel + network.cell.bias)
    last, _ = unroll(network.cell, xs[:, 1:], first)
    np.testing.assert_allclose(network(*characters), last, rtol=1e-5, atol=1e-6)


@NETWORKS
def test_the_network_with_an_output_at_every_step_is_its_cell_unrolled(make):
    network, xs, characters = network_and_inputs(make)
    np.testing.assert_allclose(
        jnp.stack(network.every_step(*characters), 1), unroll(network.cell, xs)[1], rtol=1e-5, atol=1e-6
    )


@NETWORKS
def test_gradients_of_network_and_cell_agree(make):
    network, xs, characters = network_and_inputs(make)
    by_hand = jax.grad(lambda net: jnp.stack(net.every_step(*characters), 1).sum())(network)
    by_unroll = jax.grad(lambda net: unroll(net.cell, xs)[1].sum())(network)
    for a, b in zip(jax.tree.leaves(by_hand), jax.tree.leaves(by_unroll), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_cell_is_the_numpy_loop(activation):
    cell = shaken(SummedElman(INPUT, HIDDEN, activation=activation, key=jr.key(0)))
    w, phi = weights(cell), {"tanh": np.tanh, "relu": relu}[activation]

    def step(carry, x):
        h = relu(x @ w["kernel"] + w["bias"]) + phi(carry[0] @ w["recurrent_kernel"] + w["recurrent_bias"])
        return (h,), h

    check_values(cell, step, (relu(w["bias"]),))
    check_gradients(loss, cell, inputs())


def test_the_eight_character_network_has_the_lessons_weights():
    """Input layer 42 x 256 + 256, hidden layer 256 x 256 + 256; the lesson's SimpleRNN has one bias less: 76,544."""
    network = eight_characters(42, 256, key=jr.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == 42 * 256 + 256 + 256 * 256 + 256 == 76_544 + 256


def test_another_number_of_characters_is_refused():
    network, _, characters = network_and_inputs(eight_characters)
    with pytest.raises(elman.ShapeError, match="expected 8 characters, one array each; got 3"):
        network(*characters[:3])
