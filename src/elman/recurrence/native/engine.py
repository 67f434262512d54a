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
from elman._types import Carry, Padding, WeightFormat
from elman.cells import Cell
from elman.ops.by_hand import ByHand
from elman.ops.mesh_axes import vary_alike
from elman.recurrence import scan
from elman.recurrence.native.described import WEIGHTS, Kernel, described, irregularity, kernel_of
from elman.recurrence.native.packed import FORMATS, Layout, PackedCell
from elman.recurrence.native.zoneout import Rates, unwrap_zoneout, with_zones, zones_of
from elman.recurrence.steps import Steps

_REVISION = 2
"""The number that `kernels/binding.cc` has for what its functions take and the cells that they know."""

_LIBRARY = Path(__file__).with_name("_kernels.so")


class _Inputs(NamedTuple):
    """The first arguments of both kernels; arrays that a cell does not have are empty."""

    xs: Array
    kernel: Array
    recurrent_kernel: Array
    bias: Array
    extra: Array
    h: Array
    c: Array
    h_start: Array
    c_start: Array
    lengths: Array
    resets: Array
    zone_h: Array
    zone_c: Array


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
    extra: Any
    h: Any
    c: Any
    h_start: Any
    c_start: Any
    gates: Any


class _Call(NamedTuple):
    """The static part of a call. `tapped` means that states and gates are returned too; `rates` are those of zoneout
    without noise.
    """

    padding: Padding
    reverse: bool
    tapped: bool
    rates: Rates = ()


def refusal(cell: Cell, *, masked: bool, tapped: bool) -> str | None:
    """The reason why the kernels cannot serve a call; None if they can."""
    if isinstance(cell, PackedCell):
        return "the kernels for packed weights return no gates" if tapped else _unavailable()
    inner, zoneout = unwrap_zoneout(cell)
    kernel = kernel_of(inner)
    if kernel is None or (zoneout and not kernel.zones):
        return f"{type(cell).__name__} has no native kernel" + f" around {type(inner).__name__}" * bool(zoneout)
    if problem := irregularity(inner):
        return problem
    return _unavailable()


def packed_refusal(cell: Cell) -> str | None:
    """The reason why a cell's weights cannot be packed; None if they can."""
    problem = refusal(cell, masked=False, tapped=False)
    if problem is None and not ((kernel := kernel_of(cell)) and kernel.packs):
        problem = f"{type(cell).__name__} has no kernel for packed weights"
    if problem is None and (dtype := jax.tree.leaves(cell)[0].dtype) != jnp.float32:
        return f"packed weights are for models in float32; these are {dtype}"
    return problem


def kind_of(cell: Cell) -> int:
    """The number of a cell's kernel, `Kind` in `kernels/layer.h`."""
    return described(cell).kind


def pack_cell(cell: Cell, weights: WeightFormat) -> PackedCell:
    """The cell with packed weights; see `packed_refusal`."""
    kernel = described(cell)
    extra: Any = getattr(cell, kernel.extra) if kernel.extra else np.zeros(0, np.float32)
    return PackedCell(cell, weights, extra, gates=kernel.gates, layout=layout())


def _unavailable() -> str | None:
    """The reason why there are no kernels on this machine; None if there are."""
    if jax.default_backend() != "cpu":
        return f"the native kernels are for CPUs, and the arrays are on {jax.default_backend()}"
    try:
        library()
    except OSError as error:
        return str(error)
    return None


@cache
def layout() -> Layout:
    """The order in which the kernels in use read packed weights.

    Raises:
        OSError: no kernels are installed.
    """
    functions = library().elman_lanes, library().elman_rows_together
    for function in functions:
        function.restype = ctypes.c_int64
    return Layout(*(function() for function in functions))


@cache
def instruction_set() -> str:
    """The instruction set of the kernels in use.

    Raises:
        OSError: no kernels are installed.
    """
    function = library().elman_instruction_set
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
    library()
    lengths = None if steps.lengths is None else jnp.asarray(steps.lengths, jnp.int32)
    call = _Call(steps.padding, steps.reverse, bool(wanted))
    if isinstance(cell, PackedCell):
        return (*_packed(call, cell, xs, carry, start, lengths, steps.resets), {})
    masks = None
    cell, zoneout = unwrap_zoneout(cell)
    if zoneout:
        rates, masks = zones_of(zoneout, *xs.shape[:2])
        call = call._replace(rates=rates)
    carry, ys, taps = _LAYER(call, cell, xs, carry, start, lengths, steps.resets, masks)
    return carry, ys, {name: taps[name] for name in wanted}


# The calls


def _value(
    call: _Call, cell: Cell, xs: Array, carry: Carry, start: Carry, lengths: Any, resets: Any, masks: Any
) -> tuple[Carry, Array, dict[str, Any]]:
    """The outputs of `_forward`; no gates and cell states are written where nobody asks for them."""
    if call.tapped:
        return _forward(call, cell, xs, carry, start, lengths, resets, masks)[0]
    inputs, (batch, time, _) = _inputs(cell, xs, carry, start, lengths, resets, masks), xs.shape
    ys, h, c = jax.ffi.ffi_call(
        "elman_outputs",
        (_like(xs, batch, time, cell.hidden_size), *(_like(xs, *state.shape) for state in (inputs.h, inputs.c))),
        vmap_method="sequential",
    )(*inputs, **_attributes(call, cell), **_rates(call))
    return _carry_like(carry, h, c), ys, {}


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _packed(
    call: _Call,
    cell: PackedCell,
    xs: Array,
    carry: Carry,
    start: Carry,
    lengths: Int[Array, " batch"] | None,
    resets: Bool[Array, "batch time"] | None,
) -> tuple[Carry, Array]:
    (batch, time, _), hidden = xs.shape, cell.hidden_size
    states = _inputs(cell.inner, xs, carry, start, lengths, resets, None)
    ys, h, c = jax.ffi.ffi_call(
        "elman_packed",
        (_like(xs, batch, time, hidden), _like(xs, batch, hidden), _like(xs, *states.c.shape)),
        vmap_method="sequential",
    )(
        xs,
        *(cell.kernel.values, cell.recurrent_kernel.values, cell.kernel.scales, cell.recurrent_kernel.scales),
        *(cell.bias, cell.extra),
        *states[states._fields.index("h") : states._fields.index("zone_h")],
        format=np.int64(FORMATS.index(cell.format)),
        **_attributes(call, cell.inner),
    )
    return _carry_like(carry, h, c), ys


@_packed.defjvp
def _no_gradients(*_: Any) -> Any:
    raise ConfigError("a packed model has no gradients; differentiate the model from which elman.pack made it")


def _forward(
    call: _Call,
    cell: Cell,
    xs: Array,
    carry: Carry,
    start: Carry,
    lengths: Int[Array, " batch"] | None,
    resets: Bool[Array, "batch time"] | None,
    masks: Carry | None,
) -> tuple[tuple[Carry, Array, dict[str, Any]], tuple]:
    """The outputs, and the arrays saved for the backward pass."""
    kernel, (batch, time, _), hidden = described(cell), xs.shape, cell.hidden_size
    inputs = _inputs(cell, xs, carry, start, lengths, resets, masks)
    c_size = inputs.c.shape[1]
    ys, gates, cs, h, c = jax.ffi.ffi_call(
        "elman_forward",
        (
            _like(xs, batch, time, hidden),
            _like(xs, batch, time, len(kernel.kept) * kernel.memory(cell)),
            _like(xs, batch, time, c_size),
            _like(xs, batch, hidden),
            _like(xs, batch, c_size),
        ),
        vmap_method="sequential",
    )(*inputs, **_attributes(call, cell), **_rates(call))
    last = _carry_like(carry, h, c)
    taps = _taps(call, kernel, (carry, last), (ys, gates, cs), lengths) if call.tapped else {}
    return (last, ys, taps), () if call.tapped else (ys, gates, cs)


def _backward(call: _Call, inputs: tuple, saved: tuple, gradients: tuple) -> tuple:
    """The gradients by cell, inputs, carry and start."""
    if call.tapped:  # gradients may come through any gate, which the kernel does not support
        return jax.vjp(partial(_by_scan, call), *inputs)[1](gradients)[:4]
    cell, _, carry, *_ = inputs
    ys, gates, cs = saved
    d_carry, d_ys, _ = gradients
    arrays = _inputs(*inputs)
    # The gradients before the non-linearities overwrite the saved gates, or those by ys if no gates were saved.
    replaced = "gates" if described(cell).kept else "d_ys"
    outputs = _Outputs(ys, cs, d_ys, *_states(d_carry, arrays.c), gates)
    shapes = [jax.typeof(array) for array in (*arrays[: len(_Gradients._fields) - 1], getattr(outputs, replaced))]
    aliases = {len(arrays) + _Outputs._fields.index(replaced): _Gradients._fields.index("gates")}
    by = _Gradients(
        *jax.ffi.ffi_call("elman_backward", shapes, vmap_method="sequential", input_output_aliases=aliases)(
            *arrays, *outputs, **_attributes(call, cell), **_rates(call)
        )
    )
    return _by_cell(cell, by), by.xs, _carry_like(carry, by.h, by.c), _carry_like(carry, by.h_start, by.c_start)


def _by_scan(
    call: _Call, cell: Cell, xs: Array, carry: Carry, start: Carry, lengths: Any, resets: Any, masks: Any
) -> tuple:
    """The outputs of `_forward` by the scan engine, for derivatives that the kernels do not compute."""
    steps = Steps(lengths, call.padding, resets, call.reverse)
    kernel = described(cell)
    wanted = ("carry", *kernel.kept[: kernel.gates]) if call.tapped else ()
    return scan.run(with_zones(cell, call.rates, masks), xs, carry, start=start, steps=steps, wanted=wanted)


_LAYER = ByHand(plain=_by_scan, forward=_forward, backward=_backward, shared=1, value=_value)


def _inputs(cell: Cell, xs: Array, carry: Carry, start: Carry, lengths: Any, resets: Any, masks: Any) -> _Inputs:
    no_state, no_weight = jnp.zeros((xs.shape[0], 0), xs.dtype), jnp.zeros(0, xs.dtype)
    no_mask = jnp.zeros((xs.shape[0], 0, 0), bool)
    weights = [getattr(cell, name) for name in described(cell).weights]
    inputs = _Inputs(
        xs,
        *weights,
        *[no_weight] * (len(WEIGHTS) - len(weights)),
        *_states(carry, no_state),
        *_states(start, no_state),
        jnp.zeros(0, jnp.int32) if lengths is None else lengths,
        jnp.zeros((0, 0), bool) if resets is None else resets,
        *_states(no_mask if masks is None else masks, no_mask),
    )
    return vary_alike(inputs)


def _states(carry: Carry, missing: Array) -> tuple[Array, Array]:
    """The arrays h and c of a carry; `missing` for the c that it lacks."""
    h, *c = jax.tree.leaves(carry)
    return h, *(c or [missing])


def _carry_like(carry: Carry, h: Array, c: Array) -> Carry:
    """A carry of the same kind with other arrays."""
    structure = jax.tree.structure(carry)
    return structure.unflatten((h, c)[: structure.num_leaves])


def _by_cell(cell: Cell, gradients: _Gradients) -> Cell:
    """The gradients by the weights, as a cell."""
    paths, structure = jax.tree_util.tree_flatten_with_path(cell)
    by_name = dict(zip(described(cell).weights, gradients[1:], strict=False))
    return structure.unflatten([by_name[jax.tree_util.keystr(path, simple=True)] for path, _ in paths])


def _attributes(call: _Call, cell: Cell) -> dict[str, Any]:
    kind = np.int64(described(cell).kind)
    return {"kind": kind, "pad_left": call.padding == "left", "reverse": call.reverse}


def _rates(call: _Call) -> dict[str, Any]:
    rate_h, rate_c, *_ = (*call.rates, 0.0, 0.0)
    return {"rate_h": np.float64(rate_h), "rate_c": np.float64(rate_c)}


def _taps(
    call: _Call, kernel: Kernel, ends: tuple[Carry, Carry], saved: tuple, lengths: Int[Array, " batch"] | None
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
def library() -> ctypes.CDLL:
    """Loads the kernels and registers them with XLA.

    Raises:
        OSError: no kernels were built when elman was installed, or those of another version of elman.
        ConfigError: an environment variable with an invalid value.
    """
    _check_environment()
    if not _LIBRARY.exists():
        raise OSError(
            "no native kernels were built when elman was installed; with a C++ compiler, "
            "python -m elman.recurrence.native.build makes them"
        )
    library = ctypes.CDLL(str(_LIBRARY))
    names = ("elman_outputs", "elman_forward", "elman_backward", "elman_packed")
    called = ("elman_instruction_set", "elman_lanes", "elman_rows_together", "elman_step", "elman_revision")
    for name in (*names, *called):
        _function(library, name)
    if (revision := library.elman_revision()) != _REVISION:
        raise _stale(f"revision {revision} of its functions instead of {_REVISION}")
    for name in names:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(library, name)), platform="cpu")
    return library


def native_function(name: str) -> Any:
    """A function of the kernels that is no part of XLA's programs.

    Raises:
        OSError: no kernels were built, or from sources that have no such function.
    """
    return _function(library(), name)


def _function(library: ctypes.CDLL, name: str) -> Any:
    if not hasattr(library, name):
        raise _stale(f"no {name}")
    return getattr(library, name)


def _stale(difference: str) -> OSError:
    return OSError(
        f"{_LIBRARY} was built from other sources than these: it has {difference}; "
        "python -m elman.recurrence.native.build makes it anew"
    )


def _check_environment() -> None:
    """Checks the environment variables of the kernels, which themselves take the default for an invalid value."""
    one_of("ELMAN_ISA", os.environ.get("ELMAN_ISA", "avx512"), ("avx512", "avx2", "baseline"))
    threads = os.environ.get("ELMAN_NUM_THREADS", "1")
    if not (threads.isdecimal() and 0 < int(threads) < 1024):
        raise ConfigError(f"ELMAN_NUM_THREADS: expected a number of threads from 1 on; got {threads!r}")


def _like(xs: Array, *shape: int) -> Any:
    """The type of an array of another shape that varies over the same axes of a device mesh."""
    return jax.typeof(xs).update(shape=shape, weak_type=False)
