import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, LSTM, Elman, LearnedStart, Zoneout
from elman.layers import Bidirectional, BidirectionalCarry, Stack
from tests.cells.checks import check_gradients, shaken, weights

BATCH, TIME, INPUT, FORWARD, BACKWARD = 4, 6, 3, 4, 5
LENGTHS = np.array([6, 3, 1, 0])


@pytest.fixture
def layer():
    forward, backward = Elman(INPUT, FORWARD, key=jr.key(0)), Elman(INPUT, BACKWARD, key=jr.key(1))
    return shaken(Bidirectional(forward, backward))


@pytest.fixture
def xs():
    return jr.normal(jr.key(9), (BATCH, TIME, INPUT))


def elman_loop(cell, sequence):
    w, h, ys = weights(cell), np.zeros(cell.hidden_size), []
    for x in np.asarray(sequence, np.float64):
        h = np.tanh(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
        ys.append(h)
    return h, np.array(ys).reshape(-1, cell.hidden_size)


def both_loops(layer, sequence):
    """NumPy: forwards over the sequence, and forwards over its mirror image."""
    (ahead, ys), (back, mirrored) = elman_loop(layer.forward, sequence), elman_loop(layer.backward, sequence[::-1])
    return ahead, back, np.concatenate([ys, mirrored[::-1]], axis=-1)


def test_values_are_those_of_two_numpy_loops(layer, xs):
    carry, ys = layer(xs)
    for row in range(BATCH):
        ahead, back, expected = both_loops(layer, xs[row])
        np.testing.assert_allclose(ys[row], expected, atol=2e-6)
        np.testing.assert_allclose(carry.forward[row], ahead, atol=2e-6)
        np.testing.assert_allclose(carry.backward[row], back, atol=2e-6)
    assert (layer.input_size, layer.hidden_size) == (INPUT, FORWARD + BACKWARD)


@pytest.mark.parametrize("padding", ["right", "left"])
def test_padding_on_either_side_gives_the_values_of_the_shorter_sequences(layer, xs, padding):
    padded = np.full(xs.shape, np.nan, np.float32)
    for row, length in enumerate(LENGTHS):
        place = slice(0, length) if padding == "right" else slice(TIME - length, TIME)
        padded[row, place] = xs[row, :length]
    carry, ys = layer(jnp.asarray(padded), lengths=jnp.asarray(LENGTHS), padding=padding)
    for row, length in enumerate(LENGTHS):
        ahead, back, expected = both_loops(layer, xs[row, :length])
        place = slice(0, length) if padding == "right" else slice(TIME - length, TIME)
        np.testing.assert_allclose(ys[row, place], expected, atol=2e-6)
        assert float(jnp.abs(ys[row]).sum()) == pytest.approx(float(jnp.abs(ys[row, place]).sum()))
        np.testing.assert_allclose(carry.forward[row], ahead, atol=2e-6)
        np.testing.assert_allclose(carry.backward[row], back, atol=2e-6)


def test_resets_part_the_text_in_both_directions(layer, xs):
    """A reset before step 2 makes two sequences of what one row holds."""
    resets = jnp.zeros((BATCH, TIME), bool).at[:, 2].set(True)
    _, ys = layer(xs, resets=resets)
    parts = [layer(xs[:, :2])[1], layer(xs[:, 2:])[1]]
    np.testing.assert_allclose(ys, jnp.concatenate(parts, axis=1), atol=1e-6)


def test_a_carry_goes_on_from_both_ends(layer, xs):
    start = BidirectionalCarry(jnp.full((BATCH, FORWARD), 0.3), jnp.full((BATCH, BACKWARD), -0.2))
    _, ys = layer(xs, start)
    ahead, _ = elman.unroll(layer.forward, xs, start.forward)
    back, _ = elman.unroll(layer.backward, xs, start.backward, reverse=True)
    np.testing.assert_allclose(ys[:, -1, :FORWARD], ahead, atol=1e-6)
    np.testing.assert_allclose(ys[:, 0, FORWARD:], back, atol=1e-6)


def test_gradients_are_central_differences_under_padding(layer, xs):
    def loss(layer, xs):
        carry, ys = layer(xs, lengths=jnp.asarray(LENGTHS))
        return jnp.sum(ys**2) + sum(jnp.sum(leaf**3) for leaf in carry)

    check_gradients(loss, layer, xs)


def test_both_cells_are_sampled_with_keys_of_their_own(xs):
    cell = Elman(INPUT, FORWARD, key=jr.key(0))
    layer = Bidirectional(Zoneout(cell, rate=0.5), Zoneout(cell, rate=0.5))
    assert np.array_equal(layer(xs)[1], layer(xs, key=None)[1])
    mirrored = jnp.concatenate([xs, xs[:, ::-1]], axis=1)
    _, ys = layer(mirrored, key=jr.key(0))
    _, quiet = layer(mirrored)
    np.testing.assert_allclose(quiet[..., :FORWARD], quiet[:, ::-1, FORWARD:], atol=1e-6)
    assert not np.allclose(ys[..., :FORWARD], ys[:, ::-1, FORWARD:], atol=1e-3)


def test_other_input_sizes_are_refused():
    with pytest.raises(elman.ConfigError, match="cells of one input_size; got 3 and 4"):
        Bidirectional(GRU(3, 4, key=jr.key(0)), GRU(4, 4, key=jr.key(1)))


def test_a_stack_of_both_kinds_is_its_layers_one_after_another(xs):
    keys = jr.split(jr.key(0), 3)
    lower = Bidirectional(LearnedStart(LSTM(INPUT, FORWARD, key=keys[0])), GRU(INPUT, FORWARD, key=keys[1]))
    stack = Stack((lower, GRU(2 * FORWARD, 2 * FORWARD, key=keys[2])), residual=True)
    carry, ys = stack(xs, stack.init_carry(BATCH), lengths=jnp.asarray(LENGTHS))
    lower_carry, between = lower(xs, lengths=jnp.asarray(LENGTHS))
    upper_carry, upper = elman.unroll(stack.cells[1], between, lengths=jnp.asarray(LENGTHS))
    np.testing.assert_allclose(ys, upper + between, atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, carry, (lower_carry, upper_carry))
    one, other = (stack(xs, stack.init_carry(BATCH), key=jr.key(key))[1] for key in (0, 1))
    np.testing.assert_array_equal(one, other)  # nothing in it has noise
