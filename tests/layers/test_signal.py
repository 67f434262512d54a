import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.layers.signal import Delay, Doubling, SignalConvolution


def by_hand(layer, xs):
    """The definition, one output at a time."""
    width, _, channels = layer.kernel.shape
    kernel = np.asarray(layer.kernel, float)
    before = width - layer.stride if layer.causal else (width - layer.stride) // 2
    ys = np.zeros((len(xs), xs.shape[1] // layer.stride, channels))
    for row in range(len(xs)):
        for out in range(ys.shape[1]):
            ys[row, out] = np.asarray(layer.bias)
            for tap in range(width):
                at = out * layer.stride + tap - before
                if 0 <= at < xs.shape[1]:
                    ys[row, out] += xs[row, at] @ kernel[tap]
    return ys


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("width", "stride"), [(5, 1), (1, 1), (6, 2), (2, 2), (7, 3)])
def test_outputs_are_those_of_the_definition(width, stride, causal):
    layer = SignalConvolution(3, 4, width=width, stride=stride, causal=causal, key=jr.key(0))
    xs = np.random.default_rng(0).normal(size=(2, 12, 3)).astype(np.float32)
    carry, ys = layer(layer.init_carry(2), jnp.asarray(xs))
    np.testing.assert_allclose(ys, by_hand(layer, xs), atol=1e-5)
    assert carry.shape == (2, width - stride if causal else 0, 3)


@pytest.mark.parametrize("cuts", [(2,), (2, 4, 10), (8, 14)])
def test_a_causal_layer_gives_the_same_in_pieces(cuts):
    layer = SignalConvolution(2, 3, width=6, stride=2, causal=True, key=jr.key(0))
    xs = jr.normal(jr.key(1), (2, 16, 2))
    _, whole = layer(layer.init_carry(2), xs)
    carry, pieces = layer.init_carry(2), []
    for piece in jnp.split(xs, cuts, axis=1):
        carry, ys = layer(carry, piece)
        pieces.append(ys)
    np.testing.assert_allclose(jnp.concatenate(pieces, axis=1), whole, atol=1e-6)


def test_a_delay_in_pieces_is_a_shift():
    layer, xs = Delay(2, 3), jnp.arange(20.0).reshape(1, 10, 2)
    carry, pieces = layer.init_carry(1), []
    for piece in jnp.split(xs, (1, 2, 7), axis=1):
        carry, ys = layer(carry, piece)
        pieces.append(ys)
    expected = jnp.concatenate([jnp.zeros((1, 3, 2)), xs[:, :7]], axis=1)
    np.testing.assert_array_equal(jnp.concatenate(pieces, axis=1), expected)
    np.testing.assert_array_equal(carry, xs[:, 7:])


def test_a_doubling_is_a_transposed_convolution():
    torch = pytest.importorskip("torch")
    layer = Doubling(3, 4, key=jr.key(0))
    xs = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    kernel = torch.tensor(np.asarray(layer.dense.kernel).reshape(3, 2, 4).transpose(0, 2, 1).copy())
    theirs = torch.nn.functional.conv_transpose1d(torch.tensor(xs.transpose(0, 2, 1).copy()), kernel, stride=2)
    np.testing.assert_allclose(layer(jnp.asarray(xs)), theirs.numpy().transpose(0, 2, 1), atol=1e-5)


def test_what_does_not_fit_is_refused(unchecked):
    with pytest.raises(elman.ConfigError, match="width: expected 2, the stride, or an even number more; got 5"):
        SignalConvolution(1, 1, width=5, stride=2, key=jr.key(0))
    layer = SignalConvolution(2, 3, width=4, stride=2, key=jr.key(0))
    with pytest.raises(elman.ShapeError, match=r"2 features and a multiple of 2 steps; got shape \(1, 5, 2\)"):
        layer(layer.init_carry(1), jnp.zeros((1, 5, 2)))
