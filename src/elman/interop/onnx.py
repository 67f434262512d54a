"""Networks to ONNX, whatever cells they have, with every state as an input and an output.

The graph is that of the network's own functions: JAX traces them for any batch and any length, and each operation is
written as ONNX's. Opset 18 and IR version 8 are those that ONNX Runtime has on servers, phones and in browsers.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from elman._errors import ConfigError, ConversionError, nearest
from elman.cells import GRU, LSTM, Cell, Elman, PeepholeLSTM, ResetBeforeGRU
from elman.interop.calls import function_of
from elman.interop.graph_proof import Run, prove_graph
from elman.interop.int8 import round_weights, stored
from elman.interop.proof import Show
from elman.layers.graph import Graph, Graphed, length_of, named_leaves
from elman.recurrence.watch import watched_by
from elman.tasks.fitted import Fitted

OPSET, IR_VERSION = 18, 8

Native = tuple[type[Cell], ...]
NATIVE: Native = (Elman, GRU, ResetBeforeGRU, LSTM, PeepholeLSTM)
"""The cells that ONNX has as nodes."""


def need_onnx() -> Any:
    """ONNX and ONNX Runtime.

    Raises:
        ConfigError: they are not installed.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 - the proof needs it
    except ImportError:
        raise ConfigError("ONNX is not installed; install it with pip install 'elman[onnx]'") from None
    return onnx


def to_onnx(fitted: Any, *, function: str = "model", int8: bool = False, show: Show | None = None) -> Any:
    """An `onnx.ModelProto` that computes as a trained model or its network does.

    Its inputs are those of the network, with any batch and any length. A network that goes on from a state has an input
    `state.N` for each of its arrays, and an output `next.N`; the metadata `start` has the arrays to begin with.

    Args:
        fitted: a trained model, or a network that names its functions (`graphs`).
        function: the function of the network; an encoder and decoder has these two, all others have `model`.
        int8: stores matrices as whole numbers of 8 bits, a quarter of the size; see `round_weights`, whose network
            the graph is compared with.
        show: takes the lines of the proof, such as `print`.

    Raises:
        ConversionError: a network that has no single function, an operation that ONNX does not have, or outputs that
            differ.
        ConfigError: ONNX or ONNX Runtime is not installed.
    """
    onnx = need_onnx()
    network = fitted.model if isinstance(fitted, Fitted) else fitted
    if not isinstance(network, Graphed):
        raise ConversionError(f"{type(network).__name__}: names no function for other programs, so none can be written")
    network = round_weights(network) if int8 else network
    graphs = network.graphs()
    if function not in graphs:
        raise ConfigError(f"function: expected {' or '.join(graphs)}; got {function!r}{nearest(function, graphs)}")
    graph = graphs[function]
    task = type(fitted.task).__name__ if isinstance(fitted, Fitted) else ""
    model, _ = graph_model(network, graph, outputs_of_layers=False)
    facts = {"elman": version("elman"), "task": task, "opset": str(OPSET), "ir_version": str(IR_VERSION)}
    facts["weights"] = "int8" if int8 else "float32"
    facts["start"] = json.dumps(
        {f"state.{name}": np.asarray(leaf)[0].tolist() for name, leaf in named_leaves(graph.start(1))}
    )
    onnx.helper.set_model_props(model, facts)
    if int8:
        _shorten_weights(model)
    onnx.checker.check_model(model, full_check=True)
    probe, paths = graph_model(network, graph, outputs_of_layers=True)
    runs = [_runner(model, []), _runner(probe, paths)]
    prove_graph("ONNX Runtime beside elman", graph, runs, paths, show)
    return model


def _shorten_weights(model: Any) -> None:
    """Stores matrices as whole numbers, which two nodes turn into weights when the model is loaded. With
    DequantizeLinear in their place, ONNX Runtime would round the inputs of products too."""
    onnx = need_onnx()
    nodes, arrays = list[Any](), list[Any]()
    for tensor in model.graph.initializer:
        parts = stored(onnx.numpy_helper.to_array(tensor))
        if parts is None:
            arrays.append(tensor)
            continue
        whole, scale, axis = parts
        names = [f"{tensor.name}.{part}" for part in ("int8", "scale", "whole")]
        scale = scale.reshape([-1 if place == axis else 1 for place in range(whole.ndim)])
        arrays += [onnx.numpy_helper.from_array(each, name) for each, name in zip((whole, scale), names, strict=False)]
        nodes.append(onnx.helper.make_node("Cast", names[:1], names[2:], to=onnx.TensorProto.FLOAT))
        nodes.append(onnx.helper.make_node("Mul", [names[2], names[1]], [tensor.name]))
    rest = list(model.graph.node)
    for field, values in ((model.graph.initializer, arrays), (model.graph.node, [*nodes, *rest])):
        del field[:]
        field.extend(values)


def graph_model(
    network: Any, graph: Graph, *, outputs_of_layers: bool, native: Native = NATIVE
) -> tuple[Any, list[str]]:
    """The ONNX model, and the names of its recurrences, whose outputs may be outputs of the model too, after the rest.
    Cells of other classes than the `native` ones become a Scan."""
    from elman.interop.onnx_graph import TYPES, Builder, inlined
    from elman.interop.onnx_ops import convert
    from elman.interop.onnx_recurrence import Recurrences

    onnx = need_onnx()
    names = {id(leaf): name for name, leaf in named_leaves(network)}
    recurrences, builder = Recurrences(names, native), Builder()
    shapes, axes = _symbolic(graph)
    start = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((axes["batch"], *leaf.shape[1:]), leaf.dtype), graph.start(1)
    )
    outputs_by_name = list[str]()

    def function(state: Any, inputs: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        state, outputs = graph.function(state, **inputs)
        outputs_by_name[:] = outputs
        return jax.tree.leaves(state), list(outputs.values())

    with watched_by(recurrences.watch):
        traced = jax.make_jaxpr(function)(start, shapes)
    state_names = [name for name, _ in named_leaves(start)]
    inputs = [*(f"state.{name}" for name in state_names), *sorted(shapes)]  # JAX flattens a dict by its sorted keys
    _measure_axes(builder, graph)
    layers = dict[str, str]()

    def convert_all(builder: Builder, equation: Any, values: list[str]) -> list[str]:
        if equation.primitive.name == "elman_recurrence":
            result = recurrences.convert(builder, equation, values, convert_all)
            layers[recurrences.paths[equation.params["call"]]] = result[-1]
            return result
        if called := function_of(equation):
            return inlined(builder, *called, values, convert_all, names=names)
        return convert(builder, equation, values)

    results = inlined(builder, traced.jaxpr, traced.consts, inputs, convert_all, names=names)
    results = [builder.node("Identity", [name]) for name in results]
    kinds = [(var.aval.dtype, var.aval.shape) for var in traced.jaxpr.outvars]
    given = [*(f"next.{name}" for name in state_names), *outputs_by_name]
    for node in builder.nodes_made:
        for place, output in enumerate(node.output):
            if output in results:
                node.output[place] = given[results.index(output)]
    info = onnx.helper.make_tensor_value_info
    flat = [*jax.tree.leaves(start), *(shapes[name] for name in sorted(shapes))]
    outputs = [
        info(name, TYPES[np.dtype(kind).name], [_axis(d) for d in shape])
        for name, (kind, shape) in zip(given, kinds, strict=True)
    ]
    if outputs_of_layers:
        outputs += [info(name, TYPES["float32"], None) for name in layers.values()]
    made = onnx.helper.make_graph(
        builder.nodes_made,
        "elman",
        [
            info(name, TYPES[np.dtype(one.dtype).name], [_axis(d) for d in one.shape])
            for name, one in zip(inputs, flat, strict=True)
        ],
        outputs,
        builder.initializers,
    )
    opset = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(made, opset_imports=opset, ir_version=IR_VERSION, producer_name="elman")
    return model, [*layers]


def _axis(length: Any) -> Any:
    return int(length) if isinstance(length, int | np.integer) else str(length)


def _symbolic(graph: Graph) -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs for tracing, and the symbols of their axes."""
    axes = sorted(
        {axis.rpartition("*")[2] for one in graph.inputs.values() for axis in one.axes if isinstance(axis, str)}
    )
    symbols = dict(zip(axes, jax.export.symbolic_shape(", ".join(axes)), strict=True))
    shapes = {
        name: jax.ShapeDtypeStruct(
            tuple(length_of(axis, symbols) for axis in one.axes), jnp.float32 if one.limit is None else jnp.int32
        )
        for name, one in graph.inputs.items()
    }
    return shapes, symbols


def _measure_axes(builder: Any, graph: Graph) -> None:
    """Adds the nodes that measure every axis on an input."""
    for name, one in graph.inputs.items():
        for place, axis in enumerate(one.axes):
            times, _, symbol = str(axis).rpartition("*")
            if isinstance(axis, int) or symbol in builder.axes:
                continue
            shape = builder.node("Shape", [name])
            length = builder.node("Gather", [shape, builder.constant(np.array(place, np.int64))])
            if times:
                length = builder.node("Div", [length, builder.constant(np.array(int(times), np.int64))])
            builder.axes[symbol] = length


def _runner(model: Any, paths: list[str]) -> Run:
    """A function from the inputs of a model to its outputs, of which the last are those of the layers `paths`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    used = {one.name for one in session.get_inputs()}
    named = [one.name for one in session.get_outputs()]
    given = [*named[: len(named) - len(paths)], *paths]

    def run(feeds: dict[str, Any]) -> dict[str, Any]:
        values = session.run(None, {name: value for name, value in feeds.items() if name in used})
        return dict(zip(given, values, strict=True))

    return run
