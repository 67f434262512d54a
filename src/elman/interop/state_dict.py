"""A state dict of PyTorch as a chain: weights by name, without the code that uses them.

Known layouts: a checkpoint that holds the state dict under a name, the prefixes of DataParallel (`module.`),
`torch.compile` (`_orig_mod.`) and Lightning (`model.`), stacked and bidirectional layers, projections, one bias, two or
none, weights that two layers share, and AWD-LSTM's `_raw` weights.

The proof compares elman's layers with PyTorch's equations, written here in NumPy on PyTorch's own arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from elman._errors import ConversionError, ShapeError, nearest
from elman.interop import torch_layers as parts_of_torch
from elman.interop.proof import Proof, Show, outputs_of, trials
from elman.interop.pytorch import tensor_arrays
from elman.layers.chain import OUTPUT_ACTIVATIONS, Activation, Chain, Dropout, parts_of
from elman.layers.pooling import LastPooling, MaxPooling, MeanPooling

PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
HOLDERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")
"""The names under which checkpoints hold a state dict."""

POOLINGS = ("last", "mean", "max")

BETWEEN = {"mean": MeanPooling(), "max": MaxPooling(), **{name: Activation(name) for name in OUTPUT_ACTIVATIONS}}
"""The steps between layers that `order` can name; `last` is the last step."""

MOST = 12  # layers whose order is searched for

OWN = {
    "recurrent": r"(weight_(ih|hh|hr)|bias_(ih|hh))(_l\d+(_reverse)?)?",
    "batch norm": "weight|bias|running_mean|running_var",
    "layer norm": "weight|bias",
    "linear": "weight|bias",
    "table": "weight",
    "tied": "bias",
}
"""The names of a layer's weights by its kind; one with others computes something else."""

Arrays = dict[str, np.ndarray]


class Group(NamedTuple):
    """The weights of one layer."""

    path: str
    kind: str
    """recurrent, batch norm, layer norm, linear, table (embedding, or linear without bias) or tied (a bias alone)."""
    arrays: Arrays


class Found(NamedTuple):
    """A layer at its place in the order: what it is there, and the features that it gives."""

    group: Group
    kind: str
    outputs: int


def chain_from_state_dict(
    state: Mapping[str, Any],
    *,
    order: tuple[str, ...] = (),
    nonlinearity: str = "tanh",
    in_order: bool = True,
    show: Show | None = None,
) -> Chain:
    """The chain of a state dict; see `from_torch`. `in_order`: its names stand in the order of the layers, as PyTorch
    writes them and safetensors does not.

    Raises:
        ConversionError: as `from_torch`; layers whose order is not known.
    """
    arrays = without_prefixes(tensor_arrays(state_dict_in(state)))
    groups = {group.path: group for group in groups_of(arrays)}
    named = _named(groups, order) if order else _ordered(groups, in_order=in_order)
    parts, width, oracle = dict[str, Any](), 0, list[Found]()
    for one in named:
        if isinstance(one, str):
            last = next(reversed(parts), "inputs")
            parts[f"{last}.{one}"] = LastPooling(width) if one == "last" else BETWEEN[one]
            continue
        parts |= _parts(one, groups, nonlinearity)
        width = one.outputs
        oracle.append(one)
    chain = Chain(parts)
    _prove(chain, oracle, groups, nonlinearity, show)
    return chain


def state_dict_in(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict itself, or the one that a checkpoint holds.

    Raises:
        ConversionError: there is none, or several under names that nobody knows.
    """
    if any(hasattr(value, "shape") and len(value.shape) for value in state.values()):
        return state
    inner = {name: value for name, value in state.items() if isinstance(value, Mapping) and _has_arrays(value)}
    known = [name for name in HOLDERS if name in inner]
    if known or len(inner) == 1:
        return state_dict_in(inner[known[0] if known else next(iter(inner))])
    raise ConversionError(f"expected weights by name, or a checkpoint with state_dict; got the names {_some(state)}")


def _has_arrays(value: Mapping[str, Any]) -> bool:
    return any(hasattr(one, "shape") or (isinstance(one, Mapping) and _has_arrays(one)) for one in value.values())


def _some(names: Mapping[str, Any]) -> str:
    few = [str(name)[:40] for name in list(names)[:8]]
    return ", ".join(few) + (", ..." if len(names) > 8 else "") if few else "none"


def without_prefixes(arrays: Arrays) -> Arrays:
    """The arrays without the prefixes that all names have.

    >>> list(without_prefixes({"module.model.rnn.weight": np.zeros(1)}))
    ['rnn.weight']
    """
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in arrays)), ""):
        arrays = {name.removeprefix(prefix): array for name, array in arrays.items()}
    return arrays


def groups_of(arrays: Arrays) -> Iterator[Group]:
    """The layers whose weights the arrays are.

    Raises:
        ConversionError: weights of no layer that elman has; the message names their path.
    """
    by_path = dict[str, Arrays]()
    for name, array in arrays.items():
        path, _, suffix = name.rpartition(".")
        if suffix.endswith(("_g", "_v")) or "parametrizations" in name:
            raise ConversionError(
                f"{name}: a weight in two parts; undo it before saving, with torch.nn.utils.remove_weight_norm or "
                "torch.nn.utils.parametrize.remove_parametrizations"
            )
        if not array.size:
            raise ConversionError(f"{name}: has no numbers, shape {array.shape}; a layer has an input and an output")
        if suffix != "num_batches_tracked":
            by_path.setdefault(path, {})[suffix] = array
    for path, own in by_path.items():  # AWD-LSTM has its weights beside the module whose dropped copies are stored too
        raw = {name.removesuffix("_raw"): array for name, array in own.items() if name.endswith("_raw")}
        if raw:
            inner = by_path.get(f"{path}.module", {})
            own.clear()
            own.update({**inner, **raw})
            inner.clear()
    root = "layer" if "layer" not in by_path else "itself"
    for path, own in by_path.items():
        if own:
            yield Group(path or root, _kind(path or root, own), own)


def _kind(path: str, own: Arrays) -> str:
    kind = _likely_kind(own)
    if kind is None or not all(re.fullmatch(OWN[kind], name) for name in own):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in own.items())
        instead = "; elman.layers.conv.TimeConvolution can be filled by hand" if "weight" in own else ""
        raise ConversionError(
            f"{path}: no layer that elman can take has the weights {shapes}; expected those of Embedding, Linear, RNN, "
            f"GRU, LSTM, LayerNorm or BatchNorm1d{instead}"
        )
    return kind


def _likely_kind(own: Arrays) -> str | None:
    weight = own.get("weight")
    if _is_recurrent(own):
        return "recurrent"
    if "running_mean" in own:
        return "batch norm"
    if weight is not None and weight.ndim == 1:
        return "layer norm"
    if weight is not None and weight.ndim == 2:
        return "linear" if "bias" in own else "table"
    if weight is None and set(own) == {"bias"}:
        return "tied"
    return None


def _is_recurrent(own: Arrays) -> bool:
    """True for layers from the first on, each of whose matrices for the inputs has one for the state beside it."""
    names = [name for name in own if name.startswith("weight_ih")]
    both = (own.get(name) for first in names for name in (first, first.replace("_ih", "_hh")))
    return bool({"weight_ih", "weight_ih_l0"} & set(names)) and all(one is not None and one.ndim == 2 for one in both)


def _fitting(group: Group, width: int | None, tied: Group | None) -> Found | None:
    """A layer after `width` features, or after tokens for None; None where it does not fit."""
    own = group.arrays
    match group.kind:
        case "recurrent":
            kernel = next(array for name, array in own.items() if name.startswith("weight_ih"))
            fits = width in (0, kernel.shape[1])
            return Found(group, "recurrent", _recurrent_width(own)) if fits else None
        case "table" if width is None:
            return Found(group, "embedding", own["weight"].shape[1])
        case "linear" | "table" if width is not None:
            outputs, inputs = own["weight"].shape
            return Found(group, "linear", outputs) if width in (0, inputs) else None
        case "tied" if tied is not None and width == tied.arrays["weight"].shape[1]:
            return Found(group, "tied", len(own["bias"]))
        case "layer norm" | "batch norm":
            size = len(own["weight"] if "weight" in own else own["running_mean"])
            return Found(group, group.kind, size) if width in (0, size) else None
    return None


def _recurrent_width(own: Arrays) -> int:
    top = [name for name in own if name.startswith("weight_hh")][-1]
    directions = 1 + any(name.endswith("_reverse") for name in own)
    return own[top].shape[1] * directions


def _ordered(groups: dict[str, Group], *, in_order: bool) -> list[Found]:
    """The layers in the order in which their sizes fit: the order of the names, or else the only one there is."""
    if len(groups) > MOST:
        raise ConversionError(f"{len(groups)} layers, {_some(groups)}; name their order (order=)")
    tables = [group for group in groups.values() if group.kind == "table"]
    start, table = (None, tables[0]) if tables else (0, None)
    ways = list(islice(_ways(tuple(groups.values()), start, table, set()), 2))
    if not ways:
        raise ConversionError(
            f"the sizes of the layers {_some(groups)} fit in no order; name it, with what is between them (order=)"
        )
    if in_order and [one.group.path for one in ways[0]] == list(groups):
        return ways[0]
    if len(ways) > 1:
        shown = " or ".join(" -> ".join(one.group.path for one in way) for way in ways[:2])
        raise ConversionError(f"the layers may be in the order {shown}; name the right one (order=)")
    return ways[0]


def _ways(groups: tuple[Group, ...], width: int | None, table: Group | None, dead: set) -> Iterator[list[Found]]:
    """The orders in which layers fit after `width` features, those in the order of `groups` first. `dead` collects what
    fits in none, so that nothing is tried twice."""
    place, fits = (tuple(group.path for group in groups), width), not groups
    if place in dead:
        return
    if not groups:
        yield []
    for group in groups:
        one = _fitting(group, width, table)
        if one is not None:
            rest = tuple(other for other in groups if other is not group)
            for others in _ways(rest, one.outputs, table, dead):
                fits = True
                yield [one, *others]
    if not fits:
        dead.add(place)


def _named(groups: dict[str, Group], order: tuple[str, ...]) -> list[Found | str]:
    """The layers, and names of what is between them, in the order that a user names."""
    result, width = list[Found | str](), None if groups.get(order[0], Group("", "", {})).kind == "table" else 0
    table = next((group for group in groups.values() if group.kind == "table"), None)
    known = [*groups, "last", *BETWEEN]
    for name in order:
        if name not in known:
            raise ConversionError(f"order: no layer {name!r}{nearest(name, known)}; expected {_some(groups)}")
        if name not in groups:
            if name in POOLINGS and any(one in POOLINGS for one in result if isinstance(one, str)):
                raise ConversionError(f"order: {name} is over time, which ends at the one before")
            result.append(name)
            continue
        if order.count(name) > 1:
            raise ConversionError(f"order: names {name} twice; a layer whose weights are read twice is not elman's")
        one = _fitting(groups[name], width, table)
        if one is None:
            raise ConversionError(f"order: {name} does not fit after {width} features")
        result.append(one)
        width = one.outputs
    if left := set(groups) - set(order):
        raise ConversionError(f"order: names no {min(left)}, which has weights too")
    return result


def _parts(one: Found, groups: dict[str, Group], nonlinearity: str) -> dict[str, Any]:
    try:
        return _layer_parts(one, groups, nonlinearity)
    except ShapeError as error:
        raise ConversionError(f"{one.group.path}: {error}") from None


def _layer_parts(one: Found, groups: dict[str, Group], nonlinearity: str) -> dict[str, Any]:
    path, own = one.group.path, one.group.arrays
    match one.kind:
        case "recurrent":
            family = parts_of_torch.family_of_arrays(path, own)
            return parts_of_torch.recurrent_parts(path, family, own, activation=nonlinearity)
        case "embedding":
            return {path: parts_of_torch.embedding_part(own["weight"])}
        case "linear":
            return {path: parts_of_torch.linear_part(own["weight"], own.get("bias"))}
        case "tied":
            return {path: parts_of_torch.linear_part(_tied(groups), own["bias"])}
        case "layer norm":
            return {path: parts_of_torch.layer_norm_part(one.outputs, own["weight"], own.get("bias"))}
    return {path: parts_of_torch.batch_norm_part(own)}


def _tied(groups: dict[str, Group]) -> np.ndarray:
    return next(group.arrays["weight"] for group in groups.values() if group.kind == "table")


# PyTorch's equations


def _prove(chain: Chain, layers: list[Found], groups: dict[str, Group], nonlinearity: str, show: Show | None) -> None:
    """Compares each layer with PyTorch's equations, on the inputs that it has in the chain."""
    proof = Proof("PyTorch's equations")
    by_path = {one.group.path: one for one in layers}
    for trial in trials(chain):
        if trial.lengths is not None:
            continue
        ours, _ = outputs_of(chain, trial)
        theirs, xs = dict[str, Any](), trial.xs
        for name, part in parts_of(chain):
            if name in by_path:
                xs = _torch_equations(by_path[name], xs, groups, nonlinearity)
                theirs[name] = xs
            elif not isinstance(part, Dropout) and not _is_inner(name, by_path):
                with jax.default_matmul_precision("highest"):
                    xs = np.asarray(part(jnp.asarray(xs, jnp.float32)))
        proof.compare(ours, theirs)
    proof.check(show)


def _is_inner(name: str, by_path: dict[str, Found]) -> bool:
    """True for a lower layer of a stack, which the equations of the whole stack have computed."""
    path, _, last = name.rpartition(".")
    return path in by_path and last.startswith("l") and last[1:].isdigit()


def _torch_equations(one: Found, xs: np.ndarray, groups: dict[str, Group], nonlinearity: str) -> np.ndarray:
    own = one.group.arrays
    match one.kind:
        case "embedding":
            return own["weight"][xs].astype(np.float64)
        case "linear" | "tied":
            weight = _tied(groups) if one.kind == "tied" else own["weight"]
            return xs @ weight.T.astype(np.float64) + own.get("bias", 0.0)
        case "layer norm":
            centred = xs - xs.mean(-1, keepdims=True)
            return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * own["weight"] + own.get("bias", 0.0)
        case "batch norm":
            normal = (xs - own["running_mean"]) / np.sqrt(own["running_var"] + 1e-5)
            return normal * own.get("weight", 1.0) + own.get("bias", 0.0)
    layer, suffixed = 0, "weight_ih" not in own
    while not suffixed or f"weight_ih_l{layer}" in own:
        suffixes = [f"_l{layer}" if suffixed else "", f"_l{layer}_reverse"]
        runs = [_recurrence(own, suffix, xs, nonlinearity) for suffix in suffixes if f"weight_ih{suffix}" in own]
        xs, layer = np.concatenate(runs, axis=-1), layer + 1
        if not suffixed:
            break
    return xs


def _recurrence(own: Arrays, suffix: str, xs: np.ndarray, nonlinearity: str) -> np.ndarray:
    """One direction of a layer, step by step in float64, as PyTorch's documentation writes it."""
    weight_ih, weight_hh = own[f"weight_ih{suffix}"], own[f"weight_hh{suffix}"]
    bias_ih, bias_hh = own.get(f"bias_ih{suffix}", 0.0), own.get(f"bias_hh{suffix}", 0.0)
    projection, steps = own.get(f"weight_hr{suffix}"), range(xs.shape[1])
    hidden = weight_hh.shape[1] if projection is None else projection.shape[1]
    h, c = np.zeros((len(xs), weight_hh.shape[1])), np.zeros((len(xs), hidden))
    ys = np.zeros((*xs.shape[:2], weight_hh.shape[1]))
    for t in reversed(steps) if suffix.endswith("_reverse") else steps:
        a, b = xs[:, t] @ weight_ih.T.astype(np.float64) + bias_ih, h @ weight_hh.T.astype(np.float64) + bias_hh
        match len(weight_ih) // hidden:
            case 1:
                h = np.tanh(a + b) if nonlinearity == "tanh" else np.maximum(a + b, 0)
            case 3:
                (a_r, a_z, a_n), (b_r, b_z, b_n) = np.split(a, 3, -1), np.split(b, 3, -1)
                z, n = _sigmoid(a_z + b_z), np.tanh(a_n + _sigmoid(a_r + b_r) * b_n)
                h = (1 - z) * n + z * h
            case _:
                i, f, g, o = np.split(a + b, 4, -1)
                c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
                h = _sigmoid(o) * np.tanh(c)
                h = h if projection is None else h @ projection.T
        ys[:, t] = h
    return ys


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x) + 0.5
