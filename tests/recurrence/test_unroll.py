from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman.cells import GRU, LSTM, Elman, LSTMCarry
from elman.recurrence import engine_for, tap, unroll
from tests.recurrence.kernels import needs_kernels
from tests.recurrence.oracle import loop

pytestmark = pytest.mark.optimised

BATCH, TIME, INPUT, HIDDEN = 3, 7, 4, 5


def relu_elman(inputs, hidden, *, key):
    return Elman(inputs, hidden, activation="relu", key=key)


CELLS = pytest.mark.parametrize("kind", [Elman, relu_elman, GRU, LSTM], ids=["elman", "elman-relu", "gru", "lstm"])
NATIVE = pytest.param("native", marks=needs_kernels)
ENGINES = pytest.mark.parametrize("engine", ["scan", "fused", NATIVE, "reference"])
MASKED_ENGINES = pytest.mark.parametrize("engine", ["scan", NATIVE, "reference"])
TAPPED_ENGINES = pytest.mark.parametrize("engine", ["scan", NATIVE])


def shaken(kind, key=0):
    """A cell whose every weight is random, so that no term of an equation is zero."""
    cell = kind(INPUT, HIDDEN, key=jr.key(key))
    leaves, structure = jax.tree.flatten(cell)
    keys = jr.split(jr.key(key + 1), len(leaves))
    return structure.unflatten([w + 0.3 * jr.normal(k, w.shape) for w, k in zip(leaves, keys, strict=True)])


@pytest.fixture
def xs():
    return jr.normal(jr.key(9), (BATCH, TIME, INPUT))


def names(carry):
    return {"h": carry.h, "c": carry.c} if hasattr(carry, "c") else {"h": carry}


@CELLS
@ENGINES
@pytest.mark.parametrize("reverse", [False, True])
def test_values_are_those_of_the_numpy_loop(kind, engine, reverse, xs):
    cell = shaken(kind)
    expected_carry, expected = loop(cell, np.asarray(xs), reverse=reverse)
    carry, ys = unroll(cell, xs, reverse=reverse, engine=engine)
    np.testing.assert_allclose(ys, expected, rtol=1e-6, atol=2e-6)
    for name, value in names(carry).items():
        np.testing.assert_allclose(value, expected_carry[name], rtol=1e-6, atol=2e-6)


@MASKED_ENGINES
@pytest.mark.parametrize("reverse", [False, True])
def test_a_mask_with_holes_gives_the_values_of_the_steps_that_are_left(engine, reverse, xs):
    cell, mask = shaken(GRU), np.array([[0, 1, 0, 1, 1, 0, 1], [1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]], bool)
    holes = jnp.where(mask[..., None], xs, jnp.nan)
    carry, ys = unroll(cell, holes, mask=jnp.asarray(mask), reverse=reverse, engine=engine)
    for row, real in enumerate(mask):
        expected, last = np.zeros((TIME, HIDDEN)), np.zeros((1, HIDDEN))
        if real.any():
            carries, expected[real] = loop(cell, np.asarray(xs[row : row + 1, real]), reverse=reverse)
            last = carries["h"]
        np.testing.assert_allclose(ys[row], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(carry[row], last[0], rtol=1e-5, atol=1e-6)


@CELLS
@MASKED_ENGINES
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("padding", ["right", "left"])
def test_lengths_give_the_values_of_the_shorter_sequences(kind, engine, reverse, padding, xs):
    cell, lengths = shaken(kind), np.array([7, 3, 0])
    expected_carry, expected = loop(cell, np.asarray(xs), lengths=lengths, reverse=reverse)
    padded = jnp.where((jnp.arange(TIME) < lengths[:, None])[..., None], xs, jnp.nan)
    if padding == "left":
        turn = lambda a: np.stack([np.roll(row, TIME - n, 0) for row, n in zip(a, lengths, strict=True)])
        padded, expected = jnp.asarray(turn(padded)), turn(expected)
    carry, ys = unroll(cell, padded, lengths=jnp.asarray(lengths), padding=padding, reverse=reverse, engine=engine)
    np.testing.assert_allclose(ys, expected, rtol=1e-6, atol=2e-6)
    for name, value in names(carry).items():
        np.testing.assert_allclose(value, expected_carry[name], rtol=1e-6, atol=2e-6)


@CELLS
@MASKED_ENGINES
def test_padding_that_holds_anything_leaves_gradients_finite(kind, engine, xs):
    padded, lengths = xs.at[1, 3:].set(jnp.inf), jnp.array([7, 3, 0])
    total = lambda cell: unroll(cell, padded, lengths=lengths, engine=engine)[1].sum()
    gradient = eqx.filter_grad(total)(shaken(kind))
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


@CELLS
@MASKED_ENGINES
def test_resets_restart_the_state(kind, engine, xs):
    cell = shaken(kind)
    resets = np.zeros((BATCH, TIME), bool)
    resets[0, 3] = resets[1, 0] = resets[1, 6] = True
    _, expected = loop(cell, np.asarray(xs), resets=resets)
    _, ys = unroll(cell, xs, resets=jnp.asarray(resets), engine=engine)
    np.testing.assert_allclose(ys, expected, rtol=1e-6, atol=2e-6)


@CELLS
@MASKED_ENGINES
def test_resets_cut_the_gradient(kind, engine, xs):
    cell, resets = shaken(kind), jnp.zeros((BATCH, TIME), bool).at[:, 4].set(True)
    by_input = jax.grad(lambda xs: unroll(cell, xs, resets=resets, engine=engine)[1][:, 4:].sum())(xs)
    assert float(jnp.abs(by_input[:, :4]).max()) == 0
    assert float(jnp.abs(by_input[:, 4:]).min()) > 0


@CELLS
@ENGINES
def test_chunks_equal_the_whole(kind, engine, xs):
    cell = shaken(kind)
    whole_carry, whole = unroll(cell, xs, engine=engine)
    carry, first = unroll(cell, xs[:, :3], engine=engine)
    carry, second = unroll(cell, xs[:, 3:], carry, engine=engine)
    np.testing.assert_allclose(jnp.concatenate([first, second], 1), whole, atol=1e-6)
    for a, b in zip(jax.tree.leaves(carry), jax.tree.leaves(whole_carry), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def loss(cell, xs, carry, engine, reverse=False):
    """Depends on every output and on the last carry, each with its own weight."""
    carry, ys = unroll(cell, xs, carry, engine=engine, reverse=reverse)
    weigh = lambda a: jnp.sum(a * jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape))
    return weigh(ys) + sum(weigh(leaf) for leaf in jax.tree.leaves(carry))


@pytest.mark.sample(6)
@CELLS
@ENGINES
@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_are_those_of_float64_finite_differences(kind, engine, reverse, xs):
    with jax.enable_x64(True):
        cell = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float64), shaken(kind))
        xs = jnp.asarray(np.asarray(xs), jnp.float64)
        start = jax.tree.map(lambda leaf: jnp.full((BATCH, HIDDEN), 0.2, jnp.float64), cell.init_carry())
        arguments = (cell, xs, start)
        run = lambda *arguments: loss(*arguments, engine, reverse)
        gradients = jax.grad(run, argnums=(0, 1, 2))(*arguments)
        leaves, structure = jax.tree.flatten(arguments)
        function = jax.jit(lambda *leaves: loss(*structure.unflatten(leaves), "scan", reverse))
        rng = np.random.default_rng(0)
        for place, gradient in enumerate(jax.tree.leaves(gradients)):
            direction = rng.normal(size=gradient.shape)
            moved = [
                function(*[leaf + sign * 1e-6 * direction if i == place else leaf for i, leaf in enumerate(leaves)])
                for sign in (1, -1)
            ]
            slope = (moved[0] - moved[1]) / 2e-6
            assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-6, abs=1e-7)
        if engine != "reference":  # forward mode, along the gradient
            forward = jax.jit(lambda arguments, change: jax.jvp(run, arguments, change)[1])(arguments, gradients)
            squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradients))
            assert float(forward) == pytest.approx(float(squares), rel=1e-9)


@pytest.mark.sample(2)
@CELLS
@pytest.mark.parametrize("engine", ["fused", NATIVE])
def test_second_derivatives_agree_between_engines(kind, engine, xs):
    cell = shaken(kind)

    def curvature(engine):
        slope = lambda x: jnp.sum(jax.grad(loss, argnums=1)(cell, x, cell_start(cell), engine) ** 2)
        return jax.grad(slope)(xs)

    np.testing.assert_allclose(curvature(engine), curvature("scan"), rtol=1e-3, atol=1e-4)


def cell_start(cell):
    return jax.tree.map(lambda leaf: jnp.zeros((BATCH, HIDDEN)), cell.init_carry())


class Fading(elman.Cell):
    """A user's cell without `project`."""

    kernel: jax.Array
    decay: jax.Array

    def __init__(self, input_size, hidden_size, *, key):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = jr.normal(key, (input_size, hidden_size)) * input_size**-0.5
        self.decay = jnp.zeros(hidden_size)

    def init_carry(self):
        return jnp.zeros(self.hidden_size)

    def step(self, h, x):
        h = jax.nn.sigmoid(self.decay) * h + jnp.tanh(x @ self.kernel)
        return h, h


def test_a_cell_of_ones_own_runs_and_says_why_by_scan(xs):
    cell = Fading(INPUT, HIDDEN, key=jr.key(0))
    h, expected = np.zeros((BATCH, HIDDEN)), []
    for t in range(TIME):
        h = 0.5 * h + np.tanh(np.asarray(xs)[:, t] @ np.asarray(cell.kernel))
        expected.append(h)
    np.testing.assert_allclose(unroll(cell, xs)[1], np.stack(expected, 1), atol=1e-6)
    reason = "Fading has no native kernel; Fading has no hand-derived backward pass; Fading is no LinearCell"
    assert engine_for(cell) == ("scan", reason)


class StrangeLSTM(LSTM):
    """Steps otherwise than its parent."""

    def step(self, carry, a):
        carry, y = super().step(carry, a)
        return carry, 2 * y


def test_a_subclass_is_not_given_its_parents_backward_pass(xs):
    cell = StrangeLSTM(INPUT, HIDDEN, key=jr.key(0))
    assert engine_for(cell)[0] == "scan"
    plain = LSTM(INPUT, HIDDEN, key=jr.key(0))
    np.testing.assert_allclose(unroll(cell, xs)[1], 2 * unroll(plain, xs)[1], atol=1e-6)


@CELLS
def test_jit_and_eager_agree_with_one_trace(kind, xs):
    traces = []

    @jax.jit
    def run(cell, xs):
        traces.append(1)
        return unroll(cell, xs)[1]

    cell = shaken(kind)
    np.testing.assert_allclose(run(cell, xs), unroll(cell, xs)[1], atol=1e-6)
    run(shaken(kind, key=5), xs)
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(xs=np.zeros((2, 3, 9), "f")), "expected 4 features"),
        (dict(xs=np.zeros((0, 3, 4), "f")), "at least one sequence"),
        (dict(lengths=np.zeros(5, int)), "lengths: expected one whole number per sequence"),
        (dict(resets=np.zeros((2, 2), bool)), "resets: expected one bool per step"),
        (dict(carry=jnp.zeros((2, 5))), "carry: expected that of LSTM"),
        (dict(carry=LSTMCarry(jnp.zeros((2, 5)), jnp.zeros((2, 4)))), "carry: expected that of LSTM"),
        (dict(carry=LSTMCarry(jnp.zeros((2, 5), jnp.bfloat16), jnp.zeros((2, 5)))), "carry: expected .*got .*bfloat16"),
        (dict(lengths=np.array([1, 4])), "lengths: expected 0 to 3, .* got 4"),
        (dict(lengths=np.array([-1, 3])), "lengths: expected 0 to 3, .* got -1"),
        (dict(lengths=np.ones(2, "f")), "lengths: expected one whole number per sequence"),
        (dict(mask=np.ones((2, 2), bool)), "mask: expected one bool per step, shape \\(2, 3\\); got \\(2, 2\\)"),
        (dict(resets=np.zeros((2, 3), int)), "resets: expected one bool per step"),
        (dict(xs=np.zeros((2, 3, 4), np.int32)), "inputs: expected float32"),
        (dict(xs=np.zeros((2, 3, 4), np.float16)), "inputs: expected float32"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_shapes_that_do_not_fit_are_named(change, message):
    arguments = {"xs": np.zeros((2, 3, 4), "f")} | change
    arguments = {name: jax.tree.map(jnp.asarray, value) for name, value in arguments.items()}
    with pytest.raises(elman.ShapeError, match=message):
        unroll(LSTM(4, 5, key=jr.key(0)), **arguments)


@pytest.mark.usefixtures("unchecked")
def test_an_engine_that_cannot_serve_says_why(xs):
    with pytest.raises(elman.ConfigError, match="takes no lengths"):
        unroll(shaken(GRU), xs, lengths=jnp.array([1, 2, 3]), engine="fused")
    with pytest.raises(elman.ConfigError, match="has no hand-derived"):
        unroll(Fading(INPUT, HIDDEN, key=jr.key(0)), xs, engine="fused")
    with pytest.raises(elman.ConfigError, match="no engine 'scna'; did you mean 'scan'"):
        unroll(shaken(GRU), xs, engine="scna")  # ty: ignore[invalid-argument-type]
    with pytest.raises(elman.ConfigError, match="padding: expected 'right' or 'left'"):
        unroll(shaken(GRU), xs, lengths=jnp.array([1, 2, 3]), padding="both")  # ty: ignore[invalid-argument-type]
    with pytest.raises(elman.ConfigError, match="no tap 'zz'; .*GRU has carry, r, z, n"):
        tap(shaken(GRU), xs, names=("zz",))
    with pytest.raises(elman.ConfigError, match=r"unroll returns \(carry, ys\) .*; elman.tap\(.*\) returns"):
        unroll(shaken(GRU), xs, taps="all")  # ty: ignore[invalid-argument-type]


@pytest.mark.sample(9)
@CELLS
@TAPPED_ENGINES
@pytest.mark.parametrize(("padding", "reverse"), [("right", False), ("left", False), ("right", True)])
def test_taps_are_the_states_and_gates_of_a_loop_over_steps(kind, engine, padding, reverse, xs):
    cell, lengths = shaken(kind), np.array([7, 3, 0])
    first = jax.tree.map(lambda leaf: jnp.full((BATCH, HIDDEN), 0.2), cell.init_carry())
    how: dict[str, Any] = dict(lengths=jnp.asarray(lengths), padding=padding, reverse=reverse)
    plain = unroll(cell, xs, first, engine=engine, **how)
    *same, seen = tap(cell, xs, first, engine=engine, **how)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), tuple(same), plain)
    gate_names = getattr(cell.gates(cell.init_carry(), cell.project(xs[:, :1])[0, 0]), "_fields", ())
    assert set(seen) == {"carry", *gate_names}
    for row, length in enumerate(lengths):
        carry = jax.tree.map(lambda leaf, row=row: leaf[row], first)
        begin = 0 if padding == "right" else TIME - length
        for t in reversed(range(TIME)) if reverse else range(TIME):
            x = cell.project(xs[row, t][None, None])[0, 0]
            valid = begin <= t < begin + length
            gates = cell.gates(carry, x)
            carry = cell.step(carry, x)[0] if valid else carry
            for states, state in zip(jax.tree.leaves(seen["carry"]), jax.tree.leaves(carry), strict=True):
                np.testing.assert_allclose(states[row, t], state, rtol=1e-6, atol=2e-6)
            for name in gate_names:
                np.testing.assert_allclose(
                    seen[name][row, t], getattr(gates, name) if valid else 0, rtol=1e-6, atol=2e-6
                )
