"""JAX's operations as ONNX's: one function a kind, from the names of inputs to those of outputs."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from elman._errors import ConversionError
from elman.interop.onnx_graph import Builder

SAME = {
    "tanh": "Tanh", "exp": "Exp", "log": "Log", "neg": "Neg", "sqrt": "Sqrt", "logistic": "Sigmoid", "abs": "Abs",
    "floor": "Floor", "ceil": "Ceil", "sign": "Sign", "erf": "Erf", "not": "Not", "cos": "Cos", "sin": "Sin",
    "add": "Add", "add_any": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max", "min": "Min", "pow": "Pow",
    "and": "And", "or": "Or", "xor": "Xor", "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater",
    "ge": "GreaterOrEqual", "copy": "Identity", "copy_p": "Identity", "stop_gradient": "Identity",
    "reduce_precision": "Identity", "optimization_barrier": "Identity",
}  # fmt: skip

REDUCTIONS = {
    "reduce_sum": "ReduceSum",
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
}


def convert(builder: Builder, equation: Any, inputs: list[str]) -> list[str]:
    """The names of an equation's outputs, after its nodes were added.

    Raises:
        ConversionError: an operation that has no counterpart here.
    """
    name = equation.primitive.name
    if name in SAME:
        return [builder.node(SAME[name], inputs)]
    if name not in _OTHERS:
        raise ConversionError(f"{name}: an operation that the export to ONNX does not know")
    result = _OTHERS[name](builder, equation, inputs)
    return [result] if isinstance(result, str) else result


def _shape(builder: Builder, shape: Any) -> str:
    return builder.shape(tuple(shape))


def _ne(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Not", [builder.node("Equal", inputs)])


def _rsqrt(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Reciprocal", [builder.node("Sqrt", inputs)])


def _log1p(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Log", [builder.node("Add", [inputs[0], builder.constant(np.float32(1))])])


def _expm1(builder: Builder, equation: Any, inputs: list[str]) -> str:
    """2 t / (1 - t) with t = tanh(x / 2), which stays exact near zero."""
    one, two = builder.constant(np.float32(1)), builder.constant(np.float32(2))
    t = builder.node("Tanh", [builder.node("Div", [inputs[0], two])])
    return builder.node("Div", [builder.node("Mul", [two, t]), builder.node("Sub", [one, t])])


def _square(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Mul", [inputs[0], inputs[0]])


def _integer_pow(builder: Builder, equation: Any, inputs: list[str]) -> str:
    if equation.params["y"] == 2:
        return _square(builder, equation, inputs)
    return builder.node("Pow", [inputs[0], builder.constant(np.float32(equation.params["y"]))])


def _select(builder: Builder, equation: Any, inputs: list[str]) -> str:
    which, when_false, when_true = inputs
    return builder.node("Where", [which, when_true, when_false])


def _cast(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.cast(inputs[0], equation.params["new_dtype"])


def _broadcast(builder: Builder, equation: Any, inputs: list[str]) -> str:
    shape, places = equation.params["shape"], equation.params["broadcast_dimensions"]
    given = equation.invars[0].aval.shape
    name, own = inputs[0], [1] * len(shape)
    for place, length in zip(places, given, strict=True):
        own[place] = length
    if len(given) != len(shape):
        missing = [axis for axis in range(len(shape)) if axis not in places]
        name = builder.node("Unsqueeze", [name, builder.constant(np.array(missing, np.int64))])
    if all(builder.same(a, b) for a, b in zip(own, shape, strict=True)):
        return name
    return builder.node("Expand", [name, _shape(builder, shape)])


def _reshape(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Reshape", [inputs[0], _shape(builder, equation.outvars[0].aval.shape)])


def _transpose(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Transpose", inputs, perm=list(equation.params["permutation"]))


def _rev(builder: Builder, equation: Any, inputs: list[str]) -> str:
    axes = equation.params["dimensions"]
    ends = [np.full(len(axes), value, np.int64) for value in (-1, np.iinfo(np.int64).min)]
    arrays = [*ends, np.array(axes, np.int64), np.full(len(axes), -1, np.int64)]
    return builder.node("Slice", [inputs[0], *map(builder.constant, arrays)])


def _concatenate(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Concat", inputs, axis=equation.params["dimension"])


def _split(builder: Builder, equation: Any, inputs: list[str]) -> list[str]:
    sizes = builder.shape(tuple(equation.params["sizes"]))
    return builder.nodes("Split", [inputs[0], sizes], len(equation.outvars), axis=equation.params["axis"])


def _slice(builder: Builder, equation: Any, inputs: list[str]) -> str:
    params, rank = equation.params, equation.invars[0].aval.ndim
    steps = params["strides"] or (1,) * rank
    bounds = [builder.shape(tuple(params[key])) for key in ("start_indices", "limit_indices")]
    axes = [builder.constant(np.array(one, np.int64)) for one in (range(rank), steps)]
    return builder.node("Slice", [inputs[0], *bounds, *axes])


def _dynamic_slice(builder: Builder, equation: Any, inputs: list[str]) -> str:
    operand, *starts = inputs
    one = builder.constant(np.array([1], np.int64))
    firsts = [builder.node("Reshape", [builder.cast(start, np.int64), one]) for start in starts]
    first = builder.node("Concat", firsts, axis=0) if len(firsts) > 1 else firsts[0]
    last = builder.node("Add", [first, _shape(builder, equation.params["slice_sizes"])])
    return builder.node("Slice", [operand, first, last, builder.constant(np.arange(len(starts), dtype=np.int64))])


def _pad(builder: Builder, equation: Any, inputs: list[str]) -> str:
    config = equation.params["padding_config"]
    if any(inner for *_, inner in config):
        raise ConversionError("pad: ONNX puts nothing between elements")
    amounts = builder.shape((*(low for low, _, _ in config), *(high for _, high, _ in config)))
    return builder.node("Pad", [inputs[0], amounts, inputs[1]])


def _reduce(builder: Builder, equation: Any, inputs: list[str]) -> str:
    axes = builder.constant(np.array(equation.params["axes"], np.int64))
    return builder.node(REDUCTIONS[equation.primitive.name], [inputs[0], axes], keepdims=0)


def _reduce_bool(builder: Builder, equation: Any, inputs: list[str]) -> str:
    axes = builder.constant(np.array(equation.params["axes"], np.int64))
    kind = "ReduceMin" if equation.primitive.name == "reduce_and" else "ReduceMax"
    reduced = builder.node(kind, [builder.cast(inputs[0], np.int32), axes], keepdims=0)
    return builder.cast(reduced, np.bool_)


def _argmax(builder: Builder, equation: Any, inputs: list[str]) -> str:
    (axis,) = equation.params["axes"]
    kind = "ArgMax" if equation.primitive.name == "argmax" else "ArgMin"
    return builder.cast(builder.node(kind, inputs, axis=axis, keepdims=0), equation.params["index_dtype"])


def _cumsum(builder: Builder, equation: Any, inputs: list[str]) -> str:
    axis = builder.constant(np.array(equation.params["axis"], np.int64))
    return builder.node("CumSum", [inputs[0], axis], reverse=int(equation.params["reverse"]))


def _clamp(builder: Builder, equation: Any, inputs: list[str]) -> str:
    low, value, high = inputs
    return builder.node("Min", [builder.node("Max", [value, low]), high])


def _iota(builder: Builder, equation: Any, inputs: list[str]) -> str:
    params = equation.params
    shape, axis = params["shape"], params["dimension"]
    zero, one = (builder.constant(np.array(value, np.int64)) for value in (0, 1))
    places = builder.cast(builder.node("Range", [zero, builder.dimension(shape[axis]), one]), params["dtype"])
    if len(shape) == 1:
        return places
    flat = [1] * len(shape)
    flat[axis] = -1
    places = builder.node("Reshape", [places, builder.constant(np.array(flat, np.int64))])
    return builder.node("Expand", [places, _shape(builder, shape)])


def _dim_as_value(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.cast(builder.dimension(equation.params["dim"]), equation.outvars[0].aval.dtype)


def _dot(builder: Builder, equation: Any, inputs: list[str]) -> str:
    """A product: MatMul where the last axis meets the first of a matrix, else Einsum."""
    (left, right), (left_batch, right_batch) = equation.params["dimension_numbers"]
    ranks = [var.aval.ndim for var in equation.invars]
    if left == (ranks[0] - 1,) and right == (0,) and not left_batch and ranks[1] <= 2:
        return builder.node("MatMul", inputs)
    letters = iter(string.ascii_lowercase)
    a: list[str] = ["" for _ in range(ranks[0])]
    b: list[str] = ["" for _ in range(ranks[1])]
    for i, j in zip((*left_batch, *left), (*right_batch, *right), strict=True):
        a[i] = b[j] = next(letters)
    batch = [a[i] for i in left_batch]
    free = [*(i for i in range(ranks[0]) if not a[i]), *(j for j in range(ranks[1]) if not b[j])]
    a = [letter or next(letters) for letter in a]
    b = [letter or next(letters) for letter in b]
    rest_a = [a[i] for i in range(ranks[0]) if i not in (*left_batch, *left)]
    rest_b = [b[j] for j in range(ranks[1]) if j not in (*right_batch, *right)]
    assert len(free) == len(rest_a) + len(rest_b)
    return builder.node("Einsum", inputs, equation=f"{''.join(a)},{''.join(b)}->{''.join([*batch, *rest_a, *rest_b])}")


def _gather(builder: Builder, equation: Any, inputs: list[str]) -> str:
    """x[b, ..., places, ...]: elements or rows by their numbers, within axes that operand and places share."""
    numbers, sizes = equation.params["dimension_numbers"], equation.params["slice_sizes"]
    operand, places = (var.aval for var in equation.invars)
    batch, taken = tuple(numbers.operand_batching_dims), tuple(numbers.start_index_map)
    if not batch and not numbers.collapsed_slice_dims and places.ndim == 1:
        return _slice_at(builder, equation, inputs, taken)
    rest = tuple(axis for axis in range(operand.ndim) if axis not in (*batch, *taken))
    whole = all(builder.same(sizes[axis], operand.shape[axis]) for axis in rest)
    if sorted(taken) != sorted(numbers.collapsed_slice_dims) or not whole:
        raise ConversionError(f"gather: one of parts of rows, which ONNX does not have; {numbers}"[:200])
    # ONNX wants the shared axes first, then those of the numbers; its result has them in this order, then the rest.
    shared = tuple(numbers.start_indices_batching_dims)
    order = (*shared, *(axis for axis in range(places.ndim - 1) if axis not in shared))
    values = _permuted(builder, inputs[0], (*batch, *taken, *rest))
    indices = builder.cast(_permuted(builder, inputs[1], (*order, places.ndim - 1)), np.int64)
    result = builder.node("GatherND", [values, indices], batch_dims=len(batch))
    made = [*(("place", axis) for axis in order), *(("rest", n) for n in range(len(rest)))]
    seen = {"place": 0, "rest": 0}
    wanted = list[tuple[str, int]]()
    for axis in range(equation.outvars[0].aval.ndim):
        kind = "rest" if axis in numbers.offset_dims else "place"
        wanted.append((kind, seen[kind]))
        seen[kind] += 1
    return _permuted(builder, result, tuple(made.index(one) for one in wanted))


def _permuted(builder: Builder, name: str, order: tuple[int, ...]) -> str:
    return name if order == tuple(range(len(order))) else builder.node("Transpose", [name], perm=list(order))


def _slice_at(builder: Builder, equation: Any, inputs: list[str], axes: tuple[int, ...]) -> str:
    """x[..., first : first + size, ...] for a first place that is computed."""
    sizes = builder.shape(tuple(equation.params["slice_sizes"][axis] for axis in axes))
    first = builder.cast(inputs[1], np.int64)
    last = builder.node("Add", [first, sizes])
    return builder.node("Slice", [inputs[0], first, last, builder.constant(np.array(axes, np.int64))])


def _conv(builder: Builder, equation: Any, inputs: list[str]) -> str:
    params = equation.params
    numbers = params["dimension_numbers"]
    if any(one != 1 for one in (*params["lhs_dilation"], params["batch_group_count"])):
        raise ConversionError("conv_general_dilated: a form that ONNX does not have")
    xs = builder.node("Transpose", [inputs[0]], perm=list(numbers.lhs_spec))
    kernel = builder.node("Transpose", [inputs[1]], perm=list(numbers.rhs_spec))
    pads = [*(low for low, _ in params["padding"]), *(high for _, high in params["padding"])]
    ys = builder.node(
        "Conv", [xs, kernel], strides=list(params["window_strides"]), pads=pads,
        dilations=list(params["rhs_dilation"]), group=params["feature_group_count"],
    )  # fmt: skip
    return builder.node("Transpose", [ys], perm=[int(place) for place in np.argsort(numbers.out_spec)])


def _squeeze(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Squeeze", [inputs[0], builder.constant(np.array(equation.params["dimensions"], np.int64))])


def _expand_dims(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Unsqueeze", [inputs[0], builder.constant(np.array(equation.params["dimensions"], np.int64))])


def _rem(builder: Builder, equation: Any, inputs: list[str]) -> str:
    return builder.node("Mod", inputs, fmod=1)


_OTHERS: dict[str, Callable[..., Any]] = {
    "ne": _ne, "rsqrt": _rsqrt, "log1p": _log1p, "expm1": _expm1, "square": _square,
    "integer_pow": _integer_pow, "select_n": _select,
    "convert_element_type": _cast, "broadcast_in_dim": _broadcast, "reshape": _reshape, "transpose": _transpose,
    "rev": _rev, "concatenate": _concatenate, "split": _split, "slice": _slice, "dynamic_slice": _dynamic_slice,
    "pad": _pad, "reduce_and": _reduce_bool, "reduce_or": _reduce_bool, "argmax": _argmax, "argmin": _argmax,
    "cumsum": _cumsum, "clamp": _clamp, "iota": _iota, "dim_as_value": _dim_as_value, "dot_general": _dot,
    "gather": _gather, "conv_general_dilated": _conv, "squeeze": _squeeze, "expand_dims": _expand_dims, "rem": _rem,
    **dict.fromkeys(REDUCTIONS, _reduce),
}  # fmt: skip
