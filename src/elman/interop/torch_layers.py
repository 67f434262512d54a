"""Layers between elman and PyTorch: from the arrays of a state dict to parts of a chain, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from elman._errors import ConversionError
from elman.cells import GRU, LSTM, Cell, Elman, ProjectedLSTM
from elman.interop.chains import no_such
from elman.interop.gates import GATES, Family, cell_with, from_torch_arrays, to_torch_arrays, weights_of
from elman.layers import Bidirectional, Dense, Embedding
from elman.layers.chain import (
    Activation,
    Backward,
    Chain,
    Dropout,
    FrozenNorm,
    Halves,
    Masked,
    Skip,
    dense,
    frozen_norm,
    with_arrays,
)
from elman.layers.norm import LayerNorm
from elman.layers.pooling import AttentionPooling, LastPooling, MaxPooling, MeanPooling

Arrays = Mapping[str, np.ndarray]

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def family_of_arrays(path: str, arrays: Arrays) -> Family:
    """The family of a recurrent layer, by the shapes of its weights.

    Raises:
        ConversionError: shapes that no family has.
    """
    rows = [name for name in arrays if name.startswith("weight_ih")]
    kernel, recurrent = arrays[rows[0]], arrays[rows[0].replace("_ih", "_hh")]
    projection = arrays.get(rows[0].replace("weight_ih", "weight_hr"))
    hidden = recurrent.shape[1] if projection is None else projection.shape[1]
    for family, gates in GATES.items():
        if len(kernel) == gates * hidden:
            return family  # ty: ignore[invalid-explicit-return]
    raise ConversionError(
        f"{path}: weight_ih of {len(kernel)} rows for {hidden} units; expected as many (RNN), 3 times (GRU) or 4 times "
        "as many (LSTM)"
    )


def recurrent_parts(
    path: str, family: Family, arrays: Arrays, *, activation: str = "tanh", dropout: float = 0.0
) -> dict[str, Any]:
    """The layers of nn.RNN, nn.GRU, nn.LSTM, or of one of their cells, whose weights are `arrays`."""
    one = "weight_ih" in arrays
    count = 1 if one else sum(name.startswith("weight_ih_l") and "reverse" not in name for name in arrays)
    parts = dict[str, Any]()
    for layer in range(count):
        cells = [_cell(path, family, arrays, "" if one else f"_l{layer}", activation)]
        if f"weight_ih_l{layer}_reverse" in arrays:
            cells.append(_cell(path, family, arrays, f"_l{layer}_reverse", activation))
        name = path if layer == count - 1 else f"{path}.l{layer}"  # PyTorch shows the last layer's outputs
        parts[name] = cells[0] if len(cells) == 1 else Bidirectional(*cells)
        if dropout and layer < count - 1:
            parts[f"{path}.dropout{layer}"] = Dropout(dropout)
    return parts


def _cell(path: str, family: Family, arrays: Arrays, suffix: str, activation: str) -> Cell:
    shapes = {name + suffix: arrays[name + suffix].shape for name in _NAMES if name + suffix in arrays}
    if len({shape[:1] for shape in shapes.values()}) > 1:
        raise ConversionError(f"{path}: expected weights of one number of rows; got {shapes}")
    weights = from_torch_arrays(*(arrays.get(name + suffix) for name in _NAMES))
    if family == "RNN":
        if activation not in ("tanh", "relu"):
            raise ConversionError(f"{path}: elman's simple cell has tanh or relu; got {activation}")
        return cell_with(partial(Elman, activation=activation), weights)
    projection = arrays.get(f"weight_hr{suffix}")
    if projection is not None:
        return cell_with(partial(ProjectedLSTM, memory_size=projection.shape[1]), weights, projection=projection.T)
    return cell_with({"GRU": GRU, "LSTM": LSTM}[family], weights)


def embedding_part(weight: np.ndarray) -> Embedding:
    """The part of nn.Embedding."""
    return with_arrays(Embedding, *weight.shape, table=weight)


def linear_part(weight: np.ndarray, bias: np.ndarray | None = None) -> Dense:
    """The part of nn.Linear."""
    return dense(weight.T, bias)


def layer_norm_part(size: int, weight: Any = None, bias: Any = None, *, epsilon: float = 1e-5) -> LayerNorm:
    """The part of nn.LayerNorm."""
    scale, shift = np.ones(size, np.float32) if weight is None else weight, bias
    shift = np.zeros(size, np.float32) if shift is None else shift
    return with_arrays(partial(LayerNorm, epsilon=epsilon), size, key=False, scale=scale, shift=shift)


def batch_norm_part(arrays: Arrays, *, epsilon: float = 1e-5) -> FrozenNorm:
    """The part of nn.BatchNorm1d."""
    mean, variance = arrays["running_mean"], arrays["running_var"]
    scale, shift = arrays.get("weight", np.ones_like(mean)), arrays.get("bias", np.zeros_like(mean))
    return frozen_norm(scale, shift, mean, variance, epsilon=epsilon)


class TorchLayers(NamedTuple):
    """The arguments of `torch_network.Network`, and its state dict."""

    layers: dict[str, dict[str, Any]]
    skips: list[tuple[str, str]]
    tied: list[tuple[str, str]]
    state: dict[str, np.ndarray]


def torch_layers(chain: Chain) -> TorchLayers:
    """The layers of a chain as PyTorch has them.

    Raises:
        ConversionError: a part that PyTorch does not have; the message names its path and what has it.
    """
    result = TorchLayers({}, [], [], {})
    _add(chain, result)
    tables = [(torch_name(n), p) for n, p in zip(chain.names, chain.parts, strict=True) if isinstance(p, Embedding)]
    for name, part in zip(chain.names, chain.parts, strict=True):
        for other, embedding in tables:
            same = isinstance(part, Dense) and part.kernel.shape == embedding.table.T.shape
            if same and np.array_equal(part.kernel, embedding.table.T):
                result.tied.append((other, torch_name(name)))
    return result


def torch_name(path: str) -> str:
    """The name of a layer: PyTorch allows no point in it.

    >>> torch_name("layers.cells.0")
    'layers_cells_0'
    """
    return path.replace(".", "_")


def _add(chain: Chain, result: TorchLayers) -> None:
    for path, part in zip(chain.names, chain.parts, strict=True):
        if isinstance(part, Skip):
            result.skips.append((torch_name(part.chain.names[0]), torch_name(part.chain.names[-1])))
            _add(part.chain, result)
            continue
        options, arrays = _torch_layer(path, part)
        name = torch_name(path)
        result.layers[name] = options
        result.state.update({f"{name}.{suffix}": np.ascontiguousarray(array) for suffix, array in arrays.items()})


def _torch_layer(path: str, part: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    match part:
        case Embedding():
            vocab, size = part.table.shape
            return {"kind": "embedding", "num_embeddings": vocab, "embedding_dim": size}, {"weight": part.table}
        case Dense():
            inputs, outputs = part.kernel.shape
            return {"kind": "dense", "in_features": inputs, "out_features": outputs}, _linear(part)
        case LayerNorm():
            options = {"kind": "layer norm", "normalized_shape": len(part.scale), "eps": part.epsilon}
            return options, {"weight": part.scale, "bias": part.shift}
        case FrozenNorm(norm=norm, statistics=running):
            arrays: dict[str, Any] = {"weight": norm.scale, "bias": norm.shift, "running_mean": running.mean}
            arrays |= {"running_var": running.variance, "num_batches_tracked": np.array(0)}
            return {"kind": "batch norm", "num_features": len(norm.scale), "eps": norm.epsilon}, arrays
        case Activation():
            return {"kind": "activation", "name": part.name}, {}
        case Dropout():
            return {"kind": "dropout", "p": part.rate}, {}
        case Halves():
            return {"kind": "halves", "how": part.how}, {}
        case LastPooling():
            return {"kind": "pooling", "how": "last", "forward_size": part.forward_size}, {}
        case MeanPooling():
            return {"kind": "pooling", "how": "mean"}, {}
        case MaxPooling():
            return {"kind": "pooling", "how": "max"}, {}
        case AttentionPooling():
            arrays = {f"dense.{name}": array for name, array in _linear(part.dense).items()}
            return {"kind": "pooling", "how": "attention", "size": len(part.query)}, {**arrays, "query": part.query}
        case Backward():
            options, arrays = _recurrent(path, [part.cell])
            return {**options, "reverse": True, "flipped": part.flipped}, arrays
        case Bidirectional():
            return _recurrent(path, [part.forward, part.backward])
        case Cell():
            return _recurrent(path, [part])
        case Masked():
            raise no_such(path, part, "a layer of PyTorch", "give lengths to the network instead, and leave it out")
    raise no_such(path, part, "PyTorch", "export to ONNX")


def _linear(layer: Dense) -> dict[str, Any]:
    return {"weight": np.asarray(layer.kernel).T, "bias": layer.bias}


def _recurrent(path: str, cells: list[Cell]) -> tuple[dict[str, Any], dict[str, Any]]:
    cores: list[Any] = [cell.core for cell in cells]
    kinds = {(type(core), core.hidden_size, getattr(core, "activation", "")) for core in cores}
    if len(kinds) > 1:
        raise ConversionError(f"{path}: PyTorch's two directions are alike; got {cores[0]} and {cores[1]}")
    core = cores[0]
    options = {"kind": "recurrent", "input_size": core.input_size, "hidden_size": core.hidden_size}
    match core:
        case Elman():
            options |= {"cell": "RNN", "nonlinearity": core.activation}
        case GRU():
            options |= {"cell": "GRU"}
        case LSTM():
            options |= {"cell": "LSTM"}
        case ProjectedLSTM() if core.hidden_size < len(core.projection):
            options |= {"cell": "LSTM", "hidden_size": len(core.projection), "proj_size": core.hidden_size}
        case _:
            instead = "Elman, GRU, LSTM and ProjectedLSTM (narrower than its memory) are the same there; ONNX takes any"
            raise no_such(path, core, "PyTorch", instead)
    arrays = dict[str, Any]()
    for core, suffix in zip(cores, ("_l0", "_l0_reverse"), strict=False):
        arrays |= {f"rnn.{n}{suffix}": a for n, a in zip(_NAMES, to_torch_arrays(weights_of(core)), strict=True)}
        if isinstance(core, ProjectedLSTM):
            arrays[f"rnn.weight_hr{suffix}"] = np.asarray(core.projection).T
    starts = [[np.asarray(leaf) for leaf in _leaves(cell.init_carry())] for cell in cells]
    options["bidirectional"] = len(cells) == 2
    if any(leaf.any() for start in starts for leaf in start):
        options["start"] = True
        arrays |= {f"start.{n}": np.stack(part) for n, part in enumerate(zip(*starts, strict=True))}
    return options, arrays


def _leaves(carry: Any) -> tuple[Any, ...]:
    return carry if isinstance(carry, tuple) else (carry,)
