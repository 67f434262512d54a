import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.layers import FrameConvolution, TimeConvolution
from tests.cells.checks import check_gradients, shaken

BATCH, TIME, INPUT, CHANNELS = 4, 9, 3, 5
LENGTHS = np.array([9, 4, 1, 0])
SHAPES = [
    dict(width=1),
    dict(width=3),
    dict(width=4),
    dict(width=3, stride=2),
    dict(width=2, pool=2),
    dict(width=5, stride=2, pool=3),
]


def convolved(layer, sequence):
    """One sequence by loops over places and neighbours."""
    kernel, bias = np.asarray(layer.kernel, np.float64), np.asarray(layer.bias, np.float64)
    width = len(kernel)
    ys = []
    for place in range(0, len(sequence), layer.stride):
        y = bias.copy()
        for offset in range(width):
            neighbour = place + offset - (width - 1) // 2
            if 0 <= neighbour < len(sequence):
                y += np.asarray(sequence[neighbour], np.float64) @ kernel[offset]
        ys.append(np.maximum(y, 0))
    parts = [ys[start : start + layer.pool] for start in range(0, len(ys), layer.pool)]
    return np.array([np.max(part, axis=0) for part in parts]).reshape(-1, kernel.shape[-1])


@pytest.fixture
def xs():
    return jr.normal(jr.key(9), (BATCH, TIME, INPUT))


def layer_of(**options):
    return shaken(TimeConvolution(INPUT, CHANNELS, key=jr.key(0), **options))


@pytest.mark.parametrize("options", SHAPES)
def test_values_are_those_of_a_loop_however_far_a_sequence_is_padded(options, xs):
    layer = layer_of(**options)
    for padding in (0, 1, 5):
        padded = jnp.pad(xs, ((0, 0), (0, padding), (0, 0)), constant_values=7.0)
        ys, lengths = layer(padded, lengths=jnp.asarray(LENGTHS))
        for row, length in enumerate(LENGTHS):
            expected = convolved(layer, xs[row, :length])
            assert int(lengths[row]) == len(expected)
            np.testing.assert_allclose(ys[row, : len(expected)], expected, atol=2e-6)
            assert not ys[row, len(expected) :].any()
    ys, lengths = layer(xs)
    assert lengths is None
    np.testing.assert_allclose(ys[1], convolved(layer, xs[1]), atol=2e-6)


@pytest.mark.parametrize("width", [1, 3, 5])
def test_values_are_those_of_torch(width, xs):
    torch = pytest.importorskip("torch")
    layer = layer_of(width=width)
    kernel = torch.tensor(np.asarray(layer.kernel)).permute(2, 1, 0)
    theirs = torch.nn.functional.conv1d(
        torch.tensor(np.asarray(xs)).permute(0, 2, 1), kernel, torch.tensor(np.asarray(layer.bias)), padding="same"
    )
    np.testing.assert_allclose(layer(xs)[0], theirs.relu().permute(0, 2, 1).numpy(), atol=2e-6)


@pytest.mark.parametrize("options", [dict(width=3), dict(width=4, stride=2, pool=2)])
def test_gradients_are_central_differences_and_none_reaches_the_padding(options, xs):
    layer = layer_of(**options)
    loss = lambda layer, xs: jnp.sum(jnp.sin(layer(xs, lengths=jnp.asarray(LENGTHS))[0]))
    check_gradients(loss, layer, xs)
    poisoned = jnp.where((jnp.arange(TIME) < LENGTHS[:, None])[..., None], xs, jnp.inf)
    gradients = jax.grad(loss, argnums=(0, 1))(layer, poisoned)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradients))
    assert not gradients[1][3].any()


FRAME = (7, 6, 2)
VIDEO_LENGTHS = np.array([3, 1, 0])


@pytest.fixture
def video():
    return jr.normal(jr.key(9), (3, 3, *FRAME))


def test_frames_are_those_of_torch(video):
    torch = pytest.importorskip("torch")
    layer = shaken(FrameConvolution(FRAME, channels=(4, 3), key=jr.key(0)))
    maps = torch.tensor(np.asarray(video)).flatten(0, 1).permute(0, 3, 1, 2)
    for kernel, bias in zip(layer.kernels, layer.biases, strict=True):
        weight = torch.tensor(np.asarray(kernel)).permute(3, 2, 0, 1)
        maps = torch.nn.functional.conv2d(maps, weight, torch.tensor(np.asarray(bias)), padding="same").relu()
        maps = torch.nn.functional.max_pool2d(maps, 2, ceil_mode=True)
    expected = maps.permute(0, 2, 3, 1).flatten(1).unflatten(0, (3, 3)).numpy()
    np.testing.assert_allclose(layer(video), expected, atol=5e-6)
    assert layer.hidden_size == expected.shape[-1] == 2 * 2 * 3


def frame_loop(layer, frame):
    """One layer over one frame, by loops over places and neighbours."""
    kernel, bias = np.asarray(layer.kernels[0], np.float64), np.asarray(layer.biases[0], np.float64)
    (height, width, _), side = frame.shape, len(kernel)
    maps = np.zeros((height, width, len(bias)))
    for i, j, di, dj in np.ndindex(height, width, side, side):
        y, x = i + di - (side - 1) // 2, j + dj - (side - 1) // 2
        if 0 <= y < height and 0 <= x < width:
            maps[i, j] += np.asarray(frame[y, x], np.float64) @ kernel[di, dj]
    maps = np.maximum(maps + bias, 0)
    pool = layer.pool
    rows = [
        [maps[i : i + pool, j : j + pool].max(axis=(0, 1)) for j in range(0, width, pool)]
        for i in range(0, height, pool)
    ]
    return np.array(rows).ravel()


@pytest.mark.parametrize("options", [dict(width=2, pool=1), dict(width=3, pool=3)])
def test_frames_are_those_of_a_loop_and_zero_beyond_a_length(options, video):
    layer = shaken(FrameConvolution(FRAME, channels=(4,), key=jr.key(0), **options))
    poisoned = video.at[1, 1:].set(jnp.nan).at[2].set(jnp.inf)
    result = layer(poisoned, lengths=jnp.asarray(VIDEO_LENGTHS))
    for row, length in enumerate(VIDEO_LENGTHS):
        for time in range(length):
            np.testing.assert_allclose(result[row, time], frame_loop(layer, video[row, time]), atol=3e-6)
        assert not result[row, length:].any()
    loss = lambda layer, video: jnp.sum(jnp.sin(layer(video, lengths=jnp.asarray(VIDEO_LENGTHS))))
    check_gradients(loss, layer, video)
    gradients = jax.grad(loss, argnums=(0, 1))(layer, poisoned)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradients))


def test_what_does_not_fit_is_refused(unchecked, xs, video):
    with pytest.raises(elman.ConfigError, match="stride: expected at least 1; got 0"):
        TimeConvolution(3, 4, width=3, stride=0, key=jr.key(0))
    with pytest.raises(elman.ConfigError, match="channels: expected a number for each layer; got none"):
        FrameConvolution(FRAME, channels=(), key=jr.key(0))
    with pytest.raises(elman.ShapeError, match=r"expected 2 features; got shape \(4, 9, 3\)"):
        TimeConvolution(2, 4, width=3, key=jr.key(0))(xs)
    with pytest.raises(elman.ShapeError, match=r"expected \(7, 6, 1\) .*; got \(7, 6, 2\)"):
        FrameConvolution((7, 6, 1), channels=(4,), key=jr.key(0))(video)
