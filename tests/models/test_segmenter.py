from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.models.segmenter import Segmenter


def segmenter(delay=0, **settings):
    sizes: dict[str, Any] = dict(features=2, labels=(4, 6), channels=4, hidden_size=8, num_layers=2) | settings
    return Segmenter(elman.GRU, **sizes, delay=delay, key=jr.key(0))


def signals(batch=2, time=96):
    return jr.normal(jr.key(1), (batch, time, 2))


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


@pytest.mark.parametrize(("delay", "cuts"), [(12, (4, 8, 60)), (20, (48,)), (20, tuple(range(4, 96, 4)))])
def test_a_stream_gives_what_the_whole_does(delay, cuts):
    model, xs = segmenter(delay), signals()
    read, carry, found = jax.jit(lambda carry, xs: model.read(carry, xs)), model.init_carry(2), []
    ended = jnp.pad(xs, [(0, 0), (0, delay), (0, 0)])
    for piece in jnp.split(ended, cuts, axis=1):
        carry, scores = read(carry, piece)
        found.append(scores)
    for head, whole in enumerate(model(xs)):
        streamed = jnp.concatenate([scores[head] for scores in found], axis=1)[:, delay:]
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
