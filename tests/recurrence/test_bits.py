"""One sequence, the same bits: whatever is beside it, however it is cut, and whoever computes.

tests/native/bits_test.cc tries more sizes without JAX; here the whole way from `unroll` down is held to the promise.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from elman.cells import GRU, LSTM, Elman, PeepholeLSTM, ProjectedLSTM, ResetBeforeGRU
from elman.recurrence import native, tap, unroll
from tests.recurrence.kernels import needs_kernels

pytestmark = [pytest.mark.optimised, needs_kernels]

HERE = Path(__file__)
# Instruction sets to ask for, each with those to which it is no lesser one.
LESSER = {"avx2": ("AVX2", "SSE2", "NEON"), "baseline": ("SSE2", "NEON")}
FEATURES, LONGEST = 9, 12


def layer(kind, hidden, batch):
    """A cell, sequences of any length from 0 on, and resets."""
    rng = np.random.default_rng(hidden)
    cell = kind(FEATURES, hidden, key=jr.key(0))
    xs = rng.normal(size=(batch, LONGEST, FEATURES)).astype(np.float32)
    return cell, xs, rng.integers(0, LONGEST + 1, batch).astype(np.int32), rng.random((batch, LONGEST)) < 0.2


def assert_same_bits(got, expected):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(np.asarray(a).view(np.int32), np.asarray(b).view(np.int32))


LATER = [pytest.param(kind, marks=pytest.mark.slow) for kind in (PeepholeLSTM, ProjectedLSTM)]


@pytest.mark.parametrize("kind", [Elman, GRU, LSTM, ResetBeforeGRU, *LATER])
@pytest.mark.parametrize(
    "hidden", [17, pytest.param(1, marks=pytest.mark.slow), pytest.param(255, marks=pytest.mark.slow)]
)
def test_a_sequence_is_the_same_alone_and_in_any_batch(kind, hidden):
    cell, *sequences = layer(kind, hidden, 23)

    @jax.jit
    def run(xs, lengths, resets):
        def loss(xs):
            carry, ys = unroll(cell, xs, lengths=lengths, resets=resets)
            return jnp.sum(ys * jnp.cos(jnp.arange(hidden))), (carry, ys)

        slope, outputs = jax.grad(loss, has_aux=True)(xs)
        alone = unroll(cell, xs, lengths=lengths, resets=resets)
        return slope, outputs, tap(cell, xs, lengths=lengths, resets=resets), alone

    expected = run(*sequences)
    for rows in (np.array([5]), np.array([22, 5]), np.random.default_rng(0).permutation(23)[:13]):
        slope, outputs, tapped, alone = run(*(array[rows] for array in sequences))
        assert_same_bits((slope, outputs, tapped, alone), jax.tree.map(lambda leaf, rows=rows: leaf[rows], expected))
        assert_same_bits(tapped[:2], outputs)
        assert_same_bits(alone, outputs)


def test_nothing_is_kept_for_a_backward_pass_where_nobody_differentiates():
    cell = LSTM(3, 5, key=jr.key(0))
    xs = jnp.ones((2, 4, 3))

    def loss(cell):
        return unroll(cell, xs, engine="native")[1].sum()

    calls = [set(re.findall(r"elman_\w+", jax.jit(run).lower(cell).as_text())) for run in (loss, jax.grad(loss))]
    assert calls == [{"elman_outputs"}, {"elman_forward", "elman_backward"}]


@pytest.mark.parametrize("kind", [Elman, GRU, LSTM])
@pytest.mark.parametrize(
    "batch", [3, pytest.param(1, marks=pytest.mark.slow), pytest.param(16, marks=pytest.mark.slow)]
)
def test_a_sequence_is_the_same_in_one_piece_in_chunks_and_step_by_step(kind, batch):
    cell, xs, _, resets = layer(kind, 70, batch)
    run = jax.jit(lambda xs, carry, resets: unroll(cell, xs, carry, resets=resets))
    first = jax.tree.map(lambda leaf: np.zeros((batch, 70), np.float32), cell.init_carry())
    whole = run(xs, first, resets)
    for size in (1, 4):
        carry, pieces = first, []
        for begin in range(0, LONGEST, size):
            part = slice(begin, begin + size)
            carry, ys = run(xs[:, part], carry, resets[:, part])
            pieces.append(np.asarray(ys))
        assert_same_bits((carry, np.concatenate(pieces, axis=1)), whole)


@pytest.mark.parametrize("kind", [Elman, GRU, LSTM])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_sequence_is_the_same_padded_on_either_side(kind, reverse):
    cell, xs, lengths, _ = layer(kind, 33, 11)
    sides = []
    for padding in ("left", "right"):
        moved = np.full(xs.shape, np.nan, np.float32)
        begins = [LONGEST - length if padding == "left" else 0 for length in lengths]
        for row, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
            moved[row, begin : begin + length] = xs[row, :length]
        carry, ys = unroll(cell, jnp.asarray(moved), lengths=jnp.asarray(lengths), padding=padding, reverse=reverse)
        valid = [row[begin : begin + n] for row, begin, n in zip(np.asarray(ys), begins, lengths, strict=True)]
        sides.append((carry, np.concatenate(valid)))
    assert_same_bits(*sides)


def digest(kind):
    """A hash of all outputs and gradients of a layer large enough that threads share it."""
    cell, xs, lengths, resets = layer(kind, 255, 41)

    @jax.jit
    def run(cell, xs, carry):
        def loss(cell, xs, carry):
            outputs = unroll(cell, xs, carry, lengths=jnp.asarray(lengths), resets=jnp.asarray(resets), engine="native")
            return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(outputs)), outputs

        return jax.grad(loss, argnums=(0, 1, 2), has_aux=True)(cell, xs, carry)

    results = run(cell, xs, jax.tree.map(lambda leaf: np.zeros((41, 255), np.float32), cell.init_carry()))
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(results))).hexdigest()


@pytest.mark.parametrize(
    "threads", ["1", pytest.param("2", marks=pytest.mark.slow), pytest.param("3", marks=pytest.mark.slow)]
)
def test_outputs_and_gradients_are_the_same_for_any_number_of_threads(threads):
    code = f"from {__name__} import *; print(*map(digest, (Elman, GRU, LSTM)))"
    environment = os.environ | {"ELMAN_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=HERE.parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [*map(digest, (Elman, GRU, LSTM))]


@pytest.mark.slow
@pytest.mark.parametrize("name", LESSER)
def test_the_kernels_of_a_lesser_processor(name):
    """This file's tests, and those of `test_native.py`, with the kernels of another instruction set than the best."""
    best = native.instruction_set()
    if best in LESSER[name]:
        pytest.skip(f"the kernels in use are for {best}: nothing lesser is to be tried as {name}")
    tests = [HERE, HERE.with_name("test_native.py")]
    again = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *map(str, tests)]
    done = subprocess.run(
        again, env=os.environ | {"ELMAN_ISA": name}, cwd=HERE.parents[2], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"\d+ passed", done.stdout)
