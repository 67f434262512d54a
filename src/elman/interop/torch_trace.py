"""A PyTorch module as a chain, by running it: the layers in the order in which they run, and what is between them.

What a `forward` computes between two layers is found by trying (`glue`); the proof then runs both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman._errors import ConversionError
from elman.interop import torch_layers as parts_of_torch
from elman.interop.glue import batch_first, between, shaped_as, stacked, with_feature_axis
from elman.interop.proof import Proof, Show, outputs_of, trials
from elman.interop.pytorch import array_of
from elman.layers.chain import Activation, Chain, Dropout

BATCH, TIME = 3, 7
KNOWN = "Embedding, Linear, RNN, GRU, LSTM and their cells, LayerNorm, BatchNorm1d, Dropout and activations"

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ELU: "elu",
    nn.GELU: "gelu",
    nn.LeakyReLU: "leaky_relu",
    nn.LogSoftmax: "log_softmax",
    nn.ReLU: "relu",
    nn.SiLU: "silu",
    nn.Sigmoid: "sigmoid",
    nn.Softmax: "softmax",
    nn.Softplus: "softplus",
    nn.Tanh: "tanh",
}
_WHOLE = (nn.Embedding, nn.Linear, nn.RNNBase, nn.RNNCellBase)
"""Layers that may have others in them, which compute their weights, such as weight norm."""

_INSTEAD = {
    "Conv1d": "elman.layers.conv.TimeConvolution, built and filled by hand",
    "EmbeddingBag": "nn.Embedding and a mean over time",
    "MultiheadAttention": "elman.layers.Attention, trained anew",
    "Flatten": "the last step, or a mean over time",
}

Call = Callable[[Any, Any], Any]


class Layer(NamedTuple):
    """One layer's run: its path, itself, and its inputs and outputs, batch first."""

    path: str
    module: nn.Module
    inputs: np.ndarray
    outputs: np.ndarray


class Record(NamedTuple):
    """One run of a module: its layers in the order of computation, and its outputs."""

    layers: list[Layer]
    outputs: np.ndarray


def chain_from_module(module: nn.Module, *, call: Call | None, show: Show | None) -> Chain:
    """The chain of a module; see `from_torch`.

    Raises:
        ConversionError: as `from_torch`.
    """
    errors, usual = list[ConversionError](), _is_time_first(module)
    with evaluated(module):
        for time_first in (usual, not usual):  # a forward may swap the axes itself
            try:
                return _proven_chain(module, call, time_first=time_first, show=show)
            except ConversionError as error:
                errors.append(error)
    raise errors[0]


def _proven_chain(module: nn.Module, call: Call | None, *, time_first: bool, show: Show | None) -> Chain:
    xs = _probe(module)
    call = _working_call(module, xs, time_first=time_first) if call is None else call
    chain = Chain(_parts(type(module).__name__, _run(module, xs, call, time_first=time_first)))
    _prove(module, chain, call, time_first=time_first, show=show)
    return chain


@contextmanager
def evaluated(module: nn.Module) -> Generator[None]:
    """The module without noise and gradients."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)


def _leaves(module: nn.Module) -> dict[str, nn.Module]:
    leaves = dict[str, nn.Module]()
    for path, one in module.named_modules():
        inside = any(path.startswith(f"{leaf}.") for leaf in leaves)
        if not inside and (isinstance(one, _WHOLE) or not any(one.children())):
            leaves[path or type(module).__name__] = one
    return leaves


def _probe(module: nn.Module, batch: int = BATCH, time: int = TIME) -> torch.Tensor:
    """Random inputs of the first layer with weights."""
    random = np.random.default_rng(0)
    for leaf in _leaves(module).values():
        if isinstance(leaf, nn.Embedding):
            return torch.tensor(random.integers(0, leaf.num_embeddings, (batch, time)))
        size = getattr(leaf, "input_size", None) or getattr(leaf, "in_features", None)
        size = size or getattr(leaf, "num_features", None) or (getattr(leaf, "normalized_shape", None) or [None])[0]
        if size is not None:
            return torch.tensor(random.normal(size=(batch, time, size)), dtype=_dtype(module))
    raise ConversionError(f"{type(module).__name__}: has none of the layers that elman can take: {KNOWN}")


def _dtype(module: nn.Module) -> torch.dtype:
    return next((weight.dtype for weight in module.parameters()), torch.float32)


def _recurrent(module: nn.Module) -> Any:
    return next((leaf for leaf in _leaves(module).values() if isinstance(leaf, nn.RNNBase)), None)


def _is_time_first(module: nn.Module) -> bool:
    layer = _recurrent(module)
    return layer is not None and not layer.batch_first


def _zeros(module: nn.Module, batch: int) -> Any:
    layer = _recurrent(module)
    if layer is None:
        raise TypeError("no state")
    rows = layer.num_layers * (1 + layer.bidirectional)
    dtype = next(layer.parameters()).dtype
    h = torch.zeros(rows, batch, layer.proj_size or layer.hidden_size, dtype=dtype)
    return (h, torch.zeros(rows, batch, layer.hidden_size, dtype=dtype)) if isinstance(layer, nn.LSTM) else h


def _working_call(module: nn.Module, xs: torch.Tensor, *, time_first: bool) -> Call:
    """The way to call a module: with its inputs alone, with a state of zeros, or with lengths."""

    def sizes(xs: Any) -> tuple[int, int]:
        batch, time = xs.shape[:2]
        return (time, batch) if time_first else (batch, time)

    ways: list[Call] = [
        lambda module, xs: module(xs),
        lambda module, xs: module(xs, _zeros(module, sizes(xs)[0])),
        lambda module, xs: module(xs, torch.full((sizes(xs)[0],), sizes(xs)[1])),
        lambda module, xs: module(xs, None),
    ]
    errors = list[str]()
    for way in ways:
        try:
            way(module, xs.transpose(0, 1) if time_first else xs)
        except Exception as error:  # whatever a module of anyone raises
            errors.append(f"{type(error).__name__}: {error}")
        else:
            return way
    kinds = ", ".join(f"{path} ({type(leaf).__name__})" for path, leaf in _leaves(module).items())
    raise ConversionError(
        f"{type(module).__name__}: cannot be called with inputs of shape {tuple(xs.shape)} ({errors[0]}); give "
        f"call=lambda module, xs: ... . Its layers: {kinds}"
    )


def _run(module: nn.Module, xs: torch.Tensor, call: Call, *, time_first: bool) -> Record:
    """Runs the module with hooks on its layers. The runs of a layer at every step are joined; a second run of one is a
    layer of its own."""
    batch, time = xs.shape[:2]
    leaves, runs = _leaves(module), list[tuple[str, Any, Any]]()

    def hook(path: str) -> Callable[..., None]:
        return lambda _, inputs, outputs: runs.append((path, inputs, outputs))

    handles = [leaf.register_forward_hook(hook(path)) for path, leaf in leaves.items()]
    try:
        outputs = _tensor(call(module, xs.transpose(0, 1) if time_first else xs))
    except RuntimeError as error:  # of sizes that its layers do not take
        raise ConversionError(
            f"{type(module).__name__}: cannot run on inputs of shape {tuple(xs.shape)}: {error}"
        ) from None
    finally:
        for handle in handles:
            handle.remove()

    layers, counts = list[Layer](), Counter(path for path, *_ in runs)
    seen = Counter[str]()
    for path, *values in runs:
        seen[path] += 1
        stepwise = counts[path] == time > 1
        if not stepwise:
            ours = [batch_first(array_of(_tensor(value)), batch, time, time_first=time_first) for value in values]
        elif seen[path] == 1:
            own = [rest for other, *rest in runs if other == path]
            ours = [np.stack([array_of(_tensor(value)) for value in side], axis=1) for side in zip(*own, strict=True)]
        else:
            continue
        layers.append(Layer(path if seen[path] == 1 else f"{path}.{seen[path]}", leaves[path], *ours))
    return Record(layers, batch_first(array_of(outputs), batch, time, time_first=time_first))


def _tensor(value: Any) -> torch.Tensor:
    while isinstance(value, tuple | list | dict) and not isinstance(value, PackedSequence):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    if isinstance(value, PackedSequence):
        value, _ = pad_packed_sequence(value, batch_first=True)
    return value


def _parts(name: str, record: Record) -> dict[str, Any]:
    parts, before, last = dict[str, Any](), None, ""
    for layer in record.layers:
        if before is not None:
            parts |= between(name, last, layer.path, before, layer.inputs, parts)
        parts |= layer_parts(layer.path, layer.module)
        before, last = layer.outputs, layer.path
    if before is None:
        raise ConversionError(f"{name}: ran none of the layers that elman can take: {KNOWN}")
    outputs = with_feature_axis(record.outputs, before)
    return parts | between(name, last, "its outputs", before, outputs, parts)


def layer_parts(path: str, leaf: nn.Module) -> dict[str, Any]:
    """The parts of one layer of PyTorch.

    Raises:
        ConversionError: a layer, or an option of it, that elman does not have.
    """
    if isinstance(leaf, nn.RNNBase | nn.RNNCellBase):
        family: Any = type(leaf).__name__.removesuffix("Cell")
        names = (
            leaf._flat_weights_names if isinstance(leaf, nn.RNNBase) else [name for name, _ in leaf.named_parameters()]
        )
        arrays = {name: array_of(getattr(leaf, name)) for name in names}
        activation = getattr(leaf, "nonlinearity", "tanh")
        return parts_of_torch.recurrent_parts(
            path, family, arrays, activation=activation, dropout=getattr(leaf, "dropout", 0.0)
        )
    arrays = {key: array_of(value) for key, value in leaf.state_dict().items()}
    name = type(leaf).__name__
    match leaf:
        case nn.Embedding() if leaf.max_norm is None:
            return {path: parts_of_torch.embedding_part(array_of(leaf.weight))}
        case nn.Linear():
            bias = None if leaf.bias is None else array_of(leaf.bias)
            return {path: parts_of_torch.linear_part(array_of(leaf.weight), bias)}
        case nn.LayerNorm() if len(leaf.normalized_shape) == 1:
            (size,) = leaf.normalized_shape
            return {path: parts_of_torch.layer_norm_part(size, **arrays, epsilon=leaf.eps)}
        case nn.BatchNorm1d() if leaf.track_running_stats:
            return {path: parts_of_torch.batch_norm_part(arrays, epsilon=leaf.eps)}
        case nn.Dropout() | nn.Dropout1d() | nn.Dropout2d():
            return {path: Dropout(leaf.p)}
        case nn.Identity():
            return {}
        case nn.Softmax() | nn.LogSoftmax():  # the proof tells whether they are over the features
            return {path: Activation(_ACTIVATIONS[type(leaf)])}
        case _ if type(leaf) in _ACTIVATIONS and _is_plain(leaf):
            return {path: Activation(_ACTIVATIONS[type(leaf)])}
    instead = f"; use {_INSTEAD[name]}" if name in _INSTEAD else ""
    raise ConversionError(f"{path}: {leaf} is no layer that elman can take: {KNOWN}{instead}")


def _is_plain(leaf: nn.Module) -> bool:
    """True for an activation without options of its own, such as another slope."""
    options = {name: value for name, value in vars(leaf).items() if isinstance(value, float | str)}
    usual = vars(type(leaf)())
    return all(usual[name] == value for name, value in options.items())


def _prove(module: nn.Module, chain: Chain, call: Call, *, time_first: bool, show: Show | None) -> None:
    proof, dtype = Proof(f"{type(module).__name__} of PyTorch"), _dtype(module)
    for trial in trials(chain):
        ours, mask = outputs_of(chain, trial)
        ours["outputs"] = list(ours.values())[-1]
        tokens = trial.xs.dtype == np.int32
        xs = torch.tensor(trial.xs, dtype=torch.int64 if tokens else dtype)
        if trial.lengths is None:
            theirs = _outputs(_run(module, xs, call, time_first=time_first))
        else:  # each sequence alone, without its padding
            alone = [row[None, :n] for row, n in zip(xs, trial.lengths, strict=True)]
            rows = [_outputs(_run(module, one, call, time_first=time_first)) for one in alone]
            theirs = {name: stacked([row[name] for row in rows], ours.get(name)) for name in rows[0] if name in ours}
        proof.compare(ours, {name: shaped_as(array, ours.get(name)) for name, array in theirs.items()}, mask)
    proof.check(show)


def _outputs(record: Record) -> dict[str, np.ndarray]:
    return {layer.path: layer.outputs for layer in record.layers} | {"outputs": record.outputs}
