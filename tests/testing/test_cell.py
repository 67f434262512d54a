"""Every cell of elman passes the table, and each way to break a cell is caught by the check that is meant for it."""

import functools
import inspect
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman
from elman import cells
from elman.testing import CellError, check_cell
from tests.recurrence import oracle

CELLS = sorted(
    name
    for name, kind in vars(cells).items()
    if isinstance(kind, type) and issubclass(kind, elman.Cell) and not inspect.isabstract(kind)
)

FIXED = {"EchoState": ("kernel", "recurrent_kernel", "bias")}  # a reservoir is drawn once


def builder(name):
    """The class of that name; where it wraps a cell, one that wraps a GRU."""
    kind = getattr(cells, name)
    parameters = inspect.signature(kind).parameters
    if "input_size" in parameters:
        return kind
    options = {"rate": 0.3} if "rate" in parameters else {}

    def build(input_size, hidden_size, *, key):
        return kind(elman.GRU(input_size, hidden_size, key=key), **options)

    return functools.wraps(kind, assigned=["__name__"], updated=[])(build)


def relu_elman(inputs, hidden, *, key):
    return elman.Elman(inputs, hidden, activation="relu", key=key)


def numpy_loop(cell, xs):
    return oracle.loop(cell, xs[None])[1][0]


OPTIMISED = ("LSTM", "MinLSTM")  # one of each way to be compiled, by steps and by an associative scan


@pytest.mark.sample(6)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.optimised] * (name in OPTIMISED)) for name in CELLS]
)
def test_every_cell_of_elman_passes(name):
    # Equal sizes, which a residual needs.
    loop = numpy_loop if name in oracle.STEPS else None
    check_cell(builder(name), input_size=4, hidden_size=4, loop=loop, fixed=FIXED.get(name, ()))


def test_the_relu_network_passes():
    check_cell(relu_elman, loop=numpy_loop)


class Fading(elman.Cell):
    """The sound cell that the broken ones below derive from."""

    kernel: jax.Array
    recurrent: jax.Array

    def __init__(self, input_size, hidden_size, *, key):
        self.input_size, self.hidden_size = input_size, hidden_size
        self.kernel = jr.normal(key, (input_size, hidden_size))
        self.recurrent = 0.3 * jr.normal(key, (hidden_size, hidden_size))

    def init_carry(self):
        return jnp.zeros(self.hidden_size)

    def step(self, h, x):
        h = jnp.tanh(h @ self.recurrent + x @ self.kernel)
        return h, h


class ComplexCarry(Fading):
    """A complex state, and a counter beside it."""

    def init_carry(self):
        return {"state": jnp.zeros(self.hidden_size) + 0j, "steps": jnp.zeros((), int)}

    def step(self, h, x):
        turn = jax.lax.complex(jnp.cos(self.recurrent[0]), jnp.sin(self.recurrent[0]))
        state = 0.7 * turn * h["state"] + x @ self.kernel
        return {"state": state, "steps": h["steps"] + 1}, state.real + state.imag


class CarryOfAnotherType(Fading):
    def init_carry(self):
        return jnp.zeros(self.hidden_size, jnp.float16)


class CarryOfOnePrecision(Fading):
    def init_carry(self):
        return jnp.zeros(self.hidden_size, jnp.float32)


class CarryOfAnotherShape(Fading):
    def step(self, h, x):
        h, y = super().step(h, x)
        return h[None], y


class LooksAcrossRows(Fading):
    def project(self, xs):
        return xs - xs.mean(axis=1, keepdims=True)


class LooksAcrossTime(Fading):
    def project(self, xs):
        return jnp.cumsum(xs, axis=0)


class Counts(Fading):
    calls = itertools.count(1)

    def step(self, h, x):
        return super().step(h, x / next(self.calls))


class NameOfItsOwn(Fading):
    name: object = eqx.field(static=True)

    def __init__(self, input_size, hidden_size, *, key):
        super().__init__(input_size, hidden_size, key=key)
        self.name = object()


class NoGradientAtZero(Fading):
    def project(self, xs):
        xs = xs @ self.kernel
        return xs / (1 + jnp.sqrt((xs**2).sum(-1, keepdims=True)))

    def step(self, h, x):
        h = jnp.tanh(h @ self.recurrent + x)
        return h, h


@jax.custom_vjp
def half_gradient(x):
    return x


half_gradient.defvjp(lambda x: (x, None), lambda _, d: (d / 2,))


class Reservoir(Fading):
    """A cell of random weights that never learn."""

    def step(self, h, x):
        h = jnp.tanh(h @ jax.lax.stop_gradient(self.recurrent) + x @ jax.lax.stop_gradient(self.kernel))
        return h, h


class HalfGradient(Fading):
    def step(self, h, x):
        return super().step(half_gradient(h), x)


class OtherGates(Fading):
    """Shows gates that depend on when they are asked for."""

    asked = itertools.count(1)

    def gates(self, h, x):
        return cells.LSTMCarry(h * next(self.asked), h)


class Rounds(Fading):
    """Loses more to float32 than its rounding."""

    def step(self, h, x):
        h, y = super().step(h, x)
        return h, jnp.sqrt((y + 3e3) ** 2) - 3e3


def another_loop(cell, xs):
    return numpy_fading(cell, xs) + 1e-6


def numpy_fading(cell, xs):
    ys = [np.zeros(cell.hidden_size)]
    for x in xs:
        ys.append(np.tanh(ys[-1] @ cell.recurrent + x @ cell.kernel))
    return np.stack(ys[1:])


@pytest.mark.parametrize("kind", [Fading, ComplexCarry])
def test_sound_cells_pass(kind):
    check_cell(kind, loop=numpy_fading if kind is Fading else None)


def test_weights_that_never_learn_are_named():
    check_cell(Reservoir, fixed=("kernel", "recurrent"))


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        (CarryOfAnotherType, {"contract"}),
        (CarryOfOnePrecision, {"contract"}),
        (CarryOfAnotherShape, {"contract"}),
        (LooksAcrossRows, {"values", "rows", "padding", "resets", "taps"}),
        (LooksAcrossTime, {"values", "chunks", "resets", "reverse", "taps"}),
        (NameOfItsOwn, {"traces"}),
        (NoGradientAtZero, {"padding"}),
        (HalfGradient, {"gradients"}),
        (Reservoir, {"gradients"}),
        (OtherGates, {"taps"}),
        (Rounds, {"single"}),
    ],
)
def test_broken_cells_are_caught_by_the_checks_meant_for_them(kind, failed):
    with pytest.raises(CellError) as caught:
        check_cell(kind)
    assert set(caught.value.failed) == failed
    for name in failed:
        assert f"\n- {name}: " in str(caught.value)
    assert str(caught.value).startswith(f"{kind.__name__}(3, 5) fails {len(failed)} of ")


def test_a_step_with_a_memory_of_its_own_is_caught():
    with pytest.raises(CellError) as caught:
        check_cell(Counts)
    assert {"values", "jit", "gradients"} <= set(caught.value.failed)


def test_a_loop_that_says_otherwise_is_told_with_the_place():
    with pytest.raises(CellError, match=r"\n- loop: ys differs by 1e-06 at \[\d, \d, \d\]: .* instead of ") as caught:
        check_cell(Fading, loop=another_loop)
    assert set(caught.value.failed) == {"loop"}


def test_a_cell_that_cannot_be_made_fails_its_contract():
    with pytest.raises(CellError, match="cannot be built as"):
        check_cell(lambda size: None)  # ty: ignore[invalid-argument-type]


def test_an_engine_that_differs_is_caught(monkeypatch):
    from elman.recurrence import fused

    sound = fused.run

    def wrong(*arguments, **options):
        carry, ys, *taps = sound(*arguments, **options)
        return carry, ys * 1.001, *taps

    monkeypatch.setattr(fused, "run", wrong)
    with pytest.raises(CellError, match="- engines: fused against scan, float64, with no options: "):
        check_cell(elman.GRU)
