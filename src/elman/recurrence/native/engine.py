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
from elman.cells import GRU, LSTM, Cell, Elman
from elman.recurrence import scan
from elman.recurrence.steps import Steps

_LIBRARY = Path(__file__).with_name("_kernels.so")


class _Kernel(NamedTuple):
    """The description of a cell for the kernels: `kernels/layer.h` has the blocks, `kernels/binding.cc` the order."""

    kind: int  # the number of `Kind`
    gates: int  # blocks of hidden_size columns in a weight
    weights: tuple[str, ...]
    kept: (
        str  # a letter for each block that the backward pass needs of a step, besides its outputs; a gate has its name
    )


_WEIGHTS = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")
_KERNELS = {
    (Elman, "tanh"): _Kernel(0, 1, _WEIGHTS[:3], ""),
    (Elman, "relu"): _Kernel(1, 1, _WEIGHTS[:3], ""),
    (GRU, None): _Kernel(2, 3, _WEIGHTS, "rznq"),
    (LSTM, None): _Kernel(3, 4, _WEIGHTS[:3], "ifgo"),
}


class _Inputs(NamedTuple):
    """The first arguments of both kernels; arrays that a cell does not have are empty."""

    xs: Array
    kernel: Array
    recurrent_kernel: Array
    bias: Array
    recurrent_bias: Array
    h: Array
    c: Array
    h_start: Array
    c_start: Array
    lengths: Array
    resets: Array


class _Outputs(NamedTuple):
    """The other arguments of the backward kernel: outputs, their gradients, and the saved gates."""

    ys: Array
    cs: Array
    d_ys: Array
    d_h: Array
    d_c: Array
    gates: Array


class _Gradients(NamedTuple):
    """The results of the backward kernel. `gates`, those before the non-linearities, is scratch memory."""

    xs: Any
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    recurrent_bias: Any
    h: Any
    c: Any
    h_start: Any
    c_start: Any
    gates: Any


class _Call(NamedTuple):
    """The static part of a call. `tapped` means that states and gates are returned too."""

    padding: Padding
    reverse: bool
    tapped: bool


def refusal(cell: Cell, *, masked: bool, tapped: bool) -> str | None:
    """The reason why the kernels cannot serve a call; None if they can."""
    if _kernel(cell) is None:
        return f"{type(cell).__name__} has no native kernel"
    if problem := _irregular(cell):
        return problem
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
        OSError: no kernels are installed.
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
    (carry, ys, taps), _ = _layer(call, cell, xs, carry, start, lengths, steps.resets)
    return carry, ys, {name: taps[name] for name in wanted}


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _layer(call: _Call, *inputs: Any) -> tuple[tuple[Carry, Array, dict[str, Any]], tuple]:
    """The outputs, and the arrays saved for the backward pass. No gradient flows through the latter: the function that
    reads them accounts for it through the inputs.
    """
    return _forward(call, *inputs)


def _layer_forward(call: _Call, *inputs: Any) -> tuple[Any, Any]:
    outputs, saved = _layer(call, *inputs)
    return (outputs, saved), (inputs, None if call.tapped else saved)


def _layer_backward(call: _Call, residuals: Any, gradients: Any) -> tuple:
    (inputs, saved), (outputs, _) = residuals, gradients
    if call.tapped:  # gradients may come through any gate, which the kernel does not support
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
    """The second derivatives, by the scan engine."""
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
    """The outputs, and the arrays saved for the backward pass."""
    kernel, (batch, time, _), hidden = _described(cell), xs.shape, cell.hidden_size
    inputs = _inputs(cell, xs, carry, start, lengths, resets)
    c_size = inputs.c.shape[1]
    ys, gates, cs, h, c = jax.ffi.ffi_call(
        "elman_forward",
        (
            _like(xs, batch, time, hidden),
            _like(xs, batch, time, len(kernel.kept) * hidden),
            _like(xs, batch, time, c_size),
            _like(xs, batch, hidden),
            _like(xs, batch, c_size),
        ),
        vmap_method="sequential",
    )(*inputs, **_attributes(call, cell))
    last = _carry_like(carry, h, c)
    taps = _taps(call, kernel, (carry, last), (ys, gates, cs), lengths) if call.tapped else {}
    return (last, ys, taps), (ys, gates, cs)


def _backward(call: _Call, inputs: tuple, saved: tuple, gradients: tuple) -> tuple:
    """The gradients by cell, inputs, carry and start."""
    cell, xs, carry, _, _, _ = inputs
    ys, gates, cs = saved
    d_carry, d_ys = gradients
    arrays = _inputs(*inputs)
    # The gradients before the non-linearities overwrite the saved gates, or those by ys if no gates were saved.
    replaced = "gates" if _described(cell).kept else "d_ys"
    outputs = _Outputs(ys, cs, d_ys, *_states(d_carry, arrays.c), gates)
    shapes = [_like(xs, *array.shape) for array in (*arrays[: len(_Gradients._fields) - 1], getattr(outputs, replaced))]
    aliases = {len(arrays) + _Outputs._fields.index(replaced): _Gradients._fields.index("gates")}
    by = _Gradients(
        *jax.ffi.ffi_call("elman_backward", shapes, vmap_method="sequential", input_output_aliases=aliases)(
            *arrays, *outputs, **_attributes(call, cell)
        )
    )
    return _by_cell(cell, by), by.xs, _carry_like(carry, by.h, by.c), _carry_like(carry, by.h_start, by.c_start)


def _inputs(cell: Cell, xs: Array, carry: Carry, start: Carry, lengths: Any, resets: Any) -> _Inputs:
    no_state, no_weight = jnp.zeros((xs.shape[0], 0), xs.dtype), jnp.zeros(0, xs.dtype)
    named = _described(cell).weights
    return _Inputs(
        xs,
        *(getattr(cell, name) if name in named else no_weight for name in _WEIGHTS),
        *_states(carry, no_state),
        *_states(start, no_state),
        jnp.zeros(0, jnp.int32) if lengths is None else lengths,
        jnp.zeros((0, 0), bool) if resets is None else resets,
    )


def _states(carry: Carry, missing: Array) -> tuple[Array, Array]:
    """The arrays h and c of a carry; `missing` for the c that it lacks."""
    h, *c = jax.tree.leaves(carry)
    return h, *(c or [missing])


def _carry_like(carry: Carry, h: Array, c: Array) -> Carry:
    """A carry of the same kind with other arrays."""
    structure = jax.tree.structure(carry)
    return structure.unflatten((h, c)[: structure.num_leaves])


def _irregular(cell: Cell) -> str | None:
    """The reason why the kernels, which read plain memory, cannot take these weights; None if they can."""
    kernel, hidden = _described(cell), cell.hidden_size
    columns = kernel.gates * hidden
    shapes = ((cell.input_size, columns), (hidden, columns), (columns,), (hidden,))
    for name, shape in zip(kernel.weights, shapes, strict=False):
        weight = getattr(cell, name)
        if jnp.shape(weight) != shape:
            return f"{name} has shape {jnp.shape(weight)}; the native kernel takes {shape}"
    dtypes = {str(jnp.result_type(getattr(cell, name))) for name in kernel.weights}
    if dtypes not in ({"float32"}, {"float64"}):
        return f"the native kernels are for weights of float32 or float64; these are {', '.join(sorted(dtypes))}"
    return None


def _by_cell(cell: Cell, gradients: _Gradients) -> Cell:
    """The gradients by the weights, as a cell."""
    paths, structure = jax.tree_util.tree_flatten_with_path(cell)
    return structure.unflatten([getattr(gradients, jax.tree_util.keystr(path, simple=True)) for path, _ in paths])


def _attributes(call: _Call, cell: Cell) -> dict[str, Any]:
    kind = np.int64(_described(cell).kind)
    return {"kind": kind, "pad_left": call.padding == "left", "reverse": call.reverse}


def _taps(
    call: _Call, kernel: _Kernel, ends: tuple[Carry, Carry], saved: tuple, lengths: Int[Array, " batch"] | None
) -> dict[str, Any]:
    """The taps: the state after each step, and the gates."""
    ys, gates, cs = saved
    first, last = ends
    blocks = jnp.split(gates, len(kernel.kept), axis=-1) if kernel.kept else []
    taps = dict(zip(kernel.kept[: kernel.gates], blocks, strict=False))
    states = _carry_like(first, ys, cs)
    valid = Steps(lengths, call.padding).valid(ys.shape[1])
    if valid is not None:  # at padding the kernels write no gates, and the state is the one before or after all steps
        held = first if call.reverse == (call.padding == "right") else last
        taps = {name: jnp.where(valid[..., None], gate, 0) for name, gate in taps.items()}
        states = jax.tree.map(lambda all, one: jnp.where(valid[..., None], all, one[:, None]), states, held)
    return taps | {"carry": states}


@cache
def _library() -> ctypes.CDLL:
    """Loads the kernels and registers them with XLA.

    Raises:
        OSError: no kernels were built when elman was installed.
        ConfigError: an environment variable with an invalid value.
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
    """Checks the environment variables of the kernels, which themselves take the default for an invalid value."""
    one_of("ELMAN_ISA", os.environ.get("ELMAN_ISA", "avx512"), ("avx512", "avx2", "baseline"))
    threads = os.environ.get("ELMAN_NUM_THREADS", "1")
    if not (threads.isdecimal() and 0 < int(threads) < 1024):
        raise ConfigError(f"ELMAN_NUM_THREADS: expected a number of threads from 1 on; got {threads!r}")


def _kernel(cell: Cell) -> _Kernel | None:
    """The kernel of a cell. A subclass may step differently, so it has none."""
    return _KERNELS.get((type(cell), getattr(cell, "activation", None)))


def _described(cell: Cell) -> _Kernel:
    kernel = _kernel(cell)
    assert kernel, "`refusal` comes first"
    return kernel


def _like(xs: Array, *shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, xs.dtype)
