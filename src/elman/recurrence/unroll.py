"""The entry point of the recurrence: runs a cell over a batch of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from elman._errors import ConfigError, ShapeError, nearest
from elman._types import Carry, Padding
from elman.cells import Cell
from elman.cells._wrapper import unwrap
from elman.ops.mesh_axes import vary_alike
from elman.recurrence import by_reference, fused, native, parallel, scan
from elman.recurrence.steps import Holes, Steps
from elman.recurrence.watch import watcher

Engine = Literal["auto", "native", "fused", "parallel", "scan", "reference"]

Names = Sequence[str] | Literal["all"]


def unroll(
    cell: Cell,
    xs: Float[Array, "batch time feature"],
    carry: Carry | None = None,
    *,
    lengths: Int[Array, " batch"] | None = None,
    padding: Padding = "right",
    mask: Bool[Array, "batch time"] | None = None,
    resets: Bool[Array, "batch time"] | None = None,
    reverse: bool = False,
    engine: Engine = "auto",
    taps: None = None,
) -> tuple[Carry, Float[Array, "batch time hidden"]]:
    """Runs `cell` along time; returns the last carry and every step's output.

    Args:
        cell: any `Cell`.
        xs: inputs, of `cell.input_size` features.
        carry: the state to continue from, each leaf with a leading batch axis; None starts from `cell.init_carry()`.
        lengths: valid steps of each sequence, 0 to time. Padded steps keep the carry and output zeros, whatever the
            padding holds; gradients stay finite.
        padding: the side of a sequence that its padding is on.
        mask: False at steps that are treated as padding, wherever they are, in place of `lengths`.
        resets: True restarts the state from `cell.init_carry()` before that step and cuts the gradient there; it does
            nothing at padding.
        reverse: runs from the last step to the first; outputs keep their places.
        engine: the engine that computes; "auto" takes the fastest that serves the call (`engine_for` tells which and
            why). All give the same numbers up to rounding and can be differentiated in both modes, also twice, except
            "reference", NumPy in float64 to check the others, which has gradients only.
        taps: not accepted; use `tap`, which returns gates and states.

    Raises:
        ShapeError: arrays that do not fit the cell or each other, or lengths outside 0 to time.
        ConfigError: an engine that cannot serve this call.

    >>> from elman.cells import LSTM
    >>> cell, xs = LSTM(3, 4, key=jax.random.key(0)), jnp.ones((2, 5, 3))
    >>> carry, ys = unroll(cell, xs)
    >>> half, _ = unroll(cell, xs[:, :2])
    >>> again, _ = unroll(cell, xs[:, 2:], half)
    >>> bool(jnp.allclose(carry.c, again.c, atol=1e-6)), ys.shape
    (True, (2, 5, 4))
    """
    if taps is not None:
        raise ConfigError(
            "unroll returns (carry, ys) and takes no taps; elman.tap(cell, xs, names=...) returns (carry, ys, seen)"
        )
    if mask is None:
        carry, ys, _ = _run(cell, xs, carry, Steps(lengths, padding, resets, reverse), (), engine)
        return carry, ys
    _check_mask(xs, mask, lengths)
    _check_resets(xs, resets)
    holes = Holes.of(mask)
    resets = None if resets is None else holes.pack(resets)
    carry, ys, _ = _run(cell, holes.pack(xs), carry, Steps(holes.lengths, "right", resets, reverse), (), engine)
    return carry, holes.spread(ys)


def tap(
    cell: Cell,
    xs: Float[Array, "batch time feature"],
    carry: Carry | None = None,
    *,
    names: Names = "all",
    lengths: Int[Array, " batch"] | None = None,
    padding: Padding = "right",
    resets: Bool[Array, "batch time"] | None = None,
    reverse: bool = False,
    engine: Engine = "auto",
) -> tuple[Carry, Float[Array, "batch time hidden"], dict[str, Any]]:
    """Runs `cell` as `unroll` does; returns the last carry, the outputs, and the states and gates of every step.

    Args:
        cell, xs, carry, lengths, padding, resets, reverse, engine: as in `unroll`.
        names: "carry" for the state after each step, and names of the cell's gates; "all" for all of them.

    Returns:
        The last carry and every step's output, equal to those of `unroll`, and a dict with an entry for each name: an
        array, or for "carry" the cell's state, with leading axes batch and time. A padded step keeps the carry, and its
        gates are zeros. Gradients flow through all three.

    Raises:
        ShapeError: as in `unroll`.
        ConfigError: a name that the cell does not have, or an engine that cannot serve this call.

    >>> from elman.cells import LSTM
    >>> cell, xs = LSTM(3, 4, key=jax.random.key(0)), jnp.ones((2, 5, 3))
    >>> carry, ys, seen = tap(cell, xs)
    >>> sorted(seen), seen["f"].shape, bool((seen["carry"].h == ys).all())
    (['carry', 'f', 'g', 'i', 'o'], (2, 5, 4), True)
    """
    return _run(cell, xs, carry, Steps(lengths, padding, resets, reverse), _tap_names(cell, names), engine)


def engine_for(cell: Cell, *, masked: bool = False, tapped: bool = False) -> tuple[str, str]:
    """The engine that `engine="auto"` takes, and why. `masked` means a call with lengths or resets, `tapped` a call
    of `tap`.

    >>> from elman.cells import GRU
    >>> class MyGRU(GRU):
    ...     pass
    >>> engine_for(MyGRU(3, 4, key=jax.random.key(0)))
    ('scan', 'MyGRU has no native kernel; MyGRU has no hand-derived backward pass; MyGRU is no LinearCell')
    """
    refusals, (core, _) = [], unwrap(cell)
    for engine, module in _ENGINES.items():
        refusal = module.refusal(core, masked=masked, tapped=tapped)
        if refusal is None:
            name = type(core).__name__
            if engine == "parallel":
                return engine, f"{name} is linear in its state"
            return engine, "; ".join(refusals) or f"{name} has kernels for {native.instruction_set()}"
        refusals.append(refusal)
    raise AssertionError("scan refuses no call")


def start_carry(cell: Cell, batch: int) -> Carry:
    """The start state `cell.init_carry()`, repeated for `batch` sequences."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *jnp.shape(leaf))), cell.init_carry())


# The fastest first. Each module has `refusal` and `run`.
_ENGINES: dict[str, Any] = {
    "native": native,
    "fused": fused,
    "parallel": parallel,
    "scan": scan,
    "reference": by_reference,
}


def _run(
    cell: Cell, xs: Array, carry: Carry | None, steps: Steps, wanted: tuple[str, ...], engine: Engine
) -> tuple[Carry, Array, dict[str, Any]]:
    _check_inputs(cell, xs)
    _check_lengths(xs, steps.lengths, steps.padding)
    _check_resets(xs, steps.resets)
    start = start_carry(cell, xs.shape[0])
    carry = start if carry is None else carry
    _check_carry(cell, carry, start)
    if not wanted and (watch := watcher()) is not None:
        return (*watch(cell, xs, carry, steps), {})
    masked = steps.lengths is not None or steps.resets is not None
    chosen = _choose(engine, cell, masked=masked, tapped=bool(wanted))
    masks = (steps.lengths, steps.resets)
    (core, outer), xs, carry, start, (lengths, resets) = vary_alike((unwrap(cell), xs, carry, start, masks))
    steps = steps._replace(lengths=lengths, resets=resets)
    valid = steps.valid(xs.shape[1]) if outer else None
    if valid is not None:  # padding may hold anything; zeros keep the gradients of the wrappers finite
        xs = jnp.where(valid[..., None], xs, 0)
    inputs = [xs]
    for wrapper in outer:
        inputs.append(wrapper.before(inputs[-1]))
    with jax.named_scope("recurrence"):
        carry, ys, tapped = _ENGINES[chosen].run(core, inputs.pop(), carry, start=start, steps=steps, wanted=wanted)
    for wrapper in reversed(outer):
        ys = wrapper.after(ys, inputs.pop())
    return carry, ys if valid is None else jnp.where(valid[..., None], ys, 0), tapped


def _choose(engine: str, cell: Cell, **call: bool) -> str:
    if engine == "auto":
        return engine_for(cell, **call)[0]
    if engine not in _ENGINES:
        known = ("auto", *_ENGINES)
        raise ConfigError(f"no engine {engine!r}{nearest(engine, known)}; expected one of {', '.join(known)}")
    core, _ = unwrap(cell)
    if refusal := _ENGINES[engine].refusal(core, **call):
        able = [name for name, module in _ENGINES.items() if module.refusal(core, **call) is None]
        raise ConfigError(f"engine {engine!r} cannot serve this call: {refusal}; {', '.join(able)} can")
    return engine


def _tap_names(cell: Cell, names: Names) -> tuple[str, ...]:
    gates = jax.eval_shape(
        lambda cell: cell.gates(
            cell.init_carry(), jax.tree.map(lambda a: a[0, 0], cell.project(jnp.zeros((1, 1, cell.input_size))))
        ),
        cell.core,
    )
    known = ("carry", *getattr(gates, "_fields", ()))
    names = known if names == "all" else (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"no tap {name!r}{nearest(name, known)}; {type(cell).__name__} has {', '.join(known)}, and 'all'"
            )
    return names


def _check_inputs(cell: Cell, xs: Array) -> None:
    if xs.ndim != 3:
        raise ShapeError(f"inputs: expected three axes (batch, time, feature); got shape {xs.shape}")
    batch, time, feature = xs.shape
    if feature != cell.input_size:
        raise ShapeError(f"inputs: expected {cell.input_size} features, the cell's input_size; got shape {xs.shape}")
    if batch == 0 or time == 0:
        raise ShapeError(f"inputs: expected at least one sequence and one step; got shape {xs.shape}")
    weights = [leaf.dtype for leaf in jax.tree.leaves(cell) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    if not jnp.issubdtype(xs.dtype, jnp.floating) or (weights and xs.dtype != weights[0]):
        expected = weights[0] if weights else "a floating type"
        raise ShapeError(f"inputs: expected {expected}, as the cell's weights; got {xs.dtype} (xs.astype mends it)")


def _check_lengths(xs: Array, lengths: Array | None, padding: str) -> None:
    if padding not in ("right", "left"):
        raise ConfigError(f"padding: expected 'right' or 'left'; got {padding!r}")
    if lengths is None:
        return
    batch, time = xs.shape[:2]
    if lengths.shape != (batch,) or not jnp.issubdtype(lengths.dtype, jnp.integer):
        raise ShapeError(
            f"lengths: expected one whole number per sequence, shape {(batch,)}; got {lengths.shape} of {lengths.dtype}"
        )
    try:
        values = np.asarray(lengths)
    except jax.errors.TracerArrayConversionError:  # inside jit the values are unknown; they are clipped there
        return
    if values.min() < 0 or values.max() > time:
        worst = int(values.min() if values.min() < 0 else values.max())
        raise ShapeError(f"lengths: expected 0 to {time}, the steps of the inputs {xs.shape}; got {worst}")


def _check_mask(xs: Array, mask: Array, lengths: Array | None) -> None:
    if lengths is not None:
        raise ConfigError("mask: says which steps are real, and so do lengths; give one of them")
    if mask.shape != xs.shape[:2] or mask.dtype != jnp.bool_:
        raise ShapeError(f"mask: expected one bool per step, shape {xs.shape[:2]}; got {mask.shape} of {mask.dtype}")


def _check_resets(xs: Array, resets: Array | None) -> None:
    if resets is not None and (resets.shape != xs.shape[:2] or resets.dtype != jnp.bool_):
        raise ShapeError(
            f"resets: expected one bool per step, shape {xs.shape[:2]}; got {resets.shape} of {resets.dtype}"
        )


def _check_carry(cell: Cell, carry: Carry, start: Carry) -> None:
    got, expected = _described(carry), _described(start)
    if jax.tree.structure(carry) != jax.tree.structure(start) or got != expected:
        raise ShapeError(f"carry: expected that of {type(cell).__name__}, {expected} (batch, hidden); got {got}")


def _described(carry: Carry) -> str:
    return str(jax.tree.map(lambda leaf: f"{jnp.shape(leaf)} {jnp.result_type(leaf)}", carry))
