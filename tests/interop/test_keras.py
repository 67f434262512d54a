"""Networks from and to Keras: masks with holes, states that go on, and what it has that elman has not."""

import os
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import elman
from elman.interop.keras import from_keras, to_keras
from elman.interop.pytorch import to_torch
from tests.conformance.peers import peer

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CLOSE: dict[str, Any] = dict(rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "jax"
    keras = peer("keras")
    keras.utils.set_random_seed(0)
    return keras


def sequential(keras, shape, *layers):
    return keras.Sequential([keras.Input(shape), *layers])


def test_tokens_with_masks_in_and_out(keras):
    of = keras.layers
    model = sequential(
        keras, (None,), of.Embedding(11, 5, mask_zero=True), of.LSTM(4, return_sequences=True), of.Dropout(0.1),
        of.GRU(4, return_sequences=True), of.TimeDistributed(of.Dense(11, activation="softmax")),
    )  # fmt: skip
    lines = []
    chain = from_keras(model, show=lines.append)
    assert [line.split()[0] for line in lines][-1] == "outputs"
    tokens = np.array([[3, 0, 0, 5, 1, 0], [1, 2, 3, 4, 5, 6]])
    real = tokens > 0
    theirs = np.asarray(model(tokens))
    np.testing.assert_allclose(np.asarray(chain(jnp.asarray(tokens))[1])[real], theirs[real], **CLOSE)
    np.testing.assert_allclose(np.asarray(to_keras(chain)(tokens))[real], theirs[real], **CLOSE)


def test_a_functional_model_of_both_directions(keras):
    of, inputs = keras.layers, keras.Input((None, 4))
    ys = of.Bidirectional(of.LSTM(3, return_sequences=True))(of.Masking(0.0)(inputs))
    ys = of.Bidirectional(of.GRU(3, reset_after=False), merge_mode="sum")(ys)
    model = keras.Model(inputs, of.Dense(2)(ys))
    again = to_keras(from_keras(model))
    xs = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32) * np.array([1, 0, 1, 1, 0, 0])[:, None]
    np.testing.assert_allclose(again(xs), model(xs), **CLOSE)


def test_backwards_stacked_norms_and_the_last_step(keras):
    of = keras.layers
    cells = of.RNN([of.LSTMCell(4), of.GRUCell(3)], return_sequences=True)
    end = of.SimpleRNN(3, go_backwards=True)
    model = sequential(keras, (None, 3), of.BatchNormalization(), cells, end, of.LayerNormalization(), of.ReLU())
    chain = from_keras(model)
    to_keras(chain)
    to_torch(chain)


def test_the_state_of_a_stateful_layer_is_the_carry(keras):
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, None, 3)), keras.layers.GRU(4, stateful=True, return_sequences=True)]
    )
    chain = from_keras(model)
    xs, carry = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32), None
    for ours in (model, to_keras(chain, batch=2)):
        carry = None
        for piece in np.split(xs, 3, axis=1):
            carry, ys = chain(jnp.asarray(piece), carry)
            np.testing.assert_allclose(ys, ours(piece), **CLOSE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda of: of.Conv1D(3, 3), r"^own: Conv1D is no layer .*; use elman.layers.conv.TimeConvolution"),
        (lambda of: of.LSTM(3, activation="relu"), "^own: LSTM with activation relu; elman's has tanh"),
        (lambda of: of.GRU(3, recurrent_activation="hard_sigmoid"), "^own: GRU with gates of hard_sigmoid"),
        (lambda of: of.LayerNormalization(axis=1), "^own: LayerNormalization over other axes than the last"),
        (lambda of: of.BatchNormalization(axis=1), "^own: BatchNormalization over other axes than the last"),
    ],
)
def test_what_elman_has_not_is_named_with_its_path(keras, make, message):
    layer = make(keras.layers)
    with pytest.raises(elman.ConversionError, match=message.replace("own", layer.name)):
        from_keras(sequential(keras, (6, 3), layer))


def test_inputs_without_time_are_refused(keras):
    with pytest.raises(elman.ConversionError, match=r"reads inputs of shape \(None, 3\); .* \(batch, time, feature\)"):
        from_keras(sequential(keras, (3,), keras.layers.Dense(2)))


def test_branches_are_named(keras):
    inputs = keras.Input((None, 3))
    ys = keras.layers.Add(name="sum")([keras.layers.Dense(3)(inputs), inputs])
    with pytest.raises(elman.ConversionError, match="^sum: reads 2 others; elman takes layers in a row"):
        from_keras(keras.Model(inputs, ys))


def test_the_model_as_a_whole_is_compared_too(keras):
    """A layer that reads the cell state of another, which its outputs do not show."""
    inputs = keras.Input((None, 3))
    _, h, c = keras.layers.LSTM(4, return_state=True)(inputs)
    for state, right in ((h, True), (c, False)):
        model = keras.Model(inputs, keras.layers.Dense(2)(state))
        if right:
            assert len(from_keras(model).parts) == 3
            continue
        with pytest.raises(elman.ConversionError, match="outputs differs by"):
            from_keras(model)


def test_what_is_no_built_network_is_said(keras):
    with pytest.raises(elman.ConversionError, match="gru.*: has no weights yet; call the model once"):
        from_keras(keras.layers.GRU(3))
    with pytest.raises(elman.ConversionError, match="str: expected a Keras model or layer"):
        from_keras("model")
