"""Networks whose layers are in no row, to PyTorch: the graphs of ONNX, which `torch_nodes.py` computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.cells import GRU, LSTM, Elman
from elman.interop.gates import from_onnx_arrays, to_torch_arrays
from elman.interop.graph_proof import prove_graph
from elman.interop.onnx import graph_model, need_onnx
from elman.interop.proof import Show
from elman.interop.pytorch import need_torch
from elman.layers.graph import Graph, Graphed, named_leaves


def torch_graphs(network: Graphed, *, show: Show | None = None) -> Any:
    """A `torch_nodes.Network` that computes as the functions of a network do.

    Raises:
        ConversionError: an operation that has no counterpart, or outputs that differ.
        ConfigError: PyTorch or ONNX is not installed.
    """
    torch = need_torch()
    from elman.interop.torch_nodes import Network  # imports PyTorch

    writer, layers = _Writer({name for name, _ in named_leaves(network)}), dict[str, dict[str, str]]()
    graphs = network.graphs()
    for name, graph in graphs.items():
        layers[name] = writer.add(name, graph, network)
    module = Network(**writer.config)
    module.load_state_dict({name: torch.tensor(array) for name, array in writer.state.items()})
    module.eval()
    for name, graph in graphs.items():
        what = "PyTorch beside elman" if len(graphs) == 1 else f"PyTorch beside elman, {name}"
        prove_graph(what, graph, [_runner(module, name, layers[name])], list(layers[name]), show)
    return module


def _runner(module: Any, function: str, layers: dict[str, str]) -> Any:
    """A function from inputs and states to what the module computes of them."""
    torch = need_torch()
    graph = module.config["functions"][function]

    def run(feeds: dict[str, Any]) -> dict[str, Any]:
        tensors = {name: torch.tensor(value) for name, value in feeds.items()}
        inputs = {name: tensors[name] for name in graph["inputs"]}
        state = {name: tensors[f"state.{name}"] for name in graph["start"]}
        with torch.no_grad():
            values = module.run(function, inputs, state)
        named = [*graph["outputs"], *(f"next.{name}" for name in graph["start"])]
        shown = {name: name for name in named} | layers
        return {name: values[place].numpy() for name, place in shown.items()}

    return run


class _Writer:
    """The arguments of `torch_nodes.Network`, and its state dict."""

    def __init__(self, weights: set[str]):
        self.config: dict[str, Any] = {"functions": {}, "recurrent": {}, "weights": {}, "constants": {}}
        self.state = dict[str, np.ndarray]()
        self._weights = weights
        self._layers = dict[tuple[str, ...], str]()

    def add(self, function: str, graph: Graph, network: Any) -> dict[str, str]:
        """Adds a function; returns the names of the outputs of its recurrences, by their paths."""
        onnx = need_onnx()
        model, paths = graph_model(network, graph, outputs_of_layers=True, native=(Elman, GRU, LSTM))
        self._arrays = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
        self._function = function
        outputs = [one.name for one in model.graph.output]
        start = {name: np.asarray(leaf) for name, leaf in named_leaves(graph.start(1))}
        self.config["functions"][function] = {
            "inputs": {name: "float32" if one.limit is None else "int32" for name, one in graph.inputs.items()},
            "batch": next(name for name, one in graph.inputs.items() if one.axes[0] == "batch"),
            "start": {name: self._constant(f"{function}.start.{name}", array) for name, array in start.items()},
            "outputs": outputs[len(start) : len(outputs) - len(paths)],
            "nodes": [self._node(node) for node in model.graph.node],
        }
        return dict(zip(paths, outputs[len(outputs) - len(paths) :], strict=True))

    def _node(self, node: Any) -> list[Any]:
        onnx = need_onnx()
        options = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        options = {name: value.decode() if isinstance(value, bytes) else value for name, value in options.items()}
        options.pop("keepdims", None)  # reductions keep no axes
        if node.op_type in ("RNN", "GRU", "LSTM"):
            return self._recurrent(node, options)
        inputs = [self._known(name) for name in node.input]
        if node.op_type == "Scan":
            body = options["body"]
            turned = bool(options["scan_output_directions"][0])
            options = {
                "nodes": [self._node(one) for one in body.node],
                "inputs": [one.name for one in body.input],
                "outputs": [one.name for one in body.output],
                "scanned": options["num_scan_inputs"],
                "reverse": turned,
            }
        elif node.op_type == "Cast":
            options["to"] = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(options["to"])).name
        options = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
        return [node.op_type, inputs, list(node.output), options]

    def _recurrent(self, node: Any, options: dict[str, Any]) -> list[Any]:
        """RNN, GRU or LSTM as a layer of PyTorch, which those of the same weights share."""
        xs, *names, lengths = node.input[:5]
        if tuple(names) not in self._layers:
            W, R, B = (self._arrays[name][0] for name in names)
            layer = names[0].removesuffix(".W").replace(".", "_")
            layer = layer if layer not in self.config["recurrent"] else f"{layer}_{len(self._layers)}"
            made = {"cell": node.op_type, "input_size": W.shape[1], "hidden_size": R.shape[1]}
            if node.op_type == "RNN":
                made["nonlinearity"] = options["activations"][0].decode().lower()
            self.config["recurrent"][layer] = made
            arrays = to_torch_arrays(from_onnx_arrays(node.op_type, W, R, B))
            for name, array in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), arrays, strict=True):
                self.state[f"recurrent.{layer}.rnn.{name}_l0"] = np.ascontiguousarray(array)
            self._layers[tuple(names)] = layer
        inputs = [xs, lengths, *node.input[5:]]
        options = {"layer": self._layers[tuple(names)], "reverse": options["direction"] == "reverse"}
        return ["Recurrent", [self._known(name) for name in inputs], list(node.output), options]

    def _known(self, name: str) -> str:
        """The name of a value, after a weight or a constant of this name was added."""
        if name not in self._arrays:
            return name
        array = self._arrays[name]
        if name not in self._weights:
            return self._constant(f"{self._function}.{name}", array)
        self.config["weights"][name] = list(array.shape)
        self.state[f"weights.{name.replace('.', '_')}"] = array
        return name

    def _constant(self, name: str, array: np.ndarray) -> str:
        self.config["constants"][name] = [array.dtype.name, list(array.shape)]
        self.state[f"constants.{name.replace('.', '_')}"] = array
        return name
