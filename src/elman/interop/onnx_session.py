"""A graph of ONNX in a session that gives the values of any names, and the nodes in it that are layers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elman._errors import ConversionError, DataError
from elman.interop.onnx import need_onnx
from elman.interop.onnx_layers import INSTEAD, KNOWN, RECURRENT, Node

_DOMAINS = ("", "ai.onnx")


def read_model(file: Path) -> Any:
    """The graph in a file, whole and with its weights.

    Raises:
        DataError: no such graph, or weights in another file that is missing.
    """
    onnx = need_onnx()
    try:
        model = onnx.load(file, load_external_data=False)
    except Exception as error:  # whatever protobuf raises
        raise DataError(f"{file}: no whole graph of ONNX ({_reason(error)})") from None
    try:
        onnx.load_external_data_for_model(model, str(file.absolute().parent))
    except Exception as error:  # whatever ONNX and the file system raise
        raise DataError(
            f"{file}: its weights are in another file, which cannot be read ({_reason(error)}); put it beside this "
            "one, or export one file"
        ) from None
    if not model.graph.node:
        raise DataError(f"{file}: no whole graph of ONNX (it has no nodes)")
    return model


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


class LoadedGraph:
    """A graph, the nodes in it that are layers, and a session that gives the values of any names."""

    def __init__(self, model: Any):
        onnx = need_onnx()
        self.model = onnx.inliner.inline_local_functions(model) if model.functions else model
        self.nodes = list(self.model.graph.node)
        self.facts = {one.key: one.value for one in self.model.metadata_props}
        weights = {one.name for one in self.model.graph.initializer}
        self.inputs = {one.name: one for one in self.model.graph.input if one.name not in weights}
        self.made = {name: node for node in self.nodes for name in node.output}
        self.dependent = self._names_after(set(self.inputs))
        self._refuse_others()
        self.layers = list(self._layers())
        if not self.layers:
            raise ConversionError(f"the graph has none of the layers that elman can take: {KNOWN}")
        self._refuse_loops()
        self.main = self._main_input()
        self.dependent = self._names_after({self.main})
        self.layers = [layer for layer in self.layers if layer.data in self.dependent]
        self.is_time_first = self.layers[0].kind in RECURRENT
        self.output = self._main_output()
        self._session = self._make_session()

    def _names_after(self, start: set[str]) -> set[str]:
        """The names of the values that depend on others; shapes are no values here."""
        names = set(start)
        for node in self.nodes:
            if names.intersection(node.input) and node.op_type not in ("Shape", "Size"):
                names.update(node.output)
        return names

    def _refuse_others(self) -> None:
        for number, node in enumerate(self.nodes):
            if not self.dependent.intersection(node.input):
                continue
            inner = any(attribute.HasField("g") for attribute in node.attribute)
            if node.domain not in _DOMAINS or node.op_type in INSTEAD or inner:
                instead = INSTEAD.get(node.op_type, "layers that are built of ONNX's own nodes")
                kind = f"{node.domain}.{node.op_type}" if node.domain not in _DOMAINS else node.op_type
                path = node.name or f"node {number + 1}"
                raise ConversionError(f"{path} ({kind}): elman has no such layer; use {instead}")

    def _refuse_loops(self) -> None:
        """Refuses a recurrence that is written out step by step."""
        counts = Counter(layer.weights["kernel"] for layer in self.layers if "kernel" in layer.weights)
        for layer in self.layers:
            name = layer.weights.get("kernel", "")
            if counts[name] > 2:
                raise ConversionError(
                    f"{layer.path}: its weights {name!r} are used {counts[name]} times, so a recurrence is written out "
                    "step by step; export with ONNX's own RNN, GRU or LSTM (of PyTorch: dynamo=False), "
                    "or import the weights as .safetensors or the model as .keras"
                )

    def _layers(self) -> Iterator[Node]:
        counts = Counter[str]()
        for number, node in enumerate(self.nodes):
            layer = self._layer(node, number)
            if layer is not None:
                counts[layer.path] += 1
                again = f".{counts[layer.path]}" if counts[layer.path] > 1 else ""
                yield layer._replace(path=layer.path + again)

    def _layer(self, node: Any, number: int) -> Node | None:
        onnx = need_onnx()
        options = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        options = {name: one.decode() if isinstance(one, bytes) else one for name, one in options.items()}
        inputs = [*node.input, *[""] * 8]
        reads = [name in self.dependent for name in inputs]
        path, kind = path_of(node, number), node.op_type
        if kind in RECURRENT and reads[0]:
            if not node.output[0]:
                node.output[0] = f"{path}.outputs"
            weights = {name: inputs[place] for name, place in zip("WRBP", (1, 2, 3, 7), strict=True) if inputs[place]}
            return Node(path, kind, options, inputs[0], weights, tuple(filter(None, inputs[5:7])), node.output[0])
        if kind in ("Gather", "GatherND") and reads[1] and not reads[0]:
            return Node(path, kind, options, inputs[1], {"table": inputs[0]}, (), node.output[0])
        if kind in ("MatMul", "Gemm") and reads[0] and not reads[1]:
            weights = {"kernel": inputs[1]} | ({"bias": inputs[2]} if inputs[2] else {})
            output = node.output[0]
            following = [one for one in self.nodes if output in one.input]
            if kind == "MatMul" and len(following) == 1 and following[0].op_type == "Add":
                other = next((name for name in following[0].input if name not in self.dependent), "")
                if other:
                    weights, output = weights | {"bias": other}, following[0].output[0]
            return Node(path, kind, options, inputs[0], weights, (), output)
        names = {"LayerNormalization": ("scale", "bias"), "BatchNormalization": ("scale", "bias", "mean", "variance")}
        if kind in names and reads[0]:
            weights = {part: name for part, name in zip(names[kind], inputs[1:], strict=False) if name}
            return Node(path, kind, options, inputs[0], weights, (), node.output[0])
        return None

    def _main_input(self) -> str:
        """The input that the first layer reads."""
        first = self.layers[0].data
        before, names = {first}, [first]
        while names:
            node = self.made.get(names.pop())
            new = [] if node is None else [name for name in node.input if name and name not in before]
            before.update(new)
            names += new
        mains = [name for name in self.inputs if name in before]
        if not mains:
            raise ConversionError(f"{self.layers[0].path}: reads none of the graph's inputs")
        return max(mains, key=lambda name: len(self.inputs[name].type.tensor_type.shape.dim))

    def _main_output(self) -> str:
        """The output behind the most layers; the first of several."""
        names = [one.name for one in self.model.graph.output]
        behind = dict.fromkeys(names, 0)
        for layer in self.layers:
            after = self._names_after({layer.output})
            for name in names:
                behind[name] += name in after
        return max(names, key=lambda name: behind[name])

    def _make_session(self) -> Any:
        import onnxruntime

        onnx = need_onnx()
        probe, known = onnx.ModelProto(), {one.name for one in self.model.graph.output}
        probe.CopyFrom(self.model)
        wanted = [self.output]
        for layer in self.layers:
            wanted += [layer.data, layer.output, *layer.weights.values(), *layer.state]
        made = {name for node in self.nodes for name in node.output}
        kept = {one.name: onnx.numpy_helper.to_array(one) for one in self.model.graph.initializer if one.name in wanted}
        self.stored: dict[str, np.ndarray] = kept
        self.tapped = [name for name in dict.fromkeys(wanted) if name in made]
        probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.tapped if name not in known)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # whatever ONNX Runtime raises
            raise ConversionError(f"ONNX Runtime cannot load the graph: {_reason(error)}") from None

    def constants(self) -> dict[str, np.ndarray]:
        """The arrays of 32 bits that the graph stores, by name, also under the names of their reshaped forms."""
        onnx = need_onnx()
        tensors = {one.name: one for one in self.model.graph.initializer}
        for node in self.nodes:
            values = [one.t for one in node.attribute if one.name == "value"]
            if node.op_type == "Constant" and values:
                tensors[node.output[0]] = values[0]
            elif node.op_type in ("Identity", "Unsqueeze", "Reshape", "Expand") and node.input[0] in tensors:
                tensors[node.output[0]] = tensors[node.input[0]]
        floats = {name: one for name, one in tensors.items() if one.data_type == onnx.TensorProto.FLOAT}
        return {name: onnx.numpy_helper.to_array(one) for name, one in floats.items()}

    def sizes(self, *, time_first: bool) -> tuple[int, int]:
        """The batch and the time that the graph's input has fixed; 0 where they are open."""
        dims = [one.dim_value for one in self.inputs[self.main].type.tensor_type.shape.dim]
        if len(dims) < 2:
            raise ConversionError(f"{self.main}: expected an input with axes for the batch and for time; got {dims}")
        return (dims[1], dims[0]) if time_first else (dims[0], dims[1])

    def run(self, xs: np.ndarray, *, time_first: bool) -> dict[str, np.ndarray]:
        """The values of all names that layers have, for inputs (batch, time) or (batch, time, feature)."""
        onnx = need_onnx()
        batch, time = xs.shape[:2]
        feeds = dict[str, np.ndarray]()
        bound = {one.dim_param: size for one, size in zip(
            self.inputs[self.main].type.tensor_type.shape.dim, (time, batch) if time_first else (batch, time),
            strict=False)}  # fmt: skip
        start = json.loads(self.facts.get("start", "{}"))
        for name, one in self.inputs.items():
            kind = onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)
            shape = [dim.dim_value or bound.get(dim.dim_param, batch) for dim in one.type.tensor_type.shape.dim]
            if name == self.main:
                feeds[name] = (np.swapaxes(xs, 0, 1) if time_first else xs).astype(kind)
            elif np.issubdtype(kind, np.integer) and len(shape) == 1:
                feeds[name] = np.full(shape, time, kind)  # lengths
            else:
                feeds[name] = np.broadcast_to(np.asarray(start.get(name, 0), kind), shape)
        try:
            values = self._session.run(self.tapped, feeds)
        except Exception as error:  # whatever ONNX Runtime raises
            raise ConversionError(
                f"ONNX Runtime cannot run the graph on inputs of shape {xs.shape}: {_reason(error)}"
            ) from None
        return self.stored | feeds | dict(zip(self.tapped, values, strict=True))


def path_of(node: Any, number: int) -> str:
    """The path of a node: its name without that of the operation, or the name of its weights."""
    *path, last = node.name.strip("/").split("/")
    if path and last.startswith(node.op_type):
        return ".".join(path)
    for name in node.input:
        owner, _, weight = name.rpartition(".")
        if owner and weight in ("W", "R", "table", "kernel", "weight", "bias") and "::" not in owner:
            return owner
    return ".".join([*path, last]) if node.name else f"{node.op_type.lower()}{number + 1}"
