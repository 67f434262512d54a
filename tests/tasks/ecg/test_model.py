from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.tasks.ecg.model import Segmenter
from tests.recurrence.oracle import loop


def segmenter(delay=0, **settings):
    sizes: dict[str, Any] = dict(features=2, labels=(4, 6), channels=4, hidden_size=8, num_layers=2) | settings
    return Segmenter(elman.GRU, **sizes, delay=delay, key=jr.key(0))


def signals(batch=2, time=96):
    return jr.normal(jr.key(1), (batch, time, 2))


def shaken(model):
    """No bias at zero, where an error could hide."""
    leaves, structure = jax.tree.flatten(model)
    keys = jr.split(jr.key(3), len(leaves))
    return structure.unflatten([w + 0.2 * jr.normal(key, w.shape) for w, key in zip(leaves, keys, strict=True)])


def convolved(layer, xs):
    """relu of the convolution, one output at a time."""
    width, kernel = len(layer.kernel), np.asarray(layer.kernel, float)
    before = width - layer.stride if layer.causal else (width - layer.stride) // 2
    ys = np.tile(np.asarray(layer.bias, float), (len(xs) // layer.stride, 1))
    for out in range(len(ys)):
        for place in range(width):
            if 0 <= (at := out * layer.stride + place - before) < len(xs):
                ys[out] += xs[at] @ kernel[place]
    return np.maximum(ys, 0)


def doubled(layer, xs):
    ys = xs @ np.asarray(layer.dense.kernel, float) + np.asarray(layer.dense.bias, float)
    return np.concatenate([half for step in ys for half in np.split(step[None], 2, axis=1)])


def cut(xs, length):
    return np.where(np.arange(len(xs))[:, None] < length, xs, 0)


def later(xs, steps):
    return np.concatenate([np.zeros((steps, xs.shape[1])), xs])[: len(xs)]


def recurrent(layer, xs, count):
    if isinstance(layer, elman.GRU):
        return loop(layer, xs[None], lengths=[count])[1][0]
    ahead = loop(layer.forward, xs[None], lengths=[count])[1][0]
    back = loop(layer.backward, xs[None], lengths=[count], reverse=True)[1][0]
    return np.concatenate([ahead, back], axis=1)


def scores_by_hand(model, xs, length):
    """The scores of each head for one signal of `length` samples, whatever is behind them."""
    delay, time = model.delay, len(xs)
    total = -(-(time + delay) // 4) * 4
    xs = cut(np.concatenate([np.asarray(xs, float), np.zeros((total - time, xs.shape[1]))]), length)
    # Read from both ends, a signal is at its end wherever it is read; read forwards, zeros follow it.
    ends = [total, total // 2, total // 4] if delay else [length, -(-length // 2), -(-length // 4)]
    samples = convolved(model.front[0], xs)
    pairs = convolved(model.front[1], cut(samples, ends[0]))
    ys = convolved(model.front[2], cut(pairs, ends[1]))
    for layer in model.layers.cells:
        ys = recurrent(layer, ys, ends[2])
    if delay:
        samples, pairs = later(samples, delay - 6), later(pairs, (delay - 10) // 2)
    ys = np.concatenate([doubled(model.doublings[0], ys), pairs], axis=1)
    ys = np.concatenate([doubled(model.doublings[1], convolved(model.decoder[0], cut(ys, ends[1]))), samples], axis=1)
    ys = convolved(model.decoder[1], cut(ys, ends[0]))[delay : delay + time]
    return [ys @ np.asarray(head.kernel, float) + np.asarray(head.bias, float) for head in model.heads]


@pytest.mark.sample(1)
@pytest.mark.parametrize("lengths", [None, [33, 18, 3]])
@pytest.mark.parametrize("delay", [0, 12, 20])
def test_scores_are_those_of_a_loop(delay, lengths):
    model, xs = shaken(segmenter(delay)), signals(batch=3, time=33)
    result = jax.jit(lambda xs, lengths: model(xs, lengths=lengths))(
        xs, None if lengths is None else jnp.array(lengths)
    )
    for row in range(3):
        length = 33 if lengths is None else lengths[row]
        for scores, expected in zip(result, scores_by_hand(model, xs[row], length), strict=True):
            np.testing.assert_allclose(scores[row, :length], expected[:length], atol=2e-5)


@pytest.mark.sample(1)
@pytest.mark.parametrize(("delay", "time"), [(0, 95), (12, 96), (20, 97)])
def test_every_sample_has_scores(delay, time):
    waves, beats = segmenter(delay)(signals(time=time))
    assert (waves.shape, beats.shape) == ((2, time, 4), (2, time, 6))


@pytest.mark.parametrize("delay", [0, 16])
def test_what_is_beyond_a_length_changes_nothing_before_it(delay):
    model, xs = segmenter(delay), signals(time=96)
    lengths = [96, 33, 50, 4]
    together = jax.jit(lambda xs, lengths: model(xs, lengths=lengths))(jnp.concatenate([xs, xs]), jnp.array(lengths))
    for row, length in list(enumerate(lengths))[1::2]:
        alone = model(xs[row % 2 : row % 2 + 1, :length])
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[row, :length], b[0], atol=1e-5)


@pytest.mark.sample(1)
@pytest.mark.parametrize(("delay", "cuts"), [(12, (4, 8, 60)), (20, (48,)), (20, tuple(range(4, 96, 4)))])
def test_a_stream_gives_what_the_whole_does(delay, cuts):
    model, xs = segmenter(delay), signals()
    read, carry, pieces = jax.jit(lambda carry, xs: model.read(carry, xs)), model.init_carry(2), []
    ended = jnp.pad(xs, [(0, 0), (0, delay), (0, 0)])
    for piece in jnp.split(ended, cuts, axis=1):
        carry, scores = read(carry, piece)
        pieces.append(scores)
    for head, whole in enumerate(model(xs)):
        streamed = jnp.concatenate([scores[head] for scores in pieces], axis=1)[:, delay:]
        np.testing.assert_allclose(streamed, whole, atol=1e-5)


@pytest.mark.parametrize("delay", [12, 20])
def test_scores_look_no_further_ahead_than_they_say(delay):
    model = segmenter(delay)
    of = jax.jit(jax.jacrev(lambda xs: model(xs)[0][0].sum(axis=-1)))(signals(1, 64))[:, 0].sum(axis=-1)
    reach = max(int(np.flatnonzero(np.asarray(row))[-1]) - at for at, row in enumerate(of))
    assert reach == model.look_ahead == delay + 3


def test_a_causal_front_end_meets_the_middle_of_the_decoder():
    """With the recurrent path cut, a score depends on as many samples before it as after it, to three."""
    model = segmenter(20)
    model = eqx.tree_at(
        lambda model: model.doublings[0], model, replace_fn=lambda part: jax.tree.map(jnp.zeros_like, part)
    )
    of = jax.jit(jax.jacrev(lambda xs: model(xs)[0][0, 40]))(signals(1, 96))
    seen = np.flatnonzero(np.abs(np.asarray(of)).sum(axis=(0, 1, 3)))
    assert abs((40 - seen[0]) - (seen[-1] - 40)) <= 3


def test_impossible_settings(unchecked):
    for delay in (8, 14, -4):
        with pytest.raises(elman.ConfigError, match="delay: expected 0, or at least 12 and a multiple of 4"):
            segmenter(delay)
    with pytest.raises(elman.ConfigError, match="cannot read a stream"):
        segmenter().read(segmenter().init_carry(2), signals())
    with pytest.raises(elman.ShapeError, match="a multiple of 4"):
        segmenter(12).read(segmenter(12).init_carry(2), signals(time=6))
