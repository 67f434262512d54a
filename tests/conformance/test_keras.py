"""SimpleRNN, GRU of both kinds and LSTM of Keras on JAX: the same weights, outputs, last states and gradients.

Masks are those that lengths can say, padding on the right or on the left, and masks with holes, where a step in the
midst of a sequence is skipped.
"""

import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman
from elman.interop import gates
from elman.layers import BatchNorm
from elman.recurrence import unroll
from tests.conformance.peers import cell_class, peer

BATCH, TIME, INPUT, HIDDEN = 4, 9, 5, 8
LENGTHS = np.array([9, 4, 1, 7])
TOLERANCE: dict[str, Any] = dict(rtol=1e-6, atol=1e-6)  # of Keras' assertAllClose
GRADIENT_TOLERANCE: dict[str, Any] = dict(rtol=1e-5, atol=1e-5)  # which its tests of GRU and LSTM use for values

KINDS = ["SimpleRNN", "GRU", "GRU, reset before", "LSTM"]

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras asks JAX for what it no longer names so


def random_weights(family):
    """Weights of the usual size, no bias zero."""
    rng, width = np.random.default_rng(0), gates.GATES[family] * HIDDEN
    shapes = (INPUT, width), (HIDDEN, width), (width,), (width,)
    return gates.Weights(*[(rng.uniform(-1, 1, shape) * HIDDEN**-0.5).astype(np.float32) for shape in shapes])


def both(kind, **options):
    """(Keras' layer, elman's cell, family) of the same random weights."""
    os.environ["KERAS_BACKEND"] = "jax"
    keras = peer("keras")
    families: dict[str, gates.Family] = {"SimpleRNN": "RNN", "LSTM": "LSTM"}
    family = families.get(kind, "GRU")
    if family == "GRU":
        options["reset_after"] = kind == "GRU"
    make = getattr(keras.layers, "GRU" if family == "GRU" else kind)
    layer = make(HIDDEN, return_sequences=True, return_state=True, zero_output_for_mask=True, **options)
    layer.build((BATCH, TIME, INPUT))
    random = random_weights(family)
    layer.set_weights(gates.to_keras_arrays(family, random, two_biases=kind == "GRU"))
    ours = {"SimpleRNN": Elman, "GRU": GRU, "LSTM": LSTM}.get(kind) or cell_class("ResetBeforeGRU")
    return layer, gates.cell_with(ours, gates.from_keras_arrays(family, *layer.get_weights())), family


@pytest.fixture
def xs():
    return np.random.default_rng(0).normal(size=(BATCH, TIME, INPUT)).astype(np.float32)


def mask_of(padding):
    if padding == "holes":
        return np.random.default_rng(2).random((BATCH, TIME)) < 0.6
    places = np.arange(TIME) if padding == "right" else np.arange(TIME)[::-1]
    return None if padding is None else places < LENGTHS[:, None]


def masking(padding) -> dict[str, Any]:
    """The options of `unroll`."""
    if padding == "holes":
        return {"mask": jnp.asarray(mask_of(padding))}
    return {} if padding is None else {"lengths": jnp.asarray(LENGTHS), "padding": padding}


@pytest.mark.parametrize("padding", [None, "right", "left", "holes"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_states_are_keras(kind, backwards, padding, xs):
    layer, cell, _ = both(kind, go_backwards=backwards)
    starts = [np.full((BATCH, HIDDEN), value, np.float32) for value in ((0.3, -0.2) if kind == "LSTM" else (0.3,))]
    expected, *states = layer(xs, mask=mask_of(padding), initial_state=[jnp.asarray(start) for start in starts])

    options = masking(padding)
    carry = jax.tree.structure(cell.init_carry()).unflatten([jnp.asarray(start) for start in starts])
    carry, ys = unroll(cell, jnp.asarray(xs), carry, reverse=backwards, **options)
    # Keras puts out the steps in the order in which it took them.
    np.testing.assert_allclose(ys[:, ::-1] if backwards else ys, np.asarray(expected), **TOLERANCE)
    for ours, theirs in zip(jax.tree.leaves(carry), states, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), **TOLERANCE)


@pytest.mark.parametrize("padding", [None, "right", "left", "holes"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_keras(kind, padding, xs):
    layer, cell, family = both(kind)
    weigh = np.random.default_rng(1).normal(size=(BATCH, TIME, HIDDEN)).astype(np.float32)
    options = masking(padding)

    def keras_loss(variables, xs):
        others = [variable.value for variable in layer.non_trainable_variables]
        (ys, *states), _ = layer.stateless_call(variables, others, xs, mask=mask_of(padding))
        return jnp.sum(ys * weigh) + sum(jnp.sum(state**2) for state in states)

    def elman_loss(cell, xs):
        carry, ys = unroll(cell, xs, **options)
        return jnp.sum(ys * weigh) + sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(carry))

    variables = [variable.value for variable in layer.trainable_variables]
    d_variables, their_d_xs = jax.grad(keras_loss, argnums=(0, 1))(variables, jnp.asarray(xs))
    d_cell, d_xs = jax.grad(elman_loss, argnums=(0, 1))(cell, jnp.asarray(xs))
    theirs = gates.from_keras_arrays(family, *d_variables)
    np.testing.assert_allclose(d_xs, their_d_xs, **GRADIENT_TOLERANCE)
    np.testing.assert_allclose(d_cell.kernel, theirs.kernel, **GRADIENT_TOLERANCE)
    np.testing.assert_allclose(d_cell.recurrent_kernel, theirs.recurrent_kernel, **GRADIENT_TOLERANCE)
    np.testing.assert_allclose(d_cell.bias, theirs.input_bias, **GRADIENT_TOLERANCE)
    if kind == "GRU":
        np.testing.assert_allclose(d_cell.recurrent_bias, theirs.recurrent_bias[2 * HIDDEN :], **GRADIENT_TOLERANCE)


def test_batch_norm():
    os.environ["KERAS_BACKEND"] = "jax"
    layer = peer("keras").layers.BatchNormalization()
    norm, xs = BatchNorm(3), 2 + 3 * jax.random.normal(jax.random.key(1), (4, 5, 3))
    theirs = layer(xs, training=True)
    statistics, ours = norm.over_batch(norm.init_carry(), xs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(statistics.mean, layer.moving_mean.value, rtol=1e-4)
    np.testing.assert_allclose(statistics.variance, layer.moving_variance.value, rtol=1e-4)
    np.testing.assert_allclose(norm(xs, statistics), layer(xs, training=False), rtol=1e-4, atol=1e-5)
    assert sum(array.size for array in jax.tree.leaves((norm, statistics))) == layer.count_params() == 12
