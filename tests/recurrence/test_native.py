"""The native kernels, at the edges: odd sizes, special values, threads, processes, derivatives of every kind."""

import _ctypes
import os
import re
import subprocess
import sys
import threading
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, LSTM, Elman, LSTMCarry, PeepholeLSTM, ProjectedLSTM, ResetBeforeGRU, Zoneout
from elman.recurrence import engine_for, native, tap, unroll
from elman.recurrence.native import engine
from tests.recurrence.kernels import needs_kernels

pytestmark = needs_kernels

KINDS = {"elman": Elman, "relu": partial(Elman, activation="relu"), "gru": GRU, "lstm": LSTM} | {
    "peephole": PeepholeLSTM,
    "projected": partial(ProjectedLSTM, memory_size=19),
    "reset before": ResetBeforeGRU,
    "reset before, sigmoid": partial(ResetBeforeGRU, activation="sigmoid"),
    "reset before, relu": partial(ResetBeforeGRU, activation="relu"),
}
ALL = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def layer(kind, batch, time, inputs, hidden, dtype=jnp.float32, seed=0):
    """A cell with no zero weight, inputs, and a carry."""
    keys = iter(jr.split(jr.key(seed), 20))
    draw = lambda shape, scale: jnp.asarray(np.asarray(jr.normal(next(keys), shape)) * scale, dtype)
    cell = kind(inputs, hidden, key=next(keys))
    cell = jax.tree.map(lambda w: jnp.asarray(np.asarray(w), dtype) + draw(w.shape, 0.1 * hidden**-0.5), cell)
    return (
        cell,
        draw((batch, time, inputs), 1.0),
        jax.tree.map(lambda state: draw((batch, *state.shape), 0.5), cell.init_carry()),
    )


def weigh(tree):
    """A number that depends on every element."""
    return sum(jnp.sum(a * jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape)) for a in jax.tree.leaves(tree))


def outputs_and_gradients(arguments, engine, **how):
    def loss(cell, xs, carry):
        outputs = unroll(cell, xs, carry, engine=engine, **how)
        return weigh(outputs), outputs

    (_, outputs), gradients = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))(*arguments)
    return outputs, gradients


def assert_same(got, expected, tolerance):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, float(jnp.abs(b).max(initial=0))))


SINGLE = [(1, 1, 1, 1), (5, 4, 3, 3), (2, 6, 17, 17), (7, 2, 1, 255), (1, 9, 100, 256)]
DOUBLE = [(9, 3, 2, 33), (37, 5, 12, 70)]
SIZES = [(size, jnp.float32) for size in SINGLE] + [(size, jnp.float64) for size in DOUBLE]


@pytest.mark.sample(6)
@ALL
@pytest.mark.parametrize(("size", "dtype"), SIZES, ids=str)
def test_odd_sizes_equal_scan(kind, size, dtype):
    """Each size comes with its own mix of lengths, padding side, resets and direction."""
    batch, time = size[:2]
    rng = np.random.default_rng(sum(size))
    how = dict(
        lengths=jnp.asarray(rng.integers(0, time + 1, batch)) if batch > 2 else None,
        padding="left" if batch > 8 else "right",
        resets=jnp.asarray(rng.random((batch, time)) < 0.3) if time > 3 else None,
        reverse=size[3] % 2 == 1,
    )
    with jax.enable_x64(dtype == jnp.float64):
        arguments = layer(kind, *size, dtype)
        results = [outputs_and_gradients(arguments, engine, **how) for engine in ("native", "scan")]
        assert_same(*results, 2e-5 if dtype == jnp.float32 else 1e-11)


@pytest.mark.sample(4)
@pytest.mark.parametrize("kind", [Elman, GRU, LSTM])
@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_zoneout_keeps_the_same_numbers_as_in_scan(kind, noisy, dtype):
    """Values, gradients and taps, with the paper's two rates for an LSTM."""

    how: dict[str, Any] = dict(
        lengths=jnp.array([7, 3, 0]), resets=jnp.arange(7) == jnp.array([[2], [1], [9]]), reverse=noisy
    )

    def loss(cell, xs, carry, engine):
        rate = LSTMCarry(0.15, 0.5) if kind is LSTM else 0.3  # ty: ignore[invalid-argument-type]
        zoned = Zoneout(cell, rate=rate).sample(jr.key(1) if noisy else None)
        outputs = unroll(zoned, xs, carry, engine=engine, **how)
        return weigh(outputs), (outputs, tap(zoned, xs, carry, engine=engine, **how))

    with jax.enable_x64(dtype == jnp.float64):
        arguments = layer(kind, 3, 7, 4, 18, dtype)
        assert engine_for(Zoneout(arguments[0], rate=0.1))[0] == "native"
        run = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True), static_argnums=3)
        results = [run(*arguments, engine) for engine in ("native", "scan")]
        assert_same(*results, 2e-5 if dtype == jnp.float32 else 1e-11)


def test_zoneout_of_a_cell_without_a_kernel_for_it_goes_by_scan():
    assert "no native kernel around PeepholeLSTM" in engine_for(Zoneout(PeepholeLSTM(2, 3, key=jr.key(0)), rate=0.1))[1]


@pytest.mark.sample(4)
@ALL
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_pass_as_in_scan(kind, value):
    cell, xs, carry = layer(kind, 3, 5, 4, 20)
    xs = xs.at[1, 2, 0].set(value)
    results = [unroll(cell, xs, carry, engine=engine)[1] for engine in ("native", "scan")]
    np.testing.assert_array_equal(jnp.isnan(results[0]), jnp.isnan(results[1]))
    np.testing.assert_allclose(results[0], results[1], atol=2e-6)


def test_gates_are_right_to_float_rounding():
    """tanh and sigmoid through the kernels, over their whole range: U = 0, W = 1."""
    xs = jnp.linspace(-100, 100, 200_001).reshape(-1, 1, 1)
    cell = Elman(1, 1, key=jr.key(0))
    cell = jax.tree.map(jnp.zeros_like, cell)
    object.__setattr__(cell, "kernel", jnp.ones((1, 1)))
    _, ys = unroll(cell, xs, engine="native")
    exact = np.tanh(np.asarray(xs, np.float64))
    assert np.abs(np.asarray(ys) - exact).max() < 1e-7
    _, _, seen = tap(_lstm_of_ones(), xs, names=("i",), engine="native")
    exact = 1 / (1 + np.exp(-np.asarray(xs, np.float64)))
    assert np.abs(np.asarray(seen["i"]) - exact).max() < 1e-7


def _lstm_of_ones():
    cell = jax.tree.map(jnp.zeros_like, LSTM(1, 1, key=jr.key(0)))
    object.__setattr__(cell, "kernel", jnp.ones((1, 4)))
    return cell


@pytest.mark.sample(1)
@ALL
def test_the_start_state_has_a_gradient_where_resets_return_to_it(kind):
    from elman.recurrence import scan
    from elman.recurrence.steps import Steps

    cell, xs, carry = layer(kind, 4, 6, 3, 18)
    start = jax.tree.map(lambda leaf: leaf[::-1] * 0.7, carry)
    resets = jnp.asarray(np.random.default_rng(0).random((4, 6)) < 0.4)

    def loss(start, engine):
        return weigh(engine.run(cell, xs, carry, start=start, steps=Steps(resets=resets))[:2])

    assert_same(jax.grad(loss)(start, native), jax.grad(loss)(start, scan), 1e-5)


@pytest.mark.sample(1)
@ALL
def test_gradients_come_by_taps_too(kind):
    cell, xs, carry = layer(kind, 3, 5, 4, 6)

    def loss(cell, xs, carry, engine):
        _, _, seen = tap(cell, xs, carry, engine=engine, lengths=jnp.array([5, 2, 0]))
        return weigh(seen)

    gradients = [jax.grad(loss, argnums=(0, 1, 2))(cell, xs, carry, engine) for engine in ("native", "scan")]
    assert_same(*gradients, 1e-5)


@pytest.mark.sample(1)
@ALL
def test_vmap_over_inputs_and_over_weights(kind):
    cell, xs, carry = layer(kind, 3, 5, 4, 6)
    many_xs, cells = jnp.stack([xs, 2 * xs, -xs]), jax.tree.map(lambda w: jnp.stack([w, w / 2, -w]), cell)
    slope = jax.grad(lambda cell, xs: weigh(unroll(cell, xs, carry, engine="native")))
    expected = [slope(jax.tree.map(lambda w, n=n: w[n], cells), many_xs[n]) for n in range(3)]
    got = jax.vmap(slope)(cells, many_xs)
    assert_same(got, jax.tree.map(lambda *leaves: jnp.stack(leaves), *expected), 1e-6)


@pytest.mark.sample(1)
@ALL
def test_vmap_over_rows_is_one_call_with_more_rows(kind):
    cell, xs, carry = layer(kind, 6, 5, 4, 6)
    lengths = jnp.array([5, 2, 0, 4, 1, 3])
    apart = lambda leaf: leaf.reshape(2, 3, *leaf.shape[1:])

    def loss(cell, xs, carry, lengths):
        return weigh(
            jax.vmap(jax.vmap(lambda *row: one(cell, *jax.tree.map(lambda leaf: leaf[None], row)), 0), 0)(
                xs, carry, lengths
            )
        )

    def one(cell, xs, state, lengths):
        return unroll(cell, xs, state, lengths=lengths, engine="native")[1]

    whole = lambda cell: weigh(one(cell, xs, carry, lengths))
    folded = lambda cell: loss(cell, *jax.tree.map(apart, (xs, carry, lengths)))
    assert_same(jax.grad(folded)(cell), jax.grad(whole)(cell), 0)
    calls = str(jax.make_jaxpr(jax.grad(folded))(cell))
    assert calls.count("ffi_call[") == 2
    assert "scan[" not in calls


@pytest.mark.sample(1)
@ALL
def test_forward_mode_is_that_of_scan(kind):
    """Also of taps, and mixed with reverse mode in any order."""
    cell, xs, carry = layer(kind, 2, 3, 2, 3)
    lengths = jnp.array([3, 2])

    def derivatives(name):
        run = lambda *arguments: tap(*arguments, engine=name, lengths=lengths)
        loss = lambda xs: weigh(unroll(cell, xs, carry, engine=name, lengths=lengths))
        orders = [jax.jacfwd(jax.jacrev(loss)), jax.jacrev(jax.jacfwd(loss)), jax.jacfwd(jax.jacfwd(loss))]
        change = jax.linearize(lambda xs: unroll(cell, xs, carry, engine=name), xs)[1](xs)
        return jax.jvp(run, (cell, xs, carry), (cell, xs, carry)), change, [order(xs) for order in orders]

    assert_same(*(jax.jit(derivatives, static_argnums=0)(name) for name in ("native", "scan")), 1e-5)


@pytest.mark.sample(1)
@ALL
def test_gradients_inside_shard_map(kind):
    cell, xs, _ = layer(kind, 4, 5, 3, 6)
    mesh = jax.make_mesh((1,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("rows")

    def slope(engine, cell, xs):
        return jax.grad(lambda cell: weigh(unroll(cell, xs, engine=engine)[1]))(cell)

    for name in ("auto", *["fused"] * (kind in (Elman, GRU, LSTM)), "scan"):
        one = partial(slope, name)
        sharded = jax.shard_map(
            one, mesh=mesh, in_specs=(jax.sharding.PartitionSpec(), split), out_specs=jax.sharding.PartitionSpec()
        )
        assert_same(jax.jit(sharded)(cell, xs), one(cell, xs), 1e-5)


def test_two_threads_at_once_get_the_values_of_one():
    arguments = [layer(LSTM, 16, 12, 8, 64, seed=seed) for seed in range(4)]
    run = jax.jit(lambda cell, xs, carry: unroll(cell, xs, carry, engine="native"))
    expected = [run(*a) for a in arguments]
    wrong = []

    def work(number):
        for _ in range(50):
            got = run(*arguments[number])
            if not all(
                bool((a == b).all())
                for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected[number]), strict=True)
            ):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == []


PRINT_SUMS = """
import sys, numpy as np, jax, jax.numpy as jnp, jax.random as jr
from elman.cells import GRU, LSTM, Elman
from elman.recurrence import native, unroll
print(native.instruction_set(), file=sys.stderr)
for kind in (Elman, GRU, LSTM):
    cell = kind(20, 70, key=jr.key(0))
    xs, lengths = jr.normal(jr.key(1), (9, 11, 20)), jnp.array([11, 3, 0, 5, 7, 1, 2, 10, 11])
    loss = lambda cell, xs: jnp.sum(unroll(cell, xs, lengths=lengths, engine="native")[1] ** 2)
    for leaf in jax.tree.leaves(jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))(cell, xs)):
        print(float(jnp.sum(leaf)), float(jnp.abs(leaf).max()))
"""


def test_instruction_sets_agree():
    def run(**environment):
        done = subprocess.run(
            [sys.executable, "-c", PRINT_SUMS], env=os.environ | environment, capture_output=True, text=True, check=True
        )
        return np.array(done.stdout.split(), float), done.stderr.strip()

    here, best = run()
    for environment in ({"ELMAN_ISA": "avx2"}, {"ELMAN_ISA": "baseline"}):
        sums, isa = run(**environment)
        assert isa != best or best in ("AVX2", "SSE2")
        np.testing.assert_allclose(sums, here, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "value"), [("ELMAN_ISA", "avx1024"), ("ELMAN_NUM_THREADS", "many")])
def test_an_environment_variable_that_means_nothing_is_an_error(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    engine.library.cache_clear()
    with pytest.raises(elman.ConfigError, match=f"{name}: expected .*got '{value}'"):
        engine.library()


@pytest.mark.sample(2)
@ALL
def test_weights_that_are_not_plain_float32_or_float64_go_by_another_engine(kind):
    """The kernels read memory; they must not take two bytes for four, nor a small array for a large one."""
    cell, xs, _ = layer(kind, 2, 20, 3, 6)
    half = jax.tree.map(lambda w: w.astype(jnp.bfloat16), cell)
    assert engine_for(half)[0] != "native"
    ys = unroll(half, xs.astype(jnp.bfloat16))[1]
    np.testing.assert_allclose(ys.astype(jnp.float32), unroll(cell, xs)[1], rtol=0.1, atol=0.1)
    object.__setattr__(half, "bias", cell.bias)
    assert "bfloat16, float32" in engine_for(half)[1]
    small = jax.tree.map(lambda w: w, cell)
    object.__setattr__(small, "bias", cell.bias[:1])
    assert "bias has shape (1,); the native kernel takes" in engine_for(small)[1]


def test_steps_taken_from_a_strided_or_turned_array_are_read_as_they_are():
    cell, xs, carry = layer(LSTM, 4, 24, 3, 20)
    held = np.asarray(xs)
    for view in (held[:, ::2], held[:, ::-1], np.asfortranarray(held)):
        got, expected = (unroll(cell, jnp.asarray(a), carry, engine="native")[1] for a in (view, view.copy("C")))
        np.testing.assert_array_equal(got, expected)


def test_info_names_the_kernels():
    assert engine_for(LSTM(2, 3, key=jr.key(0)), masked=True, tapped=True) == (
        "native",
        f"LSTM has kernels for {native.instruction_set()}",
    )


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        ("none.so", "no native kernels were built when elman was installed"),
        (_ctypes.__file__, "built from other sources than these"),  # any library without the kernels
    ],
)
def test_the_library_may_be_missing(monkeypatch, tmp_path, library, expected):
    from elman.recurrence.native import engine

    engine.library.cache_clear()
    monkeypatch.setattr(engine, "_LIBRARY", tmp_path / library)
    try:
        name, reason = engine_for(LSTM(2, 3, key=jr.key(0)))
        assert name == "fused"
        assert expected in reason
        assert unroll(LSTM(2, 3, key=jr.key(0)), jnp.ones((1, 2, 2)))[1].shape == (1, 2, 3)
    finally:
        engine.library.cache_clear()


def test_without_a_compiler_building_says_so():
    build = [sys.executable, "-m", "elman.recurrence.native.build"]
    environment = {name: value for name, value in os.environ.items() if name != "CXX"}
    for compiler, message in (("/bin/false", "/bin/false failed"), ("no-such-compiler", "no C\\+\\+ compiler")):
        done = subprocess.run(build, env=environment | {"CC": compiler}, capture_output=True, text=True)
        assert done.returncode == 1
        assert re.search(f"^error: .*{message}", done.stderr, re.MULTILINE)


@pytest.mark.skipif(not os.environ.get("ELMAN_LARGE"), reason="takes 16 GB and a minute: set ELMAN_LARGE=1")
def test_arrays_of_more_than_2_31_elements():
    batch, time, hidden = 64, 140_000, 64
    assert batch * time * 4 * hidden > 2**31
    cell, xs, _ = layer(LSTM, batch, time, 1, hidden)
    _, ys = unroll(cell, xs, engine="native")
    _, expected = unroll(cell, xs[-2:], engine="scan")
    np.testing.assert_allclose(ys[-2:], expected, atol=1e-5)
