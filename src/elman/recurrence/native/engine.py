"""The kernels as a differentiable function of a cell."""

from __future__ import annotations

import ctypes
import os
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from elman._errors import ConfigError, one_of
from elman._types import Carry, Padding
from elman.cells import GRU, LSTM, Cell, Elman, LSTMCarry
from elman.recurrence import scan
from elman.recurrence.steps import Steps

_LIBRARY = Path(__file__).with_name("_kernels.so")


class _Call(NamedTuple):
    """What of a call is no array. `seen` means that the gates are returned too."""

    padding: Padding
    reverse: bool
    seen: bool


def refusal(cell: Cell, *, masked: bool, tapped: bool, short: bool) -> str | None:
    """Why the kernels cannot serve a call here; None where they can."""
    if _kind(cell) is None:
        return f"{type(cell).__name__} has no native kernel"
    if problem := _irregular(cell):
        return problem
    if short:  # a kernel is first packed, which costs as much as a few steps
        return "so few steps do not repay the native kernel's preparations"
    if jax.default_backend() != "cpu":
        return f"the native kernels are for CPUs, and the arrays are on {jax.default_backend()}"
    try:
        _library()
    except OSError as error:
        return str(error)
    return None


@cache
def instruction_set() -> str:
    """The instruction set of the kernels in use.

    Raises:
        OSError: there are no kernels here.
    """
    function = _library().elman_instruction_set
    function.restype = ctypes.c_char_p
    return function().decode()


def run(
    cell: Cell,
    xs: Float[Array, "batch time feature"],
    carry: Carry,
    *,
    start: Carry,
    steps: Steps,
    wanted: tuple[str, ...] = (),
) -> tuple[Carry, Float[Array, "batch time hidden"], dict[str, Any]]:
    """Runs a layer; see `recurrence.scan.run` for the arguments."""
    _library()
    call = _Call(steps.padding, steps.reverse, bool(wanted))
    lengths = None if steps.lengths is None else jnp.asarray(steps.lengths, jnp.int32)
    (carry, ys, seen), _ = _layer(call, cell, xs, carry, start, lengths, steps.resets)
    return carry, ys, {name: seen[name] for name in wanted}


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _layer(call: _Call, *inputs: Any) -> tuple[tuple[Carry, Array, dict[str, Any]], tuple]:
    """The outputs, and what the backward pass needs. No gradient comes by the latter: whatever reads it accounts for it
    by the inputs.
    """
    return _forward(call, *inputs)


def _layer_forward(call: _Call, *inputs: Any) -> tuple[Any, Any]:
    outputs, saved = _layer(call, *inputs)
    return (outputs, saved), (inputs, None if call.seen else saved)


def _layer_backward(call: _Call, residuals: Any, gradients: Any) -> tuple:
    (inputs, saved), (outputs, _) = residuals, gradients
    if call.seen:  # gradients may come by any gate, which the kernel does not foresee
        return (*_scan_gradients(call, inputs, outputs), None, None)
    carry, ys, _ = outputs
    return (*_gradients(call, inputs, saved, (carry, ys)), None, None)


_layer.defvjp(_layer_forward, _layer_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gradients(call: _Call, inputs: tuple, saved: tuple, gradients: tuple) -> tuple:
    return _backward(call, inputs, saved, gradients)


def _gradients_forward(call: _Call, inputs: tuple, saved: tuple, gradients: tuple) -> tuple[Any, Any]:
    return _gradients(call, inputs, saved, gradients), (inputs, saved, gradients)


def _gradients_backward(call: _Call, residuals: tuple, seconds: tuple) -> tuple:
    """Second derivatives, by the scan engine."""
    inputs, saved, (carry, ys) = residuals
    arrays, masks = inputs[:4], inputs[4:]

    def first(arrays: tuple, carry: Carry, ys: Array) -> tuple:
        return _scan_gradients(call, (*arrays, *masks), (carry, ys, {}))

    by_arrays, by_carry, by_ys = jax.vjp(first, arrays, carry, ys)[1](seconds)
    return (*by_arrays, None, None), jax.tree.map(jnp.zeros_like, saved), (by_carry, by_ys)


_gradients.defvjp(_gradients_forward, _gradients_backward)


def _scan_gradients(call: _Call, inputs: tuple, gradients: tuple) -> tuple:
    *arrays, lengths, resets = inputs
    steps = Steps(lengths, call.padding, resets, call.reverse)
    wanted = tuple(gradients[2])

    def by_scan(cell: Cell, xs: Array, carry: Carry, start: Carry) -> tuple:
        return scan.run(cell, xs, carry, start=start, steps=steps, wanted=wanted)

    return jax.vjp(by_scan, *arrays)[1](gradients)


# The calls


def _forward(
    call: _Call,
    cell: Cell,
    xs: Array,
    carry: Carry,
    start: Carry,
    lengths: Int[Array, " batch"] | None,
    resets: Bool[Array, "batch time"] | None,
) -> tuple[tuple[Carry, Array, dict[str, Any]], tuple]:
    """The outputs, and what the backward pass needs."""
    (batch, time, _), hidden, lstm = xs.shape, cell.hidden_size, isinstance(cell, LSTM)
    kept = 0 if isinstance(cell, Elman) else 4 * hidden
    ys, gates, cs, h, c = jax.ffi.ffi_call(
        "elman_forward",
        (
            _like(xs, batch, time, hidden),
            _like(xs, batch, time, kept),
            _like(xs, batch, time, hidden if lstm else 0),
            _like(xs, batch, hidden),
            _like(xs, batch, hidden if lstm else 0),
        ),
        vmap_method="sequential",
    )(*_operands(cell, xs, carry, start, lengths, resets), **_attributes(call, cell))
    last = LSTMCarry(h, c) if lstm else h
    seen = _seen(call, cell, carry, last, (ys, gates, cs), lengths) if call.seen else {}
    return (last, ys, seen), (ys, gates, cs)


def _backward(call: _Call, inputs: tuple, saved: tuple, gradients: tuple) -> tuple:
    """The gradients by cell, inputs, carry and start."""
    cell, xs, carry, start, lengths, resets = inputs
    ys, gates, cs = saved
    d_carry, d_ys = gradients
    lstm, elman = isinstance(cell, LSTM), isinstance(cell, Elman)
    operands = _operands(cell, xs, carry, start, lengths, resets)
    d_h, d_c = d_carry if lstm else (d_carry, operands[6])
    shapes = [_like(xs, *operand.shape) for operand in (*operands[:9], d_ys if elman else gates)]
    d_xs, *d_weights, d_h, d_c, d_h_start, d_c_start, _ = jax.ffi.ffi_call(
        "elman_backward", shapes, vmap_method="sequential", input_output_aliases={13 if elman else 16: 9}
    )(*operands, ys, cs, d_ys, d_h, d_c, gates, **_attributes(call, cell))
    d_cell = _with_weights(cell, d_weights)
    by_carry = (LSTMCarry(d_h, d_c), LSTMCarry(d_h_start, d_c_start)) if lstm else (d_h, d_h_start)
    return d_cell, d_xs, *by_carry


def _operands(cell: Cell, xs: Array, carry: Carry, start: Carry, lengths: Any, resets: Any) -> tuple[Array, ...]:
    """The arrays that both kernels begin with; what a cell has not is empty."""
    nothing = jnp.zeros((xs.shape[0], 0), xs.dtype)
    weights = [getattr(cell, name) for name in _names(cell)]
    (h, c), (h_start, c_start) = (carry, start) if isinstance(cell, LSTM) else ((carry, nothing), (start, nothing))
    return (
        xs,
        *weights,
        *[jnp.zeros(0, xs.dtype)] * (4 - len(weights)),
        *(h, c, h_start, c_start),
        jnp.zeros(0, jnp.int32) if lengths is None else lengths,
        jnp.zeros((0, 0), bool) if resets is None else resets,
    )


def _names(cell: Cell) -> tuple[str, ...]:
    """The weights, in the order that the kernels take them."""
    names = ("kernel", "recurrent_kernel", "bias")
    return (*names, "recurrent_bias") if isinstance(cell, GRU) else names


def _irregular(cell: Cell) -> str | None:
    """Why the weights are not what the kernels, which read plain memory, take them for; None where they are."""
    gates, hidden = {GRU: 3, LSTM: 4}.get(type(cell), 1), cell.hidden_size
    shapes = [(cell.input_size, gates * hidden), (hidden, gates * hidden), (gates * hidden,), (hidden,)]
    for name, shape in zip(_names(cell), shapes, strict=False):
        weight = getattr(cell, name)
        if jnp.shape(weight) != shape:
            return f"{name} has shape {jnp.shape(weight)}; the native kernel takes {shape}"
    dtypes = {str(jnp.result_type(getattr(cell, name))) for name in _names(cell)}
    if dtypes not in ({"float32"}, {"float64"}):
        return f"the native kernels are for weights of float32 or float64; these are {', '.join(sorted(dtypes))}"
    return None


def _with_weights(cell: Cell, weights: list[Array]) -> Cell:
    given = dict(zip(_names(cell), weights, strict=False))
    paths, structure = jax.tree_util.tree_flatten_with_path(cell)
    return structure.unflatten([given[jax.tree_util.keystr(path, simple=True)] for path, _ in paths])


def _attributes(call: _Call, cell: Cell) -> dict[str, Any]:
    return {"kind": np.int64(_kind(cell) or 0), "pad_left": call.padding == "left", "reverse": call.reverse}


def _seen(
    call: _Call, cell: Cell, first: Carry, last: Carry, saved: tuple, lengths: Int[Array, " batch"] | None
) -> dict[str, Any]:
    """What taps show: the state after each step, and the gates."""
    ys, gates, cs = saved
    names = {LSTM: "ifgo", GRU: "rzn"}.get(type(cell), "")
    seen = dict(zip(names, jnp.split(gates, 4, axis=-1), strict=False))
    states = LSTMCarry(ys, cs) if isinstance(cell, LSTM) else ys
    valid = Steps(lengths, call.padding).valid(ys.shape[1])
    if valid is not None:  # at padding the kernels write no gates, and the state is the one before or after all steps
        held = first if call.reverse == (call.padding == "right") else last
        seen = {name: jnp.where(valid[..., None], gate, 0) for name, gate in seen.items()}
        states = jax.tree.map(lambda all, one: jnp.where(valid[..., None], all, one[:, None]), states, held)
    return seen | {"carry": states}


@cache
def _library() -> ctypes.CDLL:
    """The kernels, known to XLA.

    Raises:
        OSError: no kernels were built when elman was installed.
        ConfigError: an environment variable that means nothing.
    """
    _check_environment()
    if not _LIBRARY.exists():
        raise OSError(
            "no native kernels were built when elman was installed; with a C++ compiler, "
            "python -m elman.recurrence.native.build makes them"
        )
    library = ctypes.CDLL(str(_LIBRARY))
    for name in ("elman_forward", "elman_backward"):
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(library, name)), platform="cpu")
    return library


def _check_environment() -> None:
    """The kernels read these themselves, and take what they cannot read for the default."""
    one_of("ELMAN_ISA", os.environ.get("ELMAN_ISA", "avx512"), ("avx512", "avx2", "baseline"))
    threads = os.environ.get("ELMAN_NUM_THREADS", "1")
    if not (threads.isdecimal() and 0 < int(threads) < 1024):
        raise ConfigError(f"ELMAN_NUM_THREADS: expected a number of threads from 1 on; got {threads!r}")


def _kind(cell: Cell) -> int | None:
    """The number of a cell's kernel, as in `kernels/layer.h`. A subclass may step differently, so it has none."""
    if type(cell) is Elman:
        return 0 if cell.activation == "tanh" else 1
    return {GRU: 2, LSTM: 3}.get(type(cell))


def _like(xs: Array, *shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, xs.dtype)
