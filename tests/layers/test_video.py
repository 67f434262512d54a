"""Which way a dot moves: no single frame tells, so that what is learned goes through convolution and recurrence."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from elman.cells import GRU
from elman.layers import Dense, FrameConvolution, MeanPooling
from elman.recurrence import unroll

SIDE, TIME = 8, 7
WAYS = np.array([[0, 1], [0, -1], [1, 0], [-1, 0]])


class Watcher(eqx.Module):
    """frames -> 2-D convolution -> GRU -> mean -> the way."""

    frames: FrameConvolution
    cell: GRU
    head: Dense

    def __init__(self, *, key):
        frame_key, cell_key, head_key = jr.split(key, 3)
        self.frames = FrameConvolution((SIDE, SIDE, 1), channels=(4, 8), key=frame_key)
        self.cell = GRU(self.frames.hidden_size, 16, key=cell_key)
        self.head = Dense(16, len(WAYS), key=head_key)

    def __call__(self, video, lengths):
        _, ys = unroll(self.cell, self.frames(video, lengths=lengths), lengths=lengths)
        return self.head(MeanPooling()(ys, lengths=lengths))


def videos(count, seed):
    """Dots that go round the edges, each from a place of its own and for 3 to 7 frames."""
    random = np.random.default_rng(seed)
    frames, ways = np.zeros((count, TIME, SIDE, SIDE, 1), np.float32), random.integers(0, len(WAYS), count)
    lengths, starts = random.integers(3, TIME + 1, count), random.integers(0, SIDE, (count, 2))
    for row in range(count):
        for time in range(lengths[row]):
            y, x = (starts[row] + time * WAYS[ways[row]]) % SIDE
            frames[row, time, y, x] = 1
    return jnp.asarray(frames), jnp.asarray(lengths), jnp.asarray(ways)


def test_the_way_of_a_dot_is_learned_and_holds_for_new_videos():
    optimiser = optax.adam(1e-2)
    model: Any = Watcher(key=jr.key(0))
    memory = optimiser.init(model)

    @jax.jit
    def step(model, memory, frames, lengths, ways):
        def loss(model):
            return optax.softmax_cross_entropy_with_integer_labels(model(frames, lengths), ways).mean()

        updates, memory = optimiser.update(jax.grad(loss)(model), memory)
        return optax.apply_updates(model, updates), memory

    for number in range(120):
        model, memory = step(model, memory, *videos(32, number))
    frames, lengths, ways = videos(200, 1_000_000)
    accuracy = float((model(frames, lengths).argmax(axis=1) == ways).mean())
    assert accuracy > 0.95
    still = jnp.repeat(frames[:, :1], TIME, axis=1)  # the first frame for ever
    assert float((model(still, lengths).argmax(axis=1) == ways).mean()) < 0.5
