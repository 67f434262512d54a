"""Recurrences in ONNX: its own RNN, GRU and LSTM for the cells that it has, a Scan over the cell's step for all others.

While a network is traced, every call of `unroll` becomes one operation of the trace, which is then written as a node.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from onnx import TensorProto, helper

from elman._errors import ConversionError
from elman.cells import GRU, Cell, Elman, PeepholeLSTM, ResetBeforeGRU
from elman.interop.gates import family_of, inverse, ordered, to_onnx_arrays, weights_of
from elman.interop.onnx_graph import TYPES, Builder, inlined
from elman.recurrence.steps import Steps

_ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}


class Recurrences:
    """The recurrences of one trace, in the order of their calls."""

    def __init__(self, names: dict[int, str], native: tuple[type[Cell], ...]):
        self.calls = list[tuple[Cell, Any]]()
        self.paths = list[str]()
        self._names, self._native = names, native

    def watch(self, cell: Cell, xs: Any, carry: Any, steps: Steps) -> tuple[Any, Any]:
        """Takes the place of `unroll`'s engines.

        Raises:
            ConversionError: resets, or padding on the left.
        """
        if steps.resets is not None or steps.padding == "left":
            raise ConversionError("a recurrence with resets or with padding on the left; ONNX's have neither")
        leaves, tree = jax.tree.flatten(carry)
        lengths = [] if steps.lengths is None else [steps.lengths]
        self.calls.append((cell, tree))
        self.paths.append(self._path(cell))
        *last, ys = recurrence.bind(
            xs, *leaves, *lengths, call=len(self.calls) - 1, state=len(leaves), reverse=steps.reverse,
            hidden=cell.hidden_size,
        )  # fmt: skip
        return tree.unflatten(last), ys

    def _path(self, cell: Cell) -> str:
        path = next((self._names[id(leaf)] for leaf in jax.tree.leaves(cell) if id(leaf) in self._names), "cell.")
        path = path.rpartition(".")[0] or "cell"
        return path if path not in self.paths else f"{path}.again{len(self.paths)}"

    def convert(self, builder: Builder, equation: Any, inputs: list[str], inner: Any) -> list[str]:
        """The nodes of one recurrence; `inner` converts the operations of a cell's step."""
        params = equation.params
        cell, tree = self.calls[params["call"]]
        path, core = self.paths[params["call"]], cell.core
        xs, *rest = inputs
        state, lengths = rest[: params["state"]], rest[params["state"] :]
        time_major = builder.node("Transpose", [xs], perm=[1, 0, 2])
        native = type(core) in self._native
        run = _native if native else _scan
        options: dict[str, Any] = {"reverse": params["reverse"], "path": path}
        if not native:
            options |= {"tree": tree, "inner": inner, "shape": equation.invars[0].aval.shape, "weights": self._names}
        *last, ys = run(builder, core, time_major, state, lengths, **options)
        return [*last, builder.node("Transpose", [ys], perm=[1, 0, 2])]


recurrence = Primitive("elman_recurrence")
recurrence.multiple_results = True


@recurrence.def_abstract_eval
def _shapes(xs: Any, *rest: Any, call: int, state: int, reverse: bool, hidden: int) -> list[Any]:
    return [*(ShapedArray(one.shape, one.dtype) for one in rest[:state]),
            ShapedArray((*xs.shape[:2], hidden), xs.dtype)]  # fmt: skip


def _native(
    builder: Builder, core: Any, xs: str, state: list[str], lengths: list[str], *, reverse: bool, path: str
) -> list[str]:
    """RNN, GRU or LSTM; an empty sequence, which ONNX Runtime does not take, is read for a step and then undone."""
    family = family_of(core)
    assert family is not None
    arrays = to_onnx_arrays(family, weights_of(core))
    weights = [builder.constant(array, f"{path}.{name}") for name, array in zip("WRB", arrays, strict=True)]
    one = builder.constant(np.array([0], np.int64))
    empty, read = "", ""
    if lengths:
        empty = builder.node("Equal", [lengths[0], builder.constant(np.int32(0))])
        read = builder.node("Max", [lengths[0], builder.constant(np.int32(1))])
    starts = [builder.node("Unsqueeze", [part, one]) for part in state]
    inputs = [xs, *weights, read, *starts]
    if isinstance(core, PeepholeLSTM):
        inputs.append(builder.constant(ordered(core.peepholes, inverse((0, 2, 1)))[None], f"{path}.P"))
    attributes: dict[str, Any] = {"hidden_size": core.hidden_size, "direction": "reverse" if reverse else "forward"}
    if isinstance(core, GRU):
        attributes["linear_before_reset"] = 1
    if isinstance(core, ResetBeforeGRU):
        attributes["activations"] = ["Sigmoid", _ACTIVATIONS[core.activation]]
    if isinstance(core, Elman):
        attributes["activations"] = [_ACTIVATIONS[core.activation]]
    outputs = builder.nodes(family, inputs, 1 + len(state), **attributes)
    direction = builder.constant(np.array([1], np.int64))
    ys = builder.node("Squeeze", [outputs[0], direction])
    last = [builder.node("Squeeze", [part, one]) for part in outputs[1:]]
    if lengths:
        column = builder.node("Unsqueeze", [empty, direction])
        last = [builder.node("Where", [column, before, after]) for before, after in zip(state, last, strict=True)]
        ys = builder.node("Where", [column, builder.constant(np.float32(0)), ys])
    return [*last, ys]


def _scan(
    builder: Builder, core: Cell, xs: str, state: list[str], lengths: list[str], *, reverse: bool, path: str,
    tree: Any, inner: Any, shape: Any, weights: dict[int, str],
) -> list[str]:  # fmt: skip
    """A Scan: the projection of all inputs, then the step of the cell, which holds the state at padding."""
    batch, time, features = shape
    flat, kind = jax.ShapeDtypeStruct((time, batch, features), jnp.float32), jnp.float32
    projection = jax.make_jaxpr(core.project)(flat)
    projected_shapes = jax.eval_shape(core.project, flat)
    leaves, structure = jax.tree.flatten(projected_shapes)
    projected = inlined(builder, projection.jaxpr, projection.consts, [xs], inner, names=weights)

    start = [jax.ShapeDtypeStruct((batch, *leaf.shape), kind) for leaf in jax.tree.leaves(core.init_carry())]
    slices = [jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in leaves]

    def step(*values: Any) -> list[Any]:
        carry, now = tree.unflatten(values[: len(start)]), structure.unflatten(values[len(start) :])
        carry, y = jax.vmap(core.step)(carry, now)
        return [*jax.tree.leaves(carry), y]

    traced = jax.make_jaxpr(step)(*start, *slices)
    body = Builder(builder)
    inputs = [body.fresh(f"{path}.state") for _ in start] + [body.fresh(f"{path}.now") for _ in slices]
    *after, y = inlined(body, traced.jaxpr, traced.consts, inputs, inner, names=weights)
    scanned = list(projected)
    if lengths:
        real = body.fresh(f"{path}.real")
        inputs.append(real)
        after = [body.node("Where", [_beside(body, real, leaf), new, old])
                 for new, old, leaf in zip(after, inputs, start, strict=False)]  # fmt: skip
        y = body.node(
            "Where", [_beside(body, real, jax.ShapeDtypeStruct((1, 1), kind)), y, body.constant(np.float32(0))]
        )
        scanned.append(_mask(builder, lengths[0], time))
    names = [body.node("Identity", [name]) for name in (*after, y)]
    types = [TensorProto.FLOAT] * len(start) + [TYPES[np.dtype(leaf.dtype).name] for leaf in slices]
    types += [TensorProto.BOOL] * bool(lengths)
    graph = helper.make_graph(
        body.nodes_made, f"{path}.step",
        [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(inputs, types, strict=True)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
    )  # fmt: skip
    turned = int(reverse)
    return builder.nodes(
        "Scan", [*state, *scanned], len(names), body=graph, num_scan_inputs=len(scanned),
        scan_input_directions=[turned] * len(scanned), scan_output_directions=[turned],
    )  # fmt: skip


def _beside(body: Builder, real: str, leaf: Any) -> str:
    """The mask of a step with as many axes as a leaf of the state."""
    axes = np.arange(1, max(2, len(leaf.shape)), dtype=np.int64)
    return body.node("Unsqueeze", [real, body.constant(axes)])


def _mask(builder: Builder, lengths: str, time: Any) -> str:
    """(time, batch): True at the real steps."""
    zero, one = (builder.constant(np.array(value, np.int64)) for value in (0, 1))
    places = builder.cast(builder.node("Range", [zero, builder.dimension(time), one]), np.int32)
    column = builder.node("Unsqueeze", [places, builder.constant(np.array([1], np.int64))])
    return builder.node(
        "Less", [column, builder.node("Unsqueeze", [lengths, builder.constant(np.array([0], np.int64))])]
    )
