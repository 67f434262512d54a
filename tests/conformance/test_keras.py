"""Elman, GRU and LSTM against Keras' layers with masks: the same weights, outputs and last states."""

import os

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman
from elman.recurrence import unroll
from tests.conformance.peers import peer

BATCH, TIME, INPUT, HIDDEN = 4, 9, 5, 8
TOLERANCE = dict(rtol=1e-5, atol=1e-5)


def keras_order(cell, blocks):
    """Keras' GRU keeps its gates as z, r, h; ours are r, z, n."""
    if not isinstance(cell, GRU):
        return np.asarray(blocks)
    r, z, n = np.split(np.asarray(blocks), 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [Elman, GRU, LSTM])
def test_outputs_and_states_under_a_mask_are_keras(kind):
    os.environ["KERAS_BACKEND"] = "jax"
    keras = peer("keras")
    cell = jax.tree.map(lambda w: w + 0.2 * jr.normal(jr.key(w.size), w.shape), kind(INPUT, HIDDEN, key=jr.key(0)))
    layer = {Elman: keras.layers.SimpleRNN, GRU: keras.layers.GRU, LSTM: keras.layers.LSTM}[kind](
        HIDDEN, return_sequences=True, return_state=True, zero_output_for_mask=True
    )
    xs = np.random.default_rng(0).normal(size=(BATCH, TIME, INPUT)).astype(np.float32)
    lengths = np.array([9, 4, 1, 7])
    mask = np.arange(TIME) < lengths[:, None]
    layer.build(xs.shape)
    bias = keras_order(cell, cell.bias)
    if kind is GRU:
        recurrent = np.concatenate([np.zeros(2 * HIDDEN, np.float32), cell.recurrent_bias])
        bias = np.stack([bias, recurrent])
    layer.set_weights([keras_order(cell, cell.kernel), keras_order(cell, cell.recurrent_kernel), bias])
    expected, *states = layer(xs, mask=mask)

    carry, ys = unroll(cell, jnp.asarray(xs), lengths=jnp.asarray(lengths))
    np.testing.assert_allclose(ys, np.asarray(expected), **TOLERANCE)
    for ours, theirs in zip(jax.tree.leaves(carry), states, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), **TOLERANCE)
