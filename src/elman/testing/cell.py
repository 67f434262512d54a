"""The conformance checks for any cell: the promises of `unroll`, checked with numbers.

| check | what holds |
|---|---|
| contract | the cell can be built and stepped, and `step` keeps the carry's structure, shapes and types |
| values | `unroll` equals a plain loop over `step`, one sequence and one step at a time, in float64 |
| loop | `unroll` equals your own NumPy loop, if you pass one |
| single | float32 gives the values of float64 up to its rounding |
| gradients | with respect to weights, inputs and carry, they equal central differences |
| chunks | two halves, with the carry passed on, give the whole |
| padding | on either side, with any content, it changes no value and no gradient, for empty sequences too |
| resets | they restart the state, and no gradient passes them |
| reverse | the result equals that of the flipped sequence |
| jit | compiled and eager calls give the same |
| traces | cells of equal sizes share one compiled program |
| rows | a sequence gives the same alone as in its batch |
| taps | `tap` changes no value and returns the carry and the gates of a plain loop |
| engines | every engine that serves the cell gives the values and gradients of `scan` |

Values are compared in float64 unless the table says otherwise, from a state that the cell itself reached.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from elman._errors import ConfigError
from elman.cells import Cell
from elman.cells.find import build_cell
from elman.recurrence import start_carry, tap, unroll
from elman.recurrence.unroll import Engine
from elman.testing._checks import CheckError, passed, run_checks, same, shaken

Loop = Callable[[Any, np.ndarray], np.ndarray]
"""A NumPy loop: (cell, xs of one sequence: time feature) -> outputs: time hidden; the weights are float64 arrays."""

BATCH, TIME = 3, 6
LENGTHS = (TIME, 2, 0)
EXACT, SINGLE, SLOPE = 1e-9, 2e-5, 1e-6
"""The largest allowed differences between float64 runs, to float32, and to central differences, per 1 + |value|."""

_STEP = 1e-5  # of central differences: balances their truncation and rounding in float64
_MOST_SLOPES = 1000


class CellError(CheckError):
    """A cell that fails checks: `failed` has the message of each failed check, by name."""


def check_cell(
    kind: Callable[..., Cell],
    *,
    input_size: int = 3,
    hidden_size: int = 5,
    loop: Loop | None = None,
    fixed: tuple[str, ...] = (),
    seed: int = 0,
    show: Callable[[str], Any] | None = print,
) -> None:
    """Runs every check of the table above on the cell `kind(input_size, hidden_size, key=key)`, and says what passed.

    Args:
        kind: a cell's class, or any function that builds one.
        input_size, hidden_size: small sizes that the cell accepts; unequal ones find more faults.
        loop: the same cell, written in NumPy from its equations: `loop(cell, xs) -> ys` of one sequence, where the
            cell's weights are float64 NumPy arrays. It makes the check of values independent of `step`.
        fixed: names of weights that never learn; their gradients must be zero.
        seed: the seed of weights and inputs. Noise is added to every weight, so that no term of an equation is zero.
        show: takes the line that says what passed; None for silence.

    Raises:
        CellError: (an AssertionError) lists every failed check, with the largest difference and its place. Where
            "contract" fails, nothing else can run.

    >>> class Fading(elman.Cell):
    ...     kernel: jax.Array
    ...     decay: jax.Array
    ...
    ...     def __init__(self, input_size, hidden_size, *, key):
    ...         self.input_size, self.hidden_size = input_size, hidden_size
    ...         self.kernel = jax.random.normal(key, (input_size, hidden_size)) * input_size**-0.5
    ...         self.decay = jnp.zeros(hidden_size)
    ...
    ...     def init_carry(self):
    ...         return jnp.zeros(self.hidden_size)
    ...
    ...     def step(self, h, x):
    ...         h = jax.nn.sigmoid(self.decay) * h + jnp.tanh(x @ self.kernel)
    ...         return h, h
    >>> check_cell(Fading)
    Fading(3, 5) passes all 13 checks: contract, values, ...

    >>> def fading_loop(cell, xs):
    ...     ys = [np.zeros(cell.hidden_size)]
    ...     for x in xs:
    ...         ys.append(ys[-1] / (1 + np.exp(-cell.decay)) + np.tanh(x @ cell.kernel))
    ...     return np.stack(ys[1:])
    >>> check_cell(Fading, loop=fading_loop)
    Fading(3, 5) passes all 14 checks: contract, values, ...

    >>> class Centred(Fading):
    ...     def project(self, xs):
    ...         return xs - xs.mean(axis=1, keepdims=True)
    >>> try:
    ...     check_cell(Centred)
    ... except AssertionError as error:
    ...     print(error)
    Centred(3, 5) fails 5 of 14 checks:
    - values: ys differs by ... at [...]: ...
    """
    name = f"{getattr(kind, '__name__', 'cell')}({input_size}, {hidden_size})"

    def build(seed: int) -> Cell:
        return build_cell(kind, input_size, hidden_size, key=jax.random.key(seed))

    def begin(trials: list[_Trial]) -> None:
        _contract(build(seed))
        trials.append(_trial(build, loop, fixed, seed))

    trials: list[_Trial] = []
    failed = run_checks({"contract": begin}, trials)
    if not failed:
        with jax.enable_x64(True):
            failed = run_checks(_CHECKS, trials[0])
    if failed:
        raise CellError(name, failed, of=1 + len(_CHECKS))
    if show is not None:
        show(passed(name, ["contract", *(check for check in _CHECKS if loop is not None or check != "loop")]))


# The cell under test


class _Trial(NamedTuple):
    """A cell with random float64 weights, its inputs, a carry reached on other inputs, and a jitted `unroll`."""

    cell: Cell
    xs: jax.Array
    carry: Any
    run: Callable[..., tuple[Any, jax.Array]]
    build: Callable[[int], Cell]
    loop: Loop | None
    fixed: tuple[str, ...]


def _trial(build: Callable[[int], Cell], loop: Loop | None, fixed: tuple[str, ...], seed: int) -> _Trial:
    # A new function for each trial, so that no program compiled for another trial is reused.
    run = jax.jit(lambda *arguments, reverse=False: unroll(*arguments, reverse=reverse), static_argnames="reverse")
    with jax.enable_x64(True):
        cell = _as(jnp.float64, shaken(build(seed), seed))
        # Numbers that float32 represents exactly, so that the run in float32 starts from the same ones.
        numbers = np.random.default_rng(seed).normal(size=(2, BATCH, TIME, cell.input_size)).astype(np.float32)
        xs, others = jnp.asarray(numbers, jnp.float64)
        carry, _ = unroll(cell, others, engine="scan")
    return _Trial(cell, xs, carry, run, build, loop, fixed)


def _as(real: Any, tree: Any) -> Any:
    """Casts the leaves to the precision of `real`, float32 or float64."""
    wide = real == jnp.float64
    types = {"f": real, "c": jnp.complex128 if wide else jnp.complex64, "i": jnp.int64 if wide else jnp.int32}

    def cast(leaf: Any) -> Any:
        return leaf.astype(types.get(leaf.dtype.kind, leaf.dtype)) if eqx.is_array(leaf) else leaf

    return jax.tree.map(cast, tree)


def _contract(cell: Cell) -> None:
    with jax.enable_x64(True):
        cell = _as(jnp.float64, cell)
        xs = jnp.zeros((1, 1, cell.input_size))
        before = cell.init_carry()
        after, y = jax.eval_shape(lambda: cell.step(before, jax.tree.map(lambda leaf: leaf[0, 0], cell.project(xs))))
    kept = jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.result_type(leaf)), before)
    came = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), after)
    if kept != came:
        raise AssertionError(f"in float64, step gives the carry {came}; expected {kept}, as init_carry does")
    if y.dtype != jnp.float64:
        raise AssertionError(f"in float64, step outputs {y.dtype}; expected float64")


# The checks


def _values(t: _Trial) -> None:
    ys, _ = _plain_loop(t.cell, t.xs)
    same({"ys": t.run(t.cell, t.xs, None)[1]}, {"ys": ys}, EXACT)


def _loop(t: _Trial) -> None:
    if t.loop is not None:
        cell = jax.tree.map(np.asarray, t.cell)
        ys = np.stack([t.loop(cell, xs) for xs in np.asarray(t.xs)])
        same({"ys": t.run(t.cell, t.xs, None)[1]}, {"ys": ys}, EXACT)


def _single(t: _Trial) -> None:
    expected_carry, expected = t.run(t.cell, t.xs, t.carry)
    with jax.enable_x64(False):
        carry, ys = t.run(*_as(jnp.float32, (t.cell, t.xs, t.carry)))
    if ys.dtype != jnp.float32:
        raise AssertionError(f"with float32 weights and inputs, expected float32 outputs; got {ys.dtype}")
    same({"ys": ys, "carry": carry}, {"ys": expected, "carry": expected_carry}, SINGLE)


def _gradients(t: _Trial) -> None:
    numbers, rebuild = _real_numbers({"cell": t.cell, "xs": t.xs, "carry": t.carry})
    vector, unravel = ravel_pytree(numbers)

    def loss(vector: jax.Array, engine: Engine) -> jax.Array:
        return _weighed(unroll(**rebuild(unravel(vector)), engine=engine))

    def slope(place: jax.Array) -> jax.Array:
        ahead, behind = (loss(vector.at[place].add(step), "scan") for step in (_STEP, -_STEP))
        return (ahead - behind) / (2 * _STEP)

    gradient = jax.grad(loss)(vector, "auto")
    places = np.random.default_rng(0).permutation(vector.size)[:_MOST_SLOPES]
    slopes = unravel(gradient.at[places].set(jax.jit(jax.vmap(slope))(places)))
    for name in t.fixed:
        slopes["cell"] = eqx.tree_at(
            lambda cell, name=name: getattr(cell, name), slopes["cell"], replace_fn=jnp.zeros_like
        )
    same({"gradient": unravel(gradient)}, {"gradient": slopes}, SLOPE)


def _chunks(t: _Trial) -> None:
    carry, whole = t.run(t.cell, t.xs, t.carry)
    half, first = t.run(t.cell, t.xs[:, : TIME // 2], t.carry)
    last, second = t.run(t.cell, t.xs[:, TIME // 2 :], half)
    same({"ys": jnp.concatenate([first, second], 1), "carry": last}, {"ys": whole, "carry": carry}, EXACT)


def _padding(t: _Trial) -> None:
    for side, reverse in (("right", False), ("left", True)):
        spans = [(0, n) if side == "right" else (TIME - n, TIME) for n in LENGTHS]
        real = np.array([[first <= step < end for step in range(TIME)] for first, end in spans])
        options: dict[str, Any] = {"lengths": jnp.array(LENGTHS, jnp.int32), "padding": side, "reverse": reverse}
        padded = t._replace(xs=jnp.where(real[..., None], t.xs, jnp.nan))
        expected = _outcome(_apart([[span] for span in spans], reverse=reverse), padded)
        same(_outcome(_with(**options), padded), expected, EXACT, f"NaN as padding on the {side}, reverse={reverse}: ")


def _resets(t: _Trial) -> None:
    places = ((3,), (0,), ())
    resets = np.array([[step in row for step in range(TIME)] for row in places])
    pieces = [list(zip((0, *row), (*row, TIME), strict=True)) for row in places]
    same(_outcome(_with(resets=jnp.asarray(resets)), t), _outcome(_apart(pieces), t), EXACT)


def _reverse(t: _Trial) -> None:
    carry, ys = t.run(t.cell, t.xs, t.carry, reverse=True)
    expected_carry, expected = t.run(t.cell, t.xs[:, ::-1], t.carry)
    same({"ys": ys, "carry": carry}, {"ys": expected[:, ::-1], "carry": expected_carry}, EXACT)


def _jit(t: _Trial) -> None:
    carry, ys = t.run(t.cell, t.xs, t.carry)
    expected_carry, expected = unroll(t.cell, t.xs, t.carry)
    same({"ys": ys, "carry": carry}, {"ys": expected, "carry": expected_carry}, EXACT)


def _traces(t: _Trial) -> None:
    traces = []

    @jax.jit
    def run(cell: Cell, xs: jax.Array) -> jax.Array:
        traces.append(cell)
        return unroll(cell, xs)[1]

    cells = [_as(jnp.float64, t.build(key)) for key in (1, 2)]
    for cell in cells:
        run(cell, t.xs)
    if len(traces) > 1:
        static = [field.name for field in dataclasses.fields(t.cell) if field.metadata.get("static")]
        differ = [name for name in static if getattr(cells[0], name) != getattr(cells[1], name)]
        why = f"; static fields that differ: {', '.join(differ)}" if differ else ""
        raise AssertionError(f"two cells of equal sizes are traced {len(traces)} times{why}")


def _rows(t: _Trial) -> None:
    carry, ys = t.run(t.cell, t.xs, t.carry)
    for row in range(BATCH):
        one = slice(row, row + 1)
        alone_carry, alone = t.run(t.cell, t.xs[one], jax.tree.map(lambda leaf, one=one: leaf[one], t.carry))
        batched = jax.tree.map(lambda leaf, one=one: leaf[one], {"ys": ys, "carry": carry})
        same(batched, {"ys": alone, "carry": alone_carry}, EXACT, f"sequence {row}: ")


def _taps(t: _Trial) -> None:
    carry, ys, tapped = tap(t.cell, t.xs)
    expected_carry, expected = t.run(t.cell, t.xs, None)
    same({"ys": ys, "carry": carry}, {"ys": expected, "carry": expected_carry}, EXACT)
    same({"tap": tapped}, {"tap": _plain_loop(t.cell, t.xs)[1]}, EXACT)


def _engines(t: _Trial) -> None:
    lengths, resets = jnp.array(LENGTHS, jnp.int32), jnp.arange(TIME) == jnp.array([[3], [0], [9]])
    calls: tuple[dict[str, Any], ...] = (
        {},
        {"lengths": lengths, "reverse": True},
        {"lengths": lengths, "padding": "left", "resets": resets},
    )
    for real, allowed in ((jnp.float64, EXACT), (jnp.float32, SINGLE)):
        with jax.enable_x64(real == jnp.float64):
            cell, xs, carry = _as(real, (t.cell, t.xs, t.carry))
            typed = t._replace(cell=cell, xs=xs, carry=carry)
            for options in calls:
                engines = [e for e in get_args(Engine) if e not in ("auto", "scan") and _serves(e, typed, options)]
                expected = _outcome(_with(engine="scan", **options), typed) if engines else None
                for engine in engines:
                    what = f"{engine} against scan, {real.__name__}, with {', '.join(options) or 'no options'}: "
                    same(_outcome(_with(engine=engine, **options), typed), expected, allowed, what)


_CHECKS: dict[str, Callable[[_Trial], None]] = {
    "values": _values,
    "loop": _loop,
    "single": _single,
    "gradients": _gradients,
    "chunks": _chunks,
    "padding": _padding,
    "resets": _resets,
    "reverse": _reverse,
    "jit": _jit,
    "traces": _traces,
    "rows": _rows,
    "taps": _taps,
    "engines": _engines,
}


# Ways to run a cell

Run = Callable[[Cell, jax.Array, Any], tuple[Any, jax.Array]]
"""A way to run a cell: (cell, xs, carry) -> (carry, ys)."""


def _with(**options: Any) -> Run:
    return lambda cell, xs, carry: unroll(cell, xs, carry, **options)


def _serves(engine: Engine, t: _Trial, options: dict[str, Any]) -> bool:
    try:
        jax.eval_shape(lambda: unroll(t.cell, t.xs, t.carry, engine=engine, **options))
    except ConfigError:
        return False
    return True


def _apart(pieces: list[list[tuple[int, int]]], *, reverse: bool = False) -> Run:
    """A way to run each sequence by itself, its pieces (first, end) in turn, each but the first from a fresh state;
    outputs between them are zero."""

    def run(cell: Cell, xs: jax.Array, carry: Any) -> tuple[Any, jax.Array]:
        ys, last = jnp.zeros((BATCH, TIME, cell.hidden_size), xs.dtype), []
        for row, spans in enumerate(pieces):
            now = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], carry)
            for place, (first, end) in enumerate(spans):
                now = start_carry(cell, 1) if place else now
                if end > first:
                    now, outputs = unroll(cell, xs[row : row + 1, first:end], now, reverse=reverse, engine="scan")
                    ys = ys.at[row, first:end].set(outputs[0])
            last.append(now)
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *last), ys

    return run


def _plain_loop(cell: Cell, xs: jax.Array) -> tuple[jax.Array, dict[str, Any]]:
    """The outputs of `step` in a Python loop, from `init_carry`, and the states and gates that `tap` must return."""
    rows = []
    for row in xs:
        carry, steps = cell.init_carry(), []
        for x in row:
            projected = jax.tree.map(lambda leaf: leaf[0, 0], cell.project(x[None, None]))
            gates = cell.core.gates(carry, projected)
            carry, y = cell.step(carry, projected)
            steps.append((y, {"carry": carry} | dict(zip(getattr(gates, "_fields", ()), gates, strict=True))))
        rows.append(jax.tree.map(lambda *leaves: jnp.stack(leaves), *steps))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)


# Losses, gradients, differences


def _outcome(run: Run, t: _Trial) -> dict[str, Any]:
    """The outputs, the last carry, and the gradients of a loss that depends on all of these numbers."""
    numbers, rebuild = _real_numbers((t.cell, t.xs, t.carry))

    def loss(numbers: Any) -> tuple[jax.Array, tuple]:
        result = run(*rebuild(numbers))
        return _weighed(result), result

    (_, (carry, ys)), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(numbers)
    return {"ys": ys, "carry": carry, "gradient": dict(zip(("cell", "xs", "carry"), gradient, strict=True))}


def _weighed(tree: Any) -> jax.Array:
    """The weighted sum of all numbers of a tree, each with a weight of its own."""
    vector, _ = ravel_pytree(_real_numbers(tree)[0])
    return vector @ jnp.cos(jnp.arange(vector.size, dtype=vector.dtype))


def _real_numbers(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The floating leaves of a tree, complex ones as two real ones, and the function that restores the tree."""
    floating, rest = eqx.partition(tree, eqx.is_inexact_array)

    def split(leaf: Any) -> Any:
        return {"real": leaf.real, "imaginary": leaf.imag} if jnp.iscomplexobj(leaf) else leaf

    def join(leaf: Any, numbers: Any) -> Any:
        return jax.lax.complex(numbers["real"], numbers["imaginary"]) if jnp.iscomplexobj(leaf) else numbers

    return jax.tree.map(split, floating), lambda numbers: eqx.combine(jax.tree.map(join, floating, numbers), rest)
