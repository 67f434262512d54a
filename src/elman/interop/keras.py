"""Networks from and to Keras 3, proven by running both sides."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from elman._errors import ConfigError, ConversionError
from elman.cells import GRU, LSTM, Cell, Elman, ResetBeforeGRU
from elman.interop.chains import chain_of, no_such
from elman.interop.gates import family_of, to_keras_arrays, weights_of
from elman.interop.keras_layers import layer_parts
from elman.interop.proof import Proof, Show, input_size, outputs_of, trials
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
)
from elman.layers.norm import LayerNorm
from elman.layers.pooling import LastPooling, MaxPooling, MeanPooling

if TYPE_CHECKING:
    import keras

_MODELS = ("Sequential", "Functional", "Model")
_ROW = "elman takes layers in a row; convert them one by one"


def need_keras() -> Any:
    """Keras, on JAX if it has no backend yet.

    Raises:
        ConfigError: it is not installed.
    """
    if importlib.util.find_spec("keras") is None:
        raise ConfigError("Keras is not installed; install it with pip install keras")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return keras


def from_keras(network: keras.layers.Layer, *, show: Show | None = None) -> Chain:
    """The layers of a Keras model, or one of its layers, as a chain of elman's.

    Masks are honoured: those of `Masking` and `mask_zero`, with holes too. The state of a stateful layer is the carry
    of a chain: pass it on from call to call.

    Args:
        network: a sequential or functional model whose layers are in a row, or a layer.
        show: takes the lines of the proof, such as `print`.

    Raises:
        ConversionError: a layer that elman does not have, by its path; outputs that differ.
    """
    keras = need_keras()
    if not isinstance(network, keras.layers.Layer):
        raise ConversionError(f"{type(network).__name__}: expected a Keras model or layer")
    layers = list(_in_a_row(network)) if isinstance(network, keras.Model) else [(network.name, network)]
    parts = dict[str, Any]()
    for path, layer in layers:
        if not layer.built:
            raise ConversionError(f"{path}: has no weights yet; call the model once, or begin it with keras.Input")
        parts |= layer_parts(path, layer)
    if not parts:
        raise ConversionError(f"{network.name}: has no layers")
    chain = Chain(parts)
    if isinstance(network, keras.Model):
        _check_rank(network, chain)
    _prove(network, layers, chain, show)
    return chain


def to_keras(network: Any, *, batch: int | None = None, show: Show | None = None) -> keras.Model:
    """A Keras model that computes as a trained model, a network or a layer of elman does.

    It takes tokens (batch, time) or features (batch, time, feature), each of any length, and gives what the last layer
    outputs; the layers have the names that the weights have in elman. Sequences of several lengths need a mask: put
    `keras.layers.Masking` before features, or call it with `mask=`.

    Args:
        network: a trained model, a network, a `Stack`, a cell, a `Bidirectional` or another layer.
        batch: the number of sequences whose state the layers keep from call to call (`stateful`); None keeps none.
        show: takes the lines of the proof, such as `print`.

    Raises:
        ConversionError: a part that Keras does not have, or outputs that differ.
        ConfigError: a network whose layers are not in a row; Keras is not installed.
    """
    keras = need_keras()
    chain = chain_of(network)
    model, named = _model(keras, chain, None)
    whole = keras.Model(model.input, list(named.values()))
    proof = Proof("Keras beside elman")
    for trial in trials(chain):
        if trial.lengths is None:
            ours, mask = outputs_of(chain, trial)
            theirs = whole(trial.xs, training=False)
            theirs = theirs if isinstance(theirs, list | tuple) else [theirs]
            proof.compare(ours, dict(zip(named, map(_numpy, theirs), strict=True)), mask)
    proof.check(show)
    return model if batch is None else _model(keras, chain, batch)[0]


def _model(keras: Any, chain: Chain, batch: int | None) -> tuple[Any, dict[str, Any]]:
    """The model of a chain, and the symbolic outputs of its layers by their names."""
    tokens, size = input_size(chain)
    shape = (None,) if tokens else (None, size)
    inputs = keras.Input(batch_shape=(batch, *shape), dtype="int32" if tokens else None)
    weights, outputs = list[tuple[Any, list[np.ndarray]]](), dict[str, Any]()
    xs = _build(keras, chain, inputs, outputs, weights, stateful=batch is not None)
    for layer, arrays in weights:
        layer.set_weights(arrays)
    return keras.Model(inputs, xs, name="elman"), outputs


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _in_a_row(model: Any, inside: str = "") -> Iterator[tuple[str, Any]]:
    """The layers of a model by their path, those of models in it too.

    Raises:
        ConversionError: a layer with several inputs or outputs, by its path.
    """
    kind, layers = type(model).__name__, list(getattr(model, "layers", ()))
    if kind not in _MODELS:
        raise ConversionError(f"{inside}{model.name}: {kind} has code of its own; convert its layers one by one")
    if kind != "Sequential":
        layers = _followed(model, inside)
    for layer in layers:
        path = f"{inside}{layer.name}"
        if type(layer).__name__ in _MODELS:
            yield from _in_a_row(layer, f"{path}/")
        elif type(layer).__name__ != "InputLayer":
            yield path, layer


def _followed(model: Any, inside: str) -> list[Any]:
    """The layers of a functional model from its input to its output, without those that compute masks alone.

    Raises:
        ConversionError: several inputs or outputs, or a layer that reads several others.
    """
    config = model.get_config()
    inputs, outputs = ({name for name, *_ in _histories(config[key])} for key in ("input_layers", "output_layers"))
    if len(inputs) > 1 or len(outputs) > 1:
        raise ConversionError(f"{inside}{model.name}: {len(inputs)} inputs and {len(outputs)} outputs; {_ROW}")
    reads = {one["name"]: one["inbound_nodes"] for one in config["layers"]}
    names = list(outputs)
    while names[-1] not in inputs:
        before = {name for node in reads[names[-1]] for name, *_ in _histories(node["args"])}
        if len(before) != 1 or len(reads[names[-1]]) > 1:
            raise ConversionError(f"{inside}{names[-1]}: reads {len(before)} others; {_ROW}")
        names += before
    return [model.get_layer(name) for name in reversed(names)]


def _check_rank(model: Any, chain: Chain) -> None:
    tokens, _ = input_size(chain)
    expected = ("batch", "time") if tokens else ("batch", "time", "feature")
    if len(model.input_shape) != len(expected):
        raise ConversionError(
            f"{model.name}: reads inputs of shape {model.input_shape}; elman's layers read ({', '.join(expected)}). "
            "Convert its layers one by one"
        )


def _histories(value: Any) -> Iterator[list]:
    """The places (layer, node, tensor) in a part of a saved model."""
    if isinstance(value, dict) and "keras_history" in value.get("config", {}):
        yield value["config"]["keras_history"]
    elif isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str):
        yield list(value)
    elif isinstance(value, list | tuple | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _histories(inner)


def _prove(network: Any, layers: list[tuple[str, Any]], chain: Chain, show: Show | None) -> None:
    """Runs Keras' layers one after the other with their masks, and then the model as a whole, beside the chain."""
    proof = Proof(f"{network.name} of Keras")
    before = dict[str, str]()  # the last part of each layer
    for name in chain.names:
        for path, _ in layers:
            if name == path or name.startswith(f"{path}."):
                before[path] = name
    # Keras counts masked steps in a maximum, and does not turn the mask of a layer that reads backwards.
    deaf = any(isinstance(part, MaxPooling) or (isinstance(part, Backward) and part.flipped) for part in chain.parts)
    for trial in trials(chain):
        ours, mask = outputs_of(chain, trial)
        if trial.lengths is not None and deaf:
            continue
        theirs, xs = dict[str, Any](), _value(trial.xs)
        keras_mask = None if trial.lengths is None else _value(mask)
        for path, layer in layers:
            xs, keras_mask = _call(layer, xs, keras_mask)
            if path in before:
                theirs[before[path]] = _numpy(xs)
        proof.compare(ours, theirs, mask)
        if trial.lengths is None and type(network).__name__ in _MODELS:
            xs = _cut(network, trial.xs)
            ours, mask = outputs_of(chain, trial._replace(xs=xs))
            proof.compare({"outputs": list(ours.values())[-1]}, {"outputs": _numpy(_run_whole(network, xs))}, mask)
    proof.check(show)


def _cut(model: Any, xs: np.ndarray) -> np.ndarray:
    """As many sequences and steps of a trial as a model takes."""
    rows, steps = (*model.input_shape, None, None)[:2]
    xs = xs if rows is None else np.resize(xs, (rows, *xs.shape[1:]))
    return xs[:, :steps] if steps is None or steps <= xs.shape[1] else np.resize(xs, (len(xs), steps, *xs.shape[2:]))


def _run_whole(model: Any, xs: np.ndarray) -> Any:
    """The outputs of a model from its start; the states of stateful layers are at their start again after it."""
    stateful = [layer for layer in model._flatten_layers() if getattr(layer, "stateful", False)]
    for layer in stateful:
        layer.reset_state()
    outputs = model(xs, training=False)
    for layer in stateful:
        layer.reset_state()
    return outputs[0] if isinstance(outputs, list | tuple) else outputs


def _value(xs: Any) -> Any:
    return need_keras().ops.convert_to_tensor(xs)


def _stateless(layer: Any, xs: Any) -> Any:
    """The layer, or where it keeps a state from call to call, one with the same weights that does not."""
    if not getattr(layer, "stateful", False):
        return layer

    def without(config: Any) -> Any:
        if isinstance(config, dict):
            return {key: key != "stateful" and without(value) for key, value in config.items()}
        return [without(one) for one in config] if isinstance(config, list) else config

    fresh = type(layer).from_config(without(layer.get_config()))
    fresh(xs)
    fresh.set_weights(layer.get_weights())
    return fresh


def _call(layer: Any, xs: Any, mask: Any) -> tuple[Any, Any]:
    """A layer's outputs, and the mask after it."""
    after, kind = layer.compute_mask(xs, mask), type(layer).__name__
    if kind == "Embedding" and after is None:  # it makes none, and so forgets the one that a trial gives
        after = mask
    layer = _stateless(layer, xs)
    takes = kind in ("SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional", "GlobalAveragePooling1D", "TimeDistributed")
    ys = layer(xs, mask=mask) if takes and mask is not None else layer(xs)
    return ys[0] if isinstance(ys, list | tuple) else ys, after


# From elman


def _build(keras: Any, chain: Chain, xs: Any, outputs: dict[str, Any], weights: list, *, stateful: bool) -> Any:
    """Calls a Keras layer for each part, on symbolic inputs; collects their outputs and their weights."""
    parts, within = list(zip(chain.names, chain.parts, strict=True)), list[Any]()
    for at, (path, part) in enumerate(parts):
        rest = [one for _, one in parts[at + 1 :] if not isinstance(one, Dropout)]
        if isinstance(part, Masked) and rest and isinstance(rest[0], Embedding):
            continue  # the embedding makes this mask
        if within and part is within[0]:
            within.pop(0)
        elif isinstance(part, Skip):
            xs = keras.layers.Add(name=path)([_build(keras, part.chain, xs, outputs, weights, stateful=stateful), xs])
        else:
            options: dict[str, Any] = {}
            if isinstance(part, Cell | Bidirectional | Backward):
                within = _within(part, rest)
                options = {"return_sequences": not _is_last(within), "stateful": stateful}
                if within and isinstance(within[-1], Halves):
                    options["merge_mode"] = within[-1].how
            if isinstance(part, Embedding) and at and isinstance(parts[at - 1][1], Masked):
                options["mask_zero"] = True
            layer = _layer(keras, path, part, **options)
            xs = layer(xs)
            weights.append((layer, _weights(part)))
        if not within:
            outputs[path] = xs
    return xs


def _within(part: Any, rest: list[Any]) -> list[Any]:
    """The following parts that a recurrent layer of Keras computes itself: its last step, and the two directions
    joined."""
    within, rest = list[Any](), list(rest)
    size = part.forward.hidden_size if isinstance(part, Bidirectional) else part.hidden_size
    size = 0 if isinstance(part, Backward) else size
    flipped = isinstance(part, Backward) and part.flipped
    if rest and isinstance(rest[0], LastPooling) and rest[0].forward_size == size and not flipped:
        within.append(rest.pop(0))
    if rest and isinstance(rest[0], Halves) and isinstance(part, Bidirectional):
        within.append(rest[0])
    return within


def _is_last(within: list[Any]) -> bool:
    return bool(within) and isinstance(within[0], LastPooling)


def _layer(keras: Any, path: str, part: Any, **options: Any) -> Any:
    """The layer of Keras for a part, without weights.

    Raises:
        ConversionError: a part that Keras does not have.
    """
    layers, options = keras.layers, {"name": path, **options}
    match part:
        case Embedding():
            return layers.Embedding(*part.table.shape, **options)
        case Masked():
            return layers.Masking(part.value, **options)
        case Dense():
            return layers.Dense(part.kernel.shape[1], **options)
        case LayerNorm():
            return layers.LayerNormalization(epsilon=part.epsilon, **options)
        case FrozenNorm():
            return layers.BatchNormalization(epsilon=part.norm.epsilon, momentum=part.norm.momentum, **options)
        case Activation():
            return layers.Activation(part.name, **options)
        case Dropout():
            return layers.Dropout(part.rate, **options)
        case MeanPooling():
            return layers.GlobalAveragePooling1D(**options)
        case MaxPooling():
            return layers.GlobalMaxPooling1D(**options)
        case Bidirectional():
            mode = options.pop("merge_mode", "concat")
            ahead = _recurrent_layer(keras, f"{path}.forward", part.forward, **{**options, "name": "forward"})
            back = {**options, "name": "backward", "go_backwards": True}
            backward = _recurrent_layer(keras, path, part.backward, **back)
            return layers.Bidirectional(ahead, backward_layer=backward, merge_mode=mode, name=path)
        case Backward() if part.flipped or not options["return_sequences"]:
            return _recurrent_layer(keras, path, part.cell, go_backwards=True, **options)
        case Cell():
            return _recurrent_layer(keras, path, part, **options)
        case LastPooling():
            raise no_such(path, part, "Keras", "it has the last step of the recurrent layer right before alone")
    raise no_such(path, part, "Keras", "export to ONNX or to PyTorch")


def _recurrent_layer(keras: Any, path: str, cell: Cell, **options: Any) -> Any:
    core: Any = cell.core
    if any(np.asarray(leaf).any() for leaf in jax.tree.leaves(cell.init_carry())):
        raise no_such(path, cell, "Keras' layers", "they start from zeros; export to PyTorch or ONNX")
    match core:
        case Elman():
            return keras.layers.SimpleRNN(core.hidden_size, activation=core.activation, **options)
        case GRU():
            return keras.layers.GRU(core.hidden_size, reset_after=True, **options)
        case ResetBeforeGRU():
            return keras.layers.GRU(core.hidden_size, reset_after=False, activation=core.activation, **options)
        case LSTM():
            return keras.layers.LSTM(core.hidden_size, **options)
    raise no_such(path, core, "Keras", "Elman, GRU, ResetBeforeGRU and LSTM are the same there; ONNX takes any")


def _weights(part: Any) -> list[np.ndarray]:
    match part:
        case Embedding():
            arrays = [part.table]
        case Dense():
            arrays = [part.kernel, part.bias]
        case LayerNorm():
            arrays = [part.scale, part.shift]
        case FrozenNorm():
            arrays = [part.norm.scale, part.norm.shift, part.statistics.mean, part.statistics.variance]
        case Bidirectional():
            arrays = [*_cell_weights(part.forward), *_cell_weights(part.backward)]
        case Backward():
            arrays = _cell_weights(part.cell)
        case Cell():
            arrays = _cell_weights(part)
        case _:
            arrays = []
    return [np.asarray(array) for array in arrays]


def _cell_weights(cell: Cell) -> list[np.ndarray]:
    core, family = cell.core, family_of(cell.core)
    if family is None:
        raise AssertionError(f"{type(core).__name__} has a layer of Keras, and so a family")
    return to_keras_arrays(family, weights_of(core), two_biases=isinstance(core, GRU))
